#!/usr/bin/perl

# What a client has got a part of must not look whole, whatever becomes of the
# process: no last chunk, fewer bytes than Content-Length, no second answer.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use Test::More;

my @faults = qw(stream_then_kill stream_then_error stream_garbage stream_twice
    body_then_kill early);

my $server = FnServer->new(config => join "\n", map { <<"END" } @faults);
        location /$_/f/ {
            fn_handler python:%DIR%/x.py name=$_;
        }

        location /$_/unbuffered/f/ {
            fn_handler python:%DIR%/x.py name=$_-unbuffered;
            fn_buffering off;
        }

        location /$_/gzip/f/ {
            fn_handler python:%DIR%/x.py name=$_-gzip;
            gzip on;
            gzip_types *;
        }
END

for my $fault (@faults) {
    for my $place ($fault, "$fault/unbuffered", "$fault/gzip") {
        my $reply = $server->get("/$place/f/$fault", timeout => 5);

        is($reply->{code}, 200, "$place: it had begun");
        ok(!$reply->{whole}, "$place: the client sees that it is cut")
            or diag(explain($reply));
        ok(!defined $reply->{error}, "$place: the connection is closed")
            or diag($reply->{error});

        unlike($reply->{body}, qr/HTTP|502|garbage|second|late/,
            "$place: nothing follows");
        like($reply->{body}, qr/^first$/, "$place: what came before is there")
            if $fault =~ /^stream/ && $place !~ /gzip/;

        is($server->get("/$place/f/after")->{code}, 200, "$place: and the next");
    }
}

is($server->status('stream_then_error')->{errors}{failed}, 1, 'an error: counted');
is($server->status('stream_garbage')->{errors}{broke}, 1, 'garbage: counted');
is($server->status('stream_then_kill')->{errors}{died}, 1, 'killed: counted');
like($server->log, qr/\[error\].* fn "stream_then_error" pid \d+, id \w+: handler failed: E: late/,
    'the late error is logged');

# what is whole looks so

my $reply = $server->get('/early/f/stream?20');
ok($reply->{whole} && $reply->{body} eq 'x' x 20000, 'a whole stream');

$reply = $server->get('/early/unbuffered/f/big?3000000', timeout => 5);
ok($reply->{whole} && length $reply->{body} == 3000000, 'a whole body');

ok($server->stop('QUIT'), 'it ends');

done_testing();
