package FnServer;

# A real nginx for tests that the block format cannot say: more than one
# request at a time, times, signals, and what is left of the processes.
#
#     my $server = FnServer->new(workers => 2, config => <<'END');
#         location /f/ { fn_handler python:%DIR%/x.py name=f; }
#     END
#     my $reply = $server->get('/f/sleep?0.1');     # { code, body, time, whole }
#     my @replies = $server->many(['GET', '/f/a'], ['POST', '/f/b', 'body']);
#
# Everything that nginx starts stays a descendant of the test (it makes itself
# a subreaper), so nothing escapes processes(), nor the end of the test.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use JSON::PP qw(decode_json encode_json);
use POSIX qw(WNOHANG);
use Test::More ();
use Time::HiRes qw(sleep time);

my $root = $ENV{FN_ROOT} || abs_path(dirname(__FILE__) . '/../..');
my %clients;            # pids of ours that are no part of a server
my %waited;             # exit statuses by pid
my $owner = $$;

become_subreaper();

sub become_subreaper {
    my %prctl = (x86_64 => 157, aarch64 => 167);
    my $number = $prctl{ (POSIX::uname())[4] }
        or Test::More::plan(skip_all => 'no number of prctl() for this machine');
    syscall($number, 36, 1, 0, 0, 0) == 0 or die "prctl: $!";
}

# A server

sub new {
    my ($class, %option) = @_;

    my $self = bless {
        workers => 1,
        master  => 'on',
        daemon  => 'on',
        patience => 20,         # seconds until it starts, or has reloaded
        http    => '',
        main    => '',
        runtime => "fn_command python python3 -S -E $root/t/lib/fault_runtime.py;\n"
            . '    fn_env FN_LEDGER=%DIR%/pub/ledger;',
        config  => '',
        files   => {},
        env     => {},
        binary  => $ENV{TEST_NGINX_BINARY} || 'nginx',
        modules => $ENV{TEST_NGINX_LOAD_MODULES}
            || ($ENV{FN_BUILD} || "$root/build") . '/ngx_http_fn_module.so',
        %option,
    }, $class;

    $self->{dir} = tempdir('fn_XXXXXX', TMPDIR => 1, CLEANUP => 1);
    $self->{port} = free_port();

    mkdir "$self->{dir}/$_" for qw(logs pub);
    chmod 0755, $self->{dir}, "$self->{dir}/logs";
    chmod 0777, "$self->{dir}/pub";     # where functions may write

    $self->write('x.py', '');
    $self->write($_, $self->{files}{$_}) for keys %{ $self->{files} };
    $self->configure($self->{config});
    $self->start;

    return $self;
}

sub dir  { return $_[0]{dir} }
sub port { return $_[0]{port} }

sub write {
    my ($self, $name, $text) = @_;
    my $file = "$self->{dir}/$name";
    make_path(dirname($file));
    open my $out, '>:raw', "$file.new" or die "$file: $!";
    print {$out} $text;
    close $out;
    chmod 0644, "$file.new";
    rename "$file.new", $file or die "$file: $!";
}

sub read {
    my ($self, $name) = @_;
    open my $in, '<:raw', "$self->{dir}/$name" or return '';
    local $/;
    return scalar <$in>;
}

sub log { return $_[0]->read('logs/error.log') }

sub configure {
    my ($self, $config) = @_;

    my $modules = join "\n", map {"load_module $_;"} split ' ', $self->{modules};
    my $env = join "\n", map {"env $_;"} keys %{ $self->{env} };
    my $user = $ENV{TEST_NGINX_WORKER_USER} || (getpwnam('www-data') ? 'www-data' : 'daemon');
    $user = $> ? '' : "user $user;";
    my $text = <<"END";
$user
worker_processes $self->{workers};
master_process $self->{master};
daemon $self->{daemon};
error_log logs/error.log info;
pid logs/nginx.pid;
$modules
$env
$self->{main}

events {
    worker_connections 1024;
}

http {
    access_log off;
    client_max_body_size 200m;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    $self->{runtime}
    $self->{http}

    server {
        listen 127.0.0.1:$self->{port};
        location = /fn { fn_status; }
        location = /plain { return 200 plain; }
$config
    }
}
END
    $text =~ s/%DIR%/$self->{dir}/g;
    $self->write('nginx.conf', $text);
}

