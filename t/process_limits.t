# fn_limit memory= and files=, and what has no directive of its own.

use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_FN_ROOT} = $ENV{FN_ROOT} || do { require Cwd; Cwd::getcwd() };

add_block_preprocessor(sub {
    my ($block) = @_;
    my $more = $block->more // '';

    $block->set_value(http_config => 'fn_command python python3 -S -E '
        . '$TEST_NGINX_FN_ROOT/t/lib/fault_runtime.py;');

    $block->set_value(config => <<"_EOC_");
    location /f/ {
        fn_handler python:\$TEST_NGINX_SERVER_ROOT/html/x.py name=limit;
        $more
    }
_EOC_

    $block->set_value(user_files => ">>> x.py\n");
    $block->set_value(no_error_log => "[alert]\n[emerg]");
});

log_level('info');
no_shuffle();
run_tests();

__DATA__

=== TEST 1: memory: what is more is refused, what is less is not
--- more
fn_limit memory=64m;
--- request eval
["GET /f/allocate?200000000", "GET /f/allocate?20000000", "GET /f/after"]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
['^MemoryError$', '^20000000$', '"nth": 3']



=== TEST 2: without it there is none
--- request
GET /f/allocate?200000000
--- response_body: 200000000



=== TEST 3: files
--- more
fn_limit files=32;
--- request eval
["GET /f/open_files?100", "GET /f/open_files?10", "GET /f/after"]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
['^Too many open files, 2[56] opened$', '^all$', '"nth": 3']



=== TEST 4: files, when it cannot even start
--- more
fn_limit files=3;
--- request
GET /f/x
--- error_code: 503
--- response_headers
Retry-After: 1



=== TEST 5: nginx's own limit of files is not inherited
--- main_config
    worker_rlimit_nofile 4000;
--- request
GET /f/open_files?1000
--- response_body_like chomp
^(all|Too many open files.*)$
