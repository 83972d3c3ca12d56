# frozen_string_literal: true

require_relative "response"

module FnRuntime
  # From what a handler did to the bytes of the reply.
  module Reply
    OWN = /#{Regexp.union("#{__dir__}/", "#{$PROGRAM_NAME}:")}/ # frames of the runtime

    module_function

    # [line, body]: Strings, or body is a stream.  Raises what is wrong with the
    # result: the handler's failure (PROTOCOL 7.1).
    def response(id, result, duration, line_max)
      head, body = Answer.render(result)
      length = String === body ? %("body_length":#{body.bytesize}) : '"stream":true'
      line = Protocol.response_line(id, head, length, duration)
      if line.bytesize > line_max
        raise ArgumentError, "the response's headers need more than #{line_max} bytes"
      end

      [line, body]
    end

    # PROTOCOL 5.8
    def error(id, exception, duration, line_max)
      name = exception.class.to_s
      message = attempt { exception.message }
      stack = attempt { stack(exception) }
      Protocol.error_line(id, name, message, stack, duration, line_max)
    end

    # The backtrace without the runtime's own frames.
    def stack(exception)
      lines = Protocol.utf8(exception.full_message(highlight: false, order: :top)).lines
      lines.reject { |line| line.match?(OWN) }.join
    end

    # User code may be called here (message), and fail again.
    def attempt
      yield
    rescue Exception => e
      "<#{e.class}>"
    end
  end
end
