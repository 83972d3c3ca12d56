"""Runs the scenarios one after the other; see README."""

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
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--seconds", type=int, default=3, metavar="S",
                        help="of each measurement in a round")
    parser.add_argument("--only", default=",".join(scenarios.ALL), metavar="A,B",
                        help="scenarios, of: %(default)s")
    parser.add_argument("--port", type=int, default=24984, metavar="P",
                        help="the first of a few")
    parser.add_argument("--out", type=pathlib.Path,
                        default=servers.BENCH / "results", metavar="DIR",
                        help="where a run of all scenarios is written")
    chosen = parser.parse_args()
    chosen.only = chosen.only.split(",")
    for name in set(chosen.only) - set(scenarios.ALL):
        parser.error(f"no scenario {name}")
    return chosen


def measure(chosen):
    for name in chosen.only:
        with servers.Stage(chosen.port) as stage:
            result = scenarios.ALL[name](stage, chosen)
        result["command"] = f"bench/run --only {name}"
        print(report.section(result), flush=True)
        yield result


def interrupted(number, frame):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, interrupted)
    chosen = options()
    facts = machine.facts(servers.ROOT)
    print(report.heading(facts, chosen), flush=True)
    try:
        results = list(measure(chosen))
    except KeyboardInterrupt:
        return "interrupted, all stopped"
    except (RuntimeError, OSError) as error:
        return f"bench/run: {error}"
    if chosen.only == list(scenarios.ALL):
        date = datetime.date.today().isoformat()
        report.save(chosen.out, date, facts, chosen, results)
        print(f"written to {chosen.out.name}/{date}.md and .json")


if __name__ == "__main__":
    sys.exit(main())
