# frozen_string_literal: true

require "minitest"
require_relative "../fn_runtime/reply"

# From what a handler returns to the bytes of a reply, without a process.
class TestReply < Minitest::Test
  LINE_MAX = 16_384

  def reply(result)
    FnRuntime::Reply.response("id-1", result, 12, LINE_MAX)
  end

  def head(result)
    JSON.parse(reply(result)[0])
  end

  def body(result)
    reply(result)[1].b
  end

  def headers(headers)
    head(Response.new(headers: headers))["headers"].reject { |name,| name == "Content-Type" }
  end

  def test_the_line_is_as_nginx_reads_it_fast
    line, body = reply("hello")
    assert_equal '{"type":"response","id":"id-1","status":200,"headers":' \
                 "{\"Content-Type\":\"text/plain\"},\"body_length\":5,\"duration_us\":12}\n", line
    assert_equal "hello", body
  end

  def test_strings_are_bytes_of_utf8
    assert_equal "\xC3\xA9".b, body("\u00e9")
    assert_equal "\xC3\xA9".b, body("\xE9".dup.force_encoding("ISO-8859-1"))
    assert_equal "\xC3\xA9".b, body("\u00e9".encode("UTF-16LE"))
    assert_equal "\xFF\xE9".b, body("\xFF\xE9".b)
    assert_equal "\xFF".b, body("\xFF"), "what says that it is UTF-8, and is not"
    assert_equal "\xFF".b, body(ByteBuffer.new("\xFF"))
    assert_equal Encoding::BINARY, reply(ByteBuffer.new("a".encode("UTF-16LE")))[1].encoding
  end

  def test_what_can_be_json_is_json
    { { a: 1 } => '{"a":1}', [1, nil] => "[1,null]", [1, 2, 3] => "[1,2,3]", :x => '"x"', 7 => "7",
      false => "false", %w[a b] => '["a","b"]' }.each do |value, text|
      next if value == [1, nil] # a pair

      assert_equal text, body(value)
      assert_equal "application/json", head(value)["headers"]["Content-Type"]
    end
  end

  def test_pairs
    assert_equal 201, head([201, "x"])["status"]
    assert_equal "{}", body([201, {}])
    assert_equal "", body([204, nil])
    assert_raises(ArgumentError) { reply([1, 2]) }
    assert_raises(ArgumentError) { reply([600, "x"]) }
  end

  def test_what_is_no_json_raises
    assert_raises(JSON::GeneratorError) { reply([Float::NAN, 1, 2]) }
    assert_raises(JSON::GeneratorError) { reply({ a: "\xFF" }) }
  end

  def test_content_types
    type = ->(response) { head(response)["headers"]["Content-Type"] }
    html = { "content-type" => "text/html" }
    assert_equal "text/html", type.call(Response.new("x", headers: html))
    assert_equal "a/b", type.call(Response.new("x", headers: html, content_type: "a/b"))
    assert_equal "text/plain", type.call(Response.new("x", content_type: ""))
    assert_equal "application/json", type.call(Response.new({}, content_type: "a/b"))
    assert_equal "text/plain", Response.new("x").content_type
    assert_raises(TypeError) { reply(Response.new("x", content_type: 7)) }
    assert_raises(TypeError) { reply(Response.new("x", content_type: :a)) }
  end

  def test_base64
    response = Response.new(["\xFFx"].pack("m"), body_encoding: "base64")
    assert_equal "\xFFx".b, body(response)
    assert_equal 2, head(response)["body_length"]
  end

  def test_header_values
    assert_equal({ "a" => "b", "n" => "7", "t" => "true" }, headers({ a: :b, n: 7, "t" => true }))
    assert_equal({ "a" => %w[b c] }, headers({ "a" => ["b", nil, "c"], "x" => nil, "y" => [] }))
    assert_equal({ "a" => %w[b c] }, headers({ "a" => "b", a: "c" }), "one name")
    assert_equal({ "a" => "\u00c3\u00a9" }, headers({ "a" => "\u00e9" }), "UTF-8")
    assert_equal({ "a" => "\u00ff" }, headers({ "a" => "\xFF".b }), "bytes")
    assert_equal({ "a" => "\"\\\t" }, headers({ "a" => "\"\\\t" }))
    assert_equal({ "a" => "" }, headers({ "a" => "" }))
  end

  def test_header_nonsense
    [{ "a b" => "c" }, { "" => "c" }, { "a" => "b\r\nc" }, { "a" => "b\0" }, { "a" => "\x7f" },
     { "\u00e9" => "c" }, { "a\n" => "b" }, { "a" => "b\n" }, { "a" => "b" * 8193 },
     { "a" => ["b"] * 101 }].each do |nonsense|
      assert_raises(ArgumentError, nonsense.inspect[0, 80]) { headers(nonsense) }
    end
    assert_raises(TypeError) { headers("a: b") }
    assert_raises(TypeError) { headers({ "a" => {} }) }
    assert_raises(TypeError) { headers({ "a" => [["b"]] }) }
  end

  def test_a_header_has_room_or_fails
    fits = headers({ "a" => "b" * 8000 })
    assert_equal 8000, fits["a"].size
    assert_raises(ArgumentError) { headers({ "a" => "b" * 8000, "c" => "\u00e9" * 4000 }) }
  end

  def test_statuses
    assert_equal 200, head(Response.new("x", status_code: nil))["status"]
    [199, 600, 1000, -1].each do |status|
      assert_raises(ArgumentError) { reply(Response.new(status_code: status)) }
    end
    ["200", 200.5, true, [200]].each do |status|
      assert_raises(TypeError) { reply(Response.new(status_code: status)) }
    end
  end

  def test_heads_are_remembered_and_forgotten
    300.times do |i|
      headers = head(Response.new("", content_type: "a/#{i}"))["headers"]
      assert_equal({ "Content-Type" => "a/#{i}" }, headers)
    end
  end

  def test_errors_fit_the_line
    error = RuntimeError.new("\u{1f600}" * 100_000)
    error.set_backtrace(["a.rb:1"] * 10_000)
    line = FnRuntime::Reply.error("id-1", error, 5, LINE_MAX)
    assert_operator line.bytesize, :<=, LINE_MAX
    seen = JSON.parse(line)
    assert_equal ["error", "id-1", "RuntimeError", 5],
                 seen.values_at("type", "id", "error", "duration_us")
    assert seen["message"].end_with?("...")
  end

  def test_errors_whose_code_fails
    message = lambda do |error|
      JSON.parse(FnRuntime::Reply.error("i", error, 0, LINE_MAX))["message"]
    end
    broken = Class.new(StandardError) { def message = raise("again") }.new
    assert_equal "<RuntimeError>", message.call(broken)
    assert_equal "\u00ff\u00c3\u00a9", message.call(RuntimeError.new("\xFF\xC3\xA9".b))
  end

  def test_logs_are_what_nginx_can_read
    deep = (1..100).reduce([]) { |lists, _| [lists] }
    with = { big: 1 << 64, least: -(1 << 63), nan: Float::NAN, deep: deep, "a\0b" => 1, x: Object,
             a: 1, "a" => 2, bytes: "\xFF".b, list: ["x" * 50_000] }
    line = FnRuntime::Protocol.log_line("info", "m" * 50_000, with, LINE_MAX)
    assert_operator line.bytesize, :<=, LINE_MAX
    seen = JSON.parse(line, max_nesting: 32)["with"]
    assert_equal [(1 << 64).to_s, -(1 << 63), "NaN", 1, "Object", 2, "\u00ff"],
                 seen.values_at("big", "least", "nan", "ab", "x", "a", "bytes")
  end

  def test_a_small_line
    line = FnRuntime::Protocol.log_line("info", "m" * 500, { a: "b" * 500, c: "d" * 500 }, 300)
    assert_operator line.bytesize, :<=, 300
    assert JSON.parse(line)
  end
end
