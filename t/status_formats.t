# fn_status: JSON that is JSON, Prometheus's text, a page; and that the
# numbers move.

use Test::Nginx::Socket 'no_plan';

use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use Time::HiRes qw/ sleep /;

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};
$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();

my $functions = <<'END';
>>> f.py
import time

def handler(context, event):
    what = event.fields.get("q")
    if what == "fail":
        raise ValueError
    if what == "die":
        import os
        os._exit(1)
    time.sleep(float(event.fields.get("sleep", 0)))
    return "x"
END

my $config = <<'END';
location /native {
    fn_handler native:$TEST_NGINX_FN_BUILD/demo/hello.so;
}
location /python {
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
    fn_processes 2;
    fn_queue 7 timeout=5s;
    fn_next off;
}
location /one {
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
    fn_prefetch off;
    fn_timeout 3s;
}
location ~ ^/odd {
    fn_handler python:"$TEST_NGINX_HTML_DIR/f.py" name=odd-1_a.b;
}
location /json { fn_status; }
location /json2 { fn_status json; }
location /html { fn_status html; }
location /prometheus { fn_status prometheus; }
END
$config =~ s/python:"(.*?)"/"python:$1"/;

my $first = 1;

add_block_preprocessor(sub {
    my ($block) = @_;

    if ($first) {
        $block->set_value('config', $config);
        $block->set_value('user_files', $functions);
        $first = 0;
    }

    $block->set_value('no_error_log', '[alert]');
});

my %checks = (
    json       => \&check_json,
    counters   => \&check_counters,
    busy       => \&check_busy,
    prometheus => \&check_prometheus,
);

add_response_body_check(sub {
    my ($block, $body) = @_;

    for my $name (keys %checks) {
        $checks{$name}->($body) if $block->name =~ /\b\Q$name\E:/;
    }
});

no_root_location();
no_shuffle();
run_tests();


sub get {
    my ($uri) = @_;

    return HTTP::Tiny->new(timeout => 20)
        ->get('http://127.0.0.1:' . server_port_for_client() . $uri);
}

# a function's part of the status
sub status {
    my ($name) = @_;
    my $status = decode_json(get('/json')->{content});
    my ($function) = grep { $_->{name} eq $name } @{ $status->{functions} };

    return $function;
}


sub check_json {
    my $status = eval { decode_json(shift) };

    is($@, '', 'it is JSON') or return;

    my @names = map { $_->{name} } @{ $status->{functions} };
    is_deeply([sort @names], [qw/ native odd-1_a.b one python /], 'names');

    cmp_ok($status->{nginx}{supervisor}, '>', 1, 'the supervisor');
    ok(kill(0, $status->{nginx}{supervisor}), '... lives');
    is(scalar @{ $status->{nginx}{workers} }, 1, 'one worker');

    my ($python) = grep { $_->{name} eq 'python' } @{ $status->{functions} };

    is($python->{runtime}, 'python', 'runtime');
    ok(!$python->{in_worker}, 'in processes');
    ok((grep { $_->{name} eq 'native' && $_->{in_worker} } @{ $status->{functions} }), 'in the worker');
    like($python->{target}, qr{/f\.py$}, 'target');
    is($python->{queue}{limit}, 7, 'the queue');
    is(scalar @{ $python->{processes} }, 2, 'two processes');
    is_deeply([map { $_->{slot} } @{ $python->{processes} }], [0, 1],
        'their slots');
}


sub check_counters {
    my %before = (%{ status('python') });

    get('/python') for 1 .. 5;
    get('/python?q=fail') for 1 .. 3;

    my $after = status('python');
    my $native = status('native')->{requests};

    get('/native') for 1 .. 4;

    is(status('native')->{requests} - $native, 4, 'requests of a native one');
    is($after->{requests} - $before{requests}, 8, 'requests');
    is($after->{errors}{failed} - $before{errors}{failed}, 3, 'failures');
    is($after->{errors}{died}, 0, 'no death');
    is($after->{time_us}{count} - $before{time_us}{count}, 8, 'times');

    my $sum = 0;
    $sum += $_->{count} for @{ $after->{time_us}{buckets} };
    is($sum, $after->{time_us}{count}, 'the buckets have them all');

    my $served = 0;
    $served += $_->{served} for @{ $after->{processes} };
    cmp_ok($served, '>=', 8, 'the processes served them');

    is(HTTP::Tiny->new->post('http://127.0.0.1:' . server_port_for_client()
        . '/python?q=die', { content => 'x' })->{status}, 502, 'a death');
    is(status('python')->{errors}{died}, 1, '... is counted');

    my $restarts = 0;

    for (1 .. 200) {
        $restarts = 0;
        $restarts += $_->{restarts} for @{ status('python')->{processes} };
        last if $restarts;
        sleep 0.05;
    }

    is($restarts, 1, '... and that the process was started again');
}


