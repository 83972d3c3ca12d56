# Native handlers: what they are told, what they answer, how they fail.

use Test::Nginx::Socket 'no_plan';

use File::Temp qw/ tempdir /;

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};

my $root = $ENV{FN_ROOT} || '.';
my $dir = $ENV{TEST_NGINX_FILES} = tempdir('fn_native_XXXXXX', TMPDIR => 1,
    CLEANUP => 1);
chmod 0755, $dir;

build('tell', <<'END');
static void
put(fn_response_t *r, const char *name, fn_str_t s)
{
    fn_write(r, name, strlen(name));
    fn_write(r, "=", 1);
    fn_write(r, s.data ? s.data : "NULL", s.data ? s.len : 4);
    fn_write(r, "\n", 1);
}

int
handler(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    size_t    n;
    fn_str_t  name, value;

    put(r, "function", fn_str(c->function));
    put(r, "method", fn_field(e, FN_METHOD));
    put(r, "path", fn_field(e, FN_PATH));
    put(r, "query", fn_field(e, FN_QUERY));
    put(r, "remote_addr", fn_field(e, FN_REMOTE_ADDR));
    put(r, "id is 32 long", fn_field(e, FN_ID).len == 32 ? fn_str("yes")
                                                         : fn_str("no"));
    put(r, "after 2020", fn_timestamp(e) > 1577836800000 ? fn_str("yes")
                                                         : fn_str("no"));
    put(r, "found", fn_find_header(e, "x-ONE"));
    put(r, "not found", fn_find_header(e, "x-none"));

    for (n = 0; fn_header(e, n, &name, &value) == FN_OK; n++) {
        if (name.len > 2 && (name.data[0] | 32) == 'x') {
            fn_write(r, name.data, name.len);
            fn_write(r, ": ", 2);
            fn_write(r, value.data, value.len);
            fn_write(r, "\n", 1);
        }
    }

    return FN_OK;
}

int
method(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    fn_str_t  s = fn_field(e, FN_METHOD);

    return fn_write(r, s.data, s.len);
}
END

build('body', <<'END');
/* the body back, piece by piece; its parts read apart give the same */
int
handler(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    char     buf[50000];
    int64_t  offset;
    ssize_t  n;

    for (offset = 0; (n = fn_body_read(e, offset, buf, sizeof(buf))) > 0;
         offset += n)
    {
        if (fn_write(r, buf, n) != FN_OK) {
            return FN_ERROR;
        }
    }

    return (n == 0 && offset == fn_body_length(e)) ? FN_OK : FN_ERROR;
}

int
whole(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    fn_str_t  s = fn_body(e);

    if (s.data == NULL || (int64_t) s.len != fn_body_length(e)) {
        return FN_ERROR;
    }

    return fn_write(r, s.data, s.len);
}

int
last(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    char     buf[8];
    int64_t  len = fn_body_length(e);

    if (fn_body_read(e, len, buf, 8) != 0
        || fn_body_read(e, len + 100, buf, 8) != 0
        || fn_body_read(e, len - 3, buf, 8) != 3)
    {
        return FN_ERROR;
    }

    return fn_write(r, buf, 3);
}

/* as many MB as the query says */
int
big(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    char      mb[1 << 20];
    int       n;
    fn_str_t  query = fn_field(e, FN_QUERY);

    memset(mb, 'x', sizeof(mb));

    for (n = query.data[0] - '0'; query.len && n > 0; n--) {
        if (fn_write(r, mb, sizeof(mb)) != FN_OK) {
            return FN_ERROR;
        }
    }

    return FN_OK;
}
END

