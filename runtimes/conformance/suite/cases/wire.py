"""The wire: vectors, pieces, several connections, limits of lines."""

import base64
import glob
import json
import os
import socket
from contextlib import ExitStack
from urllib.parse import parse_qsl

from . import case
from .events import facts
from ..connection import Closed, Event
from ..languages import RUNTIMES
from ..trial import TEXT, Skip, check, equal, event, said

VECTORS = os.path.join(RUNTIMES, "vectors")


def text(value):
    """A byte string as handlers see it."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


def parts(data, kind):
    """data in pieces; bytes one by one only as far as lines usually go."""
    if kind == "whole":
        return [data]
    if kind == "halves":
        return [data[: len(data) // 2], data[len(data) // 2 :]]
    size = 1 if len(data) < 1024 else 4099
    return [data[start : start + size] for start in range(0, len(data), size)]


def compare(trial, seen, expect):
    wanted = {
        "id": expect["id"],
        "method": expect["method"],
        "path": text(expect["path"]),
        "body": base64.b64encode(expect["body"].encode("latin-1")).decode(),
        "size": len(expect["body"]),
    }
    for name, value in wanted.items():
        if name in seen or name != "size":
            equal(name, seen.get(name), value)
    if "fields" in seen:
        pairs = parse_qsl(expect["query"], True, encoding="latin-1")
        equal("fields", seen["fields"], {text(k): text(v) for k, v in pairs})
    if "headers" in seen:
        equal("names", set(seen["headers"]), set(map(text, expect["headers"])))
        for name, value in expect["headers"].items():
            compare_header(name, seen["headers"][text(name)], value)
    stamp = expect["timestamp"] * 1000 - seen["timestamp"]
    most = 1000 if trial.lacks("milliseconds") else 1
    check("the timestamp", -1 <= stamp <= most or expect["timestamp"] == 0, seen)


def compare_header(name, came, value):
    if type(value) is str:
        equal(name, came, text(value))
        return
    values = [text(one) for one in value]
    check(f"{values} or the last of them", came in (values, values[-1]), came)


def says(reply):
    """Whether the language can."""
    try:
        return said(reply)
    except Skip:
        return False


def replay(trial, folder, kind):
    data, expect = read(folder)
    with trial.connect(trial.kept(CONFORMANCE="event")) as connection:
        if "id" not in expect:
            refused(connection, data, kind, expect)
            return
        if "\0" in expect["path"]:
            trial.need("zero")
        for part in parts(data, kind):
            connection.send_bytes(part)
            if kind == "halves":
                connection.taken()
        one = Event("/", id=expect["id"])
        compare(trial, facts(connection.read(one)), expect)


def read(folder):
    with open(os.path.join(folder, "event"), "rb") as file:
        data = file.read()
    with open(os.path.join(folder, "expect"), "rb") as file:
        return data, json.load(file)


def refused(connection, data, kind, expect):
    """No reply, whatever else happens to the connection (4.4)."""
    try:
        for part in parts(data, kind):
            connection.send_bytes(part)
        connection.socket.shutdown(socket.SHUT_WR)
    except (Closed, OSError):
        check("it was invalid", "invalid" in expect, "the connection was closed")
        return
    check("no reply, and the end", connection.is_closed(), "bytes came, or nothing")


def vector(folder):
    @case(f"vector: {os.path.relpath(folder, VECTORS)}", "wire")
    def run(trial):
        process = trial.kept(CONFORMANCE="event")
        for kind in ("whole", "halves", "bytes"):
            replay(trial, folder, kind)
        with trial.connect(process) as connection:
            one = event("event")
            equal("path", facts(connection.ask(one))["path"], "/event")


FOLDERS = [
    os.path.dirname(path)
    for path in sorted(glob.glob(os.path.join(VECTORS, "*", "*", "event")))
]
for _folder in FOLDERS:
    vector(_folder)


@case("vector: all, on one connection", "wire")
def all_vectors(trial):
    process = trial.kept(CONFORMANCE="event")
    with trial.connect(process) as connection:
        for folder in FOLDERS:
            data, expect = read(folder)
            if "id" in expect and not ("\0" in expect["path"] and trial.lacks("zero")):
                connection.send_bytes(data)
                one = Event("/", id=expect["id"])
                compare(trial, facts(connection.read(one)), expect)
    process.stop()
    equal("exit status", process.ended(), 0)


@case("wire: unknown fields are ignored", "wire")
def unknown_fields(trial):
    fields = {"future": {"deep": [1, {"a": None}]}, "another": 1.5, "third": "x"}
    equal("body", trial.ask_event(event("text", fields=fields)).body, TEXT)


@case("wire: an event in two pieces, cut anywhere", "wire")
def pieces(trial):
    data = event("echo", b"body").data
    for at in (1, len(data) // 2, len(data) - 5, len(data) - 4, len(data) - 1):
        one = event("echo", b"body")
        trial.connection.send_bytes(one.data[:at])
        trial.connection.taken()
        trial.connection.send_bytes(one.data[at:])
        equal("body", trial.connection.read(one).body, b"body")


@case("wire: an event that ends early is dropped", "wire")
def early_end(trial):
    before = int(trial.ask("count").body)
    data = event("count", b"body").data
    for at in (1, len(data) // 2, len(data) - 1):
        with trial.connect() as connection:
            connection.send_bytes(data[:at])
    equal("the next count", int(trial.ask("count").body), before + 1)


@case("wire: twenty connections with events sent ahead")
def ahead(trial):
    with ExitStack() as stack:
        waiting = []
        for number in range(20):
            connection = stack.enter_context(trial.connect())
            one = event("echo", b"%d" % number)
            connection.send(one)
            waiting.append((connection, one))
        for connection, one in waiting:
            equal("body", connection.read(one).body, one.body)
        for connection, one in reversed(waiting):
            equal("body", connection.ask(event("text")).body, TEXT)


@case("wire: one after the other, a hundred")
def many(trial):
    for number in range(100):
        equal("body", trial.ask_event(event("echo", b"%d" % number)).body,
              b"%d" % number)


@case("wire: idle connections stay open")
def idle(trial):
    with ExitStack() as stack:
        connections = [stack.enter_context(trial.connect()) for _ in range(5)]
        for _ in range(3):
            trial.ask("text")
        for connection in connections:
            check("it is open", not connection.waiting(0.01), "it was closed")
            equal("body", connection.ask(event("text")).body, TEXT)


@case("wire: replies in lines of 1024 bytes", "wire")
def short_lines(trial):
    with trial.start(FN_LINE_MAX="1024") as process:
        with trial.connect(process) as connection:
            for name in ("raise", "raise_long", "raise_odd", "large_header"):
                reply = connection.ask(event(name))
                if says(reply):
                    equal("status", reply.status, 500)
            for name in ("log", "log_with", "log_odd", "log_large", "log_deep"):
                reply = connection.ask(event(name))
                if says(reply):
                    equal("status", reply.status, 200)
                    check("a record", reply.logs, repr(reply))
            equal("body", connection.ask(event("text")).body, TEXT)
