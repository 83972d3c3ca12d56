# What a process prints is in the error log: by line, escaped, and bounded.

use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_FN_ROOT} = $ENV{FN_ROOT} || do { require Cwd; Cwd::getcwd() };

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => 'fn_command python python3 -S -E '
        . '$TEST_NGINX_FN_ROOT/t/lib/fault_runtime.py;');

    $block->set_value(config => <<'_EOC_') if !defined $block->config;
    location /f/ {
        fn_handler python:$TEST_NGINX_SERVER_ROOT/html/x.py name=out;
    }
_EOC_

    $block->set_value(user_files => ">>> x.py\n");
    $block->set_value(no_error_log => "[emerg]\n[alert] 0#0");
});

log_level('info');
check_accum_error_log();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: standard output is notice
--- request
GET /f/stdout?hello\n
--- response_body: ok
--- shutdown_error_log eval
qr/\[notice\] .* fn "out" pid \d+: hello$/



=== TEST 2: standard error is error
--- request
GET /f/stderr?hello\n
--- response_body: ok
--- shutdown_error_log eval
qr/\[error\] .* fn "out" pid \d+: hello$/



=== TEST 3: a record per line, empty ones and CR left out
--- request
GET /f/stderr?one\r\n\n\ntwo\nthree
--- response_body: ok
--- shutdown_error_log eval
[qr/pid \d+: one$/, qr/pid \d+: two$/, qr/pid \d+: three$/]
--- no_shutdown_error_log eval
[qr/pid \d+: ?$/, '\x0D']



=== TEST 4: controls, and what is no UTF-8, are escaped
--- request
GET /f/stderr?a\x1b[31m\x00\x07\x7f\xff\xc2\x9b\tz\n
--- response_body: ok
--- shutdown_error_log eval
qr/pid \d+: a\\x1B\[31m\\x00\\x07\\x7F\\xFF\\xC2\\x9B\tz$/



=== TEST 5: UTF-8 is not
--- request
GET /f/stderr?\xc3\xa9\xe2\x82\xac\n
--- response_body: ok
--- shutdown_error_log eval
qr/pid \d+: \xc3\xa9\xe2\x82\xac$/



=== TEST 6: no line of the log is somebody else's
--- request
GET /f/stdout?x\n2026/01/01\x2000:00:00\x20[warn]\x201\x231:\x20forged\n
--- response_body: ok
--- shutdown_error_log eval
qr/\[notice\] .* fn "out" pid \d+: 2026\/01\/01 00:00:00 \[warn\] 1#1: forged$/
--- no_shutdown_error_log eval
qr/^2026\/01\/01/



=== TEST 7: a long line goes in pieces, and nothing of it is lost
--- request
GET /f/long_line?5000
--- response_body: ok
--- shutdown_error_log eval
[qr/pid \d+: <y{1799}$/, qr/pid \d+: y{1800}$/, qr/pid \d+: y{1401}>$/]



=== TEST 8: a line without an end, and the process dies
--- request eval
["GET /f/stderr?unended", "POST /f/kill\nbody"]
--- error_code eval
[200, 502]
--- shutdown_error_log eval
qr/\[error\] .* fn "out" pid \d+: unended$/



=== TEST 9: it goes to the error log of the location
--- config
    location /f/ {
        error_log $TEST_NGINX_SERVER_ROOT/html/own.log notice;
        fn_handler python:$TEST_NGINX_SERVER_ROOT/html/x.py name=out;
    }

    location = /own.log {
        root $TEST_NGINX_SERVER_ROOT/html;
    }
--- request eval
["GET /f/stdout?hello\\n", "GET /f/sleep?0.1", "GET /own.log"]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
['ok', 'ok', '\[notice\] .* fn "out" pid \d+: hello\n']
--- no_shutdown_error_log
hello



=== TEST 10: a log that is less is less
--- config
    location /f/ {
        error_log $TEST_NGINX_SERVER_ROOT/html/own.log error;
        fn_handler python:$TEST_NGINX_SERVER_ROOT/html/x.py name=out;
    }

    location = /own.log {
        root $TEST_NGINX_SERVER_ROOT/html;
    }
--- request eval
["GET /f/stdout?quiet\\n", "GET /f/stderr?loud\\n", "GET /f/sleep?0.1", "GET /own.log"]
--- error_code eval
[200, 200, 200, 200]
--- response_body_like eval
['ok', 'ok', 'ok', '^[^\n]* fn "out" pid \d+: loud\n$']
