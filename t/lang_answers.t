# What a handler's answers become, in each language: every kind of them, those
# that make no sense, and errors.  "--- get" names what the conformance handler
# does, runtimes/conformance/README says it; "--- wrong" is an answer that has to
# be a 500, after which the function goes on.  What a language lacks is skipped.

use FindBin;
BEGIN { require "$FindBin::RealBin/lib/FnLang.pm" }

my $lang;
BEGIN { $lang = FnLang->new }

use Test::Nginx::Socket 'no_plan';

use JSON::PP;

our $all = join '', map { chr } 0 .. 255;
our $type = $lang->{type};

# a worker sends what a handler has said when that has ended
our $streamed = $lang->in_worker ? 'Content-Length: 890'
    : "Transfer-Encoding: chunked\n!Content-Length";

# a script has no stack, and its standard error is what it says
our ($failed, $stack) = $lang->is('shell') ? (qr/some /, qr/some /)
    : (qr/handler failed: /, qr/[cC]onformance\b/);

my $handler = $lang->handler('answers');
my $config = <<"_EOC_";
    location /f/ {
        $handler
        fn_debug on;
    }
_EOC_

my $first = 1;

add_block_preprocessor(sub {
    my ($block) = @_;
    my $name = $block->get // $block->wrong // $block->of;
    my $lacks;

    if ($first) {
        $block->set_value(config => $config);
        $block->set_value(timeout => 120);

    } elsif (defined $name) {
        $lacks = $lang->asked_lacks(server_port(), "/f/$name");
    }

    if (defined $block->get) {
        $block->set_value(request => "GET /f/$name");
    }

    if (defined $block->wrong) {
        my $text = defined $block->raised ? $block->raised : '';

        $block->set_value(request => ["GET /f/$name", 'GET /f/text']);
        $block->set_value(error_code => [$block->status // 500, 200]);
        $block->set_value(response_body_like => [$text, "^text \xc3\xa9\$"]);
        $block->set_value(response_headers => ["!c\n!X", '!Retry-After']);
    }

    $lacks //= 'in a worker, ' . $block->process if defined $block->process && $lang->in_worker;

    if (defined $lacks) {
        $block->set_value(name => $block->name . " # $lacks");
        $block->set_value(skip_eval => '1: 1');
    }

    $block->set_value(no_error_log => "[alert]\n[emerg]");
    $first = 0;
});

# "json": what the body is, whatever spaces it has

add_response_body_check(sub {
    my ($block, $body) = @_;
    my $wanted = $block->json // return;

    is(eval { json(decode_any($body)) } // $body, json(decode_any($wanted)),
        $block->name . ': json');
});

# "logged": what the error log has

add_response_body_check(sub {
    my ($block, $body, $index) = @_;

    $lang->log_has(server_root() . '/logs/error.log', $block->name, @{ $block->logged })
        if defined $block->logged && !$index;
});

no_root_location();
no_shuffle();
run_tests();


sub decode_any { return JSON::PP->new->utf8->allow_nonref->decode($_[0]) }
sub json { return JSON::PP->new->canonical->allow_nonref->ascii->encode($_[0]) }

__DATA__

=== text
--- get: text
--- response_headers eval
"Content-Type: $::type\nContent-Length: 8"
--- response_body eval
"text \xc3\xa9\n"



=== bytes
--- get: bytes
--- response_headers eval
"Content-Type: $::type\nContent-Length: 256"
--- response_body eval
$::all



=== text of no length
--- get: empty_text
--- response_headers
Content-Length: 0
--- response_body



=== bytes of no length
--- get: empty_bytes
--- response_headers
Content-Length: 0
--- response_body



=== nothing
--- get: nothing
--- response_headers
Content-Length: 0
--- response_body



=== an object
--- get: object
--- response_headers
Content-Type: application/json
--- json: {"a": 1, "b": "\u00e9"}



=== a list
--- get: list
--- response_headers
Content-Type: application/json
--- json: [1, "two", null, {"three": 3}]



=== a number
--- get: number
--- response_body chomp
42



=== a boolean
--- get: true
--- response_body_like: ^[tT]rue$



=== a number with a fraction
--- get: float
--- response_body chomp
1.5



=== status and text
--- get: status_text
--- error_code: 201
--- response_headers eval
"Content-Type: $::type"
--- response_body eval
"text \xc3\xa9\n"



=== status and bytes
--- get: status_bytes
--- error_code: 201
--- response_headers eval
"Content-Type: $::type"
--- response_body eval
$::all



=== status and an object
--- get: status_object
--- error_code: 201
--- response_headers
Content-Type: application/json
--- json: {"a": 1, "b": "\u00e9"}



=== status and nothing
--- get: status_nothing
--- error_code: 201
--- response_body



=== a response: status, header fields, type, body
--- get: response
--- error_code: 201
--- response_headers
h1: v1
h2: v2
Content-Type: text/x-conformance
Content-Length: 13
--- response_body chomp
response body



=== a response of bytes
--- get: response_bytes
--- response_headers
Content-Type: text/x-conformance
--- response_body eval
$::all



=== a response with an object is JSON
--- get: response_object
--- response_headers
Content-Type: application/json
--- json: {"a": 1, "b": "\u00e9"}



=== a response with a list is JSON
--- get: response_list
--- response_headers
Content-Type: application/json
--- json: [1, "two", null, {"three": 3}]



=== a response of which nothing was set
--- get: response_default
--- response_headers
Content-Length: 0
--- response_body



=== 204 has no body
--- get: response_204
--- error_code: 204
--- response_headers
!Content-Length
!Transfer-Encoding
--- response_body



=== header fields: lists, text, numbers
--- get: headers
--- raw_response_headers_like eval
"(?i)^(?=.*\r\nOne: 1\r\n)(?=.*\r\nMany: a\r\nMany: b\r\n)(?=.*\r\nUtf: \xc3\xa9\r\n)(?=.*\r\nNumber: 7\r\n)"



=== two cookies
--- get: set_cookie
--- raw_response_headers_like: \r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n



=== header fields that are nginx's own
--- get: managed
--- response_headers
Connection: close
Content-Length: 7
!Transfer-Encoding
!X-Accel-Redirect
--- raw_response_headers_unlike: Server: x
--- response_body chomp
managed



=== the event's header fields sent back
--- request
POST /f/echo_headers
some body
--- of: echo_headers
--- more_headers
X-One: one
X-Two: two
--- raw_response_headers_like eval
"(?i)^(?=.*\r\nX-One: one\r\n)(?=.*\r\nX-Two: two\r\n)(?!.*Content-Length: 9\r\n)"



=== Content-Type among the header fields
--- get: header_type
--- response_headers
Content-Type: text/html



=== HEAD has the header fields alone
--- request
HEAD /f/response
--- of: response
--- error_code: 201
--- response_headers
h1: v1
Content-Length: 13
--- response_body



=== a large answer
--- request
POST /f/large?size=3000000
size=3000000
--- timeout: 20
--- response_body eval
"x" x 3000000



=== a stream
--- get: stream?count=100
--- response_headers eval
$::streamed
--- response_body eval
CORE::join "", map {"piece $_\n"} 0 .. 99



=== a stream of no pieces
--- get: stream?count=0
--- response_body



=== a stream for HEAD, and the next
--- request eval
["HEAD /f/stream?count=3", "GET /f/text"]
--- of: stream?count=1
--- response_body eval
["", "text \xc3\xa9\n"]



=== a name that is not known
--- get: no_such_name
--- error_code: 404



=== a status of 1000
--- wrong: bad_status



=== a status of 99
--- wrong: bad_status_low



=== a status that is text
--- wrong: bad_status_text



=== a content type that is a number
--- wrong: bad_type



=== a content type of two lines
--- wrong: bad_type_line



=== a header field whose name has a space
--- wrong: bad_header_name



=== a header field of two lines
--- wrong: bad_header_value



=== 101 header fields
--- wrong: many_headers



=== a header field of 9000 bytes
--- wrong: large_header



=== header fields that a line does not hold
--- wrong: wide_headers
--- process: there are no lines



=== an error: its text is told, its stack is logged
--- wrong: raise
--- raised: some error
--- logged eval
[qr/\[error\] .* fn "answers" pid \d+, id \w{32}: (?=$::failed).*some error/,
 qr/\[error\] .* fn "answers" pid \d+, id \w{32}: .*$::stack/]



=== an error of 100000 bytes
--- wrong: raise_long
--- raised: x{100}
--- logged eval
[qr/\[error\] .* fn "answers" pid \d+, id \w{32}: .*x{100}/]



=== an error with odd characters
--- wrong: raise_odd
--- logged eval
[qr/ id \w{32}: .*\\x00/, qr/ id \w{32}: .*\xf0\x9f\x98\x80/, qr/\A[^\x00\x1b]+\z/]



=== an error with a status
--- wrong: raise_status
--- status: 409
--- raised: some conflict



=== what is thrown is no exception
--- wrong: raise_other
--- raised: thrown text



=== asynchronous
--- get: async
--- response_body chomp
async



=== an asynchronous error
--- wrong: async_raise
--- raised: async error
