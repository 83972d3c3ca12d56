"""Starts what is measured, nginx and the peers, and stops all of it."""

import contextlib
import glob
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

import client
import process
from subjects import entry

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
FUNCTIONS = BENCH / "functions"
BUILD = pathlib.Path(os.environ.get("FN_BUILD") or ROOT / "build").resolve()
LOAD = ["gcc", "-O2", "-o", "load", BENCH / "load.c"]
OBJECT = ["gcc", "-O2", "-shared", "-fPIC", "-I", ROOT / "runtimes" / "c"]
START_S = 60
STOP_S = 5


def identity():
    """Who runs the nginx workers, functions and peers: None is ourselves."""
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
        self.missing = {}  # subject: why it isn't measured
        self.built = set()

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="fn-bench-"))
        self.path.chmod(0o755)
        self.directory("cache")
        self.run(LOAD)
        for name in ("native", "long"):
            source = FUNCTIONS / f"{name}.c"
            self.run(OBJECT + ["-o", f"{name}.so", source, "-ljansson"])
        return self

    def __exit__(self, *error):
        shutil.rmtree(self.path, ignore_errors=True)

    def run(self, argv, env=None):
        argv = [str(word) for word in argv]
        seen = subprocess.run(argv, cwd=self.path, env=env, capture_output=True)
        if seen.returncode:
            text = (seen.stdout + seen.stderr).decode(errors="replace")
            raise RuntimeError(f"{argv[0]}: {text.strip()[-1000:]}")

    @contextlib.contextmanager
    def server(self, name, argv, user):
        with open(self.path / f"{name}.log", "wb") as log:
            server = subprocess.Popen(
                as_user(user) + [str(word) for word in argv],
                cwd=self.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield server
        finally:
            stop(server)

    def directory(self, name):
        """One that is there, and belongs to who runs the peers."""
        path = self.path / name
        path.mkdir(exist_ok=True)
        if self.user:
            shutil.chown(path, self.user)
        return path

    @contextlib.contextmanager
    def peer(self, name, argv, address, pause=0.02):
        """A server of the peers' user, when it listens at address."""
        with self.server(name, argv, self.user) as server:
            self.wait(server, name, address, pause)
            yield server

    @contextlib.contextmanager
    def nginx(self, name, server, main="", http="", workers=1, names=()):
        """nginx with these parts of a configuration; gives it when it listens."""
        self.port, port = self.port + 1, self.port
        run = self.path / f"nginx-{name}"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        names = {
            "SERVER": server,
            "MAIN": main,
            "HTTP": http,
            "WORKERS": workers,
            "PORT": port,
            **self.names(),
            **dict(names),
            "RUN": run,
        }
        text = fill((BENCH / "nginx.conf").read_text(), names)
        (run / "nginx.conf").write_text(text)
        log = run / "error.log"
        argv = ["nginx", "-p", run, "-c", run / "nginx.conf", "-e", log]
        with self.server(f"nginx-{name}", argv, None) as master:
            self.wait(master, f"nginx-{name}", ("127.0.0.1", port), log=log)
            yield Nginx(master.pid, port)
        self.complain(name, log)

    def names(self):
        user = f"fn_user {self.user};" if self.user else ""
        return {
            "USER": f"user {self.user};" if self.user else "",
            "FN": f"""{user} fn_start_timeout 120s; fn_env FN_CACHE=@STAGE@/cache;
                fn_command python /usr/bin/python3;""",
            "STAGE": self.path,
            "BUILD": BUILD,
            "MODULES": "/usr/lib/nginx/modules",
            "FUNCTIONS": FUNCTIONS,
            "PEERS": BENCH / "peers",
            "PHP_FPM": (glob.glob("/usr/sbin/php-fpm*") or ["php-fpm"])[0],
        }

    def complain(self, name, log):
        """What nginx wrote at level error and above is a problem."""
        lines = log.read_text(errors="replace").splitlines()
        if lines:
            line = lines[0].replace(str(self.path), "")
            self.problems.append(f"{name}: {len(lines)} log lines: {line}")

    @contextlib.contextmanager
    def subject(self, subject, workload):
        """nginx with a subject, and its server if it is a peer."""
        parallel = 64 if workload == "wait" else 1
        built = self.directory(f"built-{subject.name}")
        names = {
            **self.names(),
            "WORK": workload,
            "ENTRY": entry(subject, workload),
            "PARALLEL": parallel,
            "POOL": "thread_pool wait threads=64;" if parallel > 1 else "",
            "THREADS": "threads=wait" if parallel > 1 else "",
            "BUILT": built,
            "SOCKET": built / f"{workload}.sock",
            "TCP": self.port + 45,
            "CONF": built / (subject.conf or "none"),
        }
        self.prepare(subject, built, names)
        location = subject.location + (subject.wait if parallel > 1 else "")
        text = f"location = /{workload} {{ {location} }}"
        http = subject.http
        if subject.ours:
            http += "@FN@"
            text += " location = /fn { fn_status; }"
        with contextlib.ExitStack() as stack:
            root = None
            if subject.server:
                command = subject.server
                command += " " + subject.server_wait if parallel > 1 else ""
                argv = shlex.split(fill(command, names))
                address = str(names["SOCKET"])
                if "@TCP@" in subject.server:
                    address = ("127.0.0.1", names["TCP"])
                peer = self.peer(f"{subject.name}-{workload}", argv, address)
                root = stack.enter_context(peer).pid
            nginx = self.nginx(subject.name, text, subject.main, http, names=names)
            nginx = stack.enter_context(nginx)
            client.ready(nginx.port, workload, START_S)
            if subject.ours:
                root = nginx.keeper()
            yield Running(nginx, root)

    def prepare(self, subject, built, names):
        if subject.conf:
            text = (BENCH / "peers" / subject.conf).read_text()
            names["CONF"].write_text(fill(text, names))
        if subject.build and subject.name not in self.built:
            env = {
                **os.environ,
                "GOCACHE": str(self.path / "go"),
                "GO111MODULE": "off",
                "DOTNET_CLI_HOME": str(self.path),
            }
            command = " ".join(subject.build.split())
            self.run(["sh", "-c", fill(command, names)], env)
            self.built.add(subject.name)

    def load(self, name, nginx, request, connections, seconds, rate=None):
        """What load.c measures; what goes wrong is a problem of name."""
        argv = [self.path / "load", nginx.port, connections, seconds]
        argv += [self.file(request), nginx.worker] + ([rate] if rate else [])
        argv = [str(word) for word in argv]
        run = subprocess.run(
            argv, capture_output=True, text=True, timeout=seconds + 30
        )
        if run.returncode:
            raise RuntimeError(f"{name}: {run.stderr}")
        seen = json.loads(run.stdout)
        where = f"{name}, {connections} connections"
        if seen["failed"] or seen["broken"]:
            wrong = f"{seen['failed']} failed and {seen['broken']} broken"
            self.problems.append(f"{where}: {wrong} of {seen['requests']}")
        if seen["requests"] <= connections:
            self.problems.append(f"{where}: only {seen['requests']} requests")
        return seen

    def file(self, request):
        """The name of a file with the bytes of a request."""
        path = self.path / f"request-{request.strip('/').replace('/', '-')}"
        if not path.exists():
            path.write_bytes(client.request(request))
        return path

    def wait(self, server, name, address, pause=0.02, log=None):
        deadline = time.monotonic() + START_S
        while not client.reachable(address):
            if server.poll() is not None or time.monotonic() > deadline:
                path = log if log and log.exists() else self.path / f"{name}.log"
                text = path.read_text(errors="replace").strip()
                raise RuntimeError(f"{name} did not start: {text[-1000:]}")
            time.sleep(pause)


class Nginx:
    def __init__(self, master, port):
        self.master = master
        self.port = port
        client.get(port, "/up")  # a worker is there when it answers
        self.worker = next(
            pid
            for pid in process.children(master)
            if process.title(pid).startswith("nginx: worker")
        )

    def status(self):
        return json.loads(client.get(self.port, "/fn")[2])

    def keeper(self):
        """It and what descends from it are our processes; None if there are
        none, as in an nginx with native functions only."""
        supervisor = self.status()["nginx"].get("supervisor")
        return process.parent(supervisor) if supervisor else None

    def processes(self):
        """The process of each location that has one."""
        return {
            "/" + function["name"].replace("-", "/"): one["pid"]
            for function in self.status()["functions"]
            for one in function["processes"]
        }


class Running:
    """A subject that runs: its nginx worker, and the processes beside it."""

    def __init__(self, nginx, root):
        self.port = nginx.port
        self.worker = nginx.worker
        self.root = root

    def beside(self):
        return process.family(self.root) if self.root else []

    def cpu(self):
        """Seconds that the processes beside nginx have run."""
        return process.cpu_of_all(self.beside())

    def memory(self):
        """MiB; of processes that share pages RSS counts these in each."""
        pids = self.beside()
        both = [process.memory(self.worker)], [process.memory(pid) for pid in pids]
        names = "worker", "beside"
        return {
            f"{who}_{what}_mib": round(sum(one[i] for one in sizes) / 1024, 2)
            for who, sizes in zip(names, both)
            for i, what in enumerate(("rss", "pss"))
        }


def fill(text, names):
    """Twice: values have names in them."""
    for _ in range(2):
        for name, value in names.items():
            text = text.replace(f"@{name}@", str(value))
    return text


def stop(server):
    """Asks, waits, then kills what is left of it and its children."""
    quiet = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, quiet)
    family = [(pid, process.started(pid)) for pid in process.family(server.pid)]
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(STOP_S)
    for pid, started in family:
        if started and process.started(pid) == started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    server.wait(STOP_S)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, quiet)
