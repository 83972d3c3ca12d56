"""What a handler is called with: nuclio's Event."""

import base64
import json
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from .logger import record

_EPOCH = datetime(1970, 1, 1)
_FIELDS = (
    "body content_type trigger fields headers id method path size timestamp url "
    "shard_id num_shards type type_version version last_in_batch offset topic"
).split()


class TriggerInfo:
    """Where events come from: kind (str) and name (str)."""

    def __init__(self, kind="", name=""):
        self.kind = kind
        self.name = name


class Event:
    """An event made by hand; nuclio's constructor and attributes."""

    def __init__(
        self,
        body=None,
        content_type=None,
        trigger=None,
        fields=None,
        headers=None,
        _id=None,
        method=None,
        path=None,
        size=None,
        timestamp=None,
        url=None,
        shard_id=None,
        num_shards=None,
        _type=None,
        type_version=None,
        version=None,
        last_in_batch=None,
        offset=None,
        topic=None,
    ):
        self.body = body
        self.content_type = content_type
        self.trigger = trigger or TriggerInfo()
        self.fields = fields or {}
        self.headers = headers or {}
        self.id = _id
        self.method = method
        self.path = path or "/"
        self.size = size
        self.timestamp = timestamp or 0
        self.url = url
        self.shard_id = shard_id
        self.num_shards = num_shards
        self.type = _type
        self.type_version = type_version
        self.version = version
        self.last_in_batch = last_in_batch or False
        self.offset = offset or 0
        self.topic = topic

    def get_header(self, header_key):
        """The header's value, any case of its name; the last one of several."""
        header_key = header_key.lower()
        for key, value in self.headers.items():
            if key.lower() == header_key:
                return value[-1] if isinstance(value, list) else value
        return None

    def to_json(self):
        """nuclio's JSON of an event: a body of bytes is base64."""
        values = {name: getattr(self, name) for name in _FIELDS}
        values["trigger"] = vars(self.trigger)
        if isinstance(self.timestamp, datetime):
            values["timestamp"] = str(self.timestamp)
        if isinstance(self.body, bytes):
            values["body"] = base64.b64encode(self.body).decode()
        return json.dumps(values)

    def __repr__(self):
        return self.to_json()


class lazy:
    """An attribute made when it is read first, and plain from then on."""

    def __init__(self, make):
        self.make = make

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, event, owner=None):
        if event is None:
            return self
        value = self.make(event)
        setattr(event, self.name, value)
        return value


class WireEvent(Event):
    """An event from nginx: line is its dict (PROTOCOL 4.1), raw_body its bytes."""

    url = type = type_version = version = topic = ""
    shard_id = -1
    num_shards = offset = 0
    last_in_batch = False

    def __init__(self, line, raw_body):
        self._line = line
        self.raw_body = raw_body

    id = lazy(lambda self: self._line["id"])
    method = lazy(lambda self: self._line["method"])
    path = lazy(lambda self: text(self._line["path"]))
    remote_addr = lazy(lambda self: self._line.get("remote_addr", ""))
    size = lazy(lambda self: len(self.raw_body))

    @lazy
    def headers(self):
        """dict of str; a header that came more than once is a list of str"""
        return {
            name: text(value) if type(value) is str else list(map(text, value))
            for name, value in self._line.get("headers", {}).items()
        }

    def wire_content_type(self):
        """The last Content-Type, a character each byte."""
        value = self._line.get("headers", {}).get("Content-Type", "")
        return value if type(value) is str else value[-1]

    content_type = lazy(lambda self: text(self.wire_content_type()))

    @lazy
    def body(self):
        """bytes, or what was parsed when the content type is application/json"""
        if self.wire_content_type() == "application/json":
            return parsed(self.raw_body)
        return self.raw_body

    @lazy
    def fields(self):
        """dict of str: the query's arguments, the last of each name"""
        return arguments(self._line.get("query", ""))

    @lazy
    def timestamp(self):
        """datetime, UTC, without a time zone as in nuclio"""
        return _EPOCH + timedelta(seconds=self._line.get("timestamp", 0))

    @lazy
    def trigger(self):
        trigger = self._line.get("trigger", {})
        return TriggerInfo(trigger.get("kind", "http"), trigger.get("name", ""))


def parsed(raw_body):
    """What JSON says, or the bytes when it is none."""
    try:
        return json.loads(raw_body.decode())
    except (ValueError, RecursionError) as exc:
        record("warn", f"the body is not JSON: {exc}")
    return raw_body


def arguments(query):
    if not query:
        return {}
    return {
        text(name): text(value)
        for name, value in parse_qsl(query, True, encoding="latin-1")
    }


def text(value):
    """A byte string (PROTOCOL 3.5) as text: UTF-8, or Latin-1 when it is not."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return value
