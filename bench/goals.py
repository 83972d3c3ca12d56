"""What is to be reached with "hello": a subject, how many times the rate of
another one, and with how many connections."""

from subjects import BY_NAME
from workloads import ratios

BOTH = 4, 64


def wanted(go):
    """go: its version, two numbers."""
    yield "native", 0.95, "return", BOTH
    yield "python-in-worker", 0.75, "return", BOTH
    yield "python-in-worker", 2.5, "uwsgi", BOTH
    yield "pypy-in-worker", 0.85, "return", BOTH
    yield "golang-in-worker", 0.75 if go >= (1, 21) else 0.62, "return", BOTH
    yield "python", 1.3, "uwsgi", (4,)
    yield "python", 1.6, "uwsgi", (64,)
    yield "pypy", 1.1, "python", BOTH
    yield "nodejs", 1.5, "node", BOTH
    for name in ("golang", "java", "dotnetcore", "ruby"):
        yield name, 1.3, BY_NAME[name].peer, BOTH


def check(figures, versions):
    """Goals of what was measured, as those of scenarios."""
    go = versions.get("go", "0.0").split(".")[:2]
    rounds = {
        (one["subject"], one["connections"]): one["rounds"]
        for one in figures
        if one["workload"] == "hello"
    }
    goals = []
    for name, least, base, numbers in wanted(tuple(map(int, go))):
        for number in numbers:
            both = [rounds.get((one, number)) for one in (name, base)]
            if not all(both):
                continue
            value = ratios(*both)[0]
            title = BY_NAME[name].title
            text = f"{title} >= {least} x {BY_NAME[base].title}, {number} connections"
            goals.append((text, f"{value:.2f}", value >= least))
    return goals
