#!/usr/bin/perl

# X-Nuclio-Log-Level and X-Nuclio-Logs: what a client is told of the records of
# its event, with fn_logs_header on, by every kind of handler.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use HTTP::Tiny;
use JSON::PP;
use Test::More;
use Time::HiRes qw/ sleep /;

my $root = $ENV{FN_ROOT} || "$FindBin::Bin/..";
my @all = ('a debug', 'an info', 'a warning', 'an error');
my @pids;

my $python = <<'END';
import time

def handler(context, event):
    what, _, n = event.fields.get("q", "").partition(":")
    log = context.logger
    if what == "level":
        return str(event._line.get("log_level"))
    if what == "with":
        log.info_with("m", n=1.5, text="\u00e8 \x7f \u4e2d", deep={"a": [1, None]})
    if what == "names":
        log.info_with("m", level="x", time="y", name="z", own=1)
    if what == "only_names":
        context.logger._bound.clear()
        log.info_with("m", level="x")
    if what == "text":
        log.info("\u00e8 \u4e2d \U0001f600 \" \\ \x7f\r\n\x00.")
    if what == "size":
        log.info("x" * int(n))
    if what == "many":
        for i in range(int(n)):
            log.info("y" * 100)
    if what == "late":
        time.sleep(0.3)
        log.warn("quiet")
        log.error("loud")
    if what == "print":
        print("printed")
    if what == "stream":
        return stream(log)
    if what == "no_content":
        log.info("no content")
        return 204, None
    if what == "own":
        return context.Response({"X-Own": "1", "Content-Type": "text/html"}, "own")
    if what in ("", "fail", "status"):
        log.debug("a debug")
        log.info("an info")
        log.warn("a warning")
        log.error("an error")
    if what == "fail":
        raise ValueError("on purpose")
    if what == "status":
        return int(n), "as it says"
    return "x"

def stream(log):
    log.info("before")
    yield "one "
    log.info("between")
    yield "two"
    log.info("behind")
END

my $native = <<'END';
int
handler(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    fn_str_t  q = fn_field(e, FN_QUERY);

    fn_log(c, e, FN_LOG_DEBUG, "a debug");
    fn_log(c, e, FN_LOG_INFO, "an info");
    fn_log(c, e, FN_LOG_WARN, "a warning");
    fn_log(c, e, FN_LOG_ERROR, "an error");
    fn_log(c, NULL, FN_LOG_ERROR, "of no event");

    if (q.len == 4 && memcmp(q.data, "text", 4) == 0) {
        fn_log(c, e, FN_LOG_ERROR,
               "\xff \xed\xa0\x80 \xe4\xb8\xad \xf0\x9f\x98\x80 \"\\\x01");
    }

    if (q.len == 4 && memcmp(q.data, "fail", 4) == 0) {
        return 7;
    }

    return fn_write(r, "x", 1);
}
END

my $server = FnServer->new(
    main => 'thread_pool default threads=2;',
    files => {
        'f.py' => $python,
        'a.py' => "from f import handler as same\n\n"
            . "async def handler(context, event):\n"
            . "    return same(context, event)\n",
        'err.sh' => "echo 'on stderr' >&2\necho 'the body'\n",
        'page.html' => 'a page',
        'native.c' => "#include \"fn.h\"\n#include <string.h>\nFN_MODULE\n$native",
    },
    config => '',
);

system("cc -shared -fPIC -I $root/runtimes/c -o $server->{dir}/native.so "
    . "$server->{dir}/native.c") == 0 or BAIL_OUT('native.c');
chmod 0755, "$server->{dir}/native.so";

my ($far_a, $far_b) = map { far() } 1 .. 2;

$server->{http} = <<"END";
    upstream both {
        server 127.0.0.1:$far_a;
        server 127.0.0.1:$far_b backup;
    }
END

$server->configure(<<"END");
        fn_command python python3;
        fn_logs_header on;

        location /f { fn_handler python:%DIR%/f.py; fn_processes 2; }
        location /a { fn_handler python:%DIR%/a.py; fn_concurrency 2; }
        location /t { fn_handler python:%DIR%/f.py; fn_concurrency 2; }
        location /off { fn_logs_header off; fn_handler python:%DIR%/f.py; }
        location /debug {
            fn_handler python:%DIR%/f.py;
            fn_log_level debug;
            fn_debug on;
        }
        location /error { fn_handler python:%DIR%/f.py; fn_log_level error; }
        location /native_error {
            fn_handler native:%DIR%/native.so;
            fn_log_level error;
        }
        location /threads_error {
            fn_handler native:%DIR%/native.so threads;
            fn_log_level error;
        }
        location /page {
            error_page 500 /page.html;
            fn_handler python:%DIR%/f.py;
        }
        location = /page.html { root %DIR%; }
        location /native { fn_handler native:%DIR%/native.so; }
        location /threads { fn_handler native:%DIR%/native.so threads; }
        location /native_debug {
            fn_handler native:%DIR%/native.so;
            fn_debug on;
        }
        location /native_page {
            error_page 500 /page.html;
            fn_handler native:%DIR%/native.so;
        }
        location /native_off {
            fn_logs_header off;
            fn_handler native:%DIR%/native.so;
        }
        location /shell { fn_handler shell:%DIR%/err.sh; }
        location /pass { fn_pass 127.0.0.1:$far_a; }
        location /both { fn_pass both; fn_next http_500; }
