#!/usr/bin/perl

# Go in the worker: what its runtime does to nginx, and handlers to the runtime.
# What handlers see and answer is tested by t/lang_*.t.

use warnings;
use strict;

use File::Basename qw/ dirname /;
use File::Temp qw/ tempdir /;
use FindBin;
use Test::More;
use Time::HiRes qw/ sleep time /;

use lib "$FindBin::Bin/lib";
use FnServer;

for my $tool ('go', 'gcc') {
    plan(skip_all => "golang: \"$tool\" not found") if !which($tool);
}

my $build = $ENV{FN_BUILD} || "$FindBin::Bin/../build";

# the workers' user is not that of processes
my $cache = $ENV{FN_CACHE} ? "$ENV{FN_CACHE}-worker" : open_dir() . '/fn';

my %function = (
    'f.go' => <<'END',
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/nuclio/nuclio-sdk-go"
)

var (
	early = os.Getenv("EARLY")
	calls int
	kept  nuclio.Event
)

func InitContext(c *nuclio.Context) error {
	c.UserData = "of context " + fmt.Sprint(c.WorkerID)
	if os.Getenv("REFUSE") != "" {
		return errors.New("it was told to")
	}
	return nil
}

func deep(n int) int { return deep(n+1) + 1 }

func Handler(c *nuclio.Context, e nuclio.Event) (interface{}, error) {
	calls++
	switch e.GetFieldString("do") {
	case "early":
		return early, nil
	case "env":
		return strings.Join(os.Environ(), "\n"), nil
	case "context":
		return c.UserData, nil
	case "calls":
		return calls, nil
	case "pid":
		return os.Getpid(), nil
	case "thread":
		return syscall.Gettid() == os.Getpid(), nil
	case "body":
		return e.GetBody(), nil
	case "length":
		return len(e.GetBody()), nil
	case "panic":
		panic("no reason")
	case "nil":
		var n *int
		return *n, nil
	case "error":
		return nil, errors.New("an error")
	case "goexit":
		runtime.Goexit()
	case "exit":
		os.Exit(2)
	case "deep":
		return deep(0), nil
	case "goroutine":
		go func() { panic("of a goroutine") }()
		time.Sleep(5 * time.Second)
	case "big":
		return strings.Repeat("x", 20000000), nil
	case "stream":
		return io.LimitReader(zeros{}, 3000000), nil
	case "status":
		return nuclio.Response{StatusCode: 1000}, nil
	case "print":
		fmt.Println("printed to standard output")
		fmt.Fprintln(os.Stderr, "printed to standard error")
	case "log":
		c.Logger.WarnWith("a record", "n", 7)
	case "exec":
		out, err := exec.Command("sh", "-c", "sed -n s/^SigBlk:.//p /proc/self/status").Output()
		return out, err
	case "wait":
		return nil, exec.Command("sh", "-c", "sleep 0.1; exit 3").Run()
	case "notify":
		signal.Notify(make(chan os.Signal, 100))
		signal.Ignore(syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGCHLD)
	case "reset":
		signal.Reset()
	case "keep":
		e.GetMethod()
		kept = e
	case "kept":
		return fmt.Sprintf("%s, %q, %q", kept.GetMethod(), kept.GetHeaderString("Host"), kept.GetBody()), nil
	case "later":
		go func() {
			time.Sleep(200 * time.Millisecond)
			c.Logger.Warn("from a goroutine: %q", e.GetBody())
		}()
	case "parallel":
		read := make(chan string)
		for i := 0; i < 8; i++ {
			go func() { read <- string(e.GetBody()) + e.GetHeaderString("host") + string(e.GetID()) }()
		}
		first := <-read
		for i := 1; i < 8; i++ {
			if <-read != first {
				return "differs", nil
			}
		}
		return "the same", nil
	case "spin":
		go func() {
			for {
			}
		}()
	case "gc":
		runtime.GC()
	case "call":
		_, err := c.Platform.CallFunction("f", &nuclio.MemoryEvent{})
		return nil, err
	}
	return "done", nil
}

type zeros struct{}

func (zeros) Read(data []byte) (int, error) { return copy(data, make([]byte, len(data))), nil }
END
    'g.go' => <<'END',
package main

// static void crash(void) { *(volatile int *) 8 = 1; }
import "C"

import "github.com/nuclio/nuclio-sdk-go"

var calls int

func G(c *nuclio.Context, e nuclio.Event) (interface{}, error) {
	calls++
	if e.GetFieldString("do") == "crash" {
		C.crash()
	}
	return calls, nil
}
END
);

sub location {
    my ($name, $more, @env) = @_;
    $more //= '';
    my $env = join ' ', map {"fn_env $_;"} "FN_CACHE=$cache", @env;
    my $file = $name =~ /^g/ ? 'g.go' : 'f.go';
    return "location /$name { fn_handler golang:%DIR%/$file name=$name in_worker $more; $env }\n";
}

