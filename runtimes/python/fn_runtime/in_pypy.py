"""PyPy in the worker of nginx: a function, see ../embed/pypy/host.py.

Each function has its own copy of this package.
"""

import os
import sys
import threading
from _thread import get_ident

from fn_pypy import ffi, lib

from . import cloud_event, event, guard, output, worker
from .event_bytes import BytesEvent
from .logger import current

_FIELDS = "id method path query remote_addr log_level".split()
_FIELD = {name: n for n, name in enumerate(_FIELDS)}


class Wire:
    """See worker.py.  Its event may be read until it ends, by its own thread."""

    def __init__(self, context, event):
        self._context = context
        self._event = event
        self._thread = get_ident()

    def _of(self):
        if self._event is None:
            raise RuntimeError("the event has ended")
        if get_ident() != self._thread:
            raise RuntimeError("an event is read by another thread")
        return self._event

    def field(self, name):
        data = ffi.new("const char **")
        size = lib.fn_pypy_field(self._of(), _FIELD[name], data)
        return ffi.unpack(data[0], size).decode("latin-1")

    def headers(self):
        event = self._of()
        pair = ffi.new("fn_str_t[2]")
        name, value = pair, pair + 1
        lines = []
        while lib.fn_header(event, len(lines), name, value) == 0:
            lines.append((text(pair[0]), text(pair[1])))
        return lines

    def type(self):
        """(whether it is a CloudEvent by its header fields, the Content-Type)"""
        value = ffi.new("fn_str_t *")
        is_binary = lib.fn_pypy_type(self._of(), value)
        return is_binary, text(value)

    def timestamp(self):
        return lib.fn_timestamp(self._of())

    def length(self):
        return lib.fn_body_length(self._of())

    def body(self):
        data = ffi.new("const char **")
        size = lib.fn_pypy_body(self._of(), data)
        if data[0] == ffi.NULL:
            raise OSError("the body can't be read")
        return ffi.unpack(data[0], size)

    def record(self, level, message, members):
        message = message.encode("utf-8", "backslashreplace")
        members = members.encode()
        lib.fn_pypy_record(
            self._context,
            self._event or ffi.NULL,
            level,
            message,
            len(message),
            members,
            len(members),
        )


class FunctionWire(Wire):
    """For the records outside of events: threads of the handler's make them, too."""

    def __init__(self, context):
        super().__init__(context, None)
        self._unlock()
        os.register_at_fork(after_in_child=self._unlock)

    def _unlock(self):
        self._lock = threading.Lock()

    def use(self, context):
        """None: there is no more that nginx has not freed."""
        with self._lock:
            self._context = context

    def record(self, level, message, members):
        with self._lock:
            if self._context is not None:
                super().record(level, message, members)


def text(s):
    return ffi.unpack(s.data, s.len).decode("latin-1")


class Cloud(event.lazy):
    """An attribute that a CloudEvent has in another place."""

    def __get__(self, event, owner=None):
        if event is None:
            return self
        if not event._looked:
            event._look()
            if self.name in vars(event):
                return vars(event)[self.name]
        return super().__get__(event, owner)


class Event(event.WireEvent):
    """Nothing of it is made before it is read."""

    _looked = False

    def __init__(self, wire, trigger):
        self._line = worker.Line(wire, trigger)
        self._wire = wire

    raw_body = event.lazy(lambda self: self._wire.body())
    size = event.lazy(lambda self: self._wire.length())

    def _look(self):
        """Whether it is a CloudEvent; what the handler has set stays."""
        is_binary, self._type = self._wire.type()
        self._looked = True
        own = dict(vars(self))
        if is_binary:
            cloud_event.binary(self)
        elif self._type.startswith(cloud_event.CONTENT_TYPE):
            cloud_event.structured(self)
        vars(self).update(own)

    def wire_content_type(self):
        if not self._looked:
            self._look()
        return self._type


for _name in "id headers content_type body timestamp trigger".split():
    _made = Cloud(vars(event.WireEvent)[_name].make)
    _made.name = _name
    setattr(Event, _name, _made)
