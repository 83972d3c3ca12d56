#!/usr/bin/perl

# The source as text: style that a reader relies on, and the borders between
# the files.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use FindBin;
use Test::More;

my $root = abs_path("$FindBin::Bin/..");
chdir $root or BAIL_OUT("$root: $!");

my $main = 'ngx_http_fn_module.c';
my @module = ($main, sort glob 'src/*.[ch]');
my @sources = (@module, glob('runtimes/c/*.h runtimes/c/demo/*.c'),
    glob 'runtimes/shell/*.[ch]');

# the only conditions beside include guards, by file
my %conditions = (
    'src/ngx_http_fn_compat.h'   => qr/^#if \(nginx_version >= \d+\)$/,
    'src/ngx_http_fn_function.c' => qr/^#if \(NGX_PCRE\)$/,
    'src/ngx_http_fn_native.c'   => qr/^#if \(NGX_THREADS\)$/,
    'src/ngx_http_fn_process.c'  => qr/^#ifdef SYS_close_range$/,
    'runtimes/shell/fn_shell.h'  => qr/^#ifndef _GNU_SOURCE$/,
    'runtimes/c/fn.h'            => qr/^#ifdef (?:__cplusplus|__GNUC__)$/,
);

# the second noun of a file
my %noun = (
    'src/ngx_http_fn_proto.c' => 'event',   # its encoder
    'src/ngx_http_fn_slot.c'  => 'zone',    # where the slots are
);

my $function_lines = 100;


for my $file (@sources) {
    my @lines = lines($file);

    none($file, 'has lines of at most 80 columns',
        sub { length(shift) > 80 }, @lines);
    none($file, 'has no tab', sub { shift =~ /\t/ }, @lines);
    none($file, 'has no space at the end of a line',
        sub { shift =~ /[ \r]$/ }, @lines);

    my $allowed = $conditions{$file} || qr/(?!)/;

    none($file, 'has no other condition than allowed', sub {
        my ($line) = @_;

        return $line =~ /^\s*#\s*(?:if|elif)/
            && $line !~ /^#ifndef _?\w+_INCLUDED_?$/ && $line !~ $allowed;
    }, @lines);

    check_functions($file, @lines);
}


