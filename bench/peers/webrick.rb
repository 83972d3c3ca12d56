# The workloads on the port of 127.0.0.1 that is the first argument: WEBrick
# knows no unix sockets.

require "webrick"
require_relative "rack"

server = WEBrick::HTTPServer.new(
  BindAddress: "127.0.0.1", Port: ARGV[0].to_i, AccessLog: [],
  Logger: WEBrick::Log.new(File::NULL)
)
server.mount_proc("/") do |request, response|
  type, answer = work(request.path, -> { request.body })
  response.content_type = type
  response.body = answer
end
trap("TERM") { server.shutdown }
server.start
