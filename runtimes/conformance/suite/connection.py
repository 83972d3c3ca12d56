"""A connection of nginx: events out, replies in."""

import fcntl
import json
import os
import select
import socket
import struct
import termios

from . import reply
from .process import PATIENCE, connect, wait_for


class Closed(Exception):
    """The runtime closed the connection."""


class Event:
    """An event: id, lease (it has a start_by), head, line and body (bytes).

    added: the headers, when: the milliseconds (first, last) that it was given on its
    way.
    """

    def __init__(self, path, body=b"", **fields):
        self.id = fields.setdefault("id", os.urandom(16).hex())
        self.lease = "start_by" in fields
        self.body = body
        head = {
            "id": self.id,
            "method": "POST" if body else "GET",
            "path": path,
            "headers": {"Host": "localhost"},
            "timestamp": 1789000000.123,
            "remote_addr": "127.0.0.1",
            "trigger": {"kind": "http", "name": "conformance"},
            **fields,
        }
        if body:
            head["body_length"] = len(body)
        self.head = {k: value for k, value in head.items() if value is not None}
        self.added = {}
        self.when = (round(self.head.get("timestamp", 0) * 1000),) * 2

    @property
    def data(self):
        text = json.dumps(self.head, ensure_ascii=False, separators=(",", ":"))
        return text.encode() + b"\n" + self.body


class Connection:
    """To the process at address; replies have lines of line_max bytes at most."""

    def __init__(self, address, line_max):
        self.line_max = line_max
        self._open(address)

    def _open(self, address):
        self.socket = connect(address)
        self.socket.settimeout(PATIENCE)
        self._data = bytearray()

    def send(self, event):
        """Sends an event; what lies unread before it is an error (5.1)."""
        if self.waiting():
            raise reply.Broken("bytes when no event is due (5.1)")
        self.send_bytes(event.data)

    def send_bytes(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def read(self, event):
        return reply.owed(reply.read(self, event.id, self.line_max, event.lease))

    def ask(self, event):
        self.send(event)
        return self.read(event)

    def unread(self):
        """Whether bytes that were sent wait in the socket."""
        count = fcntl.ioctl(self.socket, termios.TIOCOUTQ, struct.pack("i", 0))
        return struct.unpack("i", count)[0] > 0

    def taken(self):
        """Waits until the runtime has read all that was sent."""
        return wait_for(lambda: not self.unread())

    def waiting(self, patience=0):
        """What is there to be read: bytes or an end."""
        return bool(self._data) or bool(
            select.select([self.socket], [], [], patience)[0]
        )

    def is_closed(self, patience=PATIENCE):
        """Waits for the end of file; False: bytes came, or nothing."""
        if self._data or not self.waiting(patience):
            return False
        try:
            return not self.socket.recv(1)
        except ConnectionError:
            return True

    def line(self, most):
        """A line with its LF, or as many bytes without one."""
        while True:
            end = self._data.find(b"\n", 0, most) + 1
            if end or len(self._data) >= most:
                line = bytes(self._data[: end or most])
                del self._data[: len(line)]
                return line
            self._receive(65536)

    def bytes(self, length):
        while len(self._data) < length:
            self._receive(1 << 20)
        data = bytes(self._data[:length])
        del self._data[:length]
        return data

    def _receive(self, size):
        try:
            data = self.socket.recv(size)
        except socket.timeout:
            raise reply.Broken(f"nothing came for {PATIENCE} s") from None
        except ConnectionError:
            data = b""
        if not data:
            raise Closed
        self._data += data

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
