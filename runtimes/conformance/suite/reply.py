"""Reads replies as strictly as ../../PROTOCOL is written."""

import json
import re

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}").fullmatch
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,8192}").fullmatch
_LEVELS = ("debug", "info", "warn", "error")


class Broken(Exception):
    """A reply broke a clause."""


class Reply:
    """A whole reply.

    kind: "response", "error" or "expired"; status; duration (microseconds), or None
    when there is none; headers: dict of lower-case
    names to lists of bytes; body (bytes); logs: list of messages; chunks: list of
    bytes, or None; error, message, stack (str); late: the error that ended a
    stream, or None; lines: the reply's lines as they came.
    """

    def __init__(self):
        self.kind = None
        self.status = None
        self.duration = None
        self.headers = {}
        self.body = b""
        self.logs = []
        self.chunks = None
        self.error = self.message = self.stack = ""
        self.late = None
        self.lines = []

    def header(self, name):
        """The only value of a header as text, or None."""
        values = self.headers.get(name.lower(), [])
        if len(values) > 1:
            raise Broken(f"{name} stands {len(values)} times")
        return values[0].decode("utf-8", "replace") if values else None

    def __repr__(self):
        text = b"".join(self.lines[-3:]).decode("utf-8", "replace")
        return f"{text[:600]} body {self.body[:200]!r}"


def read(stream, event_id, line_max, lease=False):
    """A Reply from stream, which has line() and bytes(length)."""
    reply = Reply()
    while True:
        message = _message(stream, reply, line_max)
        kind = message.get("type")
        if kind == "log":
            reply.logs.append(_log(message))
            continue
        if kind not in ("response", "error", "expired"):
            raise Broken(f"unknown type {kind!r} (3.4)")
        if message.get("id") != event_id:
            raise Broken(f"wrong id {message.get('id')!r} (5.3)")
        reply.kind = kind
        if kind == "expired":
            if not lease:
                raise Broken("expired without start_by (5.7)")
        elif kind == "error":
            _error(message, reply)
        else:
            _response(message, reply)
            _body(message, reply, stream, line_max)
        return reply


def owed(reply):
    """The reply, which has all that a runtime owes and nginx could do without."""
    if reply.kind == "response":
        if reply.duration is None and reply.chunks is None:
            raise Broken("a response without duration_us (5.3)")
        if reply.body and "content-type" not in reply.headers:
            raise Broken("a body without Content-Type (6.3)")
    return reply


def _message(stream, reply, line_max):
    line = stream.line(line_max)
    reply.lines.append(line)
    if not line.endswith(b"\n"):
        raise Broken(f"a line of more than {line_max} bytes (3.3)")
    try:
        text = line.decode("utf-8")
        message = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except (ValueError, RecursionError) as exc:
        raise Broken(f"{exc}: {line[:200]!r} (3.2)") from None
    if text.startswith(("\ufeff", " ")) or type(message) is not dict:
        raise Broken(f"no object: {line[:200]!r} (3.2)")
    _check_strings(message, 1)
    return message


