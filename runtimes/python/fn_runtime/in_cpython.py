"""CPython in the worker of nginx: what ../embed, in C, makes functions of."""

import atexit
import gc
from datetime import datetime, timedelta

from . import cloud_event, event, worker
from .event_bytes import BytesEvent
from .logger import current

_EPOCH = datetime(1970, 1, 1)


def load(event_base, wire_base, wire, environ, threaded):
    """A function in this interpreter; *_base are types of ../embed."""
    return Loaded(worker.Function(environ, threaded, wire), event_base, wire_base)


class Loaded:
    """What ../embed/load.c reads."""

    failure_type = worker.Failure
    makers = (  # in the order of ../embed/fn_python.h
        event.parsed,
        event.arguments,
        lambda milliseconds: _EPOCH + timedelta(milliseconds=milliseconds),
        lambda name: event.TriggerInfo("http", name),
        cloud_event.binary,
        cloud_event.structured,
    )

    def __init__(self, function, event_base, wire_base):
        self.function = function
        self.handler = function.handler
        self.context = function.context
        self.answer = function.answer
        self.failure = function.failure
        self.is_async = function.is_async
        self.event_type = type("WorkerEvent", (event_base, event.WireEvent), {})
        self.make_event = None
        if not function.decode_strings:
            self.make_event = self.bytes_event
        self.wire_base = wire_base
        gc.collect()
        gc.freeze()  # what was loaded stays: the loop need not wait for a look at it

    def bytes_event(self, wire):
        """With all that it has: it may be kept."""
        line = worker.Line(wire, self.context.trigger.name)
        names = "id method path query remote_addr headers timestamp trigger"
        return BytesEvent({name: line[name] for name in names.split()}, wire.body())

    def attach(self):
        """The channel of the thread that calls this."""
        channel = type("Channel", (self.wire_base, worker.Channel), {})()
        worker.Channel.__init__(channel, self.function.line_max)
        current.set(channel)
        return channel

    def end(self):
        self.function.end()
        atexit._run_exitfuncs()
