# The workloads as a Rack application, for Puma.

require_relative "rack"

run Workloads
