# Functions and HTTP/1: versions, keepalive, pipelining, chunked bodies,
# limits of bodies, conditions and ranges, headers both ways.

use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};
$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();

my $functions = <<'END';
>>> echo.py
def handler(context, event):
    return event.raw_body
>>> answer.py
def handler(context, event):
    Response = context.Response
    return {
        "cookies": lambda: Response({"Set-Cookie": ["a=1", "b=2"]}, "x"),
        "relative": lambda: Response({"Location": "/other"}, "x", status_code=302),
        "absolute": lambda: Response({"Location": "http://a.example/b"}, "x", status_code=301),
        "dots": lambda: Response({"Location": "../up"}, "x", status_code=303),
        "managed": lambda: Response({
            "Connection": "close, x", "Content-Length": "999", "Date": "today",
            "Keep-Alive": "5", "Proxy-Connection": "x", "Server": "mine",
            "TE": "x", "Trailer": "x", "Transfer-Encoding": "chunked",
            "Upgrade": "x", "X-Accel-Redirect": "/secret", "X-Kept": "1"}, "x"),
        "etag": lambda: Response({
            "ETag": '"v1"', "Last-Modified": "Thu, 02 Jan 2020 03:04:05 GMT"},
            "0123456789"),
        "cache": lambda: Response({
            "Cache-Control": ["no-store", "private"], "Expires": "0",
            "Link": ["<a>", "<b>"]}, "x"),
        "bytes": lambda: Response({"X-Bytes": b"\xe9\xff\x80"}, "x"),
        "charset": lambda: Response(body="x", content_type="text/html; charset=koi8-r"),
        "auth": lambda: Response({"WWW-Authenticate": "Basic"}, "x", status_code=401),
        "long": lambda: Response({"X-Long": "x" * 8192}, "x"),
        "too_long": lambda: Response({"X-Long": "x" * 8193}, "x"),
        "100": lambda: Response({"X-A": ["x"] * 99}, "x"),  # and its type
        "101": lambda: Response({"X-A": ["x"] * 100}, "x"),
    }[event.fields["q"]]()
END

my $config = <<'END';
location /hello { fn_handler native:$TEST_NGINX_FN_BUILD/demo/hello.so; }
location /echo { fn_handler python:$TEST_NGINX_HTML_DIR/echo.py; }
location /answer { fn_handler python:$TEST_NGINX_HTML_DIR/answer.py; }
location /secret { internal; return 200 "secret"; }
location /small {
    fn_handler python:$TEST_NGINX_HTML_DIR/echo.py;
    client_max_body_size 10;
}
location /file {
    fn_handler python:$TEST_NGINX_HTML_DIR/echo.py;
    client_body_in_file_only clean;
}
location /tiny {
    fn_handler python:$TEST_NGINX_HTML_DIR/echo.py;
    client_body_buffer_size 10;
}
END

my $first = 1;

add_block_preprocessor(sub {
    my ($block) = @_;

    if ($first) {
        $block->set_value('config', $config);
        $block->set_value('user_files', $functions);
        $first = 0;
    }

    $block->set_value('no_error_log', '[alert]')
        if !defined $block->no_error_log;
});

no_root_location();
no_shuffle();
run_tests();

__DATA__

=== HTTP/1.0
--- request
GET /hello HTTP/1.0
--- raw_response_headers_like: ^HTTP/1\.1 200 OK\r\n.*Connection: close\r\n
--- response_body chomp
Hello from c



=== HTTP/1.0 with a body, to a process
--- request
POST /echo HTTP/1.0
hello
--- response_body chomp
hello



=== HTTP/0.9
--- raw_request eval
"GET /hello\r\n"
--- ignore_response
--- no_error_log
[error]



=== pipelined requests are answered in order
--- pipelined_requests eval
["POST /echo\none", "GET /hello", "POST /echo\ntwo", "POST /echo\nthree"]
--- response_body eval
["one", "Hello from c", "two", "three"]



=== pipelined requests, with an error between
--- pipelined_requests eval
["POST /echo\none", "GET /answer?q=none", "POST /echo\ntwo"]
--- error_code eval
[200, 500, 200]
--- response_body_like eval
["^one\$", "^function failed", "^two\$"]



=== a chunked body
--- raw_request eval
"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n"
    . "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"
--- response_headers
Content-Length: 11
--- response_body chomp
hello world



=== a chunked body in pieces
--- raw_request eval
["POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n",
 "Transfer-Encoding: chunked\r\n\r\n5\r\nhe", "llo\r\n", "0\r\n", "\r\n"]
