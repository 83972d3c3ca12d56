# frozen_string_literal: true

require "minitest"
require_relative "../fn_runtime/connection"

# The event cases of ../../vectors, through the code that reads from a socket.
class TestVectors < Minitest::Test
  FOLDER = File.expand_path("../../vectors", __dir__)
  CASES = Dir.glob("#{FOLDER}/*/*/event").sort.freeze
  DEFAULTS = {
    "query" => "", "headers" => {}, "timestamp" => 0, "remote_addr" => "",
    "trigger" => { "kind" => "http", "name" => "" }, "start_by" => 0
  }.freeze

  def test_there_are_some
    assert_operator CASES.size, :>, 20
  end

  def test_whole
    check { 65_536 }
  end

  def test_each_byte
    check { |data| data.bytesize < 4096 ? 1 : 1009 }
  end

  def test_halves
    check { |data| data.bytesize / 2 + 1 }
  end

  private

  def check
    CASES.each do |path|
      data = File.binread(path)
      expect = JSON.parse(File.read("#{File.dirname(path)}/expect"))
      assert_equal expect, seen(data, yield(data)), path.delete_prefix(FOLDER)
    end
  end

  # What a runtime sees of data, sent in pieces: expect's form.
  def seen(data, size)
    theirs, ours = UNIXSocket.pair
    connection = FnRuntime::Connection.new(ours)
    event = nil
    0.step(data.bytesize - 1, size) do |start|
      raise "an event before its end" if event

      theirs.write(data.byteslice(start, size))
      event = connection.receive
    end
    theirs.close
    event ||= connection.receive while event.nil?
    DEFAULTS.merge(event.line.slice("id", "method", "path", "log_level", *DEFAULTS.keys),
                   "body" => event.body.encode("UTF-8", "ISO-8859-1"))
  rescue FnRuntime::Gone
    { "incomplete" => true }
  rescue FnRuntime::ProtocolError
    { "invalid" => true }
  ensure
    theirs.close
    ours.close
  end
end
