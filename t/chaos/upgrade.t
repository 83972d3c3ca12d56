#!/usr/bin/perl

# A new nginx binary (USR2, then QUIT to the old one) under load, and the way
# back (HUP to the old one, QUIT to the new one): no failed request.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use FnServer;
use Test::More;

# it executes itself by this name

my ($binary) = $ENV{TEST_NGINX_BINARY}
    || grep { -x } map {"$_/nginx"} split(/:/, $ENV{PATH}), '/usr/sbin';

my $server = FnServer->new(
    workers => 2,
    binary  => $binary,
    config  => <<'END',
            location /f/ {
                fn_handler python:%DIR%/x.py name=f;
                fn_processes 2;
            }
END
);

$server->wait_ready('f', 2);

my $load = $server->load(clients => 4, next => sub {
    my ($client, $n) = @_;
    return ($n % 2 ? 'GET' : 'POST', "/f/f?$client-$n", 'body');
});

# there

my $old = $server->pid;
kill USR2 => $old;

ok(FnServer::wait_until(sub { ($server->pid // $old) != $old && (my @s = $server->supervisors) == 2 }, 10),
    'both are there, each with its supervisor');

my $new = $server->pid;

kill WINCH => $old;
ok(FnServer::wait_until(sub { (my @w = $server->workers) == 2 }, 10), 'the old workers leave');
ok(FnServer::wait_until(sub { $server->ready('f') == 2 }, 10), 'the new ones serve');

# and back

kill HUP => $old;
ok(FnServer::wait_until(sub { (my @w = $server->workers) == 4 }, 10), 'the old workers are back');
kill QUIT => $new;
ok(FnServer::wait_until(sub { !FnServer::alive($new) }, 10), 'the new one has ended');
ok(FnServer::wait_until(sub { ($server->pid // 0) == $old }, 10), 'the old one goes on');

# there, for good

kill USR2 => $old;
ok(FnServer::wait_until(sub { ($server->pid // $old) != $old && (my @w = $server->workers) == 4 }, 10),
    'again');
kill QUIT => $old;
ok(FnServer::wait_until(sub { !FnServer::alive($old) }, 10), 'the old one has ended');

$load->is_ok('load', 50);

my %count;
$count{$_}++ for grep {/^POST/} $server->ledger;
is(join(' ', grep { $count{$_} != 1 } keys %count), '', 'no POST was run twice');

my $one = sub {
    return (my @k = $server->keepers) == 1 && (my @s = $server->supervisors) == 1
        && (my @r = $server->runtimes) == 2;
};

ok(FnServer::wait_until($one, 5), 'one generation is left')
    or diag(explain({ FnServer::processes() }));

$server->signal('TERM');
FnServer::nothing_left('no process is left', 3);
is(scalar(my @d = glob $server->dir . '/logs/fn.*'), 0, 'no socket is left');

done_testing();
