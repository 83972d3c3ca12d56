"""Records of handlers: nuclio's Logger, and where they go."""

import sys
from contextvars import ContextVar

from . import protocol

LEVELS = {"debug": 10, "info": 20, "warn": 30, "error": 40}

#: where the records of the running event go: send_log(level, text, fields) -> bool,
#: and log_level, the name of the least level that it wants itself, or None
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
        if not wanted(LEVELS[level], self.level):
            return
        text = _format(message, args)
        fields.update(self._bound)
        record(level, text, fields)
        for file, formatter in self._handlers.values():
            print(self._formatted(level, text, fields, formatter), file=file)

    def _formatted(self, level, text, fields, formatter):
        import logging  # rarely needed, and slow to import

        record = logging.LogRecord(self.name, LEVELS[level], "", 0, text, (), None)
        setattr(record, "with", fields)
        return formatter.format(record)


def _format(message, args):
    message = protocol.as_text(message)
    if not args:
        return message
    try:
        return message % args
    except Exception:
        # nuclio's users pass arguments for which there is no "%"
        return " ".join([message, *(protocol.as_text(arg, repr) for arg in args)])


def wanted(level, least):
    """Whether a record of this level is, in a process that sends least ones."""
    event = current.get()
    if event is not None and event.log_level is not None:
        least = LEVELS.get(event.log_level, least)  # PROTOCOL 4.1
    return level >= least


def record(level, text, fields=None):
    """A record of the running event, if there is one."""
    event = current.get()
    if event is None or not event.send_log(level, text, fields):
        print_record(level, text, fields)


def print_record(level, text, fields=None):
    """A record outside of any event: one line on standard error."""
    if fields:
        text = f"{text} {protocol.dump(protocol.plain(fields, protocol.DEPTH_MAX))}"
    text = text.replace("\n", "\\n")
    try:
        print(f"{level} {text}", file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        pass  # the handler closed it