build('answer', <<'END');
static int
is(const fn_event_t *e, const char *text)
{
    fn_str_t  s = fn_field(e, FN_QUERY);

    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

int
handler(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    if (is(e, "201")) {
        fn_status(r, 201);
        fn_add_header(r, "Content-Type", "text/html; charset=koi8-r");
        fn_add_header(r, "X-One", "1");
        fn_add_header(r, "Set-Cookie", "a=1");
        fn_add_header(r, "Set-Cookie", "b=2");
        return fn_write(r, "created", 7);
    }

    if (is(e, "204")) {
        fn_status(r, 204);
        return fn_write(r, "not sent", 8);
    }

    if (is(e, "type")) {
        fn_add_header(r, "content-type", "text/html");
        fn_add_header(r, "Content-Type", "image/png");
        return fn_write(r, "x", 1);
    }

    if (is(e, "managed")) {
        fn_add_header(r, "Content-Length", "1000");
        fn_add_header(r, "Connection", "upgrade");
        fn_add_header(r, "Transfer-Encoding", "chunked");
        fn_add_header(r, "Server", "mine");
        fn_add_header(r, "Date", "today");
        fn_add_header(r, "X-Accel-Redirect", "/secret");
        return fn_write(r, "x", 1);
    }

    if (is(e, "refused")) {
        if (fn_add_header(r, "X-A", "a\r\nX-B: b") != FN_ERROR
            || fn_add_header(r, "X A", "a") != FN_ERROR
            || fn_add_header(r, "", "a") != FN_ERROR
            || fn_add_header(r, "X-A", "a\001") != FN_ERROR
            || fn_status(r, 199) != FN_ERROR
            || fn_status(r, 600) != FN_ERROR)
        {
            return fn_write(r, "taken", 5);
        }

        return fn_write(r, "refused", 7);
    }

    if (is(e, "late")) {
        fn_status(r, 201);
        fn_add_header(r, "X-One", "1");
        fn_write(r, "half of it", 10);
        return FN_ERROR;
    }

    if (is(e, "42")) {
        return 42;
    }

    if (is(e, "log")) {
        fn_log(c, e, FN_LOG_DEBUG, "debug of a handler");
        fn_log(c, e, FN_LOG_INFO, "info of a handler");
        fn_log(c, e, FN_LOG_WARN, "warn of a handler");
        fn_log(c, e, FN_LOG_ERROR, "error of a handler\nits second\001line");
        fn_log(c, NULL, FN_LOG_WARN, "of no event");
    }

    return FN_OK;
}
END

build('init', <<'END');
int
fn_init(fn_context_t *c)
{
    static int  started = 40;

    c->user_data = &started;

    return strcmp(c->function, "refuses") == 0 ? 7 : FN_OK;
}

int
handler(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    char  n = ++*(int *) c->user_data;

    return fn_write(r, &n, 1);
}

void
fn_exit(fn_context_t *c)
{
    fn_log(c, NULL, FN_LOG_WARN, "the handler says goodbye");
}
END

my $config = <<'END';
location /tell { fn_handler native:$TEST_NGINX_FILES/tell.so; }
location /method {
    fn_handler native:$TEST_NGINX_FILES/tell.so:method;
}
location /body { fn_handler native:$TEST_NGINX_FILES/body.so; }
location /whole { fn_handler native:$TEST_NGINX_FILES/body.so:whole; }
location /last { fn_handler native:$TEST_NGINX_FILES/body.so:last; }
location /big { fn_handler native:$TEST_NGINX_FILES/body.so:big; }
location /answer { fn_handler native:$TEST_NGINX_FILES/answer.so; }
location /init { fn_handler native:$TEST_NGINX_FILES/init.so; }
location /refuses {
    fn_handler native:$TEST_NGINX_FILES/init.so name=refuses;
}
location /debug {
    fn_handler native:$TEST_NGINX_FILES/answer.so;
    fn_debug on;
}
location /page {
    fn_handler native:$TEST_NGINX_FILES/answer.so;
    error_page 500 /sorry;
}
location /sorry { return 200 "sorry"; }
END

our $Threads;     # set by native_threads.t

if ($Threads) {
    $config =~ s/(fn_handler [^;]+);/$1 threads;/g;
}

my $first = 1;

add_block_preprocessor(sub {
    my ($block) = @_;

    if ($first) {
        $block->set_value('config', $config);
        $block->set_value('main_config', 'thread_pool default threads=3;');
        $first = 0;
    }

    $block->set_value('no_error_log', '[alert]')
        if !defined $block->no_error_log;
});

no_root_location();
no_shuffle();
run_tests();


sub build {
    my ($name, $text) = @_;

    open my $file, '>', "$dir/$name.c" or die "$name: $!";
    print {$file} "#include <fn.h>\nFN_MODULE\n$text";
    close $file;

    system(qw/ cc -Wall -Wno-unused -shared -fPIC -I /, "$root/runtimes/c",
        '-o', "$dir/$name.so", "$dir/$name.c") == 0 or die "$name: cc failed";
}

__DATA__

=== the event
--- request
GET /tell/%41/../b%20c?x=1&y
--- more_headers
X-One: first
x-one: second
X-Two:
--- response_body
function=tell
method=GET
path=/tell/b c
query=x=1&y
remote_addr=127.0.0.1
id is 32 long=yes
after 2020=yes
found=first
not found=NULL
X-One: first
x-one: second
X-Two: 



=== methods
--- request eval
["GET /method", "DELETE /method", "PURGE /method"]
--- response_body eval
["GET", "DELETE", "PURGE"]



=== the default content type
--- request
GET /method
--- response_headers
Content-Type: text/plain
Content-Length: 3



=== every byte of a body
--- request eval
"POST /body\n" . CORE::join '', map { chr } 0 .. 255
--- response_body eval
CORE::join '', map { chr } 0 .. 255



=== no body
--- request eval
["GET /body", "GET /whole"]
--- response_headers eval
["Content-Length: 0", "Content-Length: 0"]
--- response_body eval
["", ""]



=== a body of 3 MB, piece by piece
--- request eval
"POST /body\n" . 'abcdefghijk' x 300000
--- timeout: 10
--- response_body eval
'abcdefghijk' x 300000



=== a body of 3 MB as a whole
--- request eval
"POST /whole\n" . 'abcdefghijk' x 300000
--- timeout: 10
--- response_body eval
'abcdefghijk' x 300000



=== the end of a body, and behind it
--- request eval
["POST /last\n0123456789", "POST /last\n" . 'x' x 200000 . 'end']
--- response_body eval
["789", "end"]



=== a chunked body
--- request
POST /whole
5
hello
0
--- raw_request eval
"POST /whole HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
--- response_body chomp
hello!



=== 8 MB down
--- request
GET /big?8
--- timeout: 20
--- response_headers
Content-Length: 8388608
--- response_body eval
'x' x 8388608



=== status, headers, content type
--- request
GET /answer?201
--- error_code: 201
--- response_headers
Content-Type: text/html; charset=koi8-r
X-One: 1
Set-Cookie: a=1, b=2
--- response_body chomp
created



=== 204
--- request
GET /answer?204
--- error_code: 204
--- response_headers
!Content-Length
--- response_body



=== the last content type counts
--- request
GET /answer?type
--- response_headers
Content-Type: image/png



=== headers that are nginx's own
--- request
GET /answer?managed
--- response_headers
Content-Length: 1
Connection: close
Server: nginx/1.22.1
!Transfer-Encoding
!X-Accel-Redirect
--- skip_nginx: 7: > 1.22.1: the name of the server
--- response_body chomp
x



=== headers that HTTP forbids
--- request
GET /answer?refused
--- response_headers
!X-A
!X-B
--- response_body chomp
refused



=== a failure: nothing of what was written is sent
--- request
GET /answer?late
--- error_code: 500
--- response_headers
!X-One
Content-Type: text/plain
--- response_body_like: ^function failed, request id: [0-9a-f]{32}\n$
--- error_log eval
qr/\[error\] .*fn "answer" pid \d+, id [0-9a-f]{32}: handler failed: handler returned -1/



=== a failure with fn_debug
--- request
GET /debug?42
--- error_code: 500
--- response_body_like: handler returned 42
--- error_log eval
qr/fn "debug" pid \d+, id [0-9a-f]{32}: handler failed: handler returned 42/



=== a failure and error_page
--- request
GET /page?42
--- error_code: 500
--- response_body chomp
sorry



=== logs
--- request
GET /answer?log
--- error_log eval
[qr/\[info\] .*fn "answer" pid \d+, id [0-9a-f]{32}: info of a handler/,
 qr/\[warn\] .*fn "answer" pid \d+, id [0-9a-f]{32}: warn of a handler/,
 qr/\[error\] .*fn "answer" pid \d+, id [0-9a-f]{32}: error of a handler/,
 qr/its second\\x01line/,
 qr/\[warn\] .*fn "answer" pid \d+: of no event/]



=== fn_init and user_data
--- request
GET /init
--- response_body chomp
)



=== a failing fn_init: 503, and the reason
--- request
GET /refuses
--- error_code: 503
--- response_headers
Retry-After: 1
--- error_log
fn "refuses": fn_init failed (7)



=== HEAD
--- request
HEAD /answer?201
--- error_code: 201
--- response_headers
Content-Length: 7
X-One: 1
--- response_body



=== fn_exit when nginx ends
--- request
GET /init
--- response_body_like: ^.$
--- shutdown_error_log
the handler says goodbye
