"""nginx's error log: the records of functions, and how workers ended."""

import json
import re
from collections import namedtuple

_LINE = re.compile(rb"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(\w+)\] \d+#\d+: (.*)", re.S)
_RECORD = re.compile(rb'(?:\*\d+ )?fn "[^"]*" pid \d+(?:, id (\w+))?: (.*)', re.S)
_REQUEST = re.compile(rb"(?: while [a-z ]+)?, client: unix:, server: .*", re.S)
_ENDED = re.compile(rb'(?:worker|fn "[^"]*") process \d+ exited (with code|on signal) (\d+)')
_ESCAPE = re.compile(rb"\\x([0-9A-F]{2})")

Record = namedtuple("Record", "level id text")  # id: of an event, or None


class ErrorLog:
    """The file at path.

    ends: exit statuses of workers and functions (negative: signals), as they came.
    """

    def __init__(self, path):
        self.path = path
        self._ends = []
        self._records = []
        self._offset = 0

    def text(self):
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    @property
    def ends(self):
        self._read()
        return self._ends

    def of(self, event_id):
        """The records of an event: a list of (level, bytes)."""
        self._read()
        return [(one.level, one.text) for one in self._records if one.id == event_id]

    def said(self, levels):
        """What is of no event, at these levels: bytes, a line for each."""
        self._read()
        return b"".join(
            one.text + b"\n"
            for one in self._records
            if one.id is None and one.level in levels
        )

    def _read(self):
        with open(self.path, "rb") as file:
            file.seek(self._offset)
            data = file.read()
        data = data[: data.rfind(b"\n") + 1]
        self._offset += len(data)
        for line in data.splitlines():
            self._line(line)

    def _line(self, line):
        match = _LINE.fullmatch(line)
        if not match:
            self._records.append(Record("error", None, line))  # descriptor 2
            return
        level, text = match[1].decode(), match[2]
        ended = _ENDED.match(text)
        if ended:
            sign = -1 if ended[1] == b"on signal" else 1
            self._ends.append(sign * int(ended[2]))
        record = _RECORD.fullmatch(text)
        if record:
            text = _unescape(_REQUEST.sub(b"", record[2]))
            self._records.append(Record(level, (record[1] or b"").decode() or None, text))


def _unescape(text):
    return _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), text)


def record(level, text):
    """The log record that a line tells of, as PROTOCOL 5.2 has it."""
    text = text.decode("utf-8", "replace")
    at = text.find(" {")
    while at >= 0:
        try:
            return {"level": level, "message": text[:at], "with": json.loads(text[at:])}
        except ValueError:
            at = text.find(" {", at + 1)
    return {"level": level, "message": text}
