#!/usr/bin/perl

# A function in nginx's workers, in each language that runs there: each answer
# its own, what functions do not see of each other, new code, reload and stop.

use strict;
use warnings;

use FindBin;
BEGIN { require "$FindBin::RealBin/lib/FnLang.pm" }

my $lang;
BEGIN { $lang = FnLang->new }

BEGIN { require "$FindBin::RealBin/lib/FnServer.pm" }
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'this is about workers: FN_RUNTIME=LANGUAGE-in-worker' if !$lang->in_worker;

my $source = FnLang::contents($lang->{target});
my ($file) = $lang->{target} =~ m{([^/]+)$};

my %handler = (
    one  => $lang->handler('one'),
    two  => $lang->handler('two', env => { CONFORMANCE => 'count' }),
    code => $lang->handler('code', target => "%DIR%/code/$file"),
);

my $server = $lang->server(
    workers => 2,
    files   => { "code/$file" => $source },
    http    => "add_header X-Id \$request_id always;\n",
    config  => join '', map {"location /$_/ { $handler{$_} fn_debug on; }\n"} sort keys %handler,
);

is($server->get("/$_/echo")->{code}, 200, "$_: serves") for sort keys %handler;

# each reply is the request's own

for my $name (qw(one code)) {
    my @bodies = map { "$name $_ " . 'x' x (1000 * $_) } 1 .. 40;
    my @replies = $server->many(map { ['POST', "/$name/echo", $_] } @bodies);

    is(scalar(grep { $replies[$_]{body} eq $bodies[$_] } 0 .. 39), 40, "$name: each its own answer");
}

my $reply = $server->get('/one/event');
is(FnServer::json($reply)->{id}, $reply->{headers} =~ /^X-Id: (\w+)/m ? $1 : '', 'id: the request\'s');

# each worker has its number, and its own context

SKIP: {
    my $reply = $server->get('/one/worker');
    my $lacks = $lang->lacks($reply->{code}, $reply->{body});
    skip $lacks, 1 if $lacks;

    my %worker;
    FnServer::wait_until(sub {
        $worker{ $_->{body} } = 1 for $server->many((['GET', '/one/worker']) x 8);
        return keys %worker > 1;
    }, 10);
    is(join(' ', sort keys %worker), '0 1', 'worker: the numbers of two workers');
}

is($server->get('/one/user_data')->{body}, 'from init', 'user_data: as init_context left it');
$lang->log_has($server->dir . '/logs/error.log', 'init_context',
    map {qr/\[info\] [^\n]* fn "$_" pid \d+: init context/} qw(one code));

# two functions of one file: environments, and what the code counts

my @counts = map { $_->{body} } $server->many((['GET', '/two/text']) x 20);
ok(!(grep { !/^\d+$/ } @counts), 'environment: each function has its own') or diag("@counts");
my %counted = map { $_->{body} => 1 } $server->many((['GET', '/one/count']) x 4);
ok((grep { $_ <= 4 } keys %counted) > 0, 'state: each function has its own')
    or diag(join ' ', keys %counted);

# an event keeps its own worker only

my $slow = $server->begin($lang->slow('one', 600));
sleep 0.1;
my @quick = $server->many(map { ['GET', '/code/text'] } 1 .. 2);
($slow) = $server->finish($slow);
is($slow->{body}, 'slept', 'a slow event: it has its answer');
is(scalar(grep { $_->{code} eq '200' } @quick), 2, 'a slow event: the others too');

# new code, with events in flight

my @calls = map { $server->begin($lang->slow('one', 700)) } 1 .. 2;
sleep 0.1;
(my $changed = $source) =~ s/\bslept\b/rested/g;
$server->write("code/$file", $changed);
$server->signal('HUP');
my @replies = $server->finish(@calls);
is(scalar(grep { $_->{body} eq 'slept' } @replies), 2, 'reload: events in flight are finished');
ok(FnServer::wait_until(sub { ($server->many([$lang->slow('code', 1)]))[0]{body} eq 'rested' }, 60),
    'reload: the new code is taken up');
is($server->get('/one/text')->{body}, "text \xc3\xa9\n", 'reload: the others go on');
ok(FnServer::wait_until(sub { $server->workers == 2 }, 10), 'reload: the old workers have ended');

# and under load

my %old = map { $_ => 1 } $server->workers;
my $load = $server->load(clients => 2, next => sub { ('GET', '/one/text') });
$server->signal('HUP');
ok(FnServer::wait_until(sub { !grep { $old{$_} } $server->workers }, 60), 'reload: new workers');
$load->is_ok('reload');

# QUIT

@calls = map { $server->begin($lang->slow('one', 500)) } 1 .. 2;
sleep 0.1;
$server->signal('QUIT');
@replies = $server->finish(@calls);
is(scalar(grep { $_->{body} eq 'slept' } @replies), 2, 'QUIT: events in flight are finished');
FnServer::nothing_left('QUIT: nothing is left', 5);
unlike($server->log, qr/\[alert\]|exited on signal/, 'QUIT: everything stopped as it was told');

# TERM, idle and with a worker that never returns

for my $what (qw(idle spin)) {
    unlink $server->dir . '/logs/nginx.pid';
    $server->start;
    is($server->get('/one/text', timeout => 60)->{code}, 200, "TERM, $what: serves");
    my @call = $what eq 'spin' ? $server->begin('POST', '/one/spin', 'body', timeout => 8) : ();
    sleep 0.1;
    my $start = time;
    $server->signal('TERM');
    FnServer::nothing_left("TERM, $what: nothing is left", 10);

    # nginx kills a worker that does not end within a second or two
    cmp_ok(time - $start, '<', $what eq 'spin' ? 8 : 4, "TERM, $what: at once");
    $server->finish(@call);
}

done_testing();
