# A runtime that breaks the protocol (runtimes/PROTOCOL 3 to 6): its event is
# 502, nothing of its reply gets to the client, the reason is in the error log,
# and the next request is served by another process.
#
# "--- fault" names a row of FAULTS in t/lib/fault_runtime.py, "--- reason" what
# the log says; a block without more of its own expects the above.

use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_FN_ROOT} = $ENV{FN_ROOT} || do { require Cwd; Cwd::getcwd() };

my $http_config = <<'_EOC_';
    fn_command python python3 -S -E $TEST_NGINX_FN_ROOT/t/lib/fault_runtime.py;
_EOC_

my $config = <<'_EOC_';
    location /f/ {
        fn_handler python:$TEST_NGINX_SERVER_ROOT/html/x.py name=fault;
    }

    location /unbuffered/f/ {
        fn_handler python:$TEST_NGINX_SERVER_ROOT/html/x.py name=unbuffered;
        fn_buffering off;
    }

    location /secret {
        internal;
        return 200 secret;
    }
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;
    my $fault = $block->fault // '';

    my $set = sub {
        my ($section, $value) = @_;
        $block->set_value($section, $value) unless defined $block->$section;
    };

    $set->(http_config => $http_config);
    $set->(config => $config);
    $set->(user_files => ">>> x.py\n");
    $set->(request => ["GET /f/$fault", 'GET /f/after']);
    $set->(error_code => [502, 200]);
    $set->(response_body_like => ['502 Bad Gateway', '"nth": 1,']);
    $set->(raw_response_headers_unlike => [('X-Injected|X-A') x 2]);
    $set->(no_error_log => "[alert]\n[emerg]");

    my $reason = $block->reason // return;

    $set->(shutdown_error_log => [
        qr/fn "fault" process \d+ sent an invalid reply: \Q$reason\E: "/,
        qr/fn "fault" process \d+ broke the protocol, and is replaced/,
    ]);
});

log_level('info');
check_accum_error_log();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a runtime that obeys is kept
--- fault: fine
--- error_code eval
[200, 200]
--- response_body_like eval
['"nth": 1,', '"nth": 2,']
--- no_error_log
[error]



=== TEST 2: an HTTP response
--- fault: garbage
--- reason: line is not JSON



=== TEST 3: bytes that are no text, escaped in the log
--- fault: binary
--- shutdown_error_log eval
[qr/line is not JSON: "\\x00\\x01\\xFE\\xFF\\x1B\[31m\\x0A"/, 'is replaced']



=== TEST 4: an empty line
--- fault: empty_line
--- reason: line is not JSON



=== TEST 5: an array
--- fault: array
--- reason: line is not an object



=== TEST 6: not in UTF-8
--- fault: not_utf8
--- reason: line is not in UTF-8



=== TEST 7: a byte order mark
--- fault: bom
--- reason: line is not JSON



=== TEST 8: text behind the object
--- fault: trailing
--- reason: line is not JSON



=== TEST 9: half a line, then the end: it may have been run
--- fault: half_line
--- shutdown_error_log
upstream prematurely closed connection
--- response_body_like eval
['502 Bad Gateway', '"nth": ']



=== TEST 10: a line without an end
--- fault: no_newline
--- reason: line is too long



=== TEST 11: two replies: the first is used, and the process replaced
--- fault: two_lines
--- error_code eval
[200, 200]
--- response_body_like eval
['^ok$', '"nth": 1,']
--- shutdown_error_log
sent more than its reply
broke the protocol, and is replaced



=== TEST 12: more bytes than announced
--- fault: length_short
--- error_code eval
[200, 200]
--- response_body_like eval
['^o$', '"nth": 1,']
--- shutdown_error_log
sent more than its reply
broke the protocol, and is replaced



=== TEST 13: more bytes behind a text
--- fault: text_more
--- error_code eval
[200, 200]
--- response_body_like eval
['^text$', '"nth": 1,']
--- shutdown_error_log
sent more than its reply
broke the protocol, and is replaced



=== TEST 14: the id of another event
--- fault: wrong_id
--- reason: wrong id



=== TEST 15: no id
--- fault: no_id
--- reason: wrong id



=== TEST 16: a number for an id
--- fault: number_id
--- reason: wrong id



=== TEST 17: an empty id
--- fault: empty_id
--- reason: wrong id



