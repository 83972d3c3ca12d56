#!/usr/bin/perl

# Where FN_CALL leads to: which address of the servers with fn_call a process
# is told, what nginx -t says about it, and that it is reached.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use Test::More;

my $dir;

my $server = FnServer->new(
    files => { 'f.py' => <<'END' },
import os

def handler(context, event):
    if event.path == "/f/address":
        return os.environ.get("FN_CALL", "none")
    return context.platform.call_function("g", event).body
END
    config => functions(''),
);

$dir = $server->dir;

my $exposed = qr/\[warn\] .*"fn_call" is reached at \S+: who can connect may call/;
my $unreached = qr/\[warn\] .*functions can't reach "fn_call": its server must be/;

# listen directives of one server or more, the address, the warning; each case
# has its own PORT and OTHER

my @cases = (
    ["listen unix:$dir/a.sock", "unix:$dir/a.sock"],
    ["listen 127.0.0.1:PORT", "127.0.0.1:PORT"],
    ["listen 127.7.7.7:PORT", "127.7.7.7:PORT"],
    ["listen localhost:PORT", "127.0.0.1:PORT"],
    ["listen PORT", "127.0.0.1:PORT", $exposed],
    ["listen [::1]:PORT", "[::1]:PORT"],
    ["listen [::]:PORT", "[::1]:PORT", $exposed],
    ["listen 127.0.0.1:PORT; listen unix:$dir/a.sock", "unix:$dir/a.sock"],
    ["listen unix:$dir/b.sock; listen unix:$dir/a.sock", "unix:$dir/b.sock"],
    ["listen 127.0.0.1:PORT; listen 127.0.0.1:OTHER", "127.0.0.1:PORT"],
    ["listen 127.0.0.1:PORT | listen unix:$dir/a.sock", "unix:$dir/a.sock"],
    ["listen 127.0.0.1:PORT http2", 'none', $unreached],
    ["listen unix:$dir/a.sock proxy_protocol", 'none', $unreached],
    ["listen unix:a.sock", 'none', $unreached],
    ["listen unix:$dir/a.sock http2; listen 127.0.0.1:PORT", "127.0.0.1:PORT"],
    ["listen 127.0.0.1:PORT; server_name first | none listen 127.0.0.1:PORT "
        . 'default_server', 'none', $unreached],
    ["none listen unix:$dir/a.sock | listen unix:$dir/a.sock; "
        . "listen unix:$dir/b.sock", "unix:$dir/b.sock"],
);

for my $case (@cases) {
    my %port = map { $_ => FnServer::free_port() } qw( PORT OTHER );
    my ($listen, $address, $warning) = @$case;

    s/\b(PORT|OTHER)\b/$port{$1}/g for $listen, $address;

    my @servers = map {
        my $call = s/\A\s*none\b// ? 'return 404;' : 'fn_call;';
        "    server { $_; location / { $call } }\n"
    } split /\|/, $listen;

    SKIP: {
        $server->{http} = join '', @servers;
        $server->configure(functions(''));

        my $before = length $server->log;
        my $said = qx($server->{binary} -t -p $dir/ -c nginx.conf -e stderr 2>&1);

        skip 'no IPv6', 3 if $said =~ /Address family not supported|Cannot assign/;

        $warning ? like($said, $warning, "$listen: nginx -t warns")
            : unlike($said, qr/fn_call/, "$listen: nginx -t");

        ok($server->reload, "$listen: loaded") or diag($said);
        is($server->get('/f/address')->{body}, $address, "$listen: FN_CALL");

        my $reply = $server->get('/f');
        $address eq 'none' ? is($reply->{code}, 500, "$listen: not called")
            : is($reply->{body}, "Hello from c", "$listen: called");
    }
}

like($server->log, qr/RuntimeError: function "g" cannot be called: FN_CALL is not set, a/,
    'why it is not');

# no server at all, and one that has nothing to call

$server->{http} = '';
$server->configure(functions(''));
$server->reload;
is($server->get('/f/address')->{body}, 'none', 'no fn_call');

$server->configure(functions("location /call { fn_call; }"));
$server->reload;
is($server->get('/f/address')->{body}, '127.0.0.1:' . $server->port,
    'a location of a server that does more');
is($server->get('/f')->{code}, 200, '... which answers');

unlike($server->log, qr/\[(?:alert|crit)\]/, 'the error log');
ok($server->stop('QUIT'), 'nginx ends');

done_testing();


sub functions {
    my ($more) = @_;
    my $build = $ENV{FN_BUILD} || "$FindBin::Bin/../build";

    return <<"END";
        fn_command python python3;
        location /f { fn_handler python:%DIR%/f.py; }
        location /g { fn_handler native:$build/demo/hello.so; }
        $more
END
}
