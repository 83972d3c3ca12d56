#!/usr/bin/perl

# The demo that "make run" serves: every address, and that nothing is left of
# it when it is stopped.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Temp qw/ tempdir /;
use FindBin;
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw/ sleep time /;

BEGIN { require "$FindBin::RealBin/lib/FnLang.pm" }

my $root = abs_path($ENV{FN_ROOT} || "$FindBin::Bin/..");
my $build = abs_path($ENV{FN_BUILD} || "$root/build");
my $dir = tempdir('fn_demo_XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $owner = $$;
my ($pid, $url);

# those that are installed: all of them have to be there
my @languages = ('c', map { $_->[0] } grep { $_->[4] eq 'None' } FnLang::table());

my %bodies = (
    empty  => '',
    readme => read_file(-e "$root/README.md" ? "$root/README.md"
        : "$root/t/README"),
    random => join('', map { chr(rand 256) } 1 .. 100_000),
    spaces => " \t\n\x0b\x0c\r a\0b \xa0 \n\n",
    large  => join('', ("words of a log\tand more\n" . 'x' x 100 . "\n")
        x 42_000),
);

for my $name (keys %bodies) {
    open my $file, '>:raw', "$dir/$name" or die $!;
    print {$file} $bodies{$name};
    close $file;
}

start(1);

is(ask('/return'), 'Hello from nginx|200|text/plain', '/return');

for my $lang (@languages) {
    my ($said) = $lang =~ /^(\w+)/;
    $said = 'python' if $said eq 'pypy';    # the same file

    like(ask("/$lang/hello"),
        qr{^Hello from $said\|200\|text/plain(?:; charset=utf-8)?$},
        "$lang: hello");

    like(ask("/$lang/fail"), qr/\|500\|text\/plain/, "$lang: fail");

    for my $name (sort keys %bodies) {
        wordcount($lang, $name);
    }

    is(ask("/$lang/hello"), ask("/$lang/hello"), "$lang: still serves");
}

my $status = eval { decode_json((split /\|/, ask('/fn'))[0]) };

is($@, '', '/fn is JSON');
is(scalar @{ $status->{functions} }, 3 * @languages, '... of all functions');
is(scalar(grep { $_->{requests} } @{ $status->{functions} }), 3 * @languages,
    '... that all had requests');

like(ask('/fn.html'), qr/^<!DOCTYPE html>/, '/fn.html');
like(ask('/metrics'), qr/^# HELP nginx_fn_/, '/metrics');
like(ask('/none'), qr/\|404\|/, 'another address');

stop('INT');

for my $signal (qw/ TERM QUIT /) {
    start(2);
    is(ask('/python/hello'), 'Hello from python|200|text/plain',
        'two workers');
    stop($signal);
}

done_testing();


sub start {
    my ($workers) = @_;
    my $port = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
        ->sockport;

    $url = "http://127.0.0.1:$port";
    $pid = fork // die "fork: $!";

    if ($pid == 0) {
        setpgrp;
        open STDOUT, '>', "$dir/stdout" or die $!;
        open STDERR, '>', "$dir/stderr" or die $!;
        $ENV{PORT} = $port;
        $ENV{WORKERS} = $workers;
        exec "$root/runtimes/demo/run", $build;
        die "exec: $!";
    }

    for (1 .. 400) {
        last if IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port");
        sleep 0.05;
    }

    is_deeply([sort(read_file("$dir/stdout") =~ m{^\s*\Q$url\E/([\w-]+)/hello\b}mg)],
        [sort @languages], 'it prints its addresses');
}


# body|code|content type
sub ask {
    my ($uri, @options) = @_;

    open my $out, '-|', qw/ curl -s --max-time 120 -w |%{http_code}|%{content_type} /,
        @options, "$url$uri" or die "curl: $!";
    local $/;
    return scalar <$out>;
}


sub wordcount {
    my ($lang, $name) = @_;
    my ($body, $code, $type) = split /\|/, ask("/$lang/wordcount",
        '--data-binary', "\@$dir/$name");

    is("$code $type", '200 application/json', "$lang: wordcount: $name");
    is_deeply(eval { decode_json($body) }, wc($name),
        "$lang: wordcount: $name: as wc") or diag($body);
}


# a word is a run of bytes that are no white space; wc counts only those with
# a printable byte, so it is given others
sub wc {
    my ($name) = @_;
    my ($lines, undef, $bytes) = split ' ', qx(LC_ALL=C wc < $dir/$name);
    my (undef, $words) = split ' ',
        qx(LC_ALL=C tr -c '[:space:]' x < $dir/$name | LC_ALL=C wc);

    return { lines => $lines, words => $words, bytes => $bytes };
}


# nginx, its workers, keeper, supervisor and runtimes
sub processes {
    my %parent;

    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $file, '<', $stat or next;
        my ($child, $state, $parent) = (<$file> // '')
            =~ /^(\d+) \(.*\) (\S) (\d+)/ or next;
        $parent{$child} = $parent if $state ne 'Z';
    }

    my @found = ($pid);

    for (my $i = 0; $i < @found; $i++) {
        push @found, grep { $parent{$_} == $found[$i] } keys %parent;
    }

    # those that have another parent are known by what they run
    my $status = eval { decode_json((split /\|/, ask('/fn'))[0]) } || {};

    push @found, $status->{nginx}{supervisor} || (),
        map { map { $_->{pid} || () } @{ $_->{processes} } }
            @{ $status->{functions} };

    return keys %{ { map { $_ => 1 } @found } };
}


sub lives {
    my ($process) = @_;

    return read_file("/proc/$process/stat") =~ /^\d+ \(.*\) [^ZX] /s;
}


sub stop {
    my ($signal) = @_;
    my @processes = processes();

    cmp_ok(scalar @processes, '>=', 9, 'processes: ' . @processes);

    my $start = time;
    kill $signal => $pid;

    my @left = @processes;

    while (@left && time - $start < 10) {
        waitpid $pid, 1;
        @left = grep { lives($_) } @left;
        sleep 0.01;
    }

    my $took = time - $start;

    is_deeply(\@left, [], "SIG$signal leaves no process");
    cmp_ok($took, '<', 1, sprintf '... after %.2f s', $took);
    undef $pid;
}


sub read_file {
    my ($name) = @_;

    open my $file, '<:raw', $name or return '';
    local $/;
    return scalar(<$file>) // '';
}

END {
    if ($$ == $owner && $pid) {
        local $?;
        kill TERM => $pid;
        waitpid $pid, 0;
    }
}