END

ok($server->reload, 'the configuration is loaded');
$server->wait_ready('f', 2);

is_deeply([logs('/off', 'debug')], [], 'off: no header');
is(get('/off?q=level', 'debug')->{content}, 'None', '... and the event has none');
is_deeply([logs('/native_off', 'debug')], [], '... nor has a native handler');
is_deeply([logs('/f')], [], 'nobody asks: no header');
is(get('/f?q=level')->{content}, 'None', '... and the event has no log_level');

for my $path (qw( /f /a /t /native /threads /pass )) {
    is_deeply([messages($path, 'debug')], \@all, "$path: debug");
    is_deeply([messages($path, 'info')], [@all[1 .. 3]], "$path: info");
    is_deeply([messages($path, 'warn')], [@all[2, 3]], "$path: warn");
    is_deeply([messages($path, 'error')], [$all[3]], "$path: error");
}

my ($record) = logs('/f', 'error');
is(join(' ', sort keys %$record), 'level message name time worker_id',
    'what a record has');
is("$record->{level} $record->{name}", 'error f', '... its level and function');
cmp_ok(abs($record->{time} / 1000 - time), '<', 5, '... and when it was made');
is((logs('/threads', 'warn'))[0]{name}, 'threads', 'a native one');

is_deeply([messages('/f', $_)], \@all, "'$_' is debug")
    for 'DEBUG', 'Error', 'verbose', '';

is(get('/f?q=level', 'debug')->{content}, 'debug', 'log_level of an event');
is(get("/f?q=level", $_)->{content}, 'None', "$_: the function's own is enough")
    for qw( info warn error );
is(get('/error?q=level', 'warn')->{content}, 'warn', 'more than errors');
is(get('/debug?q=level', 'debug')->{content}, 'None', 'a function at debug level');

# the error log

