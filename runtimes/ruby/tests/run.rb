# frozen_string_literal: true

# Runs all tests, or those whose name has an argument's text:
#
#     ruby runtimes/ruby/tests/run.rb [TEXT]

require "minitest"

Dir.glob("#{__dir__}/test_*.rb").sort.each { |file| require file }

# A line per test, and their count.
class Tap < Minitest::AbstractReporter
  def initialize
    super
    @count = @failed = 0
  end

  def record(result)
    @count += 1
    name = result.name.delete_prefix("test_").tr("_", " ")
    name = "#{result.klass.delete_prefix("Test").downcase}: #{name}"
    if result.skipped?
      puts "ok - #{name} # SKIP #{result.failure.message}"
    elsif result.passed?
      puts "ok - #{name}"
    else
      @failed += 1
      puts "not ok - #{name}", result.failures.join("\n").gsub(/^/, "# ")
    end
  end

  def passed?
    @failed.zero? && @count.positive?
  end

  def report
    puts "1..#{@count}"
    puts "# #{@failed} failed" unless @failed.zero?
  end
end

$stdout.sync = true
tap = Tap.new
filter = ARGV.empty? ? {} : { filter: /#{Regexp.escape(ARGV[0].tr(" ", "_"))}/i }
Minitest::Runnable.runnables.each { |suite| suite.run(tap, filter) }
tap.report
exit(tap.passed?)
