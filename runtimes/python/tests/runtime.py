"""Starts the runtime as nginx does, and speaks the protocol with it."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ID = "0123456789abcdef0123456789abcdef"

while True:  # 3 and 4 must be free in the child, and in use here
    _fd = os.open(os.devnull, os.O_RDONLY)
    if _fd > 4:
        os.close(_fd)
        break


class Runtime:
    """A runtime process for source (Python text) or target (a path)."""

    def __init__(self, source=None, target=None, listen=None, **environ):
        self.folder = tempfile.TemporaryDirectory(prefix="fn-python-")
        self.out = os.path.join(self.folder.name, "stdout")
        self.err = os.path.join(self.folder.name, "stderr")
        if source is not None:
            target = os.path.join(self.folder.name, "function.py")
            with open(target, "w", encoding="utf-8") as file:
                file.write(textwrap.dedent(source))
        self.address = os.path.join(self.folder.name, "socket")
        self.control = None
        environ = {
            "PATH": os.environ["PATH"],
            "FN_PROTOCOL": "1",
            "FN_NAME": "test",
            "FN_TARGET": target,
            **environ,
        }
        command = [sys.executable, ROOT]
        keep = {}
        if listen:
            self.address = listen.replace("SOCKET", self.address)
            command += ["--listen", self.address]
        else:
            keep = self._descriptors()
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                command,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                **keep,
            )
        if not listen:
            for one in self._given:
                one.close()

    def _descriptors(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.address)
        listener.listen(64)
        self.control, other = socket.socketpair()
        self.control.settimeout(20)
        self._given = listener, other

        def place():
            high = [fcntl.fcntl(s, fcntl.F_DUPFD, 10) for s in self._given]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)
            # as nginx starts it; a job in the background ignores SIGINT
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        return {"preexec_fn": place, "pass_fds": (3, 4)}

    def __enter__(self):
        if self.control is not None:
            self.ready = self.control.recv(4096)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        if self.control is not None:
            self.control.close()
        self.folder.cleanup()

    def connect(self):
        return Client(self.address)

    def reply(self, body=b"", **fields):
        """The reply to one event on a connection of its own."""
        with self.connect() as client:
            return client.reply(body, **fields)

    def stop(self):
        self.control.sendall(b'{"type":"stop"}\n')

    def wait(self, timeout=20):
        return self.process.wait(timeout)

    def output(self):
        with open(self.out, "rb") as file:
            return file.read().decode()

    def errors(self):
        with open(self.err, "rb") as file:
            return file.read().decode()


class Client:
    """A connection of nginx."""

    def __init__(self, address):
        if address.startswith("/") or address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(address.replace("unix:", ""))
            except OSError:
                self.socket.close()
                raise
            self.socket.settimeout(20)
        else:
            host, _, port = address.rpartition(":")
            self.socket = socket.create_connection((host, int(port)), 20)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, body=b"", **fields):
        self.socket.sendall(event(body, **fields))

    def line(self):
        return self.file.readline()

    def read(self):
        """One reply: a dict, with its "logs" and its "data" or "chunks"; None: EOF."""
        logs = []
        while True:
            line = self.line()
            if not line:
                return None
            assert line.endswith(b"\n"), line
            message = json.loads(line)
            if message["type"] != "log":
                break
            logs.append(message)
        message["logs"] = logs
        if "body_length" in message:
            message["data"] = self.file.read(message["body_length"])
        if message.get("stream"):
            message["chunks"] = []
            while True:
                part = json.loads(self.line())
                if part["type"] == "log":
                    logs.append(part)
                elif part["type"] == "chunk":
                    message["chunks"].append(self.file.read(part["length"]))
                else:
                    message["end"] = part
                    break
        return message

    def reply(self, body=b"", **fields):
        self.send(body, **fields)
        return self.read()


def event(body=b"", **fields):
    head = {
        "id": ID,
        "method": "POST" if body else "GET",
        "path": "/",
        "headers": {"Host": "localhost"},
        "timestamp": 1789000000.123,
        "remote_addr": "127.0.0.1",
        "trigger": {"kind": "http", "name": "test"},
        **fields,
    }
    if body:
        head["body_length"] = len(body)
    line = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    return line.encode() + b"\n" + body
