#!/usr/bin/perl

# One queue over all nginx workers: no request waits behind a busy process
# while another is idle, whichever worker has it, and the order is kept.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use Test::More;

my @many = map {"wait$_"} 1 .. 6;

my $server = FnServer->new(workers => 2, config => <<'END' . join '', map { <<"EACH" } @many);
        add_header X-Worker $pid always;

        location /two/f/ {
            fn_handler python:%DIR%/x.py name=two;
            fn_processes 2;
        }

        location /one/f/ {
            fn_handler python:%DIR%/x.py name=one;
        }
END
        location /$_/f/ {
            fn_handler python:%DIR%/x.py name=$_;
            fn_prefetch off;
        }
EACH

$server->wait_ready('two', 2);
$server->wait_ready('one');

is(scalar($server->workers), 2, 'two workers');

# a slow event in one process; quick ones, by both workers, pass it by

my %seen;

for my $round (1 .. 3) {
    my $slow = $server->begin('GET', '/two/f/sleep?1');

    FnServer::wait_until(sub { $server->in_flight('two') == 1 }, 2);

    my @replies;

    for (1 .. 10) {
        my @four = $server->many(map { ['GET', '/two/f/f'] } 1 .. 4);
        $seen{ worker($_) }++ for @four;
        push @replies, @four;
    }

    my ($worst) = sort { $b <=> $a } map { $_->{time} } @replies;

    is(scalar(grep { $_->{code} eq '200' } @replies), 40, "round $round: all run");
    cmp_ok($worst, '<', 0.3, "round $round: none waits for the slow one");

    ($slow) = $server->finish($slow);
    is($slow->{code}, 200, "round $round: the slow one, too");
    cmp_ok($slow->{time}, '>=', 1, "round $round: and it was slow");
}

is(scalar(keys %seen), 2, 'both workers had some');

# a place that one worker gives back wakes the other

unlink $server->dir . '/pub/ledger';

my (@calls, @order);

for my $n (1 .. 9) {
    push @calls, $server->begin('GET', "/one/f/sleep?0.1$n");
    FnServer::wait_until(sub { $server->status('one')->{requests} == $n }, 5);
}

my @replies = $server->finish(@calls);
my %workers = map { worker($_) => 1 } @replies;

is(join(' ', map { $_->{code} } @replies), join(' ', (200) x 9), 'one process: 200');
is(join(' ', map {/(\d)$/} $server->ledger), '1 2 3 4 5 6 7 8 9',
    'first come, first served, over ' . keys(%workers) . ' workers');

cmp_ok($replies[8]{time}, '<', 2.5, 'nobody waits longer than the others run');

# requests of several functions wait in both workers: these do not wake each
# other all the time

$server->wait_ready($_) for @many;
@calls = map { $server->begin('GET', "/$_/f/sleep?1.5") } @many;

for my $name (@many) {
    FnServer::wait_until(sub { $server->in_flight($name) == 1 }, 2);
    push @calls, map { $server->begin('GET', "/$name/f/f") } 1 .. 6;
}

select undef, undef, undef, 0.2;

my $ticks = ticks();

select undef, undef, undef, 0.5;

$ticks = ticks() - $ticks;
cmp_ok($ticks, '<=', 5, 'workers whose requests wait sleep');

@replies = $server->finish(@calls);
is(scalar(grep { $_->{code} eq '200' } @replies), 42, 'and all run');

is($server->in_flight($_), 0, "$_: no place is taken") for qw(one two);

ok($server->stop('QUIT'), 'it ends');

done_testing();


# what the workers have computed, in hundredths of a second

sub ticks {
    my $sum = 0;

    for my $pid ($server->workers) {
        open(my $file, '<', "/proc/$pid/stat") or die "no stat of $pid: $!";
        my @fields = split ' ', <$file> =~ s/.*\)//r;
        $sum += $fields[11] + $fields[12];
    }

    return $sum;
}

sub worker {
    my ($reply) = @_;

    return $reply->{headers} =~ /^X-Worker: (\d+)/m ? $1 : '';
}
