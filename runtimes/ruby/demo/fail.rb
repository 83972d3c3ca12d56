# A function that fails.

def main(context, event)
  context.logger.warn("about to fail")
  raise "this function always fails"
end
