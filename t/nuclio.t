#!/usr/bin/perl

# nuclio's own test functions and examples, unmodified: each gives the answer
# that nuclio's tests ask for, or the one that README's table of differences
# says.  They are not part of this project:
#
#     NUCLIO=DIR prove -I t/lib t/nuclio.t
#
# with a checkout of github.com/nuclio/nuclio.  What needs Kubernetes, a broker
# of streams or a package from elsewhere is not tried.

use strict;
use warnings;

use Cwd qw(abs_path);
use FindBin;
use lib "$FindBin::Bin/lib";

use FnServer;
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP qw(decode_json encode_json);
use Test::More;
use Time::HiRes qw(time);

my $nuclio = $ENV{NUCLIO}
    or plan skip_all => 'NUCLIO names no checkout of github.com/nuclio/nuclio';

my $tests = abs_path($nuclio) . '/test/_functions';
my $common = "$tests/common";
my $examples = abs_path($nuclio) . '/hack/examples';

my $text = 'text/plain';
my $utf8 = 'text/plain; charset=utf-8';
my $json = 'application/json';
my @levels = map {"$_ message"} qw(Debug Info Warn Error);

# language => { needs => command, functions => [ [NAME, HANDLER, CONF, CASES] ] }
# a case: [ LABEL, METHOD, PATH, BODY, CODE, TYPE, ANSWER, HEADERS, CHECK ]

