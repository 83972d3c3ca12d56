#!/usr/bin/perl

# fn_call when there is no place: a called function that is busy, functions that
# call themselves, and a process, a worker or a caller that goes meanwhile.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use Test::More;
use Time::HiRes qw/ sleep time /;

my $code = <<'END';
import os, time

def handler(context, event):
    what, _, name = event.path.strip("/").partition("/")[2].partition("/")
    if what == "sleep":
        time.sleep(1)
    if what == "exit":
        os._exit(1)
    if what == "call":
        event.path = "/x/" + name.partition("/")[2]
        response = context.platform.call_function(name.partition("/")[0], event)
        return (f"{context.trigger_name}: {response.status_code} "
                f"{response.headers.get('retry-after', '')} {response.body.decode()}")
    return "done"
END

my $server = FnServer->new(
    workers => 2,
    files => { 'x.py' => $code },
    http => <<'END',
    server {
        listen unix:%DIR%/call.sock;
        location / { fn_call; }
    }
END
    config => <<'END',
        fn_command python python3;
        fn_prefetch off;
        error_page 503 /503;
        location = /503 { return 503 "no place"; }

        location /caller { fn_handler python:%DIR%/x.py; fn_processes 2; }
        location /busy { fn_handler python:%DIR%/x.py; fn_queue 0; }
        location /queue { fn_handler python:%DIR%/x.py; fn_queue 1 timeout=200ms; }
        location /self { fn_handler python:%DIR%/x.py; fn_queue 1 timeout=300ms; }
        location /deep { fn_handler python:%DIR%/x.py; fn_queue 0; fn_processes 3; }
        location /ping { fn_handler python:%DIR%/x.py; fn_queue 4 timeout=300ms; }
        location /pong { fn_handler python:%DIR%/x.py; fn_queue 4 timeout=300ms; }
        location /short { fn_handler python:%DIR%/x.py; fn_timeout 300ms; }
END
);

$server->wait_ready($_, 1) for qw( caller busy queue self deep ping pong short );

is(body('/caller/call/busy/x'), 'caller: 200  done', 'a place is free');

my $sleep = $server->begin('GET', '/busy/sleep');
FnServer::wait_until(sub { $server->in_flight('busy') }, 2);

my $start = time;
is(body('/caller/call/busy/x'), 'caller: 503 1 no place', 'none is free: 503');
cmp_ok(time - $start, '<', 0.5, '... at once');
is(($server->finish($sleep))[0]{code}, 200, '... and the other one has its answer');
is($server->status('busy')->{errors}{queue_full}, 1, '... it is counted');
is(body('/caller/call/busy/x'), 'caller: 200  done', '... and a place is free again');

$sleep = $server->begin('GET', '/queue/sleep');
FnServer::wait_until(sub { $server->in_flight('queue') }, 2);
is(body('/caller/call/queue/x'), 'caller: 503 1 no place', 'not free in time: 503');
$server->finish($sleep);
is($server->status('queue')->{errors}{queue_timeout}, 1, '... it is counted');

# a call that would wait for itself

$start = time;
is(body('/self/call/self/x'), 'self: 503 1 no place', 'a function calls itself');
cmp_ok(time - $start, '<', 1, '... which ends with the time in the queue');

my $path = '/deep/call/deep/call/deep/call/deep/call/deep';
is(body($path), 'deep: 200  deep: 200  deep: 503 1 no place',
    'as deep as there are processes');

is(body('/ping/call/pong/call/ping/x'), 'ping: 200  pong: 503 1 no place',
    'two functions call each other');

# who goes meanwhile

is(body('/caller/call/caller/exit') =~ s/<.*//sr, 'caller: 502  ',
    'the called process dies') or diag($server->log);
is(body('/short/call/busy/sleep') =~ s/\s*<.*//sr, '504', 'the caller is killed');
FnServer::wait_until(sub { !$server->in_flight('busy') }, 3);
is($server->in_flight('busy'), 0, '... and the called function is free then');
is(body('/caller/call/busy/x'), 'caller: 200  done', '... and serves');

my $gone = $server->begin('GET', '/caller/call/busy/sleep');
FnServer::wait_until(sub { $server->in_flight('busy') }, 2);
close $gone->{socket};
FnServer::wait_until(sub { !$server->in_flight('busy') && !$server->in_flight('caller') },
    3);
is($server->in_flight('caller'), 0, 'a client leaves the caller');

# new functions of an old name

ok($server->reload, 'a reload');
$server->wait_ready('busy');
is(body('/caller/call/busy/x'), 'caller: 200  done', '... and a call');

my $load = $server->load(clients => 4, next => sub { ('GET', '/caller/call/ping/x') });
sleep 0.5;
$server->reload;
sleep 1;
$load->is_ok('calls while nginx reloads', 50);

unlike($server->log, qr/\[(?:alert|crit|emerg)\]/, 'the error log');
ok($server->stop('QUIT'), 'nginx ends');

done_testing();


# 504 and the like come without a body of the handler's
sub body {
    my ($path) = @_;
    my $reply = $server->get($path);
    return $reply->{code} eq '200' ? $reply->{body} : "$reply->{code} $reply->{body}";
}
