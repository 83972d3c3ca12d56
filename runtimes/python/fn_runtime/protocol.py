"""Lines of the fn protocol (../../PROTOCOL): bytes to objects and back.

Nothing here knows a socket, a handler or an event.
"""

import json
import re
import sys
from functools import lru_cache
from json.encoder import encode_basestring, encode_basestring_ascii

EVENT_LINE_MAX = 262144  # bytes, PROTOCOL 3.3
DEPTH_MAX = 32  # PROTOCOL 3.3
HEADER_LINES_MAX = 100  # PROTOCOL 6.1
READY = b'{"type":"ready","protocol":1}\n'

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}").fullmatch
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,8192}").fullmatch

_scan = json.JSONDecoder().scan_once
if sys.implementation.name == "pypy":  # where loads() is the fast one

    def _scan(text, start):
        return json.loads(text), len(text) - 1


class ProtocolError(Exception):
    """nginx sent what PROTOCOL does not allow."""


# The event


def read_event(line):
    """The event's line (bytes, LF included) as a dict, PROTOCOL 4.1.

    A line in the form that nginx writes, without escapes and bytes above 127, is
    not looked at twice.
    """
    try:
        text = line.decode()
        head, end = _scan(text, 0)
        if (
            end == len(text) - 1
            and "\\" not in text
            and text.isascii()
            and type(head["headers"]) is type(head["trigger"]) is dict
            and type(head["id"]) is str
            and type(head.get("body_length", 0)) is int
            and type(head.get("start_by", 0)) is int
        ):
            return head
    except (ValueError, LookupError, TypeError, StopIteration, RecursionError):
        pass
    return _read_any_event(line)


def _read_any_event(line):
    try:
        head = json.loads(line.decode())
        if type(head) is not dict or "type" in head:
            raise ValueError("no event")
        for name in ("id", "method", "path"):
            if name not in head:
                raise ValueError(f"no {name}")
        for name, valid in _EVENT_FIELDS.items():
            if name in head and not valid(head[name]):
                raise ValueError(f"{name} is {head[name]!r:.80}")
    except (ValueError, RecursionError) as exc:
        raise ProtocolError(f"invalid event: {exc}") from None
    return head


def _is_bytes(value):
    return type(value) is str and max(value, default="") <= "\xff"


def _is_count(value):
    return type(value) is int and value >= 0


def _is_header(name, value):
    values = value if type(value) is list else [value]
    return _is_bytes(name) and all(map(_is_bytes, values))


_EVENT_FIELDS = {
    "id": lambda value: type(value) is str and _ID(value),
    "method": _is_bytes,
    "path": _is_bytes,
    "query": _is_bytes,
    "headers": lambda value: type(value) is dict
    and all(_is_header(*item) for item in value.items()),
    "timestamp": lambda value: type(value) in (int, float),
    "remote_addr": _is_bytes,
    "trigger": lambda value: type(value) is dict,
    "start_by": _is_count,
    "body_length": _is_count,
}


# The reply


def response_line(event_id, head, body, duration):
    """PROTOCOL 5.3 as str; body is '"body_length":12' or '"stream":true'.

    head comes from response_head(); duration is in microseconds.
    """
    return (
        f'{{"type":"response","id":"{event_id}",{head},{body},'
        f'"duration_us":{duration}}}\n'
    )


@lru_cache(256)
def response_head(status, content_type, headers=()):
    """The status and headers of a response line, checked by header_fields()."""
    fields = header_fields(status, content_type, headers)
    members = ",".join(_member(name, values) for name, values in fields.items())
    return f'"status":{int(status)},"headers":{{{members}}}'


def header_fields(status, content_type, headers):
    """The headers as a dict of lists of byte strings, checked (PROTOCOL 6).

    headers is a tuple of (name, value) str pairs without Content-Type.  ValueError
    and TypeError say what the handler did wrong.
    """
    if not isinstance(status, int) or isinstance(status, bool):
        raise TypeError(f"status code must be an integer, not {status!r}")
    if not 200 <= status <= 599:
        raise ValueError(f"status code must be from 200 to 599, not {status}")
    fields = {"Content-Type": [content_type]} if content_type is not None else {}
    for name, value in headers:
        fields.setdefault(name, []).append(value)
    if sum(map(len, fields.values())) > HEADER_LINES_MAX:
        raise ValueError(f"more than {HEADER_LINES_MAX} header lines")
    return {name: _values(name, values) for name, values in fields.items()}


