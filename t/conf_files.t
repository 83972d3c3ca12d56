# What stands in a function's file, and who may read it, is checked before
# nginx starts: the reason is named, with the line of the fn_handler.

use Test::Nginx::Socket 'no_plan';

use File::Temp qw/ tempdir /;

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};
$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();

my $dir = $ENV{TEST_NGINX_FILES} = tempdir('fn_files_XXXXXX', TMPDIR => 1,
    CLEANUP => 1);
chmod 0755, $dir;

my $handler = 'int handler(void *c, const void *e, void *r) { return 0; }';

build('good', 'const unsigned fn_abi = 1;', $handler);
build('no_handler', 'const unsigned fn_abi = 1;');
build('no_abi', $handler);
build('abi_99', 'const unsigned fn_abi = 99;', $handler);
build('writable', 'const unsigned fn_abi = 1;', $handler);
build('crashes', 'const unsigned fn_abi = 1;', $handler,
    '__attribute__((constructor)) void f(void) { *(volatile int *) 0 = 1; }');
build('exits', 'const unsigned fn_abi = 1;', $handler,
    '#include <stdlib.h>',
    '__attribute__((constructor)) void f(void) { _Exit(7); }');
build('undefined', 'const unsigned fn_abi = 1;', 'void nowhere(void);',
    'int handler(void) { nowhere(); return 0; }');

chmod 0777, "$dir/writable.so";
write_file('text.so', "I am no shared object\n");
write_file('truncated.so', substr(read_file('good.so'), 0, 2000));

write_file('open.py', "def handler(context, event): return 'x'\n");
write_file('secret.py', "def handler(context, event): return 'x'\n");
chmod 0600, "$dir/secret.py";
write_file('secret.sh', "echo x\n");
chmod 0600, "$dir/secret.sh";
write_file('not_executable', "#!/bin/sh\n");

mkdir "$dir/locked";
write_file('locked/f.py', '');
chmod 0700, "$dir/locked";

add_block_preprocessor(sub {
    my ($block) = @_;

    # a line of its own in a file of its own has a known number
    if (my $line = $block->fn) {
        $block->set_value('config',
            'include $TEST_NGINX_HTML_DIR/fn.conf;');
        $block->set_value('user_files',
            ">>> fn.conf\nlocation /t {\n    $line;\n}\n");
        $block->set_value('must_die', '');
        $block->set_value('suppress_stderr', '');
        $block->set_value('no_error_log', '[alert]');
    }
});

run_tests();


sub build {
    my ($name, @lines) = @_;

    write_file("$name.c", join "\n", @lines, '');
    system(qw/ cc -w -shared -fPIC -o /, "$dir/$name.so", "$dir/$name.c") == 0
        or die "$name: cc failed";
}

sub write_file {
    my ($name, $text) = @_;

    open my $file, '>', "$dir/$name" or die "$name: $!";
    print {$file} $text;
    close $file or die "$name: $!";
}

sub read_file {
    my ($name) = @_;

    open my $file, '<', "$dir/$name" or die "$name: $!";
    local $/;
    return scalar <$file>;
}

__DATA__

=== native: a good one starts
--- config
    location /t { fn_handler native:$TEST_NGINX_FILES/good.so; }
--- request
GET /t
--- error_code: 200
--- no_error_log
[error]