for _name in "type type_version version".split():
    _made = Cloud(lambda self: "")
    _made.name = _name
    setattr(Event, _name, _made)


class Function(worker.Function):
    """One of a worker; attach() is what a thread of nginx calls it by."""

    def __init__(self, context, environ, space, here):
        self.space = space
        self.here = here
        self.threads = []
        environ = {os.fsdecode(k): os.fsdecode(v) for k, v in environ.items()}
        guard.install(environ)
        _virtualenv(environ.get("FN_COMMAND", ""))
        wire = FunctionWire(context)
        try:
            super().__init__(environ, True, wire)
        except BaseException:
            wire.use(None)
            raise

    def _install(self, settings):
        worker.logger.print_record = self.record
        space = self.space
        space.stdin = open(os.devnull, encoding="utf-8")
        space.stdout = output.Output(
            worker.Stream("info", 1, self.record), "info", settings.log_level
        )
        space.stderr = output.Output(
            worker.Stream("error", 2, self.record), "error", settings.log_level
        )

    def attach(self, context):
        thread = Thread(self, context)
        self.threads.append(thread)
        return thread


def _virtualenv(command):
    """The packages of a virtualenv, when its pypy3 is what fn_command says."""
    import site

    home = os.path.dirname(os.path.dirname(command))
    if os.path.isfile(os.path.join(home, "pyvenv.cfg")):
        version = "pypy%d.%d" % sys.version_info[:2]
        site.addsitedir(os.path.join(home, "lib", version, "site-packages"))


class Thread:
    """A function in a thread of nginx."""

    def __init__(self, function, context):
        self.function = function
        self.space = function.space
        self.here = function.here
        self.context = context
        self.handler = function.handler
        self.nuclio = function.context
        self.trigger = function.context.trigger.name
        self.channel = worker.Channel(function.line_max)
        self.make = Event if function.decode_strings else self.bytes_event
        current.set(self.channel)

    def bytes_event(self, wire, trigger):
        """With all that it has."""
        line = worker.Line(wire, trigger)
        names = "id method path query remote_addr headers timestamp trigger"
        return BytesEvent({name: line[name] for name in names.split()}, wire.body())

    def run(self, event, response):
        """fn.h's handler"""
        if self.here.space is not self.space:
            self.here.space = self.space
        channel = self.channel
        wire = channel.connection = Wire(self.context, event)
        try:
            try:
                result = self.handler(self.nuclio, self.make(wire, self.trigger))
                if not self.function.is_async:
                    kind = type(result)
                    if kind is str:
                        result = result.encode("utf-8", "replace")
                        kind = bytes
                    if kind is bytes and result:
                        return lib.fn_write(response, result, len(result))
                answer = self.function.answer(result)
            except BaseException as exc:
                answer = self.function.failure(exc)
            return self.reply(answer, response)
        finally:
            try:
                if channel.unfinished:
                    channel.finish()
            finally:
                channel.connection = wire._event = None

    def reply(self, answer, response):
        if type(answer) is worker.Failure:
            return fail(answer, response)
        status, headers, body = answer
        if lib.fn_status(response, status) != 0:
            return -1
        for name, value in headers:
            if lib.fn_pypy_add_header(response, name, len(name), value, len(value)):
                return -1
        if isinstance(body, (bytes, bytearray, memoryview)):
            return write(response, body)
        try:
            for piece in body:
                if write(response, piece) != 0:
                    return -1
        except BaseException as exc:
            answer = self.function.failure(exc)
            if type(answer) is worker.Failure:
                return fail(answer, response)
            return -1
        return 0

    def end(self):
        function = self.function
        function.threads.remove(self)
        if function.threads:
            function.wire.use(function.threads[0].context)
        else:
            function.end()
            function.wire.use(None)


def write(response, data):
    if type(data) is not bytes:
        data = ffi.from_buffer(data)
    return lib.fn_write(response, data, len(data))


def fail(failure, response):
    texts = []
    for part in failure:
        data = part.encode("utf-8", "backslashreplace")
        texts += [data, len(data)]
    return lib.fn_pypy_fail(response, *texts)