my $server = FnServer->new(
    workers => 1,
    patience => 120,         # the first build compiles Go's packages, too
    main    => "thread_pool default threads=3;\n",
    http    => 'fn_start_timeout 120s;',
    runtime => '',
    files   => \%function,
    config  => location('f', '', 'EARLY=bird') . location('two') . location('g')
        . location('t', 'threads') . location('refuses', '', 'REFUSE=1')
        . "location /c { fn_handler native:$build/demo/hello.so; }\n",
);

sub get  { my ($path, %more) = @_; return $server->get($path, %more) }
sub body { return get(@_)->{body} }
sub code { return get(@_)->{code} }
sub pid  { return body('/f?do=pid') }

sub logged {
    my ($pattern) = @_;
    ok(FnServer::wait_until(sub { $server->log =~ $pattern }, 20), "logged: $pattern");
}

# what a handler sees

is(body('/f?do=early'), 'bird', 'fn_env is there when packages are initialized');
like(body('/f?do=env'), qr/^FN_NAME=f$/m, 'the environment is that of the function');
unlike(body('/two?do=env'), qr/EARLY|FN_NAME=f$/m, '... and of no other');
is(body('/f?do=context'), 'of context 0', 'InitContext');
is($server->post('/f?do=body', "b\0dy")->{body}, "b\0dy", 'a body');
is($server->post('/f?do=length', 'x' x 5000000)->{body}, 5000000, 'a body of 5 MB');
is(length body('/f?do=big', timeout => 30), 20000000, '20 MB down');
is(length body('/f?do=stream'), 3000000, 'a reader is read to its end');
is($server->post('/f?do=parallel', 'abc')->{body}, 'the same', 'goroutines read the event');

# functions of one file, and of two

my $before = body('/two?do=calls');
body('/f') for 1 .. 3;
is(body('/two?do=calls'), $before + 1, 'functions do not share variables');
is(body('/g'), 1, 'another one, with C');

# threads

is(body('/f?do=thread'), 'true', 'in the worker\'s own thread');
is(body('/t?do=thread'), 'false', 'in one of a pool');
is((grep { $_->{body} eq 'done' } $server->many(map { ['GET', '/t'] } 1 .. 20)), 20, '20 at once');
is(code('/t?do=panic'), 500, 'a panic in a pool');

# failures

my $pid = pid();

for my $case (
    ['panic',  qr/handler failed: panic: no reason/],
    ['nil',    qr/runtime.errorString: runtime error: invalid memory address/],
    ['error',  qr/\*errors.errorString: an error/],
    ['goexit', qr/Goexit: the handler ended its goroutine/],
    ['exit',   qr/panic: os.Exit\(\) would end the worker of nginx/],
    ['status', qr/status code must be from 200 to 599, not 1000/],
    ['call',   qr/a function in the worker can call others on "threads" only/],
) {
    my ($do, $reason) = @$case;
    is(code("/f?do=$do"), 500, $do);
    logged($reason);
}

code('/f?do=goexit') for 1 .. 50;
is(body('/f'), 'done', 'after 50 of them');
logged(qr/f\.go:\d+ \+0x/);
is(pid(), $pid, 'the worker lives');

is(code('/refuses'), 503, 'InitContext fails');
logged(qr/"refuses".*\*errors.errorString: it was told to/);

# logs

body('/f?do=print');
logged(qr/\[notice\] .*"f" pid $pid: printed to standard output/);
logged(qr/\[error\] .*"f" pid $pid: printed to standard error/);
body('/f?do=log');
logged(qr/\[warn\] .*"f" pid $pid, id \w+: a record \{"n":7\}/);

# an event that is kept, and goroutines that go on

body('/f?do=keep');
is(body('/f?do=kept'), 'GET, "", ""', 'what was read of an event before can be read later');
logged(qr/an event was read after its handler had returned/);
$server->post('/f?do=later', 'x');
logged(qr/\[warn\] .*"f" pid $pid: from a goroutine: ""/);

# children

like(body('/f?do=exec'), qr/^0+\n?$/, 'a child has no signals blocked');
is(code('/f?do=wait'), 500, 'a child is waited for');
logged(qr/\*exec.ExitError: exit status 3/);

# garbage is collected though a goroutine of one of the runtimes never stops

body('/f?do=spin');
is(body("/$_?do=gc", timeout => 30), 'done', "gc of $_") for 'f', 'two';

# signals

my %was = dispositions($pid);
body($_) for '/f?do=notify', '/two?do=notify', '/t?do=notify';
is_deeply({ dispositions($pid) }, \%was, 'signal.Notify() leaves nginx its signals');
ok($server->reload, 'reload');
isnt($pid = pid(), $was{pid}, 'a new worker');

