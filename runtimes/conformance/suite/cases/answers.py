"""What a handler may return."""

import json

from . import case
from .failures import error
from ..trial import TEXT, check, equal

JSON = "application/json"
CUSTOM = "text/x-conformance"
BYTES = bytes(range(256))
OBJECT = {"a": 1, "b": "\u00e9"}
LIST = [1, "two", None, {"three": 3}]


def response(reply, status, body, content_type):
    """body: bytes, or what is to be JSON; content_type: one, several, or None"""
    if reply.kind != "response":
        check("a response", False, repr(reply))
    equal("status", reply.status, status)
    if isinstance(body, bytes):
        equal("body", reply.body, body)
    else:
        try:
            came = json.loads(reply.body.decode())
        except ValueError:
            came = reply.body
        equal("body", came, body)
    if content_type is not None:
        allowed = (content_type,) if isinstance(content_type, str) else content_type
        came = reply.header("Content-Type")
        check(f"content type {' or '.join(allowed)}", came in allowed, repr(reply))


def returns(name, status, body, content_type="default"):
    """content_type "default" is the language's"""

    @case(f"returns: {name}")
    def run(trial):
        kind = content_type
        if kind == "default":
            kind = trial.subject.default_type if body else None
        response(trial.ask(name), status, body, kind)


returns("text", 200, TEXT)
returns("bytes", 200, BYTES)
returns("empty_text", 200, b"")
returns("empty_bytes", 200, b"")
returns("nothing", 200, b"")
returns("object", 200, OBJECT, JSON)
returns("list", 200, LIST, JSON)
returns("status_text", 201, TEXT)
returns("status_bytes", 201, BYTES)
returns("status_object", 201, OBJECT, JSON)
returns("status_nothing", 201, b"")
returns("response_bytes", 200, BYTES, CUSTOM)
returns("response_object", 200, OBJECT, JSON)
returns("response_list", 200, LIST, JSON)
returns("response_default", 200, b"")


def number(name, body):
    @case(f"returns: {name}")
    def run(trial):
        reply = trial.ask(name)
        response(reply, 200, reply.body, (JSON, trial.subject.default_type))
        equal("body", reply.body.lower(), body)


number("number", b"42")
number("true", b"true")
number("float", b"1.5")


@case("returns: response")
def whole_response(trial):
    reply = trial.ask("response")
    response(reply, 201, b"response body", CUSTOM)
    equal("h1", reply.header("h1"), "v1")
    equal("h2", reply.header("h2"), "v2")


@case("returns: response_204")
def no_content(trial):
    equal("status", trial.ask("response_204").status, 204)


@case("headers: numbers, lists and UTF-8")
def headers(trial):
    reply = trial.ask("headers")
    equal("One", reply.header("One"), "1")
    equal("Many", reply.headers.get("many"), [b"a", b"b"])
    equal("Utf", reply.headers.get("utf"), ["\u00e9".encode()])
    equal("Number", reply.header("Number"), "7")


@case("headers: Set-Cookie twice")
def set_cookie(trial):
    reply = trial.ask("set_cookie")
    equal("Set-Cookie", reply.headers.get("set-cookie"), [b"a=1", b"b=2"])


@case("headers: those that nginx manages")
def managed(trial):
    equal("body", trial.ask("managed").body, b"managed")


@case("headers: those of the request sent back")
def echo_headers(trial):
    sent = {"X-One": "1", "X-Two": "\u00c3\u00a9", "Content-Length": "0"}
    reply = trial.ask("echo_headers", headers=sent)
    equal("status", reply.status, 200)
    equal("X-One", reply.headers.get("x-one"), [b"1"])
    equal("X-Two", reply.headers.get("x-two"), ["\u00e9".encode()])


@case("headers: Content-Type among them")
def header_type(trial):
    equal("content type", trial.ask("header_type").header("Content-Type"), "text/html")


def large(size):
    @case(f"large: {size} bytes")
    def run(trial):
        reply = trial.ask("large", size=size)
        equal("status", reply.status, 200)
        check(f"{size} times x", reply.body == b"x" * size, len(reply.body))


for _size in (0, 1, 16384, 65536, 65537, 10485760):
    large(_size)


@case("stream: pieces")
def stream(trial):
    reply = trial.ask("stream", count=3)
    if trial.lacks("pieces"):
        equal("body", reply.body, b"piece 0\npiece 1\npiece 2\n")
        return
    check("a stream", reply.chunks is not None, repr(reply))
    pieces = [chunk for chunk in reply.chunks if chunk]
    equal("pieces", pieces, [b"piece %d\n" % i for i in range(3)])
    check("the stream ends well", reply.late is None, repr(reply))


@case("stream: none and many pieces")
def stream_sizes(trial):
    reply = trial.ask("stream", count=0)
    equal("body", reply.body, b"")
    reply = trial.ask("stream", count=1000)
    equal("body", reply.body, b"".join(b"piece %d\n" % i for i in range(1000)))


@case("stream: an error in the middle", "cut")
def stream_error(trial):
    reply = trial.ask("stream_error")
    if trial.lacks("late"):
        error(trial, reply)
        check("its text", "late error" in reply.message, repr(reply))
        return
    equal("body", reply.body, b"first\n")
    check("an error ends the stream", reply.late is not None, repr(reply))
    check("its text", "late error" in reply.late.message, reply.late.message)
