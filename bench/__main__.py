"""Measures ours and its peers in one run; see README."""

import argparse
import dataclasses
import datetime
import pathlib
import signal
import sys
import time

import goals
import machine
import page
import report
import scenarios
import servers
import subjects
import workloads

EVERYTHING = [*workloads.WORKLOADS, *scenarios.SCENARIOS]


def names(known):
    def read(text):
        chosen = text.split(",")
        unknown = set(chosen) - set(known)
        if unknown:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown)}: it takes {', '.join(known)}"
            )
        return chosen

    return read


def options():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    option = parser.add_argument
    option("--only", type=names(EVERYTHING), default=EVERYTHING, metavar="A,B",
           help="of: " + ", ".join(EVERYTHING))
    option("--subjects", type=names(subjects.BY_NAME), metavar="A,B",
           default=list(subjects.BY_NAME), help="of: " + ", ".join(subjects.BY_NAME))
    option("--rounds", type=int, default=5, metavar="N")
    option("--seconds", type=float, default=1, metavar="S",
           help="of each measurement in a round")
    option("--port", type=int, default=24000, metavar="P",
           help="the first of about 1,000")
    option("--out", type=pathlib.Path, metavar="DIR",
           help="where the results go; bench/results, if everything is measured")
    option("--page", action="store_true", help="only makes the page anew")
    option("--packages", action="store_true", help="only says what they need")
    chosen = parser.parse_args()
    everything = chosen.only == EVERYTHING
    everything &= len(chosen.subjects) == len(subjects.SUBJECTS)
    if everything or chosen.page:
        chosen.out = chosen.out or servers.BENCH / "results"
    return chosen


def say(text):
    if sys.stderr.isatty():
        print(f"\r{text:60}", end="\r", file=sys.stderr, flush=True)


def measure(chosen, result):
    """Fills result; gives the tables."""
    rows = [one for one in subjects.SUBJECTS if one.name in chosen.subjects]
    texts = [report.heading(result)]
    print(texts[0], flush=True)
    for name in chosen.only:
        with servers.Stage(chosen.port) as stage:
            if name in workloads.WORKLOADS:
                found = workloads.measure(stage, name, rows, chosen, say)
                result["figures"] += found
                texts.append(report.workload(name, found, stage.problems))
            else:
                say(name)
                found = scenarios.SCENARIOS[name](stage, chosen)
                result["goals"] += found.goals
                found = dataclasses.asdict(found)
                result["scenarios"][name] = found
                texts.append(report.scenario(name, found, stage.problems))
            result["problems"] += stage.problems
            result["missing"].update(stage.missing)
        print(texts[-1], flush=True)
    reached = goals.check(result["figures"], result["versions"])
    result["goals"] = reached + result["goals"]
    texts.append(report.ending(result))
    print(texts[-1], flush=True)
    return texts


def interrupted(number, frame):
    raise KeyboardInterrupt


def empty(chosen):
    facts, versions = machine.facts(servers.ROOT), machine.versions()
    time_of_day = datetime.datetime.now().isoformat(timespec="minutes")
    return {
        "format": 2,
        "time": time_of_day,
        "machine": facts,
        "versions": versions,
        "options": {key: getattr(chosen, key) for key in ("rounds", "seconds")},
        "subjects": {
            one.name: {"title": one.title, "ours": one.ours, "peer": one.peer}
            for one in subjects.SUBJECTS
        },
        "goals": [],
        "problems": [],
        "missing": {},
        "figures": [],
        "scenarios": {},
    }


def main():
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    chosen = options()
    if chosen.packages:
        rows = [one for one in subjects.SUBJECTS if one.name in chosen.subjects]
        print(*subjects.packages(rows))
        return 0
    if not chosen.page:
        begin = time.monotonic()
        result = empty(chosen)
        try:
            texts = measure(chosen, result)
        except KeyboardInterrupt:
            return "bench/run: interrupted, all stopped"
        except (RuntimeError, OSError) as error:
            return f"bench/run: {error}"
        result["options"]["minutes"] = round((time.monotonic() - begin) / 60, 1)
        if not chosen.out:
            return 0
        stem = report.save(chosen.out, result, texts)
        print(f"written: {stem}.json, {stem}.md", end=" ")
    page.write(chosen.out)
    print("and index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
