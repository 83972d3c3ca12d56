# What a process starts with, PROTOCOL 1.1 and 1.2: its environment, its
# descriptors, who it is; and nothing of nginx's.

use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_FN_ROOT} = $ENV{FN_ROOT} || do { require Cwd; Cwd::getcwd() };

env_to_nginx('FN_TEST_SECRET=1', 'PYTHONPATH=/tmp');

our $root = server_root();

our @names = qw(FN_CONCURRENCY FN_LINE_MAX FN_LOG_LEVEL FN_NAME FN_PROTOCOL
    FN_SLOT FN_TARGET LANG NUCLIO_FUNCTION_HANDLER NUCLIO_FUNCTION_NAME
    NUCLIO_HANDLER PATH);

# user and group ids of a user, and those of its groups

our $ids = sub {
    my ($user, $group) = @_;
    my @pw = getpwnam $user;
    my $gid = defined $group ? getgrnam $group : $pw[3];
    return ($pw[2], $gid);
};

our $triple = sub { return '[' . join(', ', ($_[0]) x 3) . ']' };

add_block_preprocessor(sub {
    my ($block) = @_;
    my $more = $block->more // '';
    my $entry = defined $block->entry ? ':' . $block->entry : '';

    $block->set_value(http_config => 'fn_command python python3 -S -E '
        . '$TEST_NGINX_FN_ROOT/t/lib/fault_runtime.py;');

    $block->set_value(config => <<"_EOC_") if !defined $block->config;
    location /f/ {
        fn_handler python:\$TEST_NGINX_SERVER_ROOT/html/x.py$entry name=env;
        $more
    }
_EOC_

    $block->set_value(user_files => ">>> x.py\n");
    $block->set_value(no_error_log => "[alert]\n[emerg]")
        if !defined $block->no_error_log;
});

