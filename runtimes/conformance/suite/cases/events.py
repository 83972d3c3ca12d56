"""What a handler sees of an event."""

import base64
import json

from . import case
from ..connection import Event
from ..trial import Skip, check, equal, event

BODY = bytes(range(256))
TIMESTAMP = 1789000000.123

# name: (value, the kinds of value that it may have); what is in OPTIONAL may be
# absent from a language's API
FIELDS = {
    "id": (None, ("text",)),
    "method": ("PUT", ("text",)),
    "path": ("/\u00e9 /event", ("text",)),
    "url": ("", ("text",)),
    "content_type": ("application/x-odd", ("text",)),
    "type": ("", ("text",)),
    "type_version": ("", ("text",)),
    "version": ("", ("text",)),
    "topic": ("", ("text",)),
    "headers": (
        {
            "Host": "localhost",
            "Content-Type": "application/x-odd",
            "X-Utf": "\u00e9",
            "X-Latin": "\u00e9",
            "X-Empty": "",
        },
        ("object",),
    ),
    "fields": ({"a": "1", "b": "\u00e9"}, ("object",)),
    "size": (len(BODY), ("integer",)),
    "shard_id": (-1, ("integer",)),
    "num_shards": (0, ("integer",)),
    "offset": (0, ("integer",)),
    "timestamp": (None, ("time", "integer")),
    "trigger": ({"kind": "http", "name": "conformance"}, ("object",)),
    "body": (base64.b64encode(BODY).decode(), ("bytes",)),
}
NEEDED = ("id", "method", "path", "content_type", "timestamp", "body")


def facts(reply):
    """The object that "event" answers."""
    equal("the kind of reply", reply.kind, "response")
    try:
        return json.loads(reply.body.decode())
    except ValueError as exc:
        check("the body is JSON in UTF-8", False, f"{exc}: {reply.body[:300]!r}")


def whole(trial):
    """(event, its facts), asked once."""
    if "event" not in trial.memory:
        one = Event(
            "/\u00c3\u00a9 /event",
            BODY,
            method="PUT",
            query="a=1&b=%C3%A9",
            timestamp=TIMESTAMP,
            headers={
                "Host": "localhost",
                "Content-Type": "application/x-odd",
                "X-Utf": "\u00c3\u00a9",
                "X-Latin": "\u00e9",
                "X-Empty": "",
            },
        )
        trial.memory["event"] = one, facts(trial.ask_event(one))
    return trial.memory["event"]


def field(name):
    value, kinds = FIELDS[name]

    def run(trial, value=value):
        one, seen = whole(trial)
        if name not in seen:
            check(f"the event has {name}", name not in NEEDED, seen)
            raise Skip("events have no such field")
        came = seen[name]
        if name == "timestamp":
            timestamp(trial, one, came)
        elif name == "headers":
            equal(name, came, {**value, **one.added})
        else:
            equal(name, came, one.id if name == "id" else value)
        if not trial.lacks("types"):
            types = seen["types"]
            check(f"{name} is one of {kinds}", types.get(name) in kinds, types)

    case(f"event: {name}")(run)


for _name in FIELDS:
    field(_name)


def timestamp(trial, one, came):
    check("milliseconds", type(came) is int, came)
    first, last = one.when
    if trial.lacks("milliseconds"):
        first = first // 1000 * 1000
    check(f"{first} to {last}", first - 1 <= came <= last + 1, came)


@case("event: defaults of absent fields")
def defaults(trial):
    one = Event("/event", headers=None, timestamp=None, remote_addr=None, trigger=None)
    seen = facts(trial.ask_event(one))
    wanted = {
        "method": "GET",
        "path": "/event",
        "content_type": "",
        "headers": {},
        "fields": {},
        "size": 0,
        "body": "",
    }
    for name, value in wanted.items():
        if name in seen:
            equal(name, seen[name], value)


