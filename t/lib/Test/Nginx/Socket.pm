package Test::Nginx::Socket;

# Runs suites in the block format of Test::Nginx::Socket from CPAN, the subset
# that t/README lists. Suites have to pass with the original as well.

use v5.10.1;
use strict;
use warnings;

use Test::Base -base;

use List::Util qw(any first shuffle);
use Time::HiRes qw(sleep);

use Test::Nginx::Client qw(requests_of response_to parse_response response_header);
use Test::Nginx::Util qw(
    :DEFAULT expand_env_in_text eval_section prepare_server_root start_nginx
    stop_nginx check_nginx_started nginx_version_is error_log_data access_log_data
);

our @EXPORT = (@Test::Nginx::Util::EXPORT, qw(run_tests is_str add_response_body_check));

# These would pass without having been checked.
my @UNSUPPORTED = qw(
    charset curl_error curl_protocol error_log_file http09 http2 http3
    post_setup_server_root reload_fails request_eval response_body_eval
    response_body_filters response_body_json_sort skip_nginx2 skip_openssl
    skip_slave stap stap_out stap_out_like stap_out_unlike tcp_listen todo
    todo_nginx udp_listen write_resp_body_file
);

my @response_body_checks;
my $previous_config;
my $previous_block;

sub add_response_body_check ($) { push @response_body_checks, shift }

sub run_tests () {
    $ENV{TEST_NGINX_SERVER_PORT} //= $Test::Nginx::Util::ServerPort;
    for my $block ($Test::Nginx::Util::NoShuffle ? blocks() : shuffle blocks()) {
        $_->($block) for @Test::Nginx::Util::BlockPreprocessors;
        $block->set_value(name => "$0 " . $block->name);
        run_block($block);
        $_->($block) for @Test::Nginx::Util::TestCleanupHandlers;
        $previous_block = $block;
    }
    stop_server();
}

sub run_block {
    my ($block) = @_;
    my $name = $block->name;
    my $unsupported = first { exists $block->{$_} } @UNSUPPORTED;
    return fail("$name - section $unsupported is not supported by t/lib") if $unsupported;

    if (my ($count, $reason) = skipped_checks($block)) {
      SKIP: { skip("$name - $reason", $count * repeat_each()) }
        return;
    }

    local $Test::Nginx::Util::LogLevel = $block->log_level || log_level();
    %Test::Nginx::Util::RandPorts = ();
    if (needs_server($block)) {
        return run_must_die($block) if defined $block->must_die;
        start_server($block) or return;
    }

    eval_section($block, 'init', scalar $block->init) if $block->init;
    $Test::Nginx::Util::ErrLogFilePos = 0;
    run_requests($block, $_) for 0 .. repeat_each() - 1;
}

# Returns the number of checks to skip and why, or nothing.
sub skipped_checks {
    my ($block) = @_;
    if (my $rule = $block->skip_eval) {
        my ($count, $code) = $rule =~ /^\s*(\d+)\s*:\s*(.*)/s or bail_out("bad skip_eval: $rule");
        return $count, 'skip_eval' if eval_section($block, 'skip_eval', $code);
    }
    if (my $rule = $block->skip_nginx) {
        my ($count, $operator, $version, $reason)
            = $rule =~ /^\s*(\d+)\s*:\s*([<>]=?)\s*([\d.]+)\s*(?::\s*(.*))?$/
            or bail_out("bad skip_nginx: $rule");
        return $count, $reason || "nginx version $operator $version"
            if nginx_version_is($operator, $version);
    }
    return;
}

# The server

# A block without a config goes on with the server of the block before it.
sub needs_server {
    my ($block) = @_;
    return 0 if $Test::Nginx::Util::NoNginxManager;
    if (!defined $block->config) {
        bail_out($block->name . ' - no config, and none before it') if !defined $previous_config;
        return 0;
    }
    return 1 if $ENV{TEST_NGINX_FORCE_RESTART_ON_TEST} // 1;
    return !defined $previous_config || $previous_config ne $block->config;
}

sub stop_server {
    return if $Test::Nginx::Util::NoNginxManager;
    stop_nginx();
    check_shutdown_log($previous_block) if $previous_block;
}

sub launch {
    my ($block) = @_;
    stop_server();
    prepare_server_root($block, expand_env_in_text(scalar $block->config, $block->name));
    $previous_config = $block->config;
    $Test::Nginx::Util::ErrLogFilePos = 0;
    my $status = start_nginx(defined $block->suppress_stderr);
    bail_out($block->name . ' - cannot execute nginx') if $status >> 8 == 127;
    return $status;
}

sub start_server {
    my ($block) = @_;
    return 1 if launch($block) == 0 && check_nginx_started();
    fail($block->name . ' - nginx starts');
    diag(@{ error_log_data() });
    return 0;
}

