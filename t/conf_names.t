# A function is named by its location, and by its file where that has no name;
# and which locations have a function at all.

use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('no_error_log', "[alert]\n[crit]\n[emerg]")
        if !defined $block->no_error_log;
});

add_block_preprocessor(sub {
    my ($block) = @_;
    my $config = $block->config;

    return if !defined $config;

    $config =~ s{HELLO}{fn_handler native:\$TEST_NGINX_FN_BUILD/demo/hello.so}g;
    $block->set_value('config', <<"END");
    add_header X-Name \$fn_name;
$config
END
});

run_tests();

__DATA__

=== a prefix location
--- config
    location /hello { HELLO; }
--- request
GET /hello
--- response_headers
X-Name: hello
--- response_body chomp
Hello from c



=== slashes become dashes
--- config
    location /a/b.c/d { HELLO; }
--- request
GET /a/b.c/d/e
--- response_headers
X-Name: a-b.c-d



=== an exact location
--- config
    location = /hello { HELLO; }
--- request eval
["GET /hello", "GET /hello/"]
--- response_headers eval
["X-Name: hello", "!X-Name"]
--- error_code eval
[200, 404]



=== a trailing slash, and its redirect
--- config
    location /dir/ { HELLO; }
--- request eval
["GET /dir/", "GET /dir?a=1", "GET /di"]
--- error_code eval
[200, 301, 404]
--- response_headers eval
["X-Name: dir", "Location: http://localhost:$ENV{TEST_NGINX_SERVER_PORT}/dir/?a=1", ""]



=== a regular expression: named by its file
--- config
    location ~ ^/a(b)+$ { HELLO; }
--- request
GET /abb
--- response_headers
X-Name: hello



=== a regular expression: two get different names
--- config
    location ~ ^/a { HELLO; }
    location ~* ^/B { HELLO; }
    location ~ ^/c { HELLO; }
--- request eval
["GET /a", "GET /b", "GET /c"]
--- response_headers eval
["X-Name: hello", "X-Name: hello-2", "X-Name: hello-3"]



=== names that are taken
--- config
    location /a/b { HELLO; }
    location /a-b { HELLO; }
    location = /a-b/ { HELLO; }
--- request eval
["GET /a/b", "GET /a-b", "GET /a-b/"]
--- response_headers eval
["X-Name: a-b", "X-Name: a-b-2", "X-Name: a-b-3"]



=== a prefix that keeps regular expressions out
--- config
    location ^~ /p { HELLO; }
    location ~ /p { return 403; }
--- request
GET /p
--- response_headers
X-Name: p



=== a nested location
--- config
    location /a {
        HELLO name=outer;
        location /a/b { HELLO; }
        location /a/c { }
    }
--- request eval
["GET /a", "GET /a/b", "GET /a/c"]
--- error_code eval
[200, 200, 404]
--- response_headers eval
["X-Name: outer", "X-Name: a-b", "!X-Name"]



=== a named location
--- config
    location /t { try_files /absent @fallback; }
    location @fallback { HELLO; }
--- request
GET /t
--- response_headers
X-Name: fallback



=== the root location
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/root.sock;
        location / {
            fn_handler native:$TEST_NGINX_FN_BUILD/demo/hello.so;
            add_header X-Name $fn_name;
        }
    }
--- config
    location /t {
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/root.sock:/x;
    }
--- request
GET /t
--- response_headers
X-Name: hello



=== name=
--- config
    location /t { HELLO name=a_B-c.9; }
--- request
GET /t
--- response_headers
X-Name: a_B-c.9



=== an "if" block serves what its location serves
--- config
    location /t {
        HELLO;
        if ($arg_a) { add_header X-If 1; add_header X-Name $fn_name; }
    }
--- request eval
["GET /t", "GET /t?a=1"]
--- response_headers eval
["X-Name: t\n!X-If", "X-Name: t\nX-If: 1"]
--- response_body eval
["Hello from c", "Hello from c"]



=== an "if" block with a function of its own
--- config
    location /t {
        return 200 "no function";
        if ($arg_a) { HELLO name=inside; }
    }
    location /u {
        HELLO;
        if ($arg_a) { fn_handler native:$TEST_NGINX_FN_BUILD/demo/fail.so; }
    }
--- request eval
["GET /u", "GET /u?a=1"]
--- error_code eval
[200, 500]
--- response_headers eval
["X-Name: u", ""]
--- no_error_log
[alert]



=== limit_except
--- config
    location /t {
        HELLO;
        limit_except GET { deny all; }
    }
--- request eval
["GET /t", "HEAD /t", "POST /t\nx"]
--- error_code eval
[200, 200, 403]



=== limit_except that lets others in
--- config
    location /t {
        HELLO;
        limit_except GET { allow all; }
    }
--- request eval
["GET /t", "POST /t\nx"]
--- response_body eval
["Hello from c", "Hello from c"]



=== limit_except with a function of its own
--- config
    location /t {
        HELLO;
        limit_except GET { HELLO name=others; }
    }
--- request eval
["GET /t", "PUT /t\nx"]
--- response_headers eval
["X-Name: t", "X-Name: others"]



=== the same file in two servers are two functions
--- http_config
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/second.sock;
        location /t {
            fn_handler native:$TEST_NGINX_FN_BUILD/demo/hello.so;
            add_header X-Name $fn_name;
        }
    }
--- config
    location /t { HELLO; }
    location /other {
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/second.sock:/t;
    }
--- request eval
["GET /t", "GET /other"]
--- response_headers_like eval
["X-Name: t(-2)?", "X-Name: t(-2)?"]



=== the function of a location that is not its own is not seen
--- config
    location /t { HELLO; }
    location /u { return 204; }
--- request
GET /u
--- error_code: 204
--- response_headers
!X-Name
