# Says hello on the port of 127.0.0.1 that is the first argument: WEBrick knows
# no unix sockets.

require "webrick"

server = WEBrick::HTTPServer.new(
  BindAddress: "127.0.0.1", Port: ARGV[0].to_i, AccessLog: [],
  Logger: WEBrick::Log.new(File::NULL)
)
server.mount_proc("/") do |_request, response|
  response.content_type = "text/plain"
  response.body = "Hello from WEBrick"
end
trap("TERM") { server.shutdown }
server.start
