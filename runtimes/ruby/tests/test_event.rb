# frozen_string_literal: true

require "minitest"
require_relative "../fn_runtime/event"
require_relative "../fn_runtime/loader"

# What a handler sees of an event.
class TestEvent < Minitest::Test
  def event(line = {}, body = "")
    FnRuntime::Event.new({ "id" => "i", "method" => "GET", "path" => "/" }.merge(line), body)
  end

  def test_defaults
    one = event
    assert_equal [{}, {}, "", "", "", ""],
                 [one.headers, one.fields, one.content_type, one.url, one.version, one.remote_addr]
    assert_equal [nil, "http", ""], one.trigger.to_a
    assert_equal DateTime.new(1970), one.timestamp
  end

  def test_bytes_are_text_or_latin1
    one = event({ "path" => "/\u00c3\u00a9", "headers" => { "A" => ["\u00e9", "\u00c3\u00a9"] } })
    assert_equal "/\u00e9", one.path
    assert_equal({ "A" => %W[\u00e9 \u00e9] }, one.headers)
  end

  def test_fields
    fields = event({ "query" => "a=1&a=2&b=x+y%2B&c&=d&%C3%A9=%E9&e=%zz&&f=1=2" }).fields
    assert_equal({ "a" => "2", "b" => "x y+", "c" => "", "" => "d", "\u00e9" => "\u00e9",
                   "e" => "%zz", "f" => "1=2" }, fields)
  end

  def test_timestamps_are_exact_to_the_millisecond
    [1_789_000_000.123, 1_789_000_000.999, 0.001, 1_789_000_000].each do |time|
      stamp = event({ "timestamp" => time }).timestamp
      assert_equal (time * 1000).round, stamp.strftime("%Q").to_i
      assert_equal 0, stamp.offset
    end
  end

  def test_fields_can_be_set
    one = event
    one.body = "x"
    one.path = "/y"
    assert_equal ["x", "/y"], one.to_h.values_at(:body, :path)
  end
end
