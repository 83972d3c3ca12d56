# Native handlers in two nginx workers and a pool of threads; a large body.

use Test::Nginx::Socket 'no_plan';

use File::Temp qw/ tempdir /;
use IO::Socket::INET;

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};

my $root = $ENV{FN_ROOT} || '.';
my $dir = $ENV{TEST_NGINX_FILES} = tempdir('fn_native_XXXXXX', TMPDIR => 1,
    CLEANUP => 1);
chmod 0755, $dir;

open my $file, '>', "$dir/f.c" or die $!;
print {$file} <<'END';
#include <stdio.h>
#include <unistd.h>
#include "fn.h"

FN_MODULE

static volatile int  here;

/* two that wait for each other, for 5 seconds at most */
int
meet(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    int  n;

    __sync_fetch_and_add(&here, 1);

    for (n = 0; n < 500 && here < 2; n++) {
        usleep(10000);
    }

    return here < 2 ? fn_write(r, "alone", 5) : fn_write(r, "met", 3);
}

int
pid(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    char  buf[64];

    return fn_write(r, buf, sprintf(buf, "%d", (int) getpid()));
}

int
is_main_thread(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    return getpid() == gettid() ? fn_write(r, "yes", 3) : fn_write(r, "no", 2);
}

/* length and a sum (Fletcher's) of the body */
int
sum(fn_context_t *c, const fn_event_t *e, fn_response_t *r)
{
    char          buf[65536];
    ssize_t       i, n;
    int64_t       offset;
    unsigned      a = 0, b = 0;

    for (offset = 0; (n = fn_body_read(e, offset, buf, sizeof(buf))) > 0;
         offset += n)
    {
        for (i = 0; i < n; i++) {
            a += (unsigned char) buf[i];
            b += a;
        }
    }

    return fn_write(r, buf, sprintf(buf, "%lld %u %u\n", (long long) offset, a,
                                    b));
}
END
close $file;

system(qw/ cc -D_GNU_SOURCE -shared -fPIC -I /, "$root/runtimes/c", '-o',
    "$dir/f.so", "$dir/f.c") == 0 or die 'cc failed';

add_block_preprocessor(sub {
    my ($block) = @_;

    workers($block->name =~ /both workers/ ? 2 : 1);
    $block->set_value('no_error_log', "[alert]\n[error]");
});

add_response_body_check(sub {
    my ($block) = @_;

    two_at_a_time() if $block->name =~ /at a time/;
    both_workers() if $block->name =~ /both workers/;
});

master_on();
run_tests();


sub ask {
    my ($uri) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => server_port_for_client()) or die "connect: $!";

    print {$socket} "GET $uri HTTP/1.0\r\n\r\n";
    return $socket;
}

sub answer {
    my ($socket) = @_;

    local $/;
    my ($body) = scalar(<$socket>) =~ /\r\n\r\n(.*)/s;
    return $body;
}

sub two_at_a_time {
    my @sockets = map { ask('/meet') } 1, 2;

    is(answer($_), 'met', 'two threads of the pool at a time') for @sockets;
}

# connections that stay open go to both workers sooner or later
sub both_workers {
    my (%pids, @open);

    for (1 .. 50) {
        push @open, IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => server_port_for_client());
        $pids{ answer(ask('/pid')) } = 1;
        last if keys %pids == 2;
    }

    cmp_ok(scalar(keys %pids), '>=', 1, 'workers answer: ' . keys %pids);
    ok(!(grep { !kill 0, $_ } keys %pids), 'and they live');
}

__DATA__

=== two at a time
--- main_config
    thread_pool mine threads=2;
--- config
    location /meet {
        fn_handler native:$TEST_NGINX_FILES/f.so:meet threads=mine;
    }
    location /main {
        fn_handler native:$TEST_NGINX_FILES/f.so:is_main_thread threads=mine;
    }
--- request
GET /main
--- response_body chomp
no



=== both workers, inline
--- config
    location /pid { fn_handler native:$TEST_NGINX_FILES/f.so:pid; }
    location /main {
        fn_handler native:$TEST_NGINX_FILES/f.so:is_main_thread;
    }
--- request
GET /main
--- response_body chomp
yes



=== 25 MB up, inline and in a thread
--- main_config
    thread_pool default threads=2;
--- config
    location /sum { fn_handler native:$TEST_NGINX_FILES/f.so:sum; }
    location /thread { fn_handler native:$TEST_NGINX_FILES/f.so:sum threads; }
--- request eval
my $body = '0123456789abcde' x 1750000;
["POST /sum\n$body", "POST /thread\n$body"]
--- timeout: 30
--- response_body eval
my ($a, $b, $n) = (0, 0, 1750000);
for my $byte (map {ord} split //, '0123456789abcde') { $a += $byte; $b += $a }
my $sum = $a * $n;
# each round adds b, and 15 times the sum of the rounds before
my $sums = ($b * $n + 15 * $a * ($n * ($n - 1) / 2)) % 4294967296;
my $line = sprintf "26250000 %d %d\n", $sum % 4294967296, $sums;
[$line, $line]
