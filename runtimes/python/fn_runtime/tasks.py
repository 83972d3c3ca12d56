"""Runs a handler that is a coroutine: several events at the same time, as tasks."""

import asyncio
import sys
from collections import deque
from socket import MSG_DONTWAIT
from time import monotonic_ns, perf_counter_ns
from types import AsyncGeneratorType, GeneratorType

from . import protocol, reply
from .connection import MSG_NOSIGNAL, PIECE, Connection
from .logger import current, print_record
from .reply import attempt
from .response import STREAMS, chunk
from .server import GONE, Channel, Server, next_chunk


class TaskConnection(Connection):
    """Its socket does not block: what it does not take waits in _pending."""

    def __init__(self, socket):
        super().__init__(socket)
        socket.setblocking(False)
        self.broken = None  # why it ends when its event has ended
        self._pending = bytearray()
        self._sending = False

    def write(self, data):
        """Sends data, now or with what the task writes next; for logs."""
        wait = self._sending or self._pending
        self._pending += data if wait else memoryview(data)[self._send_some(data) :]

    async def write_all(self, line, body=b""):
        """Sends what is pending, line and body, a large body without a copy."""
        if len(body) <= PIECE:
            line, body = line + body, b""
        if self._pending:
            line, self._pending = self._pending + line, bytearray()
        self._sending = True  # other tasks of the handler may log meanwhile
        for data in (line, body):
            size = self._send_some(data)
            if size < len(data):
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(self.socket, memoryview(data)[size:])
        self._sending = False

    def _send_some(self, data):
        try:
            return self._send(data, MSG_DONTWAIT | MSG_NOSIGNAL)
        except BlockingIOError:
            return 0


class TaskChannel(Channel):
    def __init__(self, line_max, loop):
        super().__init__(line_max)
        self.loop = loop

    def send_log(self, level, text, fields):
        if super().send_log(level, text, fields):
            return True
        if self.connection is None or self.thread_is_mine():
            return False
        # asyncio.to_thread() and the like
        self.loop.call_soon_threadsafe(self._send_later, level, text, fields)
        return True

    def _send_later(self, level, text, fields):
        if not super().send_log(level, text, fields):
            print_record(level, text, fields)


class TaskServer(Server):
    connection_type = TaskConnection

    def __init__(self, door, handler, context, settings):
        super().__init__(door, handler, context, settings)
        if sys.version_info < (3, 10):
            self.loop = asyncio.get_event_loop()  # what user code made is bound to it
        else:
            self.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loop)
        self.running = 0  # events
        self.waiting = deque()  # connections with an event, unread: all is busy
        self.tasks = set()  # the loop itself holds no reference
        self.over = self.loop.create_future()

    def call(self, coroutine):
        self.loop.run_until_complete(coroutine)

    def run(self):
        self.open()
        self.loop.run_until_complete(self.over)

    def watch(self, fd):
        self.loop.add_reader(fd, self.ready, fd)

    def unwatch(self, fd):
        self.loop.remove_reader(fd)

    def ready(self, fd):
        """A descriptor can be read."""
        connection = self.connections.get(fd)
        if connection is None:
            self.knock(fd)
            self.leave_if_done()
        elif self.running >= self.concurrency and not connection.busy:
            self.unwatch(fd)
            self.waiting.append(connection)
        else:
            self.attend(connection)

    def attend(self, connection):
        try:
            event = connection.receive()
            if event is not None and connection.busy:
                raise protocol.ProtocolError("an event before the last reply")
        except GONE as exc:
            if connection.busy:
                connection.broken = exc
                self.unwatch(connection.fd)
            else:
                self.drop(connection, exc)
                self.leave_if_done()
            return
        if event is not None:
            connection.busy = True
            self.running += 1
            task = self.loop.create_task(self.handle(connection, event))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def handle(self, connection, event):
        channel = TaskChannel(self.line_max, self.loop)
        current.set(channel)
        try:
            await self.serve(connection, event, channel)
        except BaseException as exc:  # one of GONE, or user code cancelled this task
            connection.broken = exc
        channel.connection = None
        connection.busy = False
        self.running -= 1
        if connection.broken is not None:
            self.drop(connection, connection.broken)
        while self.waiting and self.running < self.concurrency:
            connection = self.waiting.popleft()
            if self.connections.get(connection.fd) is connection:
                self.watch(connection.fd)
                self.attend(connection)
        self.leave_if_done()

    def leave_if_done(self):
        if self.stopping:
            self.drop_idle()
            if not self.connections and not self.over.done():
                self.over.set_result(None)

    async def serve(self, connection, event, channel):
        head = event._line
        event_id = head["id"]
        if "start_by" in head and monotonic_ns() // 1000000 > head["start_by"]:
            await connection.write_all(protocol.expired_line(event_id))
            return
        channel.connection = connection
        channel.log_level = head.get("log_level")
        start = perf_counter_ns()
        try:
            result = await self.result(event)
            time = perf_counter_ns() - start
            line, body = reply.response(event_id, result, time, self.line_max)
            if type(body) in STREAMS:
                first = await self.next_of(body)
        except BaseException as exc:
            time = perf_counter_ns() - start
            line, body = reply.failure(event_id, exc, time, self.line_max)
        if type(body) in STREAMS:
            await self.stream(connection, event_id, line, first, body, channel)
        else:
            channel.finish()
            channel.connection = None
            await connection.write_all(line, body)

    async def result(self, event):
        result = self.handler(self.context, event)
        return result if type(result) is AsyncGeneratorType else await result

    async def next_of(self, chunks):
        """The next chunk of a generator of either kind (bytes-like), or None."""
        if type(chunks) is GeneratorType:
            return next_chunk(chunks)
        async for value in chunks:
            return chunk(value)
        return None

    async def stream(self, connection, event_id, line, data, chunks, channel):
        """PROTOCOL 5.6"""
        try:
            while data is not None:
                if data:
                    line += protocol.chunk_line(len(data))
                if line:
                    await connection.write_all(line, data)
                line = b""
                try:
                    data = await self.next_of(chunks)
                except BaseException as exc:
                    channel.finish()
                    line = reply.error(event_id, exc, 0, self.line_max)
                    await connection.write_all(line)
                    return
            channel.finish()
            await connection.write_all(line + protocol.END)
        finally:
            if type(chunks) is GeneratorType:
                attempt(chunks.close)
            else:
                await aclose(chunks)


async def aclose(chunks):
    try:
        await chunks.aclose()
    except BaseException:
        pass  # user code, and nobody is left to tell
