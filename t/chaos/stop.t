#!/usr/bin/perl

# The end of nginx is the end of everything: within a second no process is
# left, however it ends, and whatever the functions do.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use FnServer;
use Test::More;
use Time::HiRes qw(sleep);

my $config = <<'END';
            location /f/ {
                fn_handler python:%DIR%/x.py name=f;
                fn_processes 2;
            }

            location /orphan/f/ {
                fn_env FAULT_START=orphan;
                fn_handler python:%DIR%/x.py name=orphan;
            }

            location /stubborn/f/ {
                fn_env FAULT_STOP=ignored;
                fn_handler python:%DIR%/x.py name=stubborn;
                fn_processes 2;
            }

            location /python {
                fn_command python python3;
                fn_handler python:%DIR%/handler.py name=python;
            }
END

for my $how (
    [qw(on on 1)], [qw(on on 2)], [qw(off on 2)], [qw(on off 1)], [qw(off off 1)])
{
    my ($daemon, $master, $workers) = @$how;

    for my $signal (qw(TERM INT QUIT KILL)) {
        my $title = "daemon $daemon, master $master, $workers workers, $signal";

        my $server = FnServer->new(
            daemon  => $daemon,
            master  => $master,
            workers => $workers,
            config  => $config,
            files   => { 'handler.py' => "def handler(context, event):\n    return 'x'\n" },
        );

        $server->wait_ready($_) for qw(f orphan stubborn python);

        is($server->get('/python')->{code}, 200, "$title: it serves");

        my @calls;

        if ($signal eq 'QUIT') {

            # what is running may end

            @calls = $server->begin('GET', '/f/f/sleep?0.3');
            FnServer::wait_until(sub { $server->in_flight('f') == 1 }, 3);

        } else {
            push @calls, $server->begin('GET', "/f/f/$_") for qw(stubborn spin);
            push @calls, $server->begin('GET', '/stubborn/f/hang');

            FnServer::wait_until(sub {
                return $server->in_flight('f') == 2 && $server->in_flight('stubborn') == 1;
            }, 3);

            $server->get('/orphan/f/orphan_stays');
        }

        # time for the signals to be ignored

        sleep 0.05;

        my @pids = ($server->pid);
        push @pids, $server->workers if $signal eq 'KILL';

        kill $signal, @pids;

        if ($signal eq 'QUIT') {
            my ($reply) = $server->finish(@calls);

            # without a master nginx does not wait

            is($reply->{code}, 200, "$title: what has begun is finished")
                if $master eq 'on';
        }

        # a second; a machine that is busy with other tests may need more

        FnServer::nothing_left("$title: no process is left", 3);

        is(scalar(my @d = glob $server->dir . '/logs/fn.*'), 0, "$title: no socket is left");

        my $log = $server->log;
        unlike($log, qr/\[(?:alert|emerg)\]/, "$title: no alert")
            or diag($log =~ /.*\[(?:alert|emerg)\].*/g);
    }
}

done_testing();
