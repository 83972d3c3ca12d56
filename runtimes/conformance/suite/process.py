"""A runtime's process, started as nginx's supervisor starts it (PROTOCOL 1)."""

import fcntl
import os
import pwd
import resource
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time

from .languages import PATH

PATIENCE = float(os.environ.get("FN_PATIENCE", 30))  # seconds for what takes no time
START_PATIENCE = 6 * PATIENCE  # the same for a start: it may compile
READY = b'{"type":"ready","protocol":1}\n'


def _hold_three_and_four():
    """Popen must not use them in this process: the child gets its own there."""
    while True:
        fd = os.open(os.devnull, os.O_RDONLY)
        if fd > 4:
            os.close(fd)
            return


_hold_three_and_four()


def hidden(target):
    """Whether nobody can't reach it: then it runs as root."""
    while target != "/":
        target = os.path.dirname(target)
        if os.path.exists(target) and not os.stat(target).st_mode & 0o001:
            return True
    return False


def _user(target):
    """Functions run as nobody when nginx is root: {} or Popen's arguments."""
    if os.geteuid() != 0 or hidden(target):
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def wait_for(condition, patience=PATIENCE, pause=0.002):
    """The first true result of condition(), or its last one."""
    end = time.monotonic() + patience
    while True:
        result = condition()
        if result or time.monotonic() > end:
            return result
        time.sleep(pause)


class Process:
    """One process: address, slot, control (socket or None), out and err (bytearray).

    listen is "unix" (address may be its path), "tcp" or None: as nginx does it; memory
    is how many bytes it may have (fn_limit_memory).
    """

    def __init__(
        self, subject, environ, listen=None, address=None, target=None, memory=None
    ):
        self.folder = tempfile.TemporaryDirectory(prefix="fn-conformance-")
        os.chmod(self.folder.name, 0o777)
        target = target or subject.target
        self.environ = {
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "FN_PROTOCOL": "1",
            "FN_NAME": "conformance",
            "FN_TARGET": target,
            "NUCLIO_FUNCTION_NAME": "conformance",
            "FN_LOG_LEVEL": "debug",
            **({"FN_ENTRY": subject.entry} if subject.entry else {}),
            **{k: v for k, v in os.environ.items() if k == "FN_CACHE"},
            **environ,
        }
        self.line_max = int(self.environ.get("FN_LINE_MAX", 16384))
        self.slot = self.environ.get("FN_SLOT", "0")
        self.control = None
        self.address = address or self.folder.name + "/socket"
        command = list(subject.command)
        given = []
        if listen is None:
            given = self._descriptors()
        else:
            if listen == "tcp":
                self.address = free_address()
            prefix = "unix:" if listen == "unix" else ""
            command += ["--listen", prefix + self.address]
        self.popen = self._start(command, given, memory, _user(target))
        for one in given:
            one.close()
        self.out, self.err = bytearray(), bytearray()
        self._readers = [
            threading.Thread(target=_read, args=args, daemon=True)
            for args in ((self.popen.stdout, self.out), (self.popen.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def _descriptors(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.address)
        listener.listen(511)
        self.control, other = socket.socketpair()
        return [listener, other]

    def _start(self, command, given, memory, user):
        high = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 10) for one in given]

        def place():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if memory is not None:
                resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
            for number, fd in enumerate(high, 3):
                os.dup2(fd, number)

        try:
            return subprocess.Popen(
                command,
                env=self.environ,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                preexec_fn=place,
                pass_fds=(3, 4) if given else (),
                **user,
            )
        finally:
            for fd in high:
                os.close(fd)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def said(self, patience=START_PATIENCE):
        """What stands on the control socket: a line, or what came of one."""
        data = b""
        end = time.monotonic() + patience
        while not data.endswith(b"\n"):
            left = max(end - time.monotonic(), 0)
            if not select.select([self.control], [], [], left)[0]:
                break
            try:
                piece = self.control.recv(4096)
            except ConnectionError:
                break
            if not piece:
                break
            data += piece
        return data

    def listens(self):
        """Waits until a process with --listen takes connections."""

        def connected():
            if not self.alive():
                return True
            try:
                connect(self.address).close()
            except OSError:
                return False
            return True

        return wait_for(connected, START_PATIENCE, 0.01) and self.alive()

    def stop(self):
        self.control.sendall(b'{"type":"stop"}\n')

    def ended(self, patience=PATIENCE):
        """Its exit status (negative: a signal), or None: it lives on."""
        try:
            return self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            return None

    def errors(self):
        """What it wrote to standard error, when it has ended."""
        self._readers[1].join(5)
        return self.err.decode("utf-8", "replace")

    def end(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.kill()
        self.popen.wait()
        if self.control is not None:
            self.control.close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return "127.0.0.1:%d" % server.getsockname()[1]


def children(pid):
    """The processes of pid that run, zombies left out."""
    running = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            for child in file.read().split():
                with open(f"/proc/{child}/stat", encoding="ascii") as stat:
                    if stat.read().rpartition(")")[2].split()[0] != "Z":
                        running.append(child)
    return running


def connect(address):
    if address.startswith("/"):
        one = socket.socket(socket.AF_UNIX)
        try:
            one.connect(address)
        except OSError:
            one.close()
            raise
        return one
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), PATIENCE)


def _read(pipe, data):
    with pipe:
        while True:
            piece = os.read(pipe.fileno(), 65536)
            if not piece:
                return
            data += piece
