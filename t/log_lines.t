# What handlers say, in nginx's error log: logger, standard output, standard
# error, tracebacks; escaped, bounded, and with the right level.

use Test::Nginx::Socket 'no_plan';

use Time::HiRes qw/ sleep /;

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};
$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();

my $functions = <<'END';
>>> f.py
import logging, sys, time

def init_context(context):
    context.logger.info("from init_context")

def handler(context, event):
    what = event.fields["q"]
    log = context.logger
    if what == "levels":
        log.debug("a debug")
        log.info("an info")
        log.warn("a warning")
        log.error("an error")
    if what == "with":
        log.info_with("with fields", n=1, text="two \"quoted\"", deep={"a": [1]})
    if what == "format":
        log.info("%s is %d", "one", 1)
        log.warn("no place for", "this", 2)
    if what == "escape":
        log.info("one\ntwo\r\x00\x1b[31m\x7f\u0085 t\u00e8xt \u4e2d\ttab")
    if what == "long":
        log.info("x" * 100000)
        log.info_with("short", long="y" * 100000)
        log.info("still here")
    if what == "print":
        print("printed", "twice", flush=True)
    if what == "stderr":
        print("to stderr", file=sys.stderr, flush=True)
        sys.stderr.write("no line end")
        sys.stderr.flush()
        sys.stderr.write(" until now\n")
        sys.stderr.flush()
    if what == "late":
        time.sleep(0.5)
        context.logger.warn("nobody waits")
        raise ValueError("too late")
    if what == "binary":
        sys.stdout.buffer.write(b"a\x01\xff\xc3\xa8b\r\n")
        sys.stdout.flush()
    if what == "long_line":
        print("z" * 10000, flush=True)
        print("after it", flush=True)
    if what == "logging":
        logging.warning("by logging")
    if what == "fail":
        raise ValueError("one\ntwo")
    if what == "deep":
        def again(n):
            return again(n - 1) if n else 1 / 0
        again(50)
    return "x"
>>> init_fails.py
def init_context(context):
    raise RuntimeError("no database")

def handler(context, event):
    return "x"
>>> import_fails.py
import no_such_module
>>> no_handler.py
def other(context, event):
    return "x"
>>> syntax.py
def handler(context, event)
    return "x"
>>> errors.sh
echo "first line of stderr" >&2
printf 'tab\tand \001 and \377\n' >&2
printf 'no line end' >&2
echo "the body"
END

my @broken = qw( init_fails import_fails no_handler syntax );

my $config = <<'END';
location /f {
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
    fn_log_level debug;
}
location /default {
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
}
location /only_errors {
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
    fn_log_level error;
}
location /own {
    error_log $TEST_NGINX_SERVER_ROOT/logs/own.log warn;
    fn_handler python:$TEST_NGINX_HTML_DIR/f.py;
}
location /shell { fn_handler shell:$TEST_NGINX_HTML_DIR/errors.sh; }
END

$config .= <<"END" for @broken;
location /$_ {
    fn_handler python:\$TEST_NGINX_HTML_DIR/$_.py;
    fn_queue 1 timeout=5s;
}
END

my $first = 1;

add_block_preprocessor(sub {
    my ($block) = @_;

    if ($first) {
        $block->set_value('config', $config);
        $block->set_value('user_files', $functions);
        $first = 0;
    }

    $block->set_value('no_error_log', '[alert]')
        if !defined $block->no_error_log;
});

# what a process writes comes by a pipe, a moment after the response
add_response_body_check(sub {
    my ($block) = @_;
    my $wanted = $block->error_log;

    own_log() if $block->name =~ /the log of a location/;

    return if !$wanted;

    for (1 .. 200) {
        open my $file, '<:raw', server_root() . '/logs/error.log' or die $!;
        my @lines = <$file>;

        last if !grep { !has_line(\@lines, $_) }
            (ref $wanted eq 'ARRAY' ? @$wanted
                : ref $wanted ? $wanted : split /\n+/, $wanted);

        sleep 0.05;
    }
});

no_root_location();
no_shuffle();
run_tests();


sub own_log {
    open my $file, '<', server_root() . '/logs/own.log' or die $!;
    local $/;
    my $log = <$file>;

    like($log, qr/\[warn\] .* fn "own" .*: a warning/, 'its own log');
    unlike($log, qr/an info/, '... and its own level');
}


sub has_line {
    my ($lines, $pattern) = @_;

    $pattern = qr/\Q$pattern\E/ if !ref $pattern;
    return grep { $_ =~ $pattern } @$lines;
}

__DATA__

=== levels
--- request
GET /f?q=levels
--- error_log eval
our $who = qr/fn "f" pid \d+, id [0-9a-f]{32}/;
[qr/\[debug\] .* $who: a debug/, qr/\[info\] .* $who: an info/,
 qr/\[warn\] .* $who: a warning/, qr/\[error\] .* $who: an error/]



=== levels: info by default
--- request
GET /default?q=levels
--- error_log eval
qr/fn "default" .*: an info/
--- no_error_log eval
qr/fn "default" .*: a debug/



=== levels: errors only
--- request
GET /only_errors?q=levels
--- error_log eval
qr/fn "only_errors" .*: an error/
--- no_error_log eval
qr/fn "only_errors" .*: (?:a debug|an info|a warning)/