sub start {
    my ($self) = @_;

    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        $ENV{$_} = $self->{env}{$_} for keys %{ $self->{env} };
        open STDIN, '<', '/dev/null';
        exec $self->{binary}, '-e', "$self->{dir}/logs/error.log",
            '-p', "$self->{dir}/", '-c', 'nginx.conf' or POSIX::_exit(127);
    }

    my $failed = sub { reap(); return $waited{$pid} };
    my $ready = sub { $failed->() || $self->pid && listens($self->{port}) };

    wait_until($ready, $self->{patience}) && !$failed->()
        or Test::More::BAIL_OUT('nginx does not start: ' . $self->log);
}

# of the master, or of the one process there is
sub pid {
    my ($self) = @_;
    return $self->read('logs/nginx.pid') =~ /^(\d+)/ ? $1 : undef;
}

sub signal {
    my ($self, $signal) = @_;
    kill $signal, $self->pid or Test::More::diag("kill $signal: $!");
}

sub reload {
    my ($self) = @_;
    my @old;
    wait_until(sub { @old = $self->named('nginx: worker process') }, $self->{patience});
    $self->signal('HUP');
    return wait_until(sub {
        my %is = map { $_ => 1 } $self->named('nginx: worker process');
        return %is && grep { !$is{$_} } @old;
    }, $self->{patience});
}

# Ends what is left, if a test has not; true if nginx ended by itself.
sub stop {
    my ($self, $signal) = @_;
    my $pid = $self->pid;
    kill $signal || 'TERM', $pid if $pid;
    my $ended = wait_until(sub { !processes() }, 10);
    kill_all();
    unlink "$self->{dir}/logs/nginx.pid";
    return $ended;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $@, $!);
    $self->stop if defined $owner && $$ == $owner;
}

END {
    if (defined $owner && $$ == $owner) {
        local $?;
        kill KILL => keys %clients;
        kill_all();
    }
}

# Processes

# of all servers; a hash by pid
sub processes {
    reap();

    my (%parent, %process);
    for my $file (glob '/proc/[0-9]*/stat') {
        open my $in, '<', $file or next;
        my ($pid, $name, $state, $parent) = (<$in> // '') =~ /^(\d+) \((.*)\) (\S) (\d+)/s or next;
        next if $state eq 'Z' || $state eq 'X';
        $parent{$pid} = $parent;
        $process{$pid} = $name;
    }

    my %found;
    for my $pid (keys %parent) {
        my $up = $pid;
        my $ours = 0;
        while (defined $up && $up > 1) {
            last if $clients{$up};
            $ours = 1, last if $up == $$;
            $up = $parent{$up};
        }
        $found{$pid} = command($pid) || $process{$pid} if $ours && $pid != $$;
    }
    return %found;
}

sub command {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/cmdline" or return '';
    local $/;
    my $text = <$in> // '';
    $text =~ tr/\0/ /;
    $text =~ s/\s+$//;
    return $text;
}

# the pids of those whose command has this in it
sub named {
    my ($self, $name) = @_;
    my %process = processes();
    my @pids = sort { $a <=> $b } grep { index($process{$_}, $name) >= 0 } keys %process;
    return @pids;
}

sub workers     { return $_[0]->named('nginx: worker process') }
sub supervisors { return $_[0]->named('fn supervisor') }
sub keepers     { return $_[0]->named('fn keeper') }
sub runtimes    { return $_[0]->named('fault_runtime.py') }

sub descriptors {
    my ($pid) = @_;
    my @fds = glob "/proc/$pid/fd/*";
    return scalar @fds;
}

sub alive {
    my ($pid) = @_;
    reap();
    return kill 0, $pid;
}

sub reap {
    while ((my $pid = waitpid -1, WNOHANG) > 0) {
        $waited{$pid} = $?;
        delete $clients{$pid};
    }
}

sub kill_all {
    for (1 .. 200) {
        my %process = processes() or return;
        kill KILL => keys %process;
        sleep 0.01;
    }
}

# Requests

# A reply: code ('' without one), headers, body, whole (its end was there),
# time (seconds until its end), error (why there is none).
sub get  { my ($self, $path, %more) = @_; return ($self->many(['GET', $path, undef, %more]))[0] }
sub post { my ($self, $path, $body, %more) = @_; return ($self->many(['POST', $path, $body, %more]))[0] }

sub many {
    my ($self, @requests) = @_;
    my @calls = map { $self->begin(@$_) } @requests;
    return $self->finish(@calls);
}

# [METHOD, PATH, BODY, timeout => SECONDS, version => '1.1', headers => LINES]
sub begin {
    my ($self, $method, $path, $body, %more) = @_;

    my $version = $more{version} || '1.1';
    my $head = "$method $path HTTP/$version\r\nHost: t\r\nConnection: close\r\n";
    $head .= $more{headers} // '';
    $head .= 'Content-Length: ' . length($body) . "\r\n" if defined $body;

    my $call = {
        started => time,
        limit   => time + ($more{timeout} || 15),
        method  => $method,
        bytes   => '',
        socket  => IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => 5),
    };
    my $socket = $call->{socket} or return { %$call, error => "connect: $!" };

    local $SIG{PIPE} = 'IGNORE';
    $socket->autoflush(1);
    print {$socket} "$head\r\n", $body // '' or $call->{error} = "send: $!";
    return $call;
}

