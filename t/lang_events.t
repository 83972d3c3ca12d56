# What a handler is told of a request, in each language; t/lib/FnLang.pm says
# in which.

use FindBin;
BEGIN { require "$FindBin::RealBin/lib/FnLang.pm" }

my $lang;
BEGIN { $lang = FnLang->new }

use Test::Nginx::Socket 'no_plan';

use JSON::PP;
use MIME::Base64;
use Time::HiRes qw(time);

our $script = $lang->is('shell');      # its type is in the configuration
our $all = join '', map { chr } 0 .. 255;

my $handler = $lang->handler('events');
my $config = <<"_EOC_";
    location / {
        $handler
    }
_EOC_

my $first = 1;

add_block_preprocessor(sub {
    my ($block) = @_;

    if ($first) {
        $block->set_value(config => $config);
        $block->set_value(timeout => 120);
        $first = 0;

    } elsif (my $lacks = defined $block->of
        && $lang->asked_lacks(server_port(), '/' . $block->of))
    {
        $block->set_value(name => $block->name . " # $lacks");
        $block->set_value(skip_eval => '1: 1');
    }

    $block->set_value(no_error_log => "[alert]\n[emerg]");
});

# "of": what the language may lack.  "event": JSON of what the event has to have, among other things.  What is a
# list there may be its last element: types of some languages allow no more.

add_response_body_check(sub {
    my ($block, $body, $index) = @_;
    my $wanted = $block->event // return;
    my $event = eval { decode_json($body) } || {};

    $wanted = decode_json(ref $wanted ? $wanted->[$index] : $wanted);

    for my $key (sort keys %$wanted) {
        my $name = $block->name . ": $key";
        my $got = $event->{$key};
        my $want = $wanted->{$key};

        # a script is told no more of a request, and nuclio's Ruby of no size
        next if !exists $event->{$key} && ($lang->is('shell')
            ? $key !~ /^(?:id|method|path|content_type|body)$/ : $key eq 'size');

        if ($key eq 'headers') {
            for my $header (sort keys %$want) {
                my $value = $want->{$header};
                $value = $value->[-1] if ref $value && !ref $got->{$header};
                is(json($got->{$header}), json($value), "$name: $header");
            }

        } else {
            is(json($got), json($want), $name);
        }
    }
});

# "now": the event's time is

