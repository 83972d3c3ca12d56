#!/usr/bin/perl

# What a native handler does to its worker: it holds it, crashes it, forks.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use Test::More;

my $root = $ENV{FN_ROOT} || "$FindBin::Bin/..";

my $dir = tempdir('fn_native_XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;

compile('f', <<'C');
int
handler(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    fn_str_t  query = fn_field(e, FN_QUERY);

    if (query.len && query.data[0] >= '0' && query.data[0] <= '9') {
        usleep(atoi(query.data) * 1000);
    }

    if (query.len == 5 && strncmp(query.data, "crash", 5) == 0) {
        raise(SIGSEGV);
    }

    if (query.len == 4 && strncmp(query.data, "exit", 4) == 0) {
        exit(0);
    }

    if (query.len == 7 && strncmp(query.data, "signals", 7) == 0) {
        signal(SIGTERM, SIG_IGN);
        signal(SIGQUIT, SIG_IGN);
    }

    if (query.len == 4 && strncmp(query.data, "fork", 4) == 0) {
        (void) fork();
    }

    return fn_write(r, "done\n", 5);
}
C

# crashes when the file is there
compile('init', <<'C');
int
fn_init(fn_context_t *c)
{
    if (access(fn_getenv(c, "BAIT"), F_OK) == 0) {
        raise(SIGSEGV);
    }

    return FN_OK;
}

int
handler(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    raise(SIGSEGV);

    return FN_OK;
}
C

my $server = FnServer->new(config => <<"CONF");
            location /f {
                fn_handler native:$dir/f.so name=f;
                fn_block_warn 50ms;
            }

            location /quiet {
                fn_handler native:$dir/f.so name=quiet;
                fn_block_warn 0;
            }

            location /pool {
                fn_handler native:$dir/f.so:handler name=pool threads;
            }

            location /init {
                fn_handler native:$dir/init.so name=init;
                fn_crash_limit 2;
                fn_env BAIT=$dir/bait;
            }

            location /often {
                fn_handler native:$dir/f.so name=often;
                fn_crash_limit 3 within=1m;
            }

            location /seldom {
                fn_handler native:$dir/f.so name=seldom;
                fn_crash_limit 3 within=1ms;
            }

            location /off {
                fn_handler native:$dir/f.so name=off;
                fn_crash_limit 0;
            }
CONF


sub compile {
    my ($name, $code) = @_;

    open my $file, '>', "$dir/$name.c" or die $!;
    print {$file} <<"C";
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "fn.h"

FN_MODULE

$code
C
    close $file;
    system(qw/ cc -D_GNU_SOURCE -shared -fPIC -I /, "$root/runtimes/c", '-o', "$dir/$name.so",
        "$dir/$name.c") == 0 or die "cc failed\n";
}

sub crash {
    my ($path) = @_;
    my ($worker) = $server->workers;

    is($server->get($path)->{code}, '', "$path: the connection is gone");
    ok(FnServer::wait_until(sub {
        my @workers = $server->workers;
        return @workers == 1 && $workers[0] != $worker && $server->get('/quiet')->{code} eq '200';
    }, 5), '... and another worker serves');
    return $worker;
}


# held

is($server->get('/f?80')->{body}, "done\n", 'a handler takes 80 ms');
like($server->log, qr/\[warn\] .*fn "f": handler held the worker for (8|9|1\d)\d ms.*request: "GET \/f\?80 /,
    'which is logged');
is($server->status('f')->{blocked}, 1, '... and counted');

$server->get('/f?5');
is($server->status('f')->{blocked}, 1, '5 ms are fine');

$server->get('/quiet?200');
unlike($server->log, qr/fn "quiet": handler held/, 'nothing is said with 0');

$server->get('/pool?200');
is($server->status('pool')->{blocked}, 0, 'a thread holds nobody');

$server->get('/f?2500');
like($server->log, qr/\[error\] .*fn "f": handler holds the worker for [12]\d\d\d ms and still runs/,
    'one that does not return is logged while it runs');


# crashed

my $worker = crash('/f/a/path?crash');
like($server->log, qr{\[crit\] .*fn "f": worker process $worker ended while this handler ran, path "/f/a/path"},
    'the next worker names the handler');
is($server->status('f')->{crashed}, 1, '... and counts it');
is($server->get('/f')->{code}, '200', 'the function goes on');

$worker = crash('/f?exit');
like($server->log, qr{fn "f": worker process $worker ended while this handler ran}, 'exit() is a crash, too');

$worker = crash('/pool?crash');
like($server->log, qr{fn "pool": worker process $worker ended while this handler ran}, 'a crash on a thread');

crash('/often?crash') for 1 .. 2;
is($server->get('/often')->{code}, '200', 'two crashes of three');
is($server->status('often')->{limited}, 0, '... are no limit');

crash('/often?crash');
is($server->get('/often')->{code}, '503', 'the third is the last');
like($server->log, qr/\[alert\] .*fn "often": 3 crashes within 60000 ms, it answers 503 until nginx is reloaded/,
    '... and is logged');
is($server->status('often')->{limited}, 1, '... and in the status');
like($server->get('/often')->{headers}, qr/^Retry-After: /m, 'its 503 says Retry-After');

crash('/seldom?crash') for 1 .. 4;
is($server->get('/seldom')->{code}, '200', 'slow crashes are no limit');

crash('/off?crash') for 1 .. 6;
is($server->get('/off')->{code}, '200', 'nor are any with 0');

$server->reload;
is($server->get('/often')->{code}, '200', 'a reload forgives');


# crashed while it was loaded: again and again, until the limit

open my $bait, '>', "$dir/bait" or die $!;
close $bait;
$server->get('/init');
ok(FnServer::wait_until(sub { $server->get('/quiet')->{code} eq '200' }, 5), 'the worker comes up in the end');
is($server->get('/init')->{code}, '503', '... without what crashes it');
like($server->log, qr/fn "init": worker process \d+ ended while this handler was loaded/, '... which is named');


# forked

my @before = sort { $a <=> $b } $server->workers;
is($server->get('/f?fork')->{body}, "done\n", 'a handler forks');
ok(FnServer::wait_until(sub { $server->log =~ /fn "f": a child process that the handler forked came back/ }, 3),
    'its child is ended');
is($server->get('/f')->{code}, '200', 'the worker goes on');
is_deeply([sort { $a <=> $b } $server->workers], \@before, '... alone');


# replaced nginx's handlers of signals

$server->get('/f?signals');
ok(FnServer::wait_until(sub { $server->log =~ /nginx's handler of signal 3 \(Quit\), it was put back/ }, 3),
    'handlers of signals are put back');

my ($quit) = $server->workers;
kill QUIT => $quit;
ok(FnServer::wait_until(sub { !grep { $_ == $quit } $server->workers }, 3), '... and work');

ok($server->stop, 'nginx ends');

done_testing();
