#!/usr/bin/perl

# PyPy functions inside the nginx worker.  What they share with a process is in the
# suites lang_*.t; this is about living in a worker, several in one interpreter.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use Test::More;

my $objects = ($ENV{FN_BUILD} || "$FindBin::Bin/../build") . '/runtimes/embed';

plan skip_all => 'no PyPy for the worker: install pypy3-dev'
    unless -e "$objects/fn_pypy.so";

my $server = FnServer->new(
    runtime => '',
    main => 'thread_pool two threads=2; thread_pool one threads=1;',
    http => 'fn_debug on; fn_log_level debug;',
    files => {
        'f.py' => code(),
        'a/same.py' => names('a'), 'a/part.py' => "NAME = 'part of a'\n",
        'b/same.py' => names('b'), 'b/part.py' => "NAME = 'part of b'\n",
        'c/same.py' => names('c'), 'c/part.py' => "NAME = 'part of c'\n",
        'raises.py' => "raise RuntimeError('import failed')\n",
        'init.py' => init(),
        'async.py' => tasks(),
    },
    config => <<'END',
        location /f { fn_handler pypy:%DIR%/f.py name=f in_worker; }
        location /threads {
            fn_handler pypy:%DIR%/f.py name=threads in_worker threads=two;
        }
        location /a { fn_handler pypy:%DIR%/a/same.py name=a in_worker;
                      fn_env WHO=first; }
        location /b { fn_handler pypy:%DIR%/b/same.py name=b in_worker;
                      fn_env WHO=second; }
        location /c { fn_handler pypy:%DIR%/c/same.py name=c in_worker threads=two;
                      fn_env WHO=third; }
        location /import { fn_handler pypy:%DIR%/raises.py in_worker; }
        location /init { fn_handler pypy:%DIR%/init.py in_worker; }
        location /init_thread {
            fn_handler pypy:%DIR%/init.py name=init_thread in_worker threads=one;
        }
        location /async { fn_handler pypy:%DIR%/async.py name=async in_worker; }
        location /pieces {
            fn_handler pypy:%DIR%/async.py:pieces name=pieces in_worker threads=two;
        }
        location /bytes {
            fn_env NUCLIO_PYTHON_DECODE_EVENT_STRINGS=no;
            fn_handler pypy:%DIR%/f.py name=bytes in_worker;
        }
END
);

my $worker;
FnServer::wait_until(sub { $worker = ($server->workers)[0] }, 10);

# what is answered, and asked

answers('/f/text', 200, 'text é');
answers('/f/empty', 200, '');
answers('/f/bytes', 200, "\0\xff");
answers('/f/object', 200, '{"a": 1}');
answers('/f/stream', 200, '0,1,2,');
answers('/async', 200, 'initialised');
answers('/pieces', 200, '0 1 2 ');
answers('/bytes/method', 200, "b'GET'");

my $reply = $server->get('/f/response');
is("$reply->{code} $reply->{body}", '201 made', 'Response');
like($reply->{headers}, qr/^X-Two: 1\r\nX-Two: 2\r?$/m, 'Response: headers');
like($reply->{headers}, qr{^Content-Type: text/made\r$}m, 'Response: type');

my $size = 30_000_000;
is(length $server->get('/f/huge')->{body}, $size, 'a huge reply');
is(length $server->get('/f/huge_stream')->{body}, $size, 'a huge stream');

my $body = join '', map { chr($_ % 251) } 1 .. 300_000;
is($server->post('/f/echo', $body)->{body}, $body, 'a large body');
is($server->post('/threads/echo', $body)->{body}, $body, '... in a thread');

# failures: each is a 500, and the worker lives

my @failures = (
    ['raise', qr/^ValueError: some é error\nTraceback.*in do_raise/s],
    ['exit', qr/^SystemExit: 3\n/],
    ['interrupt', qr/^KeyboardInterrupt/],
    ['generator_exit', qr/^GeneratorExit/],
    ['deep', qr/^RecursionError/],
    ['deeper', qr/^RecursionError/],
    ['deep_text', qr/^RecursionError/],
    ['memory', qr/^MemoryError/],
    ['no_text', qr/^Odd: <ZeroDivisionError>\n/],
    ['late', qr/^RuntimeError: after a piece\n/],
    ['header', qr/^ValueError: invalid value of header/],
    ['_exit', qr/^RuntimeError: os._exit\(\) would end the worker/],
    ['abort', qr/^RuntimeError: os.abort\(\) would end the worker/],
    ['exec', qr/^RuntimeError: os.execv\(\) would end the worker/],
    ['signals', qr/^ValueError: signal handlers belong to nginx/],
);

