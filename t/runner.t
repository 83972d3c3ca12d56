# Blocks about directives of nginx itself: they prove the runner, and that
# its sections mean the same as those of the original Test::Nginx.

use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();
$ENV{RUNNER_TEST_WORD} = 'from-the-environment';
env_to_nginx('RUNNER_TEST_WORD', 'RUNNER_TEST_OTHER=value');

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value('no_error_log', '[alert]') if !defined $block->no_error_log;
    $block->set_value('request', 'GET /preprocessed') if $block->name =~ /block preprocessor/;
});

my $cleaned = 0;
add_test_cleanup_handler(sub { $cleaned++ });

repeat_each(2);
no_shuffle();
run_tests();

is($cleaned, scalar(blocks()), 'the cleanup handler ran after each block');

__DATA__

=== TEST 1: the default code is 200, and a body is compared
--- config
    location = /t { return 200 "hello\n"; }
--- request
GET /t
--- response_body
hello



=== TEST 2: a block without config goes on with the server before it
--- request
GET /t
--- response_body
hello



=== TEST 3: error_code
--- config
    location = /t { return 503; }
--- request
GET /t
--- error_code: 503
--- response_body_like: 503 Service Temporarily Unavailable
--- response_body_unlike: unused



=== TEST 4: error_code_like
--- config
    location = /t { return 404; }
--- request
GET /t
--- error_code_like: ^4\d\d$



=== TEST 5: error_page with a user file
--- config
    error_page 404 /missing.txt;
--- user_files
>>> missing.txt
nothing here
>>> sub/other.txt 202001020304.05
other
--- request eval
["GET /absent", "GET /sub/other.txt"]
--- error_code eval
[404, 200]
--- response_body eval
["nothing here\n", "other\n"]
--- response_headers eval
["Content-Type: text/plain", "Last-Modified: Thu, 02 Jan 2020 03:04:05 GMT"]



=== TEST 6: user_files as an array
--- config
--- user_files eval
[["a.txt" => "a\0b"], ["b.txt" => ""]]
--- request eval
["GET /a.txt", "GET /b.txt"]
--- response_body eval
["a\0b", ""]



=== TEST 7: the root location
--- config
--- request
GET /
--- response_body chomp
<html><head><title>It works!</title></head><body>It works!</body></html>



=== TEST 8: response_headers, present, several and absent
--- config
    location = /t {
        add_header X-One 1;
        add_header X-Two a;
        add_header X-Two b;
        return 200;
    }
--- request
GET /t
--- response_headers
X-One: 1
x-two: a, b
!X-Three
--- response_body



=== TEST 9: response_headers_like
--- config
    location = /t { return 200 "body"; }
--- request
GET /t
--- response_headers_like
Server: nginx.*
Content-Length: \d
--- response_body: body



=== TEST 10: raw_response_headers_like and unlike
--- config
    location = /t { add_header X-One 1; return 200; }
--- request
GET /t
--- raw_response_headers_like: ^HTTP/1\.1 200 OK\r\n.*\r\nX-One: 1\r\n$
--- raw_response_headers_unlike: X-Two



=== TEST 11: more_headers
--- config
    location = /t { return 200 "$http_x_one|$http_host|$http_connection\n"; }
--- more_headers
# a comment
X-One: 1
Host: example.org
--- request
GET /t
--- response_body
1|example.org|close



=== TEST 12: more_headers of several requests
--- config
    location = /t { return 200 "$http_x_one\n"; }
--- more_headers eval
["X-One: 1", "X-One: 2"]
--- request eval
["GET /t", "GET /t"]
--- response_body eval
["1\n", "2\n"]



=== TEST 13: pipelined_requests share a connection
--- config
    location = /t { return 200 "$connection_requests $arg_n $http_connection\n"; }
--- pipelined_requests eval
["GET /t?n=a", "GET /t?n=b HTTP/1.1", "GET /t?n=c"]
--- response_body eval
["1 a keep-alive\n", "2 b keep-alive\n", "3 c close\n"]



=== TEST 14: pipelined chunked and plain responses
--- user_files
>>> chunked
<!--# set var="a" value="1" -->in chunks
--- config
    location = /chunked {
        ssi on;
        ssi_types *;
        root $TEST_NGINX_HTML_DIR;
    }
    location = /plain { return 404 "plain"; }
