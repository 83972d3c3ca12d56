"""What is measured: ours and their peers, one row each.

What stands between @ signs is replaced (servers.Stage.names): WORK is the
workload, ENTRY its function in the language's spelling, SOCKET and TCP where a
peer listens, PARALLEL how many requests it runs at once: 1, or 64 with "wait",
when POOL and THREADS are a pool of threads and its use.  Peers without a word in
brackets speak HTTP, behind proxy_pass.
"""

from dataclasses import dataclass

PROXY = """proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_pass http://peer;"""
UNIX = "upstream peer { server unix:@SOCKET@; keepalive 64; }"
TCP = "upstream peer { server 127.0.0.1:@TCP@; keepalive 64; }"
MODULE = "load_module @BUILD@/ngx_http_fn_module.so;"
LUA = """load_module @MODULES@/ndk_http_module.so;
load_module @MODULES@/ngx_http_lua_module.so;"""
NJS = "load_module @MODULES@/ngx_http_js_module.so;"
GUNICORN = """/usr/bin/gunicorn --chdir @PEERS@ --workers 1 --log-level warning
wsgi:application --bind unix:@SOCKET@"""
UWSGI = """uwsgi --plugins python3 --chdir @PEERS@ --module wsgi --processes 1
--listen 128 --disable-logging --die-on-term --socket @SOCKET@"""
UVICORN = """/usr/bin/python3 -B -m uvicorn --app-dir @PEERS@ --no-access-log
--log-level warning --uds @SOCKET@ asgi:application"""
JAVAC = "javac -cp /usr/share/java/gson.jar -d @BUILT@ @PEERS@/Server.java"
JAVA = "java -cp @BUILT@:/usr/share/java/gson.jar Server @TCP@"
KESTREL = """cp -R @PEERS@/kestrel @BUILT@ && dotnet build -c Release
-o @BUILT@/kestrel/out -nodeReuse:false -p:UseSharedCompilation=false
@BUILT@/kestrel"""
EVERY = ("hello", "json", "body", "wait")


@dataclass(frozen=True)
class Subject:
    name: str
    title: str
    location: str  # of nginx
    wait: str = ""  # what is added to it for "wait"
    main: str = ""  # of nginx.conf, outermost
    http: str = ""  # ... in http
    peer: str = ""  # the subject that ours is compared with
    server: str = ""  # the command of a peer
    server_wait: str = ""  # what is added to it for "wait"
    build: str = ""  # what compiles a peer
    conf: str = ""  # a file of peers/, filled in for it
    packages: str = ""  # of Debian; "package:tool", not if the tool is there
    warm: float = 1.0  # seconds before the first round
    workloads: tuple = EVERY

    @property
    def ours(self):
        return "fn_handler" in self.location


def ours(name, title, handler, peer, concurrent=True, **more):
    if concurrent:
        more.setdefault("wait", "fn_concurrency 64;")
    handler = f"fn_handler {handler};"
    return Subject(name, title, handler, main=MODULE, peer=peer, **more)


def in_worker(name, title, handler, peer, **more):
    """Where it waits it is on a pool of 64 threads."""
    handler = f"fn_handler {handler} @THREADS@;"
    return Subject(name, title, handler, main=MODULE + " @POOL@", peer=peer, **more)


def proxied(name, title, server, http=UNIX, **more):
    return Subject(name, title, PROXY, http=http, server=server, **more)


PYTHON = "@FUNCTIONS@/python.py:@ENTRY@"

