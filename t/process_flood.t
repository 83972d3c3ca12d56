#!/usr/bin/perl

# A process that prints without end: the log is bounded, what was dropped is
# counted, and nobody is held up.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use Test::More;

my $server = FnServer->new(config => <<'END');
        location /f/ {
            fn_handler python:%DIR%/x.py name=flood;
        }

        location /quiet/f/ {
            fn_handler python:%DIR%/x.py name=quiet;
        }
END

$server->wait_ready('flood');

my $flood = $server->begin('GET', '/f/flood?20000');
my @quiet = $server->many(map { ['GET', '/quiet/f/f'] } 1 .. 5);

is(scalar(grep { $_->{code} eq '200' } @quiet), 5, 'another function goes on');

my ($reply) = $server->finish($flood);

is($reply->{code}, 200, 'it comes to an end');

ok(FnServer::wait_until(sub { $server->log =~ /fn "flood": \d+ lines were dropped/ }, 4),
    'what was dropped is told');

my $log = $server->log;
my $logged = () = $log =~ /fn "flood" pid \d+: flood \d+$/mg;
my $dropped = 0;
$dropped += $1 while $log =~ /fn "flood": (\d+) lines were dropped/g;

cmp_ok($logged, '>=', 1000, 'some lines are there');
is($logged + $dropped, 20000, 'none is lost without being counted');
cmp_ok($logged, '<=', 1000 * (2 + $reply->{time}), 'and they are bounded')
    or diag("$logged lines in $reply->{time} s");

$server->get('/f/stdout?after\n');
ok(FnServer::wait_until(sub { $server->log =~ /fn "flood" pid \d+: after$/m }, 3),
    'a second later it may print again');

ok($server->stop('QUIT'), 'it ends');

done_testing();
