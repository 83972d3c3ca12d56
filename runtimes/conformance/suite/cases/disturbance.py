"""What handlers may do without disturbing the protocol."""

import os
import re
import signal
from contextlib import ExitStack

from . import case
from .failures import error
from ..connection import Closed
from ..process import children, wait_for
from ..trial import TEXT, check, equal, event, said

MEMORY = 192 << 20  # bytes that a process may take beyond what it has


def may_refuse(trial, reply, body):
    """The body, or where code is not alone in its process an error."""
    if trial.lacks("process") and reply.kind == "error":
        error(trial, reply)
    else:
        equal("body", reply.body, body)


@case("disturbance: reads standard input")
def stdin(trial):
    equal("body", trial.ask("stdin").body, b"0")
    trial.serves()


@case("disturbance: writes to descriptors 1 and 2")
def write(trial):
    process = trial.process
    reply = trial.ask("write")
    equal("body", reply.body, b"written")
    texts = [log["message"] for log in reply.logs]
    for text, name in (("raw", "out"), ('{"type":"x"}', "err")):
        line = text.encode() + b"\n"
        fine = text in texts or wait_for(lambda: line in getattr(process, name), 5)
        check(f"{text} on an output or in the log", fine, getattr(process, name)[-300:])
    trial.serves()


@case("disturbance: closes 0, 1 and 2", "descriptors")
def close(trial):
    try:
        equal("body", trial.ask("close").body, b"closed")
        with ExitStack() as stack:  # connections that could get the numbers
            others = [stack.enter_context(trial.connect()) for _ in range(4)]
            for connection in others:
                equal("body", connection.ask(event("text")).body, TEXT)
            for name in ("print", "log", "write", "raise"):
                trial.connection.ask(event(name))
            for connection in others:
                equal("body", connection.ask(event("text")).body, TEXT)
        trial.serves()
    finally:
        trial.end()


@case("disturbance: descriptors of a child", "descriptors")
def descriptors(trial):
    with trial.connect():
        reply = trial.ask("descriptors")
    text = reply.body.decode("utf-8", "replace")
    check("the output of ls", "->" in text, text)
    given = [line for line in text.splitlines() if not re.search(" [012] -> ", line)]
    check("no socket but for its streams", "socket:" not in "".join(given), text)


@case("disturbance: leaves a child behind", "process")
def orphan(trial):
    with trial.start() as process, trial.connect(process) as connection:
        pid = int(said(connection.ask(event("orphan"))).body)
        try:
            links = [
                os.readlink(f"/proc/{pid}/fd/{fd}")
                for fd in os.listdir(f"/proc/{pid}/fd")
                if int(fd) > 2
            ]
            sockets = [link for link in links if link.startswith("socket:")]
            equal("sockets of the child", sockets, [])
            trial.serves(process)
            process.control.close()
            check("the process ends", process.ended() is not None, "it lives on")
        except FileNotFoundError:
            pass  # the language ends what is left behind
        finally:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


@case("disturbance: forks")
def fork(trial):
    process = trial.process
    may_refuse(trial, trial.ask("fork"), b"parent")
    check("one reply", not trial.connection.waiting(0.1), "more bytes came")
    may_refuse(trial, trial.ask("fork"), b"parent")
    trial.serves()
    check("the process lives", process.alive(), process.ended(0))
    check("the children have ended", wait_for(lambda: not children(process.pid)),
          children(process.pid))


@case("disturbance: ignores signals, and is told to stop")
def signals_stop(trial):
    with trial.start() as process:
        with trial.connect(process) as connection:
            may_refuse(trial, said(connection.ask(event("signals"))), b"ignored")
            equal("kind", connection.ask(event("text")).kind, "response")
            process.stop()
            equal("exit status", process.ended(), 0)


@case("disturbance: ignores signals, and nginx is gone", "process")
def signals_gone(trial):
    with trial.start() as process:
        with trial.connect(process) as connection:
            equal("body", said(connection.ask(event("signals"))).body, b"ignored")
            connection.send(event("hang"))
            connection.taken()
            process.control.close()
            check("it ends", process.ended() is not None, "it lives on")


@case("disturbance: a thread or timer fails", "background")
def background(trial):
    try:
        process = trial.process
        reply = trial.ask("background")
        equal("body", reply.body, b"started")

        def explained():
            return b"background error" in process.err + b"".join(reply.lines)

        check('"background error" on standard error', wait_for(explained, 10),
              bytes(process.err[-500:]))
        if wait_for(lambda: not process.alive(), 0.1):
            check("a status that is not 0", process.ended() != 0, 0)
        trial.serves()
    finally:
        trial.end()


@case("disturbance: exits", "process")
def leaves(trial):
    process = trial.process
    try:
        reply = trial.ask("exit", code=7)
        check("no reply, or a program's failure", trial.lacks("stack"), repr(reply))
        equal("status", reply.status, 500)
    except Closed:
        equal("exit status", process.ended(), 7)
    trial.serves()


@case("disturbance: kills itself", "process")
def kill(trial):
    process = trial.process
    try:
        reply = trial.ask("kill")
        check("no reply, or a program's failure", trial.lacks("stack"), repr(reply))
        equal("status", reply.status, 500)
    except Closed:
        equal("exit status", process.ended(), -signal.SIGKILL)
    trial.serves()


@case("disturbance: takes all memory", "process")
def memory(trial):
    with trial.start() as process:
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            (has,) = [line.split()[1] for line in status if line.startswith("VmData:")]
    limit = int(has) * 1024 + MEMORY
    with trial.start(memory=limit) as process:
        with trial.connect(process) as connection:
            # .NET may end with the next event only
            try:
                error(trial, said(connection.ask(event("memory"))))
                trial.serves(process)
            except Closed:
                check("a status that is not 0", process.ended() != 0, 0)


@case("disturbance: the client goes before the reply")
def client_gone(trial):
    process = trial.process
    for name, arguments in (("sleep", {"ms": 20}), ("large", {"size": 5000000})):
        connection = trial.connect()
        connection.send(event(name, **arguments))
        connection.taken()
        connection.close()
    trial.serves()
    check("the process lives", process.alive(), process.ended(0))
