"""Measures ours and its peers, one scenario after the other; see README."""

import argparse
import datetime
import pathlib
import signal
import sys

import machine
import report
import scenarios
import servers


def options():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    option = parser.add_argument
    option("--rounds", type=int, default=5, metavar="N")
    option("--seconds", type=int, default=3, metavar="S",
           help="of each measurement in a round")
    option("--only", default=",".join(scenarios.ALL), metavar="A,B",
           help="scenarios, of: %(default)s")
    option("--port", type=int, default=24984, metavar="P", help="the first of two")
    option("--out", type=pathlib.Path, default=servers.BENCH / "results",
           metavar="DIR", help="where a run of all scenarios is written")
    chosen = parser.parse_args()
    chosen.only = chosen.only.split(",")
    if not set(chosen.only) <= set(scenarios.ALL):
        parser.error("--only takes " + ", ".join(scenarios.ALL))
    return chosen


def measure(name, chosen):
    keys = ("title", "columns", "rows", "goals", "rounds")
    with servers.Stage(chosen.port) as stage:
        result = dict(zip(keys, scenarios.ALL[name](stage, chosen)))
    result["problems"] = stage.problems
    result["command"] = f"bench/run --only {name}"
    print(report.section(result), flush=True)
    return result


def interrupted(number, frame):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    chosen = options()
    facts = machine.facts(servers.ROOT)
    facts.update(rounds=chosen.rounds, seconds=chosen.seconds)
    print(report.heading(facts), flush=True)
    try:
        results = [measure(name, chosen) for name in chosen.only]
    except KeyboardInterrupt:
        return "bench/run: interrupted, all stopped"
    except (RuntimeError, OSError) as error:
        return f"bench/run: {error}"
    if chosen.only == list(scenarios.ALL):
        date = datetime.date.today().isoformat()
        report.save(chosen.out, date, facts, results)
        print(f"written to {chosen.out.name}/{date}.md and .json")


if __name__ == "__main__":
    sys.exit(main())
