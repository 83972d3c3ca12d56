# nuclio's own acceptance tests of its Python runtime: the cases P1 to P27 of
# its outputter and its other test functions, as far as they concern HTTP.

use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};
$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();

my $functions = <<'END';
>>> outputter.py
import nuclio_sdk

def init_context(context):
    context.user_data.greeting = "a string"

def handler(context, event):
    if event.method != "POST":
        return event.method
    body = event.body.decode("utf-8")
    if body == "return_string":
        return context.user_data.greeting
    if body == "return_status_and_string":
        return 201, "a string after status"
    if body == "return_dict":
        return {"a": "dict", "b": "foo"}
    if body == "return_status_and_dict":
        return 201, {"a": "dict after status", "b": "foo"}
    if body == "return_list":
        return [{"a": 1}, {"b": 2}]
    if body == "return_response":
        headers = event.headers
        headers["h1"] = "v1"
        headers["h2"] = "v2"
        return context.Response(
            body="response body", headers=headers,
            content_type="text/plain", status_code=201)
    if body == "log":
        context.logger.debug("Debug message")
        context.logger.info("Info message")
        context.logger.warn("Warn message")
        context.logger.error("Error message")
        return 201, "returned logs"
    if body == "log_with":
        context.logger.error_with("Error message", source="rabbit", weight=7)
        return 201, "returned logs with"
    if body == "return_fields":
        return ",".join(f"{k}={v}" for k, v in sorted(event.fields.items()))
    if body == "return_path":
        return event.path
    if body == "return_error":
        raise ValueError("some error")
    if body == "return_binary":
        return b"hello"
    if body == "return_sdk_response":
        return nuclio_sdk.Response(body=str(123), content_type=123)
    raise RuntimeError(body)
>>> event_returner.py
import json

def handler(context, event):
    return json.dumps({
        "body": event.body.decode(),
        "path": event.path,
        "method": event.method,
        "eventType": event.trigger.kind,
        "headers": dict(event.headers),
        "id": event.id,
    })
>>> empty.py
def handler(context, event):
    return ""
>>> env_printer.py
import os

def handler(context, event):
    first, second = os.environ["FIRST_ENV"], os.environ["SECOND_ENV"]
    return f'first: "{first}"; second: "{second}"'
END

my $config = <<'END';
location / {
    fn_handler python:$TEST_NGINX_HTML_DIR/outputter.py:handler;
}
location /debug {
    fn_handler python:$TEST_NGINX_HTML_DIR/outputter.py:handler;
    fn_debug on;
}
location /quiet {
    fn_handler python:$TEST_NGINX_HTML_DIR/outputter.py:handler;
    fn_log_level warn;
}
location /loud {
    fn_handler python:$TEST_NGINX_HTML_DIR/outputter.py:handler;
    fn_log_level debug;
}
location /records {
    fn_handler python:$TEST_NGINX_HTML_DIR/outputter.py:handler;
    fn_log_level warn;
}
location /testPath {
    fn_handler python:$TEST_NGINX_HTML_DIR/event_returner.py:handler;
}
location /empty {
    fn_handler python:$TEST_NGINX_HTML_DIR/empty.py:handler;
}
location /env {
    fn_handler python:$TEST_NGINX_HTML_DIR/env_printer.py:handler;
    fn_env FIRST_ENV=11223344;
    fn_env SECOND_ENV=0099887766;
}
END

# one server for all
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

=== P1: a string
--- request
POST /
return_string
--- response_headers
Content-Type: text/plain
Content-Length: 8
--- response_body chomp
a string



=== P2: status and string
--- request
POST /
return_status_and_string
--- error_code: 201
--- response_headers
Content-Type: text/plain
--- response_body chomp
a string after status



=== P3: a dict
--- request
POST /
return_dict
--- response_headers
Content-Type: application/json
--- response_body chomp
{"a": "dict", "b": "foo"}



=== P4: status and dict
--- request
POST /
return_status_and_dict
--- error_code: 201
--- response_headers
Content-Type: application/json
--- response_body chomp
{"a": "dict after status", "b": "foo"}



=== P5: a response with all headers of the request
--- request
POST /
return_response
--- more_headers
a: 1
b: 2
Cookie: c=1
Content-Type: text/html
Keep-Alive: 7
--- error_code: 201
--- response_headers
a: 1
b: 2
h1: v1
h2: v2
Content-Type: text/plain
Content-Length: 13
Cookie: c=1
Host: localhost
!Keep-Alive
--- response_body chomp
response body



