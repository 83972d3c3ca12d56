"""Ends: PROTOCOL 2.3 and 2.4."""

from . import case
from ..process import connect, wait_for
from ..trial import TEXT, check, equal, event, said


def refuses(process):
    def refused():
        try:
            connect(process.address).close()
        except OSError:
            return True
        return False

    return wait_for(refused, 5)


@case("stop: idle", "process")
def idle(trial):
    with trial.start() as process, trial.connect(process) as connection:
        equal("body", connection.ask(event("text")).body, TEXT)
        process.control.sendall(b'{"type":')
        check("the connection is open", not connection.waiting(0.02), "it is closed")
        process.control.sendall(b'"stop"}\n')
        check("the idle connection is closed", connection.is_closed(), "it is open")
        equal("exit status", process.ended(), 0)


@case(
    "stop: work in flight is finished, idle connections and the door are closed",
    "process",
)
def in_flight(trial):
    with trial.start(FN_CONCURRENCY="2") as process:
        with trial.connect(process) as busy, trial.connect(process) as other:
            said(busy.ask(event("sleep", ms=1)))
            equal("body", other.ask(event("text")).body, TEXT)
            one = event("sleep", ms=500)
            busy.send(one)
            busy.taken()
            process.stop()
            check("the idle connection is closed", other.is_closed(), "it is open")
            check("it is closed before the busy one", not busy.waiting(), "it was not")
            check("no new connections", refuses(process), "one was taken")
            check("at once", not busy.waiting(), "only when the event had ended")
            equal("the event in flight", busy.read(one).body, b"slept")
            check("its connection is closed", busy.is_closed(), "it is open")
            equal("exit status", process.ended(), 0)


@case("stop: with one event at a time")
def in_flight_alone(trial):
    with trial.start() as process, trial.connect(process) as busy:
        one = event("sleep", ms=100)
        busy.send(one)
        busy.taken()
        process.stop()
        equal("the event in flight", said(busy.read(one)).body, b"slept")
        equal("exit status", process.ended(), 0)


@case("stop: an event that has begun to come is finished", "wire")
def half(trial):
    with trial.start() as process, trial.connect(process) as connection:
        one = event("echo", b"body")
        connection.send_bytes(one.data[:-2])
        connection.taken()
        process.stop()
        check("the connection is open", not connection.waiting(0.05), "it is closed")
        connection.send_bytes(one.data[-2:])
        equal("body", connection.read(one).body, b"body")
        equal("exit status", process.ended(), 0)


def gone(name):
    @case(f"nginx is gone: {name}", "process")
    def run(trial):
        with trial.start() as process, trial.connect(process) as connection:
            if name != "idle":
                connection.send(event(name))
                connection.taken()
            process.control.close()
            check("the process ends", process.ended(10) is not None, "it lives on")


for _name in ("idle", "hang", "spin"):
    gone(_name)


@case("nginx is gone: several events run", "process")
def gone_concurrent(trial):
    with trial.start(FN_CONCURRENCY="2") as process:
        with trial.connect(process) as first, trial.connect(process) as second:
            for connection, name in ((first, "hang"), (second, "spin")):
                connection.send(event(name))
                connection.taken()
            process.control.close()
            check("the process ends", process.ended(10) is not None, "it lives on")