--- raw_request_middle_delay: 0.05
--- response_body chomp
hello



=== a chunked body of nothing
--- raw_request eval
"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
--- response_headers
Content-Length: 0
--- response_body



=== a chunked body that is none
--- raw_request eval
"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    . "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"
--- error_code: 400



=== length and chunks
--- raw_request eval
"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
--- error_code: 400



=== Expect: 100-continue
--- raw_request eval
["POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    . "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", "hello"]
--- raw_request_middle_delay: 0.1
--- error_code: 100
--- response_body_like: ^HTTP/1\.1 200 OK\r\n.*\r\n\r\nhello$



=== a body that is as large as allowed, and larger
--- request eval
["POST /small\n0123456789", "POST /small\n0123456789x"]
--- error_code eval
[200, 413]
--- response_body_like eval
["^0123456789\$", "413 Request Entity Too Large"]



=== a chunked body that is larger
--- raw_request eval
"POST /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    . "Transfer-Encoding: chunked\r\n\r\nb\r\n0123456789x\r\n0\r\n\r\n"
--- error_code: 413



=== a body in a file
--- request
POST /file
hello
--- response_body chomp
hello



=== a body in memory and in a file
--- request eval
["POST /tiny\n" . 'x' x 9, "POST /tiny\n" . 'x' x 10, "POST /tiny\n" . 'x' x 11]
--- response_body eval
['x' x 9, 'x' x 10, 'x' x 11]



=== If-None-Match: as of nginx's other upstreams, the answer is whole
--- request
GET /answer?q=etag
--- more_headers
If-None-Match: "v1"
--- response_headers
ETag: "v1"
Content-Length: 10
--- response_body chomp
0123456789



=== If-Modified-Since: the same
--- request
GET /answer?q=etag
--- more_headers
If-Modified-Since: Thu, 02 Jan 2020 03:04:05 GMT
--- response_headers
Last-Modified: Thu, 02 Jan 2020 03:04:05 GMT
--- response_body chomp
0123456789



=== a condition on a POST: the handler has run, it has its answer
--- request
POST /answer?q=etag
x
--- more_headers
If-None-Match: "v1"
--- response_body chomp
0123456789



=== If-Match on a POST
--- request
POST /answer?q=etag
x
--- more_headers
If-Match: "v0"
--- response_body chomp
0123456789



=== Range: a function's answer is whole
--- request
GET /answer?q=etag
--- more_headers
Range: bytes=2-4
--- response_headers
Content-Length: 10
--- response_body chomp
0123456789



=== Set-Cookie twice
--- request
GET /answer?q=cookies
--- raw_response_headers_like: \r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n



=== Location is kept as it was written
--- request eval
["GET /answer?q=relative", "GET /answer?q=absolute", "GET /answer?q=dots"]
--- error_code eval
[302, 301, 303]
--- response_headers eval
["Location: /other", "Location: http://a.example/b", "Location: ../up"]



=== headers that nginx manages are dropped
--- request
GET /answer?q=managed
--- raw_response_headers_unlike: mine|today|999|chunked|Keep-Alive|Proxy|Trailer|TE:|Upgrade|Accel
--- response_headers
Connection: close
Content-Length: 1
X-Kept: 1
--- response_body chomp
x



=== headers of several lines
--- request
GET /answer?q=cache
--- raw_response_headers_like: Cache-Control: no-store\r\nCache-Control: private\r\n.*Expires: 0\r\n.*Link: <a>\r\nLink: <b>\r\n



=== bytes in a header that are no UTF-8
--- request
GET /answer?q=bytes
--- response_headers eval
"X-Bytes: \xe9\xff\x80"



=== a charset
--- request
GET /answer?q=charset
--- response_headers
Content-Type: text/html; charset=koi8-r



=== WWW-Authenticate
--- request
GET /answer?q=auth
--- error_code: 401
--- response_headers
WWW-Authenticate: Basic
--- response_body chomp
x



=== the longest header, and one that is longer
--- request eval
["GET /answer?q=long", "GET /answer?q=too_long"]
--- error_code eval
[200, 500]
--- response_headers eval
["X-Long: " . 'x' x 8192, "!X-Long"]



=== 100 lines of headers, and one more
--- request eval
["GET /answer?q=100", "GET /answer?q=101"]
--- error_code eval
[200, 500]



=== TRACE and CONNECT never reach a function
--- request eval
["TRACE /hello", "CONNECT /hello"]
--- error_code eval
[405, 405]



=== a path outside of everything
--- request eval
["GET /hello/../../x", "GET /hello%00"]
--- error_code eval
[400, 400]
