"""What the process is told, PROTOCOL 1.2."""

import os


class Settings:
    """The FN_* variables: target, entry, name, slot, log_level, call (str),
    concurrency and line_max (int)."""

    def __init__(self, environ=os.environ):
        if environ.get("FN_PROTOCOL", "1") != "1":
            raise RuntimeError(f"unknown protocol {environ['FN_PROTOCOL']!r}")
        self.target = environ.get("FN_TARGET", "")
        self.entry = environ.get("FN_ENTRY") or "handler"
        self.name = environ.get("FN_NAME", "")
        self.slot = environ.get("FN_SLOT") or "0"
        self.log_level = environ.get("FN_LOG_LEVEL") or "info"
        self.call = environ.get("FN_CALL", "")
        self.concurrency = int(environ.get("FN_CONCURRENCY") or 1)
        self.line_max = int(environ.get("FN_LINE_MAX") or 16384)
