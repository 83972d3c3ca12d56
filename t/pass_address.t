# fn_pass: runtimes that this suite starts, at unix and TCP addresses, alone
# and in groups; and addresses where none is.

use Test::Nginx::Socket 'no_plan';

use Cwd qw/ abs_path /;
use File::Temp qw/ tempdir /;
use IO::Socket::INET;
use Time::HiRes qw/ sleep /;

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};

my $root = abs_path($ENV{FN_ROOT} || '.');
my $build = abs_path($ENV{FN_BUILD} || "$root/build");
my $dir = $ENV{TEST_NGINX_FILES} = tempdir('fn_pass_XXXXXX', TMPDIR => 1,
    CLEANUP => 1);
my $owner = $$;
my %pids;

$ENV{TEST_NGINX_TCP} = free_port();
$ENV{TEST_NGINX_CLOSED} = free_port();

write_file('f.py', <<'END');
import os, time

def handler(context, event):
    what = event.fields.get("q")
    if what == "fail":
        raise ValueError("far away")
    if what == "sleep":
        time.sleep(2)
    if what == "status":
        return int(event.fields["code"]), os.environ["FN_NAME"]
    if what == "echo":
        return event.body
    if what == "trigger":
        return event.trigger.name
    if what == "big":
        return b"x" * (8 << 20)
    if what == "log":
        context.logger.warn("said far away")
    if what == "exit":
        os._exit(1)
    return os.environ["FN_NAME"]
END

listen_on($_, "unix:$dir/$_.sock") for qw/ a b /;
listen_on('tcp', "127.0.0.1:$ENV{TEST_NGINX_TCP}");
listen_on('dies', "unix:$dir/dies.sock");
listen_on('shell', "unix:$dir/shell.sock",
    FN_TARGET => 'rev', command => ["$build/runtimes/shell/fn_shell"]);

# one that accepts and says nothing, and one whose backlog is full
my $silent = IO::Socket::INET->new(Listen => 100, LocalAddr => '127.0.0.1')
    or die $!;
$ENV{TEST_NGINX_SILENT} = $silent->sockport;

my $full = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
    or die $!;
$ENV{TEST_NGINX_FULL} = $full->sockport;

my @waiting = map {
    IO::Socket::INET->new(PeerAddr => '127.0.0.1', Blocking => 0,
        PeerPort => $full->sockport)
} 1 .. 8;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('no_error_log', '[alert]')
        if !defined $block->no_error_log;
});

run_tests();


sub free_port {
    return IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
        ->sockport;
}

sub write_file {
    my ($name, $text) = @_;

    open my $file, '>', "$dir/$name" or die "$name: $!";
    print {$file} $text;
    close $file;
}

sub listen_on {
    my ($name, $address, %env) = @_;
    my $command = delete $env{command} || ['python3', "$root/runtimes/python"];
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        %ENV = (%ENV, FN_NAME => $name, FN_TARGET => "$dir/f.py", %env);
        exec @$command, '--listen', $address;
        die "exec: $!";
    }

    $pids{$pid} = 1;

    for (1 .. 500) {
        last if $address =~ /^unix:(.*)/ ? -S $1
            : IO::Socket::INET->new(PeerAddr => $address);
        kill 0, $pid or die "$name does not start";
        sleep 0.02;
    }
}

END {
    if ($$ == $owner) {
        local $?;
        kill TERM => keys %pids;
        waitpid $_, 0 for keys %pids;
    }
}

__DATA__

=== a unix address
--- config
    location /t { fn_pass unix:$TEST_NGINX_FILES/a.sock; }
--- request eval
["GET /t", "GET /t?q=echo", "POST /t?q=echo\nhello"]
--- response_headers eval
["Content-Type: text/plain", "Content-Length: 0", "Content-Length: 5"]
--- response_body eval
["a", "", "hello"]



=== host and port
--- config
    location /t { fn_pass 127.0.0.1:$TEST_NGINX_TCP; }
--- request
GET /t
--- response_body chomp
tcp



=== a shell function
--- config
    location /t { fn_pass unix:$TEST_NGINX_FILES/shell.sock; }
--- request
POST /t
hello
--- response_body_like: ^olleh$



=== a host name
--- config
    location /t { fn_pass localhost:$TEST_NGINX_TCP; }
--- request
GET /t
--- response_body chomp
tcp



=== the trigger is the location
--- config
    location /a/b { fn_pass unix:$TEST_NGINX_FILES/a.sock; }
    add_header X-Fn "$fn_name $fn_runtime $fn_status";
--- request
GET /a/b?q=trigger
--- response_headers
X-Fn: a-b pass ok
--- response_body chomp
a-b



=== a group, in turn
--- http_config
    upstream group {
        server unix:$TEST_NGINX_FILES/a.sock;
        server unix:$TEST_NGINX_FILES/b.sock;
    }
