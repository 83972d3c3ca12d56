# frozen_string_literal: true

require_relative "protocol"

# nuclio's response.
#
# body is anything that a handler may return; headers a Hash of texts, numbers or
# Arrays of them; content_type, when given, wins over a Content-Type in headers;
# body_encoding is "text" or, for a body that is base64, "base64".
class Response
  attr_accessor :body, :headers, :status_code, :body_encoding
  attr_writer :content_type

  def initialize(body = nil, headers: nil, content_type: nil, status_code: 200,
                 body_encoding: "text")
    @body = body
    @headers = headers || {}
    @content_type = content_type
    @status_code = status_code
    @body_encoding = body_encoding
  end

  def content_type
    explicit_content_type || FnRuntime::Answer::TEXT
  end

  # The content type that the handler set, or nil; an empty one is none.
  def explicit_content_type
    @content_type == "" ? nil : @content_type
  end

  def to_h
    { body: body, headers: headers, content_type: content_type, status_code: status_code,
      body_encoding: body_encoding }
  end
end

# nuclio's bytes (String) that are no text.
class ByteBuffer
  attr_reader :bytes

  def initialize(bytes)
    @bytes = bytes
  end
end

module FnRuntime
  # From what a handler returned, every kind, to a head and a body.
  module Answer
    TEXT = "text/plain"
    JSON_TYPE = "application/json"
    TEXT_HEAD = Protocol.response_head(200, TEXT)

    module_function

    # [head, body]: head is Protocol.response_head's; body is a String or a
    # stream.  What makes no sense raises (PROTOCOL 7.1).
    def render(result)
      case result
      when String then [TEXT_HEAD, Protocol.bytes(result)]
      when Response then render_response(result)
      else
        status = 200
        # a list of two is nuclio's pair only when it begins with a number
        status, result = result if Array === result && result.size == 2 && Integer === result[0]
        body, content_type = body_of(result)
        [Protocol.response_head(status, content_type || TEXT), body]
      end
    end

    def render_response(response)
      body, content_type = body_of(response.body)
      body = body.unpack1("m") if String === body && response.body_encoding.to_s == "base64"
      content_type ||= response.explicit_content_type
      headers = response.headers
      if headers && headers != {}
        headers = header_lists(headers)
        named = headers.delete(nil)
        content_type ||= named.last if named
      else
        headers = nil
      end
      status = response.status_code
      [Protocol.response_head(status.nil? ? 200 : status, content_type || TEXT, headers), body]
    end

    # A Hash of name to Array of texts, of which Content-Type is under nil; a value
    # of nil is no header.
    def header_lists(headers)
      raise TypeError, "headers must be a Hash, not #{headers.class}" unless Hash === headers

      lists = {}
      headers.each do |name, values|
        name = header_text(name)
        name = nil if name.casecmp?("Content-Type")
        values = Array === values ? values.compact : [values].compact
        values.map! { |value| header_text(value) }
        lists[name] = lists.key?(name) ? lists[name] + values : values unless values.empty?
      end
      lists
    end

    def header_text(value)
      case value
      when String then value
      when Symbol, Numeric, true, false then value.to_s
      else raise TypeError, "a header must be a string, not #{value.inspect[0, 80]}"
      end
    end

    # [String or stream (an Enumerator, or what has IO's readpartial and close),
    # JSON_TYPE when that is what it is, else nil]
    def body_of(value)
      case value
      when String then [Protocol.bytes(value), nil]
      when nil then ["", nil]
      when ByteBuffer then [value.bytes.to_s.b, nil]
      when Enumerator then [value, nil]
      else value.respond_to?(:readpartial) ? [value, nil] : [JSON.generate(value), JSON_TYPE]
      end
    end

    # The bytes of a piece of a stream (String).
    def chunk(value)
      data, = body_of(value)
      raise TypeError, "a stream must not yield a stream" unless String === data

      data
    end
  end
end
