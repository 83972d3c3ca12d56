#!/usr/bin/perl

# The codec (src/ngx_http_fn_proto.c, _head.c, _reply.c) without nginx: runs
# t/unit/proto_test.c over runtimes/vectors/, plain, under the sanitizers, and
# under valgrind.
#
# NGX_INC: -I flags of a configured nginx source; without it a copy of
# Debian's (nginx-dev) is configured here.

use warnings;
use strict;

use File::Temp qw/ tempdir /;
use FindBin;
use Test::More;

chdir "$FindBin::Bin/.." or die "chdir: $!";

my $cc = $ENV{CC} || 'cc';
my $dir = tempdir('fn_unit_XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $inc = $ENV{NGX_INC} || includes();

plan skip_all => 'no configured nginx source' unless $inc;
plan skip_all => 'no jansson.h'
    if system("echo '#include <jansson.h>' | $cc -E - >/dev/null 2>&1");

my $cflags = '-g -W -Wall -Wextra -Wpointer-arith -Wno-unused-parameter'
    . " -Werror -Isrc $inc";
my @files = qw( src/ngx_http_fn_proto.c src/ngx_http_fn_head.c src/ngx_http_fn_reply.c
    t/unit/proto_test.c t/unit/stubs.c );

run('plain', '-O2');
run('sanitized', '-O1 -fsanitize=address,undefined -fno-sanitize-recover=all');

SKIP: {
    skip 'no valgrind', 1 if system('valgrind --version >/dev/null 2>&1');

    my $out = `valgrind -q --error-exitcode=9 --leak-check=full \\
        $dir/plain runtimes/vectors 15 2>&1`;

    is($?, 0, 'valgrind') or diag($out);
}

done_testing();


sub includes {
    my $src = '/usr/share/nginx/src';

    return unless -x "$src/configure";

    my $log = `cp -r $src $dir/nginx && cd $dir/nginx \\
        && ./configure --with-threads --without-http --without-pcre 2>&1`;

    if ($?) {
        diag($log);
        return;
    }

    return join ' ', map { "-I$dir/nginx/$_" }
        qw( src/core src/event src/event/modules src/os/unix objs );
}


sub run {
    my ($name, $flags) = @_;

    my $log = `$cc $cflags $flags @files -o $dir/$name -ljansson 2>&1`;

    is($?, 0, "$name: built") or return diag($log);

    my ($planned, $seen) = (-1, 0);

    for my $line (`$dir/$name runtimes/vectors`) {
        if ($line =~ /^(not )?ok \d+ - (.*)/) {
            ok(!$1, "$name: $2");
            $seen++;

        } elsif ($line =~ /^1\.\.(\d+)/) {
            $planned = $1;

        } else {
            $line =~ s/^# //;
            diag($line);
        }
    }

    is($seen, $planned, "$name: all ran");
}
