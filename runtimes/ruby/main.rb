# frozen_string_literal: true

# The Ruby runtime: ruby runtimes/ruby/main.rb [--listen ADDRESS]
#
# Serves one function as ../PROTOCOL says; the environment says which (1.2).

require_relative "fn_runtime/door"
require_relative "fn_runtime/loader"
require_relative "fn_runtime/output"
require_relative "fn_runtime/server"
require_relative "fn_runtime/settings"
require_relative "fn_runtime/threads"

module FnRuntime
  def self.run(arguments)
    unless arguments.empty? || (arguments.size == 2 && arguments[0] == "--listen")
      abort "usage: ruby main.rb [--listen unix:PATH|HOST:PORT]"
    end
    door = arguments.empty? ? Door.inherited : Door.opened(arguments[1])
    begin
      server = start(door)
    rescue Exception => e # exit() and SyntaxError, too
      $stderr.write(e.full_message(highlight: false))
      door.say(Protocol.refusal_line(e))
      exit!(1)
    end
    door.say(Protocol::READY)
    server.run
  end

  # A server with the user's code loaded and init_context called.
  def self.start(door)
    # a process without a locale, as nginx starts it, means UTF-8
    Encoding.default_external = Encoding::UTF_8 if Encoding.default_external == Encoding::US_ASCII
    settings = Settings.new
    Output.install
    context = Context.new(Logger.new(settings.log_level), settings.slot)
    handler, init_context = Loader.load(settings.target, settings.entry)
    server_class = settings.concurrency > 1 ? ThreadServer : Server
    server = server_class.new(door, handler, context, settings)
    init_context&.call(context)
    server
  end
end

FnRuntime.run(ARGV)
