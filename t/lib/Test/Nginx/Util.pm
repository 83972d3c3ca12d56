package Test::Nginx::Util;

# Settings of a run, and the nginx instance under test: its server root,
# its configuration and its process.

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Spec;
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Test::More ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
    env_to_nginx repeat_each config_preamble worker_connections workers
    master_process_enabled master_on master_off log_level timeout
    no_long_string no_shuffle no_root_location no_nginx_manager
    check_accum_error_log server_name server_addr server_root html_dir
    server_port server_port_for_client bail_out
    add_block_preprocessor add_cleanup_handler add_test_cleanup_handler
);
our @EXPORT_OK = qw(
    expand_env_in_text parse_time eval_section sleep_time wait_until
    prepare_server_root start_nginx stop_nginx check_nginx_started
    nginx_build nginx_version_is error_log_data access_log_data
    get_pid_from_pidfile
);

our $NginxBinary          = $ENV{TEST_NGINX_BINARY} || 'nginx';
our $ServerAddr           = '127.0.0.1';
our $ServerName           = 'localhost';
our $ServerPort           = $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT} || 1984;
our $ServerPortForClient  = $ENV{TEST_NGINX_CLIENT_PORT} || $ServerPort;
our $Timeout              = $ENV{TEST_NGINX_TIMEOUT} || 3;
our $TestNginxSleep       = $ENV{TEST_NGINX_SLEEP} || 0.015;
our $LogLevel             = $ENV{TEST_NGINX_LOG_LEVEL} || 'debug';
our $MasterProcessEnabled = $ENV{TEST_NGINX_MASTER_PROCESS} || 'off';
our $NoShuffle            = $ENV{TEST_NGINX_NO_SHUFFLE};
our $NoNginxManager       = $ENV{TEST_NGINX_NO_NGINX_MANAGER};
our $Workers              = 1;
our $WorkerConnections    = 64;
our $RepeatEach           = 1;
our $ConfigPreamble       = '';
our $ErrLogFilePos        = 0;
our ($NoLongString, $NoRootLocation, $CheckAccumErrLog);
our (@EnvToNginx, @BlockPreprocessors, @CleanupHandlers, @TestCleanupHandlers);
our %RandPorts;

our $ServRoot   = File::Spec->rel2abs($ENV{TEST_NGINX_SERVROOT} || 't/servroot');
our $LogDir     = "$ServRoot/logs";
our $ErrLogFile = "$LogDir/error.log";
our $AccLogFile = "$LogDir/access.log";
our $PidFile    = "$LogDir/nginx.pid";
our $HtmlDir    = "$ServRoot/html";
our $ConfDir    = "$ServRoot/conf";
our $ConfFile   = "$ConfDir/nginx.conf";

$ENV{TEST_NGINX_SERVER_ROOT} = $ServRoot;

my $START_SECONDS = 120;     # a configuration may build functions
my $owner_pid     = $$;

my %SETTING_OF = (
    timeout                => \$Timeout,
    workers                => \$Workers,
    log_level              => \$LogLevel,
    server_name            => \$ServerName,
    server_addr            => \$ServerAddr,
    server_port            => \$ServerPort,
    server_port_for_client => \$ServerPortForClient,
    repeat_each            => \$RepeatEach,
    worker_connections     => \$WorkerConnections,
    config_preamble        => \$ConfigPreamble,
);

while (my ($name, $setting) = each %SETTING_OF) {
    no strict 'refs';
    *$name = sub {
        $$setting = shift if @_;
        return $$setting;
    };
}

sub server_root ()           { return $ServRoot }
sub html_dir ()              { return $HtmlDir }
sub sleep_time ()            { return $TestNginxSleep }
sub no_long_string ()        { $NoLongString     = 1 }
sub no_shuffle ()            { $NoShuffle        = 1 }
sub no_root_location ()      { $NoRootLocation   = 1 }
sub no_nginx_manager ()      { $NoNginxManager   = 1 }
sub check_accum_error_log () { $CheckAccumErrLog = 1 }
sub master_on ()             { $MasterProcessEnabled = 'on' }
sub master_off ()            { $MasterProcessEnabled = 'off' }

sub master_process_enabled {
    $MasterProcessEnabled = shift() ? 'on' : 'off' if @_;
    return $MasterProcessEnabled;
}

sub env_to_nginx                 { push @EnvToNginx, @_ }
sub add_block_preprocessor (&)   { unshift @BlockPreprocessors, shift }
sub add_cleanup_handler ($)      { unshift @CleanupHandlers, shift }
sub add_test_cleanup_handler ($) { unshift @TestCleanupHandlers, shift }