sub run_must_die {
    my ($block) = @_;
    my $name = $block->name;
    for my $repeat (0 .. repeat_each() - 1) {
        my $status   = launch($block);
        my $expected = $block->must_die;
        if ($status & 127) {
            fail("$name - nginx was killed by signal " . ($status & 127));
        }
        elsif ($expected =~ /^\d+$/) {
            is($status >> 8, $expected, "$name - exit code of nginx");
        }
        else {
            isnt($status, 0, "$name - nginx must not start");
        }
        check_error_log($block, $repeat);
        next if $status != 0;
        check_nginx_started();
        stop_nginx();
    }
}

# Requests and their checks

sub run_requests {
    my ($block, $repeat) = @_;
    my @requests = requests_of($block);
    my $count = map { @{ $_->{methods} } } @requests;
    # The original wants arrays of a pipeline even when it has one request.
    my $many  = $count > 1 || $block->pipelined_requests;
    my $at    = { index => 0, many => $many, repeat => $repeat };

    for my $request (@requests) {
        my $bytes   = response_to($block, $request);
        my @methods = @{ $request->{methods} };
        while (defined(my $method = shift @methods)) {
            $bytes = check_response($block, $bytes, $method, scalar @methods, $at)
                if !defined $block->ignore_response;
            sleep $block->wait if $block->wait;
            check_error_log($block, $repeat);
            check_access_log($block, $repeat) if !defined $block->ignore_response;
            $at->{index}++;
        }
    }
}

# Returns the bytes that follow the response.
sub check_response {
    my ($block, $bytes, $method, $more, $at) = @_;
    my ($response, $rest, $error) = parse_response($bytes, $method, $more);
    if (defined $error) {
        fail($block->name . " - invalid chunked data received: $error");
        $response->{code} = '';
    }
    warn 'WARNING: ' . $block->name . ' - extra bytes after the response: ' . printable($rest) . "\n"
        if length $rest && !$more;

    check_code($block, $response, $at);
    check_raw_headers($block, $response, $at);
    check_headers($block, $response, $at);
    check_body($block, $response, $at);
    $_->($block, $response->{content}, $at->{index}, $at->{repeat}, 0) for @response_body_checks;
    return $rest;
}

# What a section expects of the current request.
sub expected {
    my ($block, $section, $at) = @_;
    my $value = $block->$section;
    return $value->[$at->{index}] if ref $value eq 'ARRAY';
    bail_out($block->name . " - several requests need an array in $section") if $at->{many};
    return $value;
}

sub with_ports {
    my ($text) = @_;
    return $text if !defined $text || ref $text;
    $text =~ s/\$ServerPort\b/server_port()/ge;
    $text =~ s/\$ServerPortForClient\b/server_port_for_client()/ge;
    return $text;
}

sub check_code {
    my ($block, $response, $at) = @_;
    my $title = $block->name . ' - status code ok';
    if (defined $block->error_code_like) {
        my $pattern = expected($block, 'error_code_like', $at);
        like($response->{code}, qr/$pattern/sm, $title);
    }
    else {
        my $code = defined $block->error_code ? expected($block, 'error_code', $at) : 200;
        is($response->{code}, $code, $title);
    }
}

sub check_raw_headers {
    my ($block, $response, $at) = @_;
    my $title = $block->name . ' - raw response headers';
    if (defined $block->raw_response_headers_like) {
        my $pattern = expected($block, 'raw_response_headers_like', $at);
        like($response->{raw_headers}, qr/$pattern/s, "$title like");
    }
    if (defined $block->raw_response_headers_unlike) {
        my $pattern = expected($block, 'raw_response_headers_unlike', $at);
        unlike($response->{raw_headers}, qr/$pattern/s, "$title unlike");
    }
}

sub check_headers {
    my ($block, $response, $at) = @_;
    my $section = first { defined $block->$_ } qw(response_headers response_headers_like);
    return if !$section;

    my $name = $block->name;
    for my $line (split /\n/, expected($block, $section, $at) // '') {
        $line =~ s/^\s+|\s+$//g;
        next if $line eq '';
        if ($line =~ s/^!\s*//) {
            unlike($response->{raw_headers}, qr/^\s*\Q$line\E\s*:/m, "$name - no header $line");
            next;
        }
        my ($key, $value) = split /\s*:\s*/, $line, 2;
        my $actual = response_header($response, $key) // '';
        if ($section eq 'response_headers') {
            is($actual, with_ports($value), "$name - header $key ok");
        }
        else {
            like($actual, qr/^$value$/, "$name - header $key like");
        }
    }
}

