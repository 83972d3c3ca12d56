#!/usr/bin/perl

# fn_queue: how many wait, how long, in which order.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use Test::More;

my $server = FnServer->new(config => <<'END');
        location /full/f/ {
            fn_handler python:%DIR%/x.py name=full;
            fn_queue 3;
            fn_prefetch off;
        }

        location /none/f/ {
            fn_handler python:%DIR%/x.py name=none;
            fn_queue 0;
            fn_prefetch off;
        }

        location /late/f/ {
            fn_handler python:%DIR%/x.py name=late;
            fn_queue 10 timeout=300ms;
            fn_prefetch off;
        }

        location /order/f/ {
            fn_handler python:%DIR%/x.py name=order;
            fn_prefetch off;
        }

        location /ahead/f/ {
            fn_handler python:%DIR%/x.py name=ahead;
            fn_prefetch 1;
        }
END

# one runs, three wait, the others are told so at once

$server->wait_ready('full');

my @replies = $server->many(map { ['GET', "/full/f/sleep?0.3$_"] } 1 .. 6);

is(join(' ', sort map { $_->{code} } @replies), '200 200 200 200 503 503', 'full');

for my $reply (grep { $_->{code} eq '503' } @replies) {
    like($reply->{headers}, qr/^Retry-After: 1\r?$/m, 'full: Retry-After');
    cmp_ok($reply->{time}, '<', 0.25, 'full: at once');
}

like($server->log, qr/fn "full" is unavailable: its queue is full/, 'full: logged');
is($server->status('full')->{errors}{queue_full}, 2, 'full: counted');
is(scalar($server->ledger), 4, 'full: what was refused was not run');
is($server->status('full')->{queue}{waiting}, 0, 'full: nobody waits');

# no queue

$server->wait_ready('none');
@replies = $server->many(map { ['GET', '/none/f/sleep?0.3'] } 1 .. 3);

is(join(' ', sort map { $_->{code} } @replies), '200 503 503', 'none');
is($server->get('/none/f/f')->{code}, 200, 'none: a place is free again');

# waited too long

$server->wait_ready('late');
@replies = $server->many(map { ['GET', '/late/f/sleep?0.8'] } 1 .. 3);

is(join(' ', sort map { $_->{code} } @replies), '200 503 503', 'late');

for my $reply (grep { $_->{code} eq '503' } @replies) {
    like($reply->{headers}, qr/^Retry-After: 1\r?$/m, 'late: Retry-After');
    cmp_ok($reply->{time}, '>=', 0.25, 'late: not before its time');
    cmp_ok($reply->{time}, '<', 0.6, 'late: in its time');
}

like($server->log, qr/fn "late" is unavailable: no process became free in time/,
    'late: logged');
is($server->status('late')->{errors}{queue_timeout}, 2, 'late: counted');

# first come, first served

for my $name (qw(order ahead)) {
    $server->wait_ready($name);
    unlink $server->dir . '/pub/ledger';

    my @calls;

    for my $n (1 .. 8) {
        push @calls, $server->begin('GET', "/$name/f/sleep?0.1$n");

        # until it has a place or a ticket

        FnServer::wait_until(sub {
            my $status = $server->status($name);
            return $status->{requests} == $n;
        }, 5);
    }

    @replies = $server->finish(@calls);

    is(join(' ', map { $_->{code} } @replies), join(' ', (200) x 8), "$name: 200");
    is(join(' ', map {/(\d)$/} $server->ledger), '1 2 3 4 5 6 7 8', "$name: kept");
}

# who leaves the queue, leaves it

my @calls = map { $server->begin('GET', '/order/f/sleep?0.3') } 1 .. 3;

ok(FnServer::wait_until(sub { $server->status('order')->{queue}{waiting} == 2 }, 3),
    'two wait');

close $calls[2]{socket};

ok(FnServer::wait_until(sub { $server->status('order')->{queue}{waiting} == 1 }, 1),
    'one has left');

@replies = $server->finish(@calls[0, 1]);
is(join(' ', map { $_->{code} } @replies), '200 200', 'the others do not notice');
is($server->status('order')->{errors}{aborted}, 1, 'counted');
is($server->in_flight('order'), 0, 'no place is taken');

ok($server->stop('QUIT'), 'it ends');

done_testing();
