"""Runs the events of a handler, one after the other, in one thread."""

import os
import sys
import threading
from time import monotonic_ns, perf_counter_ns
from types import GeneratorType

from . import protocol, reply
from .connection import Connection
from .logger import current, print_record
from .poll import READ, Poll
from .reply import attempt
from .response import chunk

GONE = (EOFError, OSError, protocol.ProtocolError, MemoryError)


class Channel:
    """Where the records of a thread's event go; see logger.current."""

    def __init__(self, line_max):
        self.connection = None  # no event is running
        self.log_level = None
        self.line_max = line_max
        self.thread = threading.get_ident()
        self.unfinished = {}  # lines that were printed without their end

    def send_log(self, level, text, fields):
        """False when the record has no event."""
        # a thread of the handler's own might write behind the reply
        if self.connection is None or not self.thread_is_mine():
            return False
        try:
            line = protocol.log_line(level, text, fields, self.line_max)
            self.connection.write(line)
        except OSError:
            return False
        return True

    def finish(self):
        """The event ends: so do the lines."""
        while self.unfinished:
            (output, _), line = self.unfinished.popitem()
            output.record(self, line)

    def thread_is_mine(self):
        return threading.get_ident() == self.thread


class Server:
    """handler(context, event), for the events that come in by door (door.Door)."""

    connection_type = Connection
    poll = None

    def __init__(self, door, handler, context, settings):
        self.door = door
        self.handler = handler
        self.context = context
        self.line_max = settings.line_max
        self.concurrency = settings.concurrency
        self.connections = {}  # by descriptor
        self.stopping = False
        self.pid = os.getpid()
        os.register_at_fork(after_in_child=self.abandon)

    def call(self, coroutine):
        """Runs an init_context that is a coroutine."""
        import asyncio  # slow to import

        asyncio.run(coroutine)

    def run(self):
        """Returns when nginx said stop and the events in flight have ended."""
        channel = Channel(self.line_max)
        current.set(channel)
        self.poll = Poll()
        self.open()
        connections = self.connections
        poll = self.poll.poll
        while connections or not self.stopping:
            for fd, _ in poll(-1, 64):
                connection = connections.get(fd)
                if connection is None:
                    self.knock(fd)
                    continue
                try:
                    event = connection.receive()
                    if event is not None:
                        self.serve(connection, event, channel)
                        event = None  # or its body would stay until the next one
                except GONE as exc:
                    self.drop(connection, exc)
            if self.stopping:
                self.drop_idle()

    # connections

    def open(self):
        for fd in self.door.descriptors():
            self.watch(fd)

    def watch(self, fd):
        self.poll.register(fd, READ)

    def unwatch(self, fd):
        self.poll.unregister(fd)

    def knock(self, fd):
        """Something for the door: new connections, or a word of nginx."""
        listener, control = self.door.descriptors()
        if fd == listener:
            for socket in self.door.accept():
                connection = self.connection_type(socket)
                self.connections[connection.fd] = connection
                self.watch(connection.fd)
        elif fd == control and self.door.command() == "stop" and not self.stopping:
            self.stopping = True
            self.unwatch(listener)
            self.door.shut()
            self.context.platform.drain()

    def drop(self, connection, exc=None):
        if os.getpid() != self.pid:
            leave_child()
        if isinstance(exc, (protocol.ProtocolError, MemoryError)):
            print_record("error", f"connection closed: {exc!r}")
        self.unwatch(connection.fd)
        del self.connections[connection.fd]
        connection.close()

    def drop_idle(self):
        """PROTOCOL 2.3"""
        for connection in list(self.connections.values()):
            if connection.idle():
                self.drop(connection)

    def abandon(self):
        """In the child of a handler that forks: the connections are not its own."""
        current.set(None)
        if self.poll is not None:
            self.poll.close()
        for connection in self.connections.values():
            connection.close()

    # events

    def serve(self, connection, event, channel):
        """Runs the handler and replies; only the connection's failures come out."""
        head = event._line
        event_id = head["id"]
        if "start_by" in head and monotonic_ns() // 1000000 > head["start_by"]:
            connection.write(protocol.expired_line(event_id))
            return
        channel.connection = connection
        channel.log_level = head.get("log_level")
        start = perf_counter_ns()
        try:
            result = self.handler(self.context, event)
            time = perf_counter_ns() - start
            line, body = reply.response(event_id, result, time, self.line_max)
            if type(body) is GeneratorType:
                # before the line is sent: an error so early is a whole reply
                first = next_chunk(body)
        except BaseException as exc:
            time = perf_counter_ns() - start
            line, body = reply.failure(event_id, exc, time, self.line_max)
        try:
            if type(body) is GeneratorType:
                self.stream(connection, event_id, line, first, body, channel)
                return
            if channel.unfinished:
                channel.finish()
        finally:
            channel.connection = channel.log_level = None
        connection.write_pair(line, body)

    def stream(self, connection, event_id, line, data, chunks, channel):
        """PROTOCOL 5.6"""
        try:
            while data is not None:
                if data:
                    connection.write_pair(line + protocol.chunk_line(len(data)), data)
                elif line:
                    connection.write(line)
                line = b""
                try:
                    data = next_chunk(chunks)
                except BaseException as exc:
                    channel.finish()
                    connection.write(reply.error(event_id, exc, 0, self.line_max))
                    return
            channel.finish()
            connection.write(line + protocol.END)
        finally:
            attempt(chunks.close)


def next_chunk(chunks):
    """The next of a generator's chunks (bytes-like), or None."""
    for value in chunks:
        return chunk(value)
    return None


def leave_child():
    """The child of a handler that forked came back from the handler."""
    try:
        sys.stdout.flush()
    finally:
        os._exit(0)
