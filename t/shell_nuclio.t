# The shell runtime: nuclio's acceptance tests S1 to S10, and that nothing of a
# request is ever read by a shell as code.

use Test::Nginx::Socket 'no_plan';

use File::Temp qw/ tempdir /;

$ENV{TEST_NGINX_FN_BUILD} ||= $ENV{FN_BUILD};
$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();

# files of user_files cannot be executed
my $dir = $ENV{TEST_NGINX_FILES} = tempdir('fn_shell_XXXXXX', TMPDIR => 1,
    CLEANUP => 1);

open my $file, '>', "$dir/executable" or die "executable: $!";
print {$file} "#!/usr/bin/perl\nprint 'perl said ', <STDIN>;\n";
close $file;
chmod 0755, $dir, "$dir/executable";

my $functions = <<'END';
>>> outputter.sh
body=$(cat)

case $body in
    return_body) echo "$body" ;;
    return_env) echo "$ENV1-$ENV2" ;;
    return_error) exit 1 ;;
    return_arguments) echo "$1-$2" ;;
    return_error_with_message)
        echo return_error_with_message; echo some_error >&2; exit 1 ;;
    "sleep "*) $body ;;
esac
>>> arguments.sh
for argument; do
    printf '<%s>' "$argument"
done
>>> environment.sh
env | sort
>>> exit.sh
echo "said"
exit $1
>>> killed.sh
echo "last words"
kill -SEGV $$
>>> big.sh
head -c 1048576 /dev/zero | tr '\0' x
>>> html.sh
printf '<p>'
>>> binary.sh
printf '\000\001\377'
>>> unread.sh
echo "not read"
>>> path.sh
printf '%s' "$NUCLIO_EVENT_METHOD $NUCLIO_EVENT_PATH"
END

my $config = <<'END';
location / {
    fn_handler shell:$TEST_NGINX_HTML_DIR/outputter.sh:main;
    fn_env ENV1=value1;
    fn_env ENV2=value2;
    fn_arguments first second;
    fn_arguments_header on;
    add_header header1 value1 always;
}
location /arguments {
    fn_handler shell:$TEST_NGINX_HTML_DIR/arguments.sh;
    fn_arguments a "b c" ";d" -e;
    fn_arguments_header on;
}
location /fixed {
    fn_handler shell:$TEST_NGINX_HTML_DIR/arguments.sh;
    fn_arguments a b;
}
location /environment {
    fn_handler shell:$TEST_NGINX_HTML_DIR/environment.sh;
    fn_env ENV1=value1;
}
location /exit3 {
    fn_handler shell:$TEST_NGINX_HTML_DIR/exit.sh;
    fn_arguments 3;
}
location /killed { fn_handler shell:$TEST_NGINX_HTML_DIR/killed.sh; }
location /big { fn_handler shell:$TEST_NGINX_HTML_DIR/big.sh; }
location /html {
    fn_handler shell:$TEST_NGINX_HTML_DIR/html.sh;
    fn_env "FN_CONTENT_TYPE=text/html";
}
location /binary { fn_handler shell:$TEST_NGINX_HTML_DIR/binary.sh; }
location /unread { fn_handler shell:$TEST_NGINX_HTML_DIR/unread.sh; }
location /path { fn_handler shell:$TEST_NGINX_HTML_DIR/path.sh; }
location /perl { fn_handler shell:$TEST_NGINX_FILES/executable; }
location /cat { fn_handler shell:cat; }
location /rev { fn_handler shell:rev; }
location /echo {
    fn_handler shell:echo;
    fn_arguments abcdef;
    fn_arguments_header on;
}
location /false { fn_handler shell:false; }
END

my $first = 1;

add_block_preprocessor(sub {
    my ($block) = @_;

    if ($first) {
        $block->set_value('config', $config);
        $block->set_value('user_files', $functions);
        $first = 0;
    }

    $block->set_value('no_error_log', '[alert]');
});

no_root_location();
no_shuffle();
run_tests();

__DATA__

=== S1: the body
--- request
POST /
return_body
--- response_headers
Content-Type: text/plain; charset=utf-8
header1: value1
--- response_body
return_body



=== S2: the environment
--- request
POST /
return_env
--- response_body
value1-value2



=== S3: an error
--- request
POST /
return_error
--- error_code: 500
--- response_headers
Content-Type: text/plain; charset=utf-8



=== S4: arguments
--- request
POST /
return_arguments
--- response_body
first-second



=== S5: arguments of the client
--- request
POST /
return_arguments
--- more_headers
X-Nuclio-Arguments: overridefirst overridesecond
--- response_body
overridefirst-overridesecond



=== S6: an error with a message
--- request
POST /
return_error_with_message
--- error_code: 500
--- response_headers
header1: value1
--- response_body
Failed to run shell command.
Error: exit status 1
Output:return_error_with_message
some_error



=== S8: a slow one
--- request
POST /
sleep 0.5
--- response_body



=== S9: a program of the path
--- request
POST /rev
abcdef
--- response_body_like: ^fedcba$