=== TEST 18: the id of the event before: no answer gets to another request
--- request eval
["GET /f/first", "GET /f/old_id", "GET /f/after"]
--- error_code eval
[200, 502, 200]
--- response_body_like eval
['"nth": 1,', '502 Bad', '"nth": 1,']
--- raw_response_headers_unlike eval
[('X-A') x 3]
--- reason: wrong id



=== TEST 19: an unknown type
--- fault: unknown_type
--- reason: unknown type



=== TEST 20: no type
--- fault: no_type
--- reason: unknown type



=== TEST 21: a chunk without a stream
--- fault: chunk_first
--- reason: unexpected type



=== TEST 22: the end of no stream
--- fault: end_first
--- reason: unexpected type



=== TEST 23: "expired" for an event without a lease
--- fault: expired
--- reason: expired without start_by



=== TEST 24: a log record of an unknown level
--- fault: log_level
--- reason: unknown level



=== TEST 25: a log record without text
--- fault: log_number
--- reason: message is not a string



=== TEST 26: status 0
--- fault: status_0
--- reason: status is not an integer from 200 to 599



=== TEST 27: status 100
--- fault: status_100
--- reason: status is not an integer from 200 to 599



=== TEST 28: status 101
--- fault: status_101
--- reason: status is not an integer from 200 to 599



=== TEST 29: status 199
--- fault: status_199
--- reason: status is not an integer from 200 to 599



=== TEST 30: status 600
--- fault: status_600
--- reason: status is not an integer from 200 to 599



=== TEST 31: status 1000
--- fault: status_1000
--- reason: status is not an integer from 200 to 599



=== TEST 32: status -1
--- fault: status_negative
--- reason: status is not an integer from 200 to 599



=== TEST 33: status "200"
--- fault: status_text
--- reason: status is not an integer from 200 to 599



=== TEST 34: status 200.5
--- fault: status_real
--- reason: status is not an integer from 200 to 599



=== TEST 35: status null
--- fault: status_null
--- reason: status is not an integer from 200 to 599



=== TEST 36: status 1e400
--- fault: number_huge
--- reason: number is out of range



=== TEST 37: an error with status 200
--- fault: error_status
--- reason: status is not an integer from 400 to 599



=== TEST 38: CR and LF in a value
--- fault: header_crlf
--- reason: header value has a control character



=== TEST 39: LF in a value
--- fault: header_lf
--- reason: header value has a control character



=== TEST 40: CR in a value
--- fault: header_cr
--- reason: header value has a control character



=== TEST 41: NUL in a value
--- fault: header_nul
--- reason: header value has a control character



=== TEST 42: an escape in a value
--- fault: header_escape
--- reason: header value has a control character



=== TEST 43: DEL in a value
--- fault: header_delete
--- reason: header value has a control character



=== TEST 44: bytes above 127 in a value are bytes
--- fault: header_high
--- error_code eval
[200, 200]
--- response_body_like eval
['ok', '"nth": 2,']
--- raw_response_headers_unlike eval
['X-Injected', 'X-Injected']
--- response_headers eval
["X-A: \xe9\xff\x80", "!X-A"]
--- no_error_log
[error]



=== TEST 45: a character above 255 in a value
--- fault: header_wide
--- reason: header has a character above 255



=== TEST 46: a name with a space and a colon
--- fault: header_name
--- reason: header name is not a token



=== TEST 47: CR and LF in a name
--- fault: header_name_crlf
--- reason: header name is not a token



=== TEST 48: NUL in a name
--- fault: header_name_nul
--- reason: line is not JSON



=== TEST 49: a character above 255 in a name
--- fault: header_name_wide
--- reason: header has a character above 255



=== TEST 50: a name that is too long
--- fault: header_name_long
--- reason: header name is too long



=== TEST 51: an empty name
--- fault: header_empty
--- reason: header name is empty



=== TEST 52: a value that is too long
--- fault: header_long
--- reason: header value is too long



=== TEST 53: a number for a value
--- fault: header_number
--- reason: header is not a string



=== TEST 54: null for a value
--- fault: header_null
--- reason: header is not a string



=== TEST 55: an array in an array
--- fault: header_nested
--- reason: header is not a string



=== TEST 56: headers that are a list
--- fault: headers_list
--- reason: headers is not an object



