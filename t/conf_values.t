#!/usr/bin/perl

# Every directive under "nginx -t": good values in each context are taken, bad
# ones are refused with the reason, the file and the line.

use warnings;
use strict;

use File::Temp qw/ tempdir /;
use FindBin;
use Test::More;

my $build = $ENV{FN_BUILD} || "$FindBin::Bin/../build";
my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $dir = tempdir('fn_conf_XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;

# where each part of the configuration stands in it
my %line = (main => 5, http => 7, server => 9, location => 11, inner => 13);

write_file('f.py', "def handler(context, event): return 'x'\n");
write_file('f.sh', "echo x\n");

my $python = "fn_handler python:$dir/f.py";
my $shell = "fn_handler shell:$dir/f.sh";
my $native = "fn_handler native:$build/demo/hello.so";


# the values that each directive takes

my %good = (
    fn_processes        => ['1', '1024'],
    fn_concurrency      => ['1', '1024'],
    fn_prefetch         => ['auto', 'off', '1', '15'],
    fn_queue            => ['0', '10', '10 timeout=1', '10 timeout=500ms',
                            '10 timeout=1m'],
    fn_timeout          => ['1', '500ms', '1h'],
    fn_connect_timeout  => ['1', '500ms'],
    fn_start_timeout    => ['1', '500ms'],
    fn_stop_timeout     => ['1', '500ms'],
    fn_env              => ['A=', 'A=b', '"A=b c=d"'],
    fn_user             => ['root', 'root root'],
    fn_limit            => ['memory=64m', 'requests=1', 'files=64',
                            'files=64 requests=100 memory=1g'],
    fn_command          => ['python python3', 'python /usr/bin/python3 -O',
                            'shell sh -e'],
    fn_watch            => ['on', 'off'],
    fn_arguments        => ['a', 'a "b c" -d'],
    fn_arguments_header => ['on', 'off'],
    fn_debug            => ['on', 'off'],
    fn_log_level        => ['debug', 'info', 'warn', 'error'],
    fn_logs_header      => ['on', 'off'],
    fn_block_warn       => ['0', '50ms', '1s'],
    fn_crash_limit      => ['0', '16', '5 within=1m'],
    fn_buffering        => ['on', 'off'],
    fn_buffer_size      => ['1k', '64k'],
    fn_buffers          => ['2 1k', '8 64k'],
    fn_next             => ['off', 'error', 'error timeout invalid_header '
                            . 'non_idempotent http_500 http_503 http_403 '
                            . 'http_404 http_429'],
);

# what it refuses, and why

my %bad = (
    fn_processes => {
        '0'    => 'value must be between 1 and 1024',
        '1025' => 'value must be between 1 and 1024',
        '-1'   => 'invalid number',
        'many' => 'invalid number',
        ''     => 'invalid number of arguments in "fn_processes" directive',
        '1 2'  => 'invalid number of arguments in "fn_processes" directive',
    },
    fn_concurrency => {
        '0'    => 'value must be between 1 and 1024',
        '1025' => 'value must be between 1 and 1024',
        'many' => 'invalid number',
    },
    fn_prefetch => {
        '0'  => 'invalid value "0", it must be "auto", "off" or a number '
            . 'from 1 to 15',
        '16' => 'invalid value "16"',
        'on' => 'invalid value "on"',
    },
    fn_queue => {
        'x'            => 'invalid number "x"',
        '-1'           => 'invalid number "-1"',
        '1 timeout=0'  => 'invalid parameter "timeout=0"',
        '1 timeout='   => 'invalid parameter "timeout="',
        '1 timeout=1x' => 'invalid parameter "timeout=1x"',
        '1 delay=1'    => 'invalid parameter "delay=1"',
    },
    (map { $_ => { 'soon' => 'invalid value', '-1' => 'invalid value',
                   '0' => 'value must not be 0' } }
        qw/ fn_timeout fn_connect_timeout fn_start_timeout /),
    fn_stop_timeout => { 'soon' => 'invalid value', '-1' => 'invalid value' },
    fn_env => {
        'A'   => 'invalid value "A", it must be NAME=VALUE',
        '=b'  => 'invalid value "=b", it must be NAME=VALUE',
        map { ("$_=1" => "variable \"$_\" is set by nginx") }
            qw/ FN_PROTOCOL FN_NAME FN_TARGET FN_ENTRY FN_SLOT FN_CONCURRENCY
                FN_LOG_LEVEL FN_LINE_MAX FN_ARGUMENTS_HEADER FN_CALL
                FN_COMMAND /
    },
    fn_block_warn => { 'soon' => 'invalid value' },
    fn_crash_limit => {
        '17'          => 'invalid value "17", it must be a number from 0 to 16',
        'x'           => 'invalid value "x"',
        '5 within=0'  => 'invalid parameter "within=0"',
        '5 time=1s'   => 'invalid parameter "time=1s"',
    },
    fn_user => {
        'nosuchuser'         => 'getpwnam("nosuchuser") failed',
        'root nosuchgroup'   => 'getgrnam("nosuchgroup") failed',
    },
    fn_limit => {
        'memory=0'     => 'invalid parameter "memory=0"',
        'memory=lots'  => 'invalid parameter "memory=lots"',
        'memory'       => 'invalid parameter "memory"',
        'requests=-1'  => 'invalid parameter "requests=-1"',
        'files=1k'     => 'invalid parameter "files=1k"',
        'files=9 cpu=1' => 'invalid parameter "cpu=1"',
    },
    fn_command => {
        'native x' => 'runtime "native" is unknown or takes no command',
        'cobol x'  => 'runtime "cobol" is unknown or takes no command',
        'python'   => 'invalid number of arguments in "fn_command" directive',
    },
    (map { $_ => { 'yes' => "invalid value \"yes\" in \"$_\" directive, "
                            . 'it must be "on" or "off"' } }
        qw/ fn_watch fn_arguments_header fn_logs_header fn_debug
            fn_buffering /),
    fn_arguments => {
        '' => 'invalid number of arguments in "fn_arguments" directive',
    },
    fn_log_level => { 'loud' => 'invalid value "loud"' },
    fn_buffer_size => { 'x' => 'invalid value' },
    fn_buffers => { '0 1k' => 'invalid value', '8 x' => 'invalid value' },
    fn_next => { 'http_418' => 'invalid value "http_418"' },
);

# of these a second one in the same block adds, or is no mistake in nginx

my %repeatable = map { $_ => 1 } qw/ fn_env fn_next /;


for my $directive (sort keys %good) {

    for my $value (@{ $good{$directive} }) {
        for my $context (qw/ http server location /) {
            takes({ $context => "$directive $value;", inner => "$python;" });
        }
    }

    while (my ($value, $reason) = each %{ $bad{$directive} }) {
        refuses({ location => "$directive $value;" }, $reason);
    }

    my $value = $good{$directive}[0];

    for my $part ({ main => "$directive $value;" },
        { http => "upstream u { server 127.0.0.1:9; $directive $value; }" },
        { inner => "if (\$arg_x) { $directive $value; }" })
    {
        refuses($part, "\"$directive\" directive is not allowed here");
    }

    my $twice = { location => "$directive $value; $directive $value;" };

    if ($repeatable{$directive}) {
        takes($twice);
    } else {
        refuses($twice, "\"$directive\" directive is duplicate");
    }
}


# fn_command: one of each runtime

takes({ location => 'fn_command python python3; fn_command shell sh;' });


# fn_handler

takes({ inner => "$_;" })
    for $native, "$native:handler", "$native threads", "$native name=a_B-c.9",
        $python, "$python:handler", "$python name=x", $shell, "$shell:main",
        'fn_handler shell:rev', "fn_handler python:f.py";

my $form = '"fn_handler" directive takes RUNTIME:TARGET[:ENTRY]';

refuses({ inner => "fn_handler $_;" }, $form)
    for 'python', 'python:', 'python:f.py:', 'python::handler',
        'python:f.py:a:b', 'dotnetcore:f.cs:', 'dotnetcore:f.cs:a:b:c';

refuses({ inner => 'fn_handler cobol:f.cob;' }, 'unknown runtime "cobol"');
refuses({ inner => 'fn_handler Python:f.py;' }, 'unknown runtime "Python"');
refuses({ inner => 'fn_handler :f.py;' }, 'unknown runtime ""');
refuses({ inner => 'fn_handler;' },
    'invalid number of arguments in "fn_handler" directive');

refuses({ inner => "$python $_;" }, "invalid parameter \"$_\"")
    for 'name=', 'Name=x', 'threads=', 'fast';

refuses({ inner => "$python name=$_;" }, "invalid function name \"$_\"")
    for 'a/b', 'a=b', 'ä';

refuses({ inner => "$python threads;" },
    '"fn_handler" directive takes "threads" with native handlers and "in_worker" only');
refuses({ inner => 'fn_handler shell:true in_worker;' },
    'runtime "shell" does not run "in_worker"');
refuses({ inner => "$native threads=absent;" },
    'unknown thread pool "absent"');

for my $handler ($native, $python, $shell) {
    refuses({ inner => "$handler; $handler;" },
        '"fn_handler" directive is duplicate');
}

refuses({ inner => "$python; fn_pass 127.0.0.1:9;" },
    '"fn_pass" directive is duplicate');
refuses({ inner => "fn_pass 127.0.0.1:9; $python;" },
    '"fn_handler" directive is duplicate');

refuses({ $_ => "$python;" },
    '"fn_handler" directive is not allowed here') for qw/ main http server /;


# fn_pass

takes({ inner => "fn_pass $_;" })
    for '127.0.0.1:9', '[::1]:9', 'localhost:9', 'unix:/tmp/fn.sock';

takes({ http => 'upstream group { server 127.0.0.1:9; }',
        inner => 'fn_pass group;' });

refuses({ inner => 'fn_pass group;' }, 'no port in upstream "group"');
refuses({ inner => 'fn_pass 127.0.0.1:99999;' }, 'invalid port');
refuses({ inner => 'fn_pass unix:;' }, 'no path in the unix domain socket');
refuses({ inner => 'fn_pass;' },
    'invalid number of arguments in "fn_pass" directive');
refuses({ inner => 'fn_pass 127.0.0.1:9; fn_pass 127.0.0.1:9;' },
    '"fn_pass" directive is duplicate');
refuses({ $_ => 'fn_pass 127.0.0.1:9;' },
    '"fn_pass" directive is not allowed here') for qw/ main http server /;


# fn_status

takes({ inner => $_ })
    for 'fn_status;', 'fn_status html;', 'fn_status json;',
        'fn_status prometheus;';

refuses({ inner => 'fn_status xml;' }, 'invalid value "xml"');
refuses({ inner => 'fn_status json html;' },
    'invalid number of arguments in "fn_status" directive');
refuses({ $_ => 'fn_status;' },
    '"fn_status" directive is not allowed here') for qw/ main http server /;
refuses({ inner => 'fn_status; fn_status;' },
    '"fn_status" directive is duplicate');
refuses({ inner => "stub_status; $python;" },
    '"fn_handler" directive is duplicate');
refuses({ inner => "fn_status; $python;" },
    '"fn_handler" directive is duplicate');
refuses({ inner => "$python; fn_status;" },
    '"fn_status" directive is duplicate');


# fn_call

takes({ inner => 'fn_call;' });

refuses({ inner => 'fn_call on;' },
    'invalid number of arguments in "fn_call" directive');
refuses({ $_ => 'fn_call;' },
    '"fn_call" directive is not allowed here') for qw/ main http server /;
refuses({ inner => 'if ($arg_x) { fn_call; }' },
    '"fn_call" directive is not allowed here');
refuses({ inner => 'fn_call; fn_call;' }, '"fn_call" directive is duplicate');
refuses({ inner => "$python; fn_call;" }, '"fn_call" directive is duplicate');
refuses({ inner => "fn_call; $python;" }, '"fn_handler" directive is duplicate');


# what only all values together tell; nginx gives such errors the line where
# the block that is merged ends

says({ http => 'fn_buffer_size 1023;' },
    qr/"fn_buffer_size" must be at least 1k in \S+\/nginx\.conf:\d+$/m);
says({ http => 'fn_buffers 1 1k;' },
    qr/there must be at least 2 "fn_buffers" in \S+\/nginx\.conf:\d+$/m);

done_testing();


sub takes {
    my ($part) = @_;
    my $out = check($part);

    is($?, 0, name($part) . ' is taken') or diag($out);
}


# the reason stands in front of the place
sub refuses {
    my ($part, $reason) = @_;
    my ($context) = keys %$part;

    says($part, qr/\ \[emerg\]\ [^\n]* \Q$reason\E [^\n]*
        \ in\ \Q$dir\E\/nginx\.conf:$line{$context}$/mx);
}


sub says {
    my ($part, $pattern) = @_;
    my $out = check($part);

    isnt($?, 0, name($part) . ' is refused');
    like($out, $pattern, '... with its reason');
}


sub name {
    my ($part) = @_;

    return join ' ', map {"$_ {$part->{$_}}"} sort keys %$part;
}


sub check {
    my ($part) = @_;
    my %part = ((map { $_ => '' } keys %line), %$part);

    write_file('nginx.conf', <<"END");
load_module $build/ngx_http_fn_module.so;
pid $dir/nginx.pid;
error_log stderr;
thread_pool default threads=2;
$part{main}
events { } http {
$part{http}
server { listen unix:$dir/nginx.sock;
$part{server}
location /a {
$part{location}
location /a/b {
$part{inner}
} } } }
END

    return scalar qx($nginx -t -p $dir -c $dir/nginx.conf 2>&1);
}


sub write_file {
    my ($name, $text) = @_;

    open my $file, '>', "$dir/$name" or die "$name: $!";
    print {$file} $text;
    close $file or die "$name: $!";
}
