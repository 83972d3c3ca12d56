# What a Python handler returns, and what it becomes; what it is called with;
# how it fails.

use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};
$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();

my $functions = <<'END';
>>> value.py
import datetime
import nuclio_sdk

Response = nuclio_sdk.Response

class Odd:
    def __str__(self):
        return "odd"

class Broken:
    def __str__(self):
        raise RuntimeError("no text")

def three():
    yield "one"
    yield b"two"
    yield "three"

def none_at_all():
    return
    yield

def handler(context, event):
    return eval(event.fields["v"], globals())
>>> told.py
import json

def plain(value):
    return [type(value).__name__, value if type(value) in (
        str, int, bool, float, dict, list) else str(value)]

def handler(context, event):
    name = event.fields["of"]
    if name == "trigger":
        return [event.trigger.kind, event.trigger.name]
    if name == "get_header":
        return [event.get_header("x-TWICE"), event.get_header("absent")]
    if name == "json":
        return json.loads(event.to_json())["path"]
    if name == "context":
        return [context.worker_id, context.trigger.kind, context.trigger.name,
                context.trigger_name, context.platform.kind,
                type(context.Response).__name__]
    if name == "header":
        return plain(event.headers.get(event.fields["name"]))
    return plain(getattr(event, name))
>>> bytes.py
def handler(context, event):
    what = event.fields["of"]
    if what == "header":
        return event.headers["X-Bytes"].encode("latin-1", "backslashreplace")
    if what == "back":
        return context.Response(
            headers={"X-Back": event.headers["X-Bytes"].encode("latin-1")})
    return event.raw_body
>>> count.py
def init_context(context):
    context.user_data.count = 10
    setattr(context.user_data, "step", 5)

def handler(context, event):
    context.user_data.count += context.user_data.step
    return str(context.user_data.count)
>>> async_init.py
async def init_context(context):
    context.user_data.word = "ready"

async def handler(context, event):
    return context.user_data.word
END

my $config = <<'END';
location /value {
    fn_handler python:$TEST_NGINX_HTML_DIR/value.py:handler;
    fn_debug on;
}
location /told {
    fn_handler python:$TEST_NGINX_HTML_DIR/told.py:handler name=teller;
}
location /bytes {
    fn_handler python:$TEST_NGINX_HTML_DIR/bytes.py:handler;
}
location /count {
    fn_handler python:$TEST_NGINX_HTML_DIR/count.py:handler;
}
location /async_init {
    fn_handler python:$TEST_NGINX_HTML_DIR/async_init.py:handler;
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

    # "v": what the handler of value.py returns
    if (defined(my $value = $block->v)) {
        chomp $value;
        $value =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
        $block->set_value('request', "GET /value?v=$value");
    }

    # "of": GET /told?of=
    if (defined(my $of = $block->of)) {
        chomp $of;
        $block->set_value('request', "GET /told?of=$of");
    }

    $block->set_value('no_error_log', '[alert]');
});

no_root_location();
no_shuffle();
run_tests();

__DATA__

=== nothing
--- v: None
--- response_headers
Content-Length: 0
--- response_body



=== text
--- v: 'tèxt'
--- response_headers
Content-Type: text/plain
--- response_body chomp
tèxt



=== bytes of every kind
--- v: bytes(range(256))
--- response_headers
Content-Type: text/plain
Content-Length: 256
--- response_body eval
CORE::join '', map { chr } 0 .. 255



=== a bytearray
--- v: bytearray(b'x')
--- response_body chomp
x



=== numbers and booleans
--- request eval
["GET /value?v=3", "GET /value?v=1.5", "GET /value?v=True"]
--- response_headers eval
[("Content-Type: text/plain") x 3]
--- response_body eval
["3", "1.5", "True"]



=== a dict
--- v: {'é': [1, None]}
--- response_headers
Content-Type: application/json
--- response_body chomp
{"\u00e9": [1, null]}



=== a list is a JSON array
--- v: [1, 'b']
--- response_headers
Content-Type: application/json
--- response_body chomp
[1, "b"]



=== an empty list
--- v: []
--- response_body chomp
[]



=== NaN is text
--- v: {'x': float('nan')}
--- response_body chomp
{"x": "NaN"}



=== any object in a dict is text
--- v: {'x': Odd()}
--- response_body chomp
{"x": "odd"}



=== any object
--- v: datetime.date(2020, 1, 2)
--- response_headers
Content-Type: text/plain
--- response_body chomp
2020-01-02



=== status and text
--- v: (201, 's')
--- error_code: 201
--- response_headers
Content-Type: text/plain
--- response_body chomp
s



=== status and a dict
--- v: (418, {'a': 1})
--- error_code: 418
--- response_headers
Content-Type: application/json
--- response_body chomp
{"a": 1}



