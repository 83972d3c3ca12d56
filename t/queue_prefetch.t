#!/usr/bin/perl

# Events that were sent ahead to a busy process: taken back from behind a slow
# one, and each is run exactly once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use Test::More;

my $server = FnServer->new(config => <<'END');
        location /four/f/ {
            fn_handler python:%DIR%/x.py name=four;
            fn_processes 2;
            fn_prefetch 4;
        }

        location /off/f/ {
            fn_handler python:%DIR%/x.py name=off;
            fn_processes 2;
            fn_prefetch off;
        }

        location /alone/f/ {
            fn_handler python:%DIR%/x.py name=alone;
            fn_prefetch 4;
        }

        location /auto/f/ {
            fn_handler python:%DIR%/x.py name=auto;
            fn_processes 2;
        }
END

for my $name (qw(four off auto)) {
    $server->wait_ready($name, 2);

    # both are busy, one of them for long; the quick ones go behind

    my $slow = $server->begin('POST', "/$name/f/sleep?1.5", 'slow');
    FnServer::wait_until(sub { $server->in_flight($name) == 1 }, 2);
    my $short = $server->begin('POST', "/$name/f/sleep?0.1", 'short');
    FnServer::wait_until(sub { $server->in_flight($name) == 2 }, 2);

    my @quick = $server->many(map { ['POST', "/$name/f/quick?$name-$_", 'body'] } 1 .. 8);

    is(join(' ', map { $_->{code} } @quick), join(' ', (200) x 8), "$name: all run");

    my ($worst) = sort { $b <=> $a } map { $_->{time} } @quick;
    cmp_ok($worst, '<', 1, "$name: none waits for the slow one");

    my @replies = $server->finish($slow, $short);
    is(join(' ', map { $_->{code} } @replies), '200 200', "$name: the slow ones, too");

    my %count;
    $count{$_}++ for grep {/quick $name-/} $server->ledger;

    is(scalar(keys %count), 8, "$name: each was run");
    is(join(' ', grep { $count{$_} != 1 } keys %count), '', "$name: and once");

    my $back = $server->status($name)->{taken_back};

    if ($name eq 'four') {
        cmp_ok($back, '>', 0, "$name: some were taken back");

    } elsif ($name eq 'off') {
        is($back, 0, "$name: none was sent ahead");
    }

    is($server->in_flight($name), 0, "$name: no place is taken");
}

# with one process they have to wait, and are run once it is free

$server->wait_ready('alone');

my $slow = $server->begin('GET', '/alone/f/sleep?0.5');
FnServer::wait_until(sub { $server->in_flight('alone') == 1 }, 2);

my @quick = $server->many(map { ['POST', "/alone/f/quick?alone-$_", 'body'] } 1 .. 8);
($slow) = $server->finish($slow);

is(join(' ', map { $_->{code} } $slow, @quick), join(' ', (200) x 9), 'alone: all run');

my %count;
$count{$_}++ for grep {/quick alone-/} $server->ledger;

is(scalar(keys %count), 8, 'alone: each was run');
is(join(' ', grep { $count{$_} != 1 } keys %count), '', 'alone: and once');

# a process that dies with events in front of it: they were not run, and go to
# another, POST as well

$server->wait_ready('four', 2);

my $kill = $server->begin('POST', '/four/f/kill?0.1', 'killed');
my $other = $server->begin('POST', '/four/f/sleep?0.3', 'other');

FnServer::wait_until(sub { $server->in_flight('four') == 2 }, 2);

my @replies = $server->many(map { ['POST', "/four/f/quick?dead-$_", 'body'] } 1 .. 6);
push @replies, $server->finish($kill, $other);

is(scalar(grep { $_->{code} eq '200' } @replies[0 .. 5]), 6, 'dead: those ahead are run');
is(join(' ', map { $_->{code} } @replies[6, 7]), '502 200', 'dead: what it ran is 502');

%count = ();
$count{$_}++ for grep {/quick dead-/} $server->ledger;

is(scalar(keys %count), 6, 'dead: each was run');
is(join(' ', grep { $count{$_} != 1 } keys %count), '', 'dead: and once');

ok($server->stop('QUIT'), 'it ends');

done_testing();
