# frozen_string_literal: true

require "socket"
require_relative "event"

module FnRuntime
  # The other end of a connection has left.  No StandardError: it passes through
  # the handler's code when a stream is sent.
  class Gone < Exception; end

  # A connection of nginx: events in, replies out.
  class Connection
    PIECE = 65_536 # bytes read at once; a reply up to this size is sent as one piece
    NOSIGNAL = Socket::MSG_NOSIGNAL # a handler may set SIGPIPE
    NO_DATA = :wait_readable

    attr_reader :socket
    attr_accessor :busy # an event is read or running
    attr_accessor :moved # bytes of bodies above PIECE, both ways

    def initialize(socket)
      @socket = socket
      @busy = false
      @moved = 0
      @buffer = String.new(capacity: PIECE) # binary
      @line = nil # the beginning of a line
      @head = nil # the line of an event whose body is not complete
      @body = nil # what is there of it
      @length = 0
    end

    # A part of an event was read.
    def begun?
      !(@line.nil? && @head.nil?)
    end

    # No event has begun (PROTOCOL 2.3).
    def idle?
      !@busy && !begun?
    end

    # The event when all of it is there, else nil; it does not wait.
    #
    # Gone, ProtocolError and NoMemoryError end the connection.
    def receive
      return receive_body if @head

      data = read(PIECE)
      return if data.nil?

      data = (@line << data) if @line
      size = data.index("\n")
      return keep(data) if size.nil?
      raise ProtocolError, "the event's line is too long" if size >= Protocol::EVENT_LINE_MAX

      @line = nil
      head = Protocol.read_event(data.byteslice(0, size))
      rest = data.bytesize - size - 1
      length = head["body_length"] || 0
      raise ProtocolError, "bytes behind the event" if rest > length
      # not a slice: it would share, and so end, the buffer
      return Event.new(head, data.unpack1("a*", offset: size + 1)) if rest == length

      @head = head
      @length = length
      @body = String.new(capacity: length) << data.unpack1("a*", offset: size + 1)
      receive_body
    end

    # Sends all of data (String).
    def write(data)
      size = @socket.send(data, NOSIGNAL)
      while size < data.bytesize
        data = data.byteslice(size, data.bytesize)
        size = @socket.send(data, NOSIGNAL)
      end
    rescue SystemCallError, IOError => e
      raise Gone, e.message
    end

    # Sends line and body (String), a large body without a copy.
    def write_pair(line, body)
      if body.bytesize <= PIECE
        write(line << body)
      else
        write(line)
        write(body)
        @moved += body.bytesize
      end
    end

    def close
      @socket.close
    end

    private

    # What is there, at most size bytes, in @buffer; or nil.
    def read(size)
      data = @socket.recv_nonblock(size, 0, @buffer, exception: false)
      return if data == NO_DATA
      raise Gone, "end of file" if data.nil? || data.empty?

      data
    rescue SystemCallError, IOError => e
      raise Gone, e.message
    end

    def keep(data)
      if data.bytesize >= Protocol::EVENT_LINE_MAX
        raise ProtocolError, "the event's line is too long"
      end

      @line ||= String.new << data
      nil
    end

    def receive_body
      while (missing = @length - @body.bytesize).positive?
        data = read(missing < PIECE ? missing : PIECE)
        return if data.nil?

        @body << data
      end
      @moved += @length
      event = Event.new(@head, @body)
      @head = @body = nil
      event
    end
  end
end