=== native: no such file
--- fn: fn_handler native:$TEST_NGINX_FILES/absent.so
--- error_log eval
qr{\[emerg\] .*file "\S+/absent.so" not found in \S+/fn\.conf:2 \(2: No such}



=== native: a directory
--- fn: fn_handler native:$TEST_NGINX_FILES
--- error_log eval
qr{\[emerg\] .*fn_files_\w+" is not a file in \S+/fn\.conf:2$}



=== native: no ELF
--- fn: fn_handler native:$TEST_NGINX_FILES/text.so
--- error_log eval
qr{\[emerg\] .*dlopen\(\) failed \(\S+/text.so: .*in \S+/fn\.conf:2$}



=== native: a truncated ELF
--- fn: fn_handler native:$TEST_NGINX_FILES/truncated.so
--- error_log eval
qr{\[emerg\] .*truncated\.so.* in \S+/fn\.conf:2$}



=== native: an undefined symbol
--- fn: fn_handler native:$TEST_NGINX_FILES/undefined.so
--- error_log eval
qr{\[emerg\] .*undefined symbol: nowhere.* in \S+/fn\.conf:2$}



=== native: no handler
--- fn: fn_handler native:$TEST_NGINX_FILES/no_handler.so
--- error_log eval
qr{\[emerg\] .*no_handler.so" has no function "handler" in \S+/fn\.conf:2$}



=== native: no function of the name that was given
--- fn: fn_handler native:$TEST_NGINX_FILES/good.so:other
--- error_log eval
qr{\[emerg\] .*good.so" has no function "other" in \S+/fn\.conf:2$}



=== native: no FN_MODULE
--- fn: fn_handler native:$TEST_NGINX_FILES/no_abi.so
--- error_log eval
qr{\[emerg\] .*no_abi.so" is no native handler, its source must say FN_MODULE in \S+/fn\.conf:2$}



=== native: another ABI
--- fn: fn_handler native:$TEST_NGINX_FILES/abi_99.so
--- error_log eval
qr{\[emerg\] .*abi_99.so" was built for ABI 99, this module has 2, build it again in \S+/fn\.conf:2$}



=== native: everybody may write it
--- fn: fn_handler native:$TEST_NGINX_FILES/writable.so
--- error_log eval
qr{\[emerg\] .*writable.so" may be written by everybody, .* in \S+/fn\.conf:2$}



=== native: one that crashes when it is loaded does not crash nginx
--- fn: fn_handler native:$TEST_NGINX_FILES/crashes.so
--- error_log eval
qr{\[emerg\] .*loading "\S+/crashes.so" ended with signal 11 in \S+/fn\.conf:2$}



=== native: one that exits when it is loaded
--- fn: fn_handler native:$TEST_NGINX_FILES/exits.so
--- error_log eval
qr{\[emerg\] .*loading "\S+/exits.so" ended the process with code 7 in \S+/fn\.conf:2$}



=== native: no such pool of threads
--- fn: fn_handler native:$TEST_NGINX_FILES/good.so threads=nowhere
--- error_log eval
qr{\[emerg\] .*unknown thread pool "nowhere" in \S+/fn\.conf:2$}



=== python: no such file
--- fn: fn_handler python:$TEST_NGINX_FILES/absent.py
--- error_log eval
qr{\[emerg\] .*file "\S+/absent.py" not found in \S+/fn\.conf:2 \(2: No such}



=== python: a relative file is taken from the prefix
--- fn: fn_handler python:absent/f.py
--- error_log eval
qr{\[emerg\] .*file "/\S+/absent/f.py" not found in \S+/fn\.conf:2 \(2: No such}



=== python: a file that is only root's
--- skip_eval: 3: $> != 0
--- fn: fn_handler python:$TEST_NGINX_FILES/secret.py
--- error_log eval
qr{\[emerg\] .*secret.py" is not readable for user "nobody" \("fn_user"\) in \S+/fn\.conf:2 \(13: Permission}



=== python: a directory that is only root's
--- skip_eval: 3: $> != 0
--- fn: fn_handler python:$TEST_NGINX_FILES/locked/f.py
--- error_log eval
qr{\[emerg\] .*locked/f.py" is not readable for user "nobody" \("fn_user"\) in \S+/fn\.conf:2 \(13: Permission}



=== python: root's file for a function of root's
--- skip_eval: 3: $> != 0
--- config
    location /t {
        fn_handler python:$TEST_NGINX_FILES/secret.py;
        fn_user root;
    }
--- request
GET /t
--- response_body chomp
x



=== python: no such interpreter
--- fn: fn_handler python:$TEST_NGINX_FILES/open.py; fn_command python python9
--- error_log eval
qr{\[emerg\] .*interpreter "python9" of runtime "python" not found, install it or set "fn_command" in \S+/fn\.conf:2$}



=== python: no such interpreter, an absolute path
--- fn: fn_handler python:$TEST_NGINX_FILES/open.py; fn_command python /opt/none/bin/python
--- error_log eval
qr{\[emerg\] .*interpreter "/opt/none/bin/python" of runtime "python" not found, .* in \S+/fn\.conf:2$}



=== shell: no such file
--- fn: fn_handler shell:$TEST_NGINX_FILES/absent.sh
--- error_log eval
qr{\[emerg\] .*file "\S+/absent.sh" not found in \S+/fn\.conf:2 \(2: No such}



=== shell: no such command
--- fn: fn_handler shell:no_such_command
--- error_log eval
qr{\[emerg\] .*"no_such_command" is neither a file nor a command in "/usr/local/sbin:\S+" in \S+/fn\.conf:2$}



=== shell: a file that is only root's
--- skip_eval: 3: $> != 0
--- fn: fn_handler shell:$TEST_NGINX_FILES/secret.sh
--- error_log eval
qr{\[emerg\] .*secret.sh" is not readable for user "nobody" \("fn_user"\) in \S+/fn\.conf:2 \(13: Permission}



=== a name twice
--- fn: fn_handler shell:cat name=a; } location /b { fn_handler shell:cat name=a
--- error_log eval
qr{\[emerg\] .*duplicate function name "a" in \S+/fn\.conf:2$}



=== a name that another function got from its location
--- fn: fn_handler shell:cat; } location /b { fn_handler shell:cat name=t
--- error_log eval
qr{\[emerg\] .*duplicate function name "t" in \S+/fn\.conf:2$}



