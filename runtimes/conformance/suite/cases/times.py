"""Time: several events at once (PROTOCOL 4.4), expiry (4.3)."""

import time
from contextlib import ExitStack

from . import case
from ..trial import check, equal, event, said


def now():
    return time.monotonic_ns() // 1000000


def at(start_by, name="text", **arguments):
    return event(name, fields={"start_by": start_by}, **arguments)


@case("time: sleep and duration_us")
def sleep(trial):
    reply = trial.ask("sleep", ms=30)
    equal("body", reply.body, b"slept")
    check("duration_us of 30 ms", 29000 <= reply.duration < 30000000, reply.duration)


@case("time: async")
def is_async(trial):
    equal("body", trial.ask("async").body, b"async")


@case("time: async_raise")
def async_raise(trial):
    reply = trial.ask("async_raise")
    check("an error", reply.kind == "error", repr(reply))
    check('"async error"', "async error" in reply.message, repr(reply))
    trial.serves()


@case("start_by: not yet passed", "wire")
def not_expired(trial):
    equal("body", trial.ask_event(at(now() + 60000)).kind, "response")


@case("start_by: passed", "wire")
def expired(trial):
    equal("the kind of reply", trial.ask_event(at(now() - 5)).kind, "expired")
    equal("the kind of reply", trial.ask_event(at(0)).kind, "expired")
    trial.serves()


@case("start_by: passed, and the event is not run", "wire")
def not_run(trial):
    before = trial.ask("count").body
    equal("the kind of reply", trial.ask_event(at(0, "count")).kind, "expired")
    equal("the next count", int(trial.ask("count").body), int(before) + 1)


@case("start_by: passes while the process is busy", "wire")
def lease(trial):
    with trial.connect() as first, trial.connect() as second:
        busy, late = event("sleep", ms=150), at(now() + 50)
        first.send(busy)
        first.taken()
        second.send(late)
        equal("the first", said(first.read(busy)).body, b"slept")
        equal("the second", second.read(late).kind, "expired")


@case("start_by: is looked at when the body has come", "wire")
def lease_body(trial):
    with trial.connect() as connection:
        late = event("echo", b"1234567890", fields={"start_by": now() + 60})
        connection.send_bytes(late.data[:-5])
        connection.taken()
        time.sleep(0.08)
        connection.send_bytes(late.data[-5:])
        equal("the kind of reply", connection.read(late).kind, "expired")


def stays_unread(connection, busy):
    """Its event is in the socket as long as nobody that is busy has a reply."""
    fine = connection.unread() or any(one.waiting() for one in busy)
    check("an event that can't be run stays unread", fine, "it was read")


@case("busy: one event at a time, the next stays in its socket", "wire")
def one_at_a_time(trial):
    with trial.connect() as first, trial.connect() as second:
        busy, other = event("sleep", ms=100), event("text")
        first.send(busy)
        first.taken()
        second.send(other)
        while not first.waiting(0.001):
            stays_unread(second, [first])
        equal("the first", said(first.read(busy)).body, b"slept")
        equal("the second", second.read(other).kind, "response")


@case("concurrency: five at the same time, the sixth waits in its socket", "wire")
def concurrency(trial):
    with trial.start(FN_CONCURRENCY="5") as process, ExitStack() as stack:
        everyone = [
            stack.enter_context(trial.connect(process)) for _ in range(6)
        ]
        *five, sixth = everyone
        said(sixth.ask(event("sleep", ms=1)))
        events = [event("sleep", ms=400) for _ in everyone]
        start = time.monotonic()
        for connection, one in zip(five, events):
            connection.send(one)
        for connection in five:
            check("each of five is read", connection.taken(), "it waits")
        sixth.send(events[5])
        while not any(connection.waiting() for connection in five):
            stays_unread(sixth, five)
            time.sleep(0.005)
        for connection, one in zip(everyone, events):
            equal("body", connection.read(one).body, b"slept")
        took = time.monotonic() - start
        check("less than one after the other", took < 2.0, f"{took:.2f} s")


@case("concurrency: states and logs of several events", "concurrency")
def concurrent_logs(trial):
    with trial.start(FN_CONCURRENCY="4") as process, ExitStack() as stack:
        connections = [stack.enter_context(trial.connect(process)) for _ in range(4)]
        seen = []
        for _ in range(10):
            events = [event(name) for name in ("log", "count", "print", "text")]
            for connection, one in zip(connections, events):
                connection.send(one)
            replies = [c.read(one) for c, one in zip(connections, events)]
            if replies[0].body == b"logged":
                equal("records", len(replies[0].logs), 4)
                equal("records of others", len(replies[1].logs), 0)
                equal("records of others", len(replies[3].logs), 0)
            seen.append(replies[1].body)
        said(replies[1])
        equal("counts", seen, [b"%d" % i for i in range(1, 11)])


@case("concurrency: one fails, others go on", "concurrency")
def concurrent_failure(trial):
    with trial.start(FN_CONCURRENCY="2") as process:
        with trial.connect(process) as first, trial.connect(process) as second:
            busy, bad = event("sleep", ms=100), event("raise")
            first.send(busy)
            second.send(bad)
            reply = second.read(bad)
            check("an error", reply.status == 500, repr(reply))
            equal("the other", said(first.read(busy)).body, b"slept")