def _values(name, values):
    if not _NAME(name):
        raise ValueError(f"invalid header name {name!r}")
    texts = []
    for value in values:
        # user code means UTF-8 by a str, the wire wants one character a byte
        text = value
        if not value.isascii():
            text = value.encode("utf-8", "surrogateescape").decode("latin-1")
        if not _VALUE(text):
            raise ValueError(f"invalid value of header {name}: {value!r:.80}")
        texts.append(text)
    return texts


def _member(name, values):
    texts = [encode_basestring_ascii(value) for value in values]
    text = texts[0] if len(texts) == 1 else f"[{','.join(texts)}]"
    return f"{encode_basestring_ascii(name)}:{text}"


def chunk_line(length):
    """PROTOCOL 5.6"""
    return b'{"type":"chunk","length":%d}\n' % length


END = b'{"type":"end"}\n'


def expired_line(event_id):
    """PROTOCOL 5.7"""
    return f'{{"type":"expired","id":"{event_id}"}}\n'.encode()


def error_line(event_id, name, message, stack, duration, line_max):
    """PROTOCOL 5.8, shortened to line_max bytes; of the stack the end is kept."""
    head = (
        f'{{"type":"error","id":"{event_id}","error":{fit(name, 256)},'
        f'"duration_us":{duration},"message":'
    )
    room = line_max - len(head.encode()) - len(',"stack":}\n')
    message = fit(message, room // 2)
    stack = fit(stack, room - len(message.encode()), keep_end=True)
    return f'{head}{message},"stack":{stack}}}\n'.encode()


def log_line(level, message, fields, line_max):
    """PROTOCOL 5.2, shortened to line_max bytes; fields is a dict of anything."""
    head = f'{{"type":"log","level":"{level}","message":'
    room = line_max - len(head) - len(',"with":{}}\n')
    message = fit(message, room // 2)
    if not fields:
        return f"{head}{message}}}\n".encode()
    members = log_with(fields, room - len(message.encode()))
    return f'{head}{message},"with":{members}}}\n'.encode()


def log_with(fields, room):
    """The "with" of a record, a JSON object of at most room bytes and its braces."""
    members = {}
    for name, value in plain(fields, DEPTH_MAX - 1).items():
        name = fit(name, 256)
        text = dump(value)
        rest = room - len(name.encode()) - len(":,")
        if len(text.encode()) > rest:
            text = fit(value if isinstance(value, str) else text, rest)
        if len(text.encode()) > rest:
            break
        room = rest - len(text.encode())
        members[name] = f"{name}:{text}"
    return f"{{{','.join(members.values())}}}"


def refusal_line(exc):
    """What says on the control socket why there is no "ready", PROTOCOL 2.2."""
    name, message = fit(type(exc).__name__, 256), fit(as_text(exc), 2048)
    return f'{{"type":"error","error":{name},"message":{message}}}\n'.encode()


# JSON


def fit(text, room, keep_end=False):
    """text as a JSON string of at most room bytes of UTF-8 (and at least 2)."""
    text = _clean(text)
    while True:
        string = encode_basestring(text)
        size = len(string.encode())
        if size <= room or not text:
            return string
        kept = min(len(text) * room // size, len(text)) - 4
        if kept <= 0:
            text = ""
        else:
            text = "..." + text[-kept:] if keep_end else text[:kept] + "..."


def cut(text, room, keep_end=False):
    """text without what JSON can't have, of at most room bytes of UTF-8."""
    text = _clean(text)
    size = len(text.encode())
    if size <= room:
        return text
    kept = len(text) * room // size - 4
    while len((text[-kept:] if keep_end else text[:kept]).encode()) > room - 3:
        kept -= 4
    return "..." + text[-kept:] if keep_end else text[:kept] + "..."


dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def plain(value, depth=None):
    """A copy of value that a JSON reader takes: str for what JSON has not.

    With a depth it is for nginx's reader, which bounds depth and integers.
    """
    if isinstance(value, str):
        return value if depth is None else _clean(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        fits = depth is None or -(1 << 63) <= value < 1 << 63
        return int(value) if fits else as_text(value)
    if isinstance(value, float):
        if value - value == 0:
            return value
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if depth != 0:
        below = None if depth is None else depth - 1
        if isinstance(value, dict):
            return {plain(as_text(k), depth): plain(v, below) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item, below) for item in value]
    return plain(as_text(value), depth)


def as_text(value, convert=str):
    """str(value), or repr; the value's own code may fail."""
    try:
        return convert(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _clean(text):
    """Without lone surrogates, which are no UTF-8."""
    return text.encode("utf-8", "replace").decode()
