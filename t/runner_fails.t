# What the runner must not let pass: every block here breaks one expectation
# and is run as a suite of its own.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin qw($Bin);
use List::Util qw(first);
use Test::More;
use Time::HiRes qw(sleep);

my $runner = first { -f $_ } map {"$_/Test/Nginx/Socket.pm"} grep { !ref } @INC;
plan skip_all => 'the original Test::Nginx is in use'
    if !defined $runner || (stat $runner)[1] != (stat "$Bin/lib/Test/Nginx/Socket.pm")[1];

my $dir = tempdir(CLEANUP => 1);
$ENV{TEST_NGINX_SERVROOT} = "$dir/root";
delete $ENV{TEST_NGINX_LOAD_MODULES};
my $pid_file = "$dir/root/logs/nginx.pid";

my $BASIC = <<'END';
--- config
    location = /t { add_header X-One 1; return 200 "hello\n"; }
    location = /kept { add_header Transfer-Encoding chunked; return 200 "not in chunks"; }
--- request
GET /t
END

sub write_suite {
    my ($block) = @_;
    my $path = "$dir/suite.t";
    open my $out, '>', $path or die "$path: $!";
    print {$out} "use Test::Nginx::Socket 'no_plan';\nrun_tests();\n__DATA__\n\n=== TEST 1: a block\n$block";
    close $out;
    return $path;
}

# Returns the TAP and the exit code.
sub run_suite {
    my ($block) = @_;
    my $path = write_suite($block);
    my $output = qx('$^X' '-I$Bin/lib' '$path' 2>&1);
    return $output, $? >> 8;
}

sub breaks {
    my ($title, $section, $message) = @_;
    my ($output, $code) = run_suite($BASIC . $section);
    ok($code != 0, "$title: the suite fails");
    like($output, $message, "$title: the check is named");
    ok(!-e $pid_file, "$title: no nginx is left");
}

my ($output, $code) = run_suite($BASIC . "--- response_body\nhello\n");
is($code, 0, 'a right expectation passes') or diag($output);
like($output, qr/^ok 2 - .*TEST 1: a block - response body/m, 'and is reported');

my @broken = (
    ['code',          "--- error_code: 404\n",                  qr/not ok 1 - .*status code/],
    ['default code',  "--- request\nGET /absent\n",             qr/not ok 1 - .*status code/],
    ['code like',     "--- error_code_like: ^4\n",              qr/not ok 1 - .*status code/],
    ['body',          "--- response_body\nhello!\n",            qr/not ok 2 - .*response body/],
    ['body without its line end', "--- response_body chomp\nhello\n", qr/not ok 2 - .*response body/],
    ['body like',     "--- response_body_like: ^world\n",       qr/not ok 2 - .*response body/],
    ['body unlike',   "--- response_body_unlike: hel+o\n",      qr/not ok 2 - .*response body/],
    ['header value',  "--- response_headers\nX-One: 2\n",       qr/not ok 2 - .*header X-One/],
    ['absent header', "--- response_headers\nX-Two: 2\n",       qr/not ok 2 - .*header X-Two/],
    ['unwanted header', "--- response_headers\n!X-One\n",       qr/not ok 2 - .*no header X-One/],
    ['header like',   "--- response_headers_like\nX-One: \\D\n", qr/not ok 2 - .*header X-One/],
    ['raw headers like',   "--- raw_response_headers_like: X-Two\n",   qr/not ok 2 - .*raw response/],
    ['raw headers unlike', "--- raw_response_headers_unlike: X-One\n", qr/not ok 2 - .*raw response/],
    ['error_log',     "--- error_log\nno such line\n",          qr/not ok 2 - .*error_log/],
    ['no_error_log',  "--- no_error_log\nhttp request line\n",  qr/not ok 2 - .*no_error_log/],
    ['one of several in error_log', "--- error_log\nhttp request line\nno such line\n",
        qr/^ok 2 - .*\nnot ok 3 - .*no such line/m],
    ['grep_error_log',   "--- grep_error_log: no such line\n--- grep_error_log_out\nno such line\n",
        qr/not ok 2 - .*grep_error_log_out/],
    ['access_log',       "--- access_log\nGET /other\n",       qr/not ok 2 - .*access_log/],
    ['no_access_log',    "--- no_access_log\nGET /t\n",        qr/not ok 2 - .*no_access_log/],
    ['shutdown log',     "--- no_shutdown_error_log\nexit\n",   qr/not ok 2 - .*no_shutdown_error_log/],
    ['must_die',         "--- must_die\n",                      qr/not ok 1 - .*must not start/],
    ['must_die with its log', "--- config\n    bad on;\n--- must_die\n--- error_log\nworse\n",
        qr/^ok 1 - .*must not start.*not ok 2 - .*error_log/ms],
    ['exit code',        "--- config\n    bad on;\n--- must_die: 2\n", qr/not ok 1 - .*exit code/],
    ['a bad config',     "--- config\n    bad on;\n",           qr/not ok 1 - .*nginx starts.*unknown directive/s],
    ['timeout', "--- more_headers\nConnection: keep-alive\n--- timeout: 0.1\n",
        qr/not ok 1 - .*client socket timed out/],
    ['chunks',           "--- request\nGET /kept\n",            qr/not ok 1 - .*invalid chunked data/],
    ['the server is gone',
        "--- timeout: 1\n--- init\nkill KILL => get_pid_from_pidfile(''); sleep 1;\n",
        qr/not ok 1 - .*cannot connect/],
    ['an unsupported section', "--- http3\n",                   qr/not ok 1 - .*http3 is not supported/],
    ['several requests, one code', "--- pipelined_requests eval\n['GET /t', 'GET /t']\n--- error_code: 200\n",
        qr/Bail out!.*need an array in error_code/],
    ['an undefined variable', "--- http_config\n\$TEST_NGINX_NOT_THERE\n",
        qr/Bail out!.*No environment TEST_NGINX_NOT_THERE/],
);
breaks(@$_) for @broken;

# A run that is ended from outside takes its nginx with it.
my $path = write_suite("$BASIC--- more_headers\nConnection: keep-alive\n--- timeout: 20\n");
my $suite = open(my $pipe, '-|', $^X, "-I$Bin/lib", $path) or die "cannot run $path: $!";
for (1 .. 500) {
    last if -s $pid_file;
    sleep 0.01;
}
sleep 0.2;
kill TERM => $suite;
close $pipe;
ok(!-e $pid_file, 'a killed suite leaves no nginx');

done_testing();
