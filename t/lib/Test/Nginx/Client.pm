package Test::Nginx::Client;

# The HTTP client: requests out of a block's sections, the exchange with the
# server, and the parsed response.

use strict;
use warnings;

use Errno qw(EAGAIN EINTR);
use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use List::Util qw(min);
use Test::More ();
use Test::Nginx::Util qw(:DEFAULT expand_env_in_text parse_time wait_until);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(requests_of response_to parse_response response_header);

# No single wait of an exchange is unbounded; this bounds their sum.
my $EXCHANGE_SECONDS = 60;

# Requests: each has packets ({ value, delay_before }) and, of each request
# line in them, the method.

sub requests_of {
    my ($block) = @_;
    return raw_request($block) if defined $block->raw_request;
    return pipeline($block) if $block->pipelined_requests;

    my $request = $block->request // bail_out($block->name . ' - no request');
    my @texts = ref $request ? @$request : without_comments($request);
    bail_out($block->name . ' - request empty') if !@texts;
    return map { built_request($block, $_, $texts[$_], 'close') } 0 .. $#texts;
}

sub without_comments {
    my ($text) = @_;
    $text =~ s/\A\s*(?:#[^\n]*\n\s*)*//;
    return $text;
}

sub raw_request {
    my ($block) = @_;
    my $raw = $block->raw_request;
    my @packets = map { { value => $_ } } ref $raw ? @$raw : $raw;
    my ($method) = $packets[0]{value} =~ /^\s*(\S+)/;
    return { packets => \@packets, methods => [$method // ''] };
}

sub pipeline {
    my ($block) = @_;
    my $texts = $block->pipelined_requests;
    ref $texts eq 'ARRAY' or bail_out($block->name . ' - bad pipelined_requests');
    my @requests = map {
        built_request($block, $_, expand_env_in_text($texts->[$_], $block->name),
            $_ == $#$texts ? 'close' : 'keep-alive')
    } 0 .. $#$texts;

    my $bytes = join '', map { $_->{value} } map { @{ $_->{packets} } } @requests;
    return {
        packets => [{ value => $bytes }],
        methods => [map { @{ $_->{methods} } } @requests],
    };
}

sub more_headers_of {
    my ($block, $index) = @_;
    my $headers = $block->more_headers // '';
    $headers = $headers->[$index] // bail_out($block->name . " - more_headers lacks entry $index")
        if ref $headers;
    return map { my ($key, $value) = split /:\s*/, $_, 2; "$key: " . ($value // '') }
        grep { length && !/^\s*#/ } split /\n+/, $headers;
}

sub built_request {
    my ($block, $index, $source, $connection) = @_;
    my @packets = map { ref ? {%$_} : { value => $_ } } ref $source ? @$source : $source;
    my $text = join '', map { $_->{value} } @packets;
    my ($line, $body) = $text =~ /\A\s*([^\n]*)\n?(.*)\z/s;
    my ($method, $url, $version, @rest) = split ' ', $line;
    bail_out($block->name . " - bad request line: $line") if !defined $method || @rest;

    my @headers = more_headers_of($block, $index);
    my @added;
    push @added, 'Host: ' . server_name() if !grep {/^Host:/i} @headers;
    push @added, "Connection: $connection" if !grep {/^Connection/i} @headers;

    my $body_start = length($text) - length $body;
    my $framed = grep { /^Transfer-Encoding: chunked$/i || /^Content-Length:/ } @headers;
    if (!$framed && $body ne '') {
        $body_start += length $1 if $body =~ s/\A(\s+)//;
        $body =~ s/\s+\z//;
        push @headers, 'Content-Length: ' . length $body;
    }

    my $request_line = join ' ', $method, $url // '/', $version // 'HTTP/1.1';
    my $head = join "\r\n", $request_line, @added, @headers, '', '';
    split_like(\@packets, $head, $body, $body_start);
    return { packets => \@packets, methods => [$method] };
}

# Cuts the finished request at the places where its author cut the source.
sub split_like {
    my ($packets, $head, $body, $body_start) = @_;
    my $bytes = $head . $body;
    my ($from, $source_end) = (0, 0);
    for my $index (0 .. $#$packets) {
        my $packet = $packets->[$index];
        $source_end += length $packet->{value};
        my $to = $index == $#$packets ? length $bytes
            : $source_end < $body_start ? min($source_end, length $head)
            : min(length($head) + $source_end - $body_start, length $bytes);
        $packet->{value} = substr $bytes, $from, $to - $from;
        $from = $to;
    }
}

# The exchange

sub response_to {
    my ($block, $request) = @_;
    my $socket = connected_socket($block) or return '';
    my ($first, @later) = @{ $request->{packets} };
    my $exchange = {
        name    => $block->name,
        socket  => $socket,
        unsent  => $first->{value},
        packets => \@later,
        sending => 1,
        answer  => '',
    };
    local $SIG{PIPE} = 'IGNORE';
    my $completed = run_exchange($exchange, $block);
    close $socket;
    Test::More::fail('ERROR: client socket timed out - ' . $block->name)
        if !$completed && !defined $block->abort;
    return $exchange->{answer};
}

sub connected_socket {
    my ($block) = @_;
    my ($socket, $error);
    my $connect = sub {
        $socket = IO::Socket::INET->new(
            PeerAddr => $block->server_addr_for_client // server_addr(),
            PeerPort => server_port_for_client(),
            Timeout  => timeout(),
        ) or $error = $@;
        return $socket;
    };
    if (!wait_until($connect, timeout())) {
        Test::More::fail($block->name . " - cannot connect: $error");
        return undef;
    }
    $socket->blocking(0);
    return $socket;
}

# True when the server ended the connection, false on timeout.
sub run_exchange {
    my ($exchange, $block) = @_;
    my $timeout  = parse_time(scalar $block->timeout) // timeout();
    my $deadline = time + $EXCHANGE_SECONDS + $timeout;
    my $handles  = IO::Select->new($exchange->{socket});

    while (time < $deadline) {
        my ($readable, $writable)
            = IO::Select->select($handles, $exchange->{sending} ? $handles : undef, undef, $timeout);
        next if !$readable && $!{EINTR};
        return 0 if !$readable;
        return 1 if @$readable && !receive($exchange);
        transmit($exchange, $block) if @$writable;
    }
    return 0;
}

# Reads what is there; false at the end.
sub receive {
    my ($exchange) = @_;
    my $count = sysread $exchange->{socket}, $exchange->{answer}, 65536, length $exchange->{answer};
    return $count if defined $count;
    return 1 if $! == EAGAIN || $! == EINTR;
    warn "WARNING: $exchange->{name} - cannot read the response: $!\n";
    return 0;
}

sub transmit {
    my ($exchange, $block) = @_;
    if ($exchange->{unsent} eq '') {
        my $packet = shift @{ $exchange->{packets} } // return end_of_request($exchange, $block);
        my $delay = $packet->{delay_before} // $block->raw_request_middle_delay;
        sleep $delay if $delay;
        $exchange->{unsent} = $packet->{value};
    }
    my $count = syswrite $exchange->{socket}, $exchange->{unsent};
    if (defined $count) {
        substr $exchange->{unsent}, 0, $count, '';
    }
    elsif ($! != EAGAIN && $! != EINTR) {
        # The server may answer and close before it has read everything.
        $exchange->{sending} = 0;
    }
}

sub end_of_request {
    my ($exchange, $block) = @_;
    $exchange->{sending} = 0;
    my $how = $block->shutdown // return;
    shutdown $exchange->{socket}, $how eq '' ? 1 : $how;
}

# Responses

# Takes the bytes from a response on, the method, and whether more responses
# follow. Returns the response, the bytes after it, and an error or undef.
sub parse_response {
    my ($bytes, $method, $more) = @_;
    my $end  = index $bytes, "\r\n\r\n";
    my $head = $end < 0 ? '' : substr $bytes, 0, $end + 2;
    my $rest = $end < 0 ? '' : substr $bytes, $end + 4;

    my (undef, $code) = split ' ', $bytes =~ /\A([^\r\n]*)/ ? $1 : '';
    my $response = {
        code        => defined $code && $code =~ /^\d+$/ ? $code : '',
        raw_headers => $head,
        headers     => parsed_headers($head),
    };

    ($response->{content}, my $after, my $error) = cut_body($response, $rest, $method, $more);
    return $response, $after, $error;
}

sub header_key {
    my ($name) = @_;
    return lc $name =~ tr/_/-/r;
}

sub parsed_headers {
    my ($head) = @_;
    my %headers;
    my (undef, @lines) = split /\r\n/, $head;
    for my $line (@lines) {
        my ($name, $value) = split /\s*:\s*/, $line, 2;
        push @{ $headers{ header_key($name) } }, $value // '';
    }
    return \%headers;
}

# Several values are one, joined; an absent header is undef.
sub response_header {
    my ($response, $name) = @_;
    my $values = $response->{headers}{ header_key($name) } // return undef;
    return join ', ', @$values;
}

sub cut_body {
    my ($response, $rest, $method, $more) = @_;
    my $encoding = response_header($response, 'Transfer-Encoding') // '';
    my $length   = response_header($response, 'Content-Length');

    if ($method eq 'HEAD' || $response->{code} =~ /^(?:204|304)$/) {
        # Bytes that must not be there are shown to the body checks.
        return $more ? ('', $rest) : ($rest, '');
    }
    if ($response->{code} eq '101') {
        return $rest, '';
    }
    if ($encoding eq 'chunked') {
        return decode_chunks($rest, defined response_header($response, 'Trailer'));
    }
    if (defined $length && $length =~ /^\d+$/) {
        warn "WARNING: response body truncated: $length expected, but got " . length($rest) . "\n"
            if length $rest < $length;
        my $cut = min($length, length $rest);
        return substr($rest, 0, $cut), substr($rest, $cut);
    }
    return $rest, '';
}

sub decode_chunks {
    my ($bytes, $has_trailers) = @_;
    my $content = '';
    pos($bytes) = 0;
    while ($bytes =~ /\G[ \t]*([0-9A-Fa-f]+)[ \t]*\r\n/gc) {
        my $size = hex $1;
        if ($size == 0) {
            1 while $has_trailers && $bytes =~ /\G[^\r\n]+\r\n/gc;
            return undef, '', 'no end after the last chunk' if $bytes !~ /\G\r\n/gc;
            return $content, substr $bytes, pos $bytes;
        }
        my $start = pos $bytes;
        return undef, '', 'chunk is cut short' if length $bytes < $start + $size + 2;
        $content .= substr $bytes, $start, $size;
        pos($bytes) = $start + $size;
        return undef, '', 'no line end after a chunk' if $bytes !~ /\G\r\n/gc;
    }
    return undef, '', 'no last chunk';
}

1;
