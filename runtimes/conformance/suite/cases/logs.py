"""Log records: PROTOCOL 5.2, 7.2, 7.3."""

from . import case
from ..process import wait_for
from ..trial import check, equal, event, said

LEVELS = ("debug", "info", "warn", "error")
ODD = ("\n", "\x1b", "\0", "\U0001f600")


def texts(reply):
    return [(log["level"], log["message"]) for log in reply.logs]


def all_from(level):
    return [(one, f"{one} message") for one in LEVELS[LEVELS.index(level) :]]


@case("log: levels and order")
def levels(trial):
    reply = trial.ask("log")
    equal("body", reply.body, b"logged")
    equal("records", texts(reply), all_from("debug"))


@case("log: log_level of an event")
def event_level(trial):
    for level in LEVELS:
        one = event("log", fields={"log_level": level})
        equal(f"at {level}", texts(trial.ask_event(one)), all_from(level))
    equal("after it", texts(trial.ask("log")), all_from("debug"))


@case("log: FN_LOG_LEVEL, and more in an event")
def process_level(trial):
    with trial.start(FN_LOG_LEVEL="error") as process:
        with trial.connect(process) as connection:
            reply = said(connection.ask(event("log")))
            equal("records", texts(reply), all_from("error"))
            one = event("log", fields={"log_level": "debug"})
            equal("records", texts(connection.ask(one)), all_from("debug"))
            reply = connection.ask(event("log"))
            equal("records", texts(reply), all_from("error"))


def only(reply):
    equal("the kind of reply", reply.kind, "response")
    equal("how many records", len(reply.logs), 1)
    return reply.logs[0]


@case("log: fields")
def fields(trial):
    record = only(trial.ask("log_with"))
    equal("level", record["level"], "error")
    equal("message", record["message"], "message with")
    equal("source", record["with"].get("source"), "rabbit")
    equal("weight", record["with"].get("weight"), 7)


@case("log: odd characters")
def odd(trial):
    record = only(trial.ask("log_odd"))
    equal("level", record["level"], "info")
    values = "".join(str(value) for value in record["with"].values())
    for char in ODD:
        check(f"{char!r} in the message", char in record["message"], record)
        check(f'{char!r} in "with"', char in values, record)


@case("log: too long for a line")
def large(trial):
    record = only(trial.ask("log_large"))
    check("its beginning", "x" * 1000 in record["message"], record)
    trial.serves()


@case("log: fields too deep")
def deep(trial):
    record = only(trial.ask("log_deep"))
    equal("message", record["message"], "deep")


@case("log: what is printed")
def printed(trial):
    process = trial.process
    reply = trial.ask("print")
    equal("body", reply.body, b"printed")
    came = texts(reply)
    if not came:  # then it stands on the descriptors
        wait_for(lambda: b"out two\n" in process.out and b"err one\n" in process.err)
        check("out one, out two", b"out one\nout two\n" in process.out, process.out)
        check("err one", b"err one\n" in process.err, process.err)
        check("records of the event", trial.lacks("print"), "output outside of events")
        return
    out = [text for level, text in came if level == "info"]
    err = [text for level, text in came if level == "error"]
    equal("at info", out, ["out one", "out two"])
    equal("at error", err, ["err one"])
