"""A client of an nginx: events become requests, and answers become replies."""

import json
import re
import time
from urllib.parse import quote_from_bytes

from .connection import Closed, Connection
from .error_log import record
from .reply import Broken, Reply

_FAILED = b"handler failed: "
_OWN = ("level", "time", "name", "message", "worker_id")  # of X-Nuclio-Logs
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n").fullmatch


class Client(Connection):
    """Over one connection, which is opened again when nginx closes it."""

    def __init__(self, nginx):
        super().__init__(nginx.address, 65536)
        self._nginx = nginx
        self._over = False
        self._began = 0.0

    def waiting(self, patience=0):
        return not self._over and super().waiting(patience)

    def send(self, event):
        if self.is_closed(0):
            self._leave()
        if self._over:
            self._open(self._nginx.address)
            self._over = False
        if self.waiting():
            raise Broken("bytes when no request was made")
        self._began = time.time()
        self.send_bytes(_request(event))

    def read(self, event):
        try:
            return self._answer(event)
        except Closed:
            self._leave()
            raise

    def _leave(self):
        self.close()  # nginx lingers as long as it is open
        self._over = True

    def _answer(self, event):
        reply = Reply()
        reply.kind = "response"
        self._head(reply)
        if reply.status == 502:
            raise Closed  # a process has ended
        event.id = reply.headers.pop("x-request-id")[0].decode()
        self._body(reply)
        self._tell(reply, event)
        now = time.time()
        event.when = int(self._began * 1000), int(now * 1000)
        reply.duration = int((now - self._began) * 1000000)
        if reply.header("Connection") == "close":
            self._leave()
        return reply

    def _head(self, reply):
        line = self.line(self.line_max)
        reply.lines.append(line)
        status = _STATUS(line)
        if not status:
            raise Broken(f"no status line: {line[:200]!r}")
        reply.status = int(status[1])
        while True:
            line = self.line(self.line_max)
            if line == b"\r\n":
                return
            name, colon, value = line.partition(b": ")
            if not colon or not value.endswith(b"\r\n"):
                raise Broken(f"no header: {line[:200]!r}")
            reply.headers.setdefault(name.decode().lower(), []).append(value[:-2])

    def _body(self, reply):
        if reply.header("Transfer-Encoding") == "chunked":
            self._chunks(reply)
        elif reply.header("Content-Length"):
            reply.body = self.bytes(int(reply.header("Content-Length")))
        elif reply.status != 204:
            self._rest(reply)

    def _chunks(self, reply):
        reply.chunks = []
        try:
            while True:
                size = int(self.line(self.line_max), 16)
                piece = self.bytes(size + 2)[:-2]
                if not size:
                    break
                reply.chunks.append(piece)
        except Closed:
            reply.late = Reply()
            reply.headers["connection"] = [b"close"]
        reply.body = b"".join(reply.chunks)

    def _rest(self, reply):
        """A body without a length, of HTTP/1.0."""
        try:
            while True:
                reply.body += self.bytes(1)
        except Closed:
            pass

    # what a runtime's reply has, and an answer has not

    def _tell(self, reply, event):
        records = self._nginx.log.of(event.id)
        at = next((i for i, one in enumerate(records) if one[1].startswith(_FAILED)), -1)
        if at >= 0:
            said = records[at][1][len(_FAILED) :].decode("utf-8", "replace")
            _fail(reply.late or reply, said, reply.body)
            records = records[:at]
        logs = reply.headers.get("x-nuclio-logs")
        if logs:
            told = [_told(one) for one in json.loads(logs[0].decode("ascii"))]
            end = len(told) - (at >= 0)  # fn_debug: the failure is one of them
            reply.logs = told[:end]
        else:
            reply.logs = [record(*one) for one in records]


def _request(event):
    """An event without headers has no Host, which HTTP/1.0 allows."""
    head = event.head
    headers = dict(head.get("headers", {}))
    event.added = {}
    if event.body and "Content-Length" not in headers:
        event.added["Content-Length"] = str(len(event.body))
    if "log_level" in head:
        event.added["X-Nuclio-Log-Level"] = head["log_level"]
    target = quote_from_bytes(head["path"].encode("latin-1")).encode()
    if head.get("query"):
        target += b"?" + head["query"].encode("latin-1")
    version = b"1.1" if "Host" in headers else b"1.0"
    data = b"%b %b HTTP/%b\r\n" % (head["method"].encode(), target, version)
    for name, value in {**headers, **event.added}.items():
        for one in value if isinstance(value, list) else [value]:
            data += f"{name}: {one}\r\n".encode("latin-1")
    return data + b"\r\n" + event.body


def _fail(reply, said, body):
    """said: "ERROR: MESSAGE" of the error log, cut; body: all, and the stack."""
    reply.kind = "error"
    reply.error, _, reply.message = said.partition(": ")
    text = body.decode("utf-8", "replace")
    if text.startswith(said):
        reply.stack = text[len(said) :].lstrip("\n")


def _told(one):
    fields = {name: value for name, value in one.items() if name not in _OWN}
    return {"level": one["level"], "message": one["message"], "with": fields}
