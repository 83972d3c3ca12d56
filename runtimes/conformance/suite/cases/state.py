"""What lives longer than an event."""

import json

from . import case
from ..process import wait_for
from ..trial import check, equal, event, said


@case("state: kept between events, and on every connection")
def count(trial):
    first = int(trial.ask("count").body)
    equal("the next count", trial.ask("count").body, b"%d" % (first + 1))
    with trial.connect() as connection:
        reply = connection.ask(event("count"))
        equal("on a new connection", reply.body, b"%d" % (first + 2))


@case("state: user_data")
def user_data(trial):
    trial.need("init")
    equal("body", trial.ask("user_data").body, b"from init")


@case("state: worker id")
def worker(trial):
    equal("body", trial.ask("worker").body, trial.process.slot.encode())


@case("state: context")
def context(trial):
    expected = {
        "worker_id": trial.process.slot,
        "trigger_kind": "http",
        "trigger_name": "conformance",
        "function_name": "conformance",
    }
    seen = json.loads(trial.ask("context").body.decode())
    check("some of them", set(seen) & set(expected), seen)
    for name in sorted(set(seen) & set(expected)):
        equal(name, str(seen[name]), expected[name])


@case("init: its record")
def init_record(trial):
    trial.need("init")
    process = trial.process

    def logged():
        return b"init context" in process.err + process.out

    check('"init context" on an output', wait_for(logged, 5), bytes(process.err))


@case("init: fails")
def init_fails(trial):
    trial.need("init")
    line, status, errors = trial.refused(CONFORMANCE_INIT="fail")
    check("no ready", b'"ready"' not in line, line)
    check("a status that is not 0", status != 0, status)
    check('"init failed" on standard error', "init failed" in errors, errors)


@case("init: slow")
def init_slow(trial):
    trial.need("init")
    with trial.start(CONFORMANCE_INIT="slow") as process:
        with trial.connect(process) as connection:
            equal("body", said(connection.ask(event("user_data"))).body, b"from init")
