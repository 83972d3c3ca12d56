#!/usr/bin/perl

# nginx -s reload under load, with changed code: no failed request; and the
# old generation goes when its last request is answered.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use FnServer;
use Test::More;
use Time::HiRes qw(time);

for my $daemon (qw(on off)) {
    my $server = FnServer->new(
        workers => 2,
        daemon  => $daemon,
        files   => { 'code.py' => code(0) },
        config  => <<'END',
            location /code {
                fn_command python python3;
                fn_handler python:%DIR%/code.py;
                fn_processes 2;
            }

            location /f/ {
                fn_handler python:%DIR%/x.py name=f;
                fn_processes 2;
            }
END
    );

    my $title = "daemon $daemon";

    $server->wait_ready($_, 2) for qw(code f);

    # an event that outlives its generation

    my $long = $server->begin('POST', '/f/sleep?2', 'long');

    my $load = $server->load(clients => 4, next => sub {
        my ($client, $n) = @_;
        return ($n % 2 ? 'GET' : 'POST', '/code', 'body') if $client % 2;
        return ($n % 2 ? 'GET' : 'POST', "/f/f?$client-$n", 'body');
    });

    for my $version (1 .. 3) {
        $server->write('code.py', code($version));
        ok($server->reload, "$title: reload $version");
        ok(FnServer::wait_until(sub { $server->get('/code')->{body} eq $version }, 5),
            "$title: code $version is there");
    }

    my $result = $load->is_ok($title, 50);

    ($long) = $server->finish($long);
    is($long->{code}, 200, "$title: the old generation finishes what it has begun")
        or diag($server->log);

    my %count;
    $count{$_}++ for grep {/^POST/} $server->ledger;
    is(join(' ', grep { $count{$_} != 1 } keys %count), '', "$title: no POST was run twice");

    # many at once: one generation is left

    for (1 .. 10) {
        $server->signal('HUP');
        select undef, undef, undef, 0.02;
    }

    my $one = sub {
        return (my @k = $server->keepers) == 1
            && (my @s = $server->supervisors) == 1
            && (my @w = $server->workers) == 2
            && (my @r = $server->runtimes) == 2
            && (my @d = glob $server->dir . '/logs/fn.*') == 1;
    };

    # and stays: signals may still be on their way

    my $since;
    my $stays = sub {
        my $pids = join ' ', $server->supervisors, $server->workers;
        $since = [$pids, time] if !$since || $since->[0] ne $pids || !$one->();
        return time - $since->[1] > 0.5;
    };

    ok(FnServer::wait_until($stays, 15), "$title: one generation is left")
        or diag(explain({ FnServer::processes() }));

    is($server->get('/code')->{body}, 3, "$title: it serves");

    # a configuration that is wrong changes nothing

    my @before = $server->supervisors;
    $server->configure('location /f/ { fn_handler python:%DIR%/missing.py; }');
    $server->signal('HUP');
    ok(FnServer::wait_until(sub { $server->log =~ /missing\.py/ }, 5), "$title: wrong");
    is($server->get('/code')->{body}, 3, "$title: the old one goes on");
    is(join(' ', $server->supervisors), "@before", "$title: with its supervisor");

    unlike($server->log, qr/\[(?:alert|emerg)\](?!.*missing\.py)/, "$title: no alert")
        or diag(grep {/\[(?:alert|emerg)\]/} map {"$_\n"} split /\n/, $server->log);

    ok($server->stop('QUIT'), "$title: it ends");
    is(scalar(my @d = glob $server->dir . '/logs/fn.*'), 0, "$title: no socket is left");
}

done_testing();


sub code {
    my ($version) = @_;

    return "def handler(context, event):\n    return '$version'\n";
}
