# async handlers with fn_concurrency, and what is streamed: chunks come when
# they are made.

use Test::Nginx::Socket 'no_plan';

use IO::Socket::INET;
use Time::HiRes qw/ time sleep /;

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};
$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();

my $functions = <<'END';
>>> meet.py
"""Two events that wait for each other: only possible side by side."""

import asyncio

running = 0
both = asyncio.Event()

async def handler(context, event):
    global running
    running += 1
    if running == 2:
        both.set()
    try:
        await asyncio.wait_for(both.wait(), 2)
        return "met"
    except asyncio.TimeoutError:
        return "alone"
    finally:
        running -= 1
>>> threads.py
"""The same with threads."""

import threading

barrier = threading.Barrier(2)

def handler(context, event):
    try:
        barrier.wait(2)
        return "met"
    except threading.BrokenBarrierError:
        barrier.reset()
        return "alone"
>>> fail.py
async def handler(context, event):
    raise ValueError("async failure")
>>> log.py
import asyncio

async def handler(context, event):
    await asyncio.sleep(0.01)
    context.logger.info_with("from a task", n=1)
    return context.Response(body="logged", status_code=201)
>>> stream.py
import asyncio, os, time

async def handler(context, event):
    for n in range(3):
        yield f"chunk {n}\n"
        if "stop" in event.fields and n == 1:
            raise ValueError("in the middle")
        while "step" in event.fields and not os.path.exists(
                f"{os.path.dirname(__file__)}/step{n}"):
            await asyncio.sleep(0.01)
>>> middle.py
def handler(context, event):
    yield "begin"
    raise ValueError("in the middle")
>>> early.py
def handler(context, event):
    raise ValueError("before the first chunk")
    yield "x"
>>> big.py
def handler(context, event):
    for n in range(int(event.fields["n"])):
        yield b"0123456789abcdef" * 4096
END

my $config = <<'END';
location /meet {
    fn_handler python:$TEST_NGINX_HTML_DIR/meet.py:handler;
    fn_concurrency 2;
}
location /alone {
    fn_handler python:$TEST_NGINX_HTML_DIR/meet.py:handler;
}
location /threads {
    fn_handler python:$TEST_NGINX_HTML_DIR/threads.py:handler;
    fn_concurrency 2;
}
location /fail {
    fn_handler python:$TEST_NGINX_HTML_DIR/fail.py:handler;
    fn_debug on;
    fn_concurrency 4;
}
location /log {
    fn_handler python:$TEST_NGINX_HTML_DIR/log.py:handler;
    fn_concurrency 4;
}
location /stream {
    fn_handler python:$TEST_NGINX_HTML_DIR/stream.py:handler;
    fn_concurrency 4;
}
location /middle {
    fn_handler python:$TEST_NGINX_HTML_DIR/middle.py:handler;
}
location /early {
    fn_handler python:$TEST_NGINX_HTML_DIR/early.py:handler;
}
location /big {
    fn_handler python:$TEST_NGINX_HTML_DIR/big.py:handler;
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

# what needs two connections, or looks between two chunks; while the server
# of the last block still runs
add_response_body_check(sub {
    my ($block) = @_;

    side_by_side() if $block->name =~ /side by side/;
    step_by_step() if $block->name =~ /step by step/;
    cut_short() if $block->name =~ /before the first chunk/;
});

no_root_location();
no_shuffle();
run_tests();


sub ask {
    my ($uri) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => server_port_for_client()) or die "connect: $!";

    print {$socket} "GET $uri HTTP/1.0\r\n\r\n";
    return $socket;
}


sub side_by_side {
    for my $uri (qw( /meet /threads )) {
        my @sockets = map { ask($uri) } 1, 2;

        for my $socket (@sockets) {
            local $/;
            like(scalar <$socket>, qr/\r\n\r\nmet$/, "$uri: two at a time");
        }
    }
}


sub cut_short {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => server_port_for_client()) or die "connect: $!";

    print {$socket} "GET /middle HTTP/1.1\r\nHost: a\r\n\r\n";

    my $answer = '';
    1 while sysread $socket, $answer, 4096, length $answer;

    unlike($answer, qr/\r\n0\r\n\r\n$/, 'no last chunk after a failure');
}


sub step_by_step {
    my $socket = ask('/stream?step=1');
    my $answer = '';

    for my $n (0 .. 2) {
        local $SIG{ALRM} = sub { die "no chunk $n\n" };
        alarm 10;
        eval {
            while ($answer !~ /chunk $n\n/) {
                sysread $socket, $answer, 4096, length $answer
                    or die "end of file\n";
            }
        };
        alarm 0;
        is($@, '', "chunk $n came while the next one was not made");

        open my $file, '>', html_dir() . "/step$n" or die $!;
    }
}

__DATA__

=== two events side by side
--- request
GET /alone
--- timeout: 10
--- response_body chomp
alone



=== an exception in a coroutine
--- request
GET /fail
--- error_code: 500
--- response_body_like: ^ValueError: async failure\nTraceback



=== a log record of a task belongs to its event
--- request
GET /log
--- error_code: 201
--- response_body chomp
logged
--- error_log eval
qr/\[info\] .* fn "log" pid \d+, id [0-9a-f]{32}: from a task \{"n": ?1,/



=== an asynchronous generator
--- request
GET /stream
--- response_headers
Transfer-Encoding: chunked
--- response_body
chunk 0
chunk 1
chunk 2



=== chunks come step by step
--- request
GET /stream
--- response_body_like: chunk 2



=== an exception between two chunks: the client sees that the end is missing
--- request
GET /middle HTTP/1.1
--- ignore_response
--- error_log
handler failed: ValueError: in the middle



=== the same of a coroutine, to HTTP/1.0
--- request
GET /stream?stop=1 HTTP/1.0
--- ignore_response
--- error_log eval
qr/fn "stream" .*handler failed: ValueError: in the middle/



=== an exception before the first chunk is a 500
--- request
GET /early
--- error_code: 500
--- response_body_like: ^function failed, request id



=== many chunks
--- request
GET /big?n=160
--- timeout: 10
--- response_body eval
'0123456789abcdef' x (160 * 4096)
