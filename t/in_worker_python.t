#!/usr/bin/perl

# Python functions inside the nginx worker: in_worker.  What they share with a
# process is in the suites lang_*.t; this is about living in a worker.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use Test::More;

my $build = $ENV{FN_BUILD} || "$FindBin::Bin/../build";

plan skip_all => 'no CPython for the worker: install python3-dev'
    unless -e "$build/runtimes/embed/fn_python.so";

my $server = FnServer->new(
    runtime => '',
    main => 'thread_pool two threads=2; thread_pool one threads=1;',
    http => 'fn_debug on; fn_logs_header on; fn_log_level debug;',
    files => {
        'f.py' => code(),
        'a/same.py' => names('a'), 'a/part.py' => "NAME = 'part of a'\n",
        'b/same.py' => names('b'), 'b/part.py' => "NAME = 'part of b'\n",
        'raises.py' => "raise RuntimeError('import failed')\n",
        'init.py' => <<'END',
def init_context(context):
    context.logger.info("says before it fails")
    raise RuntimeError("init failed")

def handler(context, event):
    return "never"
END
        'async.py' => <<'END',
import asyncio

async def init_context(context):
    await asyncio.sleep(0)
    context.user_data.ready = "initialised"

async def handler(context, event):
    await asyncio.sleep(0.001)
    context.logger.info("from a task")
    if event.body == b"raise":
        raise ValueError("late")
    return context.user_data.ready

async def pieces(context, event):
    for n in range(3):
        await asyncio.sleep(0)
        yield f"{n} "
END
    },
    config => <<'END',
        location /f { fn_handler python:%DIR%/f.py name=f in_worker; }
        location /main {
            fn_handler python:%DIR%/f.py name=main in_worker;
            fn_env FN_INTERPRETER=main;
        }
        location /threads {
            fn_handler python:%DIR%/f.py name=threads in_worker threads=two;
        }
        location /a { fn_handler python:%DIR%/a/same.py name=a in_worker;
                      fn_env WHO=first; }
        location /b { fn_handler python:%DIR%/b/same.py name=b in_worker;
                      fn_env WHO=second; }
        location /import { fn_handler python:%DIR%/raises.py in_worker; }
        location /init { fn_handler python:%DIR%/init.py in_worker; }
        location /init_thread {
            fn_handler python:%DIR%/init.py in_worker threads=one;
        }
        location /other {
            fn_command python /usr/bin/../bin/python3;
            fn_handler python:%DIR%/f.py name=other in_worker;
        }
        location /async { fn_handler python:%DIR%/async.py name=async in_worker; }
        location /pieces {
            fn_handler python:%DIR%/async.py:pieces name=pieces in_worker threads=two;
        }
        location /bytes {
            fn_env NUCLIO_PYTHON_DECODE_EVENT_STRINGS=no;
            fn_handler python:%DIR%/f.py name=bytes in_worker;
        }
        location /quiet {
            fn_debug off;
            fn_handler python:%DIR%/f.py name=quiet in_worker;
        }
END
);

# what is answered

answers('/f/text', 200, 'text é');
my ($worker) = $server->workers;
answers('/f/empty', 200, '');
answers('/f/surrogate', 200, 'a?b');
answers('/f/bytes', 200, "\0\xff");
answers('/f/object', 200, '{"a": 1}');
answers('/f/stream', 200, '0,1,2,');
answers('/f/async', 500, qr/coroutine/);
answers('/async', 200, 'initialised');
answers('/pieces', 200, '0 1 2 ');
is($server->post('/async', 'raise')->{code}, 500, 'async: raises');

my $reply = $server->get('/f/response');
is("$reply->{code} $reply->{body}", '201 made', 'Response');
like($reply->{headers}, qr/^X-Two: 1\r\nX-Two: 2\r?$/m, 'Response: headers');
like($reply->{headers}, qr{^Content-Type: text/made\r$}m, 'Response: type');

my $size = 3_000_000;
is(length $server->get('/f/huge')->{body}, $size, 'a huge reply');
is(length $server->get('/f/huge_stream')->{body}, $size, 'a huge stream');

# what is asked

