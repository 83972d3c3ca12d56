#!/usr/bin/perl

# Handlers that read standard input, print, fork, close descriptors, ignore
# signals or leave something running, in each language: none of it disturbs the
# protocol, nor keeps the process, or nginx, from being stopped.

use strict;
use warnings;

use FindBin;
BEGIN { require "$FindBin::RealBin/lib/FnLang.pm" }

my $lang;
BEGIN { $lang = FnLang->new }

BEGIN { require "$FindBin::RealBin/lib/FnServer.pm" }
use Test::More;

my $handler = $lang->handler('disturb');
my $server = $lang->server(config => <<"END");
        location /f/ {
            $handler
            fn_timeout 5s;
            fn_stop_timeout 2s;
            fn_prefetch 10;
        }
END

is($server->get('/f/text', timeout => 120)->{code}, 200, 'it serves');

my $pid = pid();

disturbed('stdin', qr/^0$/);
disturbed('write', qr/^written$/);
disturbed('print', qr/^printed$/);
disturbed('fork', qr/^parent$/, $lang->in_worker);
disturbed('signals', qr/^ignored$/, $lang->in_worker);

my $reply;

SKIP: {
    skip 'descriptors: a child inherits what the worker has', 1 if $lang->in_worker;
    $reply = disturbed('descriptors', qr{/proc/|pipe:});

    # ls has opened the directory itself
    is(join(' ', sort { $a <=> $b } $reply->{body} =~ / (\d+) -> (?!\/proc\/\d+\/fd)/g),
        '0 1 2', 'descriptors: a child has these, and no other') if $reply;
}

is(pid(), $pid, 'it is the same process');

ok(FnServer::wait_until(sub { relatives() == 1 }, 3), 'fork: the child has ended');

$reply = disturbed('orphan', qr/^\d+$/);

if ($reply) {
    ok(FnServer::alive($reply->{body}), 'orphan: it is there');
    cmp_ok($reply->{time}, '<', 5, 'orphan: the client does not wait for its end');
    disturbed('background', qr/^started$/);
    select undef, undef, undef, 0.15;

    is($server->get('/f/text')->{code}, 200, 'background: the next event, later');
    kill KILL => $lang->in_worker ? $reply->{body} : pid();

    # a worker's child waits for whoever started it
    ok($lang->in_worker || FnServer::wait_until(sub { !FnServer::alive($reply->{body}) }, 3),
        'orphan: it goes with the process');
    ok(FnServer::wait_until(sub { $server->get('/f/text')->{code} eq '200' }, 10),
        'orphan: and another process serves');
}

if ($lang->in_worker) {
    disturbed('signals', qr/^ignored$/, 1);
    ok($server->reload, 'signals: nginx reloads');
    is($server->get('/f/text')->{code}, 200, 'signals: and serves');
    ended();
    exit;
}

disturbed('signals', qr/^ignored$/);
disturbed('close', qr/^closed$/);

# what is opened from now on might become 0, 1 or 2, to which a handler writes

for my $round (1 .. 3) {
    my @calls = map { $server->begin($lang->slow('f', 20)) } 1 .. 8;

    disturbed('print', qr/^printed$/, 1);
    disturbed('write', qr/^written$/, 1);

    is(scalar(grep { $_->{body} eq 'slept' } $server->finish(@calls)), 8,
        "close: other events, round $round");
}

$pid = pid();
unlike(join(' ', map { readlink("/proc/$pid/fd/$_") || '' } 0 .. 2), qr/socket/,
    'close: no connection is 0, 1 or 2');

is($server->get('/f/raise')->{code}, 500, 'close: an error is told');
is($server->get('/f/text')->{body}, "text \xc3\xa9\n", 'close: and the next event');

ended();


sub ended {
    ok($server->stop('QUIT'), 'it ends');
    unlike($server->log, qr/did not stop/, 'it ends when it is told to');
    done_testing();
}


# The event has the answer, or may fail when that may be; and those after it are
# answered by their own.
sub disturbed {
    my ($name, $answer, $may_fail) = @_;
    my ($reply) = $server->get("/f/$name");

  SKIP: {
        my $lacks = $lang->lacks($reply->{code}, $reply->{body});
        skip "$name: $lacks", 1 if $lacks;

        skip "$name: failed, as it may", 1 if $may_fail && $reply->{code} eq '500';

        is($reply->{code}, 200, "$name: 200");
        like($reply->{body}, $answer, "$name: answered");
    }

    my @after = $server->many(map { ['POST', '/f/echo', "$name $_"] } 1 .. 3);
    is(join(', ', map { $_->{body} } @after), join(', ', map {"$name $_"} 1 .. 3),
        "$name: the next events");

    return $lang->lacks($reply->{code}, $reply->{body}) ? undef : $reply;
}


sub pid {
    return ($server->workers)[0] if $lang->in_worker;
    return $server->status('disturb')->{processes}[0]{pid};
}

# the process and those that run the same program
sub relatives {
    my %process = FnServer::processes();
    return scalar grep { $process{$_} eq ($process{ pid() } // '') } keys %process;
}
