#!/usr/bin/perl

# The conformance suite (runtimes/conformance), for every language that is
# installed, each case as a test of this suite.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use FindBin;
use Test::More;

my $root = abs_path($ENV{FN_ROOT} || "$FindBin::Bin/..");

chdir $root or BAIL_OUT("$root: $!");

$ENV{FN_BUILD} = abs_path($ENV{FN_BUILD} || "$root/build");

$ENV{PYTHONDONTWRITEBYTECODE} = 1;

# its reader of replies, on runtimes/vectors
my $log = `cd runtimes/conformance && python3 -m unittest tests.test_reply 2>&1`;

is($?, 0, 'the reader of replies') or diag($log);

my ($planned, $seen) = (-1, 0);

open my $out, '-|', 'python3 runtimes/conformance/run --tap 2>&1'
    or BAIL_OUT("runtimes/conformance/run: $!");

while (my $line = <$out>) {
    chomp $line;

    if ($line =~ /^(not )?ok \d+ - (.*?)(?: # SKIP (.*))?$/) {
        my ($failed, $name, $reason) = ($1, $2, $3);

        $seen++;

      SKIP: {
            skip "$name: $reason", 1 if $reason;
            ok(!$failed, $name);
        }

    } elsif ($line =~ /^1\.\.(\d+)$/) {
        $planned = $1;

    } else {
        $line =~ s/^# //;
        diag($line);
    }
}

close $out;

is($seen, $planned, 'all ran');

done_testing();