sub finish {
    my ($self, @calls) = @_;

    my %open = map { $_->{socket} ? ($_->{socket} => $_) : () } @calls;
    my $select = IO::Select->new(map { $_->{socket} } values %open);

    my $end = sub {
        my ($call) = @_;
        $call->{time} = time - $call->{started};
        $select->remove($call->{socket});
        delete $open{ $call->{socket} };
        close $call->{socket};      # nginx lingers as long as it is open
    };

    while (%open) {
        for my $socket ($select->can_read(0.05)) {
            my $call = $open{$socket};
            my $n = sysread $socket, $call->{bytes}, 65536, length $call->{bytes};
            next if $n;
            $call->{reset} = "read: $!" if !defined $n;
            $end->($call);
        }
        for my $call (values %open) {
            next if time < $call->{limit};
            $call->{error} = 'no end in time';
            $end->($call);
        }
    }
    return map { reply($_) } @calls;
}

sub reply {
    my ($call) = @_;

    my ($head, $body) = split /\r\n\r\n/, $call->{bytes}, 2;
    $body //= '';

    my $reply = {
        code    => ($head // '') =~ /^HTTP\/1\.[01] (\d+)/ ? $1 : '',
        headers => $head // '',
        body    => $body,
        time    => $call->{time},
        whole   => 0,
        error   => $call->{error} // ($call->{bytes} eq '' ? $call->{reset} // 'empty' : undef),
    };

    if ($reply->{headers} =~ /^Content-Length: (\d+)/mi) {
        $reply->{whole} = $call->{method} eq 'HEAD' || length $body == $1;
    }
    elsif ($reply->{headers} =~ /^Transfer-Encoding: chunked/mi) {
        $reply->{whole} = $body =~ s/\r\n0\r\n\r\n\z|\A0\r\n\r\n\z/\r\n/;
        my $text = '';
        while ($body =~ s/\A\s*([0-9a-f]+)\r\n//i) {
            $text .= substr $body, 0, hex $1, '';
        }
        $reply->{body} = $text;
    }
    return $reply;
}

sub json { my ($reply) = @_; return eval { decode_json($reply->{body}) } || {} }

# of fn_status: all of it, or one function's
sub status {
    my ($self, $name) = @_;
    my $status = json($self->get('/fn'));
    return $status if !defined $name;
    my ($function) = grep { $_->{name} eq $name } @{ $status->{functions} || [] };
    return $function || {};
}

sub in_flight {
    my ($self, $name) = @_;
    return scalar map { @{ $_->{in_flight} } } @{ $self->status($name)->{processes} || [] };
}

# ready processes of the function
sub ready {
    my ($self, $name) = @_;
    return scalar grep { $_->{state} eq 'ready' } @{ $self->status($name)->{processes} || [] };
}

sub wait_ready {
    my ($self, $name, $count) = @_;
    return wait_until(sub { $self->ready($name) >= ($count || 1) }, 10);
}

# The methods, paths and queries of what was run, in its order
sub ledger {
    my ($self) = @_;
    return map { s/\s+$//r } split /\n/, $self->read('pub/ledger');
}

# Load

# clients => N processes, each sends one request after the other until stop();
# next => sub { my ($client, $n) = @_; return METHOD, PATH, BODY }
sub load {
    my ($self, %option) = @_;
    my @pipes;

    for my $client (1 .. $option{clients} || 4) {
        pipe my $in, my $out or die "pipe: $!";
        my $pid = fork // die "fork: $!";
        if ($pid == 0) {
            close $in;
            my $done = 0;
            $SIG{TERM} = sub { $done = 1 };
            my @seen;
            for (my $n = 1; !$done && $n <= ($option{requests} || 1e6); $n++) {
                my ($method, $path, $body) = $option{next}->($client, $n);
                my $reply = ($self->many([$method, $path, $body]))[0];
                push @seen, [$method, $path, $reply->{code}, $reply->{time},
                    $reply->{error} // ($reply->{whole} ? '' : 'not whole'),
                    $reply->{code} eq '200' ? '' : substr $reply->{body}, 0, 60];
            }
            print {$out} encode_json(\@seen);
            close $out;
            POSIX::_exit(0);
        }
        close $out;
        $clients{$pid} = 1;
        push @pipes, { in => $in, pid => $pid };
    }
    return bless { pipes => \@pipes, limited => $option{requests} }, 'FnServer::Load';
}

# Ends the load: { codes => { 200 => N }, seen => [...], failed => [texts] }
sub FnServer::Load::stop {
    my ($self) = @_;
    my $result = { codes => {}, seen => [], failed => [] };
    for my $pipe (@{ $self->{pipes} }) {
        kill TERM => $pipe->{pid} if !$self->{limited};
    }
    for my $pipe (@{ $self->{pipes} }) {
        my $in = $pipe->{in};
        local $/;
        my $seen = eval { decode_json(scalar <$in>) };
        push @{ $result->{seen} }, @$seen if $seen;
    }
    for my $seen (@{ $result->{seen} }) {
        my ($method, $path, $code, $time, $error, $body) = @$seen;
        $result->{codes}{ $code || 'none' }++;
        push @{ $result->{failed} }, sprintf '%s %s: %s after %.3f s %s %s', $method, $path,
            $code || 'no code', $time // 0, $error, $body
            if $code ne '200' || $error ne '';
    }
    FnServer::reap();
    return $result;
}

# all were 200; says which were not
sub FnServer::Load::is_ok {
    my ($self, $title, $least) = @_;
    my $result = $self->stop;
    my $count = @{ $result->{seen} };
    Test::More::is(scalar @{ $result->{failed} }, 0, "$title: no failed request of $count")
        or Test::More::diag(join "\n", grep {defined} @{ $result->{failed} }[0 .. 9]);
    Test::More::cmp_ok($count, '>=', $least || 10, "$title: there was load");
    return $result;
}

# Small things

sub wait_until {
    my ($condition, $seconds) = @_;
    my $end = time + $seconds;
    until ($condition->()) {
        return 0 if time > $end;
        sleep 0.01;
    }
    return 1;
}

sub free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die $@;
    return $socket->sockport;
}

sub listens {
    my ($port) = @_;
    return !!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 1);
}

# Within the time no process is left; says which are.
sub nothing_left {
    my ($title, $seconds) = @_;
    my %left;
    wait_until(sub { !(%left = processes()) }, $seconds);
    return Test::More::is(join("\n", map {"$_ $left{$_}"} keys %left), '', $title);
}

1;
