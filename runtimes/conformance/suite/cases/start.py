"""Starts: PROTOCOL 1 and 2.2."""

import json
import os
import signal
import tempfile

from . import case
from ..trial import TEXT, check, equal, event, said

BROKEN = "}}} this is broken (((\n"


def refusal(line, status, errors, text=None):
    """Not ready, an exit status, and an explanation on standard error."""
    if line:
        try:
            message = json.loads(line.decode())
        except ValueError:
            message = {}
        equal("type of the control line", message.get("type"), "error")
        check("a name and a message", type(message.get("error")) is str
              and type(message.get("message")) is str, line)
        check("at most 4096 bytes", len(line) <= 4096, len(line))
    check("a status above 0", status > 0, status)
    if text is not None:
        check(f"{text} on standard error", text in errors, errors)
    check("an explanation", errors.strip() or line, "nothing")


@case("start: ready")
def ready(trial):
    with trial.start() as process, trial.connect(process) as connection:
        equal("body", connection.ask(event("text")).body, TEXT)


@case("start: broken source")
def broken(trial):
    trial.need("source")
    with tempfile.TemporaryDirectory(prefix="fn-conformance-") as folder:
        os.chmod(folder, 0o755)
        path = f"{folder}/broken{trial.subject.suffix}"
        with open(path, "w", encoding="ascii") as file:
            file.write(BROKEN)
        refusal(*trial.refused(target=path), text="broken")


@case("start: no such file")
def no_file(trial):
    path = f"/nonexistent/function{trial.subject.suffix}"
    refusal(*trial.refused(target=path))


@case("start: no such entry")
def no_entry(trial):
    trial.need("entry")
    refusal(*trial.refused(FN_ENTRY="NoSuchEntry"))


def listens(kind):
    @case(f"start: --listen {kind}", "process")
    def run(trial):
        with trial.listen(kind) as process:
            with trial.connect(process) as connection:
                equal("body", connection.ask(event("text")).body, TEXT)
                busy = event("sleep", ms=150)
                connection.send(busy)
                connection.taken()
                os.kill(process.pid, signal.SIGTERM)
                reply = said(connection.read(busy))
                equal("the event in flight", reply.body, b"slept")
                equal("exit status", process.ended(), 0)


listens("unix")
listens("tcp")


@case("start: --listen on a socket that is left over", "process")
def left_over(trial):
    with trial.listen("unix") as process:
        os.kill(process.pid, signal.SIGKILL)
        process.ended()
        with trial.listen("unix", process.address) as again:
            with trial.connect(again) as connection:
                equal("body", connection.ask(event("text")).body, TEXT)