=== P6: an exception
--- request
POST /
something invalid
--- error_code: 500
--- response_headers
Content-Type: text/plain
--- response_body_like: ^function failed, request id: [0-9a-f]{32}\n$
--- error_log
handler failed: RuntimeError: something invalid
Traceback (most recent call last):



=== P6: and the function still works
--- request
POST /
return_string
--- response_body chomp
a string



=== P7: logs of every level
--- request
POST /loud
log
--- error_code: 201
--- response_body chomp
returned logs
--- grep_error_log eval
qr/\[\w+\] \d+#\d+: \*\d+ fn "loud" pid \d+, id [0-9a-f]{32}: \w+ message \{"worker_id": ?"0"\}/
--- grep_error_log_out eval
our $line = qr/\d+#\d+: \*\d+ fn "loud" pid \d+, id [0-9a-f]{32}/;
qr/^\[debug\] $line: Debug message .*
\[info\] $line: Info message .*
\[warn\] $line: Warn message .*
\[error\] $line: Error message .*
$/



=== P8: logs from a level on
--- request
POST /quiet
log
--- error_code: 201
--- error_log eval
[qr/\[warn\] .* fn "quiet" .*: Warn message/,
 qr/\[error\] .* fn "quiet" .*: Error message/]
--- no_error_log eval
[qr/fn "quiet" .*: Debug message/, qr/fn "quiet" .*: Info message/]



=== P9: what a record is logged with
--- request
POST /records
log_with
--- error_code: 201
--- response_body chomp
returned logs with
--- grep_error_log eval
qr/\[\w+\] .* fn "records" .*: Error message \{.*\}/
--- grep_error_log_out eval
qr/^\[error\] .*(?=.*"source": ?"rabbit")(?=.*"weight": ?7).*\n$/



=== P10: GET without a body
--- request
GET /
--- response_headers
Content-Type: text/plain
--- response_body chomp
GET



=== P11: the fields of the query
--- request
POST /?x=1&y=2
return_fields
--- response_body chomp
x=1,y=2



=== P12: the path
--- request
POST /path/to/nowhere
return_path
--- response_body chomp
/path/to/nowhere



=== P13: an error; its text goes to the client with fn_debug
--- request
POST /debug
return_error
--- error_code: 500
--- response_headers
Content-Type: text/plain
--- response_body_like chomp
^ValueError: some error
Traceback \(most recent call last\):
  File "\S+/outputter\.py", line \d+, in handler
.*
ValueError: some error
$



=== P14: bytes
--- request
POST /
return_binary
--- response_headers
Content-Type: text/plain
--- response_body chomp
hello



=== P15: a list is a JSON array
--- request
POST /
return_list
--- response_headers
Content-Type: application/json
--- response_body chomp
[{"a": 1}, {"b": 2}]



=== P19: the event
--- request
POST /testPath
testBody
--- more_headers
Testheaderkey1: testHeaderValue1
TESTHEADERKEY2: testHeaderValue2
--- response_body_like eval
qr/^\{"body": "testBody", "path": "\/testPath", "method": "POST", "eventType": "http", "headers": \{.*"Testheaderkey1": "testHeaderValue1", "Testheaderkey2": "testHeaderValue2".*\}, "id": "[0-9a-f]{32}"\}$/



=== P21: a body of 8 MB
--- request eval
"POST /empty\n" . 'x' x (8 << 20)
--- timeout: 20
--- response_body



=== P22: a body that is no UTF-8
--- request eval
"POST /empty\n\xc0\xaf"
--- response_body



=== P23, P24: a header that is no UTF-8 does no harm
--- request
POST /empty
x
--- more_headers eval
"X-Odd: \xc0\xaf"
--- response_body



=== P24: nor afterwards
--- request
GET /empty
--- response_body



=== P27: the environment
--- request
GET /env
--- response_body chomp
first: "11223344"; second: "0099887766"



=== P33: a content type that is a number is the handler's failure
--- request
POST /debug
return_sdk_response
--- error_code: 500
--- response_body_like: ^TypeError: content type must be a string, not 123\n



=== a client's X-Nuclio-Filestream-* is kept from a handler that sends all back
--- request
POST /
return_response
--- more_headers
X-Nuclio-Filestream-Path: /etc/hostname
x-nuclio-filestream-delete-after-send: 1
X-Nuclio-Filestrea: m
--- error_code: 201
--- response_headers
!X-Nuclio-Filestream-Path
X-Nuclio-Filestrea: m
--- response_body chomp
response body
