# $fn_name, $fn_runtime, $fn_process, $fn_queue_time, $fn_time, $fn_status, in
# headers and in the access log.

use Test::Nginx::Socket 'no_plan';

use Time::HiRes qw/ time sleep /;

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};
$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();

my $functions = <<'END';
>>> f.py
import os, time

def handler(context, event):
    what = event.fields.get("q")
    if what == "fail":
        raise ValueError
    if what == "die":
        os._exit(1)
    if what == "sleep":
        time.sleep(0.3)
    if what == "long":
        time.sleep(3)
    return str(os.getpid())
>>> broken.py
raise ImportError
END

my $config = <<'END';
access_log $TEST_NGINX_SERVER_ROOT/logs/fn.log fn;

location /native {
    fn_handler native:$TEST_NGINX_FN_BUILD/demo/hello.so name=a.b;
}
location /fails { fn_handler native:$TEST_NGINX_FN_BUILD/demo/fail.so; }
location /python {
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
    fn_timeout 1s;
    fn_next off;
}
location /shell { fn_handler shell:cat; }
location /broken {
    fn_handler python:$TEST_NGINX_HTML_DIR/broken.py;
    fn_queue 1 timeout=200ms;
}
location /full {
    fn_handler python:$TEST_NGINX_HTML_DIR/broken.py;
    fn_queue 0;
}
location /pass { fn_pass 127.0.0.1:1; }
location /none { return 200; }
location /status { fn_status; }
END

my $first = 1;

add_block_preprocessor(sub {
    my ($block) = @_;

    if ($first) {
        $block->set_value('config', 'add_header X-Fn "[$fn_name] [$fn_runtime]'
            . ' [$fn_status] [$fn_process]" always;'
            . 'add_header X-Times "$fn_time $fn_queue_time" always;'
            . $config);
        $block->set_value('http_config',
            q(log_format fn '$uri?$args $status [$fn_name] [$fn_runtime] )
                . q([$fn_status] [$fn_process] $fn_time $fn_queue_time';));
        $block->set_value('user_files', $functions);
        $first = 0;
    }

    $block->set_value('no_error_log', '[alert]');
});

# "logged": a pattern of a line of the access log, which comes after the answer
add_response_body_check(sub {
    my ($block) = @_;
    my $pattern = $block->logged;

    return if !defined $pattern;

    chomp $pattern;
    my $log = '';

    for (1 .. 100) {
        open my $file, '<', server_root() . '/logs/fn.log' or next;
        local $/;
        $log = <$file>;
        last if $log =~ /$pattern/m;
        sleep 0.05;
    }

    like($log, qr/$pattern/m, 'the access log');
});

no_root_location();
no_shuffle();
run_tests();

__DATA__

=== native
--- request
GET /native
--- response_headers_like
X-Fn: \[a\.b\] \[native\] \[ok\] \[\d+\]
X-Times: 0\.\d{3} 0\.000
--- logged: ^/native\?- 200 \[a\.b\] \[native\] \[ok\] \[\d+\] 0\.\d{3} 0\.000$



=== native, failed
--- request
GET /fails
--- error_code: 500
--- response_headers_like
X-Fn: \[fails\] \[native\] \[failed\] \[\d+\]



=== python: the process is the one that answers
--- request
GET /python
--- response_headers_like
X-Fn: \[python\] \[python\] \[ok\] \[\d+\]
X-Times: \d+\.\d{3} \d+\.\d{3}
--- response_body_like: ^\d+$



=== python: the time
--- request
GET /python?q=sleep
--- response_headers_like
X-Times: (?:0\.[3-9]|[1-9]\.\d)\d\d 0\.\d{3}



=== python: failed
--- request
GET /python?q=fail
--- error_code: 500
--- response_headers_like
X-Fn: \[python\] \[python\] \[failed\] \[\d+\]
--- logged: q=fail 500 \[python\] \[python\] \[failed\] \[\d+\]



=== python: died
--- request
POST /python?q=die
x
--- error_code: 502
--- response_headers_like
X-Fn: \[python\] \[python\] \[died\] \[\d+\]



=== python: timeout
--- request
GET /python?q=long
--- error_code: 504
--- timeout: 10
--- response_headers_like
X-Fn: \[python\] \[python\] \[timeout\] \[\d+\]
X-Times: (?:1\.|[2-9]\.)\d+ \d+\.\d{3}



=== python: the client leaves
--- request
GET /python?q=sleep
--- timeout: 0.1
--- abort
--- ignore_response
--- wait: 0.5
--- no_error_log
[alert]



=== shell
--- request
POST /shell
x
--- response_headers_like
X-Fn: \[shell\] \[shell\] \[ok\] \[\d+\]
--- logged: q=sleep 499 \[python\] \[python\] \[aborted\]



=== no process is ready
--- request
GET /broken
--- error_code: 503
--- response_headers_like
X-Fn: \[broken\] \[python\] \[(?:queue_timeout|not_ready)\] \[-\]



=== the queue is full
--- request
GET /full
--- error_code: 503
--- response_headers_like
X-Fn: \[full\] \[python\] \[(?:queue_full|not_ready)\] \[-\]



=== fn_pass
--- request
GET /pass
--- error_code: 502
--- response_headers_like
X-Fn: \[pass\] \[pass\] \[\w+\] \[-\]



=== no function: nothing
--- request
GET /none
--- response_headers
X-Fn: [] [] [] []
--- logged: ^/none\?- 200 \[-\] \[-\] \[-\] \[-\] - -$



=== the status is no function
--- request
GET /status
--- response_headers
X-Fn: [] [] [] []