--- pipelined_requests eval
["GET /chunked", "GET /plain", "GET /chunked"]
--- error_code eval
[200, 404, 200]
--- response_headers eval
["Transfer-Encoding: chunked", "Content-Length: 5", "!Content-Length"]
--- response_body eval
["in chunks\n", "plain", "in chunks\n"]



=== TEST 15: a request body, its length without the last line end
--- config
    location = /t { client_max_body_size 4; root html; }
    location = /length { return 200 "$request_method $content_length\n"; }
--- request eval
["POST /length\nhello\n", "POST /t\nhello\n"]
--- error_code eval
[200, 413]
--- response_body_like eval
["^POST 5\n\$", "413 Request Entity Too Large"]



=== TEST 16: a request body in chunks
--- config
    location = /t { return 200 "$http_transfer_encoding"; }
--- more_headers
Transfer-Encoding: chunked
--- request eval
"POST /t
5\r
hello\r
0\r
\r
"
--- response_body: chunked



=== TEST 17: packets with a delay between them
--- config
    location = /t { return 200 "$request $content_length"; }
--- request eval
[["POST /t?a", "=1\nhel", "lo"]]
--- raw_request_middle_delay: 0.05
--- response_body: POST /t?a=1 HTTP/1.1 5



=== TEST 18: HTTP/1.0
--- config
    location = /t { return 200 "$server_protocol"; }
--- request
    GET /t HTTP/1.0
--- response_body: HTTP/1.0
--- response_headers
Connection: close



=== TEST 19: HEAD
--- config
    location = /t { return 200 "hello"; }
--- request
HEAD /t
--- response_headers
Content-Length: 5
--- response_body



=== TEST 20: 304 has no body
--- config
--- user_files
>>> old.txt 202001020304.05
old
--- more_headers
If-Modified-Since: Thu, 02 Jan 2020 03:04:05 GMT
--- request
GET /old.txt
--- error_code: 304
--- response_body



=== TEST 21: raw_request
--- config
    location = /t { return 200 "$http_x_raw"; }
--- raw_request eval
"GET /t HTTP/1.1\r\nHost: a\r\nX-Raw: yes\r\nConnection: close\r\n\r\n"
--- response_body: yes



=== TEST 22: raw_request in pieces
--- config
    location = /t { return 200 "$http_x_raw"; }
--- raw_request eval
["GET /t HTTP/1.1\r\nHo", "st: a\r\nX-Raw: yes\r\nConnection: close\r\n\r\n"]
--- raw_request_middle_delay: 0.05
--- response_body: yes



=== TEST 23: a bad raw request
--- config
--- raw_request eval
"GET / HTTP/1.1\r\n\r\n"
--- error_code: 400
--- response_body_like: 400 Bad Request



=== TEST 24: error_log, no_error_log
--- config
    location = /t { root html; }
--- request
GET /t
--- error_code: 404
--- error_log eval
[qr/\[error\] .* open\(\) ".*?\/t" failed/, "No such file or directory"]
--- no_error_log
[alert]
[crit]
no such line



=== TEST 25: error_log of each of several requests
--- config
--- request eval
["GET /absent-a", "GET /absent-b"]
--- error_code eval
[404, 404]
--- error_log
No such file or directory
--- no_error_log
[crit]



=== TEST 26: log_level of a block
--- config
    location = /t { return 200; }
--- log_level: warn
--- request
GET /t
--- no_error_log
[debug]
[info]