for my $file (@module) {
    my @lines = lines($file);
    my ($prefix) = $file =~ m{(\w+)\.[ch]$};

    # the module's own file has the module's prefix
    $prefix = 'ngx_http_fn' if $file eq $main;

    my $names = join '|', $prefix,
        $noun{$file} ? "ngx_http_fn_$noun{$file}" : ();

    none($file, "has only static functions that begin with $names", sub {
        shift =~ /^static [^=]*?\b(ngx_\w+)\(/ && $1 !~ /^(?:$names)_/;
    }, @lines);

    none($file, 'does not write headers_out', sub {
        shift =~ /->headers_out\b/;
    }, @lines) if $file !~ /_response\.c$/;

    none($file, "does not read the request's headers_in", sub {
        shift =~ /(?<!\bu)->headers_in\b/;
    }, @lines) if $file !~ /_event\.c$/;

    none($file, 'names no language', sub {
        shift =~ /python|pypy|ruby|golang|nodejs|dotnet|\bjava\b/i;
    }, @lines) if $file !~ /_lang\.c$/;

    none($file, 'calls no function that writes without a bound', sub {
        shift =~ /\b(?:sprintf|strcpy|strcat|gets|system|popen)\(/;
    }, grep { !/ngx_\w*sprintf/ } @lines);
}

cmp_ok(scalar(lines($main)), '<=', 600, "$main is short");
cmp_ok(scalar(lines('runtimes/PROTOCOL')), '<=', 300, 'PROTOCOL is short');


# every directive and variable is told and tried

my @directives = join("\n", lines($main)) =~ /ngx_string\("(fn_\w+)"\),\n\s+NGX/g;
my @variables = join("\n", lines('src/ngx_http_fn_variables.c'))
    =~ /ngx_string\("(fn_\w+)"\), NULL/g;

cmp_ok(scalar @directives, '>=', 24, 'directives: ' . @directives);
cmp_ok(scalar @variables, '>=', 6, 'variables: ' . @variables);

my $readme = -e 'README.md' ? join("\n", lines('README.md')) : '';
my $suites = join "\n", map { lines($_) } grep { !/lint\.t$/ } glob 't/*.t';

for my $name (@directives, map {"\$$_"} @variables) {
    my $word = $name =~ /^\$/ ? qr/\Q$name\E\b/ : qr/(?<!\$)\b$name\b/;

    like($readme, $word, "README.md tells of $name");
    like($suites, $word, "t/ tries $name");
}


# the runtimes: each has what runtimes/README asks for, and files that name what
# is in them

my @languages = qw/ python nodejs golang java dotnetcore ruby shell /;
my @runtimes = grep { /\.(?:py|js|mjs|go|java|cs|rb|sh|[ch])$/ }
    split /\n/, qx(find runtimes -type f -not -path 'runtimes/vectors/*');

cmp_ok(scalar @runtimes, '>=', 80, 'runtimes: files: ' . @runtimes);

for my $lang (@languages) {
    ok(-s "runtimes/$lang/README", "runtimes/$lang has a README");
    ok(-d "runtimes/$lang/tests", "runtimes/$lang has tests");

    for my $name (qw/ conformance demo\/hello demo\/wordcount demo\/fail /) {
        is(scalar(() = glob "runtimes/$lang/$name.*"), 1,
            "runtimes/$lang has $name");
    }
}

for my $file (@runtimes) {
    my @lines = lines($file);
    none($file, 'has no space at the end of a line',
        sub { shift =~ /[ \r]$/ }, @lines);

    # Go is as gofmt has it
    if ($file !~ /\.go$/) {
        none($file, 'has no tab', sub { shift =~ /\t/ }, @lines);
        none($file, 'has lines of at most 120 columns',
            sub { length(shift) > 120 }, @lines);
    }

    none($file, 'has no path of a machine, and no work that is to be done',
        sub { shift =~ m{/(?:root|home)/\w|\b(?:TODO|FIXME|XXX)\b} }, @lines);
    unlike($file, qr/(?:util|common|helper|misc)[^\/]*$/i,
        "$file names what is in it");
}

SKIP: {
    skip 'no gofmt: install golang-go', 1 if system('command -v gofmt > /dev/null');
    is(scalar qx(gofmt -l runtimes/golang), '', 'gofmt has nothing to change');
}


# files that belong together

for my $file (glob 'src/*.c') {
    (my $header = $file) =~ s/c$/h/;

    ok(-e $header || grep { /#include/ } lines($file), "$file has a header");
}

for my $suite (glob 't/*.t') {
    like($suite, qr{^t/[a-z]+(?:_[a-z]+)*\.t$}, "$suite: its name");
}

done_testing();


# no line is bad
sub none {
    my ($file, $what, $bad, @lines) = @_;
    my @found = grep { $bad->($lines[$_]) } 0 .. $#lines;

    ok(!@found, "$file $what")
        or diag(map { sprintf "%s:%d: %s\n", $file, $_ + 1, $lines[$_] }
            @found);
}


# a function's body begins and ends with a brace in the first column
sub check_functions {
    my ($file, @lines) = @_;
    my ($start, @long);

    for my $n (0 .. $#lines) {
        $start = $n if $lines[$n] eq '{';

        next if $lines[$n] ne '}' || !defined $start;

        push @long, sprintf "%s:%d: %d lines\n", $file, $start, $n - $start
            if $n - $start > $function_lines;
        undef $start;
    }

    ok(!@long, "$file has no function of over $function_lines lines")
        or diag(@long);
}


sub lines {
    my ($file) = @_;

    open my $in, '<', $file or BAIL_OUT("$file: $!");
    my @lines = <$in>;
    chomp @lines;

    return @lines;
}
