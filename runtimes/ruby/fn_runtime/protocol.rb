# frozen_string_literal: true

require "json"

module FnRuntime
  # nginx sent what PROTOCOL does not allow.
  class ProtocolError < StandardError; end

  # Lines of the fn protocol (../../PROTOCOL): bytes to objects and back.
  #
  # Nothing here knows a socket, a handler or an event.
  module Protocol
    EVENT_LINE_MAX = 262_144 # bytes, PROTOCOL 3.3
    DEPTH_MAX = 32 # PROTOCOL 3.3
    HEADER_LINES_MAX = 100 # PROTOCOL 6.1
    HEADS_MAX = 256 # response heads that are remembered
    READY = %({"type":"ready","protocol":1}\n)
    END_OF_STREAM = %({"type":"end"}\n)

    ID = /\A[A-Za-z0-9_-]{1,64}\z/
    NAME = /\A[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}\z/
    VALUE = /\A[\t\x20-\x7e\x80-\xff]{0,8192}\z/n
    PLAIN_VALUE = /\A[ !#-\[\]-~]{0,8192}\z/ # is JSON with quotes around it
    WIDE = /[^\u0000-\u00ff]/

    module_function

    # The event

    # The event's line (a binary String, which becomes UTF-8) as a Hash,
    # PROTOCOL 4.1.
    #
    # A line in the form that nginx writes, without escapes and bytes above 127,
    # is not looked at twice.
    def read_event(line)
      line.force_encoding(Encoding::UTF_8)
      raise ProtocolError, "invalid event: no UTF-8" unless line.valid_encoding?

      head = JSON.parse(line)
      plain = line.ascii_only? && !line.include?("\\") && Hash === head &&
              Hash === head["headers"] && Hash === head["trigger"] &&
              line.start_with?('{"id":"')
      check_event(head) unless plain && integers?(head)
      head
    rescue JSON::ParserError => e
      raise ProtocolError, "invalid event: #{e.message[0, 80]}"
    end

    def integers?(head)
      count?(head.fetch("body_length", 0)) && count?(head.fetch("start_by", 0))
    end

    def check_event(head)
      raise ProtocolError, "invalid event: no object" unless Hash === head && !head.key?("type")

      %w[id method path].each do |name|
        raise ProtocolError, "invalid event: no #{name}" unless head.key?(name)
      end
      head.each do |name, value|
        valid = EVENT_FIELDS[name]
        next if valid.nil? || valid.call(value)

        raise ProtocolError, "invalid event: #{name} is #{value.inspect[0, 80]}"
      end
    end

    def count?(value)
      Integer === value && !value.negative?
    end

    def byte_string?(value)
      String === value && !value.match?(WIDE)
    end

    EVENT_FIELDS = {
      "id" => ->(value) { String === value && value.match?(ID) },
      "method" => method(:byte_string?),
      "path" => method(:byte_string?),
      "query" => method(:byte_string?),
      "headers" => lambda { |value|
        Hash === value && value.all? { |name, one| [name, *one].all? { |text| byte_string?(text) } }
      },
      "timestamp" => ->(value) { Numeric === value },
      "remote_addr" => method(:byte_string?),
      "trigger" => ->(value) { Hash === value },
      "start_by" => method(:count?),
      "log_level" => ->(value) { String === value },
      "body_length" => method(:count?)
    }.freeze

    # A byte string (PROTOCOL 3.5) as text: UTF-8, or Latin-1 when it is not.
    def text(value)
      return value if value.ascii_only?

      bytes = value.encode(Encoding::ISO_8859_1).force_encoding(Encoding::UTF_8)
      bytes.valid_encoding? ? bytes : value
    end

    # The reply

    # PROTOCOL 5.3; body is '"body_length":12' or '"stream":true'.
    #
    # head comes from response_head; duration is in microseconds.  The line is
    # ASCII, so that a body of any encoding can be appended.
    def response_line(id, head, body, duration)
      %({"type":"response","id":"#{id}",#{head},#{body},"duration_us":#{duration}}\n)
    end

    @heads = {}

    # The status and headers of a response line, checked (PROTOCOL 6).
    #
    # headers is a Hash of names to Arrays of values, all Strings, without
    # Content-Type.  ArgumentError and TypeError say what the handler did wrong.
    def response_head(status, content_type, headers = nil)
      return make_head(status, content_type, headers) if headers

      @heads.fetch([status, content_type]) do
        head = make_head(status, content_type, {})
        @heads.clear if @heads.size >= HEADS_MAX
        @heads[[status, content_type.dup]] = head # a handler may change its String
      end
    end

    def make_head(status, content_type, headers)
      unless Integer === status
        raise TypeError, "status code must be an integer, not #{status.inspect}"
      end
      unless status.between?(200, 599)
        raise ArgumentError, "status code must be from 200 to 599, not #{status}"
      end
      unless String === content_type
        raise TypeError, "content type must be a string, not #{content_type.inspect}"
      end

      members = [%("Content-Type":#{header_value("Content-Type", content_type)})]
      lines = 1
      headers.each do |name, values|
        raise ArgumentError, "invalid header name #{name.inspect}" unless name.match?(NAME)

        lines += values.size
        text = if values.size == 1
                 header_value(name, values[0])
               else
                 "[#{values.map { |value| header_value(name, value) }.join(",")}]"
               end
        members << %("#{name}":#{text})
      end
      raise ArgumentError, "more than #{HEADER_LINES_MAX} header lines" if lines > HEADER_LINES_MAX

      %("status":#{status},"headers":{#{members.join(",")}})
    end

    # User code means UTF-8 by text, the wire wants one character a byte.
    def header_value(name, value)
      return %("#{value}") if value.ascii_only? && value.match?(PLAIN_VALUE)

      bytes = Protocol.bytes(value).b
      unless bytes.match?(VALUE)
        raise ArgumentError, "invalid value of header #{name}: #{value[0, 80].inspect}"
      end

      bytes.force_encoding(Encoding::ISO_8859_1)
      JSON.generate(bytes.encode(Encoding::UTF_8), ascii_only: !bytes.ascii_only?)
    end

    # PROTOCOL 5.6
    def chunk_line(length)
      %({"type":"chunk","length":#{length}}\n)
    end

    # PROTOCOL 5.7
    def expired_line(id)
      %({"type":"expired","id":"#{id}"}\n)
    end

    # PROTOCOL 5.8, shortened to line_max bytes.
    def error_line(id, name, message, stack, duration, line_max)
      head = %({"type":"error","id":"#{id}","error":#{fit(name, 256)},) +
             %("duration_us":#{duration},"message":)
      room = line_max - head.bytesize - %(,"stack":}\n).bytesize
      message = fit(message, room / 2)
      stack = fit(stack, room - message.bytesize)
      %(#{head}#{message},"stack":#{stack}}\n)
    end

    # PROTOCOL 5.2, shortened to line_max bytes; fields is a Hash of anything.
    def log_line(level, message, fields, line_max)
      head = %({"type":"log","level":"#{level}","message":)
      room = line_max - head.bytesize - %(,"with":{}}\n).bytesize
      message = fit(message, room / 2)
      return %(#{head}#{message}}\n) if fields.nil? || fields.empty?

      members = log_members(plain(fields, DEPTH_MAX - 1), room - message.bytesize)
      %(#{head}#{message},"with":{#{members.join(",")}}}\n)
    end

    def log_members(fields, room)
      members = []
      fields.each do |name, value|
        name = fit(name, 256)
        text = JSON.generate(value)
        rest = room - name.bytesize - 2 # ":" and ","
        text = fit(String === value ? value : text, rest) if text.bytesize > rest
        break if text.bytesize > rest

        room = rest - text.bytesize
        members << "#{name}:#{text}"
      end
      members
    end

    # What says on the control socket why there is no "ready", PROTOCOL 2.2.
    def refusal_line(exception)
      name = fit(exception.class.to_s, 256)
      message = fit(utf8(exception.message), 2048)
      %({"type":"error","error":#{name},"message":#{message}}\n)
    end

    # JSON and text

    # text as a JSON string of at most room bytes of UTF-8 (and at least 2).
    def fit(text, room)
      text = utf8(text)
      # more than room characters never fit, and what was cut says so
      text = "#{text[0, room]}..." if text.length > room && room > 3
      while true
        string = JSON.generate(text)
        size = string.bytesize
        return string if size <= room || text.empty?

        kept = [text.length * room / size, text.length].min - 4
        text = kept.positive? ? "#{text[0, kept]}..." : ""
      end
    end

    # A copy of value that nginx's JSON reader takes: text for what JSON has not,
    # for integers above 64 bits, and for what is nested deeper than depth.
    def plain(value, depth)
      case value
      when nil, true, false then value
      when String, Symbol then utf8(value)
      when Integer then value.bit_length < 64 ? value : value.to_s
      when Float then value.finite? ? value : value.to_s
      when Hash
        return utf8(value) if depth.zero?

        value.to_h { |name, one| [utf8(name).delete("\0"), plain(one, depth - 1)] }
      when Array
        depth.zero? ? utf8(value) : value.map { |one| plain(one, depth - 1) }
      else utf8(value)
      end
    end

    # value.to_s as valid UTF-8; bytes that are not UTF-8 are Latin-1.  The
    # value's own code may fail.
    def utf8(value)
      text = bytes(String === value ? value : value.to_s)
      return text if text.encoding == Encoding::UTF_8 && text.valid_encoding?

      text = text.dup.force_encoding(Encoding::UTF_8)
      return text if text.valid_encoding?

      text.force_encoding(Encoding::ISO_8859_1).encode(Encoding::UTF_8)
    rescue StandardError
      "<#{value.class}>"
    end

    # The bytes that a String means: UTF-8, but for a binary one.
    def bytes(string)
      case string.encoding
      when Encoding::UTF_8, Encoding::BINARY, Encoding::US_ASCII then string
      else string.encode(Encoding::UTF_8, invalid: :replace, undef: :replace)
      end
    end
  end
end
