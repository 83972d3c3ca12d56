# What a directive does, and that a location inherits it from its server, and
# a server from http, unless it has a value of its own.  The function tells
# what its process sees of it; the rest is in the status.

use Test::Nginx::Socket 'no_plan';

use HTTP::Tiny;

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};
$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();

my $tell = <<'END';
>>> tell.py
import grp, os, pwd, resource, sys, time

def limit(name):
    return str(resource.getrlimit(name)[0])

def handler(context, event):
    what = event.fields["q"]
    if what == "user":
        return pwd.getpwuid(os.getuid()).pw_name
    if what == "group":
        return grp.getgrgid(os.getgid()).gr_name
    if what == "files":
        return limit(resource.RLIMIT_NOFILE)
    if what == "memory":
        return limit(resource.RLIMIT_DATA)
    if what == "optimize":
        return str(sys.flags.optimize)
    if what == "pid":
        return str(os.getpid())
    if what == "fail":
        raise KeyError("the reason")
    if what == "sleep":
        time.sleep(1.5)
        return "slept"
    if what == "log_level":
        return str(event._line.get(what))
    return os.environ.get(what, "absent")
>>> late.py
import time
time.sleep(3)

def handler(context, event):
    return "late"
>>> arguments.sh
printf '%s|' "$@"
END

# four locations: of http, of the server, of themselves, and of another server
my @urls = qw( /http /server /location );

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('user_files', $tell);

    my $directives = $block->fn;
    return if !defined $directives;

    my @directives = split /\n/, $directives;
    my ($http, $server, $location) = map { $directives[$_] // '' } 0 .. 2;
    my $handler = $block->handler
        || 'fn_handler python:$TEST_NGINX_HTML_DIR/tell.py';
    chomp $handler;

    $block->set_value('http_config', <<"END");
$http
server {
    listen unix:\$TEST_NGINX_SERVER_ROOT/http.sock;
    location / { $handler; }
}
END

    $block->set_value('config', <<"END");
$server
location /server { $handler; }
location /location { $handler; $location }
location /http {
    proxy_pass http://unix:\$TEST_NGINX_SERVER_ROOT/http.sock;
}
location /status { fn_status; }
END

    my $q = $block->ask;
    chomp $q if defined $q;
    $block->set_value('request', [map {"GET $_?q=$q"} @urls]) if defined $q;

    if (my $answers = $block->answers) {
        $block->set_value('response_body', [split /\n/, $answers]);
    }
});

# the replacement is started first, so it is a moment until it serves
add_response_body_check(sub {
    my ($block, $pid) = @_;

    return if $block->name !~ /fn_limit: requests/;

    my $url = 'http://127.0.0.1:' . server_port_for_client();
    my $http = HTTP::Tiny->new();
    my $end = time + 10;
    my $now = $pid;

    $now = $http->get("$url/server?q=pid")->{content}
        while $now eq $pid && time < $end;

    isnt($now, $pid, 'fn_limit requests=1: another process serves');

    my $all = $http->get("$url/http?q=pid")->{content};

    is($http->get("$url/http?q=pid")->{content}, $all,
        'fn_limit requests=1000: the same process serves');
});

no_shuffle();
run_tests();

__DATA__

=== fn_concurrency
--- fn
fn_concurrency 2;
fn_concurrency 3;
fn_concurrency 4;
--- ask: FN_CONCURRENCY
--- answers
2
3
4



=== fn_concurrency: inherited from http everywhere
--- fn
fn_concurrency 2;


--- ask: FN_CONCURRENCY
--- answers
2
2
2



=== fn_concurrency: the default
--- fn



--- ask: FN_CONCURRENCY
--- answers
1
1
1



=== fn_env
--- fn
fn_env A=1;
fn_env A=2; fn_env B=x;
fn_env "A=3 = three"; fn_env A=4;
--- ask: A
--- answers
1
2
3 = three



=== fn_env: a level that sets any inherits none
--- fn
fn_env A=1;
fn_env B=2;

--- ask: A
--- answers
1
absent
absent



=== fn_env: replaces what the module sets
--- fn
fn_env LANG=C;
fn_env NUCLIO_HANDLER=mine;

--- request eval
["GET /http?q=LANG", "GET /server?q=NUCLIO_HANDLER", "GET /server?q=LANG"]
--- response_body eval
["C", "mine", "C.UTF-8"]



=== the environment of nginx itself is not seen
--- main_config
    env HOME;
--- fn



--- ask: HOME
--- answers
absent
absent
absent



=== fn_log_level
--- fn
fn_log_level debug;
fn_log_level warn;
fn_log_level error;
--- ask: FN_LOG_LEVEL
--- answers
debug
warn
error



=== fn_log_level: the default
--- fn



--- ask: FN_LOG_LEVEL
--- answers
info
info
info



=== fn_buffer_size: the longest line of a reply
--- fn
fn_buffer_size 1k;
fn_buffer_size 32k;

--- ask: FN_LINE_MAX
--- answers
1024
32768
32768



=== fn_buffers
--- fn
fn_buffers 2 1k;
fn_buffers 4 2k;
fn_buffers 8 4k;
--- ask: FN_PROTOCOL
--- answers
1
1
1