@case("event: a header that came more than once")
def repeated(trial):
    one = event("event", headers={"X-Many": ["one", "two", "\u00c3\u00a9"]})
    headers = facts(trial.ask_event(one)).get("headers")
    if headers is None:
        raise Skip("events have no headers")
    came = headers.get("X-Many")
    if came == "\u00e9":
        raise Skip("the type of headers allows one value: the last")
    equal("X-Many", came, ["one", "two", "\u00e9"])


@case("event: all bytes in the path")
def path_bytes(trial):
    raw = "/" + "".join(map(chr, range(1, 256))) + "/event"
    seen = facts(trial.ask_event(Event(raw)))
    equal("path", seen["path"], raw)


@case("event: all bytes in a header")
def header_bytes(trial):
    raw = "".join(map(chr, [9, *range(32, 127), *range(128, 256)]))
    seen = facts(trial.ask_event(event("event", headers={"X-Bytes": raw})))
    if "headers" not in seen:
        raise Skip("events have no headers")
    equal("X-Bytes", seen["headers"].get("X-Bytes"), raw)


QUERIES = {
    "plus and percent": ("a=1+2&b=3%204%2B", {"a": "1 2", "b": "3 4+"}),
    "the last of a name": ("a=1&a=2&b=&a=3", {"a": "3", "b": ""}),
    "no value": ("a&b=1", {"a": "", "b": "1"}),
    "equals in a value": ("a=b=c", {"a": "b=c"}),
    "UTF-8": ("%C3%A9=%F0%9F%98%80", {"\u00e9": "\U0001f600"}),
    "raw UTF-8": ("a=\u00c3\u00a9", {"a": "\u00e9"}),
    "no UTF-8": ("a=%E9%FF", {"a": "\u00e9\u00ff"}),
    "empty parts": ("&a=1&&b=2&", {"a": "1", "b": "2"}),
    "a bad escape": ("a=%zz&b=1%", {"a": "%zz", "b": "1%"}),
}


def query(name, text, expected):
    def run(trial):
        seen = facts(trial.ask_event(event("event", fields={"query": text})))
        if "fields" not in seen:
            raise Skip("events have no fields")
        equal("fields", seen["fields"], expected)

    case(f"query: {name}")(run)


for _name, _row in QUERIES.items():
    query(_name, *_row)


def asked_header(trial, name, headers):
    reply = trial.ask("header", headers=headers, name=name)
    equal("the kind of reply", reply.kind, "response")
    return reply.body.decode()


@case("header: any case of its letters")
def header_case(trial):
    for name in ("X-Odd-Name", "x-odd-name", "X-ODD-NAME", "x-oDD-nAme"):
        equal(name, asked_header(trial, name, {"X-Odd-Name": "value"}), "value")


@case("header: the last of several")
def header_last(trial):
    came = asked_header(trial, "X-Many", {"X-Many": ["one", "two"]})
    equal("X-Many", came, "two")


@case("header: absent")
def header_absent(trial):
    equal("X-Absent", asked_header(trial, "X-Absent", {"X-Other": "1"}), "")


@case("header: UTF-8 and Latin-1")
def header_text(trial):
    equal("X-A", asked_header(trial, "X-A", {"X-A": "\u00c3\u00a9"}), "\u00e9")
    equal("X-A", asked_header(trial, "X-A", {"X-A": "\u00e9"}), "\u00e9")


def echo(name, body, content_type=None):
    @case(f"body: {name}")
    def run(trial):
        headers = {"Content-Type": content_type} if content_type else {}
        reply = trial.ask_event(event("echo", body, headers))
        equal("status", reply.status, 200)
        check("the body comes back", reply.body == body, reply.body[:100])
        if content_type and not trial.lacks("content_type"):
            equal("content type", reply.header("Content-Type"), content_type)


echo("text", "text \u00e9\n".encode(), "text/x-echo")
echo("bytes", BODY, "application/octet-stream")
echo("empty", b"")
echo("a line feed", b"\n")
echo("JSON stays bytes", b'{"b": 1,  "a": [1.0]}', "application/x-json")
echo("like a line of the protocol", b'{"type":"end"}\n{"type":"response"}\n')
echo("10 MB", bytes(range(256)) * 40960)
