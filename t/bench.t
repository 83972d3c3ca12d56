#!/usr/bin/perl

# The speed centre: a short run of a few subjects, its result and its page; what
# the client counts; that nothing is left of a run that was ended.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use File::Temp qw/ tempdir /;
use FindBin;
use IO::Socket::INET;
use JSON::PP;
use POSIX qw/ WNOHANG /;
use Test::More;
use Time::HiRes qw/ sleep time /;

my $root = abs_path($ENV{FN_ROOT} || "$FindBin::Bin/..");
my $port = ($ENV{TEST_NGINX_PORT} || 1984) + 10;
my $dir = tempdir('fn_bench_XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $owner = $$;
my @titles = ('nginx: return 200', 'C', 'Python');

# the run's directory is in ours, so that its processes are told from others
chmod 0755, $dir;
mkdir "$dir/out";
$ENV{TMPDIR} = $dir;


# a run

my ($code, $said) = bench('--only hello,own --subjects return,native,python',
    "--rounds 1 --seconds 0.2 --out $dir/out --port $port");

is($code, 0, 'bench/run') or diag($said);
like($said, qr/\| ours: Python +\| 64 +\|/, 'a table is printed');
unlike($said, qr/^(?:Problem|Not measured)/m, 'nothing went wrong');
is(left(), '', 'no process is left');

my ($file) = glob "$dir/out/*.json";
my $result = eval { decode_json(read_file($file)) };

is($@, '', 'the result is JSON');
like($result->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d$/, 'time');
ok($result->{machine}{$_}, "machine: $_") for qw/ cpu cores kernel system /;
ok($result->{versions}{$_}, "version of $_") for qw/ nginx python /;

my %seen = map { ("$_->{subject} $_->{connections}" => $_) }
    @{ $result->{figures} };

is(join(', ', sort keys %seen), join(', ', map { ("$_ 4", "$_ 64") }
    qw/ native python return /), 'each subject, with each of the connections');

for my $name (sort keys %seen) {
    my $one = $seen{$name};
    my @times = map { $one->{$_} } qw/ p50 p99 p999 max /;

    cmp_ok($one->{rate}, '>', 100, "$name: rate");
    ok($times[0] > 0, "$name: median");
    is("@times", join(' ', sort { $a <=> $b } @times), "$name: percentiles");
    ok($one->{worker_us} > 0 && $one->{worker_us} < 1000,
        "$name: processor time of the worker");
    cmp_ok($one->{worker_rss_mib}, '>', 1, "$name: memory of the worker");

    my $beside = $name =~ /python/ ? 'some' : 'none';
    is($one->{beside_us} > 0 ? 'some' : 'none', $beside, "$name: ... beside it");
    is($one->{beside_rss_mib} > 5 ? 'some' : 'none', $beside,
        "$name: ... and its memory");

    my $base = $seen{"return $one->{connections}"}{rate};
    cmp_ok(abs($one->{to_return}[0] - $one->{rate} / $base), '<', 0.002,
        "$name: ratio to return 200");
}

ok(exists $result->{scenarios}{own}, 'a scenario');
ok((grep { $_->[0] =~ /^a native handler's own cost/ && $_->[1] =~ /^-?[\d.]+$/ }
    @{ $result->{goals} }), 'its goal');
ok((grep { $_->[0] =~ /^C >= 0\.95 x nginx: return 200, 64/ }
    @{ $result->{goals} }), 'a goal of the workload');


# the page

my $page = read_file("$dir/out/index.html");

like($page, qr/^<!DOCTYPE html>.*<\/html>\n\z/s, 'the page is whole');
like($page, qr/<figure class="chart $_">/, "it has charts: $_")
    for qw/ rates latency stacked /;
like($page, qr/<span>\Q$_\E<\/span>/, "... of $_") for @titles;
is(scalar(() = $page =~ /<svg/g), scalar(() = $page =~ /<\/svg>/g),
    'every drawing is closed');
unlike($page, qr/$_/i, "nothing from elsewhere: $_")
    for qw{https?: //[a-z] <script <link \bsrc= url\( @import};
like($page, qr/prefers-color-scheme: dark/, 'it can be dark');

# a result from before is in the history
my $before = { %$result, time => '2026-01-02T03:04' };
write_file("$dir/out/2026-01-02T0304.json", encode_json($before));

($code, $said) = bench('--page', '--out', "$dir/out");
is($code, 0, '--page') or diag($said);
my ($history) = read_file("$dir/out/index.html")
    =~ /<section id="history">(.*?)<\/section>/s;
is(scalar(() = $history =~ /<title>C, 20/g), 2, 'the history has both');
like($history, qr/>2026-01-02</, '... and says when');


# what it refuses

($code, $said) = bench(qw/ --only nothing /);
is($code, 2, 'an unknown scenario');
like($said, qr/nothing: it takes hello, json, body, wait, own/, '... is named');


# what the client counts

is(system('gcc', '-O2', '-Wall', '-Wextra', '-Werror', '-o', "$dir/load",
    "$root/bench/load.c"), 0, 'the client is built');
write_file("$dir/request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n");

my $ok = "HTTP/1.1 200 OK\r\n";
my $count = load("${ok}Content-Length: 2\r\n\r\nab");

cmp_ok($count->{requests}, '>', 100, 'answers');
is("$count->{failed} $count->{broken}", '0 0', '... all of them good');

$count = load("${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
cmp_ok($count->{requests}, '>', 100, 'chunked answers');
is("$count->{failed} $count->{broken}", '0 0', '... all of them good');

$count = load("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nab");
cmp_ok($count->{requests}, '>', 100, 'failures');
is($count->{failed}, $count->{requests}, '... all of them are');

$count = load("${ok}Content-Length: 9\r\n\r\nab", 1);
is($count->{requests}, 0, 'half an answer is none');
cmp_ok($count->{broken}, '>', 10, '... but broken');

$count = load("${ok}Connection: close\r\nContent-Length: 2\r\n\r\nab", 1);
cmp_ok($count->{requests}, '>', 10, 'connections that are closed');
is($count->{broken}, 0, '... when that was said');

# 200 a second are due; answers that take 10 ms can be 100
$count = load("${ok}Content-Length: 2\r\n\r\nab", 0, 0.010, 1, 200);
cmp_ok($count->{requests}, '<=', 35, 'at a rate');
cmp_ok($count->{max}, '>', 50_000, '... a request waits from when it is due');


# the end of a run

my $pid = fork;

if ($pid == 0) {
    open STDOUT, '>', "$dir/ended";
    open STDERR, '>&', \*STDOUT;
    exec "$root/bench/run", '--only', 'hello', '--subjects', 'return,python',
        '--port', $port;
}

my $until = time + 10;
sleep 0.1 while left() !~ /nginx: master.*python3/s && time < $until;
like(left(), qr/nginx: master/, 'a run');
kill 'TERM', $pid;
$until = time + 10;
sleep 0.05 while waitpid($pid, WNOHANG) == 0 && time < $until;
isnt($?, 0, '... that was ended');
like(read_file("$dir/ended"), qr/interrupted, all stopped/, '... says so');
$until = time + 5;
sleep 0.05 while left() && time < $until;
is(left(), '', '... and leaves no process');

done_testing();


sub bench {
    my $text = qx($root/bench/run @_ 2>&1);

    return ($? >> 8, $text);
}


# what the client says of a server that always answers so
sub load {
    my ($answer, $close, $pause, $connections, $rate) = @_;

    my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64,
        ReuseAddr => 1) or die $!;
    my $child = fork;

    if ($child == 0) {
        serve($server, $answer, $close, $pause) while 1;
    }

    my @words = ($server->sockport, $connections || 1, 0.3, "$dir/request",
        $child, $rate || ());
    my $text = qx($dir/load @words);

    kill 'KILL', $child;
    waitpid $child, 0;

    return decode_json($text);
}


sub serve {
    my ($server, $answer, $close, $pause) = @_;
    my $client = $server->accept or exit;

    while (sysread $client, my $request, 4096) {
        sleep $pause if $pause;
        syswrite $client, $answer;
        last if $close;
    }
}


# the command lines of processes that a run in our directory has started
sub left {
    my @found;

    for my $file (glob '/proc/[0-9]*/cmdline') {
        my $line = read_file($file);
        my ($id) = $file =~ /(\d+)/;
        my $environment = read_file("/proc/$id/environ");

        next if $id == $$ || $line eq '';
        push @found, $line =~ tr/\0/ /r if $line =~ /\Q$dir\E\/fn-bench/
            || $environment =~ /TMPDIR=\Q$dir\E/;
    }

    return join "\n", @found;
}


sub read_file {
    open my $in, '<:raw', shift or return '';
    local $/;

    return scalar <$in> // '';
}


sub write_file {
    my ($name, $text) = @_;

    open my $out, '>:raw', $name or die "$name: $!";
    print {$out} $text;
    close $out;
}
