# Functions beside nginx's other modules: subrequests, error_page, gzip,
# limits, redirects.

use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};
$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();

my $functions = <<'END';
>>> f.py
import time

def handler(context, event):
    what = event.fields.get("q", event.path)
    if what == "fail":
        raise ValueError("on purpose")
    if what == "long":
        return "compress me " * 1000
    if what == "stream":
        return (f"line {n}\n" for n in range(1000))
    if what == "include":
        return context.Response(body='<!--#include virtual="/part?q=part" -->.'
            '<!--#include virtual="/hello" -->.', content_type="text/html")
    if what == "headers":
        return context.Response({"X-User": "alice"}, status_code=200)
    if what.isdigit():
        return int(what), "own body"
    if what == "body":
        return event.raw_body
    return what
>>> broken.py
raise ImportError("cannot be imported")
>>> dies.py
import os

def handler(context, event):
    os._exit(1)
>>> page.html
<!--#include virtual="/part?q=a" -->-<!--#include virtual="/hello" -->-<!--#include virtual="/part?q=b" -->
>>> failing.html
<!--#include virtual="/part?q=fail" -->-<!--#include virtual="/part?q=b" -->
>>> empty.html
[<!--#include virtual="/empty?q=body" -->]
END

my $config = <<'END';
root $TEST_NGINX_HTML_DIR;
default_type text/html;

location /hello { fn_handler native:$TEST_NGINX_FN_BUILD/demo/hello.so; }
location /fail { fn_handler native:$TEST_NGINX_FN_BUILD/demo/fail.so; }
location /part { fn_handler python:$TEST_NGINX_HTML_DIR/f.py; }
location /empty { fn_handler python:$TEST_NGINX_HTML_DIR/f.py name=empty; }
location = /page.html { ssi on; }
location = /failing.html { ssi on; }
location = /empty.html { ssi on; }
location /ssi { ssi on; fn_handler python:$TEST_NGINX_HTML_DIR/f.py; }

location /private {
    auth_request /auth;
    auth_request_set $user $sent_http_x_user;
    add_header X-Was $user;
    fn_handler native:$TEST_NGINX_FN_BUILD/demo/hello.so;
}
location = /auth {
    internal;
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
    set $args q=$http_x_auth;
}

location /page500 {
    error_page 500 502 503 /sorry;
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
}
location /page500c {
    error_page 500 =200 /sorry;
    fn_handler native:$TEST_NGINX_FN_BUILD/demo/fail.so;
}
location /page500fn {
    error_page 500 = /part?q=fallback;
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
}
location /page502 {
    error_page 502 /sorry;
    fn_handler python:$TEST_NGINX_HTML_DIR/dies.py;
    fn_next off;
}
location /page503 {
    error_page 503 = @busy;
    fn_handler python:$TEST_NGINX_HTML_DIR/broken.py;
    fn_queue 10 timeout=200ms;
}
location @busy { return 203 "busy"; }
location /sorry { return 200 "sorry"; }
location /plain503 {
    fn_handler python:$TEST_NGINX_HTML_DIR/broken.py;
    fn_queue 10 timeout=200ms;
}

location /gzip {
    gzip on;
    gzip_types text/plain;
    gzip_min_length 20;
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
}
location /gzipc {
    gzip on;
    gzip_types text/plain;
    gzip_min_length 5;
    fn_handler native:$TEST_NGINX_FN_BUILD/demo/hello.so;
}
location /charset {
    charset utf-8;
    charset_types text/plain;
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
}
location /sub {
    sub_filter_types *;
    sub_filter o 0;
    sub_filter_once off;
    fn_handler native:$TEST_NGINX_FN_BUILD/demo/hello.so;
}
location /limited {
    limit_req zone=one;
    fn_handler native:$TEST_NGINX_FN_BUILD/demo/hello.so;
}
location /mirrored {
    mirror /mirror;
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
}
location = /mirror {
    internal;
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py name=mirror;
}
location /try { try_files $uri /hello; }
location /tryname { try_files $uri @function; }
location @function { fn_handler python:$TEST_NGINX_HTML_DIR/f.py; }
location /rewrite { rewrite ^/rewrite/(.*)$ /part/$1 last; }
location /proxy { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/part; }
location /addition {
    add_before_body /hello;
    add_after_body /part/after;
    addition_types text/plain;
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
}
location /slow {
    limit_rate 100k;
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
}
END

my $first = 1;

add_block_preprocessor(sub {
    my ($block) = @_;

    if ($first) {
        $block->set_value('http_config',
            'limit_req_zone $server_name zone=one:1m rate=1r/m;');
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

=== SSI includes functions
--- request
GET /page.html
--- response_body
a-Hello from c-b



=== SSI includes a function that fails
--- request
GET /failing.html
--- response_body_like: -b$



=== SSI includes nothing
--- request
GET /empty.html
--- response_body
[]



=== SSI in what a function answers
--- request
GET /ssi?q=include
--- response_body chomp
part.Hello from c.



=== auth_request: yes
--- request
GET /private
--- more_headers
X-Auth: headers
--- response_headers
X-Was: alice
--- response_body chomp
Hello from c



=== auth_request: no
--- request
GET /private
--- more_headers
X-Auth: 403
--- error_code: 403



=== auth_request: a POST keeps its body
--- request
POST /private
body
--- more_headers
X-Auth: 204
--- response_body chomp
Hello from c



=== auth_request: the function fails
--- request
GET /private
--- more_headers
X-Auth: fail
--- error_code: 500



=== error_page for a function that fails
--- request
GET /page500?q=fail
--- error_code: 500
--- response_body chomp
sorry



=== ... leaves an answer of 500 as the handler made it
--- request
GET /page500?q=500
--- error_code: 500
--- response_body chomp
own body



=== ... and one of 404
--- request
GET /page500?q=404
--- error_code: 404
--- response_body chomp
own body



=== error_page for a native function that fails
--- request
GET /page500c
--- response_body chomp
sorry



=== error_page that is a function
--- request
GET /page500fn?q=fail
--- response_body chomp
fallback



=== error_page for 502
--- request
POST /page502
x
--- error_code: 502
--- response_body chomp
sorry



=== error_page for 503, a named location
--- request
GET /page503
--- error_code: 203
--- response_body chomp
busy



=== 503 without an error_page
--- request
GET /plain503
--- error_code: 503
--- response_headers
Retry-After: 1
--- response_body_like: 503 Service Temporarily Unavailable



=== gzip
--- request
GET /gzip?q=long
--- more_headers
Accept-Encoding: gzip
--- response_headers
Content-Encoding: gzip
Transfer-Encoding: chunked
!Content-Length
--- response_body_like eval
qr/^\x1f\x8b/



=== gzip of a stream
--- request
GET /gzip?q=stream
--- more_headers
Accept-Encoding: gzip
--- response_headers
Content-Encoding: gzip
--- response_body_like eval
qr/^\x1f\x8b/



=== gzip of a native one
--- request
GET /gzipc
--- more_headers
Accept-Encoding: gzip
--- response_headers
Content-Encoding: gzip
--- response_body_like eval
qr/^\x1f\x8b/



=== no gzip for who doesn't take it
--- request
GET /gzipc
--- response_headers
!Content-Encoding
--- response_body chomp
Hello from c



=== charset
--- request
GET /charset?q=x
--- response_headers
Content-Type: text/plain; charset=utf-8



=== sub_filter
--- request
GET /sub
--- response_body chomp
Hell0 fr0m c



=== limit_req
--- request eval
["GET /limited", "GET /limited"]
--- error_code eval
[200, 503]
--- response_headers eval
["", "!Retry-After"]



=== mirror
--- request
POST /mirrored?q=body
hello
--- response_body chomp
hello



=== try_files falls back to a function
--- request
GET /try
--- response_body chomp
Hello from c



=== try_files falls back to a named function
--- request
POST /tryname?q=body
hello
--- response_body chomp
hello



=== rewrite
--- request
GET /rewrite/abc
--- response_body chomp
/part/abc



=== proxy_pass to a function
--- request
POST /proxy/?q=body
hello
--- response_body chomp
hello



=== addition
--- request
GET /addition?q=middle
--- response_body chomp
Hello from cmiddle/part/after



=== limit_rate
--- request
GET /slow?q=long
--- response_body eval
'compress me ' x 1000
