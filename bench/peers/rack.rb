# The workloads, for Puma and WEBrick: what path and body answer.

require "json"

def work(path, body)
  case path
  when "/hello" then ["text/plain", "Hello, world"]
  when "/json" then ["application/json", JSON.generate(JSON.parse(body.call))]
  when "/body" then ["text/plain", body.call.bytesize.to_s]
  when "/wait"
    sleep 0.010
    ["text/plain", "waited"]
  end
end

Workloads = lambda do |env|
  type, answer = work(env["PATH_INFO"], -> { env["rack.input"].read })
  [200, { "Content-Type" => type }, [answer]]
end
