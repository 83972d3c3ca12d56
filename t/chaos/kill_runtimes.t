#!/usr/bin/perl

# kill -9 of all runtime processes at once, under load: GET never fails, POST
# is 200 or 502 and is never run twice, and what is 503 was not run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use FnServer;
use Test::More;

my $server = FnServer->new(workers => 2, config => <<'END');
            location /f/ {
                fn_handler python:%DIR%/x.py name=f;
                fn_processes 4;
            }
END

for my $method (qw(GET POST)) {
    $server->wait_ready('f', 4);
    unlink $server->dir . '/pub/ledger';

    my $load = $server->load(clients => 6, next => sub {
        my ($client, $n) = @_;
        return ($method, "/f/f?$method-$client-$n", $method eq 'POST' ? 'body' : undef);
    });

    # each lives long enough not to be a crash loop

    for (1 .. 4) {
        select undef, undef, undef, 1.1;
        kill KILL => $server->runtimes;
    }

    select undef, undef, undef, 0.3;

    my %run;
    my $result;

    if ($method eq 'GET') {
        $result = $load->is_ok('GET', 100);

    } else {
        $result = $load->stop;
        my @codes = sort keys %{ $result->{codes} };

        unlike("@codes", qr/none|500|504/, "POST: answers (@codes)");
        cmp_ok($result->{codes}{502} // 0, '<=', 4 * 4, 'POST: a 502 for each that ran');
        cmp_ok($result->{codes}{200}, '>', 100, 'POST: there was load');
    }

    $run{$_}++ for $server->ledger;

    my @wrong;

    for my $seen (@{ $result->{seen} }) {
        my (undef, $path, $code) = @$seen;
        my $event = "$method $path" =~ s/\?/ /r;
        my $n = $run{$event} // 0;

        push @wrong, "$event: $code, run $n times"
            if ($code eq '200' && $n == 0)
            || ($method eq 'POST' && $n > 1)
            || ($method eq 'GET' && $n > 2)
            || ($code eq '503' && $n > 0);
    }

    is(join("\n", @wrong), '', "$method: what is said is what was done");
    is($server->in_flight('f'), 0, "$method: no place is taken");
    diag(join ', ', map {"$method $_: $result->{codes}{$_}"} sort keys %{ $result->{codes} });
}

# one that is stopped, and then killed, had read nothing: POST is run elsewhere

for my $round (1 .. 5) {
    $server->wait_ready('f', 4);

    my @runtimes = $server->runtimes;
    kill STOP => @runtimes;

    my @calls = map { $server->begin('POST', "/f/f?stop-$round-$_", 'body') } 1 .. 12;
    FnServer::wait_until(sub { $server->in_flight('f') >= 4 }, 2);

    kill KILL => @runtimes;

    my @replies = $server->finish(@calls);
    is(join(' ', map { $_->{code} } @replies), join(' ', (200) x 12),
        "stopped $round: all are run");

    my %run;
    $run{$_}++ for grep {/stop-$round-/} $server->ledger;
    is(join(' ', values %run), join(' ', (1) x 12), "stopped $round: and once");

    select undef, undef, undef, 1.1;        # not a crash loop
}

ok($server->stop('QUIT'), 'it ends');

done_testing();
