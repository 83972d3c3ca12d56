#!/usr/bin/perl

# The module under AddressSanitizer and UndefinedBehaviorSanitizer, in Debian's
# nginx: the suites of faults, again, and no report.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $root = abs_path("$FindBin::Bin/../..");
my $runtimes = ($ENV{FN_BUILD} || "$root/build") . '/runtimes';
my ($nginx) = $ENV{TEST_NGINX_BINARY}
    || grep { -x } map {"$_/nginx"} split(/:/, $ENV{PATH}), '/usr/sbin';
my $asan = qx(gcc -print-file-name=libasan.so) =~ s/\s+$//r;

plan skip_all => 'no libasan' unless $asan =~ m{^/};

my @suites = qw(t/fault_reply.t t/fault_process.t t/fault_truncated.t
    t/fault_deadline.t t/queue_prefetch.t t/queue_workers.t t/chaos/clients.t
    t/chaos/kill_worker.t);

my $dir = tempdir('fn_asan_XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $module = "$dir/build/ngx_http_fn_module.so";

chmod 0755, $dir;
mkdir "$dir/reports";
chmod 0777, "$dir/reports";     # workers and functions are somebody else

# leaks: pools go when their owners do, which at exit they don't

$ENV{ASAN_OPTIONS} = 'detect_leaks=0';

my $flags = '-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined';
my $log = qx(make -C '$root' build='$dir/build' FN_RUNTIMES='$runtimes' \\
    CFLAGS='$flags' LDFLAGS='-fsanitize=address,undefined' '$module' 2>&1);

is($?, 0, 'it is built') or BAIL_OUT($log);

write_file('nginx', <<"END");
#!/bin/sh
export LD_PRELOAD='$asan'
export ASAN_OPTIONS=detect_leaks=0,log_path='$dir/reports/asan'
export UBSAN_OPTIONS=print_stacktrace=1,log_path='$dir/reports/ubsan'
exec '$nginx' "\$@"
END

chmod 0755, "$dir/nginx";

# there is a report, when there is something to report

write_file('bad.c', <<'END');
#include <stdlib.h>
static volatile char read_behind;
__attribute__((constructor)) static void bad(void)
{
    char *p = malloc(10);
    read_behind = p[10];
}
END

write_file('bad.conf', "load_module $dir/bad.so;\nevents { }\n");

qx(gcc $flags -shared -fPIC -o '$dir/bad.so' '$dir/bad.c' 2>&1 &&
    '$dir/nginx' -t -c '$dir/bad.conf' 2>&1);
like(reports(), qr/heap-buffer-overflow/, 'a fault is reported');

$ENV{FN_ROOT} = $root;
$ENV{FN_BUILD} ||= "$root/build";
$ENV{TEST_NGINX_BINARY} = "$dir/nginx";
$ENV{TEST_NGINX_LOAD_MODULES} = $module;
$ENV{TEST_NGINX_SERVROOT} = "$dir/servroot";

for my $suite (@suites) {
    my $output = qx(cd '$root' && prove -I t/lib '$suite' 2>&1);
    is($?, 0, $suite) or diag($output);
    is(reports(), '', "$suite: no report");
}

done_testing();


sub write_file {
    my ($name, $text) = @_;

    open my $out, '>', "$dir/$name" or die "$name: $!";
    print {$out} $text;
    close $out;
}


sub reports {
    my $text = '';

    for my $file (glob "$dir/reports/*") {
        open my $in, '<', $file or next;
        local $/;
        $text .= <$in>;
        unlink $file;
    }

    return $text;
}
