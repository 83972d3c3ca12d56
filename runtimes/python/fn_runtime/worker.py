"""A function inside the worker of nginx: what the embedded interpreters share.

An interpreter (../embed) calls guard.install(), makes a Function, and a Channel for each
thread of nginx that runs it.  How it reaches nginx is its wire, an object with

    field(name) -> str       of the event: "id", "method", "path", "query",
                             "remote_addr" or "log_level"; a character each byte
    headers() -> list        of (name, value), as field(), in their order
    timestamp() -> int       in milliseconds
    length() -> int          of the body
    body() -> bytes
    record(level, message, with)    of the event or, when there is none, of the
                             function; level is fn.h's, with a JSON object or ""
"""

import inspect
import io
import os
import sys
import threading
from collections import namedtuple
from functools import lru_cache
from types import AsyncGeneratorType

from . import cloud_event, context, loader, logger, output, protocol, reply
from .event import WireEvent, lazy
from .response import STREAMS, ExceptionWithResponse, chunk, render
from .settings import Settings

LEVELS = {"debug": 8, "info": 7, "warn": 5, "error": 4}  # fn.h's
_PIECE = 8192  # bytes of a message, of a stack; nginx shows less

#: what there is to say of a handler that failed (str)
Failure = namedtuple("Failure", "error message stack")


class Function:
    """The function of this interpreter, loaded and ready.

    environ is PROTOCOL 1.2's (dict of str), threaded whether it runs on threads,
    wire takes its records.  What the user's code raises comes out.
    """

    def __init__(self, environ, threaded, wire):
        self.wire = wire
        sys.dont_write_bytecode = True
        settings = Settings(environ)
        if settings.batch_size:
            raise ValueError("batches need processes, not in_worker")
        self.line_max = settings.line_max
        self.decode_strings = settings.decode_strings
        self._install(settings)
        self.context = context.make(settings)
        if not threaded:
            self.context.platform.call_function = refuse_call
        self.handler, init_context = loader.load(settings.target, settings.entry)
        self.is_async = loader.is_async(self.handler)
        self._loops = threading.local()
        if init_context is not None:
            result = init_context(self.context)
            if inspect.iscoroutine(result):
                self.loop().run_until_complete(result)
        self.header_lines = lru_cache(256)(self._header_lines)

    def _install(self, settings):
        """The descriptors are nginx's, and what is printed goes into its log."""
        logger.print_record = self.record
        sys.stdin = open(os.devnull, encoding="utf-8")
        sys.stdout = sys.__stdout__ = Stream("info", 1, self.record)
        sys.stderr = sys.__stderr__ = Stream("error", 2, self.record)
        sys.stdout = output.Output(sys.stdout, "info", settings.log_level)
        sys.stderr = output.Output(sys.stderr, "error", settings.log_level)

    def record(self, level, text, fields=None):
        """A record outside of any event."""
        write_record(self.wire, level, text, fields, self.line_max)

    # an event

    def call(self, event):
        """Runs it.  (status, headers, body) or a Failure.

        headers is a tuple of (name, value), bytes; body is bytes-like, or an
        iterator of them which may raise what is for failure().
        """
        try:
            return self.answer(self.handler(self.context, event))
        except BaseException as exc:
            return self.failure(exc)

    def answer(self, result):
        """The same, of what the handler returned; raises what is wrong with it."""
        if self.is_async:
            if type(result) is not AsyncGeneratorType:
                result = self.loop().run_until_complete(result)
        return self._rendered(result)

    def _rendered(self, result):
        head, body = render(result)
        lines = self.header_lines(*head)
        if type(body) in STREAMS:
            body = self.pieces(body)
        return head[0], lines, body

    def failure(self, exc):
        """The same, of what the handler raised."""
        if isinstance(exc, ExceptionWithResponse):
            try:
                return self._rendered(exc.response())
            except Exception as why:
                exc = why
        name, message, stack = reply.description(exc)
        return Failure(
            protocol.cut(name, 256),
            protocol.cut(message, _PIECE),
            protocol.cut(stack, _PIECE, keep_end=True),
        )

    def _header_lines(self, status, content_type, headers=()):
        fields = protocol.header_fields(status, content_type, headers)
        if headers:
            # the bound that a process has
            size = len(protocol.response_head(status, content_type, headers))
            if size + 128 > self.line_max:
                raise ValueError(
                    f"the response's headers need more than {self.line_max} bytes"
                )
        return tuple(
            (name.encode(), value.encode("latin-1"))
            for name, values in fields.items()
            for value in values
        )

    def pieces(self, chunks):
        """What a generator of either kind yields, as bytes-like objects."""
        if type(chunks) is AsyncGeneratorType:
            chunks = self._awaited(chunks)
        try:
            for value in chunks:
                yield chunk(value)
        finally:
            reply.attempt(chunks.close)

    def _awaited(self, chunks):
        loop = self.loop()
        try:
            while True:
                try:
                    yield loop.run_until_complete(chunks.__anext__())
                except StopAsyncIteration:
                    return
        finally:
            reply.attempt(lambda: loop.run_until_complete(chunks.aclose()))

    def loop(self):
        """This thread's event loop."""
        loop = getattr(self._loops, "loop", None)
        if loop is None:
            import asyncio  # slow to import

            loop = self._loops.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
        return loop

    def end(self):
        """The worker ends."""
        self.context.platform.drain()
        self.context.platform.terminate()


