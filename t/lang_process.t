#!/usr/bin/perl

# The life of a function's processes, in each language: several of them, several
# events at once, new code, reload and stop with events in flight.

use strict;
use warnings;

use FindBin;
BEGIN { require "$FindBin::RealBin/lib/FnLang.pm" }

my $lang;
BEGIN { $lang = FnLang->new }

BEGIN { require "$FindBin::RealBin/lib/FnServer.pm" }
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'in a worker there are no processes, see lang_worker.t' if $lang->in_worker;

my $source = FnLang::contents($lang->{target});
my ($file) = $lang->{target} =~ m{([^/]+)$};

my %handler = (
    two   => $lang->handler('two', env => { TWO => 2 }),
    four  => $lang->handler('four'),
    watch => $lang->handler('watch', target => "%DIR%/code/$file"),
);

my $server = $lang->server(
    env     => { FN_TEST_SECRET => 1 },
    files   => { "code/$file" => $source },
    config  => <<"END",
        add_header X-Id \$request_id;
        fn_stop_timeout 1s;

        location /two/ {
            $handler{two}
            fn_processes 2;
            fn_prefetch 4;
        }

        location /four/ {
            $handler{four}
            fn_concurrency 4;
        }

        location /watch/ {
            $handler{watch}
            fn_watch on;
            fn_concurrency 2;
        }
END
);

is($server->get("/$_/text", timeout => 120)->{code}, 200, "$_: serves") for sort keys %handler;

ok(FnServer::wait_until(sub { $server->ready('two') == 2 }, 30), 'two: both processes');

# each reply is the request's own

for my $name (qw(two four)) {
    my @bodies = map { "$name $_ " . 'x' x (100 * $_) } 1 .. 40;
    my @replies = $server->many(map { ['POST', "/$name/echo", $_] } @bodies);

    is(scalar(grep { $replies[$_]{body} eq $bodies[$_] } 0 .. 39), 40, "$name: each its own answer");
}

my $reply = $server->get('/four/event');
is(FnServer::json($reply)->{id}, $reply->{headers} =~ /^X-Id: (\w+)/m ? $1 : '', 'id: the request\'s');

# each process has its number, and its own state

SKIP: {
    my $reply = $server->get('/two/worker');
    my $lacks = $lang->lacks($reply->{code}, $reply->{body});
    skip $lacks, 1 if $lacks;

    my %worker;
    FnServer::wait_until(sub {
        $worker{ $_->{body} } = 1 for $server->many((['GET', '/two/worker']) x 4);
        return keys %worker > 1;
    }, 10);
    is(join(' ', sort keys %worker), '0 1', 'worker: the numbers of two processes');
}

SKIP: {
    my $reply = $server->get('/four/user_data');
    my $lacks = $lang->lacks($reply->{code}, $reply->{body});
    skip $lacks, 1 if $lacks;

    is($reply->{body}, 'from init', 'user_data: as init_context left it');
    like($server->log, qr/\[error\] [^\n]* fn "four" pid \d+: [^\n]*init context/,
        'init_context: its log record');
}

# who it is, and what it knows

my ($pid) = map { $_->{pid} } @{ $server->status('two')->{processes} };

SKIP: {
    skip 'not root', 2 if $>;

    my ($nobody, $group) = (getpwnam 'nobody')[2, 3];
    my $status = FnLang::contents("/proc/$pid/status");
    like($status, qr/^Uid:(?:\s+$nobody){4}\n/m, 'it is nobody');
    like($status, qr/^Groups:\s*(?:$group\s*)?\n/m, 'and in no other group');
}

my %environment = map { /(.*?)=(.*)/s } split /\0/, FnLang::contents("/proc/$pid/environ");
is($environment{TWO}, 2, 'fn_env');
is($environment{FN_NAME}, 'two', 'FN_NAME');
ok(!exists $environment{$_}, "no $_") for qw(FN_TEST_SECRET HOME);

# several events at the same time

my @calls = map { $server->begin($lang->slow('four', 500)) } 1 .. 4;
ok(FnServer::wait_until(sub { $server->in_flight('four') == 4 }, 2), 'four: all in flight');
my @replies = $server->finish(@calls);
is(scalar(grep { $_->{body} eq 'slept' } @replies), 4, 'four: all run');
cmp_ok(worst(@replies), '<', 0.95, 'four: at the same time');

# events behind a slow one are taken back, and each is run once

