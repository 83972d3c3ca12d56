# frozen_string_literal: true

require_relative "connection"
require_relative "context"
require_relative "fork"
require_relative "reply"

module FnRuntime
  # What ends a connection, and nothing else.
  GONE = [Gone, ProtocolError, NoMemoryError].freeze

  # Runs handler(context, event) for the events that come in by door, one after
  # the other, in one thread.
  class Server
    COLLECT = 16 << 20 # bytes of bodies after which garbage is collected

    def initialize(door, handler, context, settings)
      @door = door
      @handler = handler
      @context = context
      @line_max = settings.line_max
      @connections = {}.compare_by_identity # by socket
      @stopping = false
      @forked = false # this is the child of a handler that forks
      Fork.in_child { abandon }
    end

    # Returns when nginx said stop and the events in flight have ended.
    def run
      channel = Channel.new(@line_max, @context.logger.level)
      watched = watched_sockets
      until @stopping && @connections.empty?
        changed = false
        readable, = IO.select(watched)
        readable.each do |socket|
          connection = @connections[socket]
          if connection.nil?
            knock(socket)
            changed = true
          elsif !attend(connection, channel)
            changed = true
          end
        end
        drop_idle if @stopping
        watched = watched_sockets if changed || @stopping
      end
    end

    private

    # connections

    def watched_sockets
      door = @stopping ? [@door.control] : [@door.listener, @door.control]
      door + @connections.keys
    end

    # Something for the door: new connections, or a word of nginx.
    def knock(socket)
      if socket.equal?(@door.control)
        stop if @door.command == "stop" && !@stopping
      elsif !@stopping
        @door.accept.each { |accepted| open(accepted) }
      end
    end

    def open(socket)
      @connections[socket] = Connection.new(socket)
    end

    def stop
      @stopping = true
      @door.shut
    end

    # False when the connection has ended.
    def attend(connection, channel)
      event = connection.receive
      serve(connection, event, channel) if event
      event = nil
      collect(connection) if connection.moved > COLLECT
      true
    rescue *GONE => e
      drop(connection, e)
      false
    end

    def drop(connection, exception = nil)
      leave_child if @forked
      unless exception.nil? || Gone === exception
        Logger.print_record("error", "connection closed: #{exception.message}")
      end
      @connections.delete(connection.socket)
      connection.close
    end

    # Ruby itself may keep what were large bodies until the next ones come.
    def collect(connection)
      connection.moved = 0
      GC.start
    end

    # PROTOCOL 2.3
    def drop_idle
      @connections.values.each { |connection| drop(connection) if connection.idle? }
    end

    # In the child of a handler that forks: the connections are not its own.
    def abandon
      @forked = true
      Channel.current&.abandon
      @connections.each_value(&:close)
    end

    # The child of a handler that forks came back from the handler.
    def leave_child
      STDOUT.flush
      exit!(0)
    end

    # events

    # Runs the handler and replies; only the connection's failures come out.
    def serve(connection, event, channel)
      head = event.line
      id = head["id"]
      start_by = head["start_by"]
      if start_by && clock(:millisecond) > start_by
        return connection.write(Protocol.expired_line(id))
      end

      channel.open(connection, head["log_level"])
      start = clock(:microsecond)
      begin
        result = @handler.call(@context, event)
        line, body = Reply.response(id, result, clock(:microsecond) - start, @line_max)
      rescue Exception => e # exit() and throw, too
        GC.start if NoMemoryError === e # what the handler held is garbage now
        line = Reply.error(id, e, clock(:microsecond) - start, @line_max)
        body = ""
      end
      leave_child if @forked
      return stream(connection, id, line, body, channel) unless String === body

      channel.close
      connection.write_pair(line, body)
    ensure
      channel.close
    end

    # PROTOCOL 5.6.  The line is sent with the first piece: an error before it is
    # a whole reply.
    def stream(connection, id, line, body, channel)
      each_piece(body) do |data|
        next if data.empty?

        connection.write_pair((line || +"") << Protocol.chunk_line(data.bytesize), data)
        line = nil
      end
      channel.finish
      connection.write((line || +"") << Protocol::END_OF_STREAM)
    rescue Gone
      raise
    rescue Exception => e
      leave_child if @forked
      channel.finish
      connection.write(Reply.error(id, e, 0, @line_max))
    end

    # Yields the pieces (String) of an Enumerator or of an IO, which is closed.
    def each_piece(body)
      return body.each { |value| yield Answer.chunk(value) } if Enumerator === body

      begin
        while true
          yield body.readpartial(Connection::PIECE)
        end
      rescue EOFError
        nil
      ensure
        body.close
      end
    end

    def clock(unit)
      Process.clock_gettime(Process::CLOCK_MONOTONIC, unit)
    end
  end
end
