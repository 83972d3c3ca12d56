"""What a handler is called with beside the event: nuclio's Context."""

import sys
from contextvars import ContextVar

from . import protocol
from .event import TriggerInfo
from .response import Response

LEVELS = {"debug": 10, "info": 20, "warn": 30, "error": 40}

#: where the records of the running event go: send_log(level, text, fields) -> bool
current = ContextVar("fn_event", default=None)


class Logger:
    """nuclio's logger; records belong to the event in which they are made.

    level is a name of LEVELS or a number of the logging module.
    """

    def __init__(self, level="info", name="nuclio_sdk"):
        self.name = name
        self.level = LEVELS.get(level, level) if isinstance(level, str) else level
        if isinstance(self.level, str):
            self.level = LEVELS["info"]
        self._bound = {}
        self._handlers = {}

    def debug(self, message, *args):
        self._log("debug", message, args, {})

    def info(self, message, *args):
        self._log("info", message, args, {})

    def warn(self, message, *args):
        self._log("warn", message, args, {})

    def error(self, message, *args):
        self._log("error", message, args, {})

    def debug_with(self, message, *args, **kw_args):
        self._log("debug", message, args, kw_args)

    def info_with(self, message, *args, **kw_args):
        self._log("info", message, args, kw_args)

    def warn_with(self, message, *args, **kw_args):
        self._log("warn", message, args, kw_args)

    def error_with(self, message, *args, **kw_args):
        self._log("error", message, args, kw_args)

    def bind(self, **kw_args):
        """Adds kw_args to the "with" of every later record."""
        self._bound.update(kw_args)

    def set_handler(self, handler_name, file, formatter):
        """Records go to file too, written by a logging.Formatter."""
        self._handlers[handler_name] = (file, formatter)

    def _log(self, level, message, args, fields):
        if LEVELS[level] < self.level:
            return
        text = _format(message, args)
        fields.update(self._bound)
        event = current.get()
        if event is None or not event.send_log(level, text, fields):
            print_record(level, text, fields)
        for file, formatter in self._handlers.values():
            print(self._formatted(level, text, fields, formatter), file=file)

    def _format(message, args):
    message = protocol.as_text(message)
    if not args:
        return message
    try:
        return message % args
    except Exception:
        # nuclio's users pass arguments for which there is no "%"
        return " ".join([message, *(protocol.as_text(arg, repr) for arg in args)])


def print_record(level, text, fields):
    """A record outside of an event: one line on standard error."""
    if fields:
        text = f"{text} {protocol.dump(protocol.plain(fields, protocol.DEPTH_MAX))}"
    text = text.replace("\n", "\\n")
    try:
        print(f"{level} {text}", file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        pass  # the handler closed it


class Platform:
    """nuclio's platform: kind and namespace (str)."""

    def __init__(self, kind, namespace="default"):
        self.kind = kind
        self.namespace = namespace
        self.drain = self.terminate = lambda: None

    def call_function(
        self, function_name, event, node=None, timeout=None, service_name_override=None
    ):
        raise NotImplementedError(
            f'call_function("{function_name}"): functions cannot call functions yet'
        )

    def set_drain_callback(self, callback):
        """callback() is called when the process is told to stop."""
        self.drain = callback

    def set_termination_callback(self, callback):
        """callback() is called when the last event has ended."""
        self.terminate = callback

    async def explicit_ack(self, qualified_offset):
        raise NotImplementedError("explicit_ack: an HTTP event has no offset")


class QualifiedOffset:
    """A place in a stream: topic (str), partition and offset (int)."""

    def __init__(self, topic, partition, offset):
        self.topic = topic
        self.partition = partition
        self.offset = offset

    @staticmethod
    def from_event(event):
        return QualifiedOffset(event.topic, event.shard_id, event.offset)


class Context:
    """One of a process: user_data (any attributes), logger, platform, Response,
    worker_id (str), trigger (TriggerInfo), trigger_name (str)."""

    def __init__(self, logger=None, platform=None, worker_id=None, trigger=None):
        self.logger = logger or Logger()
        self.platform = platform or Platform("test")
        self.user_data = lambda: None  # as in nuclio: takes any attribute
        self.Response = Response
        self.worker_id = worker_id
        self.trigger = trigger or TriggerInfo()
        self.trigger_name = self.trigger.name


def make(settings):
    """The context of this process."""
    logger = Logger(settings.log_level)
    logger.bind(worker_id=settings.slot)
    return Context(
        logger, Platform("local"), settings.slot, TriggerInfo("http", settings.name)
    )