# one that runs, and one that waits
sub check_busy {
    my $port = server_port_for_client();

    get('/one');

    my @sockets = map {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $port) or die "connect: $!";
        print {$socket} "GET /one/a%22%3Cb?sleep=1 HTTP/1.0\r\n\r\n";
        $socket;
    } 1, 2;

    my $status;

    for (1 .. 100) {
        $status = status('one');
        last if $status->{queue}{waiting} == 1
            && @{ $status->{processes}[0]{in_flight} };
        sleep 0.02;
    }

    is($status->{queue}{waiting}, 1, 'one waits');
    is(scalar @{ $status->{processes}[0]{in_flight} }, 1, 'one runs');
    is($status->{processes}[0]{in_flight}[0]{path}, '/one/a"<b', '... this');
    like($status->{processes}[0]{in_flight}[0]{since_ms}, qr/^\d+$/,
        '... since');

    like(get('/html')->{content}, qr/<td>one<\/td>/, 'the page has it');

    for my $socket (@sockets) { 1 while defined readline $socket }

    for (1 .. 100) {
        $status = status('one');
        last if !@{ $status->{processes}[0]{in_flight} };
        sleep 0.02;
    }

    is($status->{queue}{waiting}, 0, 'nobody waits');
    is_deeply($status->{processes}[0]{in_flight}, [], 'nothing runs');
    cmp_ok($status->{queue}{time_ms}, '>=', 500, 'the time in the queue');
}


sub check_prometheus {
    my ($text) = @_;
    my (%type, @bad, %seen, $family);

    for my $line (split /\n/, $text) {
        if ($line =~ /^# (?:HELP (\w+) .+|TYPE (\w+) (counter|gauge|histogram))$/) {
            $type{$2} = $3 if defined $2;
            push @bad, "$line: again" if defined $2 && $seen{$2}++;
            $family = $2 if defined $2;
            next;
        }

        my ($name) = $line
            =~ /^(nginx_fn_\w+)\{(?:\w+="(?:[^"\\]|\\.)*",?)+\} [0-9.]+$/
            or push(@bad, $line), next;

        push @bad, "$line: not of $family" if index($name, $family) != 0;
    }

    is_deeply(\@bad, [], 'every line is in the format');
    is($type{nginx_fn_requests_total}, 'counter', 'requests');
    is($type{nginx_fn_run_seconds}, 'histogram', 'times');
    like($text, qr/^nginx_fn_requests_total\{[^}]*"python"[^}]*\} \d+$/m,
        'requests of a function');
    like($text, qr/^nginx_fn_errors_total\{[^}]*"python"[^}]*cause="died"\} \d+$/m,
        'errors of a function');
    like($text, qr/^nginx_fn_run_seconds_bucket\{[^}]*"python"[^}]*le="\+Inf"\} \d+$/m,
        'the last bucket');
}

__DATA__

=== json: the default
--- request
GET /json
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- response_body_like: ^\{"nginx":\{



=== json: and by name
--- request
GET /json2
--- response_headers
Content-Type: application/json



=== HEAD
--- request
HEAD /json
--- response_headers
Content-Type: application/json
--- response_body



=== POST
--- request
POST /json
x
--- error_code: 405



=== counters: move
--- request
GET /json



=== busy: what runs and what waits
--- request
GET /json



=== prometheus: the format
--- request
GET /prometheus
--- response_headers
Content-Type: text/plain; version=0.0.4



=== html
--- request
GET /html
--- response_headers
Content-Type: text/html; charset=utf-8
--- response_body_like: ^<!DOCTYPE html>.*<td>odd-1_a\.b</td>.*</html>\n$
