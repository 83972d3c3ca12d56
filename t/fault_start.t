# A function whose process does not start: 503 and Retry-After for it alone,
# why is in the error log, and it is tried again, more and more slowly.
# "--- start" names a row of STARTS in t/lib/fault_runtime.py.

use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_FN_ROOT} = $ENV{FN_ROOT} || do { require Cwd; Cwd::getcwd() };

my $command = '    fn_command python python3 -S -E '
    . "$ENV{TEST_NGINX_FN_ROOT}/t/lib/fault_runtime.py;\n";

add_block_preprocessor(sub {
    my ($block) = @_;
    my $start = $block->start;

    my $set = sub {
        my ($section, $value) = @_;
        $block->set_value($section, $value) unless defined $block->$section;
    };

    # without "start" it is the Python runtime, and html/x.py

    my $env = defined $start ? "$command fn_env FAULT_START=$start;" : '';
    my $more = $block->more // '';

    $set->(config => <<"_EOC_");
    location /f/ {
        $env
        $more
        fn_handler python:\$TEST_NGINX_SERVER_ROOT/html/x.py name=bad;
    }

    location /good/f/ {
        $command
        fn_handler python:\$TEST_NGINX_SERVER_ROOT/html/good.py name=good;
    }

    location = /fn {
        fn_status;
    }
_EOC_

    $block->set_value(user_files => '>>> good.py' . "\n"
        . ($block->user_files // '>>> x.py'));

    $set->(request => ['GET /f/x', 'GET /good/f/x']);
    $set->(error_code => [503, 200]);
    $set->(response_headers => ['Retry-After: 1', '!Retry-After'])
        if !defined $block->response_headers_like;
    $set->(no_error_log => "[emerg]\n[alert] 0#0");
});

log_level('info');
check_accum_error_log();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a syntax error
--- user_files
>>> x.py
def handler(context, event)
    return "x"
--- shutdown_error_log eval
[qr/\[error\] .* fn "bad" pid \d+: +def handler\(context, event\)$/,
 qr/\[error\] .* fn "bad" pid \d+: SyntaxError: /,
 qr/\[error\] .* fn "bad" process \d+ could not start: .*SyntaxError/,
 qr/\[error\] .* fn "bad" process \d+ exited with code 1 before it was ready/,
 qr/\[error\] .* fn "bad" is unavailable: none of its processes could be started/]



=== TEST 2: an exception while it is imported
--- user_files
>>> x.py
raise ValueError("at import")
--- shutdown_error_log eval
[qr/fn "bad" pid \d+: Traceback \(most recent call last\):/,
 qr/fn "bad" pid \d+: ValueError: at import/]



=== TEST 3: a module that is not there
--- user_files
>>> x.py
import no_such_module
--- shutdown_error_log eval
qr/fn "bad" pid \d+: ModuleNotFoundError: No module named 'no_such_module'/



=== TEST 4: no handler
--- user_files
>>> x.py
x = 1
--- shutdown_error_log eval
qr/fn "bad" process \d+ could not start: .*handler/



=== TEST 5: init_context fails
--- user_files
>>> x.py
def init_context(context):
    raise RuntimeError("in init_context")

def handler(context, event):
    return "x"
--- shutdown_error_log eval
[qr/fn "bad" pid \d+: RuntimeError: in init_context/,
 qr/fn "bad" process \d+ could not start: .*RuntimeError/]



=== TEST 6: it ends while it is imported
--- user_files
>>> x.py
import os
os._exit(5)
--- shutdown_error_log eval
qr/fn "bad" process \d+ exited with code 5 before it was ready/



=== TEST 7: it says that it could not start, escaped in the log
--- start: refused
--- shutdown_error_log eval
[qr/fn "bad" process \d+ could not start: \{.*"no\\u001b/,
 qr/fn "bad" pid \d+: what explains it/]



=== TEST 8: it ends without a word
--- start: silent
--- shutdown_error_log eval
qr/fn "bad" process \d+ exited with code 3 before it was ready/



=== TEST 9: it says nonsense
--- start: garbage
--- shutdown_error_log eval
qr/fn "bad" process \d+ could not start: \\x00\\x1B\[31m hello/



=== TEST 10: it speaks another protocol
--- start: version
--- shutdown_error_log eval
qr/fn "bad" process \d+ could not start: \{"type":"ready","protocol":2\}/



=== TEST 11: a line without an end
--- start: endless
--- shutdown_error_log eval
qr/fn "bad" process \d+ could not start: xxxxxx/



=== TEST 12: it is never ready: who waits is told so at fn_start_timeout
--- start: never
--- more: fn_start_timeout 300ms;
--- shutdown_error_log eval
[qr/\[error\] .* fn "bad" process \d+ is killed: it was not ready in 300 ms/]



=== TEST 13: it is slow: who comes early waits
--- start: slow
--- error_code eval
[200, 200]
--- response_headers eval
['!Retry-After', '!Retry-After']
--- response_body_like eval
['"nth": 1,', '"nth": 1,']
--- no_shutdown_error_log
[error]



=== TEST 14: it is never ready, and the queue's time is over before
--- start: never
--- more: fn_queue 10 timeout=200ms;
--- shutdown_error_log eval
qr/fn "bad" is unavailable: no process became free in time \("fn_queue"\)/



=== TEST 15: a crash loop is slowed down
--- start: silent
--- request eval
["GET /f/1", "GET /f/2", "GET /f/3"]
--- error_code eval
[503, 503, 503]
--- response_headers eval
[('Retry-After: 1') x 3]
--- wait: 0.5
--- shutdown_error_log eval
[qr/exited with code 3 before it was ready, started again, runtime: python$/,
 qr/exited with code 3 before it was ready, started again in 100 ms, runtime: python$/,
 qr/exited with code 3 before it was ready, started again in 200 ms/,
 qr/exited with code 3 before it was ready, started again in 400 ms/]



=== TEST 16: the same when it is ready, and dies
--- start: crashing
--- request eval
["GET /good/f/1", "GET /good/f/2", "GET /good/f/3"]
--- error_code eval
[200, 200, 200]
--- response_headers eval
[('!Retry-After') x 3]
--- wait: 0.5
--- shutdown_error_log eval
[qr/exited on signal 9, started again, runtime: python$/,
 qr/exited on signal 9, started again in 100 ms, runtime: python$/,
 qr/exited on signal 9, started again in 200 ms/,
 qr/exited on signal 9, started again in 400 ms/]
