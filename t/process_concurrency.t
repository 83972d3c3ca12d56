#!/usr/bin/perl

# fn_concurrency: events that one process runs at the same time.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use Test::More;

my $server = FnServer->new(
    files => {
        'async.py' => <<'END',
import asyncio
async def handler(context, event):
    await asyncio.sleep(0.4)
    return "async"
END
        'threads.py' => <<'END',
import time
def handler(context, event):
    time.sleep(0.4)
    return "threads"
END
    },
    config => <<'END',
        fn_command python python3;

        location /async {
            fn_handler python:%DIR%/async.py;
            fn_concurrency 5;
        }

        location /threads {
            fn_handler python:%DIR%/threads.py;
            fn_concurrency 5;
        }

        location /one {
            fn_handler python:%DIR%/threads.py;
        }
END
);

for my $name (qw(async threads)) {
    $server->wait_ready($name);

    my @calls = map { $server->begin('GET', "/$name") } 1 .. 5;

    ok(FnServer::wait_until(sub { $server->in_flight($name) == 5 }, 2),
        "$name: five in flight");

    my @replies = $server->finish(@calls);
    my ($worst) = sort { $b <=> $a } map { $_->{time} } @replies;

    is(scalar(grep { $_->{body} eq $name } @replies), 5, "$name: all run");
    cmp_ok($worst, '<', 1, "$name: at the same time");

    # more than that wait for a place

    @replies = $server->many((['GET', "/$name"]) x 8);
    ($worst) = sort { $b <=> $a } map { $_->{time} } @replies;

    is(scalar(grep { $_->{body} eq $name } @replies), 8, "$name: eight run");
    cmp_ok($worst, '>=', 0.75, "$name: not all at the same time");
}

$server->wait_ready('one');

my @replies = $server->many((['GET', '/one']) x 3);
my ($worst) = sort { $b <=> $a } map { $_->{time} } @replies;

is(scalar(grep { $_->{code} eq '200' } @replies), 3, 'one: all run');
cmp_ok($worst, '>=', 1.15, 'one: one after the other');

ok($server->stop('QUIT'), 'it ends');

done_testing();