def refuse_call(function_name, *args, **kw_args):
    raise RuntimeError(
        f'function "{function_name}" cannot be called from the event loop of the '
        'worker: say "threads"'
    )


class Channel:
    """Where the records of a thread's event go, see logger.current."""

    connection = None  # the wire of the event that runs

    def __init__(self, line_max):
        self.line_max = line_max
        self.thread = threading.get_ident()
        self.unfinished = {}  # lines that were printed without their end

    @property
    def log_level(self):
        return self.connection and self.connection.field("log_level") or None

    def send_log(self, level, text, fields):
        """False when the record has no event."""
        if self.connection is None or not self.thread_is_mine():
            return False
        write_record(self.connection, level, text, fields, self.line_max)
        return True

    def thread_is_mine(self):
        return threading.get_ident() == self.thread

    def finish(self):
        """The event ends: so do the lines."""
        while self.unfinished:
            (out, _), line = self.unfinished.popitem()
            out.record(self, line)


def write_record(wire, level, text, fields, line_max):
    members = ""
    text = protocol.cut(text, _PIECE)
    if fields:
        members = protocol.log_with(fields, line_max - len(text.encode()) - 64)
    wire.record(LEVELS[level], text, members)


class Stream(io.TextIOBase):
    """What is printed outside of events: a record for each line."""

    encoding = "utf-8"
    errors = "surrogateescape"

    def __init__(self, level, fd, record):
        self._level = level
        self._fd = fd
        self._record = record
        self._line = ""  # without its end

    @property
    def buffer(self):
        return StreamBuffer(self)

    def fileno(self):
        return self._fd

    def writable(self):
        return True

    def write(self, text):
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._record(self._level, line)
        if len(self._line) > _PIECE:
            self._record(self._level, self._line)
            self._line = ""
        return len(text)


class StreamBuffer(io.BufferedIOBase):
    """Its binary side."""

    def __init__(self, stream):
        self._stream = stream

    def fileno(self):
        return self._stream.fileno()

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        self._stream.write(data.decode("utf-8", "surrogateescape"))
        return len(data)


# events


class Line:
    """PROTOCOL 4.1's members, made when they are read."""

    def __init__(self, wire, trigger):
        self._wire = wire
        self._made = {"trigger": {"kind": "http", "name": trigger}}

    def __getitem__(self, name):
        made = self._made
        if name not in made:
            made[name] = self._make(name)
        return made[name]

    def get(self, name, default=None):
        return self[name]

    def _make(self, name):
        if name == "headers":
            return headers(self._wire.headers())
        if name == "timestamp":
            return self._wire.timestamp() / 1000
        return self._wire.field(name)


def headers(lines):
    """PROTOCOL 4.2 of a list of (name, value)."""
    result = {}
    for name, value in lines:
        name = canonical(name)
        if name not in result:
            result[name] = value
        elif type(result[name]) is list:
            result[name].append(value)
        else:
            result[name] = [result[name], value]
    return result


@lru_cache(1024)
def canonical(name):
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


class WorkerEvent(WireEvent):
    """A WireEvent that reads nothing before it is read."""

    def __init__(self, line, wire):
        self._line = line
        self._wire = wire

    raw_body = lazy(lambda self: self._wire.body())
    size = lazy(lambda self: self._wire.length())


def make_event(wire, trigger):
    """The event of wire, a CloudEvent if it is one."""
    event = WorkerEvent(Line(wire, trigger), wire)
    fields = event._line["headers"]
    if cloud_event.VERSION_HEADER in fields:
        cloud_event.binary(event)
    elif event.wire_content_type().startswith(cloud_event.CONTENT_TYPE):
        cloud_event.structured(event)
    return event