body('/f?do=notify');
kill USR1 => $pid;
kill WINCH => $pid;
ok(FnServer::wait_until(sub { pid() != $pid }, 10), 'SIGWINCH of a worker, which ends') or kill TERM => $pid;

for my $signal ('TERM', 'QUIT', 'INT', 'KILL') {
    body('/f?do=notify');
    $pid = pid();
    kill $signal => $pid;
    ok(FnServer::wait_until(sub { !kill(0, $pid) || !grep { $_ == $pid } $server->workers }, 10),
        "SIG$signal ends the worker");
    ok(FnServer::wait_until(sub { (body('/c') // '') =~ /Hello/ }, 10), '... and another comes');
}

# what ends a worker

for my $case (
    ['/f?do=deep',      qr/worker process (\d+) exited on signal/],
    ['/f?do=goroutine', qr/panic: of a goroutine/],
    ['/g?do=crash',     qr/worker process (\d+) exited on signal 11/],
) {
    my ($path, $reason) = @$case;
    is(code($path, timeout => 60) // '', '', "$path ends the worker");
    logged($reason);
    ok(FnServer::wait_until(sub { (body('/f') // '') eq 'done' }, 10), '... and another comes');
}
unlike($server->log, qr/cannot be respawned/, 'none says that it must not come again');

# reloads under load

my @paths = ('/f', '/two', '/g', '/t');
my $load = $server->load(clients => 4, next => sub { ('GET', $paths[$_[0] - 1]) });
my $reloads = grep { $server->reload } 1 .. 5;
is($reloads, 5, '5 reloads under load');
$load->is_ok('reloads under load', 100);
unlike($server->log, qr/Bad file descriptor|exited on signal (?!6|9|11|5)/, 'nothing else was broken');

$server->write('f.go', $function{'f.go'} =~ s/"done"/"new"/r);
ok($server->reload, 'reload');
is(body('/f'), 'new', 'the new code');

# what "nginx -t" says

like(refused("package main\n\nfunc Handler() { return 1 }\n"),
    qr/go build failed: .*bad\.go:3:\d+: too many return values/, 'what the compiler says');
like(refused("package main\n"), qr/go build failed: .*undefined: Handler/, 'no handler');
like(refused($function{'g.go'}, 'CC=no-cc'),
    qr/"no-cc" not found, which go needs for "in_worker": install gcc/, 'no C compiler');

ok($server->stop('QUIT'), 'SIGQUIT ends nginx');

# a package that fails when it is initialized

undef $server;      # the end of one ends the processes of all
$server = FnServer->new(
    patience => 120,
    http     => 'fn_start_timeout 120s; fn_crash_limit 2 within=1m;',
    runtime  => '',
    files    => { 'f.go' => <<'END', 'g.go' => $function{'g.go'} },
package main

import "github.com/nuclio/nuclio-sdk-go"

var broken = func() int { panic("in a package") }()

func Handler(c *nuclio.Context, e nuclio.Event) (interface{}, error) { return broken, nil }
END
    config   => location('f') . location('g'),
);

ok(FnServer::wait_until(sub { (code("/f") || "") eq "503" }, 60), 'it is given up');
is(code('/g'), 200, '... and others run');
logged(qr/"f": \d+ crashes within/);
done_testing();

sub which { my ($tool) = @_; return grep { -x "$_/$tool" } split /:/, $ENV{PATH} }

sub open_dir {
    my $dir = tempdir('fn_cache_XXXXXX', TMPDIR => 1, CLEANUP => 1);
    chmod 01777, $dir;
    return $dir;
}

# which signals nginx handles or ignores, SIGURG apart: it is Go's
sub dispositions {
    my ($of) = @_;
    my $nginx = 0;
    $nginx |= 1 << $_ - 1 for 1, 2, 3, 10, 12, 13, 14, 15, 17, 28, 29, 31;
    open my $in, '<', "/proc/$of/status" or die "$of: $!";
    my %is = (pid => $of);
    while (<$in>) {
        $is{$1} = hex($2) & $nginx if /^(Sig(?:Cgt|Ign)):\s*\w{8}(\w{8})$/;
    }
    return %is;
}

# the reason in what "nginx -t" says of a function
sub refused {
    my ($text, @env) = @_;
    $server->write('bad.go', $text);
    my $dir = $server->dir;
    my $env = join ' ', map {"fn_env $_;"} "FN_CACHE=$cache", @env;
    $server->write('bad.conf', "load_module $server->{modules};\n" . ($> ? '' : "user www-data;\n")
        . "pid $dir/bad.pid; error_log $dir/bad.log; events {}\nhttp { fn_start_timeout 120s;\n"
        . "server { location / { fn_handler golang:$dir/bad.go in_worker; $env } } }\n");
    my ($said) = qx{nginx -t -c $dir/bad.conf 2>&1} =~ /\[emerg\] (.*)/;
    return $said;
}