=== status and bytes
--- v: (201, b'x')
--- error_code: 201
--- response_headers
Content-Type: text/plain
--- response_body chomp
x



=== status and nothing
--- v: (202, None)
--- error_code: 202
--- response_body



=== status and text in the wrong order
--- v: ('x', 201)
--- error_code: 500
--- response_body_like: ^TypeError: status code must be an integer, not 'x'



=== a tuple of three
--- v: (1, 2, 3)
--- response_headers
Content-Type: text/plain
--- response_body chomp
(1, 2, 3)



=== Response: nothing in it
--- v: Response()
--- response_headers
Content-Type: text/plain
--- response_body



=== Response: all of it
--- v: Response({'X-A': 'a', 'X-B': 'b'}, 'body', 'text/html', 203)
--- error_code: 203
--- response_headers
X-A: a
X-B: b
Content-Type: text/html
--- response_body chomp
body



=== Response: a dict is JSON whatever its content type
--- v: Response(body={'a': 1}, content_type='text/html')
--- response_headers
Content-Type: application/json



=== Response: bytes
--- v: Response(body=b'\x00\xff', content_type='image/png')
--- response_headers
Content-Type: image/png
Content-Length: 2
--- response_body eval
"\0\xff"



=== Response: no status is 200
--- v: Response(body='x', status_code=None)
--- response_body chomp
x



=== Response: a content type in headers wins over the default one
--- v: Response({'Content-Type': 'text/html'}, 'x')
--- response_headers
Content-Type: text/html



=== Response: and is nothing beside one that is given
--- v: Response({'Content-Type': 'text/html'}, 'x', 'text/plain')
--- response_headers
Content-Type: text/plain



=== Response: headers that are numbers
--- v: Response({'X-N': 1, 'X-T': True}, 'x')
--- response_headers
X-N: 1
X-T: True



=== Response: several lines of a name
--- v: Response({'Set-Cookie': ['a=1', 'b=2']}, 'x')
--- raw_response_headers_like: \r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n



=== Response: a header with a line break is the handler's failure
--- v: Response({'X-A': 'a\r\nX-B: b'}, 'x')
--- error_code: 500
--- response_headers
!X-A
!X-B
--- response_body_like: ^ValueError



=== Response: a status of 1000
--- v: Response(status_code=1000)
--- error_code: 500
--- response_body_like: ^ValueError



=== Response: a status of 100
--- v: (100, 'x')
--- error_code: 500
--- response_body_like: ^ValueError



=== ExceptionWithResponse
--- v: (_ for _ in ()).throw(nuclio_sdk.ExceptionWithResponse(409, 'taken'))
--- error_code: 409
--- response_body chomp
taken



=== SystemExit does not end the process
--- v: exit(3)
--- error_code: 500
--- response_body_like: ^SystemExit: 3



=== an object without text
--- v: Broken()
--- error_code: 500
--- response_body_like: ^RuntimeError: no text



=== and the function still works
--- v: 'alive'
--- response_body chomp
alive



=== a generator is streamed
--- v: three()
--- response_headers
Transfer-Encoding: chunked
Content-Type: text/plain
!Content-Length
--- response_body chomp
onetwothree



=== a generator in a Response
--- v: Response(body=three(), content_type='text/custom', status_code=202)
--- error_code: 202
--- response_headers
Transfer-Encoding: chunked
Content-Type: text/custom
--- response_body chomp
onetwothree



=== a generator that yields nothing
--- v: none_at_all()
--- response_body



=== a generator to HTTP/1.0 ends with the connection
--- request
GET /value?v=three() HTTP/1.0
--- response_headers
!Transfer-Encoding
!Content-Length
--- response_body chomp
onetwothree



=== HEAD has the headers of GET, and no body
--- request
HEAD /value?v='four'
--- response_headers
Content-Length: 4
Content-Type: text/plain
--- response_body



=== HEAD of a generator
--- request
HEAD /value?v=three()
--- response_headers
Content-Type: text/plain
--- response_body



=== 204 has no body even if there is one
--- v: (204, 'x')
--- error_code: 204
--- response_headers
!Content-Length
!Transfer-Encoding
--- response_body



=== 304 has no body even if there is one
--- v: Response({'ETag': '"a"'}, 'x', status_code=304)
--- error_code: 304
--- response_headers
ETag: "a"
!Transfer-Encoding
--- response_body



=== event: method, of any name
--- request eval
["GET /told?of=method", "DELETE /told?of=method", "PATCH /told?of=method",
 "OPTIONS /told?of=method", "PURGE /told?of=method"]
--- response_body eval
[map { "[\"str\", \"$_\"]" } qw/ GET DELETE PATCH OPTIONS PURGE /]