--- config
    location /t { fn_pass group; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t"]
--- response_body eval
["a", "b", "a", "b"]



=== a group with kept connections
--- http_config
    upstream group {
        server unix:$TEST_NGINX_FILES/a.sock;
        keepalive 4;
    }
--- config
    location /t { fn_pass group; }
--- request eval
["GET /t", "POST /t?q=echo\nx", "GET /t?q=fail", "GET /t"]
--- error_code eval
[200, 200, 500, 200]
--- response_body_like eval
["^a\$", "^x\$", "^function failed", "^a\$"]
--- error_log
free keepalive peer: saving connection



=== an "if" block passes where its location does
--- config
    location /t {
        fn_pass unix:$TEST_NGINX_FILES/a.sock;
        if ($arg_b) { fn_pass unix:$TEST_NGINX_FILES/b.sock; }
    }
--- request eval
["GET /t", "GET /t?b=1"]
--- response_body eval
["a", "b"]



=== 8 MB down
--- config
    location /t { fn_pass unix:$TEST_NGINX_FILES/a.sock; }
--- request
GET /t?q=big
--- timeout: 20
--- response_headers
Content-Length: 8388608
--- response_body eval
'x' x 8388608



=== 3 MB up and down, over TCP
--- config
    location /t { fn_pass 127.0.0.1:$TEST_NGINX_TCP; }
--- request eval
"POST /t?q=echo\n" . 'abcdefg' x 450000
--- timeout: 20
--- response_body eval
'abcdefg' x 450000



=== an exception
--- config
    location /t {
        fn_pass unix:$TEST_NGINX_FILES/a.sock;
        fn_debug on;
    }
--- request
GET /t?q=fail
--- error_code: 500
--- response_body_like: ^ValueError: far away\nTraceback
--- error_log
handler failed: ValueError: far away



=== a log record
--- config
    location /t { fn_pass unix:$TEST_NGINX_FILES/a.sock; }
--- request
GET /t?q=log
--- error_log eval
qr/\[warn\] .*fn "t" .*: said far away/



=== nobody listens: 502
--- config
    location /t { fn_pass 127.0.0.1:$TEST_NGINX_CLOSED; }
    location /u { fn_pass unix:$TEST_NGINX_FILES/none.sock; }
--- request eval
["GET /t", "GET /u"]
--- error_code eval
[502, 502]



=== the next one is tried when nobody listens
--- http_config
    upstream group {
        server 127.0.0.1:$TEST_NGINX_CLOSED;
        server unix:$TEST_NGINX_FILES/b.sock;
    }
--- config
    location /t { fn_pass group; add_header X-Tried $upstream_addr; }
--- request eval
["GET /t", "POST /t?q=echo\nhello"]
--- response_headers_like eval
["X-Tried: 127\\.0\\.0\\.1:\\d+, unix:.*b\\.sock", ""]
--- response_body eval
["b", "hello"]



=== fn_next off: it is not tried
--- http_config
    upstream group {
        server 127.0.0.1:$TEST_NGINX_CLOSED;
        server unix:$TEST_NGINX_FILES/b.sock;
    }
--- config
    location /t { fn_pass group; fn_next off; }
--- request
GET /t
--- error_code: 502



=== fn_next http_503
--- http_config
    upstream group {
        server unix:$TEST_NGINX_FILES/a.sock;
        server unix:$TEST_NGINX_FILES/b.sock backup;
    }
--- config
    location /t {
        fn_pass group;
        fn_next http_503;
        add_header X-Tried $upstream_status always;
    }
    location /not { fn_pass group; }
--- request eval
["GET /not?q=status&code=503", "GET /t?q=status&code=503"]
--- error_code eval
[503, 503]
--- response_headers eval
["!X-Tried", "X-Tried: 503, 503"]
--- response_body eval
["a", "b"]



=== it dies: 502, and nobody else is asked
--- config
    location /t { fn_pass unix:$TEST_NGINX_FILES/dies.sock; }
--- request
POST /t?q=exit
x
--- error_code: 502



=== fn_timeout: 504
--- config
    location /t {
        fn_pass unix:$TEST_NGINX_FILES/a.sock;
        fn_timeout 200ms;
        fn_next off;
    }
    location /silent {
        fn_pass 127.0.0.1:$TEST_NGINX_SILENT;
        fn_timeout 200ms;
    }
--- request eval
["GET /t?q=sleep", "GET /silent"]
--- error_code eval
[504, 504]



=== fn_connect_timeout: 504
--- config
    location /t {
        fn_pass 127.0.0.1:$TEST_NGINX_FULL;
        fn_connect_timeout 200ms;
    }
--- request
GET /t
--- error_code: 504
--- timeout: 3