sub check_body {
    my ($block, $response, $at) = @_;
    my $content = $response->{content};
    my $title = $block->name . " - response body (repeat $at->{repeat}, request $at->{index})";
    if (defined $block->response_body) {
        my $body = with_ports(expected($block, 'response_body', $at));
        is_str($content, expand_env_in_text($body, $block->name), $title);
    }
    elsif (defined $block->response_body_like) {
        my $pattern = with_ports(expected($block, 'response_body_like', $at));
        like($content, qr/$pattern/s, $title);
    }
    elsif (defined $block->response_body_unlike) {
        my $pattern = with_ports(expected($block, 'response_body_unlike', $at));
        unlike($content, qr/$pattern/s, $title);
    }
}

sub is_str {
    my ($got, $expected, $title) = @_;
    return like($got, $expected, $title) if ref $expected;
    return is($got, $expected, $title)
        if $Test::Nginx::Util::NoLongString || !defined $got || !defined $expected;
    return 1 if ok($got eq $expected, $title);

    # Bodies may be large: show the place, not all of it.
    my ($same) = ($got ^ $expected) =~ /^(\0*)/;
    my $from = length($same) > 20 ? length($same) - 20 : 0;
    diag(sprintf "got %d bytes, expected %d, different from byte %d on",
        length $got, length $expected, length $same);
    diag('     got: ' . printable(substr $got, $from, 80));
    diag('expected: ' . printable(substr $expected, $from, 80));
    return 0;
}

sub printable {
    my ($text) = @_;
    $text =~ s/([^\x20-\x7e])/sprintf '\\x{%02x}', ord $1/ge;
    return qq("$text");
}

# Logs

sub patterns_of {
    my ($value) = @_;
    return !defined $value      ? ()
        : ref $value eq 'ARRAY' ? grep { defined } @$value
        : ref $value            ? $value
        :                         grep { length } split /\n+/, $value;
}

sub matches {
    my ($line, $pattern) = @_;
    return ref $pattern ? $line =~ $pattern : index($line, $pattern) >= 0;
}

sub check_lines {
    my ($block, $section, $lines, $suffix) = @_;
    my $absent = $section =~ /^no_/;
    for my $pattern (patterns_of(scalar $block->$section)) {
        my $found = first { matches($_, $pattern) } @$lines;
        my $title = $block->name . qq( - $section: "$pattern"$suffix);
        ok($absent ? !defined $found : defined $found, $title);
        diag("matches the line: $found") if $absent && defined $found;
    }
}

sub check_error_log {
    my ($block, $repeat) = @_;
    my $lines  = error_log_data();
    my $suffix = " (repeat $repeat)";
    check_grep($block, $lines, $repeat);
    check_lines($block, $_, $lines, $suffix) for qw(error_log no_error_log);
    warn_of_alerts($block, $lines);
    fail($block->name . " - $_") for grep {/\bAssertion .*?failed\b/} @$lines;
}

sub check_grep {
    my ($block, $lines, $repeat) = @_;
    my $pattern  = $block->grep_error_log;
    my $expected = expand_env_in_text(scalar $block->grep_error_log_out, $block->name);
    bail_out($block->name . ' - grep_error_log and grep_error_log_out go together')
        if defined $pattern xor defined $expected;
    ($pattern, $expected) = map { ref eq 'ARRAY' ? $_->[$repeat] : $_ } $pattern, $expected;
    return if !defined $pattern;

    my $regex = ref $pattern ? $pattern : qr/\Q$pattern\E/;
    my @found = grep { !/\n/ } map { /($regex)/ ? $1 : () } @$lines;
    is_str(join('', map {"$_\n"} @found), $expected, $block->name . " - grep_error_log_out (repeat $repeat)");
}

# As in the original these do not fail a block, unless it names them.
sub warn_of_alerts {
    my ($block, $lines) = @_;
    my @named = map { patterns_of($_) } scalar $block->error_log, scalar $block->no_error_log;
    for my $level (qw(alert crit emerg)) {
        next if any { index($_, "[$level") >= 0 } @named;
        warn 'WARNING: ' . $block->name . " - $_" for grep { index($_, "[$level]") >= 0 } @$lines;
    }
}

sub check_access_log {
    my ($block, $repeat) = @_;
    my @sections = grep { defined $block->$_ } qw(access_log no_access_log) or return;
    my $lines = access_log_data();
    check_lines($block, $_, $lines, " (repeat $repeat)") for @sections;
}

sub check_shutdown_log {
    my ($block) = @_;
    my @sections = grep { defined $block->$_ } qw(shutdown_error_log no_shutdown_error_log) or return;
    my $lines = error_log_data();
    check_lines($block, $_, $lines, '') for @sections;
}

1;