=== TEST 57: too many headers
--- fault: headers_many
--- reason: too many headers



=== TEST 58: two content types
--- fault: type_twice
--- reason: more than one Content-Type



=== TEST 59: a name that stands twice
--- fault: duplicate_key
--- reason: a name stands twice



=== TEST 60: nesting without an end
--- fault: deep
--- reason: nesting is too deep



=== TEST 61: nesting that is just not too deep
--- fault: deep_32
--- error_code eval
[200, 200]
--- response_body_like eval
['ok', '"nth": 2,']
--- no_error_log
[error]



=== TEST 62: a body in two ways
--- fault: body_twice
--- reason: more than one body



=== TEST 63: a body that is a number
--- fault: body_number
--- reason: body is not a string



=== TEST 64: a length that is a text
--- fault: length_text
--- reason: body_length is not an integer from 0



=== TEST 65: a length that is negative
--- fault: length_negative
--- reason: body_length is not an integer from 0



=== TEST 66: a length with a fraction
--- fault: length_real
--- reason: body_length is not an integer from 0



=== TEST 67: a length of 1000 digits
--- fault: number_long
--- reason: number is out of range



=== TEST 68: a stream that is no boolean
--- fault: stream_text
--- reason: stream is not a boolean



=== TEST 69: headers that nginx manages are dropped, and do nothing
--- fault: managed
--- error_code eval
[200, 200]
--- response_body_like eval
['^ok$', '"nth": 2,']
--- raw_response_headers_unlike eval
[qr/999|chunked|upgrade|never|mine|X-Accel|secret/, 'X-Accel']
--- response_headers eval
["Content-Length: 2\nX-Kept: yes", "!X-Kept"]
--- no_error_log
[error]



=== TEST 70: bytes that nobody asked for, on an idle connection
--- fault: unsolicited
--- wait: 0.2
--- error_code eval
[200, 200]
--- response_body_like eval
['^ok$', '"nth": 1,']
--- shutdown_error_log
sent bytes when no event was due
broke the protocol, and is replaced



=== TEST 71: garbage in a stream: the client sees that it is not whole
--- fault: stream_garbage
--- request eval
["GET /f/stream_garbage HTTP/1.0", "GET /f/after"]
--- error_code eval
[200, 200]
--- response_body_like eval
['^first$', '"nth": 1,']
--- reason: line is not JSON



=== TEST 72: a second response in a stream
--- fault: stream_twice
--- request eval
["GET /f/stream_twice HTTP/1.0", "GET /f/after"]
--- error_code eval
[200, 200]
--- response_body_like eval
['^first$', '"nth": 1,']
--- reason: unexpected type



=== TEST 73: bytes behind the end of a stream
--- fault: stream_more
--- error_code eval
[200, 200]
--- response_body_like eval
['^first$', '"nth": 1,']
--- shutdown_error_log
broke the protocol, and is replaced



=== TEST 74: a reply that comes byte by byte is a reply
--- fault: byte_by_byte
--- error_code eval
[200, 200]
--- response_body_like eval
['^slow$', '"nth": 2,']
--- response_headers eval
["X-Split: yes", "!X-Split"]
--- no_error_log
[error]



=== TEST 75: the same without buffering
--- request eval
["GET /unbuffered/f/byte_by_byte", "GET /unbuffered/f/length_short"]
--- error_code eval
[200, 200]
--- response_body_like eval
['^slow$', '^o$']
--- no_error_log
[alert]



=== TEST 76: POST is no different
--- request eval
["POST /f/garbage\nbody", "POST /f/after\nbody"]
--- response_body_like eval
['502 Bad', '"nth": 1,.*"body": "body"']
--- reason: line is not JSON



=== TEST 77: HEAD is no different
--- request eval
["HEAD /f/garbage", "GET /f/after"]
--- response_body_like eval
['^$', '"nth": 1,']
--- reason: line is not JSON



=== TEST 78: a failed handler is 500, not 502, and its process is kept
--- fault: error
--- error_code eval
[500, 200]
--- response_body_like eval
['^function failed, request id: \w+\n$', '"nth": 2,']
--- shutdown_error_log eval
[qr/fn "fault" pid \d+, id \w+: handler failed: ValueError: wrong\\x0D\\x0AX-Injected/,
 qr/fn "fault" pid \d+, id \w+: line 2/]