SUBJECTS = (
    Subject("return", "nginx: return 200", 'return 200 "Hello, world";',
            workloads=("hello", "json")),
    in_worker("native", "C", "native:@STAGE@/native.so:@ENTRY@", "lua"),
    Subject("lua", "lua-nginx-module",
            'content_by_lua_block { require("lua").@WORK@() }', main=LUA,
            http='lua_package_path "@PEERS@/?.lua;;";',
            packages="libnginx-mod-http-lua lua-cjson"),
    Subject("njs", "njs", "js_content work.@WORK@;", main=NJS,
            http="js_import work from @PEERS@/njs.js;",
            packages="libnginx-mod-http-js"),
    in_worker("python-in-worker", "Python, in the worker",
              f"python:{PYTHON} in_worker", "uwsgi", packages="python3-dev"),
    ours("python", "Python", f"python:{PYTHON}", "uwsgi"),
    Subject("uwsgi", "uWSGI (uwsgi_pass)",
            "include /etc/nginx/uwsgi_params; uwsgi_pass unix:@SOCKET@;",
            server=UWSGI, server_wait="--threads 64",
            packages="uwsgi-core uwsgi-plugin-python3"),
    proxied("gunicorn", "gunicorn", GUNICORN,
            server_wait="--worker-class gthread --threads 64", packages="gunicorn"),
    proxied("uvicorn", "uvicorn", UVICORN,
            packages="python3-uvicorn python3-uvloop python3-httptools"),
    in_worker("pypy-in-worker", "PyPy, in the worker", f"pypy:{PYTHON} in_worker",
              "python-in-worker", warm=3, packages="pypy3:pypy3 pypy3-dev"),
    ours("pypy", "PyPy", f"pypy:{PYTHON}", "python", warm=3, packages="pypy3:pypy3"),
    ours("nodejs", "Node.js", "nodejs:@FUNCTIONS@/nodejs.js:@ENTRY@", "node", warm=2),
    proxied("node", "http of Node.js",
            "/usr/bin/node @PEERS@/node.js @SOCKET@", warm=2, packages="nodejs:node"),
    in_worker("golang-in-worker", "Go, in the worker",
              "golang:@FUNCTIONS@/golang.go:@ENTRY@ in_worker", "go",
              packages="golang-go:go"),
    ours("golang", "Go", "golang:@FUNCTIONS@/golang.go:@ENTRY@", "go"),
    proxied("go", "net/http of Go", "@BUILT@/server @SOCKET@",
            build="go build -o @BUILT@/server @PEERS@/server.go",
            packages="golang-go:go"),
    ours("java", "Java", "java:@FUNCTIONS@/java.java:@ENTRY@", "httpserver", warm=3),
    proxied("httpserver", "com.sun.net.httpserver", JAVA + " 4", TCP,
            server_wait="64", build=JAVAC, warm=3,
            packages="default-jdk-headless:javac libgoogle-gson-java"),
    ours("dotnetcore", ".NET", "dotnetcore:@FUNCTIONS@/dotnetcore.cs:Work:@ENTRY@",
         "kestrel", warm=3),
    proxied("kestrel", "Kestrel",
            "dotnet @BUILT@/kestrel/out/kestrel.dll @SOCKET@", build=KESTREL, warm=3),
    ours("ruby", "Ruby", "ruby:@FUNCTIONS@/ruby.rb:@WORK@", "puma"),
    proxied("puma", "Puma",
            "/usr/bin/puma --quiet --environment production --bind unix://@SOCKET@ "
            "@PEERS@/rack.ru",
            server_wait="--threads 64:64", packages="ruby:ruby puma"),
    proxied("webrick", "WEBrick", "ruby @PEERS@/webrick.rb @TCP@", TCP,
            packages="ruby:ruby ruby-webrick"),
    Subject("php", "php-fpm (fastcgi_pass)",
            "include /etc/nginx/fastcgi_params; fastcgi_pass unix:@SOCKET@; "
            "fastcgi_param SCRIPT_FILENAME @PEERS@/index.php;",
            server="@PHP_FPM@ -F -y @CONF@", conf="php-fpm.conf", packages="php-fpm"),
    ours("shell", "shell script", "shell:@FUNCTIONS@/shell/@WORK@.sh", "fcgiwrap",
         packages="jq"),
    Subject("fcgiwrap", "fcgiwrap, shell script",
            "include /etc/nginx/fastcgi_params; fastcgi_pass unix:@SOCKET@; "
            "fastcgi_param SCRIPT_FILENAME @PEERS@/cgi/@WORK@;",
            server="/usr/sbin/fcgiwrap -c @PARALLEL@ -s unix:@SOCKET@",
            packages="fcgiwrap jq"),
)

BY_NAME = {subject.name: subject for subject in SUBJECTS}

# the function of a workload, where a language spells it another way
ENTRIES = {
    "golang": str.title,
    "golang-in-worker": str.title,
    "java": str.title,
    "dotnetcore": str.title,
    "python-in-worker": {"wait": "wait_in_thread"}.get,
    "pypy-in-worker": {"wait": "wait_in_thread"}.get,
}


def entry(subject, workload):
    spell = ENTRIES.get(subject.name, {}.get)
    return spell(workload) or workload


def packages(subjects):
    return sorted({word for one in subjects for word in one.packages.split()})
