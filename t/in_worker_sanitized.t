#!/usr/bin/perl

# Python in nginx's worker under AddressSanitizer, UndefinedBehaviorSanitizer and
# LeakSanitizer, and under valgrind: the conformance suite, reload and stop, again,
# and no report.  Undefined behaviour ends the worker, which the suites notice.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $root = abs_path("$FindBin::Bin/..");
my ($nginx) = $ENV{TEST_NGINX_BINARY}
    || grep { -x } map {"$_/nginx"} split(/:/, $ENV{PATH}), '/usr/sbin';
my $asan = qx(gcc -print-file-name=libasan.so) =~ s/\s+$//r;

plan skip_all => 'no libasan' unless $asan =~ m{^/};
plan skip_all => 'no Python.h: install python3-dev' if !glob '/usr/include/python3*/Python.h';

my $dir = tempdir('fn_asan_XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $build = "$dir/build";
my $module = "$build/ngx_http_fn_module.so";

chmod 0755, $dir;
mkdir "$dir/reports";
chmod 0777, "$dir/reports";     # workers are somebody else

# valgrind looks at what is tested elsewhere

my %real = (FN_BUILD => abs_path($ENV{FN_BUILD} || "$root/build"));
$real{TEST_NGINX_LOAD_MODULES} = $ENV{TEST_NGINX_LOAD_MODULES}
    || "$real{FN_BUILD}/ngx_http_fn_module.so";

# Python's small objects are malloc's, so that what is done to them is seen

write_file('malloc.h', <<'END');
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static inline void
fn_isolated(PyPreConfig *config)
{
    PyPreConfig_InitIsolatedConfig(config);
    config->allocator = PYMEM_ALLOCATOR_MALLOC;
}

#define PyPreConfig_InitIsolatedConfig  fn_isolated
END

$ENV{ASAN_OPTIONS} = 'detect_leaks=0';      # of make

my $flags = '-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined'
    . ' -fno-sanitize-recover=undefined';

make($flags, $module, "$build/runtimes/python");
make("$flags -include $dir/malloc.h", "$build/runtimes/embed/fn_python.so");

# what the interpreter keeps until the end of the process

write_file('suppressions', "leak:libpython3\n");

write_file('nginx', <<"END");
#!/bin/sh
export LD_PRELOAD='$asan'
export ASAN_OPTIONS=use_sigaltstack=0,log_path='$dir/reports/asan'
export LSAN_OPTIONS=suppressions='$dir/suppressions',print_suppressions=0
exec '$nginx' "\$@"
END

chmod 0755, "$dir/nginx";

# there is a report, when there is something to report

for my $bad ('p[10]', 'leak()') {
    write_file('bad.c', <<"END");
#include <stdlib.h>
static volatile char read_behind;
static char leak(void) { char *volatile p = malloc(100); p = NULL; return 0; }
__attribute__((constructor)) static void bad(void)
{
    char *volatile p = malloc(10);
    read_behind = $bad;
    free(p);
}
END

    write_file('bad.conf', "load_module $dir/bad.so;\nevents { }\n");
    qx(gcc $flags -Wno-unused-function -shared -fPIC -o '$dir/bad.so' '$dir/bad.c' 2>&1 &&
        '$dir/nginx' -t -c '$dir/bad.conf' 2>&1);
    like(reports(), qr/heap-buffer-overflow|leak of 100 byte/, "$bad: it is reported");
}

# the suites

$ENV{FN_ROOT} = $root;
$ENV{FN_BUILD} = $build;
$ENV{FN_RUNTIME} = 'python-in-worker';
$ENV{TEST_NGINX_BINARY} = "$dir/nginx";
$ENV{TEST_NGINX_LOAD_MODULES} = $module;
$ENV{TEST_NGINX_SERVROOT} = "$dir/servroot";

conforms('sanitizers', '', 200);
is(reports(), '', 'conformance: no report');

my $output = qx(cd '$root' && prove -I t/lib t/lang_worker.t 2>&1);
is($?, 0, 't/lang_worker.t') or diag($output);
is(reports(), '', 't/lang_worker.t: no report');

# valgrind knows what was never written, and the interpreter as it is in use

SKIP: {
    my ($valgrind) = grep { -x } map {"$_/valgrind"} split /:/, $ENV{PATH};
    skip 'no valgrind', 2 if !$valgrind;

    local %ENV = (%ENV, %real);

    write_file('suppressions', join '', map {"{\n  python\n  Memcheck:$_\n  obj:*libpython3*\n}\n"}
        qw(Cond Value8 Addr8 Value4 Addr4));
    write_file('nginx', <<"END");
#!/bin/sh
exec '$valgrind' -q --suppressions='$dir/suppressions' --log-file='$dir/reports/%p' \\
    '$nginx' "\$@"
END

    conforms('valgrind', '--case returns', 30);
    is(reports(), '', 'valgrind: no report');
}

done_testing();


sub make {
    my ($flags, @what) = @_;
    my $log = qx(make -s -C '$root' build='$build' FN_RUNTIMES='$build/runtimes' \\
        CFLAGS='$flags' LDFLAGS='-fsanitize=address,undefined' @what 2>&1);
    is($?, 0, "built: @{[ map { m{([^/]+)$} } @what ]}") or BAIL_OUT($log);
}


sub conforms {
    my ($name, $option, $least) = @_;
    my $log = qx(cd '$root' && runtimes/conformance/run --tap $option python-in-worker 2>&1);
    my $status = $?;
    my @passed = $log =~ /^ok \d+ - (?!.*# SKIP)/mg;

    is($status, 0, "$name: the conformance suite")
        or diag(join '', grep { !/^ok/ } split /^/, $log);
    cmp_ok(scalar @passed, '>=', $least, "$name: cases were run");
}


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
        my $report = <$in> // '';

        my @leaks = $report =~ /^((?:Dir|Indir)ect leak of .*?\n)\n/msg;
        $text .= $report if !@leaks || grep { !is_nginx($_) } @leaks;
        unlink $file;
    }

    return $text;
}


# nginx's first pool, when it refuses its configuration; a worker's connections and
# their events
sub is_nginx {
    my ($leak) = @_;
    return $leak =~ /^Direct leak of 1024 byte\(s\) in 1 .*\n.*\n.* in ngx_memalign \(.*\n\z/
        || $leak =~ /^Indirect leak of \d+ byte\(s\) in 3 .*\n.*\n.* in ngx_alloc \(.*\n\z/;
}