=== fn_buffering
--- fn
fn_buffering off;

fn_buffering on;
--- ask: FN_PROTOCOL
--- answers
1
1
1



=== fn_arguments_header
--- fn
fn_arguments_header on;

fn_arguments_header off;
--- ask: FN_ARGUMENTS_HEADER
--- answers
1
1
absent



=== fn_logs_header
--- fn
fn_logs_header on;
fn_logs_header off;
fn_logs_header on;
--- more_headers
X-Nuclio-Log-Level: debug
--- ask: log_level
--- answers
debug
None
debug



=== fn_user
--- skip_eval: 6: $> != 0
--- fn
fn_user daemon;
fn_user bin;
fn_user mail daemon;
--- ask: user
--- answers
daemon
bin
mail



=== fn_user: its group
--- skip_eval: 6: $> != 0
--- fn
fn_user daemon;
fn_user mail daemon;

--- ask: group
--- answers
daemon
daemon
daemon



=== fn_user: nobody by default
--- skip_eval: 6: $> != 0
--- fn



--- ask: user
--- answers
nobody
nobody
nobody



=== fn_limit: files
--- fn
fn_limit files=64;
fn_limit files=65;

--- ask: files
--- answers
64
65
65



=== fn_limit: memory
--- fn
fn_limit memory=512m;
fn_limit memory=1g;
fn_limit memory=2g files=70;
--- ask: memory
--- answers
536870912
1073741824
2147483648



=== fn_limit: one of another level is replaced whole
--- fn
fn_limit memory=512m;
fn_limit files=65;

--- ask: memory
--- answers
536870912
-1
-1



=== fn_limit: requests
--- fn
fn_limit requests=1000;
fn_limit requests=1;

--- request
GET /server?q=pid
--- response_body_like: ^[0-9]+$



=== fn_command
--- fn
fn_command python python3;
fn_command python /usr/bin/python3 -O;
fn_command python python3 -OO;
--- ask: optimize
--- answers
0
1
2



=== fn_command: another runtime's changes nothing
--- fn
fn_command python python3 -O;
fn_command shell sh;

--- ask: optimize
--- answers
1
0
0



=== fn_arguments
--- fn
fn_arguments a b;
fn_arguments "c d" "" -e;

--- handler: fn_handler shell:$TEST_NGINX_HTML_DIR/arguments.sh
--- request eval
["GET /http", "GET /server", "GET /location"]
--- response_body eval
["a|b|", "c d||-e|", "c d||-e|"]



=== fn_debug
--- fn
fn_debug on;
fn_debug off;
fn_debug on;
--- ask: fail
--- error_code eval
[500, 500, 500]
--- response_body_like eval
["KeyError: 'the reason'\n.*Traceback",
 "^function failed, request id: [0-9a-f]{32}\n\$",
 "KeyError: 'the reason'\n.*Traceback"]



=== fn_timeout
--- fn
fn_timeout 100ms;

fn_timeout 30s;
--- ask: sleep
--- error_code eval
[504, 504, 200]
--- response_body_like eval
["504 Gateway", "504 Gateway", "slept"]



=== fn_start_timeout
--- handler: fn_handler python:$TEST_NGINX_HTML_DIR/late.py
--- fn
fn_start_timeout 100ms; fn_queue 10 timeout=200ms;

fn_start_timeout 10s; fn_queue 10 timeout=10s;
--- timeout: 10
--- request eval
["GET /http", "GET /server", "GET /location"]
--- error_code eval
[503, 503, 200]
--- response_body_like eval
["503 Service", "503 Service", "late"]



=== fn_processes and fn_queue
--- fn
fn_processes 2; fn_queue 5;
fn_processes 3; fn_queue 6 timeout=1s;

--- request
GET /status
--- response_body_like eval
my @expected = (['server', 3, 6], ['location', 3, 6], ['tell', 2, 5]);
'(?s)' . CORE::join '', map {
    my ($name, $processes, $queue) = @$_;
    "(?=.*\"name\":\"$name\"[^\\n]*\"limit\":$queue,[^\\n]*\"processes\":"
        . "\\[\\n(?:[^\\n]*\\n){" . ($processes - 1) . "}[^\\n]*\\]\\})"
} @expected



=== fn_processes and fn_queue: the defaults
--- fn



--- request
GET /status
--- response_body_like chomp
"name":"server"[^\n]*"limit":128,[^\n]*"processes":\[\n [^\n]*"slot":0[^\n]*\]\}



=== fn_stop_timeout, fn_connect_timeout, fn_prefetch, fn_next, fn_watch
--- fn
fn_stop_timeout 1s; fn_connect_timeout 1s; fn_prefetch off; fn_next off; fn_watch on;
fn_stop_timeout 2s; fn_connect_timeout 2s; fn_prefetch 1; fn_next error; fn_watch off;
fn_stop_timeout 3s; fn_connect_timeout 3s; fn_prefetch auto; fn_next timeout; fn_watch on;
--- ask: FN_PROTOCOL
--- answers
1
1
1