$reply = $server->post('/f/event?a=1&b=%C3%A9', '{"x": [1]}');
my $event = FnServer::json($reply);
is_deeply($event, {
    method => 'POST', path => '/f/event', fields => { a => 1, b => "\x{e9}" },
    size => 10, body => '{"x": [1]}', trigger => ['http', 'f'],
    remote_addr => '127.0.0.1', host => 't', id => 32, age => 1,
    type => ['', '', ''], content_type => '', topic => '', kinds => 1,
}, 'the event') or diag($reply->{body});

is($server->post('/bytes', 'body')->{body}, "b'POST'", 'strings are bytes');

my $body = join '', map { chr($_ % 251) } 1 .. 300_000;
is($server->post('/f/echo', $body)->{body}, $body, 'a large body');
is($server->post('/threads/echo', $body)->{body}, $body, '... in a thread');

# failures: each is a 500, and the worker lives

fails('/f/raise', qr/^ValueError: some é error\nTraceback.*in do_raise/s);
fails('/f/exit', qr/^SystemExit: 3\n/);
fails('/f/interrupt', qr/^KeyboardInterrupt\n/);
fails('/f/deep', qr/^RecursionError: /);
fails('/f/deep_repr', qr/^RecursionError: /);
fails('/f/memory', qr/^MemoryError\n/);
fails('/f/generator_exit', qr/^GeneratorExit\n/);
fails('/f/no_text', qr/^Odd: <ZeroDivisionError>\n/);
fails('/f/bad_status', qr/^ValueError: status code must be from 200 to 599/);
fails('/f/bad_header', qr/^ValueError: invalid value of header/);
fails('/f/many_headers', qr/^ValueError: more than 100 header lines/);
fails('/f/wide_headers', qr/^ValueError: .* need more than 16384 bytes/);
fails('/f/late', qr/^RuntimeError: after a piece\n/);
fails('/f/_exit', qr/^RuntimeError: os._exit\(\) would end the worker/);
fails('/f/abort', qr/^RuntimeError: os.abort\(\) would end the worker/);
fails('/f/exec', qr/^RuntimeError: os.execv\(\) would end the worker/);
fails('/f/call', qr/^RuntimeError: .* say "threads"/);
fails("/$_/signals", qr/^ValueError: signal/) for qw(f main);
fails("/threads/$_", qr/Error|Exit|Interrupt/)
    for qw(raise exit interrupt deep memory _exit late);

answers('/f/raised_response', 409, 'conflict');
is($server->get('/quiet/raise')->{body} =~ /some|Trace/, '', 'fn_debug off');
is_worker('failures');

# children

answers('/f/system', 200, 3 << 8);
answers('/f/real_environ', 200, '0');
answers('/f/popen_environ', 200, "only f\n");
for my $where (qw(f main threads)) {
    answers("/$where/subprocess", 200, '7 child says x');
    answers("/$where/fork", 200, 'child ended with 5');
    answers("/$where/fork_return", 200, 'parent');
    answers("/$where/fork_sockets", 200, '0');
    answers("/$where/multiprocessing", 200, '[1, 4, 9]');
    answers("/$where/child_signal", 200, '-15');
}
is_worker('children');

# the event, when it is kept

$server->get('/f/keep?q=1');
$reply = $server->post('/f/kept?x=1', 'other body');
is($reply->{body}, 'GET /f/keep q=1 body= t /f/keep 0', 'a kept event is as it was');
$server->post('/f/keep?q=2', 'the body');
is($server->get('/f/kept')->{body}, 'POST /f/keep q=2 body=the body t /f/keep 8',
    '... and its body');
$server->post('/f/keep_trace', 'x' x 100);
is($server->get('/f/kept')->{body}, 'POST /f/keep_trace  body=' . 'x' x 100
    . ' t /f/keep_trace 100', '... by a traceback');
answers('/threads/keep', 200, 'kept');
like($server->get('/threads/kept')->{body}, qr{^GET /threads/keep}, '... in a thread');

# threads of a handler run between events

answers('/f/start_thread', 200, 'started');
ok(FnServer::wait_until(sub { $server->read('pub/ticks') =~ /ticked/ }, 5),
    'a thread runs between events');
ok(FnServer::wait_until(sub { $server->log =~ /fn "f".*in a thread: not lost/ }, 5),
    'what it prints is logged');

# functions do not see each other

