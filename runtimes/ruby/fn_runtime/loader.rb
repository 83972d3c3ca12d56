# frozen_string_literal: true

require_relative "response" # what user code finds at the top level

# nuclio's wrapper has them loaded, so its functions do not require them
autoload :Base64, "base64"
autoload :Date, "date"
autoload :DateTime, "date"

module FnRuntime
  # Finds the handler that FN_TARGET and FN_ENTRY name.
  module Loader
    MAIN = TOPLEVEL_BINDING.receiver

    module_function

    # [handler, init_context or nil] (Method) of a .rb file.
    #
    # entry is a method at the top level, or "Module.method".  Whatever the user's
    # code raises comes out.
    def load(target, entry)
      raise ArgumentError, "FN_TARGET is not set" if target.empty?

      file = File.expand_path(target)
      raise LoadError, "#{target.inspect} is no file" unless File.file?(file)

      $LOAD_PATH.push(File.dirname(file))
      file.end_with?(".rb") ? Kernel.require(file) : Kernel.load(file)
      owner, _, name = entry.rpartition(".")
      receiver = owner.empty? ? MAIN : Object.const_get(owner)
      unless method?(receiver, name)
        raise NameError, "no method #{entry.inspect} in #{target.inspect}"
      end

      [receiver.method(name), init_context(receiver)]
    end

    def init_context(receiver)
      owner = [receiver, MAIN].find { |one| method?(one, "init_context") }
      owner&.method("init_context")
    end

    def method?(receiver, name)
      receiver.respond_to?(name, true)
    end
  end
end
