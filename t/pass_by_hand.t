#!/usr/bin/perl

# The runtime in shell that runtimes/README shows, as it stands there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use IO::Socket::UNIX;
use Test::More;

my $root = $ENV{FN_ROOT} || "$FindBin::Bin/..";

open my $in, '<', "$root/runtimes/README" or BAIL_OUT("README: $!");
my $readme = do { local $/; <$in> };
my ($script) = $readme =~ /^(    #!\/bin\/sh\n.*?^    done\n)/ms;

ok($script, 'runtimes/README has the script');
$script =~ s/^    //mg;
cmp_ok(scalar(split /\n/, $script), '<=', 20, 'it has twenty lines at most');

my $server = FnServer->new(config => <<'END');
        location /upper {
            fn_pass unix:%DIR%/upper.sock;
        }
END

my $dir = $server->dir;

$server->write('upper.sh', $script);
chmod 0755, "$dir/upper.sh";

my $pid = fork // die "fork: $!";

if ($pid == 0) {
    exec 'socat', "UNIX-LISTEN:$dir/upper.sock,fork,backlog=128,mode=0666",
        "EXEC:$dir/upper.sh";
    die "socat: $!";
}

ok(FnServer::wait_until(sub { IO::Socket::UNIX->new("$dir/upper.sock") }, 5),
    'socat listens');

my $reply = $server->get('/upper');
is($reply->{code}, 200, 'no body: 200');
is($reply->{body}, '', '... and none back');

$reply = $server->post('/upper/%22%7Bid%22?a="id":"b"', "two\nlines \0\xff\"}\n");
is($reply->{body}, "TWO\nLINES \0\xff\"}\n", 'a body');

my $large = join '', map { chr(97 + $_ % 26) } 1 .. 1_000_000;
ok($server->post('/upper', $large)->{body} eq uc $large, 'a large body');

my @replies = $server->many(map { ['POST', '/upper', "body $_"] } 1 .. 8);
is(join(' ', sort map { $_->{body} } @replies),
    join(' ', map {"BODY $_"} 1 .. 8), 'eight at the same time');

my @log = split /\n/, $server->log;
ok((grep {/\[info\] .* fn "upper" .*, id \w+: 1000000 bytes/} @log),
    'the log record is in the error log');
is(join("\n", grep {/\[(?:error|crit|alert|emerg)\]/} @log), '', 'no error');

kill TERM => $pid;
waitpid $pid, 0;

ok($server->stop('QUIT'), 'it ends');

done_testing();
