"""The workloads: each subject with each of them, in interleaved rounds."""

import contextlib
from dataclasses import dataclass
from statistics import median

FIGURES = ("rate", "p50", "p99", "p999", "max", "worker_us", "beside_us")


@dataclass(frozen=True)
class Workload:
    title: str
    text: str
    connections: tuple


WORKLOADS = {
    "hello": Workload("hello", "the shortest answer", (4, 64)),
    "json": Workload("JSON", "1 KB of JSON, parsed and made again", (64,)),
    "body": Workload("body", "1 MiB posted; the answer is its length", (4,)),
    "wait": Workload("wait", "10 ms of waiting, 64 at once", (64,)),
}


def measure(stage, workload, subjects, options, say):
    """The figures of each subject and number of connections."""
    chosen = [one for one in subjects if workload in one.workloads]
    numbers = WORKLOADS[workload].connections
    seen = {(one.name, number): [] for number in numbers for one in chosen}
    with contextlib.ExitStack() as stack:
        running = start(stage, workload, chosen, stack, say)
        for one in chosen:
            if one.name in running:
                seconds = min(one.warm, 3 * options.seconds)
                run(stage, running, workload, one.name, numbers[-1], seconds)
        stage.problems.clear()  # of the warm-up
        for number in numbers:
            for _ in range(options.rounds):
                for name in running:
                    figures = run(
                        stage, running, workload, name, number, options.seconds
                    )
                    seen[name, number].append(figures)
        memory = {name: one.memory() for name, one in running.items()}
    return [
        figure(workload, name, number, seen, memory[name], chosen)
        for name, number in seen
        if name in running
    ]


def start(stage, workload, chosen, stack, say):
    """Those that start; why others don't is told once."""
    running = {}
    for one in chosen:
        say(f"{workload}: starts {one.name}")
        try:
            running[one.name] = stack.enter_context(stage.subject(one, workload))
        except (RuntimeError, OSError) as error:
            text = " ".join(str(error).split())
            stage.missing.setdefault(one.name, text.replace(str(stage.path), ""))
    return running


def run(stage, running, workload, name, connections, seconds):
    """What the client saw, and the microseconds that the nginx worker and what
    runs beside it computed for a request."""
    one = running[name]
    before = one.cpu()
    seen = stage.load(f"{name}, {workload}", one, workload, connections, seconds)
    spent = one.cpu() - before
    seen["beside_us"] = round(spent / max(seen["requests"], 1) * 1e6, 2)
    seen["worker_us"] = seen["cpu_us"]
    return {key: seen[key] for key in ("requests", *FIGURES)}


def ratios(rounds, base):
    """Median, lowest and highest of the ratios of rates, round by round."""
    values = [a["rate"] / b["rate"] for a, b in zip(rounds, base) if b["rate"]]
    if not values:
        return None
    return [round(each(values), 3) for each in (median, min, max)]


def figure(workload, name, number, seen, memory, chosen):
    rounds = seen[name, number]
    subject = next(one for one in chosen if one.name == name)
    found = {"workload": workload, "subject": name, "connections": number}
    for key in FIGURES:
        found[key] = round(median(each[key] for each in rounds), 2)
    found["to_return"] = ratios(rounds, seen.get(("return", number), ()))
    found["to_peer"] = ratios(rounds, seen.get((subject.peer, number), ()))
    if workload == "wait":  # of what is possible
        found["share"] = round(found["rate"] / (number / 0.010), 3)
    return {**found, **memory, "rounds": rounds}
