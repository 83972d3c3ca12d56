"""A connection of nginx: events in, replies out."""

import socket
from io import BytesIO
from socket import MSG_DONTWAIT

from .event import WireEvent
from .protocol import EVENT_LINE_MAX, ProtocolError, read_event

MSG_NOSIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)  # a handler may set SIGPIPE
PIECE = 65536  # bytes read at once; a reply up to this size is sent as one piece


class Connection:
    """Its socket blocks: it is read only when it is readable."""

    def __init__(self, socket):
        self.socket = socket
        self.fd = socket.fileno()
        self.busy = False  # an event is running
        self._recv = socket.recv
        self._send = socket.send
        self._line = b""  # the beginning of a line
        self._head = None  # the line of an event whose body is not complete
        self._file = None  # holds the body, without a copy from recv to handler
        self._body = None  # what is still to be filled of it

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
            return WireEvent(head, data[end:])
        if rest > length:
            raise ProtocolError("bytes behind the event")
        self._head = head
        self._file = BytesIO(bytes(length))
        self._body = self._file.getbuffer()
        self._body[:rest] = data[end:]
        self._body = self._body[rest:]
        return self._receive_body()

    def _receive_body(self):
        try:
            while self._body:
                size = self.socket.recv_into(self._body, 0, MSG_DONTWAIT)
                if size == 0:
                    raise EOFError
                self._body = self._body[size:]
        except BlockingIOError:
            return None
        head = self._head
        self._head = self._body = None
        body = self._file.getvalue()
        self._file = None
        return WireEvent(head, body)

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
        self._body = self._file = None
        self.socket.close()