for my $case (@failures) {
    answers("/f/$case->[0]", 500, $case->[1]);
    answers("/threads/$case->[0]", 500, $case->[1]);
}
is($server->post('/async', 'raise')->{code}, 500, 'async: raises');
is($server->post('/async', 'conflict')->{code}, 409, 'async: raises a response');
answers('/f/text', 200, 'text é');
is_worker('failures');

# children

for my $name (qw(f threads)) {
    answers("/$name/subprocess", 200, "7 child says $name x");
    answers("/$name/system", 200, 3 << 8);
    answers("/$name/fork", 200, 'child ended with 5');
    answers("/$name/fork_return", 200, 'parent');
    answers("/$name/multiprocessing", 200, '[1, 4, 9]');
    answers("/$name/child_signal", 200, '-15');
}
is_worker('children');

# the event is read by its own thread, and until it ends

answers('/f/keep', 200, 'kept');
answers('/f/kept', 200, 'GET, body: the event has ended');
answers('/threads/keep', 200, 'kept');
answers('/threads/kept', 200, 'GET, body: the event has ended');
answers("/f/other_thread", 200, "GET, body: an event is read by another thread");

# threads of a handler run between events

answers('/f/start_thread', 200, 'started');
ok(FnServer::wait_until(sub { $server->read('pub/ticks') =~ /ticked/ }, 5),
    'a thread runs between events');
like($server->log, qr/fn "f" pid $worker: in a thread: not lost/,
    'what it prints is logged');

# functions do not see each other

my $first = 'a part of a first';
is($server->get('/a')->{body}, "$first None", 'a: its own modules');
is($server->get('/b')->{body}, 'b part of b second None', 'b: its own');
is($server->get('/c')->{body}, 'c part of c third None', 'c: its own, in a thread');
is($server->get('/a/set')->{body}, "$first set", 'a: environment set');
is($server->get('/b')->{body}, 'b part of b second None', 'b: as it was');
is($server->get('/a')->{body}, "$first set", 'a: it stays');
answers('/a/thread', 200, 'started');
answers('/b/thread', 200, 'started');
ok(FnServer::wait_until(sub { $server->read('pub/b') }, 5), 'threads');
is($server->read("pub/$_"), "part of $_", "$_: import in a thread") for qw(a b);
is($server->get('/a/modules')->{body}, 'part same', 'a: what sys.modules lists');

my @replies = $server->many(map { (['GET', '/c/slow'], ['GET', '/threads/slow']) } 1 .. 4);
is($replies[$_]{body}, ('third', 'None')[$_ % 2], 'at the same time') for 0 .. 7;

# logs

answers('/f/logs', 200, 'logged');
my $log = qr/fn "f" pid $worker, id \w{32}: /;
like($server->log, qr/\[info\].*${log}at info \{"n":1,"worker_id":"0"\}/, 'a record');
like($server->log, qr/\[info\].*${log}printed,/, 'printed');
like($server->log, qr/\[info\].*${log}without an end,/, 'printed without an end');
like($server->log, qr/\[error\].*${log}to stderr,/, 'printed to stderr');
like($server->log, qr/fn "$_" pid $worker: at import\n/, "$_: printed at import")
    for qw(f threads);

# what can not start

for my $case (['import', qr/fn "import".*RuntimeError: import failed/],
    ['init', qr/fn "init".*RuntimeError: init failed/],
    ['init_thread', qr/fn "init_thread".*RuntimeError: init failed/])
{
    my ($name, $why) = @$case;
    is($server->get("/$name")->{code}, 503, "$name: 503");
    is($server->get("/$name")->{code}, 503, "$name: 503 again");
    like($server->log, $why, "$name: why");
}
like($server->log, qr/fn "init" pid \d+: says before it fails/, 'init_context logs');

# threads=

@replies = $server->many(map { ['GET', '/threads/meet'] } 1, 2);
is($_->{body}, 'met', 'two threads of the pool at a time') for @replies;
@replies = $server->many(map { ['GET', "/threads/slow_echo?n=$_"] } 1 .. 6);
is(join(' ', map { $_->{body} } @replies), '1 2 3 4 5 6', 'each has its own event');
my %locals = map { $server->get('/threads/local')->{body} => 1 } 1 .. 6;
ok($locals{3}, 'a thread keeps what is local to it');
is_worker('all of it');

