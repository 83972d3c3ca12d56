# The workloads, in Ruby.

require "json"

def hello(context, event)
  "Hello, world"
end

def json(context, event)
  JSON.parse(event.body)
end

def body(context, event)
  event.body.bytesize.to_s
end

def wait(context, event)
  sleep 0.010
  "waited"
end