def _object(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise Broken(f"a name stands twice in {names} (3.3)")
    return dict(pairs)


def _constant(name):
    raise Broken(f"{name} is no JSON (3.2)")


def _float(text):
    if float(text) in (float("inf"), float("-inf")):
        raise Broken(f"{text} is out of range (3.2)")
    return float(text)


def _int(text):
    if len(text) > 30:
        raise Broken(f"{text} is out of range (3.2)")
    return int(text)


def _check_strings(value, depth):
    if isinstance(value, str):
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise Broken(f"a lone surrogate in {value[:80]!r} (3.2)")
    elif isinstance(value, (dict, list)):
        if depth > 32:
            raise Broken("nested more than 32 deep (3.3)")
        for item in value:
            _check_strings(item, depth + 1)
            if isinstance(value, dict):
                _check_strings(value[item], depth + 1)


def _is_count(value):
    return type(value) is int and 0 <= value < 1 << 63


def _typed(message, name, kind, default):
    value = message.get(name, default)
    if type(value) is not kind and value is not default:
        raise Broken(f"{name} is {value!r} (5.9)")
    return value


def _duration(message, reply):
    reply.duration = message.get("duration_us")
    if "duration_us" in message and not _is_count(reply.duration):
        raise Broken(f"duration_us is {reply.duration!r} (5.3)")


def _log(message):
    if message.get("level") not in _LEVELS:
        raise Broken(f"level {message.get('level')!r} of a log record (5.2)")
    if type(message.get("message")) is not str:
        raise Broken("a log record without message (5.2)")
    if "with" in message:
        if type(message["with"]) is not dict:
            raise Broken('"with" is no object (5.2)')
        _log_value(message["with"])
    return message


def _log_value(value):
    if type(value) is int and not -(1 << 63) <= value < 1 << 63:
        raise Broken(f"an integer of more than 64 bits: {value} (5.2)")
    if isinstance(value, dict):
        for name, item in value.items():
            if "\0" in name:
                raise Broken(f"U+0000 in the name {name!r} (5.2)")
            _log_value(item)
    elif isinstance(value, list):
        for item in value:
            _log_value(item)


def _error(message, reply):
    for name in ("error", "message", "stack"):
        setattr(reply, name, _typed(message, name, str, ""))
    reply.status = message.get("status", 500)
    if type(reply.status) is not int or not 400 <= reply.status <= 599:
        raise Broken(f"status {reply.status!r} of an error (5.8)")
    _duration(message, reply)


def _response(message, reply):
    reply.status = message.get("status", 200)
    if type(reply.status) is not int or not 200 <= reply.status <= 599:
        raise Broken(f"status {reply.status!r} (5.3)")
    _duration(message, reply)
    count = 0
    for name, value in _typed(message, "headers", dict, {}).items():
        values = value if type(value) is list else [value]
        if not _NAME(name):
            raise Broken(f"header name {name!r} (6.1)")
        for one in values:
            if type(one) is not str or not _VALUE(one):
                raise Broken(f"value {one!r:.80} of header {name} (6.1)")
        if name.lower() == "content-type" and type(value) is list:
            raise Broken("Content-Type is an array (6.3)")
        if name.lower() == "content-type" and "content-type" in reply.headers:
            raise Broken("more than one Content-Type (6.3)")
        data = [one.encode("latin-1") for one in values]
        reply.headers.setdefault(name.lower(), []).extend(data)
        count += len(values)
    if count > 100:
        raise Broken(f"{count} header lines (6.1)")


def _body(message, reply, stream, line_max):
    ways = [way for way in ("body_length", "body", "stream") if way in message]
    if message.get("stream") is False:
        ways.remove("stream")
    if len(ways) > 1:
        raise Broken(f"a body in more than one way: {ways} (5.9)")
    if "body_length" in ways:
        if not _is_count(message["body_length"]):
            raise Broken(f"body_length is {message['body_length']!r} (5.4)")
        reply.body = stream.bytes(message["body_length"])
    elif "body" in ways:
        reply.body = _typed(message, "body", str, "").encode()
    elif "stream" in ways:
        if message["stream"] is not True:
            raise Broken(f"stream is {message['stream']!r} (5.9)")
        _stream(reply, stream, line_max, message["id"])


def _stream(reply, stream, line_max, event_id):
    reply.chunks = []
    while True:
        message = _message(stream, reply, line_max)
        kind = message.get("type")
        if kind == "log":
            reply.logs.append(_log(message))
        elif kind == "chunk":
            if not _is_count(message.get("length")):
                raise Broken(f"length {message.get('length')!r} of a chunk (5.6)")
            reply.chunks.append(stream.bytes(message["length"]))
        elif kind == "end":
            break
        elif kind == "error":
            if message.get("id") != event_id:
                raise Broken(f"wrong id {message.get('id')!r} (5.8)")
            reply.late = Reply()
            reply.late.kind = kind
            _error(message, reply.late)
            break
        else:
            raise Broken(f"type {kind!r} in a stream (5.6)")
    reply.body = b"".join(reply.chunks)
