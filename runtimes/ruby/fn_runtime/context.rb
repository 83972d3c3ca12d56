# frozen_string_literal: true

require_relative "logger"

module FnRuntime
  # What a handler is called with beside the event: nuclio's Context.  One of a
  # process; user_data is the handler's own.
  class Context
    attr_reader :logger

    # The process's number in its function (String), from "0".  Not of nuclio.
    attr_reader :worker_id

    attr_accessor :user_data

    def initialize(logger, worker_id)
      @logger = logger
      @worker_id = worker_id
    end
  end
end
