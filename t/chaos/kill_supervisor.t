#!/usr/bin/perl

# kill -9 of the supervisor, and of the keeper: service goes on.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use FnServer;
use Test::More;

my $server = FnServer->new(workers => 2, config => <<'END');
            location /f/ {
                fn_handler python:%DIR%/x.py name=f;
                fn_processes 2;
            }
END

$server->wait_ready('f', 2);

# its processes go with it, so a POST may be 502, and is then not run again;
# what waits in the queue is run by their successors

for my $round (1 .. 4) {
    my ($supervisor) = $server->supervisors;
    my @old = $server->runtimes;
    my @calls = map { $server->begin('GET', "/f/sleep?0.2$round$_") } 1 .. 8;

    FnServer::wait_until(sub { $server->in_flight('f') >= 2 }, 3);

    kill KILL => $supervisor;

    my @replies = $server->finish(@calls);
    is(join(' ', map { $_->{code} } @replies), join(' ', (200) x 8),
        "round $round: no request fails")
        or diag($server->log);

    my ($new) = $server->supervisors;
    ok($new && $new != $supervisor, "round $round: there is another");
    ok(FnServer::wait_until(sub { $server->ready('f') == 2 }, 3),
        "round $round: all processes are ready");
    is(scalar(grep { kill 0, $_ } @old), 0, "round $round: the old ones are gone");
    ok(FnServer::wait_until(sub { $server->in_flight('f') == 0 }, 2),
        "round $round: no place is taken")
        or diag($server->get('/fn')->{body});
    is($server->status->{nginx}{supervisor}, $new, "round $round: the status knows");
}

# it still does its work

my $before = FnServer::json($server->get('/f/f'))->{pid};
is($server->post('/f/kill', 'body')->{code}, 502, 'a process that dies');
is($server->get('/f/f')->{code}, 200, 'is started again');

# under load

my $load = $server->load(clients => 4, next => sub { ('GET', "/f/f?$_[0]-$_[1]") });

for (1 .. 4) {
    kill KILL => $server->supervisors;
    select undef, undef, undef, 0.4;
}

$load->is_ok('load', 50);

# The keeper: the supervisor goes on, or ends with it; nothing hangs, and when
# nginx ends nothing is left.

kill KILL => $server->keepers;
select undef, undef, undef, 0.1;

my @replies = $server->many(map { ['GET', '/f/f'] } 1 .. 4);
is(scalar(grep { $_->{code} =~ /^(?:200|503)$/ } @replies), 4, 'keeper: an answer')
    or diag(explain(\@replies));
diag('keeper killed: ' . join ' ', map { $_->{code} } @replies);

ok($server->reload, 'keeper: a reload');
ok(FnServer::wait_until(sub { $server->get('/f/f')->{code} eq '200' }, 5),
    'keeper: and all is well');
ok(FnServer::wait_until(sub {
    return (my @k = $server->keepers) == 1 && (my @s = $server->supervisors) == 1;
}, 5), 'keeper: one generation');

# both at once

kill KILL => $server->keepers, $server->supervisors;
select undef, undef, undef, 0.1;

@replies = $server->many(map { ['GET', '/f/f', undef, timeout => 12] } 1 .. 4);
is(scalar(grep { $_->{code} =~ /^(?:200|502|503)$/ } @replies), 4, 'both: an answer')
    or diag(explain(\@replies));
diag('both killed: ' . join ' ', map { $_->{code} } @replies);

ok($server->reload, 'both: a reload');
ok(FnServer::wait_until(sub { $server->get('/f/f')->{code} eq '200' }, 5),
    'both: and all is well');

$server->signal('TERM');
FnServer::nothing_left('no process is left', 3);

done_testing();
