#!/usr/bin/perl

# A process that is replaced while it serves: fn_limit requests=, fn_watch,
# fn_stop_timeout.  No request fails, and no event is lost.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use Test::More;

my $server = FnServer->new(
    files => { 'code/x.py' => code(1), 'tree/a.py' => '' },
    config => <<'END',
        location /limit/f/ {
            fn_handler python:%DIR%/x.py name=limit;
            fn_processes 2;
            fn_limit requests=20;
        }

        location /watch {
            fn_command python python3;
            fn_handler python:%DIR%/code/x.py name=watch;
            fn_processes 2;
            fn_watch on;
        }

        location /still {
            fn_command python python3;
            fn_handler python:%DIR%/code/x.py name=still;
        }

        location /tree/f/ {
            fn_handler python:%DIR%/tree name=tree;
            fn_watch on;
        }

        location /stubborn/f/ {
            fn_env FAULT_STOP=ignored;
            fn_handler python:%DIR%/x.py name=stubborn;
            fn_limit requests=1;
            fn_timeout 1s;
            fn_stop_timeout 300ms;
        }
END
);

# requests=20

$server->wait_ready('limit', 2);

my $load = $server->load(clients => 6, requests => 100,
    next => sub { ($_[1] % 2 ? 'POST' : 'GET', "/limit/f/f?$_[0]-$_[1]", 'body') });
my $result = $load->is_ok('requests=', 600);

my $run = () = $server->ledger;
is($run, 600, 'requests=: each was run once');

my $status = $server->status('limit');
my $generations = 0;
$generations += $_->{generation} for @{ $status->{processes} };

cmp_ok($generations, '>', 2, "requests=: some of $generations processes are others");

my %pids;
ok(FnServer::wait_until(sub {
    $pids{ FnServer::json($server->get('/limit/f/f'))->{pid} } = 1;
    return keys %pids == 6;
}, 30), 'requests=: it goes on');

ok(FnServer::wait_until(sub { my @r = $server->runtimes; @r <= 5 }, 3),
    'requests=: the old ones have ended');

# fn_watch

$server->wait_ready('watch', 2);
is($server->get('/watch')->{body}, 1, 'watch: the first code');
is($server->get('/still')->{body}, 1, 'still: the first code');

$load = $server->load(clients => 4,
    next => sub { ($_[1] % 2 ? 'POST' : 'GET', '/watch', 'body') });

for my $version (2 .. 4) {
    $server->write('code/x.py', code($version));

    ok(FnServer::wait_until(sub {
        my @slots = @{ $server->status('watch')->{processes} };
        return !grep { $_->{generation} < $version } @slots;
    }, 15), "watch: code $version is taken up by all");

    # the old process may have accepted a connection just before

    ok(FnServer::wait_until(sub { $server->get('/watch')->{body} eq $version }, 1),
        "watch: code $version is there");
}

# what is broken is not taken up: the old code goes on

$server->write('code/x.py', "VERSION = \n");

ok(FnServer::wait_until(sub { $server->log =~ /fn "watch" process \d+ could not start/ }, 15),
    'watch: broken code does not start');
is($server->get('/watch')->{body}, 4, 'watch: the code before goes on');

$server->write('code/x.py', code(5));

ok(FnServer::wait_until(sub { $server->get('/watch')->{body} eq '5' }, 15),
    'watch: and is replaced when it is mended');

$load->is_ok('watch', 50);
is($server->get('/still')->{body}, 1, 'still: without fn_watch it stays');

# a directory is the target

$server->wait_ready('tree');
$server->write('tree/data.json', '{}');
sleep 0.5;
is($server->status('tree')->{processes}[0]{generation}, 1,
    'tree: data is no code');

$server->write('tree/b.py', '');
ok(generation('tree', 2), 'tree: a new file');

# a deployment moves one directory away and another in its place

rename $server->dir . '/tree', $server->dir . '/old' or die $!;
$server->write('new/a.py', '');
rename $server->dir . '/new', $server->dir . '/tree' or die $!;
ok(generation('tree', 3), 'tree: another directory of its name');

my ($generation) = $server->status('tree')->{processes}[0]{generation};
$server->write('tree/a.py', 'pass');
ok(generation('tree', $generation + 1), 'tree: and a file there');

# fn_stop_timeout

$server->wait_ready('stubborn');
my $pid = FnServer::json($server->get('/stubborn/f/f'))->{pid};

ok(FnServer::wait_until(sub { !kill 0, $pid }, 4), 'stop: one that does not is killed');
like($server->log, qr/fn "stubborn" process $pid is killed: it did not stop/, 'stop: logged');
is($server->get('/stubborn/f/f')->{code}, 200, 'stop: and replaced');

ok($server->stop('QUIT'), 'it ends');

done_testing();


sub generation {
    my ($name, $least) = @_;

    return FnServer::wait_until(sub {
        return $server->status($name)->{processes}[0]{generation} >= $least;
    }, 15);
}


sub code {
    my ($version) = @_;

    return "def handler(context, event):\n    return '$version'\n";
}