=== event: the path is decoded and normalised
--- request
GET /told/%41%20b/./c/../%C3%A9?of=path
--- response_body chomp
["str", "/told/A b/\u00e9"]



=== event: a path that is no UTF-8
--- request
GET /told/%FF?of=path
--- response_body chomp
["str", "/told/\u00ff"]



=== event: fields
--- request
GET /told?of=fields&a=1&a=2&b=x+y%20z&c&d=%C3%A9&e=a=b
--- response_body chomp
["dict", {"of": "fields", "a": "2", "b": "x y z", "c": "", "d": "\u00e9", "e": "a=b"}]



=== event: what an HTTP event has nothing of
--- request eval
[map {"GET /told?of=$_"} qw/ url shard_id num_shards type type_version version
    last_in_batch offset topic content_type /]
--- response_body eval
['["str", ""]', '["int", -1]', '["int", 0]', '["str", ""]', '["str", ""]',
 '["str", ""]', '["bool", false]', '["int", 0]', '["str", ""]', '["str", ""]']



=== event: size
--- request
POST /told?of=size
twelve bytes
--- response_body chomp
["int", 12]



=== event: id
--- of: id
--- response_body_like: ^\["str", "[0-9a-f]{32}"\]$



=== event: timestamp
--- of: timestamp
--- response_body_like: ^\["datetime", "20\d\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?"\]$



=== event: trigger
--- of: trigger
--- response_body chomp
["http", "teller"]



=== event: to_json
--- of: json
--- response_body chomp
/told



=== event: a body is bytes
--- request
POST /told?of=body
{"a": 1}
--- response_body chomp
["bytes", "b'{\"a\": 1}'"]



=== event: a body of application/json is parsed
--- request
POST /told?of=body
{"a": [1, "b"]}
--- more_headers
Content-Type: application/json
--- response_body chomp
["dict", {"a": [1, "b"]}]



=== event: with a parameter it is not parsed, as in nuclio
--- request
POST /told?of=body
{"a": 1}
--- more_headers
Content-Type: application/json; charset=utf-8
--- response_body_like: ^\["bytes"



=== event: what is no JSON stays bytes
--- request
POST /told?of=body
{"a":
--- more_headers
Content-Type: application/json
--- response_body_like: ^\["bytes"



=== event: no body
--- of: body
--- response_body chomp
["bytes", "b''"]



=== event: the case of header names is nuclio's
--- request
GET /told?of=header&name=X-One-Two
--- more_headers
x-oNE-two: V
--- response_body chomp
["str", "V"]



=== event: Host
--- request
GET /told?of=header&name=Host
--- more_headers
Host: a.example
--- response_body chomp
["str", "a.example"]



=== event: a header that came twice is a list
--- request
GET /told?of=header&name=X-Twice
--- more_headers
X-Twice: 1
x-twice: 2
--- response_body chomp
["list", ["1", "2"]]



=== event: get_header
--- request
GET /told?of=get_header
--- more_headers
X-Twice: 1
X-Twice: 2
--- response_body chomp
["2", null]



=== event: a header that is UTF-8
--- request
GET /told?of=header&name=X-A
--- more_headers eval
"X-A: \xc3\xa9"
--- response_body chomp
["str", "\u00e9"]



=== event: an empty header
--- request
GET /told?of=header&name=X-A
--- more_headers
X-A:
--- response_body chomp
["str", ""]



=== context
--- of: context
--- response_body chomp
["0", "http", "teller", "teller", "local", "type"]



=== every byte of a header's value comes through
--- request
GET /bytes?of=header
--- more_headers eval
"X-Bytes: a\t" . CORE::join '', map { chr } 0x21 .. 0x7e, 0x80 .. 0xff
--- response_body eval
"a\t" . CORE::join '', map { chr } 0x21 .. 0x7e, 0x80 .. 0xff



=== and goes back, as bytes
--- request
POST /bytes?of=back
x
--- more_headers eval
"X-Bytes: " . CORE::join '', map { chr } 0x21 .. 0x7e, 0x80 .. 0xff
--- raw_response_headers_like eval
'X-Back: ' . CORE::join '', map { sprintf '\\x%02x', $_ } 0x21 .. 0x7e, 0x80 .. 0xff



=== every byte of a body comes through
--- request eval
"POST /bytes?of=body\n" . CORE::join '', map { chr } 0 .. 255
--- response_body eval
CORE::join '', map { chr } 0 .. 255



=== a body of 1 MB comes back
--- request eval
"POST /bytes?of=body\n" . 'abcdefg' x 150000
--- timeout: 10
--- response_body eval
'abcdefg' x 150000



=== init_context and user_data
--- request eval
["GET /count", "GET /count", "GET /count"]
--- response_body eval
["15", "20", "25"]



=== init_context may be asynchronous
--- request
GET /async_init
--- response_body chomp
ready
