# The smallest function.

def main(context, event)
  "Hello from ruby"
end