my %languages = (
    python => { needs => 'python3', functions => [
        ['outputter', out('python', 'outputter/outputter.py:handler'), '', [
            post('P1', 'return_string', 200, $text, 'a string'),
            post('P2', 'return_status_and_string', 201, $text,
                'a string after status'),
            post('P3', 'return_dict', 200, $json, { a => 'dict', b => 'foo' }),
            post('P4', 'return_status_and_dict', 201, $json,
                { a => 'dict after status', b => 'foo' }),
            post('P5', 'return_response', 201, $text, 'response body',
                { a => 1, b => 2 }, { h1 => 'v1', h2 => 'v2', a => 1, b => 2 }),
            post('P6', 'something invalid', 500, $text, qr/./),
            post('P6, alive', 'return_string', 200, $text, 'a string'),
            logs('P7', 'log', 'debug', 201, 'returned logs', @levels),
            logs('P8', 'log', 'warn', 201, 'returned logs', @levels[2, 3]),
            with('P9', 201),
            ['P10', 'GET', '/', undef, 200, $text, 'GET'],
            ['P11', 'POST', '/?x=1&y=2', 'return_fields', 200, $text, 'x=1,y=2'],
            ['P12', 'POST', '/path/to/nowhere', 'return_path', 200, $text,
                '/path/to/nowhere'],
            post('P13', 'return_error', 500, $text, qr/some error/),
            post('P14', 'return_binary', 200, undef, 'hello'),
            post('P15, a list is JSON', 'return_list', 200, $json,
                [{ a => 1 }, { b => 2 }]),
        ]],
        ['event-returner', "python:$common/event-returner/python/eventreturner.py:handler", '', [
            ['P19', 'POST', '/testPath', 'testBody', 200, undef, sub {
                my $event = shift;
                return $event->{body} eq 'testBody' && $event->{path} eq '/testPath'
                    && $event->{method} eq 'POST' && $event->{eventType} eq 'http'
                    && $event->{headers}{Testheaderkey1} eq 'v1'
                    && $event->{headers}{Testheaderkey2} eq 'v2'
                    && $event->{id} =~ /^[0-9a-f]{32}$/;
            }, { Testheaderkey1 => 'v1', testHeaderKey2 => 'v2' }],
            cloud_events(),
        ]],
        ['init-fail', "python:$common/context-init-fail/python/contextinitfail.py:handler",
            '', [['P20', 'POST', '/', '', 503, undef, qr/./]]],
        ['empty', "python:$common/empty/python/empty.py:handler", '', [
            (map { ["P21, $_ MiB", 'POST', '/', 'x' x ($_ << 20), 200, undef, ''] }
                2, 4, 8, 40),
            post('P22', "\xc0\xaf", 200, undef, ''),
            post('P23, it is Latin-1', 'x', 200, undef, '', { 'X-A' => "\xc0\xaf" }),
        ]],
        ['empty-bytes', "python:$common/empty/python/empty.py:handler",
            'fn_env NUCLIO_PYTHON_DECODE_EVENT_STRINGS=no;', [
            post('P24', 'x', 200, undef, '', { 'X-A' => "\xc0\xaf" }),
        ]],
        ['returner-bytes', "python:$common/event-returner/python/eventreturner.py:handler",
            'fn_env NUCLIO_PYTHON_DECODE_EVENT_STRINGS=no;', [
            ['P24, bytes', 'POST', '/testPath', 'testBody', 200, undef,
                sub { $_[0]{path} eq '/testPath' && $_[0]{headers}{A} eq 'b' },
                { a => 'b' }],
        ]],
        ['timeout', "python:$tests/python/timeout/timeout.py:handler",
            'fn_timeout 500ms;', [
            post('P25', '{"timeout":"1ms"}', 200, undef, qr/^\{"pid": \d+\}$/,
                { 'Content-Type' => $json }),
            post('P26, 504', '{"timeout":"5s"}', 504, undef, qr/./,
                { 'Content-Type' => $json }),
            post('P26, again', '{"timeout":"1ms"}', 200, undef, qr/^\{"pid": \d+\}$/,
                { 'Content-Type' => $json }),
        ]],
        ['envprinter', "python:$common/envprinter/python/envprinter.py:handler",
            'fn_env FIRST_ENV=11223344; fn_env SECOND_ENV=0099887766;', [
            post('P27', '', 200, undef, qr/first: "11223344"; second: "0099887766"/),
        ]],
        ['callee', "python:$common/function-caller/python/callee/callee.py:handler", '', []],
        ['caller', "python:$common/function-caller/python/caller/caller.py:handler", '', [
            post('P28', '{"callee_name": "callee"}', 201, $json, {
                callee_received_body   => 'caller_body',
                callee_received_header => 'caller_header',
                callee_received_method => 'PUT',
                callee_received_path   => '/caller/path',
            }, { 'Content-Type' => $json },
                { 'x-callee-received-header' => 'caller_header' }),
        ]],
        ['batch', "python:$tests/python/batch/batch-http-func.py:handler",
            'fn_concurrency 2; fn_env NUCLIO_PYTHON_BATCH_SIZE=2;'
            . ' fn_env NUCLIO_PYTHON_BATCH_TIMEOUT=100ms;', [
            post('P29', 'hello-0', 200, 'text', 'Response to in-batch event'),
        ]],
        ['drain', "python:$tests/python/drain-hook/drain-hook.py:handler", '', []],
        ['wrong-type', 'python:%DIR%/main.py:handler', '', [
            ['P33, the text is another', 'GET', '/', undef, 500, $text, qr/content type/],
        ]],
        ['long-init', "python:$common/long-initialization/python/sleepy.py:handler", '', [
            post('B5', '', 200, undef, 'Good morning'),
        ]],
        ['reverser', "python:$common/reverser/python/reverser.py:handler", '', [
            post('B1', 'abcdef', 200, undef, 'fedcba'),
        ]],
        ['hello', "python:$examples/python/helloworld/helloworld.py:handler", '', [
            post('X, helloworld', '', 200, $text, 'Hello, from nuclio :]'),
        ]],
        ['empty-example', "python:$examples/python/empty/empty.py:handler", '', [
            post('X, empty', '', 200, undef, ''),
        ]],
    ]},

    golang => { needs => 'go', functions => [
        ['outputter', out('golang', '_outputter/outputter.go:Outputter'), '', [
            post('G1', 'return_body_error', 400, $utf8, 'error string body'),
            post('G2', 'return_string', 200, $utf8, 'a string'),
            post('G3', 'return_bytes', 200, $utf8, 'bytes'),
            post('G4', 'panic', 500, undef, qr/./),
            post('G4, alive', 'return_string', 200, $utf8, 'a string'),
            post('G5', 'return_response', 201, $utf8, 'response body',
                { a => 1, b => 2 }, { a => 1, b => 2, h1 => 'v1', h2 => 'v2' }),
            logs('G6', 'log', 'debug', 200, 'returned logs', @levels),
            logs('G7', 'log', 'warn', 200, 'returned logs', @levels[2, 3]),
            ['G8', 'GET', '/', undef, 200, $utf8, 'GET'],
            ['G9', 'POST', '/?x=1&y=2', 'return_fields', 200, $utf8, 'x=1,y=2'],
            ['G10', 'POST', '/path/to/nowhere', 'return_path', 200, $utf8,
                '/path/to/nowhere'],
        ]],
        ['event-returner', "golang:$common/event-returner/golang/eventreturner.go", '', [
            ['G11', 'POST', '/testPath', 'testBody', 200, undef, sub {
                my $event = shift;
                return $event->{body} eq 'dGVzdEJvZHk=' && $event->{path} eq '/testPath'
                    && $event->{method} eq 'POST' && $event->{eventType} eq 'http'
                    && $event->{headers}{Testheaderkey1} eq 'v1';
            }, { Testheaderkey1 => 'v1' }],
            cloud_events(1),
        ]],
        ['file-streamer', "golang:$common/file-streamer/golang/filestream.go", '', [
            ['G12', 'POST', '%DIR%/pub/stream', 'x' x 4096, 200, undef,
                'streamed' x 512, {}, { 'X-Request-Body' => 'x' x 4096 }],
            ['G12, deleted', 'POST', '%DIR%/pub/once?delete_after_send=true', '', 200,
                undef, 'y' x (10 << 20)],
            ['G12, gone', 'POST', '%DIR%/pub/once', '', 404, undef, qr//],
        ]],
        ['timeout', "golang:$tests/golang/timeout/timeout.go", 'fn_timeout 300ms;', [
            post('G13', '{"timeout":"1ms"}', 200, undef, qr/\d/),
            post('G13, 504', '{"timeout":"1s"}', 504, undef, qr/./),
        ]],
        ['init', "golang:$common/context-init/golang/contextinit.go", '', [
            post('G14', '', 200, undef, 'User data initialized from context: 0'),
        ]],
        ['init-fail', "golang:$common/context-init-fail/golang/contextinitfail.go", '', [
            ['G15', 'POST', '/', '', 503, undef, qr/./],
        ]],
        ['callee', "golang:$common/function-caller/golang/callee/callee.go", '', []],
        ['caller', "golang:$common/function-caller/golang/caller/caller.go", '', [
            post('G17', '{"callee_name": "callee"}', 201, undef,
                { from_callee => 'returned_value' }, {},
                { 'X-Callee-Received-Header' => 'caller_header' }),
        ]],
        ['broken', "golang:$common/compilation-error/golang/compilation-error.go", '', [
            ['G18', 'POST', '/', '', 503, undef, qr/./],
        ]],
        ['logging', "golang:$common/logging/golang/logging.go", '', [
            ['G20', 'POST', '/', '', 200, undef, qr//, { 'X-Nuclio-Log-Level' => 'debug' },
                sub { @{ decode_json($_[0]{'x-nuclio-logs'} || '[]') } >= 4 }],
        ]],
        ['long-init', "golang:$common/long-initialization/golang/sleepy.go", '', [
            post('B5', '', 200, undef, 'Good morning'),
        ]],
        ['reverser', "golang:$common/reverser/golang/reverser.go", '', [
            post('B1', 'abcdef', 200, undef, 'fedcba'),
        ]],
        ['hello', "golang:$examples/golang/helloworld/helloworld.go", '', [
            post('X, helloworld', '', 200, 'application/text', 'Hello, from Nuclio :]'),
        ]],
        ['empty', "golang:$examples/golang/empty/empty.go", '', [
            post('X, empty', '', 200, undef, ''),
        ]],
        ['ingress', "golang:$examples/golang/ingress/ingress.go", '', [
            post('X, ingress', '', 200, undef, 'Handler called'),
        ]],
        ['regexscan', "golang:$examples/golang/regexscan/regexscan.go", '', [
            post('X, regexscan', '111-22-3333', 200, $utf8, { matches => ['SSN'] }),
        ]],
        ['fibonacci', "golang:$examples/golang/callfunction/fibonacci/fibonacci.go", '', [
            post('X, fibonacci', '10', 200, 'application/text', '55'),
        ]],
        ['fibonaccisum',
            "golang:$examples/golang/callfunction/fibonaccisum/fibonaccisum.go", '', [
            post('X, fibonaccisum', '10', 200, 'application/text', '1653'),
        ]],
        ['rabbitmq', "golang:$examples/golang/rabbitmq/rabbitmq.go", '', [
            # its file, which the broker's events would have made, is not there
            ['X, rabbitmq', 'GET', '/', undef, 500, undef, qr/no such file/],
        ]],
    ]},

    nodejs => { needs => 'node', functions => [
        ['outputter', out('nodejs', 'outputter/outputter.js:testHandler'), '', [
            post('N1', 'return_string', 200, $text, 'a string'),
            post('N2', 'return_status_and_string', 201, $text, 'a string after status'),
            post('N3', 'return_status_and_dict', 201, $json,
                { a => 'dict after status', b => 'foo' }),
            post('N4', 'return_response', 201, $text, 'response body', {},
                { h1 => 'v1', h2 => 'v2' }),
            post('N5', 'something invalid', 500, $text, qr/./),
            post('N5, alive', 'return_string', 200, $text, 'a string'),
            logs('N6', 'log', 'debug', 201, 'returned logs', @levels),
            logs('N7', 'log', 'warn', 201, 'returned logs', @levels[2, 3]),
            with('N8', 201),
            ['N9', 'GET', '/', undef, 200, $text, 'GET'],
            ['N10', 'POST', '/?x=1&y=2', 'return_fields', 200, $text, 'x=1,y=2'],
            ['N11', 'POST', '/path/to/nowhere', 'return_path', 200, $text,
                '/path/to/nowhere'],
            post('N12', 'return_error', 500, $text, qr/some error/),
        ]],
        ['init', "nodejs:$common/context-init/nodejs/contextinit.js", '', [
            post('N13', '10', 200, undef, '20'),
        ]],
        ['init-fail', "nodejs:$common/context-init-fail/nodejs/contextinitfail.js", '', [
            ['N14', 'POST', '/', '', 503, undef, qr/./],
        ]],
        ['long-init', "nodejs:$common/long-initialization/nodejs/sleepy.js", '', [
            post('N16', '', 200, undef, 'Good morning'),
        ]],
        ['reverser', "nodejs:$common/reverser/nodejs/handler.js", '', [
            post('B1', 'abcdef', 200, undef, 'fedcba'),
        ]],
        ['reverser-example', "nodejs:$examples/nodejs/reverser/handler.js", '', [
            post('X, reverser', 'abcdef', 200, undef, 'fedcba'),
        ]],
        ['empty', "nodejs:$examples/nodejs/empty/empty.js", '', [
            post('X, empty', '', 200, undef, ''),
        ]],
    ]},

    java => { needs => 'javac', functions => [
        ['outputter', out('java', 'outputter/Outputter.java'), '', [
            post('J1', 'return_string', 200, $text, 'a string'),
            post('J2', 'return_bytes', 200, $text, 'bytes'),
            post('J3', 'return_response', 201, $text, 'response body', {},
                { h1 => 'v1', h2 => 'v2' }),
            post('J4', 'something invalid', 500, $text, qr/./),
            post('J4, alive', 'return_string', 200, $text, 'a string'),
            logs('J5', 'log', 'debug', 201, 'returned logs', @levels),
            logs('J6', 'log', 'warn', 201, 'returned logs', @levels[2, 3]),
            with('J7', 201),
            ['J8', 'GET', '/', undef, 200, $text, 'GET'],
            ['J9', 'POST', '/?x=1&y=2', 'return_fields', 200, $text, 'x=1,y=2'],
            ['J10', 'POST', '/path/to/nowhere', 'return_path', 200, $text,
                '/path/to/nowhere'],
            post('J11', 'return_error', 500, $text, qr/some error/),
        ]],
        ['memory', "java:$tests/java/memory/MemoryHandler.java",
            'fn_command java java -Xmx512m;', [
            post('J12', '', 200, undef, qr/Max: 536870912/),
        ]],
        ['reverser-jar', "java:$tests/java/reverser-jar/reverser.jar", '', [
            post('J13', 'abcdef', 200, undef, 'fedcba'),
        ]],
        ['reverser', "java:$common/reverser/java/Reverser.java", '', [
            post('B1', 'abcdef', 200, undef, 'fedcba'),
        ]],
        ['reverser-example',
            "java:$examples/java/reverser/src/main/java/ReverseEventHandler.java", '', [
            post('X, reverser', 'abcdef', 200, undef, 'fedcba'),
        ]],
        ['empty', "java:$examples/java/empty/EmptyHandler.java", '', [
            post('X, empty', '', 200, undef, ''),
        ]],
    ]},

    dotnetcore => { needs => 'dotnet', functions => [
        ['reverser', "dotnetcore:$common/reverser/dotnetcore/reverser.cs:nuclio:reverser",
            '', [
            post('B1', 'abcdef', 200, undef, 'fedcba'),
        ]],
        ['hello', "dotnetcore:$examples/dotnetcore/helloworld/helloworld.cs:nuclio:main",
            '', [
            post('X, helloworld', '', 200, 'application/text', 'Hello, from nuclio'),
        ]],
        ['reverser-example',
            "dotnetcore:$examples/dotnetcore/reverser/reverser.cs:nuclio:reverser", '', [
            post('X, reverser', 'abcdef', 200, undef, 'fedcba'),
        ]],
        ['empty', "dotnetcore:$examples/dotnetcore/empty/empty.cs:nuclio:empty", '', [
            post('X, empty', '', 200, undef, ''),
        ]],
    ]},

    ruby => { needs => 'ruby', functions => [
        ['outputter', out('ruby', 'outputter/outputter.rb:main'), '', [
            post('R1', 'return_userdata', 200, $text, 'userdata'),
            post('R2', 'return_string', 200, $text, 'a string'),
            post('R3', 'return_bytes', 200, $text, 'bytes'),
            post('R4', 'return_response', 201, $text, 'response body', {},
                { h1 => 'v1', h2 => 'v2' }),
            post('R5', 'something invalid', 500, $text, qr/./),
            post('R5, alive', 'return_string', 200, $text, 'a string'),
            logs('R6', 'log', 'debug', 201, 'returned logs', @levels),
            logs('R7', 'log', 'warn', 201, 'returned logs', @levels[2, 3]),
            with('R8', 201),
            ['R9', 'GET', '/', undef, 200, $text, 'GET'],
            ['R10', 'POST', '/?x=1&y=2', 'return_fields', 200, $text, 'x=1,y=2'],
            ['R11', 'POST', '/path/to/nowhere', 'return_path', 200, $text,
                '/path/to/nowhere'],
            post('R12', 'return_error', 500, $text, qr/some error/),
        ]],
        ['long-init', "ruby:$common/long-initialization/ruby/sleepy.rb:main", '', [
            post('B5', '', 200, undef, 'Good morning'),
        ]],
        ['parser', "ruby:$common/json-parser-with-function-config/ruby/parser.rb:main", '', [
            post('B2', '{"a": 100, "return_this": "returned value"}', 200, undef,
                'returned value', { 'Content-Type' => $json }),
        ]],
        ['reverser', "ruby:$common/reverser/ruby/reverser.rb:main", '', [
            post('B1', 'abcdef', 200, undef, 'fedcba'),
        ]],
        ['empty', "ruby:$examples/ruby/empty/empty.rb:main", '', [
            post('X, empty', '', 200, undef, ''),
        ]],
    ]},

    shell => { needs => 'sh', functions => [
        ['outputter', out('shell', 'outputter/outputter.sh:main'),
            'fn_env ENV1=value1; fn_env ENV2=value2; fn_arguments first second;'
            . ' fn_arguments_header on; add_header header1 value1;', [
            post('S1', 'return_body', 200, $utf8, "return_body\n", {},
                { header1 => 'value1' }),
            post('S2', 'return_env', 200, $utf8, "value1-value2\n"),
            post('S3', 'return_error', 500, undef, qr/./),
            post('S4', 'return_arguments', 200, $utf8, "first-second\n"),
            post('S5', 'return_arguments', 200, $utf8, "overridefirst-overridesecond\n",
                { 'X-Nuclio-Arguments' => 'overridefirst overridesecond' }),
            post('S6', 'return_error_with_message', 500, undef,
                qr/^Failed to run shell command\.\nError: exit status 1\nOutput:return_error_with_message\nsome_error\n$/),
        ]],
        ['timeout', "shell:$tests/shell/timeout/timeout.sh", 'fn_timeout 1s;', [
            post('S7, 504', '', 504, undef, qr/./),
            post('S8', 'sleep 0.5', 200, undef, qr//),
        ]],
        ['rev', 'shell:rev', '', [post('S9', 'abcdef', 200, undef, qr/^fedcba\n?$/)]],
        ['echo', 'shell:echo', 'fn_arguments abcdef; fn_arguments_header on;', [
            post('S10', '', 200, undef, "abcdef\n"),
            post('S10, header', '', 200, undef, "123456\n",
                { 'X-Nuclio-Arguments' => '123456' }),
        ]],
        ['reverser', "shell:$common/reverser/shell/reverser.sh", '', [
            post('B1', 'abcdef', 200, undef, qr/^fedcba\n?$/),
        ]],
        ['empty', "shell:$examples/shell/empty/empty.sh", '', [
            post('X, empty', '', 200, undef, "\n"),
        ]],
    ]},
);

# Alpine's sh, for which nuclio's scripts are written, takes "=="
my $equals = system(q(sh -c '[ a == a ]' 2> /dev/null)) == 0;

my $client = HTTP::Tiny->new(timeout => 150, keep_alive => 0);

for my $language (@ARGV ? @ARGV : sort keys %languages) {
  SKIP: {
        my $needs = $languages{$language}{needs};

        skip "$language: no $needs", 1 if !grep { -x "$_/$needs" }
            split /:/, $ENV{PATH};

        language($language);
    }
}

done_testing();


# Cases

sub out {
    my ($language, $target) = @_;

    return "$language:" . abs_path($nuclio)
        . "/pkg/processor/runtime/$language/test/$target";
}


sub post {
    my ($label, $body, $code, $type, $answer, $headers, $check) = @_;

    return [$label, 'POST', '/', $body, $code, $type, $answer, $headers, $check];
}


sub logs {
    my ($label, $body, $level, $code, $answer, @messages) = @_;

    return post($label, $body, $code, undef, $answer,
        { 'X-Nuclio-Log-Level' => $level }, sub {
            my @seen = map { $_->{message} }
                @{ decode_json($_[0]{'x-nuclio-logs'} || '[]') };
            return "@seen" eq "@messages" || diag("@seen");
        });
}


sub with {
    my ($label, $code) = @_;

    return post($label, 'log_with', $code, undef, 'returned logs with',
        { 'X-Nuclio-Log-Level' => 'warn' }, sub {
            my @seen = @{ decode_json($_[0]{'x-nuclio-logs'} || '[]') };
            return @seen == 1 && $seen[0]{level} eq 'error'
                && $seen[0]{message} eq 'Error message'
                && $seen[0]{source} eq 'rabbit' && $seen[0]{weight} == 7;
        });
}


sub cloud_events {
    my ($base64) = @_;
    my $time = '2018-04-05T17:31:00Z';
    my %facts = (
        type => 'com.example.someevent', version => '0.1', typeVersion => '1.0',
        contentType => 'text/xml', id => 'A234-1234-1234', eventType => '/mycontext',
        body => $base64 ? 'dmFsaWQgeG1s' : 'valid xml', path => '/testPath',
        method => 'POST',
    );
    my $is = sub {
        my ($event) = @_;
        my @wrong = grep { $event->{$_} ne $facts{$_} } keys %facts;
        diag("$_: $event->{$_}") for @wrong;
        return !@wrong && $event->{timestamp} =~ /^2018-04-05T17:31:00/;
    };

    return ['P32a', 'POST', '/testPath', encode_json({
            cloudEventsVersion => '0.1', eventType => $facts{type},
            eventTypeVersion => '1.0', source => '/mycontext',
            eventID => $facts{id}, eventTime => $time,
            extensions => { comExampleExtension => 'value' },
            contentType => 'text/xml', data => 'valid xml',
        }), 200, undef, sub {
            return $is->($_[0])
                && encode_json($_[0]{headers}) eq '{"comExampleExtension":"value"}';
        }, { 'Content-Type' => 'application/cloudevents+json' }],
        ['P32b', 'POST', '/testPath', 'valid xml', 200, undef, $is, {
            'CE-EventID' => $facts{id}, 'CE-Source' => '/mycontext',
            'CE-EventTime' => $time, 'CE-EventType' => $facts{type},
            'CE-EventTypeVersion' => '1.0', 'CE-CloudEventsVersion' => '0.1',
            'Content-Type' => 'text/xml',
        }];
}


# A server for each language

sub language {
    my ($language) = @_;
    my @functions = @{ $languages{$language}{functions} };
    my %port = map { $_->[0] => FnServer::free_port() } @functions;

    my $http = <<'END' . join '', map { <<"END_SERVER" } @functions;
    fn_start_timeout 120s;
    fn_queue 128 timeout=120s;
    fn_debug on;
    fn_logs_header on;

    server {
        listen unix:%DIR%/call.sock;
        location / { fn_call; }
    }
END
    server {
        listen 127.0.0.1:$port{$_->[0]};
        fn_command python python3;

        location / {
            $_->[2]
            fn_handler $_->[1] name=$_->[0];
        }
    }
END_SERVER

    my $server = FnServer->new(http => $http, files => {
        'main.py' => "import nuclio_sdk\n\ndef handler(context, event):\n"
            . "    return nuclio_sdk.Response(body=str(123), content_type=123)\n",
    });

    write_pub($server, 'stream', 'streamed' x 512);
    write_pub($server, 'once', 'y' x (10 << 20));

    for my $function (@functions) {
        my ($name, undef, undef, $cases) = @$function;

      SKIP: {
            skip "$language: $name: this sh has no \"==\"", 1
                if "$language $name" eq 'shell outputter' && !$equals;

            check($server, $port{$name}, "$language: $name", @$_) for @$cases;
        }
    }

    batch($port{batch}) if $language eq 'python';
    like($server->log, qr/fn "broken" pid \d+: .*compilation-error\.go:\d+/,
        'golang: G18: why is in the log') if $language eq 'golang';
    ok($server->stop('QUIT'), "$language: it ends");
}


sub write_pub {
    my ($server, $name, $bytes) = @_;

    $server->write("pub/$name", $bytes);
    chmod 0666, $server->dir . "/pub/$name";
}


sub check {
    my ($server, $port, $where, $label, $method, $path, $body, $code, $type, $answer,
        $headers, $check) = @_;
    my $dir = $server->dir;

    $path =~ s/%DIR%/$dir/;

    my %options = (headers => { 'Content-Type' => $text, %{ $headers || {} } });
    $options{content} = $body if defined $body;

    my $reply = request($method, $port, $path, \%options);

    is($reply->{status}, $code, "$where: $label: status")
        or diag(substr $reply->{content}, 0, 2000);
    is($reply->{headers}{'content-type'}, $type, "$where: $label: type")
        if defined $type;
    content($reply->{content}, $answer, "$where: $label: body");

    if (ref $check eq 'CODE') {
        ok($check->($reply->{headers}), "$where: $label: logs");

    } elsif ($check) {
        is($reply->{headers}{lc $_}, $check->{$_}, "$where: $label: $_")
            for sort keys %$check;
    }
}


# HTTP::Tiny refuses header fields that are not ASCII

sub request {
    my ($method, $port, $path, $options) = @_;

    return $client->request($method, "http://127.0.0.1:$port$path", $options)
        if !grep {/[^ -~]/} values %{ $options->{headers} };

    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or die $!;

    print {$socket} "$method $path HTTP/1.0\r\n",
        map({ "$_: $options->{headers}{$_}\r\n" } keys %{ $options->{headers} }),
        'Content-Length: ', length $options->{content}, "\r\n\r\n",
        $options->{content};

    local $/;
    my ($status, $content) = <$socket> =~ m{^HTTP/1\.1 (\d+).*?\r\n\r\n(.*)}s;
    return { status => $status, content => $content, headers => {} };
}


sub content {
    my ($content, $answer, $label) = @_;

    if (ref $answer eq 'Regexp') {
        like($content, $answer, $label);

    } elsif (ref $answer eq 'CODE') {
        ok($answer->(eval { decode_json($content) } || {}), $label)
            or diag(substr $content, 0, 2000);

    } elsif (ref $answer) {
        is_deeply(eval { decode_json($content) }, $answer, $label) or diag($content);

    } else {
        ok($content eq $answer, $label) or diag(substr $content, 0, 2000);
    }
}


# P29: two at the same time are one batch

sub batch {
    my ($port) = @_;
    my @pids = map {
        my $number = $_;
        my $pid = fork // die "fork: $!";
        if ($pid == 0) {
            my $reply = $client->post("http://127.0.0.1:$port/",
                { content => "hello-$number" });
            POSIX::_exit($reply->{content} eq 'Response to in-batch event' ? 0 : 1);
        }
        $pid;
    } 0, 1;

    for (@pids) {
        waitpid $_, 0;
        is($?, 0, 'python: batch: P29: one of two');
    }
}
