# frozen_string_literal: true

require_relative "protocol"

module FnRuntime
  # Where events come from: kind and name (String); nuclio has class_name, too.
  Trigger = Struct.new(:class_name, :kind, :name)

  # What a handler is called with: nuclio's Event.
  #
  # line is the event's Hash (PROTOCOL 4.1), body its bytes: a binary String.
  # Fields are made when they are read first.
  class Event
    FIELDS = %i[
      body content_type headers fields id method path url timestamp trigger version
    ].freeze

    attr_reader :line
    attr_accessor :body
    attr_writer(*FIELDS - [:body])

    def initialize(line, body)
      @line = line
      @body = body
    end

    # Of the event, as in the logs of nginx.
    def id
      @id ||= @line["id"]
    end

    def method
      @method ||= @line["method"]
    end

    # Decoded and normalised, without the query.
    def path
      @path ||= Protocol.text(@line["path"])
    end

    # Hash of String; a header that came more than once is an Array of String.
    def headers
      @headers ||= (@line["headers"] || {}).to_h do |name, value|
        text = Array === value ? value.map { |one| Protocol.text(one) } : Protocol.text(value)
        [Protocol.text(name), text]
      end
    end

    def content_type
      @content_type ||= [*headers["Content-Type"]].last || ""
    end

    # Hash of String: the query's arguments, the last of each name.
    def fields
      @fields ||= Event.parse_query(@line["query"] || "")
    end

    # DateTime, UTC, to the millisecond.
    def timestamp
      @timestamp ||= begin
        require "date"
        DateTime.new(1970) + Rational(((@line["timestamp"] || 0) * 1000).round, 86_400_000)
      end
    end

    def trigger
      @trigger ||= begin
        trigger = @line["trigger"] || {}
        Trigger.new(nil, trigger["kind"] || "http", trigger["name"] || "")
      end
    end

    # The client's address (String).  Not of nuclio.
    def remote_addr
      @line["remote_addr"] || ""
    end

    # Empty, as with nuclio's HTTP trigger.
    def url
      @url ||= ""
    end

    def version
      @version ||= ""
    end

    def to_h
      FIELDS.to_h { |name| [name, public_send(name)] }
    end

    def inspect
      "#<FnRuntime::Event #{id} #{method} #{path}>"
    end

    def self.parse_query(query)
      query.encode(Encoding::ISO_8859_1).b.split("&").each_with_object({}) do |pair, fields|
        next if pair.empty?

        name, value = pair.split("=", 2).map do |part|
          part = part.tr("+", " ").gsub(/%(\h\h)/n) { Regexp.last_match(1).hex.chr }
          Protocol.utf8(part)
        end
        fields[name] = value || ""
      end
    end
  end
end
