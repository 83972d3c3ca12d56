"""Calls of functions of the same nginx: PROTOCOL 1.4."""

import json
import os
import socketserver
import tempfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from . import case
from ..trial import check, equal, event, said


class Callee(BaseHTTPRequestHandler):
    """Stands for nginx: answers what self.server.answer says, keeps the request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else b""
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        status, content_type, answer = self.server.answer
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def address_string(self):
        return "test"

    def log_message(self, *_):
        pass


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def nginx(kind, folder, answer):
    """A server of kind "unix" or "tcp": its address is server.name."""
    if kind == "unix":
        path = folder + "/called"
        server = UnixServer(path, Callee)
        server.name = f"unix:{path}"
        os.chmod(path, 0o777)
    else:
        server = TcpServer(("127.0.0.1", 0), Callee)
        server.name = "127.0.0.1:%d" % server.server_address[1]
    server.answer = answer
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def call(trial, kind, answer):
    """(reply, what nginx saw) of one call."""
    with tempfile.TemporaryDirectory(prefix="fn-conformance-") as folder:
        os.chmod(folder, 0o755)
        with nginx(kind, folder, answer) as server:
            with trial.start(FN_CALL=server.name) as process:
                with trial.connect(process) as connection:
                    reply = said(connection.ask(event("call", name="other")))
                    return reply, server.seen


@case("call: over a unix socket")
def over_unix(trial):
    reply, seen = call(trial, "unix", (200, "text/plain", b"an answer"))
    check("one request", len(seen) == 1, f"{seen} {reply!r}")
    method, path, headers, body = seen[0]
    headers = {name.lower(): value for name, value in headers.items()}
    equal("method", method, "POST")
    equal("path", path, "/called/echo")
    equal("X-Nuclio-Target", headers.get("x-nuclio-target"), "other")
    equal("X-Caller", headers.get("x-caller"), "conformance")
    equal("content type", headers.get("content-type"), "text/plain")
    equal("body", body, b"called body")
    came = json.loads(reply.body.decode())
    equal("status", came["status"], 200)
    equal("body", came["body"], "an answer")
    equal("content_type", came["content_type"], "text/plain")


@case("call: over TCP, an answer of 404")
def over_tcp(trial):
    reply, _ = call(trial, "tcp", (404, "text/html", "caf\u00e9".encode()))
    equal("kind of reply", reply.kind, "response")
    came = json.loads(reply.body.decode())
    equal("status", came["status"], 404)
    equal("body", came["body"], "caf\u00e9")
    equal("content_type", came["content_type"], "text/html")


@case("call: nowhere")
def nowhere(trial):
    reply = trial.ask("call", name="other")
    check("an error", reply.kind == "error", repr(reply))
    trial.serves()