# signals: reload with new code, stop

$server->write('f.py', "def handler(context, event):\n    return 'new code'\n");
ok($server->reload, 'reload');
is($server->get('/f')->{body}, 'new code', '... takes up the code');
ok(FnServer::wait_until(sub { !FnServer::alive($worker) }, 10),
    '... and the old worker ends');
is($server->read('pub/ended'), 'drained terminated at exit', '... with its callbacks');
unlike($server->log, qr/exited on signal|signal \d+ \(core/, 'no worker has died');

ok($server->stop('QUIT'), 'nginx stops');
undef $server;

# two workers, both interpreters, a virtualenv, calls of other functions

my $venv = tempdir('fn_venv_XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $packages = "$venv/lib/pypy3.9/site-packages";
chmod 0755, $venv;
system('mkdir', '-p', "$venv/bin", $packages) == 0
    && symlink('/usr/bin/pypy3', "$venv/bin/pypy3")
    && system("echo 'home = /usr/bin' > $venv/pyvenv.cfg") == 0
    && system("echo \"NAME = 'of the virtualenv'\" > $packages/in_venv.py") == 0
    or die 'venv';

my $both = -e "$objects/fn_python.so";

$server = FnServer->new(
    runtime => '',
    workers => 2,
    main => 'thread_pool two threads=2;',
    http => <<"END",
        fn_debug on;

        server {
            listen unix:%DIR%/pub/call.sock;
            location / { fn_call; }
        }
END
    files => { 'v.py' => virtual() },
    config => <<"END",
        location /v {
            fn_command pypy $venv/bin/pypy3;
            fn_handler pypy:%DIR%/v.py name=v in_worker;
        }
        location /pid { fn_handler pypy:%DIR%/v.py name=pid in_worker; }
        location /call {
            fn_handler pypy:%DIR%/v.py name=call in_worker threads=two;
        }
        ${\($both ? <<'CPYTHON' : '')}
        location /cpython { fn_handler python:%DIR%/v.py name=cpython in_worker; }
CPYTHON
END
);

answers('/v', 200, 'pypy of the virtualenv');
answers('/pid/which', 200, 'pypy None');
answers('/call', 200, 'called: pypy of the virtualenv');

SKIP: {
    skip 'no CPython for the worker: install python3-dev', 2 if !$both;
    answers('/cpython', 200, 'cpython None');
}

my %pids;
FnServer::wait_until(sub {
    $pids{$_->{body}} = 1 for $server->many(map { ['GET', '/pid'] } 1 .. 20);
    return keys %pids == 2;
}, 10);
is(join(' ', sort map { (split)[1] } keys %pids), '0 1', 'two workers, each its own');
is(join(' ', sort { $a <=> $b } map { (split)[0] } keys %pids),
    join(' ', sort { $a <=> $b } $server->workers), '... their pids');
ok($server->stop('TERM'), 'nginx stops at once');

done_testing();


sub answers {
    my ($path, $code, $body) = @_;
    my $reply = $server->get($path);

    is($reply->{code}, $code, "$path: $code") or diag($reply->{error} // $reply->{body});
    ref $body ? like($reply->{body}, $body, $path) : is($reply->{body}, $body, $path);
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
import sys
import threading
import time


def handler(context, event):
    name = event.path.rpartition("/")[2]
    if name == "thread":
        threading.Thread(target=late).start()
        return "started"
    if name == "modules":
        own = (module for module in sys.modules if module in ("same", "part", "f"))
        return " ".join(sorted(own))
    import part

    if name == "set":
        os.environ["SET"] = "set"
    if name == "slow":
        time.sleep(0.05)
        return os.environ["WHO"]
    return f"$name {part.NAME} {os.environ['WHO']} {os.environ.get('SET')}"


def late():
    time.sleep(0.2)
    sys.modules.pop("part")
    import part

    pub = os.path.join(os.path.dirname(__file__), "..", "pub")
    with open(f"{pub}/$name", "w") as file:
        file.write(part.NAME)
END
}

sub init {
    return <<'END';
def init_context(context):
    context.logger.info("says before it fails")
    raise RuntimeError("init failed")


def handler(context, event):
    return "never"
END
}

sub tasks {
    return <<'END';
import asyncio

from nuclio_sdk import ExceptionWithResponse


async def init_context(context):
    await asyncio.sleep(0)
    context.user_data.ready = "initialised"


async def handler(context, event):
    await asyncio.sleep(0.001)
    if event.body == b"raise":
        raise ValueError("late")
    if event.body == b"conflict":
        raise ExceptionWithResponse(409)
    return context.user_data.ready


async def pieces(context, event):
    for n in range(3):
        await asyncio.sleep(0)
        yield f"{n} "
END
}

sub virtual {
    return <<'END';
import os
import sys

from nuclio_sdk import Event


def handler(context, event):
    if event.path == "/call":
        answer = context.platform.call_function("v", Event(path="/v"))
        return f"called: {answer.body.decode()}"
    if event.path == "/pid":
        return f"{os.getpid()} {context.worker_id}"
    try:
        import in_venv
    except ImportError:
        in_venv = None
    return f"{sys.implementation.name} {in_venv and in_venv.NAME}"
END
}

sub code {
    return <<'END';
import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

from nuclio_sdk import Response

kept = None
barrier = threading.Barrier(2)
local = threading.local()
ended = []
pub = os.path.join(os.path.dirname(__file__), "pub")

print("at import")


def handler(context, event):
    name = os.path.basename(os.fsdecode(event.path))
    return globals()[f"do_{name}"](context, event)


def init_context(context):
    if context.trigger.name == "f":
        context.platform.set_drain_callback(lambda: ended.append("drained"))
        context.platform.set_termination_callback(lambda: ended.append("terminated"))
        atexit.register(write_end)


def write_end():
    with open(f"{pub}/ended", "w") as file:
        file.write(" ".join([*ended, "at exit"]))


def do_text(context, event):
    return "text \u00e9"


def do_empty(context, event):
    return ""


def do_bytes(context, event):
    return b"\0\xff"


def do_object(context, event):
    return {"a": 1}


def do_stream(context, event):
    return (f"{n}," for n in range(3))


def do_response(context, event):
    return Response({"X-Two": ["1", "2"]}, "made", "text/made", 201)


def do_huge(context, event):
    return "x" * 30000000


def do_huge_stream(context, event):
    for _ in range(300):
        yield "x" * 100000


def do_method(context, event):
    return repr(event.method)


def do_echo(context, event):
    return event.body


class Odd(Exception):
    def __str__(self):
        return 1 / 0


class Deep:
    def __str__(self):
        return str(self)


def do_raise(context, event):
    raise ValueError("some \u00e9 error")


def do_exit(context, event):
    sys.exit(3)


def do_interrupt(context, event):
    raise KeyboardInterrupt


def do_generator_exit(context, event):
    raise GeneratorExit


def do_deep(context, event):
    return do_deep(context, event)


def do_deeper(context, event):
    sys.setrecursionlimit(100000000)
    return do_deep(context, event)


def do_deep_text(context, event):
    return str(Deep())


def do_memory(context, event):
    return b"x" * (1 << 60)


def do_no_text(context, event):
    raise Odd


def do_late(context, event):
    yield "a piece"
    raise RuntimeError("after a piece")


def do_header(context, event):
    return Response({"a": "b\r\nc: d"})


def do__exit(context, event):
    os._exit(1)


def do_abort(context, event):
    os.abort()


def do_exec(context, event):
    os.execv("/bin/true", ["true"])


def do_signals(context, event):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def do_subprocess(context, event):
    script = 'echo "child says $FN_NAME $X"; exit 7'
    os.environ["X"] = "x"
    child = subprocess.run(script, shell=True, stdout=subprocess.PIPE, text=True)
    return f"{child.returncode} {child.stdout.strip()}"


def do_system(context, event):
    return str(os.system("exit 3"))


def do_fork(context, event):
    pid = os.fork()
    if pid == 0:
        os._exit(5)
    return f"child ended with {os.WEXITSTATUS(os.waitpid(pid, 0)[1])}"


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


def do_keep(context, event):
    global kept
    kept = event
    kept.method
    return "kept"


def do_kept(context, event):
    return read(kept, "body")


def read(event, name):
    try:
        return f"{event.method}, {name}: {getattr(event, name)}"
    except RuntimeError as exc:
        return f"{event.method}, {name}: {exc}"


def do_other_thread(context, event):
    texts = []
    event.method
    thread = threading.Thread(target=lambda: texts.append(read(event, "body")))
    thread.start()
    thread.join()
    return texts[0]


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
    return str(os.environ.get("WHO"))


def do_slow_echo(context, event):
    time.sleep(0.05)
    return event.fields["n"]


def do_local(context, event):
    local.n = getattr(local, "n", 0) + 1
    return str(local.n)
END
}
