#!/usr/bin/perl

# The unit tests of the runtimes, each as a test of this suite.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use FindBin;
use Test::More;

my $root = abs_path($ENV{FN_ROOT} || "$FindBin::Bin/..");
my $build = abs_path($ENV{FN_BUILD} || "$root/build");

chdir $root or BAIL_OUT("$root: $!");

$ENV{PYTHONDONTWRITEBYTECODE} = 1;
$ENV{FN_SHELL} = "$build/runtimes/shell/fn_shell"
    if -x "$build/runtimes/shell/fn_shell";

unittest('python', 'cd runtimes/python && python3 -m unittest discover -v'
    . ' -s tests -t .');
unittest('shell', 'python3 runtimes/shell/tests/test_shell.py -v');

done_testing();


# "name (class) ... ok", where what the test prints may come between
sub unittest {
    my ($runtime, $command) = @_;
    my ($name, $count, $log) = ('', 0, '');

    open my $out, '-|', "($command) 2>&1" or BAIL_OUT("$command: $!");

    while (my $line = <$out>) {
        $log .= $line;

        $name = "$1 ($2)" if $line =~ /^(test\w*) \(([\w.]+)\)/;

        if ($line =~ /(?:\.\.\. |^)(ok|FAIL|ERROR|skipped .*|expected failure)$/
            && $name)
        {
            my $result = $1;

          SKIP: {
                $count++;
                skip "$runtime: $name: $1", 1 if $result =~ /^skipped (.*)/;
                ok($result =~ /^ok|expected/, "$runtime: $name");
            }

            $name = '';
        }
    }

    close $out;

    my ($ran) = $log =~ /^Ran (\d+) tests? in/m;

    is($?, 0, "$runtime: the exit code") or diag($log);
    cmp_ok($count, '>', 0, "$runtime: tests were found");
    is($ran, $count, "$runtime: all are counted");
}
