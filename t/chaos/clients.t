#!/usr/bin/perl

# Clients that leave at any point, many of them: the places come back, no
# descriptor stays open, and the next client gets its own answer.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use FnServer;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;

my $server = FnServer->new(config => <<'END');
            location /f/ {
                fn_handler python:%DIR%/x.py name=f;
                fn_processes 2;
            }

            location /unbuffered/f/ {
                fn_handler python:%DIR%/x.py name=unbuffered;
                fn_buffering off;
            }

            location /direct/f/ {
                fn_handler python:%DIR%/x.py name=direct;
                fn_prefetch 4;
            }
END

my $body = 'x' x 300000;
my $head = "Host: t\r\nConnection: close\r\n";
my $post = "${head}Content-Length: 300000\r\n\r\n";

# what is sent, how much of the answer is read, and after how long it leaves

my @points = (
    ['in the request line', 'GET /PLACE/slee', 0, 0],
    ['in the headers', "GET /PLACE/f HTTP/1.1\r\nHost: t", 0, 0],
    ['before the body', "POST /PLACE/f HTTP/1.1\r\n$post", 0, 0],
    ['in the body', "POST /PLACE/f HTTP/1.1\r\n$post" . substr($body, 0, 150000), 0, 0],
    ['at once', "POST /PLACE/f HTTP/1.1\r\n$post$body", 0, 0],
    ['while it runs', "GET /PLACE/sleep?0.02 HTTP/1.1\r\n$head\r\n", 0, 0.01],
    ['in the answer', "GET /PLACE/big?1000000 HTTP/1.1\r\n$head\r\n", 1000, 0],
    ['in a stream', "GET /PLACE/stream?20 HTTP/1.1\r\n$head\r\n", 1000, 0],
    ['in a bad answer', "GET /PLACE/byte_by_byte HTTP/1.1\r\n$head\r\n", 0, 0.005],
);

for my $place ('f', 'unbuffered/f', 'direct/f') {
    my ($name) = $place =~ /^(\w+)/;

    $server->wait_ready($name);

    for (1 .. 3) {
        leave($_, $place) for @points;      # what is opened once is open
    }

    settled($name);

    my @workers = $server->workers;
    my @supervisors = $server->supervisors;
    my $before = descriptors();

    for my $point (@points) {
        my $title = "$place, $point->[0]";

        # some run at the same time, some wait

        for (1 .. 5) {
            my @sockets = map { leave($point, $place, 1) } 1 .. 10;
            abandon($_) for @sockets;
        }

        ok(settled($name), "$title: no place is taken")
            or diag($server->get('/fn')->{body});

        my $reply = FnServer::json($server->get("/$place/f?$title" =~ s/[ ,]/-/gr));
        like($reply->{query} // '', qr/^\Q$place\E/, "$title: the next one is served");
    }

    ok(FnServer::wait_until(sub { descriptors() eq $before }, 5),
        "$place: no descriptor is left open")
        or diag("before: $before\nafter: " . descriptors());

    is(join(' ', $server->workers), "@workers", "$place: the worker lives");
    is(join(' ', $server->supervisors), "@supervisors", "$place: the supervisor, too");
}

cmp_ok($server->status('f')->{errors}{aborted}, '>', 0, 'they are counted');

unlike($server->log, qr/\[(?:alert|emerg|crit)\]/, 'no alert');

ok($server->stop('QUIT'), 'it ends');

done_testing();


# sends what it sends, and leaves; with "later" the caller makes it leave

sub leave {
    my ($point, $place, $later) = @_;
    my (undef, $request, $read, $delay) = @$point;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $server->port, Timeout => 5) or die "connect: $@";

    local $SIG{PIPE} = 'IGNORE';
    $socket->autoflush(1);
    print {$socket} $request =~ s{/PLACE/}{/$place/}r;

    sysread $socket, my $bytes, $read if $read;
    select undef, undef, undef, $delay if $delay && !$later;

    return $socket if $later;
    abandon($socket);
}


# by a reset, or as one does

sub abandon {
    my ($socket) = @_;

    our $n;
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0 if $n++ % 2;
    close $socket;
}


sub settled {
    my ($name) = @_;

    return FnServer::wait_until(sub {
        my $status = $server->status($name);
        return defined $status->{queue} && $status->{queue}{waiting} == 0
            && $server->in_flight($name) == 0;
    }, 20);
}


# What is open in the worker, the keeper, the supervisor; connections to
# processes are kept, as many as were used at the same time.

sub descriptors {
    my @lines;

    for my $pid ($server->keepers, $server->supervisors) {
        push @lines, "$pid: " . FnServer::descriptors($pid);
    }

    for my $pid ($server->workers) {
        my @fds = map { readlink($_) // () } glob "/proc/$pid/fd/*";
        push @lines, "$pid: " . grep { !/^socket/ } @fds;

        my $sockets = grep {/^socket/} @fds;
        push @lines, 'many sockets: ' . $sockets if $sockets > 60;
    }

    return join ', ', @lines;
}
