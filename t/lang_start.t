#!/usr/bin/perl

# Functions that cannot start, in each language: 503 for them alone, and the
# error log has the reason.  A worker does not try again, and what is built for it is
# built by "nginx -t".

use strict;
use warnings;

use FindBin;
BEGIN { require "$FindBin::RealBin/lib/FnLang.pm" }

my $lang;
BEGIN { $lang = FnLang->new }

BEGIN { require "$FindBin::RealBin/lib/FnServer.pm" }
use Test::More;

plan skip_all => 'shell: a script is read when an event comes' if $lang->is('shell');

my $source = FnLang::contents($lang->{target});

# what is put where to end, or to fail, while the code is loaded: after the
# first brace of the handler's class, or at the end of the file

my %class = map { $_ => 1 } qw(java dotnetcore);
my %load = (
    python     => ["import os\nos._exit(5)", 'raise ValueError("at load")'],
    nodejs     => ['process.exit(5);', 'throw new Error("at load");'],
    ruby       => ['exit!(5)', 'raise "at load"'],
    golang     => ['func init() { os.Exit(5) }', 'func init() { panic("at load") }'],
    java       => ['static { Runtime.getRuntime().halt(5); }',
        'static { if (true) throw new IllegalStateException("at load"); }'],
    dotnetcore => ['static CLASS() { System.Environment.Exit(5); }',
        'static CLASS() { throw new System.InvalidOperationException("at load"); }'],
);
$load{pypy} = $load{python};

my ($exit, $error) = map { loaded($_) } @{ $load{ $lang->{name} } };

my %function = (
    syntax => { source => "$source\n)( no code\n" },
    exit   => { source => $exit },
    load   => { source => $error },
    entry  => { entry => 'no_such_entry' },
    init   => { env => { CONFORMANCE_INIT => 'fail' } },
    slow   => { env => { CONFORMANCE_INIT => 'slow' } },
    good   => {},
);

my (%files, %location);

for my $name (sort keys %function) {
    my %option = %{ $function{$name} };

    if (my $text = delete $option{source}) {
        my ($file) = $lang->{target} =~ m{([^/]+)$};
        $files{"$name/$file"} = $text;
        $option{target} = "%DIR%/$name/$file";
    }

    my $handler = $lang->handler($name, %option);
    $location{$name} = "location /$name/ { $handler }\n";
}

my $built = $lang->in_worker && $lang->is('golang');
my @names = grep { !$built || /good|slow|init/ } sort keys %function;
my $config = join '', @location{@names};

my $server = $lang->server(files => \%files, config => $config);

my %reply;
@reply{@names} = $server->many(map { ['GET', "/$_/text", undef, timeout => 120] } @names);

for my $name (qw(good slow)) {
    next if !$function{$name};
    is("$reply{$name}{code} $reply{$name}{body}", "200 text \xc3\xa9\n", "$name: serves");
}

for my $name (grep { !/good|slow/ } @names) {
    is($reply{$name}{code}, 503, "$name: 503");
    like($reply{$name}{headers}, qr/^Retry-After: 1\r?$/m, "$name: Retry-After");
    like($server->log, $lang->in_worker ? qr/fn "$name": fn_init failed/
        : qr/fn "$name" is unavailable: none of its processes could be started/, "$name: logged");
}

# a worker takes no request before all of its functions have started
cmp_ok($reply{slow}{time}, '>=', 0.5, 'slow: who comes early waits') if !$lang->in_worker;

# the reason is the function's, and says what is wrong

my $stderr = sub { qr/\[error\] [^\n]* fn "$_[0]" pid \d+: [^\n]*$_[1]/ };
my $refused = $lang->in_worker ? $stderr
    : sub { qr/\[error\] [^\n]* fn "$_[0]" process \d+ could not start: [^\n]*$_[1]/ };
my $log = $server->dir . '/logs/error.log';

if ($lang->in_worker) {
    worker();
    exit;
}

$lang->log_has($log, 'syntax', $refused->('syntax', ''), $stderr->('syntax', qr/[cC]onformance/));
$lang->log_has($log, 'load', $stderr->('load', 'at load'));
$lang->log_has($log, 'entry', $refused->('entry', 'no_such_entry'));
$lang->log_has($log, 'exit', qr/fn "exit" process \d+ exited with code 5 before it was ready/);
$lang->log_has($log, 'init', $refused->('init', 'init failed'),
    $stderr->('init', 'init failed')) if $function{init};
# an error that is a value has no stack
$lang->log_has($log, 'init', $stderr->('init', qr/[cC]onformance/))
    if $function{init} && !$lang->is('golang');

# it is tried again, more and more slowly; others don't notice

$lang->log_has($log, 'exit', qr/fn "exit" process \d+ exited with code 5 before it was ready, started again in 200 ms/);

is($server->get('/good/text')->{code}, 200, 'good: serves');
is($server->get('/exit/text')->{code}, 503, 'exit: 503');

ok($server->stop('TERM'), 'it ends');

done_testing();


sub worker {
    my %reason = (syntax => qr/[cC]onformance/, load => qr/at load/, entry => qr/no_such_entry/,
        exit => qr/would end the worker/, init => qr/init failed/);

    # a goroutine runs them: they end "nginx -t", or the worker when that is sooner
    delete @reason{qw(exit load)} if $built;

    for my $name (sort keys %reason) {
        if (!grep { $_ eq $name } @names) {
            $server->configure($location{$name});
            my $said = qx($server->{binary} -t -e /dev/null -p $server->{dir}/ -c nginx.conf 2>&1);
            like($said, $reason{$name}, "$name: nginx -t says why");
            isnt($?, 0, "$name: and refuses it");
        }
        else {
            $lang->log_has($log, $name, $stderr->($name, $reason{$name}));
        }
    }

    is($server->get('/good/text')->{code}, 200, 'good: serves');
    ok($server->stop('TERM'), 'it ends');
    done_testing();
}


sub loaded {
    my ($code) = @_;

    return "$source\n$code\n" if !$class{ $lang->{name} };

    my ($file) = $lang->{target} =~ m{([^/.]+)\.\w+$};
    my ($class) = $source =~ /\bclass (\Q$file\E)\b/i or die "no class in $lang->{target}";
    $code =~ s/CLASS/$class/g;

    return $source =~ s/(\bclass \Q$class\E\b[^{]*\{)/$1 $code/r;
}
