"""Handlers that fail: PROTOCOL 5.8."""

import os

from . import case
from ..connection import Closed
from ..process import PATIENCE
from ..trial import check, equal

ODD = ("\0", "\n", "\x1b", "\U0001f600")


def error(trial, reply):
    """The reply of a handler that failed."""
    equal("status", reply.status, 500)
    if trial.lacks("stack"):  # a response tells
        reply.message = reply.body.decode("utf-8", "replace")
    else:
        check("an error", reply.kind == "error", repr(reply))
    return reply


@case("failure: an exception with its text, name and stack")
def raised(trial):
    reply = error(trial, trial.ask("raise"))
    check('"some error" in the message', "some error" in reply.message, reply.message)
    trial.serves()
    if trial.lacks("stack"):
        return
    check("the name of a class", reply.error, repr(reply))
    name = os.path.splitext(os.path.basename(trial.subject.target))[0]
    check(f"{name} in the stack", name in reply.stack, repr(reply))


@case("failure: a text too long for a line")
def long(trial):
    reply = error(trial, trial.ask("raise_long"))
    check("its beginning", "x" * 1000 in reply.message, reply.message)
    trial.serves()


@case("failure: a text of odd characters")
def odd(trial):
    reply = error(trial, trial.ask("raise_odd"))
    for char in ODD:
        check(f"{char!r} in the message", char in reply.message, repr(reply.message))


@case("failure: an error with a status")
def status(trial):
    reply = trial.ask("raise_status")
    equal("status", reply.status, 409)
    text = reply.message if reply.kind == "error" else reply.body.decode()
    check('"some conflict"', "some conflict" in text, repr(reply))


@case("failure: what is thrown is no exception")
def other(trial):
    reply = error(trial, trial.ask("raise_other"))
    check('"thrown text"', "thrown text" in reply.message, repr(reply))
    trial.serves()


@case("failure: duration_us of an error", "wire")
def duration(trial):
    reply = error(trial, trial.ask("raise"))
    check("duration_us", reply.duration is not None, repr(reply))


def may_end(trial, name, status=None):
    """An error, and the process goes on; or it ends, and another one serves."""
    process = trial.process
    try:
        reply = trial.ask(name)
    except Closed:
        came = process.ended(PATIENCE)
        check("the process ends", came is not None, "it closed the connection only")
        if status is not None:
            equal("exit status", came, status)
        check("a status that is not 0", came != 0, came)
    else:
        error(trial, reply)
    trial.serves()


@case("failure: exit")
def raise_exit(trial):
    may_end(trial, "raise_exit", 3)


@case("failure: recursion without an end")
def deep(trial):
    may_end(trial, "deep")
