# frozen_string_literal: true

require_relative "protocol"

module FnRuntime
  # Where the records of a thread's event go.
  class Channel
    attr_reader :connection, :level

    def self.current
      Thread.current.thread_variable_get(:fn_channel)
    end

    # One for the calling thread.
    def initialize(line_max, level)
      @connection = nil # no event is running
      @line_max = line_max
      @default = @level = level
      @unfinished = {} # lines that were printed without their end, by Output
      Thread.current.thread_variable_set(:fn_channel, self)
    end

    # An event begins; level is its own log_level (String) or nil.
    def open(connection, level)
      @connection = connection
      @level = Logger::LEVELS.fetch(level, @default)
    end

    # The event ends: so do the lines.
    def close
      finish unless @unfinished.empty?
      @connection = nil
    end

    def finish
      @unfinished.each { |output, line| output.record(self, line) }
      @unfinished.clear
    end

    # In the child of a fork: the event is not its own.
    def abandon
      @connection = nil
      @unfinished.clear
    end

    # The line of output that has begun: a binary String to append to.
    def unfinished(output)
      @unfinished[output] ||= +"".b
    end

    # False when the record cannot be sent.
    def send_log(level, message, fields = nil)
      @connection.write(Protocol.log_line(level, message, fields, @line_max))
      true
    rescue Gone
      false
    end
  end

  # nuclio's logger; records belong to the event in whose thread they are made.
  class Logger
    LEVELS = { "debug" => 10, "info" => 20, "warn" => 30, "error" => 40 }.freeze

    # The least level (Integer) of records outside of events.
    attr_reader :level

    def initialize(level)
      @level = LEVELS.fetch(level, LEVELS["info"])
    end

    def debug(message, **with)
      log("debug", message, **with)
    end

    def info(message, **with)
      log("info", message, **with)
    end

    def warn(message, **with)
      log("warn", message, **with)
    end

    def error(message, **with)
      log("error", message, **with)
    end

    # level (String or Symbol) is one of LEVELS or nuclio's :warning.
    def log(level, message, **with)
      level = level.to_s.sub("warning", "warn")
      channel = Channel.current
      channel = nil unless channel&.connection
      return if LEVELS.fetch(level) < (channel || self).level

      sent = channel&.send_log(level, message, with)
      Logger.print_record(level, message, with) unless sent
      nil
    end

    # A record outside of any event: one line on standard error.
    def self.print_record(level, message, with = nil)
      text = Protocol.utf8(message)
      unless with.nil? || with.empty?
        text = "#{text} #{JSON.generate(Protocol.plain(with, Protocol::DEPTH_MAX))}"
      end
      STDERR.syswrite("#{level} #{text.gsub("\n", "\\n")}\n")
    rescue SystemCallError, IOError
      nil # nobody reads it
    end
  end
end