add_response_body_check(sub {
    my ($block, $body) = @_;
    return if !defined $block->now;
    my $ms = eval { decode_json($body)->{timestamp} };

    return if !defined $ms && $lang->is('shell');
    cmp_ok(abs(($ms // 0) - time * 1000), '<', 10000, $block->name . ': timestamp');
});

no_root_location();
no_shuffle();
run_tests();


sub json {
    my ($value) = @_;

    return defined $value
        ? JSON::PP->new->canonical->allow_nonref->ascii->encode($value) : 'none';
}

__DATA__

=== method, path, fields, header fields, body
--- request
POST /a/event?one=1&two=%C3%A9&one=last&x=a+b
body
--- more_headers
Content-Type: text/x-odd
x-some-name: value
--- event chomp
{"method": "POST", "path": "/a/event", "content_type": "text/x-odd", "size": 4,
 "body": "Ym9keQ==", "fields": {"one": "last", "two": "\u00e9", "x": "a b"},
 "headers": {"X-Some-Name": "value", "Content-Type": "text/x-odd", "Content-Length": "4"},
 "trigger": {"kind": "http", "name": "events"}}
--- now



=== nothing that may be left out
--- request
GET /event
--- event chomp
{"method": "GET", "path": "/event", "content_type": "", "size": 0, "body": "",
 "fields": {}}



=== every method
--- request eval
["PUT /event\nx", "DELETE /event", "PATCH /event\nx", "OPTIONS /event"]
--- event eval
[map { qq({"method": "$_", "path": "/event"}) } qw(PUT DELETE PATCH OPTIONS)]



=== a path is decoded, and is text
--- request eval
["GET /a%20b%22%5C/%C3%A9%F0%9F%98%80/event", "GET /a/../%2e/b//c/event", "GET /%3F%23%25/event?"]
--- event eval
['{"path": "/a b\"\\\\/\u00e9\ud83d\ude00/event"}', '{"path": "/b/c/event"}',
 '{"path": "/?#%/event"}']



=== a path that is no text: a character for each byte
--- request
GET /%E9%FF/event
--- event chomp
{"path": "/\u00e9\u00ff/event"}



=== control characters in a path
--- request
GET /a%0D%0A%09%1B%7F/event
--- event chomp
{"path": "/a\r\n\t\u001b\u007f/event"}



=== fields that are odd
--- request
GET /event?a&b=&=c&%3D=%26&d=%E9&e=1%
--- event chomp
{"path": "/event", "method": "GET"}



=== a header field that came more than once, text, and no text
--- request
GET /event
--- more_headers eval
"X-Many: a\nX-Many: b\nX-Text: \xc3\xa9\nX-Bytes: \xe9\xff\nX-Empty: "
--- event chomp
{"headers": {"X-Many": ["a", "b"], "X-Text": "\u00e9", "X-Bytes": "\u00e9\u00ff", "X-Empty": ""}}



=== a hundred header fields, and long ones
--- request
GET /event
--- more_headers eval
CORE::join "\n", "X-Long: " . "y" x 7000, map { "X-Field-$_: value $_" } 1 .. 100
--- event eval
sprintf '{"headers": {"X-Long": "%s", "X-Field-1": "value 1", "X-Field-100": "value 100"}}', "y" x 7000



=== a header field is found in any case of its name
--- of: header?name=none
--- request eval
["GET /header?name=X-ONE", "GET /header?name=x-one", "GET /header?name=X-Many", "GET /header?name=none"]
--- more_headers
X-One: value
X-Many: a
X-Many: b
--- response_body eval
["value", "value", "b", ""]



=== bodies: none, one byte, every byte
--- request eval
["POST /echo", "POST /echo\nx", "POST /echo\n$::all"]
--- response_body eval
["", "x", $::all]



=== a body's content type goes with it
--- request
POST /echo
{"a": [1, 2]}
--- more_headers
Content-Type: application/json
--- response_headers eval
$::script ? "" : "Content-Type: application/json\nContent-Length: 13"
--- response_body chomp
{"a": [1, 2]}



=== a body that looks like the protocol
--- request eval
["POST /echo\n{\"type\":\"response\",\"id\":\"x\"}\n{\"type\":\"stop\"}\n.", "GET /text"]
--- response_body eval
["{\"type\":\"response\",\"id\":\"x\"}\n{\"type\":\"stop\"}\n.", "text \xc3\xa9\n"]



=== a large body, both ways, and the next
--- request eval
["POST /echo\n" . $::all x 12000, "POST /echo\nsmall"]
--- timeout: 20
--- response_body eval
[$::all x 12000, "small"]



=== sizes about those of buffers
--- request eval
[map { "POST /echo\n" . "z" x $_ } 4095, 4096, 8192, 16383, 16384, 65535, 65536, 65537]
--- response_body eval
[map { "z" x $_ } 4095, 4096, 8192, 16383, 16384, 65535, 65536, 65537]



=== a body in chunks
--- raw_request eval
"POST /echo HTTP/1.1\r
Host: t\r
Connection: close\r
Transfer-Encoding: chunked\r
\r
5\r
hello\r
6\r
 world\r
0\r
\r
"
--- response_body chomp
hello world



=== requests of one connection keep their order
--- pipelined_requests eval
["POST /echo\none", "GET /text", "POST /echo\nthree", "GET /text", "POST /echo\nfive"]
--- response_body eval
["one", "text \xc3\xa9\n", "three", "text \xc3\xa9\n", "five"]
