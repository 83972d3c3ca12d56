# The handler of ../conformance/README: it does what the path's last segment names.

require "json"

TEXT = "text \u00e9\n"
BYTES = (0..255).to_a.pack("C*")
OBJECT = { a: 1, b: "\u00e9" }.freeze
LIST = [1, "two", nil, { three: 3 }].freeze
CUSTOM = "text/x-conformance"
ODD = "\n\e\0\u{1f600}"
MANAGED = {
  "Connection" => "close", "Content-Length" => 999, "Server" => "x",
  "Transfer-Encoding" => "chunked", "X-Accel-Redirect" => "/x"
}.freeze
NAMES = {}

def init_context(context)
  case ENV["CONFORMANCE_INIT"]
  when "fail" then raise "init failed"
  when "slow" then sleep 0.5
  end
  context.user_data = "from init"
  context.logger.info("init context")
end

def main(context, event)
  name = ENV["CONFORMANCE"] || event.path.rpartition("/").last
  action = NAMES[name]
  return Response.new("no #{name}", status_code: 404) if action.nil?

  action.call(context, event)
end

def on(name, &action)
  NAMES[name] = action
end

def answer(name, result)
  NAMES[name] = ->(_context, _event) { result }
end

def refuse(name, reason)
  answer(name, Response.new(reason, status_code: 501))
end

# Events

def kind(value)
  case value
  when String then value.encoding == Encoding::BINARY ? "bytes" : "text"
  when Integer then "integer"
  when DateTime then "time"
  else "object"
  end
end

on("event") do |_context, event|
  names = %i[id method path url content_type version headers fields timestamp trigger body]
  values = names.to_h { |name| [name, event.public_send(name)] }
  types = values.transform_values { |value| kind(value) }
  values.merge(
    timestamp: event.timestamp.strftime("%Q").to_i,
    trigger: { kind: event.trigger.kind, name: event.trigger.name },
    body: [event.body].pack("m0"),
    types: types
  )
end

on("echo") { |_, event| Response.new(event.body, content_type: event.content_type) }

refuse("header", "nuclio's event in Ruby has no getter for headers")

# Answers

answer("text", TEXT)
answer("bytes", BYTES)
answer("empty_text", "")
answer("empty_bytes", ByteBuffer.new(""))
answer("nothing", nil)
answer("object", OBJECT)
answer("list", LIST)
answer("number", 42)
answer("true", true)
answer("float", 1.5)
answer("status_text", [201, TEXT])
answer("status_bytes", [201, ByteBuffer.new(BYTES)])
answer("status_object", [201, OBJECT])
answer("status_nothing", [201, nil])
answer("response", Response.new("response body", headers: { h1: :v1, h2: :v2 },
                                                 content_type: CUSTOM, status_code: 201))
answer("response_bytes", Response.new(BYTES, content_type: CUSTOM))
answer("response_object", Response.new(OBJECT, content_type: CUSTOM))
answer("response_list", Response.new(LIST, content_type: CUSTOM))
answer("response_default", Response.new)
answer("response_204", Response.new(status_code: 204))
answer("headers", Response.new(
                    headers: { "One" => "1", "Many" => %w[a b], "Utf" => "\u00e9", "Number" => 7 }
                  ))
answer("set_cookie", Response.new(headers: { "Set-Cookie" => %w[a=1 b=2] }))
answer("header_type", Response.new("<p>", headers: { "Content-Type" => "text/html" }))
answer("managed", Response.new("managed", headers: MANAGED))

on("echo_headers") { |_, event| Response.new(headers: event.headers) }
on("large") { |_, event| "x" * event.fields["size"].to_i }

on("stream") do |_, event|
  count = event.fields["count"].to_i
  Enumerator.new { |pieces| count.times { |i| pieces << "piece #{i}\n" } }
end

on("stream_error") do
  Enumerator.new do |pieces|
    pieces << "first\n"
    raise "late error"
  end
end

# Nonsense

answer("bad_status", Response.new(status_code: 1000))
answer("bad_status_low", Response.new(status_code: 99))
answer("bad_status_text", Response.new(status_code: "x"))
answer("bad_type", Response.new("x", content_type: 7))
answer("bad_type_line", Response.new("x", content_type: "text/plain\r\nX: y"))
answer("bad_header_name", Response.new(headers: { "a b" => "c" }))
answer("bad_header_value", Response.new(headers: { "a" => "b\r\nc: d" }))
answer("many_headers", Response.new(headers: { "a" => ["b"] * 101 }))
answer("large_header", Response.new(headers: { "a" => "b" * 9000 }))
answer("wide_headers", Response.new(headers: %w[a b c d].to_h { |name| [name, "b" * 8000] }))

# Failures

on("raise") { raise ArgumentError, "some error" }
on("raise_long") { raise ArgumentError, "x" * 100_000 }
on("raise_odd") { raise ArgumentError, ODD }
refuse("raise_status", "nuclio's Ruby has no error with a status")
on("raise_other") { throw "thrown text" }
on("raise_exit") { exit(3) }

def deep(depth)
  deep(depth + 1) + 1
end

on("deep") { deep(0) }

# Logs

on("log") do |context|
  context.logger.debug("debug message")
  context.logger.info("info message")
  context.logger.warn("warn message")
  context.logger.error("error message")
  "logged"
end

on("log_with") do |context|
  context.logger.error("message with", source: :rabbit, weight: 7)
  "logged"
end

on("log_odd") do |context|
  context.logger.info(ODD, odd: ODD)
  "logged"
end

on("log_large") do |context|
  context.logger.info("x" * 100_000, large: "x" * 100_000)
  "logged"
end

on("log_deep") do |context|
  context.logger.info("deep", deep: (1...100).reduce([]) { |lists, _| [lists] })
  "logged"
end

on("print") do
  puts "out one", "out two"
  warn "err one"
  "printed"
end

# State

counted = 0

on("count") { (counted += 1).to_s }
on("user_data") { |context| context.user_data }
on("worker") { |context| context.worker_id }
on("context") { |context| { worker_id: context.worker_id } }

# Time

on("sleep") do |_, event|
  sleep event.fields["ms"].to_i / 1000.0
  "slept"
end

on("hang") { sleep }

on("spin") do
  nil while true
end

refuse("async", "handlers in Ruby are no coroutines")
refuse("async_raise", "handlers in Ruby are no coroutines")

# Disturbance

on("stdin") { $stdin.read.bytesize.to_s }

on("write") do
  { 1 => "raw\n", 2 => %({"type":"x"}\n) }.each do |descriptor, data|
    IO.for_fd(descriptor, autoclose: false).syswrite(data)
  rescue SystemCallError
    nil # "close" was before
  end
  "written"
end

on("close") do
  [$stdin, $stdout, $stderr].each(&:close)
  "closed"
end

on("descriptors") { IO.popen(%w[ls -l /proc/self/fd], &:read) }
on("orphan") { spawn("sleep", "1000").to_s }
on("fork") { fork ? "parent" : "child" }

on("signals") do
  %w[TERM INT HUP PIPE].each { |name| trap(name, "IGNORE") }
  "ignored"
end

on("background") do
  Thread.new do
    sleep 0.05
    raise "background error"
  end
  "started"
end

on("exit") { |_, event| exit!(event.fields["code"].to_i) }
on("kill") { Process.kill("KILL", Process.pid) }

on("memory") do
  taken = []
  taken << "x" * (1 << 20) while true
end

# Calls

refuse("call", "nuclio's context in Ruby has no platform")
