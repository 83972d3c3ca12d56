# frozen_string_literal: true

require "json"
require "rbconfig"
require "socket"
require "tmpdir"

# A process of the runtime, started as nginx does it, for a handler's source
# (Ruby text) or target (a path).
class Runtime
  MAIN = File.expand_path("../main.rb", __dir__)
  PATIENCE = 20 # seconds

  # source's process, ended after the block.
  def self.open(source = nil, **options)
    runtime = new(source, **options)
    yield runtime
  ensure
    runtime&.end
  end

  attr_reader :pid, :control, :ready

  def initialize(source = nil, target: nil, env: {})
    @folder = Dir.mktmpdir("fn-ruby-")
    target ||= "#{@folder}/function.rb".tap { |file| File.write(file, source) }
    listener = UNIXServer.new("#{@folder}/socket")
    @control, control = UNIXSocket.pair
    env = { "FN_PROTOCOL" => "1", "FN_NAME" => "test", "FN_TARGET" => target }.merge(env)
    @pid = spawn(env, RbConfig.ruby, MAIN, in: File::NULL, out: "#{@folder}/out",
                                           err: "#{@folder}/err", 3 => listener, 4 => control)
    [listener, control].each(&:close)
    @ready = @control.gets
  end

  def connect
    Client.new(UNIXSocket.new("#{@folder}/socket"))
  end

  # The reply to one event on a connection of its own.
  def ask(**event)
    client = connect
    client.ask(**event)
  ensure
    client&.close
  end

  def stop
    @control.write(%({"type":"stop"}\n))
  end

  # The exit status, or nil: it lives on.
  def wait(patience = PATIENCE)
    finish = Process.clock_gettime(Process::CLOCK_MONOTONIC) + patience
    until (done = Process.wait2(@pid, Process::WNOHANG))
      return if Process.clock_gettime(Process::CLOCK_MONOTONIC) > finish

      sleep 0.002
    end
    @pid = nil
    done[1]
  end

  def output
    File.read("#{@folder}/out")
  end

  def errors
    File.read("#{@folder}/err")
  end

  def end
    if @pid
      Process.kill("KILL", @pid)
      Process.wait(@pid)
    end
    @control.close
    Dir.each_child(@folder) { |name| File.unlink("#{@folder}/#{name}") }
    Dir.rmdir(@folder)
  end
end

# A connection of nginx.
class Client
  ID = "0123456789abcdef0123456789abcdef"

  # logs: Array of Hash; head: the last line's Hash; line: it as it came; chunks:
  # Array of String of a stream, or nil; last: the line (Hash) that ended it.
  Reply = Struct.new(:logs, :head, :line, :body, :chunks, :last) do
    def messages
      logs.map { |log| log["message"] }
    end

    def type
      head["headers"]["Content-Type"]
    end
  end

  attr_reader :socket

  def initialize(socket)
    @socket = socket
  end

  def send_event(body: "", **fields)
    line = { id: ID, method: "GET", path: "/", headers: { Host: "a" }, timestamp: 1.5,
             trigger: { kind: "http", name: "test" } }.merge(fields)
    line[:body_length] = body.bytesize unless body.empty?
    @socket.write("#{JSON.generate(line)}\n".b << body.b)
  end

  def ask(**event)
    send_event(**event)
    read
  end

  def read
    logs = []
    while (line = @socket.gets)
      head = JSON.parse(line)
      next logs << head if head["type"] == "log"

      reply = Reply.new(logs, head, line, nil, nil, nil)
      reply.body = @socket.read(head["body_length"]) if head["body_length"]
      read_stream(reply) if head["stream"]
      return reply
    end
    nil
  end

  def close
    @socket.close
  end

  private

  def read_stream(reply)
    reply.chunks = []
    while (line = @socket.gets)
      reply.last = JSON.parse(line)
      case reply.last["type"]
      when "log" then reply.logs << reply.last
      when "chunk" then reply.chunks << @socket.read(reply.last["length"])
      else break
      end
    end
  end
end
