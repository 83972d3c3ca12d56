# frozen_string_literal: true

require "json"
require "socket"
require_relative "fork"
require_relative "logger"

module FnRuntime
  # Where nginx comes in: the listening socket and the control socket (PROTOCOL 2).
  class Door
    ACCEPT_MAX = 16 # connections at one wake up: events wait meanwhile
    BACKLOG = 511
    # fcntl.h of Linux; the module Fcntl lacks them
    F_SETOWN = 8
    F_GETFL = 3
    F_SETFL = 4
    O_ASYNC = 0o20000

    attr_reader :listener, :control

    # Descriptors 3 and 4, PROTOCOL 1.1.
    def self.inherited
      # Ruby would make exceptions of these, and a handler's rescue would stop them
      %w[TERM INT HUP].each { |name| Signal.trap(name, "SYSTEM_DEFAULT") }
      door = new(Socket.for_fd(3), UNIXSocket.for_fd(4), true)
      door.watch
      door
    end

    # unix:PATH or HOST:PORT, PROTOCOL 1.3; SIGTERM is its control socket.
    def self.opened(address)
      listener = address_of(address).listen(BACKLOG)
      control, own = UNIXSocket.pair
      %w[TERM INT].each do |name|
        Signal.trap(name) { own.send(%({"type":"stop"}\n), 0) }
      end
      Fork.in_child { %w[TERM INT].each { |name| Signal.trap(name, "DEFAULT") } }
      new(listener, control, false)
    end

    def self.address_of(address)
      if address.start_with?("unix:")
        path = address.delete_prefix("unix:")
        File.unlink(path) if File.socket?(path)
        return Addrinfo.unix(path)
      end
      host, _, port = address.rpartition(":")
      host = host.delete_prefix("[").delete_suffix("]")
      Addrinfo.tcp(host.empty? ? "0.0.0.0" : host, Integer(port, 10))
    end

    def initialize(listener, control, managed)
      @listener = listener
      @control = control
      @managed = managed
      @line = +"" # the beginning of a control line
      listener.close_on_exec = true
      control.close_on_exec = true
      Fork.in_child { close }
    end

    # Ends the process when nginx is gone, a handler or not (PROTOCOL 2.4).
    #
    # A signal tells: it costs nothing until then, unlike a thread.
    def watch
      Signal.trap("IO") { look }
      @control.fcntl(F_SETOWN, Process.pid)
      @control.fcntl(F_SETFL, @control.fcntl(F_GETFL) | O_ASYNC)
      look
    end

    # To nginx; started with --listen there is nobody to hear it.
    def say(line)
      @control.write(line) if @managed
    end

    # [[Socket, Addrinfo], ...]: the connections that wait, at most some.
    def accept
      accepted = []
      while accepted.size < ACCEPT_MAX
        socket, address = @listener.accept_nonblock(exception: false)
        break if socket == :wait_readable

        socket.setsockopt(:TCP, :NODELAY, 1) unless address.unix?
        accepted << socket
      end
      accepted
    rescue SystemCallError => e
      Logger.print_record("error", "accept() failed: #{e.message}")
      IO.select(nil, nil, nil, 0.05) # too many open files do not pass at once
      accepted
    end

    # nginx's word on the control socket ("stop"), or nil.
    def command
      data = @control.recv(4096)
      exit!(0) if data.nil? || data.empty?
      @line << data
      while (size = @line.index("\n"))
        line = @line.slice!(0, size + 1)
        return "stop" if stop?(line)

        Logger.print_record("error", "unknown control line #{line[0, 80].inspect}")
      end
      nil
    end

    # No new connections.
    def shut
      @listener.close
    end

    def close
      @listener.close
      @control.close
    end

    private

    def look
      data = @control.recv_nonblock(1, Socket::MSG_PEEK, exception: false)
      exit!(0) if data.nil? || data.empty?
    rescue SystemCallError, IOError
      nil
    end

    def stop?(line)
      message = JSON.parse(line)
      Hash === message && message["type"] == "stop"
    rescue JSON::ParserError
      false
    end
  end
end
