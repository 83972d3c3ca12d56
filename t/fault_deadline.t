#!/usr/bin/perl

# fn_timeout: 504 at the deadline, and the process is replaced.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use Test::More;

# a function for each, as one that fails all the time is started slowly

my @faults = qw(hang stubborn spin half_then_hang drip stop);

my $server = FnServer->new(config => join "\n", map { <<"END" } @faults, 'others');
        location /$_/f/ {
            fn_handler python:%DIR%/x.py name=$_;
            fn_timeout 500ms;
        }
END

# this connection is kept, and longer than its timer: 5 s more than fn_timeout

my $kept = time;
is($server->get('/others/f/f')->{code}, 200, 'a connection is kept');

for my $fault (@faults) {
    my $before = FnServer::json($server->get("/$fault/f/f"))->{pid};

    # "stop" answers, and stops reading then

    $server->get("/$fault/f/stop") if $fault eq 'stop';

    my $path = $fault eq 'stop' ? 'f' : $fault;
    my $reply = $server->get("/$fault/f/$path");

    if ($fault eq 'stop') {
        is($reply->{code}, 503, "$fault: 503, as it was not read");

    } elsif ($fault eq 'drip') {
        is($reply->{code}, 200, "$fault: the answer has begun");
        ok(!$reply->{whole}, "$fault: it is cut, and doesn't look whole");

    } else {
        is($reply->{code}, 504, "$fault: 504");
    }

    in_time($reply->{time}, $fault);

    my $after = FnServer::json($server->get("/$fault/f/f"));

    ok($after->{pid} && $after->{pid} != $before,
        "$fault: the next event has another process");
    ok(!kill(0, $before), "$fault: the process is dead");
}

sleep(7 - (time - $kept)) if time - $kept < 7;

my $reply = $server->get('/others/f/f');
is($reply->{code}, 200, 'a kept connection outlives its timer');
is($server->status('others')->{errors}{timeout}, 0, 'nothing was late');

$reply = $server->get('/others/f/drip_stream');
ok(!$reply->{whole} && $reply->{body} =~ /^x+$/, 'drip_stream: cut');
in_time($reply->{time}, 'drip_stream');

# a slow event just below the deadline is no fault

is($server->get('/others/f/sleep?0.4')->{code}, 200, 'below the deadline');

# a body that is not read

$server->get("/others/f/stop");
$reply = $server->post('/others/f/f', 'x' x 5000000);
is($reply->{code}, 503, 'a body that is not read: 503');
in_time($reply->{time}, 'a body that is not read');
is($server->get('/others/f/f')->{code}, 200, 'and the process is replaced');

# other functions don't notice

my $hang = $server->begin('GET', '/hang/f/hang');
my @others = $server->many(map { ['GET', "/drip/f/f?$_"] } 1 .. 5);

is(join(' ', map { $_->{code} } @others), '200 200 200 200 200',
    'another function, meanwhile');
ok(!(grep { $_->{time} > 0.4 } @others), 'another function does not wait');

($hang) = $server->finish($hang);
is($hang->{code}, 504, 'meanwhile: 504');

like($server->log, qr/is killed: an event ran longer than 500 ms/, 'logged');
is($server->status('hang')->{errors}{timeout}, 2, 'counted');

ok($server->stop('QUIT'), 'it ends');

done_testing();


# some more than 50 ms, for a machine that does other things too

sub in_time {
    my ($time, $title) = @_;

    cmp_ok($time, '>=', 0.45, "$title: not before the deadline");
    cmp_ok($time, '<=', 0.6, "$title: at the deadline");
}
