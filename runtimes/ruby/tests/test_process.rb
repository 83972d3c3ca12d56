# frozen_string_literal: true

require "minitest"
require_relative "runtime"

# What only a process shows, and ../../conformance does not ask for.
class TestProcess < Minitest::Test
  PRELUDE = "def main(context, event)\n"

  # The reply to one event of a handler with this body.
  def ask(body, env: {}, **event)
    Runtime.open("#{PRELUDE}#{body}\nend", env: env) { |runtime| runtime.ask(**event) }
  end

  def refused(source, env: {})
    Runtime.open(source, env: env) do |runtime|
      yield JSON.parse(runtime.ready), runtime.errors
      assert_equal 1, runtime.wait.exitstatus
    end
  end

  # Loading

  def test_entry_of_a_module
    source = <<~RUBY
      module Api
        module Users
          def self.init_context(context) = context.user_data = 7
          def self.list(context, event) = "list \#{context.user_data}"
        end
      end
    RUBY
    Runtime.open(source, env: { "FN_ENTRY" => "Api::Users.list" }) do |runtime|
      assert_equal "list 7", runtime.ask.body
    end
  end

  def test_what_nuclio_has_loaded
    body = '[Base64.encode64("a"), DateTime.new(1970).year, JSON.generate([]), UNIXSocket.name]'
    assert_equal '["YQ==\n",1970,"[]","UNIXSocket"]', ask(body).body
  end

  def test_a_file_beside_the_function
    Dir.mktmpdir do |folder|
      File.write("#{folder}/beside.rb", "BESIDE = 'beside'")
      File.write("#{folder}/json.rb", "require 'beside'; def main(c, e) = BESIDE + __dir__")
      Runtime.open(target: "#{folder}/json.rb") do |runtime|
        assert_equal "beside#{File.realpath(folder)}", runtime.ask.body
      end
    end
  end

  def test_user_code_that_takes_names_of_kernel
    source = <<~RUBY
      %i[format puts sleep loop select text read].each { |name| define_method(name) { |*| raise } }
      class Event; end
      class Context; end
      class Logger; end
      def main(context, event)
        context.logger.info("a", b: 1)
        STDOUT.print("x")
        [201, { a: event.fields }]
      end
    RUBY
    Runtime.open(source) do |runtime|
      reply = runtime.ask(query: "a=%20")
      assert_equal ['{"a":{"a":" "}}', %w[a x]], [reply.body, reply.messages]
    end
  end

  def test_refusals
    { "def main(" => "SyntaxError", "exit 0" => "SystemExit", "x = 1" => "NameError",
      "require 'nothing/like/it'" => "LoadError" }.each do |source, error|
      refused(source) do |line, errors|
        assert_equal error, line["error"]
        assert_match error == "NameError" ? "main" : "function.rb", errors
      end
    end
    { "FN_PROTOCOL" => "2", "FN_ENTRY" => "Alpha.b", "FN_CONCURRENCY" => "x" }.each do |name, value|
      refused("#{PRELUDE}end", env: { name => value }) do |line,|
        assert_match value.delete_suffix(".b"), line["message"]
      end
    end
  end

  def test_no_locale
    body = '[Encoding.default_external, event.path.encoding, event.body.encoding, "\u00e9"]' \
           ".map(&:to_s)"
    env = { "LANG" => "C", "LC_ALL" => "C" }
    assert_equal '["UTF-8","UTF-8","ASCII-8BIT","é"]'.b, ask(body, env: env).body
  end

  # Streams

  def test_lazy_enumerators_and_their_kinds_of_pieces
    reply = ask('[201, ["a", nil, "", {b: 1}, ByteBuffer.new("\xFF")].lazy.map { |x| x }]')
    assert_equal ["a", '{"b":1}', "\xFF".b], reply.chunks.map(&:b)
    assert_equal [201, "end"], [reply.head["status"], reply.last["type"]]
  end

  def test_an_empty_stream
    reply = ask("[].each")
    assert_equal [[], "end"], [reply.chunks, reply.last["type"]]
  end

  def test_files_and_pipes
    [%(File.open("#{__FILE__}")), %(IO.popen(["cat", "#{__FILE__}"])),
     %(require "stringio"; StringIO.new(File.read("#{__FILE__}")))].each do |body|
      reply = ask("Response.new((#{body}), content_type: 'a/b')")
      assert_equal File.binread(__FILE__), reply.chunks.join
      assert_equal "a/b", reply.type
    end
  end

  def test_an_error_before_the_first_piece_is_a_whole_reply
    reply = ask("Enumerator.new { |pieces| context.logger.info('in it'); raise 'early' }")
    assert_equal %w[error early], reply.head.values_at("type", "message")
    assert_equal ["in it"], reply.messages
  end

  def test_a_late_error_of_another_kind
    reply = ask("Enumerator.new { |pieces| pieces << 'a'; pieces << [1].each }")
    assert_equal %w[error TypeError], reply.last.values_at("type", "error")
    assert_equal ["a"], reply.chunks
  end

  def test_logs_and_prints_between_pieces
    reply = ask("Enumerator.new { |p| print 'a'; p << 'b'; puts 'c'; context.logger.warn('d'); " \
                "print 'e' }")
    assert_equal [%w[ac d e], ["b"]], [reply.messages, reply.chunks]
  end

  def test_a_stream_ends_when_its_client_has_left
    source = <<~RUBY
      def main(context, event)
        return $ended.to_s if event.path == "/ended"
        Enumerator.new do |pieces|
          while true
            begin
              pieces << "x" * 10_000
            rescue => e
              $ended = "rescued"
            end
          end
        ensure
          $ended = "ensured"
        end
      end
    RUBY
    Runtime.open(source) do |runtime|
      client = runtime.connect
      client.send_event
      client.socket.read(20_000)
      client.close
      assert_equal "ensured", runtime.ask(path: "/ended").body
    end
  end

  # Failures

  def test_every_way_out_of_a_handler
    { "throw :x" => "UncaughtThrowError", "exit" => "SystemExit", "abort" => "SystemExit",
      "require 'no/such'" => "LoadError", "raise NotImplementedError" => "NotImplementedError",
      "raise Interrupt" => "Interrupt", "raise SignalException, 'TERM'" => "SignalException",
      "raise Exception" => "Exception", "proc { return 1 }.call + nope" => nil,
      "Fiber.yield" => "FiberError", "eval('}')" => "SyntaxError",
      "raise Class.new(StandardError)" => /\A#<Class:/, "Integer('x')" => "ArgumentError",
      "def self.x = yield; x" => "LocalJumpError" }.each do |body, name|
      Runtime.open("#{PRELUDE}return 'ok' if event.path == '/ok'\n#{body}\nend") do |runtime|
        client = runtime.connect
        reply = client.ask
        assert_operator name, :===, reply.head["error"], body
        assert_equal "ok", client.ask(path: "/ok").body
      end
    end
  end

  def test_a_stack_names_the_function_alone
    reply = ask("raise 'x'")
    assert_match %r{\A\S+/function.rb:2:in `main': x \(RuntimeError\)\n\z}, reply.head["stack"]
    reply = ask("begin; raise 'cause'; rescue; raise 'x'; end")
    assert_match "cause", reply.head["stack"]
    refute_match "server.rb", reply.head["stack"]
  end

  def test_a_wrong_number_of_arguments
    Runtime.open("def main(event) = 1") do |runtime|
      assert_equal "ArgumentError", runtime.ask.head["error"]
    end
  end

  def test_threads_that_end_themselves
    [{}, { "FN_CONCURRENCY" => "2" }].each do |env|
      Runtime.open("#{PRELUDE}event.path == '/x' ? Thread.exit : 'ok'\nend", env: env) do |runtime|
        reply = runtime.ask(path: "/x")
        # of the main thread, Ruby makes exit()
        env.empty? ? assert_equal("SystemExit", reply.head["error"]) : assert_nil(reply)
        3.times { assert_equal "ok", runtime.ask.body }
      end
    end
  end

  # Logs and output

  def test_log_level_of_one_event
    source = "#{PRELUDE}context.logger.debug('d'); context.logger.log(:warning, 'w')\n" \
             "puts 'o'; warn 'e'\nend"
    Runtime.open(source, env: { "FN_LOG_LEVEL" => "warn" }) do |runtime|
      client = runtime.connect
      assert_equal %w[w e], client.ask.messages
      assert_equal %w[d w o e], client.ask(log_level: "debug").messages
      assert_equal %w[e], client.ask(log_level: "error").messages
      assert_equal %w[w e], client.ask(log_level: "odd").messages
      assert_equal %w[w e], client.ask.messages
    end
  end

  def test_every_way_to_print
    body = '$stdout << "a" << "\n"; printf("%d\n", 1); p [1]; putc "x"; puts;' \
           '$stdout.write("b", "c", "\r\n"); STDOUT.puts ["d", ["e"]];' \
           'print "\u00e9\n", "\xFF\n"; $stderr.puts "f"; STDERR.print "g"; pp 7; nil'
    reply = ask(body)
    assert_equal %w[a 1 [1] x bc d e é ÿ f 7 g], reply.messages
    assert_equal %w[info error], reply.logs.map { |log| log["level"] }.uniq
  end

  def test_a_long_line_and_one_without_an_end
    messages = ask('print "x" * 5000; print "end"').messages
    assert_equal [1024] * 4 + [904, 3], messages.map(&:size)
    assert_equal "#{"x" * 5000}end", messages.join
  end

  def test_what_is_printed_outside_of_events
    source = "puts 'load'\n#{PRELUDE}" \
             "Thread.new { puts 'thread'; context.logger.info('logged', a: 1) }.join\n'x'\nend"
    Runtime.open(source) do |runtime|
      assert_empty runtime.ask.logs
      assert_equal "load\nthread\n", runtime.output
      assert_equal "info logged {\"a\":1}\n", runtime.errors
    end
  end

  def test_fibers_print_in_their_event
    reply = ask("Enumerator.new { |y| puts 'in'; y << 1 }.next\n" \
                "Fiber.new { puts 'fiber' }.resume; 'x'")
    assert_equal %w[in fiber], reply.messages
  end

  def test_streams_that_were_replaced
    reply = ask("require 'stringio'; $stdout = $stderr = StringIO.new\n" \
                "puts 'a'; warn 'b'; $stdout.string")
    assert_equal ["a\nb\n", []], [reply.body, reply.logs]
  end

  # Connections

  def test_many_events_at_once
    [1, 4].each do |concurrency|
      source = "#{PRELUDE}event.body + event.path\nend"
      Runtime.open(source, env: { "FN_CONCURRENCY" => concurrency.to_s }) do |runtime|
        clients = Array.new(16) { runtime.connect }
        50.times do |round|
          bodies = clients.map { |client| (client.object_id.to_s * (1 + round * 50)).b }
          clients.zip(bodies) { |client, body| client.send_event(body: body, path: "/#{round}") }
          clients.zip(bodies) { |client, body| assert_equal "#{body}/#{round}", client.read.body }
        end
      end
    end
  end

  def test_bytes_that_are_no_event_end_their_connection_only
    [1, 2].each do |concurrency|
      Runtime.open("#{PRELUDE}'x'\nend", env: { "FN_CONCURRENCY" => concurrency.to_s }) do |runtime|
        good = runtime.connect
        two = %({"id":"a","method":"b","path":"/"}\nrest)
        ["nonsense\n", "{}\n", "\n", "x" * 300_000, two].each do |bytes|
          bad = runtime.connect
          begin
            bad.socket.write(bytes)
          rescue Errno::EPIPE
            nil
          end
          assert_includes [nil, ""], (bad.socket.read rescue nil)
          assert_equal "x", good.ask.body
        end
        assert_match "connection closed: ", runtime.errors
      end
    end
  end

  def test_a_large_body_in_pieces_both_ways
    body = Random.bytes(3_000_000)
    Runtime.open("#{PRELUDE}event.body\nend") do |runtime|
      client = runtime.connect
      client.send_event(body: body)
      assert_equal body, client.read.body
    end
  end

  def test_start_by
    now = Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)
    Runtime.open("#{PRELUDE}'ran'\nend") do |runtime|
      assert_equal({ "type" => "expired", "id" => Client::ID }, runtime.ask(start_by: now - 1).head)
      assert_equal "ran", runtime.ask(start_by: now + 60_000).body
    end
  end

  # The end

  def test_stop_with_concurrency
    source = "#{PRELUDE}sleep 0.2\n'slept'\nend"
    Runtime.open(source, env: { "FN_CONCURRENCY" => "2" }) do |runtime|
      idle, busy, waiting = Array.new(3) { runtime.connect }
      third = runtime.connect
      [busy, waiting].each(&:send_event)
      sleep 0.05
      third.send_event # all is busy: it is not read
      runtime.stop
      assert_nil idle.read
      assert_equal %w[slept slept], [busy.read.body, waiting.read.body]
      assert_equal 0, runtime.wait.exitstatus
      assert_nil (third.read rescue nil)
    end
  end

  def test_nginx_goes_while_threads_are_busy
    ["sleep", "nil while true", "system('sleep', '2')", "'x' =~ /x+y/ while true"].each do |body|
      [1, 3].each do |concurrency|
        env = { "FN_CONCURRENCY" => concurrency.to_s }
        Runtime.open("#{PRELUDE}#{body}\nend", env: env) do |runtime|
          clients = Array.new(concurrency) { runtime.connect.tap(&:send_event) }
          sleep 0.05
          runtime.control.close
          assert runtime.wait(5), "#{body}, #{concurrency}"
          clients.each(&:close)
        end
      end
    end
  end

  def test_children_of_every_kind
    ["fork", "Process.fork", "(pipe = IO.popen('-')) && pipe.close; pipe",
     "Thread.new { fork }.value"].each do |call|
      [1, 2].each do |concurrency|
        env = { "FN_CONCURRENCY" => concurrency.to_s }
        Runtime.open("#{PRELUDE}(#{call}) ? 'parent' : 'child'\nend", env: env) do |runtime|
          client = runtime.connect
          3.times { assert_equal "parent", client.ask.body, call }
          runtime.stop
          assert_equal 0, runtime.wait.exitstatus
        end
      end
    end
  end

  def test_a_child_that_lives_on_holds_nothing
    Runtime.open("#{PRELUDE}fork { sleep 1000 }.to_s\nend") do |runtime|
      client = runtime.connect
      child = Integer(client.ask.body)
      files = -> { Dir.glob("/proc/#{child}/fd/*").map { |file| File.readlink(file) rescue "" } }
      sleep 0.01 until files.call.grep(/socket/).empty? # its first steps
      runtime.control.close
      assert runtime.wait
      assert_nil client.read
    ensure
      Process.kill("KILL", child) if child
    end
  end

  def test_signals_end_a_process_as_they_do_elsewhere
    Runtime.open("#{PRELUDE}begin; sleep; rescue Exception; 'rescued'; end\nend") do |runtime|
      client = runtime.connect
      client.send_event
      sleep 0.05
      Process.kill("TERM", runtime.pid)
      assert_equal Signal.list["TERM"], runtime.wait.termsig
    end
  end

  def test_at_exit_runs_at_a_stop
    Runtime.open("at_exit { STDOUT.puts 'bye' }\n#{PRELUDE}end") do |runtime|
      runtime.stop
      assert_equal 0, runtime.wait.exitstatus
      assert_equal "bye\n", runtime.output
    end
  end
end
