"""What the process is told, PROTOCOL 1.2."""

import os


class Settings:
    """The FN_* variables: target, entry, name, slot, log_level, call (str),
    concurrency and line_max (int); and NUCLIO_PYTHON_*: decode_strings (bool),
    batch_size (int, 0: no batches), batch_seconds (float)."""

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
        decode = environ.get("NUCLIO_PYTHON_DECODE_EVENT_STRINGS", "").lower()
        self.decode_strings = decode not in ("no", "false", "disable", "disabled")
        self.batch_size = int(environ.get("NUCLIO_PYTHON_BATCH_SIZE") or 0)
        timeout = environ.get("NUCLIO_PYTHON_BATCH_TIMEOUT") or "1s"
        self.batch_seconds = _seconds(timeout)


def _seconds(text):
    """ "100ms" or "1s" """
    number, unit = (text[:-2], 1000) if text.endswith("ms") else (text[:-1], 1)
    if not text.endswith("s"):
        raise ValueError(f"NUCLIO_PYTHON_BATCH_TIMEOUT is {text!r}, not as 100ms or 1s")
    return float(number) / unit
