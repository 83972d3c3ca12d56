package FnLang;

# The language that a suite t/lang_*.t is about: FN_RUNTIME, or the directory
# in which the suite's file or link stands (t/run makes one for each), else
# Python.  LANG-in-worker is the language in nginx's worker.  When it is not installed
# all of the suite is skipped:
#
#     use FindBin;
#     BEGIN { require "$FindBin::RealBin/lib/FnLang.pm" }
#     my $lang = FnLang->new;
#
# By its path, as t/lib is not searched when the original Test::Nginx is used.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use FindBin;
use IO::Socket::INET;
use Test::More ();
use Time::HiRes qw(sleep);

my $root = abs_path($ENV{FN_ROOT} || dirname(__FILE__) . '/../..');

# no block waits for lines of a log: log_has() does
$ENV{TEST_NGINX_SLEEP} ||= 0.002;

# a start may compile the runtime's library first
my $patience = '120s';

# name, of the language; in_worker; target, the file of the conformance handler;
# type, the content type of text
sub new {
    my ($class) = @_;

    my ($link) = $FindBin::Bin =~ m{/t/([a-z-]+)$};
    my $subject = $ENV{FN_RUNTIME} || $link || 'python';

    my ($row) = table($subject);
    my ($name, $target, $type, $missing, $package) = @$row;

    Test::More::plan(skip_all => "$name: $missing") if $package ne 'None';
    die "$name: $missing\n" if $missing ne 'None';

    my $in_worker = $subject =~ s/-in-worker$//;

    # workers build what they load in a cache that is their user's own, and processes' too
    $ENV{TEST_NGINX_WORKER_USER} ||= getgrnam('nogroup') ? 'nobody nogroup' : 'nobody'
        if $in_worker && !$>;

    return bless {
        name      => $subject,
        in_worker => $in_worker,
        target    => $target,
        type      => $type,
    }, $class;
}

# Rows of what the conformance suite knows of the languages, or of all
sub table {
    my (@names) = @_;
    open my $out, '-|', 'python3', '-B', '-c', <<'END', $root, @names or die "python3: $!";
import sys
sys.path.insert(0, sys.argv[1] + "/runtimes/conformance")
from suite import languages
for one in languages.find(sys.argv[2:]):
    if one.entry is None:
        print(one.name, one.target, one.default_type, one.missing, one.package, sep="\t")
END
    chomp(my @lines = <$out>);
    close $out or die "no such language: @names\n";
    return map { [split /\t/] } @lines;
}

sub names { return map { $_->[0] } table() }

# A server, which may have to build the function first
sub server {
    my ($self, %option) = @_;
    return FnServer->new(runtime => '', patience => 120, %option);
}

sub in_worker { return $_[0]{in_worker} }

sub is { my ($self, @names) = @_; return scalar grep { $_ eq $self->{name} } @names }

# The directives of a location: fn_handler of the file with the name, and env
sub handler {
    my ($self, $name, %option) = @_;
    my $target = $option{target} || $self->{target};
    $target .= ":$option{entry}" if $option{entry};
    my %env = (%{ $option{env} || {} }, $ENV{FN_CACHE} ? (FN_CACHE => $ENV{FN_CACHE}) : ());
    my $in_worker = $self->{in_worker} ? ' in_worker' : '';

    return join "\n",
        "fn_handler $self->{name}:$target name=$name$in_worker;",
        (map {"fn_env $_=$env{$_};"} sort keys %env),
        "fn_start_timeout $patience;",
        "fn_queue 128 timeout=$patience;",
        '';
}

# METHOD, PATH, BODY of a slow event.  A script is told its arguments by the body.
sub slow {
    my ($self, $function, $ms) = @_;
    return 'POST', "/$function/sleep?ms=$ms", "ms=$ms";
}

# Why the language can't do it, in the words of the conformance handler: a 501,
# for which a script has nothing but its output
sub lacks {
    my ($self, $code, $body) = @_;
    return undef if $code ne '501' && !($self->is('shell') && $body =~ s/^501 //);
    my ($reason) = $body =~ /^(.*)/;
    return "$self->{name}: $reason";
}

# The same, asked of the server at the port with a GET of the path
sub asked_lacks {
    my ($self, $port, $path) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or return undef;
    print {$socket} "GET $path HTTP/1.0\r\n\r\n";
    local $/;
    my ($code, $body) = (<$socket> // '') =~ m{^HTTP/1\.1 (\d+).*?\r\n\r\n(.*)}s or return undef;
    return $self->lacks($code, $body);
}

# The module's lines in the file have what matches each pattern; what a process prints comes by a pipe,
# a moment after its answer.
sub log_has {
    my ($self, $file, $title, @patterns) = @_;
    my $log = '';
    for (1 .. 100) {
        $log = join '', grep {/ fn "/} split /^/, contents($file);
        last if !grep { $log !~ $_ } @patterns;
        sleep 0.03;
    }
    for my $pattern (@patterns) {
        next if Test::More::ok($log =~ $pattern, "$title: logged $pattern");
        my @lines = split /^/, $log;
        splice @lines, 0, -20 if @lines > 20;
        Test::More::diag(@lines);
    }
}

sub contents {
    my ($file) = @_;
    open my $in, '<:raw', $file or return '';
    local $/;
    return scalar(<$in>) // '';
}

1;
