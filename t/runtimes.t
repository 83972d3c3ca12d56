#!/usr/bin/perl

# The unit tests of the runtimes, each as a test of this suite.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Temp qw/ tempdir /;
use FindBin;
use Test::More;

BEGIN { require "$FindBin::RealBin/lib/FnLang.pm" }

my $root = abs_path($ENV{FN_ROOT} || "$FindBin::Bin/..");
my $build = abs_path($ENV{FN_BUILD} || "$root/build");
my $dir = tempdir('fn_runtimes_XXXXXX', TMPDIR => 1, CLEANUP => 1);

chdir $root or BAIL_OUT("$root: $!");

# what go keeps is kept; nothing is written elsewhere
$ENV{GOCACHE} = "$build/cache/go";
$ENV{HOME} = $dir;

$ENV{PYTHONDONTWRITEBYTECODE} = 1;
$ENV{FN_SHELL} = "$build/runtimes/shell/fn_shell"
    if -x "$build/runtimes/shell/fn_shell";

my %command = (
    python     => 'cd runtimes/python && python3 -m unittest discover -v'
        . ' -s tests -t .',
    pypy       => 'cd runtimes/python && pypy3 -m unittest discover -v'
        . ' -s tests -t .',
    nodejs     => 'node --test runtimes/nodejs/tests/*.test.js',
    golang     => 'for d in fnruntime tests; do'
        . ' (cd runtimes/golang/$d && go test -v ./...) || exit 1; done',
    java       => 'runtimes/java/tests/run',
    dotnetcore => "runtimes/dotnetcore/build $dir/dotnet $dir/tests &&"
        . " dotnet $dir/tests/fn_dotnet_tests.dll runtimes/vectors",
    ruby       => 'ruby runtimes/ruby/tests/run.rb',
    shell      => 'python3 runtimes/shell/tests/test_shell.py -v',
);

for my $row (FnLang::table()) {
    my ($name, $missing, $package) = @$row[0, 3, 4];

    next if $name =~ /-in-worker$/;     # the same code

  SKIP: {
        skip "$name: $missing", 1 if $package ne 'None';
        tests($name, $command{$name});
    }
}

done_testing();


# Lines of TAP, of "go test -v", and of Python's unittest: "name (class) ... ok",
# where what the test prints may come between.
sub tests {
    my ($runtime, $command) = @_;
    my ($name, $count, $log, $ran) = ('', 0, '');

    my $test = sub {
        my ($result, $title, $skipped) = @_;

      SKIP: {
            $count++;
            $name = '';
            skip "$runtime: $title: $skipped", 1 if defined $skipped;
            ok($result, "$runtime: $title");
        }
    };

    open my $out, '-|', "($command) 2>&1" or BAIL_OUT("$command: $!");

    while (my $line = <$out>) {
        $log .= $line;

        if ($line =~ /^(not )?ok\b(?: \d+)? - (.*?)(?: # SKIP ?(.*))?$/i) {
            $test->(!$1, $2, $3);

        } elsif ($line =~ /^--- (PASS|FAIL|SKIP): (\S+)/) {
            $test->($1 eq 'PASS', $2, $1 eq 'SKIP' ? '' : undef);

        } elsif ($line =~ /^(?:1\.\.|Ran )(\d+)(?: tests? in.*)?$/) {
            $ran = $1;

        } else {
            $name = "$1 ($2)" if $line =~ /^(test\w*) \(([\w.]+)\)/;

            $test->($1 || 0, $name, $2) if $name && $line =~
                /(?:\.\.\. |^)(?:(ok|expected failure)|FAIL|ERROR|skipped (.*))$/;
        }
    }

    close $out;

    is($?, 0, "$runtime: the exit code") or diag($log);
    cmp_ok($count, '>', 0, "$runtime: tests were found");
    is($ran // $count, $count, "$runtime: all are counted");
}
