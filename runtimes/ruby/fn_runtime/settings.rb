# frozen_string_literal: true

module FnRuntime
  # What the process is told, PROTOCOL 1.2: target, entry, slot, log_level
  # (String), concurrency and line_max (Integer).
  class Settings
    attr_reader :target, :entry, :slot, :log_level, :concurrency, :line_max

    def initialize(environ = ENV)
      protocol = environ.fetch("FN_PROTOCOL", "1")
      raise ArgumentError, "unknown protocol #{protocol.inspect}" if protocol != "1"

      value = ->(name, default) { environ[name].to_s.empty? ? default : environ[name] }
      @target = value.call("FN_TARGET", "")
      @entry = value.call("FN_ENTRY", "main")
      @slot = value.call("FN_SLOT", "0")
      @log_level = value.call("FN_LOG_LEVEL", "info")
      @concurrency = Integer(value.call("FN_CONCURRENCY", "1"), 10)
      @line_max = Integer(value.call("FN_LINE_MAX", "16384"), 10)
    end
  end
end
