#!/usr/bin/perl

# Handlers that end their process, or never return, in each language: who
# is answered by what, and that the next event is served.  What ends nginx's worker,
# or would hold it up for ever, is left out where there is no process.

use strict;
use warnings;

use FindBin;
BEGIN { require "$FindBin::RealBin/lib/FnLang.pm" }

my $lang;
BEGIN { $lang = FnLang->new }

BEGIN { require "$FindBin::RealBin/lib/FnServer.pm" }
use Test::More;

# the program that is run for each event of the shell is not the process
my $shell = $lang->is('shell');
my $died = $shell ? 500 : $lang->in_worker ? '500|' : 502;

# a function for two faults: one that dies again and again is started slowly

my @names = qw(exit kill time own memory);
my %more = (memory => 'fn_limit memory=512m;', time => 'fn_timeout 900ms;');

my $server = $lang->server(config => join '', map {
    my $handler = $lang->handler($_);
    my $more = $more{$_} || '';
    <<"END" } @names);
        location /$_/ {
            $handler
            $more
        }
END

for my $name (@names) {
    served($name, 'at first', 120);
}

# ends

fault('exit', 'POST', 'exit?code=0', $shell ? 200 : $died);
fault('exit', 'POST', 'exit?code=1', $died);
fault('kill', 'POST', 'kill', $died);
fault('kill', 'GET', 'kill', $died);

if ($lang->in_worker) {
    $lang->log_has("$server->{dir}/logs/error.log", 'kill',
        qr/\[crit\] .* fn "kill": worker process \d+ ended while this handler ran, path "\/kill\/kill"/);
    is($server->status('kill')->{crashed}, 2, 'kill: counted');
}
elsif (!$shell) {
    my $log = $server->log;

    like($log, qr/fn "exit" process \d+ exited with code 0, started again, runtime: $lang->{name}$/m, 'exit 0: logged');
    like($log, qr/fn "exit" process \d+ exited with code 1, started again/, 'exit 1: logged');
    like($log, qr/fn "kill" process \d+ exited on signal 9, started again/, 'kill: logged');
    like($log, qr/fn "kill" process \d+ exited on signal 9, started again in 100 ms/,
        'kill: again and again is slowly');

    is($server->status('exit')->{errors}{died}, 2, 'exit: counted');
    is($server->status('kill')->{errors}{died}, 2, 'kill: counted');
    is($server->status('kill')->{retried}, 1, 'kill: GET was tried twice, POST was not');
}

# the language's own ways to end: the handler fails, or the process ends

fault('own', 'POST', 'raise_exit', "500|$died");
fault('own', 'POST', 'deep', "500|$died");

if ($lang->in_worker) {
    my ($reply) = $server->get('/own/stream_error');
    is($lang->lacks($reply->{code}, $reply->{body}) ? 500 : $reply->{code}, 500,
        'stream_error: nothing was sent before');
    leaves();
    ended();
    exit;
}

# no memory

my $reply = fault('memory', 'POST', 'memory', '500|502');
served('memory', 'again');

# the deadline

for my $name (qw(hang spin)) {
    my $pid = $server->status('time')->{processes}[0]{pid};
    my $reply = fault('time', 'GET', $name, 504);

    cmp_ok($reply->{time}, '>=', 0.85, "$name: not before the deadline");
    cmp_ok($reply->{time}, '<', 1.2, "$name: at the deadline");
    ok(!FnServer::alive($pid), "$name: the process is dead");
}

($reply) = $server->many([$lang->slow('time', 600)]);
is("$reply->{code} $reply->{body}", '200 slept', 'below the deadline');
like($server->log, qr/fn "time" process \d+ is killed: an event ran longer than 900 ms/,
    'the deadline: logged');
is($server->status('time')->{errors}{timeout}, 2, 'the deadline: counted');

# a part of the answer was sent

$reply = $server->get('/own/stream_error');

SKIP: {
    my $lacks = $lang->lacks($reply->{code}, $reply->{body});
    skip "stream_error: $lacks", 1 if $lacks;

    # when the error comes at the same moment nothing may have been sent yet
    like("$reply->{code} $reply->{body}", qr/\A(?:200 (?:first\n)?| )\z/,
        'stream_error: what came before, and nothing else');
    ok(!$reply->{whole}, 'stream_error: the client sees that it is cut');
    like($server->log, qr/fn "own" pid \d+, id \w+: handler failed: .*late error/,
        'stream_error: logged');
}

served('own', 'after stream_error');

leaves();
ok(FnServer::wait_until(sub { $server->status('own')->{errors}{aborted} == 1 }, 2),
    'a client that leaves: counted');
ok(FnServer::wait_until(sub { $server->in_flight('own') == 0 }, 2),
    'a client that leaves: its place is free');

ended();


sub ended {
    ok($server->stop('QUIT'), 'it ends');
    unlike($server->log, qr/\[emerg\]|did not stop/, 'it ends when it is told to');
    done_testing();
}


# a client that leaves

sub leaves {
    my $call = $server->begin($lang->slow('own', 300));

    if ($lang->in_worker) {
        select undef, undef, undef, 0.1;
    }
    else {
        ok(FnServer::wait_until(sub { $server->in_flight('own') == 1 }, 2),
            'a client that leaves: it runs');
    }
    close $call->{socket};
    served('own', 'a client that leaves: the next');
}


# The codes are a pattern; the next event is served whatever became of this one.
sub fault {
    my ($function, $method, $path, $codes) = @_;
    my ($argument) = $path =~ /\?(.*)/;
    my ($reply) = $server->many([$method, "/$function/$path", $argument]);

  SKIP: {
        my $lacks = $lang->lacks($reply->{code}, $reply->{body});
        skip "$path: $lacks", 1 if $lacks;
        like($reply->{code}, qr/^(?:$codes)$/, "$method $path: $reply->{code}");
    }

    served($function, "after $method $path");
    return $reply;
}


sub served {
    my ($function, $when, $seconds) = @_;
    my $reply = $server->post("/$function/echo", $when, timeout => $seconds || 15);

    is("$reply->{code} $reply->{body}", "200 $when", "$function serves: $when");
}
