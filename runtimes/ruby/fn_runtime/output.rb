# frozen_string_literal: true

require_relative "logger"

module FnRuntime
  # What user code prints: records of the event in which it is printed
  # (PROTOCOL 7.3).  Extends STDOUT and STDERR; puts, print, p, warn and the like
  # call write, while syswrite and children write to the descriptor.
  module Output
    PIECE = 1024 # bytes of a record: nginx shows no more than 1800

    # Kernel#warn writes to an unchanged $stderr past its write.
    module Warnings
      def warn(message, **)
        $stderr.write(message)
        nil
      end
    end

    def self.install
      STDOUT.sync = true
      { STDOUT => "info", STDERR => "error" }.each do |stream, level|
        stream.extend(Output)
        stream.fn_level = level
      end
      Warning.extend(Warnings)
    end

    attr_writer :fn_level

    def write(*values)
      channel = Channel.current
      return super unless channel&.connection

      values.sum do |value|
        value = value.to_s
        print_in(channel, value) if Logger::LEVELS[@fn_level] >= channel.level
        value.bytesize
      end
    end

    # line is a String without its end.
    def record(channel, line)
      text = Protocol.utf8(line.chomp("\r"))
      size = text.ascii_only? ? PIECE : PIECE / 4
      text.scan(/.{1,#{size}}/m) do |piece|
        channel.send_log(@fn_level, piece) || Logger.print_record(@fn_level, piece)
      end
    end

    private

    def print_in(channel, text)
      buffer = channel.unfinished(self) << text.b
      while (size = buffer.index("\n"))
        line = buffer.slice!(0, size + 1)
        record(channel, line.chomp)
      end
      record(channel, buffer.slice!(0, buffer.bytesize)) if buffer.bytesize > 4 * PIECE
    end
  end
end