sub bail_out {
    cleanup();
    Test::More::BAIL_OUT(@_);
}

sub cleanup {
    $_->() for splice @CleanupHandlers;
    stop_nginx() if !$NoNginxManager;
}

# "500ms", "2s" or "2", in seconds.
sub parse_time {
    my ($text) = @_;
    return undef if !defined $text;
    return $1 / 1000 if $text =~ /^\s*([\d.]+)ms\s*$/;
    return $1 if $text =~ /^\s*([\d.]+)s?\s*$/;
    bail_out("bad time: $text");
}

# Code in sections runs in this package, where suites find the settings.
sub eval_section {
    my ($block, $section, $code) = @_;
    my $result = eval $code;
    bail_out($block->name . " - $section failed: $@") if $@;
    return $result;
}

sub free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => $ServerAddr, Listen => 1)
        or bail_out("no free port: $@");
    return $socket->sockport;
}

sub variable_value {
    my ($name) = @_;
    return $RandPorts{$name} ||= free_port() if $name =~ /^TEST_NGINX_RAND_PORT_\d+$/;
    return $ENV{$name};
}

sub expand_env_in_text {
    my ($text, $name) = @_;
    return $text if !defined $text || ref $text;
    $text =~ s{\$(TEST_NGINX_[_A-Z0-9]+)}
              {variable_value($1) // bail_out("$name - No environment $1 defined.")}eg;
    return $text;
}

sub wait_until {
    my ($condition, $seconds) = @_;
    my $deadline = time + $seconds;
    until ($condition->()) {
        return 0 if time > $deadline;
        sleep 0.01;
    }
    return 1;
}

sub read_file {
    my ($path) = @_;
    open my $in, '<:raw', $path or return undef;
    local $/;
    return scalar <$in>;
}

sub write_file {
    my ($path, $content) = @_;
    make_path(dirname($path));
    open my $out, '>:raw', $path or bail_out("Cannot write $path: $!");
    print {$out} $content;
    close $out or bail_out("Cannot write $path: $!");
}

# The server root

sub prepare_server_root {
    my ($block, $config) = @_;
    # Only what this runner makes is removed: the root is the user's choice
    # and could be set to a directory with other contents by mistake.
    # What the last nginx started may outlive it by a moment, and clean up, too.
    for (1 .. 50) {
        remove_tree($ConfDir, $LogDir, $HtmlDir, "$ServRoot/cache",
            glob("$ServRoot/*_temp"), glob("$ServRoot/*_cache"),
            { error => \my $errors });
        last if !-d $ServRoot || rmdir $ServRoot;
        sleep 0.1;
    }
    bail_out("Cannot remove $ServRoot (not empty?): $!") if -d $ServRoot;
    make_path($ConfDir, $LogDir, $HtmlDir);
    write_file("$HtmlDir/index.html",
        '<html><head><title>It works!</title></head><body>It works!</body></html>');
    write_user_files($block);
    write_config_file($block, $config);
}

sub user_files_of {
    my ($block) = @_;
    my $files = $block->user_files // return;
    return @$files if ref $files;

    my @files;
    for my $line (split /^/, $files) {
        if ($line =~ />>> (\S+)(?:\s+(.+))?/) {
            push @files, [$1, '', $2];
        }
        elsif (@files) {
            $files[-1][1] .= $line;
        }
    }
    return @files;
}

sub write_user_files {
    my ($block) = @_;
    for my $file (user_files_of($block)) {
        my ($path, $content, $date) = @$file;
        $path = "$HtmlDir/$path" if $path !~ m{^/};
        write_file($path, expand_env_in_text($content // '', $block->name));
        next if !$date;
        local $ENV{TZ} = 'GMT';
        system('touch', '-t', $date, $path) == 0 or bail_out("Cannot touch $path");
    }
}

sub temp_paths {
    my ($http_config) = @_;
    my @names = grep { $http_config !~ /\b${_}_temp_path\b/ }
        grep { nginx_build() !~ /--without-http_${_}_module/ }
        qw(client_body proxy fastcgi scgi uwsgi);
    return join ' ', map {"${_}_temp_path $ServRoot/${_}_temp;"} @names;
}

sub write_config_file {
    my ($block, $config) = @_;
    my %part = map { $_ => expand_env_in_text(scalar $block->$_, $block->name) // '' }
        qw(main_config http_config post_main_config);

    my @env = map { /\s/ ? "'$_'" : $_ } qw(LD_PRELOAD LD_LIBRARY_PATH ASAN_OPTIONS), @EnvToNginx;
    my $env = join "\n", map {"env $_;"} @env;
    my $modules = join "\n", map {"load_module $_;"} split ' ',
        $ENV{TEST_NGINX_LOAD_MODULES} // '';

    my $temp_paths  = temp_paths($part{http_config});
    my $server_name = $block->server_name // $ServerName;
    my $user        = $ENV{TEST_NGINX_WORKER_USER} // ($> == 0 ? 'root' : undef);
    my $user_line   = defined $user ? "user $user;" : '';
    my $root        = $NoRootLocation ? '' : <<"END";
        location / {
            root $HtmlDir;
            index index.html index.htm;
        }
END

    write_file($ConfFile, <<"END");
worker_processes $Workers;
daemon on;
master_process $MasterProcessEnabled;
error_log $ErrLogFile $LogLevel;
pid $PidFile;
$env

$modules
$part{main_config}

http {
    access_log $AccLogFile;
    $temp_paths
    default_type text/plain;
    keepalive_timeout 68000ms;

$part{http_config}
    server {
        listen $ServerPort;
        server_name '$server_name';
        client_max_body_size 30M;

$ConfigPreamble
$config
$root
    }
}

$part{post_main_config}

events {
    accept_mutex off;
    worker_connections $WorkerConnections;
}
$user_line
END
}

# The nginx process

{
    my $build;

    sub nginx_build {
        return $build if defined $build;
        $build = qx('$NginxBinary' -V 2>&1);
        bail_out("Cannot run $NginxBinary -V") if $build !~ m{/\d+\.\d+\.\d+};
        return $build;
    }
}

sub nginx_version_is {
    my ($operator, $version) = @_;
    my ($own) = nginx_build() =~ m{/(\d+\.\d+\.\d+)};
    my $order = version->parse("v$own") <=> version->parse("v$version");
    return $operator eq '<' ? $order < 0
        : $operator eq '<=' ? $order <= 0
        : $operator eq '>'  ? $order > 0
        :                     $order >= 0;
}

# Returns the wait status of the command; nginx itself stays as a daemon.
sub start_nginx {
    my ($quiet) = @_;
    my @command = ($NginxBinary, '-e', $ErrLogFile, '-p', "$ServRoot/", '-c', $ConfFile);
    my $pid = fork // bail_out("fork failed: $!");
    if ($pid == 0) {
        open STDOUT, '>', File::Spec->devnull;
        open STDERR, '>', File::Spec->devnull if $quiet;
        exec { $command[0] } @command or POSIX::_exit(127);
    }

    my $status;
    my $ended = sub { return waitpid($pid, WNOHANG) != 0 && defined($status = $?) };
    if (!wait_until($ended, $START_SECONDS)) {
        kill KILL => $pid;
        waitpid $pid, 0;
        $status = $?;
    }
    return $status;
}

# The command returns before the daemon has written its pid file.
sub check_nginx_started {
    return wait_until(sub { defined get_pid_from_pidfile() }, 5);
}

sub get_pid_from_pidfile {
    my ($pid) = (read_file($PidFile) // '') =~ /^(\d+)$/m;
    return $pid;
}

# A process that init has not reaped yet still takes signals.
sub is_running {
    my ($pid) = @_;
    return 0 if !kill 0, $pid;
    return (read_file("/proc/$pid/stat") // '') !~ /^\d+ \(.*\) Z /s;
}

# A pid file left by a killed run may name an unrelated process by now.
sub is_nginx_of_this_root {
    my ($pid) = @_;
    return 1 if !-d '/proc/self';
    return index(read_file("/proc/$pid/cmdline") // '', $ConfFile) >= 0;
}

sub stop_nginx {
    my $pid = get_pid_from_pidfile() // return;
    if (is_running($pid) && is_nginx_of_this_root($pid)) {
        for my $signal (qw(QUIT TERM KILL)) {
            # The daemon leads its own process group, workers included.
            kill $signal => ($signal eq 'KILL' ? -$pid : $pid);
            last if wait_until(sub { !is_running($pid) }, $Timeout);
            Test::More::diag("nginx $pid did not exit on SIG$signal");
        }
    }
    unlink $PidFile;
}

# The logs

sub error_log_data {
    # The log phase runs after the client has seen the end of the response.
    sleep $TestNginxSleep * 3;
    open my $in, '<:raw', $ErrLogFile or return [];
    seek $in, $ErrLogFilePos, 0 if !$CheckAccumErrLog;
    my @lines = <$in>;
    $ErrLogFilePos = tell $in;
    return \@lines;
}

sub access_log_data {
    sleep $TestNginxSleep * 3;
    return [split /^/, read_file($AccLogFile) // ''];
}

$SIG{$_} = sub { exit 1 } for qw(HUP INT TERM);

END {
    local $?;
    cleanup() if $$ == $owner_pid;
}

1;