=== S10: a program with arguments
--- request
POST /echo
x
--- response_body
abcdef



=== S10: and those of the client
--- request
POST /echo
x
--- more_headers
X-Nuclio-Arguments: 123456
--- response_body
123456



=== configured arguments come as they were written
--- request
GET /arguments
--- response_body chomp
<a><b c><;d><-e>



=== the client's arguments are split at single spaces, and nothing else
--- request
GET /arguments
--- more_headers
X-Nuclio-Arguments: $(id) `id` $HOME *  ;id | & > /tmp/x "a b" 'c' -rf \n
--- response_body chomp
<$(id)><`id`><$HOME><*><><;id><|><&><>></tmp/x><"a><b"><'c'><-rf><\n>



=== an empty list of arguments leaves the configured ones
--- request
GET /arguments
--- more_headers
X-Nuclio-Arguments:
--- response_body chomp
<a><b c><;d><-e>



=== the name of the header in any case
--- request
GET /arguments
--- more_headers
x-nuclio-ARGUMENTS: x
--- response_body chomp
<x>



=== without fn_arguments_header the client has no say
--- request
GET /fixed
--- more_headers
X-Nuclio-Arguments: x y
--- response_body chomp
<a><b>



=== bytes that are no ASCII stay as they are
--- request
GET /arguments
--- more_headers eval
"X-Nuclio-Arguments: \xff\xc3\xa9"
--- response_body eval
"<\xff\xc3\xa9>"



=== a tab in the arguments is refused
--- request
GET /arguments
--- more_headers eval
"X-Nuclio-Arguments: a\tb"
--- error_code: 400



=== the whole environment
--- request
GET /environment/a%20b?query=hidden
--- more_headers
Content-Type: text/x-odd
X-Secret: hidden
--- response_body_like eval
qr{^ENV1=value1
LANG=C.UTF-8
NUCLIO_EVENT_CONTENT_TYPE=text/x-odd
NUCLIO_EVENT_ID=[0-9a-f]{32}
NUCLIO_EVENT_METHOD=GET
NUCLIO_EVENT_NUM_SHARDS=0
NUCLIO_EVENT_PATH=/environment/a b
NUCLIO_EVENT_SHARD_ID=-1
NUCLIO_EVENT_TIMESTAMP=20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ
NUCLIO_EVENT_TYPE=
NUCLIO_EVENT_TYPE_VERSION=
NUCLIO_EVENT_URL=
NUCLIO_EVENT_VERSION=
NUCLIO_FUNCTION_HANDLER=/\S+/environment.sh
NUCLIO_FUNCTION_NAME=environment
NUCLIO_HANDLER=/\S+/environment.sh
NUCLIO_TRIGGER_CLASS=sync
NUCLIO_TRIGGER_KIND=http
PATH=/usr/local/sbin\S+
(?:OLDPWD=\S*\n)?PWD=/
(?:SHLVL=\d\n)?(?:_=\S+\n)?$}



=== Shellshock: a value that is a function definition is refused
--- request
GET /environment
--- more_headers
Content-Type: () { :;}; echo pwned
--- error_code: 400
--- response_body_unlike: pwned



=== a zero byte in the path is refused by nginx
--- request
GET /environment/a%00b
--- error_code: 400



=== a line break in the path stays in its variable
--- request
GET /path/a%0aX=1
--- response_body chomp
GET /path/a
X=1



=== what looks like code in the path is text
--- request
GET /path/$(id)`id`;id
--- response_body chomp
GET /path/$(id)`id`;id



=== a file that can be executed names its interpreter
--- request
POST /perl
x
--- response_body chomp
perl said x



=== an exit code
--- request
GET /exit3
--- error_code: 500
--- response_body
Failed to run shell command.
Error: exit status 3
Output:said



=== a program that fails
--- request
GET /false
--- error_code: 500
--- response_body chomp
Failed to run shell command.
Error: exit status 1
Output:



=== a signal
--- request
GET /killed
--- error_code: 500
--- response_body_like chomp
^Failed to run shell command\.
Error: signal: segmentation fault.*
Output:last words
$



=== a content type
--- request
GET /html
--- response_headers
Content-Type: text/html
--- response_body chomp
<p>



=== bytes
--- request
GET /binary
--- response_headers
Content-Length: 3
--- response_body eval
"\0\1\xff"



=== 1 MB out
--- request
GET /big
--- timeout: 10
--- response_body eval
'x' x 1048576



=== 1 MB in and out
--- request eval
"POST /cat\n" . 'abcdefgh' x 131072
--- timeout: 10
--- response_body eval
'abcdefgh' x 131072



=== every byte in and out
--- request eval
"POST /cat\n" . CORE::join '', map { chr } 0 .. 255
--- response_body eval
CORE::join '', map { chr } 0 .. 255



=== a body that is not read
--- request eval
"POST /unread\n" . 'x' x 500000
--- timeout: 10
--- response_body
not read



=== no body
--- request
GET /cat
--- response_headers
Content-Length: 0
--- response_body



=== HEAD
--- request
HEAD /html
--- response_headers
Content-Length: 3
--- response_body
