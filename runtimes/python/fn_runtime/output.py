"""What user code prints: records of the event in which it is printed."""

import sys
from threading import get_ident

from .logger import LEVELS, current, wanted

_PIECE = 1024  # bytes of a record: nginx shows no more than 1800


class Output:
    """sys.stdout or sys.stderr; outside of events it is the real one."""

    def __init__(self, real, level, least):
        self._real = real
        self._level = level
        self._least = LEVELS.get(least, 0)

    def __getattr__(self, name):
        return getattr(self._real, name)

    @property
    def buffer(self):
        return Buffer(self._real.buffer, self)

    def write(self, text):
        channel = current.get()
        if channel is None or channel.connection is None:
            return self._real.write(text)
        if not isinstance(text, str):
            raise TypeError(f"write() needs a str, not {type(text).__name__}")
        if not wanted(LEVELS[self._level], self._least):
            return len(text)
        key = self, get_ident()  # lines of threads do not mix
        line = channel.unfinished.pop(key, "") + text
        if "\n" in line:
            *lines, line = line.split("\n")
            for one in lines:
                self.record(channel, one)
        if len(line) > 4 * _PIECE:
            self.record(channel, line)
        elif line:
            channel.unfinished[key] = line
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def record(self, channel, line):
        line = _text(line.rstrip("\r"))
        size = _PIECE if line.isascii() else _PIECE // 4
        for start in range(0, len(line), size):
            piece = line[start : start + size]
            if not channel.send_log(self._level, piece, None):
                try:
                    self._real.write(piece + "\n")
                except (OSError, ValueError):
                    pass  # the handler closed it


class Buffer:
    """The binary side of an Output."""

    def __init__(self, real, output):
        self._real = real
        self._output = output

    def __getattr__(self, name):
        return getattr(self._real, name)

    def write(self, data):
        channel = current.get()
        if channel is None or channel.connection is None:
            return self._real.write(data)
        data = bytes(memoryview(data))
        self._output.write(data.decode("utf-8", "surrogateescape"))
        return len(data)

    def writelines(self, lines):
        for line in lines:
            self.write(line)


def _text(line):
    """With bytes that Buffer did not understand: UTF-8 in pieces, or Latin-1."""
    if line.isascii():
        return line
    try:
        data = line.encode("utf-8", "surrogateescape")
    except UnicodeError:
        return line
    try:
        return data.decode()
    except UnicodeError:
        return data.decode("latin-1")


def install(log_level):
    """Puts an Output in the place of sys.stdout and of sys.stderr."""
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)
        sys.stdout = Output(sys.stdout, "info", log_level)
    if sys.stderr is not None:
        sys.stderr.reconfigure(line_buffering=True)  # it isn't in PyPy
        sys.stderr = Output(sys.stderr, "error", log_level)