log_level('info');
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the environment, all of it
--- entry: main
--- request
GET /f/describe?environment
--- response_body eval
'{' . CORE::join(', ', map { qq("$_->[0]": "$_->[1]") }
    ['FN_CONCURRENCY', 1],
    ['FN_ENTRY', 'main'],
    ['FN_LINE_MAX', 16384],
    ['FN_LOG_LEVEL', 'info'],
    ['FN_NAME', 'env'],
    ['FN_PROTOCOL', 1],
    ['FN_SLOT', 0],
    ['FN_TARGET', "$::root/html/x.py"],
    ['LANG', 'C.UTF-8'],
    ['NUCLIO_FUNCTION_HANDLER', "$::root/html/x.py:main"],
    ['NUCLIO_FUNCTION_NAME', 'env'],
    ['NUCLIO_HANDLER', "$::root/html/x.py:main"],
    ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'])
. '}'



=== TEST 2: without an entry there is no FN_ENTRY
--- request
GET /f/describe?environment
--- response_body_like eval
'^\{' . CORE::join(', ', map { qq("$_": "[^"]*") } @::names) . '\}$'



=== TEST 3: numbers, and the log level, as they are configured
--- more
fn_concurrency 7;
fn_buffer_size 8k;
fn_log_level debug;
--- request
GET /f/describe?environment
--- response_body_like chomp
"FN_CONCURRENCY": "7", "FN_LINE_MAX": "8192", "FN_LOG_LEVEL": "debug"



=== TEST 4: the least log level
--- more
fn_log_level error;
--- request
GET /f/describe?environment
--- response_body_like chomp
"FN_LOG_LEVEL": "error"



=== TEST 5: fn_arguments_header is told
--- more
fn_arguments_header on;
--- request
GET /f/describe?environment
--- response_body_like chomp
^\{"FN_ARGUMENTS_HEADER": "1", "FN_CONCURRENCY"



=== TEST 6: fn_env adds, and replaces
--- more
fn_env ONE=1;
fn_env EMPTY=;
fn_env "TWO=a b=c";
fn_env PATH=/bin;
--- request
GET /f/describe?environment
--- response_body_like chomp
^\{"EMPTY": "", "FN_CONCURRENCY": "1".*"ONE": "1", "PATH": "/bin", "TWO": "a b=c"\}$



=== TEST 7: each process has its number
--- more
fn_processes 3;
--- request eval
[("GET /f/describe?environment") x 3]
--- response_body_like eval
[('"FN_SLOT": "[012]"') x 3]
--- error_code eval
[200, 200, 200]



=== TEST 8: descriptors
--- request
GET /f/describe?descriptors
--- response_body_like chomp
^\{"0": "/dev/null", "1": "pipe:\[\d+\]", "2": "pipe:\[\d+\]", "3": "socket:\[\d+\]", "4": "socket:\[\d+\]"\}$



=== TEST 9: the same with several functions, and processes
--- config
    fn_processes 4;

    location /f/ {
        fn_handler python:$TEST_NGINX_SERVER_ROOT/html/x.py name=one;
    }

    location /g/f/ {
        fn_handler python:$TEST_NGINX_SERVER_ROOT/html/x.py name=two;
    }
--- request eval
[("GET /f/describe?descriptors", "GET /g/f/describe?descriptors") x 2]
--- response_body_like eval
[('^\{"0": "/dev/null", "1": "pipe:[^,]+", "2": "pipe:[^,]+", "3": "socket:[^,]+", "4": "socket:[^,]+"\}$') x 4]
--- error_code eval
[(200) x 4]



=== TEST 10: "nobody", when nginx is root
--- skip_eval: 8: $>
--- request eval
[map { "GET /f/describe?$_" } qw(user group groups capabilities)]
--- response_body eval
my ($uid, $gid) = $::ids->('nobody');
[$::triple->($uid), $::triple->($gid), "[$gid]", '"0000000000000000"']
--- error_code eval
[(200) x 4]
--- no_error_log eval
[]



=== TEST 11: fn_user
--- skip_eval: 6: $>
--- more
fn_user daemon;
--- request eval
[map { "GET /f/describe?$_" } qw(user group groups)]
--- response_body eval
my ($uid, $gid) = $::ids->('daemon');
[$::triple->($uid), $::triple->($gid), "[$gid]"]
--- error_code eval
[(200) x 3]
--- no_error_log eval
[]



=== TEST 12: fn_user with a group
--- skip_eval: 6: $>
--- more
fn_user daemon games;
--- request eval
[map { "GET /f/describe?$_" } qw(user group groups)]
--- response_body_like eval
my ($uid, $gid) = $::ids->('daemon', 'games');
[map { "^\Q$_" } $::triple->($uid), $::triple->($gid), '[']
--- error_code eval
[(200) x 3]
--- no_error_log eval
[]



=== TEST 13: fn_user of the location above is inherited, and replaced
--- skip_eval: 4: $>
--- config
    location /f/ {
        fn_user daemon;
        fn_handler python:$TEST_NGINX_SERVER_ROOT/html/x.py name=one;

        location /f/in/f/ {
            fn_handler python:$TEST_NGINX_SERVER_ROOT/html/x.py name=two;
        }

        location /f/root/f/ {
            fn_user root;
            fn_handler python:$TEST_NGINX_SERVER_ROOT/html/x.py name=three;
        }
    }
--- request eval
[map { "GET /f/$_/f/describe?user" } qw(in root)]
--- response_body eval
my ($uid) = $::ids->('daemon');
[$::triple->($uid), '[0, 0, 0]']
--- error_code eval
[200, 200]
--- no_error_log eval
[]



=== TEST 14: umask, directory, session, signals, privileges
--- request eval
[map { "GET /f/describe?$_" } qw(umask directory session blocked ignored no_new_privs)]
--- response_body eval
[63, '"/"', 'true', '"0000000000000000"', '"0000000001001000"', '"1"']
--- error_code eval
[(200) x 6]
