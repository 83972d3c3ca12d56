"""Starts what is measured, nginx and the peers, and stops all of it."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import client
import process

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
FUNCTIONS = BENCH / "functions"
OURS = ROOT / "build" / "ngx_http_fn_module.so"
DEBIAN = pathlib.Path("/usr/lib/nginx/modules")
LUA = [DEBIAN / "ndk_http_module.so", DEBIAN / "ngx_http_lua_module.so"]
START_S = 120
STOP_S = 5


def identity():
    """Who runs the nginx workers and the peers: None is ourselves."""
    if os.geteuid() != 0:
        return None
    readable = ["test", "-r", BENCH / "peers" / "wsgi.py"]
    seen = subprocess.run(as_user("www-data") + readable, capture_output=True)
    return "www-data" if seen.returncode == 0 else "root"


def as_user(user):
    argv = ["setpriv", "--pdeathsig", "TERM"]
    if user:
        argv += [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return argv


class Stage:
    """A directory of its own and the servers that run in it."""

    def __init__(self, first_port):
        self.port = first_port
        self.user = identity()
        self.problems = []

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="fn-bench-"))
        self.path.chmod(0o755)
        return self

    def __exit__(self, *error):
        shutil.rmtree(self.path, ignore_errors=True)

    @contextlib.contextmanager
    def server(self, name, argv, user):
        with open(self.path / f"{name}.log", "wb") as log:
            server = subprocess.Popen(
                as_user(user) + [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield server
        finally:
            stop(server)

    def directory(self, name, user=None):
        """One that is there, and belongs to user or to who runs the peers."""
        path = self.path / name
        path.mkdir(exist_ok=True)
        if self.user:
            shutil.chown(path, user or self.user)
        return path

    @contextlib.contextmanager
    def peer(self, name, argv, address, pause=0.05):
        """A server of the peers' user, when it listens at address."""
        with self.server(name, argv, self.user) as server:
            self.wait(server, name, address, pause)
            yield server

    @contextlib.contextmanager
    def nginx(self, scenario, modules=(), workers=1, more=None):
        """nginx with conf/<scenario>.conf; gives its port and workers."""
        self.port, port = self.port + 1, self.port
        run = self.path / f"nginx-{port}"
        run.mkdir()
        names = {**self.names(run, port, modules, workers), **(more or {})}
        fill(BENCH / "conf" / "nginx.conf", run / "nginx.conf", names)
        fill(BENCH / "conf" / f"{scenario}.conf", run / "scenario.conf", names)
        self.compile(run)
        log = run / "error.log"
        argv = ["nginx", "-p", run, "-c", run / "nginx.conf", "-e", log]
        with self.server(f"nginx-{port}", argv, None) as master:
            self.wait(master, f"nginx-{port}", ("127.0.0.1", port))
            yield Nginx(master.pid, port)
        self.complain(scenario, log)

    def wrk(self, nginx, path, connections, seconds):
        """Requests per second, and their number."""
        rate, count, wrong = client.wrk(nginx.port, path, connections, seconds)
        if wrong:
            self.problems.append(f"{path}, {connections}: {', '.join(wrong)}")
        return rate, count

    def names(self, run, port, modules, workers):
        return {
            "MODULES": "\n".join(f"load_module {path};" for path in modules),
            "WORKERS": str(workers),
            "USER": f"user {self.user};" if self.user else "",
            "FN_USER": f"fn_user {self.user};" if self.user == "root" else "",
            "RUN": str(run),
            "PORT": str(port),
            "PEERS": str(self.path / "peers"),
            "CACHE": str(self.path / "cache"),
            "BUILD": str(ROOT / "build"),
            "DEMO": str(ROOT / "runtimes"),
            "FUNCTIONS": str(FUNCTIONS),
        }

    def compile(self, run):
        argv = ["gcc", "-O2", "-shared", "-fPIC", "-I", ROOT / "runtimes" / "c"]
        argv += ["-o", run / "body.so", FUNCTIONS / "body.c"]
        subprocess.run(argv, check=True)

    def complain(self, name, log):
        """What nginx wrote at level error and above is a problem."""
        lines = log.read_text(errors="replace").splitlines()
        if lines:
            line = lines[0].replace(str(self.path), "")
            self.problems.append(f"{name}: {len(lines)} log lines: {line}")

    @contextlib.contextmanager
    def peers(self):
        directory = self.directory("peers")
        with contextlib.ExitStack() as stack:
            for name, argv in peer_commands(directory).items():
                path = str(directory / f"{name}.sock")
                stack.enter_context(self.peer(name, argv, path))
            yield

    def wait(self, server, name, address, pause=0.05):
        deadline = time.monotonic() + START_S
        while not client.reachable(address):
            if server.poll() is not None or time.monotonic() > deadline:
                log = (self.path / f"{name}.log").read_text(errors="replace")
                raise RuntimeError(f"{name} did not start: {log[-2000:]}")
            time.sleep(pause)


def peer_commands(directory):
    """One process each, on a unix socket, without a log of requests."""
    peers = BENCH / "peers"
    gunicorn = ["/usr/bin/gunicorn", "--chdir", peers, "--workers", 1]
    gunicorn += ["--log-level", "warning", "wsgi:application", "--bind"]
    uwsgi = ["uwsgi", "--plugins", "python3", "--chdir", peers]
    uwsgi += ["--module", "wsgi", "--processes", 1, "--listen", 128]
    uwsgi += ["--disable-logging", "--die-on-term", "--socket"]
    threads = ["--worker-class", "gthread", "--threads", 4]
    return {
        "uwsgi": uwsgi + [directory / "uwsgi.sock"],
        "gunicorn": gunicorn + [f"unix:{directory}/gunicorn.sock"],
        "gthread": gunicorn + [f"unix:{directory}/gthread.sock"] + threads,
        "node": ["/usr/bin/node", peers / "http" / "node.js", directory / "node.sock"],
    }


class Nginx:
    def __init__(self, master, port):
        self.master = master
        self.port = port

    def workers(self):
        return [
            pid
            for pid in process.children(self.master)
            if process.title(pid).startswith("nginx: worker")
        ]

    def status(self):
        return json.loads(client.get(self.port, "/fn")[2])

    def processes(self):
        """The process of each location that has one."""
        return {
            "/" + function["name"].replace("-", "/"): one["pid"]
            for function in self.status()["functions"]
            for one in function["processes"]
        }


def fill(source, target, names):
    text = source.read_text()
    for name, value in names.items():
        text = text.replace(f"@{name}@", value)
    target.write_text(text)


def stop(server):
    """Asks, waits, then kills what is left of it and its children."""
    quiet = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, quiet)
    family = process.family(server.pid)
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(STOP_S)
    for pid, started in family:
        if started and process.started(pid) == started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    server.wait(STOP_S)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, quiet)
