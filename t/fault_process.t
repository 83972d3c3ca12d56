# A process that dies: what was not read is run by another, what may have been
# run is run again only when that does no harm, and nothing of it stays behind.
# "/ledger" tells what was run.

use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_FN_ROOT} = $ENV{FN_ROOT} || do { require Cwd; Cwd::getcwd() };

my $http_config = <<'_EOC_';
    fn_command python python3 -S -E $TEST_NGINX_FN_ROOT/t/lib/fault_runtime.py;
    fn_env FN_LEDGER=$TEST_NGINX_SERVER_ROOT/html/ledger;
_EOC_

my $config = <<'_EOC_';
    location /f/ {
        fn_handler python:$TEST_NGINX_SERVER_ROOT/html/x.py name=fault;
    }

    location = /ledger {
        root $TEST_NGINX_SERVER_ROOT/html;
    }

    location = /fn {
        fn_status;
    }
_EOC_

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => $http_config);
    $block->set_value(config => $config);
    $block->set_value(user_files => ">>> x.py\n>>> ledger\n");

    # functions are somebody else, and write there
    $block->set_value(init => 'chmod 0777, html_dir(); chmod 0666, html_dir() . "/ledger"');

    # the second never comes; naming the level keeps the runner from warning
    $block->set_value(no_error_log => "[emerg]\n[alert] 0#0");
});

log_level('info');
check_accum_error_log();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: GET, killed by each process: run twice at most, then 502
--- request eval
["GET /f/kill", "GET /ledger", "GET /f/after"]
--- error_code eval
[502, 200, 200]
--- response_body_like eval
['502 Bad Gateway', '^GET /f/kill \nGET /f/kill \n$', '"nth": 1,']
--- shutdown_error_log eval
[qr/\[alert\] .* fn "fault" process \d+ exited on signal 9, started again/,
 'upstream prematurely closed connection']



=== TEST 2: GET, killed once: run by another process
--- request eval
["GET /f/kill_once?$ENV{TEST_NGINX_SERVER_ROOT}/html/once", "GET /ledger"]
--- error_code eval
[200, 200]
--- response_body_like eval
['^second$', '^GET /f/kill_once .*\nGET /f/kill_once .*\n$']



=== TEST 3: POST is not run again
--- request eval
["POST /f/kill\nbody", "GET /ledger", "POST /f/after\nbody"]
--- error_code eval
[502, 200, 200]
--- response_body_like eval
['502 Bad Gateway', '^POST /f/kill \n$', '"nth": 1,']



=== TEST 4: PATCH neither
--- request eval
["PATCH /f/kill\nbody", "GET /ledger"]
--- error_code eval
[502, 200]
--- response_body_like eval
['502 Bad Gateway', '^PATCH /f/kill \n$']



=== TEST 5: PUT is, with its body
--- request eval
["PUT /f/kill_once?$ENV{TEST_NGINX_SERVER_ROOT}/html/once\nbody", "GET /ledger"]
--- error_code eval
[200, 200]
--- response_body_like eval
['^second$', '^PUT .*\nPUT .*\n$']



=== TEST 6: DELETE is
--- request eval
["DELETE /f/kill_once?$ENV{TEST_NGINX_SERVER_ROOT}/html/once", "GET /ledger"]
--- error_code eval
[200, 200]
--- response_body_like eval
['^second$', '^DELETE .*\nDELETE .*\n$']



=== TEST 7: HEAD is
--- request eval
["HEAD /f/kill_once?$ENV{TEST_NGINX_SERVER_ROOT}/html/once", "GET /ledger"]
--- error_code eval
[200, 200]
--- response_body_like eval
['^$', '^HEAD .*\nHEAD .*\n$']



=== TEST 8: killed before it has read: POST, too, is run by another process
--- request eval
["GET /f/stop?0.2", "POST /f/unread\nbody", "GET /ledger"]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
['^ok$', '"nth": 1,.*"body": "body"', '^GET /f/stop 0.2\nPOST /f/unread \n$']



=== TEST 9: the same, with a body that the socket does not hold
--- request eval
["GET /f/stop?0.2", "POST /f/unread\n" . "x" x 900000, "GET /ledger"]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
['^ok$', '"nth": 1,.*"body": "xxxx', '^GET /f/stop 0.2\nPOST /f/unread \n$']



=== TEST 10: it ends with code 0
--- request eval
["POST /f/exit\nbody", "POST /f/after\nbody"]
--- error_code eval
[502, 200]
--- shutdown_error_log eval
qr/\[error\] .* fn "fault" process \d+ exited with code 0, started again/



=== TEST 11: it ends with code 1
--- request eval
["POST /f/exit_1\nbody", "POST /f/after\nbody"]
--- error_code eval
[502, 200]
--- shutdown_error_log eval
qr/\[error\] .* fn "fault" process \d+ exited with code 1, started again/



=== TEST 12: it aborts
--- request eval
["POST /f/abort\nbody", "POST /f/after\nbody"]
--- error_code eval
[502, 200]
--- shutdown_error_log eval
qr/\[alert\] .* fn "fault" process \d+ exited on signal 6, started again/



=== TEST 13: it closes the connection, and lives
--- request eval
["POST /f/close\nbody", "POST /f/after\nbody", "GET /ledger"]
--- error_code eval
[502, 200, 200]
--- response_body_like eval
['502 Bad', '"nth": 2,', '^POST /f/close \nPOST /f/after \n$']



=== TEST 14: killed after half a line: it had begun to answer, so it is not run again
--- request eval
["GET /f/half_then_kill", "GET /f/after", "GET /ledger"]
--- error_code eval
[502, 200, 200]
--- response_body_like eval
['502 Bad', '"nth": 1,', '^GET /f/half_then_kill \nGET /f/after \n$']



=== TEST 15: killed after a log record: the same
--- request eval
["GET /f/log_then_kill", "GET /ledger"]
--- error_code eval
[502, 200]
--- response_body_like eval
['502 Bad', '^GET /f/log_then_kill \n$']
--- shutdown_error_log eval
qr/\[info\] .* fn "fault" pid \d+, id \w+: before/



=== TEST 16: what a process has started goes with it
--- request eval
["POST /f/orphans?$ENV{TEST_NGINX_SERVER_ROOT}/html/orphans",
 "GET /f/gone?$ENV{TEST_NGINX_SERVER_ROOT}/html/orphans"]
--- error_code eval
[502, 200]
--- response_body eval
[qr/502 Bad/, "0 of 2 left"]



=== TEST 17: a process is counted once for each of its ends
--- request eval
["POST /f/kill\nbody", "GET /f/after", "GET /fn"]
--- error_code eval
[502, 200, 200]
--- response_body_like eval
['502', '"nth": 1,', '"requests":2,"errors":\{"failed":0,"died":1,"broke":0,.*"retried":0.*"restarts":1']



=== TEST 18: an event that was run again is counted as such
--- request eval
["GET /f/kill_once?$ENV{TEST_NGINX_SERVER_ROOT}/html/once", "GET /fn"]
--- error_code eval
[200, 200]
--- response_body_like eval
['second', '"requests":1,"errors":\{"failed":0,"died":0,.*"retried":1,']
