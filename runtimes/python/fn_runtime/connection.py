"""A connection of nginx: events in, replies out."""

import socket
import sys
from io import BytesIO
from socket import MSG_DONTWAIT

from . import cloud_event
from .protocol import EVENT_LINE_MAX, ProtocolError, read_event

# a handler may set SIGPIPE; PyPy has no name for it
MSG_NOSIGNAL = getattr(socket, "MSG_NOSIGNAL", 0x4000 if sys.platform == "linux" else 0)
PIECE = 65536  # bytes read at once; a reply up to this size is sent as one piece
BODY_PIECE = 262144  # the same for what a body lacks


class Connection:
    """Its socket blocks: it is read only when it is readable."""

    make_event = staticmethod(cloud_event.event)

    def __init__(self, socket):
        self.socket = socket
        self.fd = socket.fileno()
        self.busy = False  # an event is running
        self._recv = socket.recv
        self._send = socket.send
        self._line = b""  # the beginning of a line
        self._head = None  # the line of an event whose body is not complete
        self._body = None  # what is there of the body (BytesIO: getvalue() is no copy)
        self._rest = 0  # how many bytes it lacks

    def idle(self):
        """No event has begun (PROTOCOL 2.3)."""
        return not self.busy and not self._line and self._head is None

    def receive(self):
        """The event (WireEvent) when all of it is there, else None.

        EOFError, OSError, ProtocolError and MemoryError end the connection.
        """
        if self._head is not None:
            return self._receive_body()
        try:
            data = self._recv(PIECE, MSG_DONTWAIT)
        except BlockingIOError:
            return None
        if not data:
            raise EOFError
        if self._line:
            data = self._line + data
        end = data.find(b"\n") + 1
        if max(end, len(data) if end == 0 else 0) > EVENT_LINE_MAX:
            raise ProtocolError("the event's line is too long")
        if end == 0:
            self._line = data
            return None
        self._line = b""
        head = read_event(data[:end])
        length = head.get("body_length", 0)
        rest = len(data) - end
        if rest == length:
            return self.make_event(head, data[end:])
        if rest > length:
            raise ProtocolError("bytes behind the event")
        self._head = head
        self._body = BytesIO()
        self._rest = length - self._body.write(data[end:])
        return self._receive_body()

    def _receive_body(self):
        try:
            while self._rest:
                data = self._recv(min(self._rest, BODY_PIECE), MSG_DONTWAIT)
                if not data:
                    raise EOFError
                self._rest -= self._body.write(data)
        except BlockingIOError:
            return None
        event = self.make_event(self._head, self._body.getvalue())
        self._head = self._body = None
        return event

    def write(self, data):
        """Sends all of data (bytes-like)."""
        size = self._send(data, MSG_NOSIGNAL)
        while size < len(data):
            data = memoryview(data)[size:]
            size = self._send(data, MSG_NOSIGNAL)

    def write_pair(self, line, body):
        """Sends line and body (bytes-like), a large body without a copy."""
        if not body:
            self.write(line)
        elif len(body) <= PIECE:
            self.write(line + body)
        else:
            size = self.socket.sendmsg([line, body], (), MSG_NOSIGNAL)
            self.write(memoryview(line)[size:])
            self.write(memoryview(body)[max(size - len(line), 0) :])

    def close(self):
        self._body = None
        self.socket.close()
