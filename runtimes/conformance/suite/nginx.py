"""An nginx that serves a subject: it takes the place of a runtime's process."""

import grp
import os
import pwd
import signal
import subprocess
import tempfile

from .client import Client
from .connection import Closed, Event
from .error_log import ErrorLog
from .languages import BUILD, PATH
from .process import (
    PATIENCE,
    READY,
    START_PATIENCE,
    children,
    connect,
    free_address,
    hidden,
    wait_for,
)

_CONF = """\
daemon off;
worker_processes 1;
user {user};
error_log {folder}/error.log debug_mail;  # records at debug, and nothing of nginx
pid {folder}/nginx.pid;
load_module {module};

events {{
}}

http {{
    access_log off;
    keepalive_requests 1000000;
    keepalive_timeout 1h;
    client_max_body_size 0;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;

    server {{
        listen unix:{folder}/socket;
        add_header X-Request-Id $request_id always;

        location / {{
            fn_handler {handler};
            fn_start_timeout {patience:.0f}s;
            fn_queue 128 timeout={patience:.0f}s;
            fn_debug on;
            fn_logs_header on;
            {directives}
        }}
    }}
{call}}}
"""

# FN_CALL is nginx's to say; what is called goes on to who stands for it
_CALL = """
    server {{
        listen {listen};

        location / {{
            fn_call;
        }}

        location = /called/echo {{
            proxy_pass http://{address};
        }}
    }}
"""

# variables of the environment that are nginx's own, and the directives for them
_OWN = {
    "FN_CALL": None,
    "FN_CONCURRENCY": "fn_concurrency",
    "FN_ENTRY": None,
    "FN_LOG_LEVEL": "fn_log_level",
    "FN_SLOT": None,
}


class Nginx:
    """One nginx with one worker: what cases use of a process.Process.

    log: its error log; out, err: what stands there of no event (bytes).
    """

    slot = "0"

    def __init__(self, subject, environ, target=None):
        self.folder = tempfile.TemporaryDirectory(prefix="fn-conformance-")
        os.chmod(self.folder.name, 0o777)
        self.address = self.folder.name + "/socket"
        self.log = ErrorLog(self.folder.name + "/error.log")
        self._stopped = self._unavailable = False
        self._errors = None
        self._printed = self.folder.name + "/printed"
        conf = self.folder.name + "/nginx.conf"
        with open(conf, "w", encoding="utf-8") as file:
            file.write(self._conf(subject, environ, target or subject.target))
        with open(self._printed, "wb") as printed:
            self.popen = subprocess.Popen(
                [os.environ.get("TEST_NGINX_BINARY") or "nginx", "-e", self.log.path]
                + ["-c", conf],
                env={"PATH": PATH + ":/usr/sbin:/sbin"},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _conf(self, subject, environ, target):
        entry = environ.get("FN_ENTRY", subject.entry)
        words = [f"{subject.language}:{target}" + (f":{entry}" if entry else "")]
        words += ["name=conformance"] + ["in_worker"] * subject.in_worker
        if subject.in_worker and "FN_CALL" in environ:
            words += ["threads"]  # a caller on the event loop would wait for itself
        environ = {"FN_LOG_LEVEL": "debug", **environ}
        environ.update({k: v for k, v in os.environ.items() if k == "FN_CACHE"})
        lines = [f"{_OWN[k]} {v};" for k, v in environ.items() if _OWN.get(k)]
        lines += [f'fn_env "{k}={v}";' for k, v in environ.items() if k not in _OWN]
        return _CONF.format(
            user="root" if hidden(target) else "nobody " + _group(),
            folder=self.folder.name,
            module=os.environ.get("TEST_NGINX_LOAD_MODULES")
            or f"{BUILD}/ngx_http_fn_module.so",
            handler=" ".join(words),
            patience=START_PATIENCE,
            directives="\n            ".join(lines),
            call=self._call(environ["FN_CALL"]) if "FN_CALL" in environ else "",
        )

    def _call(self, address):
        unix = address.startswith("unix:")
        listen = f"unix:{self.folder.name}/call" if unix else free_address()
        return _CALL.format(listen=listen, address=address)

    @property
    def pid(self):
        """The worker's, or None."""
        for pid in children(self.popen.pid):
            with open(f"/proc/{pid}/cmdline", "rb") as command:
                if b"worker process" in command.read():
                    return int(pid)
        return None

    @property
    def out(self):
        with open(self._printed, "rb") as printed:
            return printed.read() + self.log.said(("debug", "info", "notice"))

    @property
    def err(self):
        return self.log.said(("warn", "error"))

    def alive(self):
        return self.popen.poll() is None

    def connect(self):
        return Client(self)

    def said(self):
        """READY, or nothing when the function can't start."""
        wait_for(lambda: not self.alive() or self._listens(), START_PATIENCE, 0.01)
        if not self.alive():
            return b""
        try:
            with self.connect() as client:
                self._unavailable = client.ask(Event("/text")).status == 503
        except Closed:
            self._unavailable = True
        return b"" if self._unavailable else READY

    def _listens(self):
        try:
            connect(self.address).close()
        except OSError:
            return False
        return True

    def stop(self):
        self._stopped = True
        self.popen.send_signal(signal.SIGQUIT)

    def ended(self, patience=PATIENCE):
        """How a worker ended, or all when it was told to stop; 1: it never began."""
        if self._stopped or not self.alive():
            try:
                return self.popen.wait(patience)
            except subprocess.TimeoutExpired:
                return None
        if self._unavailable:
            return 1
        wait_for(lambda: self.log.ends, patience)
        return self.log.ends.pop(0) if self.log.ends else None

    def errors(self):
        """All of its log, also when it has ended."""
        if self._errors is not None:
            return self._errors
        with open(self._printed, encoding="utf-8", errors="replace") as printed:
            return printed.read() + self.log.text()

    def end(self):
        self.popen.terminate()
        try:
            self.popen.wait(2)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)  # what was left behind, too
        except ProcessLookupError:
            pass
        self.popen.wait()
        self._errors = self.errors()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def _group():
    """Of nobody, who owns the cache of compilers in processes, too."""
    return grp.getgrgid(pwd.getpwnam("nobody").pw_gid).gr_name