my $log = log_of(sub { get('/f', 'debug') });
like($log, qr/\[$_->[0]\] .*fn "f" pid \d+, id [0-9a-f]{32}: $_->[1] \{/,
    "... $_->[1] is")
    for ['info', 'an info'], ['warn', 'a warning'], ['error', 'an error'];

$log = log_of(sub { get('/f', 'error') });
like($log, qr/: an info/, 'records that the client did not ask for are logged');

for my $name (qw( error native_error threads_error )) {
    my @messages;
    $log = log_of(sub { @messages = messages("/$name", 'debug') });
    is_deeply(\@messages, \@all, "$name: the client sees all");
    is(join(',', $log =~ /fn "$name" .*?id \w+: (an? \w+)/g), 'an error',
        '... and the error log what is at fn_log_level');
}

$log = log_of(sub { leave('/error?q=late', 'X-Nuclio-Log-Level: debug') });
is(join(',', $log =~ /fn "error" .*?id \w+: (\w+)/g), 'loud',
    '... also when the client has left');

# what it looks like

$record = (logs('/f?q=with', 'info'))[0];
is_deeply({ map { $_ => $record->{$_} } qw( message n text deep ) },
    { message => 'm', n => 1.5, text => "\x{e8} \x7f \x{4e2d}",
        deep => { a => [1, undef] } }, 'fields are flattened');

$record = (logs('/f?q=names', 'info'))[0];
is_deeply([@$record{qw( level name message own )}], ['info', 'f', 'm', 1],
    'fields do not replace what a record has');
is((logs('/a?q=only_names', 'info'))[0]{message}, 'm', '... when none is left');

$record = (logs('/f?q=text', 'info'))[0];
is($record->{message}, "\x{e8} \x{4e2d} \x{1f600} \" \\ \x7f\r\n\0.", 'a text');
like(get('/f?q=text', 'info')->{headers}{'x-nuclio-logs'}, qr/^[ -~]+$/,
    '... is ASCII in the header');

$record = (logs('/native?text', 'error'))[1];
is($record->{message},
    "\xff \xed\xa0\x80 \x{4e2d} \x{1f600} \"\\\x01", 'bytes that are no text');

is_deeply([messages('/f?q=print', 'info')], ['printed'], 'print');
is_deeply([messages('/shell', 'error')], ['on stderr'], 'a script');
is(get('/f?q=own', 'debug')->{headers}{'x-nuclio-logs'}, '[]', 'no records');

# which answers have it

for my $path (qw( /f /a /t /pass )) {
    my $answer = get("$path?q=fail", 'warn');
    is(join(',', $answer->{status}, map { $_->{message} } parsed($answer)),
        '500,a warning,an error', "$path: a failure");
}

is_deeply([messages('/debug?q=fail', 'error')],
    ['an error', 'handler failed: ValueError: on purpose'], 'with fn_debug');
is_deeply([messages('/native?fail', 'error')], ['an error'], 'a native failure');
is_deeply([messages('/threads?fail', 'error')], ['an error'], '... on a thread');
is_deeply([messages('/native_debug?fail', 'error')],
    ['an error', 'handler failed: handler returned 7'], '... with fn_debug');

for my $path ('/page?q=fail', '/native_page?fail') {
    my $answer = get($path, 'error');
    is("$answer->{status} $answer->{content}", '500 a page', "error_page: $path");
    is_deeply([map { $_->{message} } parsed($answer)], ['an error'], '... the logs');
}

is_deeply([messages('/f?q=status:404', 'error')], ['an error'], 'a 404');
is_deeply([messages('/f?q=status:503', 'error')], ['an error'], 'a 503 of its own');
is_deeply([messages('/f?q=no_content', 'error')], [], 'a 204');
is_deeply([messages('/f?q=no_content', 'info')], ['no content'], '... with one');
is_deeply([messages('/f', 'error', 'HEAD')], ['an error'], 'HEAD');
is_deeply([messages('/native', 'error', 'HEAD')], ['an error'], '... native');

my $answer = get('/f?q=stream', 'info');
is($answer->{content}, 'one two', 'a stream');
is_deeply([map { $_->{message} } parsed($answer)], ['before'],
    '... has what came before its first chunk');

$answer = get('/both?q=fail', 'error');
is($answer->{status}, 500, 'two servers of fn_pass ran');
is_deeply([map { $_->{message} } parsed($answer)], [('an error') x 2],
    '... and the records of both are there');

# its size; the time has 13 digits until 2286

my $empty = length '[{"level":"info","time":1234567890123,"name":"f",'
    . '"message":"","worker_id":"0"}]';

for my $size (4094 .. 4097) {
    my $value = get('/f?q=size:' . ($size - $empty), 'info')
        ->{headers}{'x-nuclio-logs'};
    is(defined $value ? length $value : 'none', $size < 4096 ? $size : 'none',
        "$size bytes");
}

for my $count (20, 100, 2000) {
    is(() = logs("/f?q=many:$count", 'info'), $count < 25 ? $count : 0,
        "$count records");
}

is_deeply([messages('/f', 'error')], ['an error'], 'and all is well');
unlike($server->log, qr/\[(?:alert|crit|emerg)\]/, 'the error log');
kill KILL => @pids;
ok($server->stop('QUIT'), 'nginx ends');

done_testing();


sub get {
    my ($path, $level, $method) = @_;

    return HTTP::Tiny->new(timeout => 10)->request($method || 'GET',
        'http://127.0.0.1:' . $server->port . $path,
        { headers => defined $level ? { 'X-Nuclio-Log-Level' => $level } : {} });
}

sub parsed {
    my ($answer) = @_;
    my $value = $answer->{headers}{'x-nuclio-logs'};
    return defined $value ? @{ decode_json($value) } : ();
}

sub logs { return parsed(get(@_)) }
sub messages { return map { $_->{message} } logs(@_) }

# sends a request, and doesn't wait
sub leave {
    my ($path, $header) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $server->port) or die $@;
    print {$socket} "GET $path HTTP/1.0\r\n$header\r\n\r\n";
    sleep 0.1;
    close $socket;
    sleep 0.4;
}

# what is logged meanwhile
sub log_of {
    my ($code) = @_;
    my $before = length $server->log;
    $code->();
    sleep 0.2;
    return substr $server->log, $before;
}

# a runtime that nginx does not start
sub far {
    my $port = FnServer::free_port();

    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDERR, '>', '/dev/null';
        exec 'env', '-i', 'PATH=/usr/bin:/bin', "FN_TARGET=$server->{dir}/f.py",
            'FN_NAME=far', 'python3', "$root/runtimes/python", '--listen',
            "127.0.0.1:$port";
    }
    push @pids, $pid;

    FnServer::wait_until(sub { FnServer::listens($port) }, 10)
        or BAIL_OUT('no runtime listens');
    return $port;
}