=== the request is named
--- request
GET /f?q=levels
--- error_log eval
qr/fn "f" .*: an error .*client: 127\.0\.0\.1, server: localhost, request: "GET \/f\?q=levels HTTP\/1\.1"/



=== init_context has no request
--- request
GET /f?q=
--- error_log eval
qr/\[error\] .*fn "f" pid \d+: info from init_context/



=== fields
--- request
GET /f?q=with
--- error_log eval
qr/: with fields \{.*"n": ?1.*\}/



=== fields: quotes and depth
--- request
GET /f?q=with
--- error_log eval
qr/: with fields \{(?=.*"text": ?"two \\"quoted\\"")(?=.*"deep": ?\{"a": ?\[1\]\})/



=== formats
--- request
GET /f?q=format
--- error_log eval
[qr/: one is 1 /, qr/: no place for '?this'? 2 /]



=== control characters are escaped, text is not
--- request
GET /f?q=escape
--- error_log eval
"one\\x0Atwo\\x0D\\x00\\x1B[31m\\x7F\\xC2\\x85 t\xc3\xa8xt \xe4\xb8\xad\ttab"



=== long records are cut
--- request
GET /f?q=long
--- error_log eval
[qr/: x{1000,2000}\.\.\./, qr/: short /, qr/: still here/]
--- no_error_log eval
[qr/x{2049}/, qr/y{2049}/]



=== print
--- request
GET /f?q=print
--- error_log eval
our $who = qr/fn "f" pid \d+, id [0-9a-f]{32}/;
qr/\[info\] .* $who: printed twice while /



=== standard error
--- request
GET /f?q=stderr
--- error_log eval
our $who = qr/fn "f" pid \d+, id [0-9a-f]{32}/;
[qr/\[error\] .* $who: to stderr while /,
 qr/\[error\] .* $who: no line end until now while /]



=== bytes that are no text
--- request
GET /f?q=binary
--- error_log eval
our $who = qr/fn "f" pid \d+, id [0-9a-f]{32}/;
qr/ $who: a\\x01\xc3\xbf\xc3\x83\xc2\xa8b while /



=== a long line
--- request
GET /f?q=long_line
--- error_log eval
our $who = qr/fn "f" pid \d+, id [0-9a-f]{32}/;
[qr/ $who: z{1000,2000}/, qr/ $who: after it while /]
--- no_error_log eval
qr/z{2049}/



=== Python's logging
--- request
GET /f?q=logging
--- error_log eval
our $who = qr/fn "f" pid \d+, id [0-9a-f]{32}/;
qr/\[error\] .* $who: WARNING:root:by logging while /



=== the client has left
--- request
GET /f?q=late
--- timeout: 0.2
--- abort
--- wait: 0.8
--- ignore_response
--- no_error_log
[alert]
--- error_log eval
our $who = qr/fn "f" pid \d+, id [0-9a-f]{32}/;
[qr/\[warn\] .* $who: nobody waits/,
 qr/\[error\] .* $who: handler failed: ValueError: too late/]



=== an exception: the message, and its traceback line by line
--- request
GET /f?q=fail
--- error_code: 500
--- error_log eval
our $who = qr/fn "f" pid \d+, id [0-9a-f]{32}/;
[qr/\[error\] .* $who: handler failed: ValueError: one\\x0Atwo/,
 qr/\[error\] .* $who: Traceback \(most recent call last\):/,
 qr/\[error\] .* $who:   File "\S+f\.py", line \d+, in handler/,
 qr/\[error\] .* $who: ValueError: one$/]



=== a deep traceback
--- request
GET /f?q=deep
--- error_code: 500
--- error_log
handler failed: ZeroDivisionError: division by zero



=== the log of a location, and its level
--- request
GET /own?q=levels
--- no_error_log eval
qr/fn "own" .*(?:a warning|an error)/
--- access_log eval
qr{"GET /own}



=== stderr of a shell function
--- request
GET /shell
--- response_body
the body
--- error_log eval
our $who = qr/fn "shell" pid \d+, id [0-9a-f]{32}/;
[qr/\[error\] .* $who: first line of stderr while /,
 qr/ $who: tab\tand \\x01 and \xc3\xbf while /,
 qr/ $who: no line end while /]



=== init_context fails
--- request
GET /init_fails
--- timeout: 10
--- error_code: 503
--- error_log eval
[qr/\[error\] .*fn "init_fails" pid \d+: RuntimeError: no database$/,
 qr/fn "init_fails" pid \d+: Traceback \(most recent call last\):$/,
 qr/fn "init_fails" process \d+ could not start: .*RuntimeError/]



=== the import fails
--- request
GET /import_fails
--- timeout: 10
--- error_code: 503
--- error_log eval
qr/fn "import_fails" pid \d+: ModuleNotFoundError: No module named 'no_such_module'$/



=== there is no handler
--- request
GET /no_handler
--- timeout: 10
--- error_code: 503
--- error_log eval
qr/fn "no_handler" process \d+ could not start: .*handler/



=== a syntax error
--- request
GET /syntax
--- timeout: 10
--- error_code: 503
--- error_log eval
qr/fn "syntax" pid \d+: SyntaxError: /



=== and other functions serve
--- request
GET /f?q=
--- response_body chomp
x
