#!/usr/bin/perl

# Functions over HTTP/2 in clear text, by curl with prior knowledge.

use warnings;
use strict;

use Cwd qw/ abs_path /;
use Digest::MD5 qw/ md5_hex /;
use File::Temp qw/ tempdir /;
use FindBin;
use Test::More;

plan skip_all => 'curl without HTTP/2'
    if qx(curl --version 2>&1) !~ /\bHTTP2\b/;

my $build = abs_path($ENV{FN_BUILD} || "$FindBin::Bin/../build");
my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $port = $ENV{TEST_NGINX_PORT} || 1984;
my $dir = tempdir('fn_http2_XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $curl = "curl -s --max-time 30 --http2-prior-knowledge";
my $url = "http://127.0.0.1:$port";
my $owner = $$;

chmod 0755, $dir;

write_file('f.py', <<'END');
def handler(context, event):
    what = event.fields.get("q")
    if what == "log":
        context.logger.debug("to the client")
    if what == "fail":
        raise ValueError("on purpose")
    if what == "stream":
        return (b"x" * 10000 for n in range(100))
    if what == "headers":
        return context.Response({
            "Connection": "close", "Transfer-Encoding": "chunked",
            "Set-Cookie": ["a=1", "b=2"], "X-Host": event.headers["Host"],
            "X-Cookie": event.headers.get("Cookie", "")}, "x")
    return event.raw_body
END

write_file('nginx.conf', <<"END");
load_module $build/ngx_http_fn_module.so;
pid $dir/nginx.pid;
error_log $dir/error.log info;
@{[$> == 0 ? 'user root;' : '']}
events { }
http {
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    client_max_body_size 50m;
    server {
        listen 127.0.0.1:$port http2;
        location /c { fn_handler native:$build/demo/hello.so; }
        location /count { fn_handler native:$build/demo/wordcount.so; }
        location /python { fn_logs_header on; fn_handler python:$dir/f.py; }
        location /cat { fn_handler shell:cat; }
    }
}
END

system($nginx, '-e', "$dir/error.log", '-c', "$dir/nginx.conf", '-p', $dir)
    == 0 or BAIL_OUT('nginx does not start: ' . read_file('error.log'));

END {
    if ($$ == $owner && -s "$dir/nginx.pid") {
        local $?;
        my $pid = read_file('nginx.pid');
        kill TERM => $pid;
        for (1 .. 100) { last if !-e "$dir/nginx.pid"; select undef, undef, undef, 0.05 }
    }
}

is(qx($curl -w ' %{http_version} %{http_code} %{content_type}' $url/c),
    'Hello from c 2 200 text/plain', 'native');

is(qx($curl -d hello -w ' %{http_code}' $url/python), 'hello 200', 'python');
is(qx($curl -d hello -w ' %{http_code}' $url/cat), 'hello 200', 'shell');
is(qx($curl -o /dev/null -w '%{http_code}' '$url/python?q=fail'), '500',
    'a failure');
is(qx($curl -I -w '%{http_code}' -o /dev/null $url/c), '200', 'HEAD');

my $head = qx($curl -D - -o /dev/null -b c=1 '$url/python?q=headers');

like($head, qr/^set-cookie: a=1\r\nset-cookie: b=2\r$/m, 'two cookies');
like($head, qr/^x-host: 127.0.0.1:$port\r$/m, ':authority is Host');
like($head, qr/^x-cookie: c=1\r$/m, 'a cookie of the client');
unlike($head, qr/^(?:connection|transfer-encoding):/m,
    'no headers that HTTP/2 forbids');

like(qx($curl -D - -H 'X-Nuclio-Log-Level: debug' '$url/python?q=log'),
    qr/^x-nuclio-logs: \[\{"level":"debug",.*"message":"to the client",/m,
    'logs for the client');

is(length qx($curl '$url/python?q=stream'), 1000000, 'a stream');

my $body = join '', map { chr(rand 256) } 1 .. 3_000_000;
write_file('body.bin', $body);

for my $path (qw( /python /cat )) {
    my $back = qx($curl --data-binary \@$dir/body.bin $url$path);
    is(md5_hex($back), md5_hex($body), "3 MB up and down: $path");
}

like(qx($curl --data-binary \@$dir/body.bin $url/count),
    qr/"bytes":3000000\}$/, '3 MB to a native handler');

# streams of one connection; curl 7.88 cannot do this in clear text
SKIP: {
    skip 'no nghttp', 1 if system('nghttp --version >/dev/null 2>&1');

    my $all = qx(nghttp -m 10 $url/c '$url/python?q=stream');
    is(length $all, 10 * (1000000 + length 'Hello from c'),
        '20 streams side by side');
}

unlike(read_file('error.log'), qr/\[(?:alert|crit|emerg)\]/, 'the error log');

done_testing();


sub write_file {
    my ($name, $text) = @_;

    open my $file, '>:raw', "$dir/$name" or die "$name: $!";
    print {$file} $text;
    close $file;
}

sub read_file {
    my ($name) = @_;

    open my $file, '<:raw', "$dir/$name" or return '';
    local $/;
    return scalar <$file>;
}
