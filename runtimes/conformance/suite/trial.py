"""Runs cases on one subject."""

import time
import traceback
from contextlib import contextmanager
from urllib.parse import urlencode

from .connection import Closed, Connection, Event
from .nginx import Nginx
from .process import READY, START_PATIENCE, Process
from .reply import Broken

SLOT = "3"


class Failure(Exception):
    """What was expected, and what came."""

    def __init__(self, what, expected, came):
        what = f"{what}: " if what else ""
        super().__init__(f"{what}expected {_short(expected)}, came {_short(came)}")


class Skip(Exception):
    """The language can't say this, and why."""


def _short(value):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 700 else f"{text[:400]} ... {text[-200:]}"


def equal(what, came, expected):
    if came != expected or type(came) is not type(expected):
        raise Failure(what, expected, came)


def check(what, fine, came=""):
    """what says what should be"""
    if not fine:
        raise Failure("", what, came)


class Trial:
    """What a case works with: the subject, and a process that lives on from case
    to case."""

    def __init__(self, subject):
        self.subject = subject
        self.memory = {}  # what cases keep for others
        self._process = None
        self._connection = None
        self._kept = {}  # processes, by their environment

    # the process that all share

    @property
    def process(self):
        if self._process is None or not self._process.alive():
            self.renew()
        return self._process

    def renew(self):
        self.end()
        self._process = self._ready(FN_SLOT=SLOT)
        self._connection = self.connect()

    def end(self):
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.end()
        self._connection = self._process = None

    def ask(self, name, /, body=b"", headers=None, **arguments):
        """The reply to one event on the shared connection.

        Arguments are the query, and the body when it is empty.
        """
        return self.ask_event(event(name, body=body, headers=headers, **arguments))

    def ask_event(self, one):
        self.process  # it lives
        return said(self._connection.ask(one))

    @property
    def connection(self):
        self.process
        return self._connection

    def connect(self, process=None):
        process = process or self.process
        if self.subject.nginx:
            return process.connect()
        return Connection(process.address, process.line_max)

    def serves(self, process=None):
        """Another event is answered, on this connection and on a new one."""
        if process is None:
            equal("the next event's body", self.ask("text").body, TEXT)
        with self.connect(process) as connection:
            answer = connection.ask(event("text"))
            equal("the body on a new connection", answer.body, TEXT)

    # processes of a case alone

    def _process_of(self, environ, **more):
        return (Nginx if self.subject.nginx else Process)(self.subject, environ, **more)

    @contextmanager
    def start(self, memory=None, **environ):
        """A process that is ready."""
        process = self._ready(memory, **environ)
        try:
            yield process
        finally:
            process.end()

    def _ready(self, memory=None, **environ):
        more = {} if memory is None else {"memory": memory}
        process = self._process_of(environ, **more)
        line = process.said()
        if line != READY:
            process.end()
            raise Failure("the start", READY, f"{line!r}\n{process.errors()}")
        return process

    @contextmanager
    def listen(self, kind, address=None):
        """A process that was started with --listen."""
        process = Process(self.subject, {}, listen=kind, address=address)
        try:
            check("it listens", process.listens(), bytes(process.err))
            yield process
        finally:
            process.end()

    def kept(self, **environ):
        """A process that lives on from case to case."""
        key = tuple(sorted(environ.items()))
        if key not in self._kept or not self._kept[key].alive():
            self._kept[key] = self._ready(**environ)
        return self._kept[key]

    def refused(self, target=None, **environ):
        """A process that can't start: (control line, status, standard error)."""
        with self._process_of(environ, target=target) as process:
            line = process.said()
            status = process.ended(START_PATIENCE)
            check("the process ends", status is not None, repr(line))
            return line, status, process.errors()

    def lacks(self, name):
        return name in self.subject.lacks

    def need(self, name):
        """Skips what the language lacks."""
        if self.lacks(name):
            raise Skip(self.subject.lacks[name])


TEXT = "text \u00e9\n".encode()


def event(name, /, body=b"", headers=None, fields=None, **arguments):
    """The event that asks a conformance handler for name."""
    query = urlencode(arguments)
    fields = {"query": query, **(fields or {})} if query else dict(fields or {})
    headers = {"Host": "localhost", **(headers or {})}
    return Event(f"/{name}", body or query.encode(), headers=headers, **fields)


def said(reply):
    """The reply, unless the language says that it can't give one."""
    if reply.kind == "response" and (
        reply.status == 501 or reply.body.startswith(b"501 ")
    ):
        raise Skip(reply.body.decode("utf-8", "replace").strip().removeprefix("501 "))
    return reply


def run(subject, cases, out):
    """Runs cases, a list of (name, function of a Trial)."""
    trial = Trial(subject)
    try:
        for name, function in [("start", Trial.renew), *cases]:
            start = time.monotonic()
            result, text = _run_one(trial, function)
            if result == "failed":
                text += _stderr(trial)
                trial.end()
            out.result(name, result, text, time.monotonic() - start)
            if result == "failed" and name == "start":
                return  # so would all others
    finally:
        trial.end()
        for process in trial._kept.values():
            process.end()
        out.subject_end()


def _run_one(trial, function):
    try:
        function(trial)
        if trial._process is not None and trial._process.alive():
            connection = trial._connection
            if connection.waiting():
                closed = connection.is_closed(0)
                trial.end()
                check("the connection stays open, and in step", False,
                      "it was closed" if closed else "bytes behind the reply")
        return "passed", ""
    except Skip as skip:
        return "skipped", str(skip)
    except Closed:
        return "failed", "the connection was closed"
    except (Failure, Broken) as exc:
        return "failed", str(exc)
    except Exception:  # an answer that the case did not think of
        return "failed", traceback.format_exc(limit=-3)


def _stderr(trial):
    process = trial._process
    if process is None:
        return ""
    time.sleep(0.05)
    text = process.err[-1500:].decode("utf-8", "replace").strip()
    state = "" if process.alive() else f"\nthe process ended: {process.ended(0)}"
    return f"{state}\nstandard error: {text}" if text else state