is($server->get('/a')->{body}, 'a part of a first None', 'a: its own modules');
is($server->get('/b')->{body}, 'b part of b second None', 'b: its own');
is($server->get('/a/set')->{body}, 'a part of a first set', 'a: environment set');
is($server->get('/b')->{body}, 'b part of b second None', 'b: as it was');
is($server->get('/a')->{body}, 'a part of a first set', 'a: it stays');

# logs

$reply = $server->get('/f/logs', headers => "X-Nuclio-Log-Level: debug\r\n");
is($reply->{body}, 'logged', 'logs');
my $log = qr/fn "f" pid $worker, id \w{32}: /;
like($server->log, qr/\[debug\]|\[info\].*${log}at info \{"n":1,"worker_id":"0"\}/,
    'a record');
like($server->log, qr/\[info\].*${log}printed,/, 'printed');
like($server->log, qr/\[info\].*${log}without an end,/, 'printed without an end');
like($server->log, qr/\[error\].*${log}to stderr,/, 'printed to stderr');
like($server->log, qr/fn "f" pid $worker: at import\n/, 'printed at import');

# what can not start

for my $case (['import', qr/fn "import".*RuntimeError: import failed/],
    ['init', qr/fn "init".*RuntimeError: init failed/],
    ['init_thread', qr/fn "init_thread".*RuntimeError: init failed/],
    ['other', qr/fn "other".*"[^"]*python3", it can't be ".*\.\.\/bin\/python3"/])
{
    my ($name, $why) = @$case;
    is($server->get("/$name")->{code}, 503, "$name: 503");
    is($server->get("/$name")->{code}, 503, "$name: 503 again");
    like($server->log, $why, "$name: why");
}
like($server->log, qr/fn "init" pid \d+: says before it fails/, 'init_context logs');

# threads=

my @replies = $server->many(map { ['GET', '/threads/meet'] } 1, 2);
is($_->{body}, 'met', 'two threads of the pool at a time') for @replies;
@replies = $server->many(map { ['GET', "/threads/slow?n=$_"] } 1 .. 6);
is(join(' ', map { $_->{body} } @replies), '1 2 3 4 5 6', 'each has its own event');

# signals: reload with new code, reopen, stop

$server->write('f.py', "def handler(context, event):\n    return 'new code'\n");
ok($server->reload, 'reload');
is($server->get('/f')->{body}, 'new code', '... takes up the code');
ok(FnServer::wait_until(sub { !FnServer::alive($worker) }, 10),
    '... and the old worker ends');
like($server->read('pub/ended'), qr/drained terminated at exit/, '... with its callbacks')
    or diag(($server->log =~ /(\n[^\n]*gracefully.*)/s)[0]);
unlike($server->log, qr/exited on signal|Sanitizer:|runtime error:/, 'no worker has died');

ok($server->stop('QUIT'), 'nginx stops');
undef $server;

# two workers, a virtualenv, calls of other functions

my $venv = tempdir('fn_venv_XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $venv;
system('/usr/bin/python3', '-m', 'venv', '--without-pip', $venv) == 0 or die 'venv';
my ($site) = glob "$venv/lib/python3*/site-packages" or die 'no site-packages';
open my $file, '>', "$site/in_venv.py" or die $!;
print {$file} "NAME = 'of the virtualenv'\n";
close $file;

$server = FnServer->new(
    runtime => '',
    workers => 2,
    main => 'thread_pool two threads=2;',
    http => <<"END",
        fn_debug on;
        fn_command python $venv/bin/python3;

        server {
            listen unix:%DIR%/pub/call.sock;
            location / { fn_call; }
        }
END
    files => {
        'v.py' => <<'END',
import os
import sys
import in_venv
from nuclio_sdk import Event

def handler(context, event):
    if event.path == "/call":
        answer = context.platform.call_function("v", Event(path="/v"))
        return f"called: {answer.body.decode()}"
    if event.path == "/pid":
        return f"{os.getpid()} {context.worker_id}"
    return f"{in_venv.NAME} {sys.prefix}"
END
    },
    config => <<'END',
        location /v { fn_handler python:%DIR%/v.py name=v in_worker; }
        location /pid { fn_handler python:%DIR%/v.py name=pid in_worker; }
        location /call {
            fn_handler python:%DIR%/v.py name=call in_worker threads=two;
        }
        location /process { fn_handler python:%DIR%/v.py name=process; }
END
);

answers('/v', 200, "of the virtualenv $venv");
answers('/process', 200, "of the virtualenv $venv");
answers('/call', 200, "called: of the virtualenv $venv");

my %pids;
FnServer::wait_until(sub {
    $pids{$_->{body}} = 1 for $server->many(map { ['GET', '/pid'] } 1 .. 20);
    return keys %pids == 2;
}, 10);
is(join(' ', sort map { (split)[1] } keys %pids), '0 1', 'two workers, each its own');
is(join(' ', sort { $a <=> $b } map { (split)[0] } keys %pids),
    join(' ', $server->workers), '... their pids');
ok($server->stop('TERM'), 'nginx stops at once');
undef $server;

# a virtualenv of another version

open $file, '>', "$venv/pyvenv.cfg" or die $!;
print {$file} "home = /usr/bin\nversion = 3.2.1\n";
close $file;

$server = FnServer->new(
    runtime => "fn_command python $venv/bin/python3;",
    config => 'location /x { fn_handler python:%DIR%/x.py in_worker; }',
);
answers('/x', 503, qr/503/);
like($server->log, qr/fn "x".*"\Q$venv\E.* is Python 3\.2, and the one in the worker/,
    'another version');

done_testing();


sub answers {
    my ($path, $code, $body) = @_;
    my $reply = $server->get($path);

    is($reply->{code}, $code, "$path: $code") or diag($reply->{error} // $reply->{body});
    ref $body ? like($reply->{body}, $body, $path) : is($reply->{body}, $body, $path);
}

sub fails {
    my ($path, $body) = @_;
    answers($path, 500, $body);
}

sub is_worker {
    my ($what) = @_;
    is(join(' ', $server->workers), $worker, "$what: the worker is the same");
}

# the module "same" of a directory
sub names {
    my ($name) = @_;
    return <<"END";
import os
import part

def handler(context, event):
    if event.path.endswith("/set"):
        os.environ["SET"] = "set"
    return f"$name {part.NAME} {os.environ['WHO']} {os.environ.get('SET')}"
END
}

sub code {
    return <<'END';
import atexit
import ctypes
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from datetime import datetime

from nuclio_sdk import Event, ExceptionWithResponse, Response

kept = None
libc = ctypes.CDLL(None)
barrier = threading.Barrier(2)
ended = []
pub = os.path.join(os.path.dirname(__file__), "pub")

print("at import")


def handler(context, event):
    if isinstance(event.path, type(b"")):
        return repr(event.method)
    name = event.path.rpartition("/")[2]
    return globals().get(f"do_{name}", missing)(context, event)


def init_context(context):
    if context.trigger.name == "f":
        context.platform.set_drain_callback(lambda: ended.append("drained"))
        context.platform.set_termination_callback(lambda: ended.append("terminated"))
        atexit.register(write_end)


def write_end():
    with open(f"{pub}/ended", "w") as file:
        file.write(" ".join([*ended, "at exit"]))


def missing(context, event):
    return Response(status_code=404)


def do_text(context, event):
    return "text \u00e9"


def do_empty(context, event):
    return ""


def do_surrogate(context, event):
    return "a\ud800b"


def do_bytes(context, event):
    return b"\0\xff"


def do_object(context, event):
    return {"a": 1}


def do_stream(context, event):
    return (f"{n}," for n in range(3))


async def wait():
    pass


def do_async(context, event):
    return wait()


def do_response(context, event):
    return Response({"X-Two": ["1", "2"]}, "made", "text/made", 201)


def do_huge(context, event):
    return "x" * 3000000


def do_huge_stream(context, event):
    for _ in range(30):
        yield "x" * 100000


def do_event(context, event):
    age = datetime.utcnow() - event.timestamp
    return {
        "method": event.method,
        "path": event.path,
        "fields": event.fields,
        "size": event.size,
        "body": event.body.decode(),
        "trigger": [event.trigger.kind, event.trigger.name],
        "remote_addr": event.remote_addr,
        "host": event.get_header("host"),
        "id": len(event.id),
        "age": int(-1 < age.total_seconds() < 60),
        "type": [event.type, event.type_version, event.version],
        "content_type": event.content_type,
        "topic": event.topic,
        "kinds": int(isinstance(event, Event)),
    }


def do_echo(context, event):
    return event.body


class Odd(Exception):
    def __str__(self):
        return 1 / 0


def do_raise(context, event):
    raise ValueError("some \u00e9 error")


def do_exit(context, event):
    sys.exit(3)


def do_interrupt(context, event):
    raise KeyboardInterrupt


def do_deep(context, event):
    return do_deep(context, event)


def do_deep_repr(context, event):
    value = []
    for _ in range(100000):
        value = [value]
    return repr(value)


def do_memory(context, event):
    return b"x" * (1 << 60)


def do_generator_exit(context, event):
    raise GeneratorExit


def do_no_text(context, event):
    raise Odd


def do_bad_status(context, event):
    return Response(status_code=1000)


def do_bad_header(context, event):
    return Response({"a": "b\r\nc: d"})


def do_many_headers(context, event):
    return Response({"a": ["b"] * 101})


def do_wide_headers(context, event):
    return Response({name: "b" * 8000 for name in "abc"})


def do_late(context, event):
    yield "a piece"
    raise RuntimeError("after a piece")


def do__exit(context, event):
    os._exit(1)


def do_abort(context, event):
    os.abort()


def do_exec(context, event):
    os.execv("/bin/true", ["true"])


def do_fork(context, event):
    pid = os.fork()
    if pid == 0:
        os._exit(5)
    return f"child ended with {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}"


def do_fork_sockets(context, event):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        count = 0  # of those that an exec() does not close: Python's are none
        for fd in map(int, os.listdir("/proc/self/fd")):
            try:
                is_socket = stat.S_ISSOCK(os.fstat(fd).st_mode)
                count += is_socket and os.get_inheritable(fd)
            except OSError:
                pass  # of listdir()
        os.write(writer, str(count).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    return os.read(reader, 10)


def do_fork_return(context, event):
    pid = os.fork()
    if pid == 0:
        return "child"
    os.waitpid(pid, 0)
    return "parent"


def square(n):
    return n * n


def do_multiprocessing(context, event):
    with multiprocessing.Pool(2) as pool:
        return pool.map(square, [1, 2, 3])


def do_child_signal(context, event):
    child = multiprocessing.Process(target=time.sleep, args=(60,))
    child.start()
    child.terminate()
    child.join(20)
    return str(child.exitcode)


def do_signals(context, event):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def do_call(context, event):
    context.platform.call_function("a", Event())


def do_raised_response(context, event):
    raise ExceptionWithResponse(409, "conflict")


def do_subprocess(context, event):
    script = 'echo "child says $X"; exit 7'
    os.environ["X"] = "x"
    child = subprocess.run(script, shell=True, stdout=subprocess.PIPE, text=True)
    return f"{child.returncode} {child.stdout.strip()}"


def do_system(context, event):
    return str(os.system("exit 3"))


def do_real_environ(context, event):
    with open("/proc/self/environ") as file:
        return str("FN_NAME" in file.read() or libc.getenv(b"FN_NAME"))


def do_popen_environ(context, event):
    return os.popen("echo only $FN_NAME $NGINX_ONLY").read()


def facts(event):
    query = "&".join(f"{name}={value}" for name, value in event.fields.items())
    return (
        f"{event.method} {event.path} {query} body={event.body.decode()} "
        f"{event.headers['Host']} {event.path} {event.size}"
    )


def do_keep(context, event):
    global kept
    kept = event
    return "kept"


def do_keep_trace(context, event):
    global kept
    kept = sys._getframe()
    kept = kept.f_locals["event"]
    return "kept"


def do_kept(context, event):
    return facts(kept)


def do_start_thread(context, event):
    def tick():
        time.sleep(0.3)
        print("in a thread: not lost")
        with open(f"{pub}/ticks", "w") as file:
            file.write("ticked")

    threading.Thread(target=tick).start()
    return "started"


def do_logs(context, event):
    context.logger.info_with("at info", n=1)
    print("printed")
    print("to stderr", file=sys.stderr)
    print("without an end", end="")
    return "logged"


def do_meet(context, event):
    barrier.wait(5)
    return "met"


def do_slow(context, event):
    time.sleep(0.05)
    return event.fields["n"]
END
}