=== TEST 27: grep_error_log
--- config
--- request
GET /absent.txt
--- error_code: 404
--- grep_error_log eval
qr/open\(\) "[^"]*\/html(\/[^"]*)" failed/
--- grep_error_log_out eval
[
    "open() \"" . $Test::Nginx::Util::HtmlDir . "/absent.txt\" failed\n",
    qr/^open\(\) .*absent\.txt/,
]



=== TEST 28: grep_error_log with plain text
--- config
--- log_level: notice
--- wait: 0.1
--- request
GET /absent.txt
--- error_code: 404
--- grep_error_log: No such file
--- grep_error_log_out
No such file



=== TEST 29: access_log
--- config
    location = /t { return 204; }
--- request
GET /t?in-the-log
--- error_code: 204
--- access_log
GET /t?in-the-log HTTP/1.1" 204
--- no_access_log
POST



=== TEST 30: must_die on a bad directive
--- config
    no_such_directive on;
--- must_die
--- error_log
[emerg]
unknown directive "no_such_directive"
--- suppress_stderr



=== TEST 31: must_die with an exit code
--- main_config
    worker_processes many;
--- config
--- must_die: 1
--- error_log eval
qr/\[emerg\] .*(?:is duplicate|invalid)/
--- suppress_stderr



=== TEST 32: after must_die the next block has a server
--- config
    location = /t { return 200 "up"; }
--- request
GET /t
--- response_body: up



=== TEST 33: http_config, main_config, post_main_config, env
--- main_config
    env RUNNER_TEST_MAIN=main;
--- http_config
    map $uri $mapped {
        default "mapped";
    }
--- post_main_config
    timer_resolution 100ms;
--- config
    location = /t { return 200 "$mapped"; }
--- request
GET /t
--- response_body: mapped



=== TEST 34: variables in the configuration
--- http_config
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        location / { return 200 "the other server, $server_port"; }
    }
--- config
    location = /other { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
    location = /self { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/port; }
    location = /port { return 200 "$server_port"; }
    location = /root { return 200 "$TEST_NGINX_SERVER_ROOT $TEST_NGINX_HTML_DIR"; }
--- request eval
["GET /other", "GET /self", "GET /root"]
--- response_body eval
[
    'the other server, $TEST_NGINX_RAND_PORT_1',
    '$ServerPort',
    "$Test::Nginx::Util::ServRoot $Test::Nginx::Util::HtmlDir",
]



=== TEST 35: response_body as a regex
--- config
    location = /t { return 200 "request $request_id"; }
--- request
GET /t
--- response_body eval
qr/^request [0-9a-f]{32}$/



=== TEST 36: timeout with abort: the client gives up
--- config
    location = /t { return 200 "kept"; }
--- more_headers
Connection: keep-alive
--- request
GET /t
--- timeout: 100ms
--- abort
--- response_body: kept



=== TEST 37: abort with ignore_response: the request is never whole
--- config
    location = /t { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/; }
--- more_headers
Content-Length: 10
--- request
POST /t
part
--- timeout: 0.2
--- abort
--- ignore_response
--- wait: 0.1
--- error_log
client prematurely closed connection



=== TEST 38: the client shuts its side down
--- config
    location = /t { return 200 "answered"; }
--- request
GET /t
--- shutdown: 1
--- response_body: answered



=== TEST 39: a big body in both directions
--- config
    location = /t { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/big; }
    location = /big { root $TEST_NGINX_HTML_DIR; error_page 405 =200 $uri; }
--- user_files eval
[["big", "0123456789abcdef" x 65536]]
--- request eval
"POST /t\n" . ("x" x 1000000)
--- response_body eval
"0123456789abcdef" x 65536



=== TEST 40: the block preprocessor gave the request
--- config
    location = /preprocessed { return 200 "preprocessed"; }
--- response_body: preprocessed



=== TEST 41: init runs before the requests
--- config
    location = /t { root $TEST_NGINX_HTML_DIR; }
--- init
open my $out, '>', "$Test::Nginx::Util::HtmlDir/t" or die $!;
print {$out} 'by init';
close $out;
--- request
GET /t
--- response_body: by init



=== TEST 42: SKIP
--- SKIP
--- config
    this is not a configuration
--- request
GET /t



=== TEST 43: skip_nginx
--- config
    this is not a configuration either
--- skip_nginx: 1: >= 0.1.0
--- request
GET /t



=== TEST 44: skip_eval
--- config
    this is not a configuration either
--- skip_eval: 1: 1 + 1 == 2
--- request
GET /t



=== TEST 45: the log of the shutdown
--- config
    location = /t { return 200; }
--- request
GET /t
--- shutdown_error_log
exit
--- no_shutdown_error_log
[emerg]



=== TEST 46: LAST
--- config
    location = /t { return 200; }
--- request
GET /t
--- LAST



=== TEST 47: not reached
--- config
    this is not a configuration either
--- request
GET /t
