#!/usr/bin/perl

# kill -9 of an nginx worker, one of two and all, while it holds places and
# tickets: the places come back, the tickets are gone, nobody waits for ever.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use FnServer;
use Test::More;

my $server = FnServer->new(workers => 2, config => <<'END');
            add_header X-Worker $pid always;

            location /f/ {
                fn_handler python:%DIR%/x.py name=f;
                fn_processes 2;
                fn_queue 50 timeout=5s;
            }
END

$server->wait_ready('f', 2);

for my $round (1 .. 5) {

    # both workers have requests that run, and some that wait

    my @calls = map { $server->begin('GET', "/f/sleep?0.5$_") } 1 .. 12;

    ok(FnServer::wait_until(sub {
        my $status = $server->status('f');
        return $status->{queue}{waiting} + $server->in_flight('f') >= 12;
    }, 3), "round $round: some run, some wait");

    my @workers = $server->workers;
    my @victims = $round < 4 ? $workers[$round % 2] : @workers;

    kill KILL => @victims;

    # the requests of the other are answered, in the time that they need

    my @replies = $server->finish(@calls);
    my @lost = grep { $_->{code} ne '200' } @replies;

    is(scalar(grep { $_->{code} ne '' } @lost), 0,
        "round $round: answers, or the connection is gone")
        or diag(map {"$_->{code} "} @lost);

    is(scalar(grep { defined $_->{error} && $_->{error} eq 'no end in time' } @replies), 0,
        "round $round: nobody waits for ever");

    ok(FnServer::wait_until(sub {
        my $status = $server->status('f');
        return defined $status->{queue} && $status->{queue}{waiting} == 0
            && $server->in_flight('f') == 0;
    }, 3), "round $round: no place and no ticket is taken")
        or diag($server->get('/fn')->{body});

    ok(FnServer::wait_until(sub { (my @w = $server->workers) == 2 }, 3),
        "round $round: there are two again");

    # four places' worth of work, over both

    @replies = $server->many(map { ['POST', '/f/f', 'body'] } 1 .. 20);
    is(scalar(grep { $_->{code} eq '200' } @replies), 20, "round $round: it serves");
}

# under load: what fails are requests that the victim had

my $load = $server->load(clients => 6, next => sub { ('GET', '/f/f') });

for (1 .. 10) {
    my ($victim) = $server->workers;
    kill KILL => $victim;
    select undef, undef, undef, 0.2;
}

my $result = $load->stop;
my $lost = grep { $_->[2] eq '' } @{ $result->{seen} };

is(join(' ', sort grep { $_ ne 'none' } keys %{ $result->{codes} }), '200',
    'load: answers, or the connection is gone');
cmp_ok($lost, '<=', 10 * 6, "load: $lost of " . @{ $result->{seen} } . ' were lost');
cmp_ok($result->{codes}{200}, '>', 50, 'load: service went on');

ok(FnServer::wait_until(sub { $server->in_flight('f') == 0 }, 3), 'load: no place is taken')
    or diag($server->get('/fn')->{body});

ok($server->stop('QUIT'), 'it ends');

done_testing();
