# Every row of the answers: 500 the handler ran and failed; 502 it may have
# been run; 503 and Retry-After it was not; 504 the deadline; and nginx's own,
# with which no process has anything to do.

use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_FN_ROOT} = $ENV{FN_ROOT} || do { require Cwd; Cwd::getcwd() };

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'_EOC_');
    fn_command python python3 -S -E $TEST_NGINX_FN_ROOT/t/lib/fault_runtime.py;
    fn_env FN_LEDGER=$TEST_NGINX_SERVER_ROOT/html/ledger;
_EOC_

    $block->set_value(config => <<'_EOC_');
    location /f/ {
        fn_handler python:$TEST_NGINX_SERVER_ROOT/html/x.py name=f;
        fn_timeout 300ms;
        fn_queue 0;
        client_max_body_size 1k;
        client_body_timeout 300ms;
    }

    location /never/f/ {
        fn_env FAULT_START=silent;
        fn_handler python:$TEST_NGINX_SERVER_ROOT/html/x.py name=never;
    }

    location = /ledger {
        root $TEST_NGINX_SERVER_ROOT/html;
    }
_EOC_

    $block->set_value(user_files => ">>> x.py\n>>> ledger\n");
    $block->set_value(init => 'chmod 0666, html_dir() . "/ledger"; select undef, undef, undef, 0.2');
    $block->set_value(no_error_log => "[emerg]\n[alert] 0#0");
});

log_level('info');
check_accum_error_log();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: 500
--- request eval
["GET /f/error", "GET /f/after"]
--- error_code eval
[500, 200]
--- response_headers eval
["!Retry-After\nContent-Type: text/plain", '!Retry-After']
--- response_body_like eval
['^function failed, request id: \w{32}\n$', '"nth": 2,']



=== TEST 2: 502
--- request eval
["POST /f/kill\nbody", "GET /ledger"]
--- error_code eval
[502, 200]
--- response_headers eval
['!Retry-After', '!Retry-After']
--- response_body_like eval
['502 Bad Gateway', '^POST /f/kill']



=== TEST 3: 503
--- request eval
["GET /never/f/x", "GET /ledger"]
--- error_code eval
[503, 200]
--- response_headers eval
['Retry-After: 1', '!Retry-After']
--- response_body_like eval
['503 Service Temporarily Unavailable', '^$']



=== TEST 4: 504
--- request eval
["GET /f/hang", "GET /ledger"]
--- error_code eval
[504, 200]
--- response_headers eval
['!Retry-After', '!Retry-After']
--- response_body_like eval
['504 Gateway Time-out', '^GET /f/hang']



=== TEST 5: 413: too large a body is not run
--- request eval
["POST /f/x\n" . "x" x 2000, "GET /ledger"]
--- error_code eval
[413, 200]
--- response_body_like eval
['413 Request Entity Too Large', '^$']



=== TEST 6: 408: half a body is not run; nginx closes the connection
--- raw_request eval
"POST /f/x HTTP/1.1\r
Host: t\r
Connection: close\r
Content-Length: 10\r
\r
half"
--- timeout: 5
--- error_code_like: ^$
--- access_log eval
qr/"POST \/f\/x HTTP\/1.1" 408 /



=== TEST 7: 400: a broken body is not run
--- raw_request eval
"POST /f/x HTTP/1.1\r
Host: t\r
Connection: close\r
Transfer-Encoding: chunked\r
\r
nonsense\r
"
--- error_code: 400



=== TEST 8: 499: the client has left
--- request
GET /f/sleep?0.2
--- timeout: 0.1
--- abort
--- ignore_response
--- wait: 0.4
--- shutdown_error_log
client prematurely closed connection
