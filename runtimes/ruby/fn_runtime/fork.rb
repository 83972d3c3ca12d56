# frozen_string_literal: true

module FnRuntime
  # What happens in the child of a fork, whoever calls it.
  module Fork
    @hooks = []

    class << self
      # Calls the block in every child, the last one first.
      def in_child(&block)
        @hooks.unshift(block)
      end

      def run_hooks
        @hooks.each(&:call)
      end
    end

    # Prepended to Process: Ruby calls it for fork, IO.popen("-") and the like.
    module Hook
      def _fork
        pid = super
        Fork.run_hooks if pid.zero?
        pid
      end

      # Forks without _fork; the parent ends in it.
      def daemon(...)
        super.tap { Fork.run_hooks }
      end
    end

    Process.singleton_class.prepend(Hook)
  end
end