SKIP: {
    my @before = $server->get('/two/count');
    my $lacks = $lang->lacks($before[0]{code}, $before[0]{body});

    my $slow = $server->begin($lang->slow('two', 1200));
    FnServer::wait_until(sub { $server->in_flight('two') == 1 }, 2);
    my $short = $server->begin($lang->slow('two', 100));
    FnServer::wait_until(sub { $server->in_flight('two') == 2 }, 2);

    my $what = $lacks ? 'echo' : 'count';
    my @quick = $server->many(map { ['POST', "/two/$what", 'body'] } 1 .. 12);

    is(scalar(grep { $_->{code} eq '200' } @quick), 12, 'a slow event: those behind it are run');
    cmp_ok(worst(@quick), '<', 0.9, 'a slow event: and don\'t wait for it');

    ($slow, $short) = $server->finish($slow, $short);
    is("$slow->{body} $short->{body}", 'slept slept', 'a slow event: it has its answer');

    skip $lacks, 2 if $lacks;

    # two processes, and each counts from 1 without a gap
    my %times;
    $times{ $_->{body} }++ for @before, @quick;
    my ($most) = sort { $b <=> $a } keys %times;
    my @times = map { $times{$_} || 0 } 1 .. $most;

    is(scalar(grep { $_ < 1 || $_ > 2 } @times), 0, 'a slow event: the others are run once')
        or diag("@times");
    is("@times", join(' ', sort { $b <=> $a } @times), 'a slow event: and none is lost');
}

# new code, and code that is broken

my $load = $server->load(clients => 3, next => sub { $lang->slow('watch', 20) });

(my $changed = $source) =~ s/\bslept\b/rested/g;
$server->write("code/$file", $changed);
ok(FnServer::wait_until(sub { watched() eq 'rested' }, 40),
    'watch: the new code is taken up');

SKIP: {
    skip 'shell: a script is read when an event comes', 2 if $lang->is('shell');

    $server->write("code/$file", "$changed\n)( no code\n");
    ok(FnServer::wait_until(sub { $server->log =~ /fn "watch" process \d+ could not start/ }, 40),
        'watch: broken code does not start');
    is(watched(), 'rested', 'watch: the code before goes on');
    $server->write("code/$file", $changed);
}

$load->is_ok('watch', 4);

# a reload, with events in flight

my %old = map { $_->{pid} => 1 } map { @{ $server->status($_)->{processes} } } keys %handler;
@calls = map { $server->begin($lang->slow($_, 1000)) } qw(two two four four);
ok(FnServer::wait_until(sub { $server->in_flight('two') + $server->in_flight('four') == 4 }, 2),
    'reload: events are in flight');
ok($server->reload, 'reload: new workers');
is($server->get('/two/text', timeout => 60)->{body}, "text \xc3\xa9\n", 'reload: new requests');
@replies = $server->finish(@calls);
is(scalar(grep { $_->{body} eq 'slept' } @replies), 4, 'reload: those in flight are finished');
ok(FnServer::wait_until(sub { !grep { FnServer::alive($_) } keys %old }, 5),
    'reload: the processes before have ended');

# QUIT

ok(FnServer::wait_until(sub { $server->ready('two') == 2 && $server->ready('four') }, 30),
    'QUIT: the new processes are ready');
@calls = map { $server->begin($lang->slow($_, 700)) } qw(two two four four);
ok(FnServer::wait_until(sub { $server->in_flight('two') + $server->in_flight('four') == 4 }, 2),
    'QUIT: events are in flight');
$server->signal('QUIT');
@replies = $server->finish(@calls);
is(scalar(grep { $_->{body} eq 'slept' } @replies), 4, 'QUIT: they are finished');
FnServer::nothing_left('QUIT: nothing is left', 5);
unlike($server->log, qr/\[alert\]|did not stop/, 'QUIT: everything stopped as it was told');

# TERM, with one that hangs and one that spins

unlink $server->dir . '/logs/nginx.pid';
busy();
my $start = time;
$server->signal('TERM');
FnServer::nothing_left('TERM: nothing is left', 5);
cmp_ok(time - $start, '<', 2.5, 'TERM: at once');
$server->finish(@calls);

# nginx is gone, and the supervisor too: PROTOCOL 2.4

unlink $server->dir . '/logs/nginx.pid';
busy();
my @runtimes = grep { FnServer::alive($_) } map { $_->{pid} }
    map { @{ $server->status($_)->{processes} } } keys %handler;
kill KILL => $server->pid, $server->workers, $server->keepers, $server->supervisors;
FnServer::nothing_left('killed: nothing is left', 5);
$server->finish(@calls);

done_testing();


sub busy {
    $server->start;
    is($server->get("/$_/text", timeout => 60)->{code}, 200, "$_: serves") for qw(two four);

    @calls = map { $server->begin(@$_, timeout => 8) } ['POST', '/two/spin', 'body'],
        ['POST', '/two/hang', 'body'], [$lang->slow('four', 20000)];
    ok(FnServer::wait_until(sub { $server->in_flight('two') + $server->in_flight('four') == 3 }, 15),
        'events are in flight');
}


sub watched { return ($server->many([$lang->slow('watch', 1)]))[0]{body} }

sub worst {
    my ($worst) = sort { $b <=> $a } map { $_->{time} } @_;
    return $worst;
}
