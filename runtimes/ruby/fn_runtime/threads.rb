# frozen_string_literal: true

require_relative "server"

module FnRuntime
  # Runs several events at the same time: a thread for each connection, and as
  # many slots as FN_CONCURRENCY says.  An event is read with a slot in hand
  # (PROTOCOL 4.4).
  class ThreadServer < Server
    POLL = 0.01 # seconds, while the last events are waited for

    def initialize(door, handler, context, settings)
      super
      @slots = Thread::Queue.new
      settings.concurrency.times { @slots.push(:slot) }
      @lock = Thread::Mutex.new # for who begins an event, and who closes
    end

    def run
      until @stopping
        readable, = IO.select([@door.listener, @door.control])
        readable.each { |socket| knock(socket) }
      end
      drop_idle
      until @connections.empty?
        readable, = IO.select([@door.control], nil, nil, POLL)
        knock(@door.control) if readable
      end
    end

    private

    def open(socket)
      connection = super
      Thread.new { work(connection) }
    rescue ThreadError => e
      drop(connection, e)
    end

    def work(connection)
      channel = Channel.new(@line_max, @context.logger.level)
      until @stopping
        connection.socket.wait_readable
        with_slot { run_event(connection, channel) }
      end
    rescue IOError
      nil # it was closed while it was idle
    rescue *GONE => e
      error = e
    ensure
      drop(connection, error)
    end

    def with_slot
      slot = @slots.pop
      yield
    ensure
      @slots.push(slot) if slot
    end

    # Reads an event, whose rest it waits for, and serves it.
    def run_event(connection, channel)
      begin_event(connection)
      until (event = connection.receive)
        return unless connection.begun?

        connection.socket.wait_readable
      end
      serve(connection, event, channel)
      event = nil
      collect(connection) if connection.moved > COLLECT
    ensure
      connection.busy = false
    end

    def begin_event(connection)
      @lock.synchronize do
        raise Gone, "stopping" if connection.socket.closed?

        connection.busy = true
      end
    end

    def drop_idle
      @lock.synchronize { super }
    end
  end
end
