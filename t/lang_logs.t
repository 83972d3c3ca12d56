# What handlers say in the error log, in each language: loggers, standard output
# and standard error, errors and their stacks.  "--- get" names what the
# conformance handler does, runtimes/conformance/README says it.

use FindBin;
BEGIN { require "$FindBin::RealBin/lib/FnLang.pm" }

my $lang;
BEGIN { $lang = FnLang->new }

use Test::Nginx::Socket 'no_plan';

our $file = server_root() . '/logs/error.log';

my %handler = (
    debug => $lang->handler('talks'),
    error => $lang->handler('errors'),
);

my $config = <<"_EOC_";
    location /f/ {
        $handler{debug}
        fn_log_level debug;
    }

    location /errors/ {
        $handler{error}
        fn_log_level error;
    }
_EOC_

# how a line begins whose process is known, and its event too; some languages
# don't know the event of what is printed

our $process = qr/fn "talks" pid \d+/;
our $event = qr/$process, id [0-9a-f]{32}/;
our $printed = qr/$process(?:, id [0-9a-f]{32})?/;

# a script has no stack, and its standard error is what it says

our ($failed, $stack, $late) = $lang->is('shell')
    ? (qr/some /, qr/some |background /, qr/$event:/)
    : (qr/handler failed: /, qr/[cC]onformance\b/, qr/$process:/);

our $started = $lang->in_worker ? qr/$process: init context/ : qr/fn "talks" process \d+ ready in/;

my $first = 1;

add_block_preprocessor(sub {
    my ($block) = @_;
    my $get = $block->get;

    if ($first) {
        $block->set_value(config => $config);
        $block->set_value(timeout => 120);
        $first = 0;

    } elsif (my $lacks = $lang->asked_lacks(server_port(), "/f/$get")) {
        $block->set_value(name => $block->name . " # $lacks");
        $block->set_value(skip_eval => '1: 1');

    } elsif (defined $block->process && $lang->in_worker) {
        $block->set_value(name => $block->name . " # in a worker, " . $block->process);
        $block->set_value(skip_eval => '1: 1');

    } elsif (defined $block->dies && $lang->in_worker && $lang->is('golang')) {
        $block->set_value(name => $block->name . " # golang: a panic elsewhere ends the worker");
        $block->set_value(skip_eval => '1: 1');
    }

    if (defined $block->dies && $lang->in_worker && $lang->is('golang')) {
        $block->set_value(name => $block->name . ' # a goroutine that panics ends the worker');
        $block->set_value(skip_eval => '1: 1');
    }

    $block->set_value(request => ["GET /f/$get", 'GET /f/text'])
        if !defined $block->request;
    $block->set_value(error_code => [$block->status // 200, 200]);
    # a process may end by a signal of its own then
    $block->set_value(no_error_log => defined $block->dies ? "[emerg]\n[alert] 0#0" : "[alert]\n[emerg]");
});

# "logged": what the error log has; "unlogged": what it never has

add_response_body_check(sub {
    my ($block, $body, $index) = @_;

    return if !$index;

    $lang->log_has($file, $block->name, @{ $block->logged });

    ok(FnLang::contents($file) !~ $_, $block->name . ": not logged $_")
        for @{ $block->unlogged || [] };
});

log_level('debug');
no_root_location();
no_shuffle();
run_tests();

__DATA__

=== it starts
--- get: text
--- logged eval
[$::started]



=== each level of the logger, and the request
--- get: log
--- logged eval
[qr/\[debug\] [^\n]* $::event: debug message/,
 qr/\[info\] [^\n]* $::event: info message/,
 qr/\[warn\] [^\n]* $::event: warn message/,
 qr/\[error\] [^\n]* $::event: error message[^\n]*, client: 127\.0\.0\.1, [^\n]* request: "GET \/f\/log HTTP\/1\.1"/]



=== a level that is not wanted is not sent
--- get: log
--- request eval
["GET /errors/log", "GET /f/text"]
--- logged eval
[qr/\[error\] [^\n]* fn "errors" pid \d+, id \w{32}: error message/]
--- unlogged eval
[qr/fn "errors" pid \d+, id \w{32}: (?:debug|info|warn) message/]



=== fields
--- get: log_with
--- logged eval
[qr/\[error\] [^\n]* $::event: message with \{(?=[^\n]*"source": ?"rabbit")(?=[^\n]*"weight": ?"?7"?[,}])/]



=== odd characters are escaped, others are not
--- get: log_odd
--- logged eval
[qr/\[info\] [^\n]* $::event: (?=[^\n]*\\x0A)(?=[^\n]*\\x1B)(?=[^\n]*\\x00)[^\n]*\xf0\x9f\x98\x80/]
--- unlogged eval
[qr/[\x00\x1b]/]



=== a record that is too large is cut
--- get: log_large
--- logged eval
[qr/\[info\] [^\n]* $::event: x{1000,2048}[^x]/]
--- unlogged eval
[qr/x{2049}/]



=== a record with values that are too deep is shortened
--- get: log_deep
--- logged eval
[qr/\[info\] [^\n]* $::event: deep/]



=== what is printed, line by line
--- get: print
--- logged eval
[qr/\[(?:info|notice)\] [^\n]* $::printed: out one(?: while |, client|\n)/,
 qr/\[(?:info|notice)\] [^\n]* $::printed: out two(?: while |, client|\n)/,
 qr/\[error\] [^\n]* $::printed: err one(?: while |, client|\n)/]



=== an error and its stack, and nothing of it to the client
--- get: raise
--- status: 500
--- response_body_like eval
[$::failed =~ /handler/ ? '^function failed, request id: \w{32}\n$' : '^Failed to run shell command', '^text ']
--- logged eval
[qr/\[error\] [^\n]* $::event: (?=$::failed)[^\n]*some error/,
 qr/\[error\] [^\n]* $::event: [^\n]*$::stack/]



=== what is written past the language's own streams
--- get: write
--- process: 1 and 2 are nginx's
--- logged eval
[qr/\[(?:notice|info)\] [^\n]* $::printed: raw(?: while |, client|\n)/,
 qr/\[error\] [^\n]* $::printed: \{"type":"x"\}(?: while |, client|\n)/]



=== an error in the background has its function and its stack
--- get: background
--- dies
--- logged eval
[qr/\[error\] [^\n]* $::process[^\n]*background error/,
 qr/\[error\] [^\n]* $::late [^\n]*$::stack/]
