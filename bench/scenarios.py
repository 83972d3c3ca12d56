"""What is measured: each of ALL gives a title, columns, rows, goals and the
figures of every round.  A goal is what is wanted, what was measured, and
whether that is enough."""

from statistics import median

import client
import process
from languages import languages, script, start
from servers import FUNCTIONS, LUA, OURS

BODY = 100 << 20

HELLO = {
    "return 200": "/return",
    "lua content handler": "/lua",
    "ours, C": "/c",
    "ours, Python": "/python",
    "uwsgi_pass": "/uwsgi",
    "node, proxy_pass": "/node",
    "gunicorn gthread, proxy_pass": "/gthread",
    "gunicorn sync, proxy_pass": "/gunicorn",
    "ours, shell": "/shell",
}
HELLO_GOALS = (
    ("ours, C", 0.90, "return 200", 4),
    ("ours, C", 0.90, "return 200", 64),
    ("ours, Python", 1.2, "uwsgi_pass", 4),
    ("ours, Python", 1.4, "uwsgi_pass", 64),
)
TAIL = {
    "return 200, the client's own": "/return",
    "sleeps 50 ms, prefetch auto": "/sleep/auto",
    "sleeps 50 ms, prefetch off": "/sleep/off",
    "computes 50 ms, prefetch auto": "/busy/auto",
    "computes 50 ms, prefetch off": "/busy/off",
}
SHARES = (0.5, 0.99, 0.999, 1)


def ratios(seen, name, base):
    """To base, round by round."""
    return [a / b for a, b in zip(seen[name], seen[base])]


def spread(values):
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


# hello: the price of a call


def hello(stage, options):
    rates = {4: {}, 64: {}}
    costs = {4: {}, 64: {}}
    with stage.peers(), stage.nginx("hello", LUA + [OURS]) as nginx:
        for path in HELLO.values():
            client.ready(nginx.port, path)
            client.wrk(nginx.port, path, 64, 1)
        for number in rates:
            for _ in range(options.rounds):
                for name in HELLO:
                    rate, cost = hello_one(stage, nginx, name, number, options)
                    rates[number].setdefault(name, []).append(rate)
                    costs[number].setdefault(name, []).append(cost)
    columns = ["handler"]
    for number in rates:
        columns += [f"{number}: req/s", "to return 200", "to uwsgi", "worker us"]
    return (
        "hello: one nginx worker, one process each; 4 and 64 connections",
        columns,
        [hello_row(name, rates, costs) for name in HELLO],
        [hello_goal(rates, *wanted) for wanted in HELLO_GOALS],
        {"rates": rates, "worker_us": costs},
    )


def hello_one(stage, nginx, name, number, options):
    """The rate, and the microseconds that the worker computes for a request."""
    worker = nginx.workers()[0]
    before = process.cpu(worker)
    rate, count = stage.wrk(nginx, HELLO[name], number, options.seconds)
    return rate, (process.cpu(worker) - before) / count * 1e6


def hello_row(name, rates, costs):
    row = [name]
    for number, seen in rates.items():
        row.append(f"{median(seen[name]):.0f}")
        row.append(spread(ratios(seen, name, "return 200")))
        row.append(f"{median(ratios(seen, name, 'uwsgi_pass')):.2f}")
        row.append(f"{median(costs[number][name]):.1f}")
    return row


def hello_goal(rates, name, least, base, number):
    value = median(ratios(rates[number], name, base))
    text = f"{name} >= {least} x {base}, {number} connections"
    return text, f"{value:.2f}", value >= least


# body: memory while a long body passes


def body(stage, options):
    paths = [f"/{x}/{y}" for x in ("c", "python", "shell") for y in ("up", "down")]
    seen = {path: [] for path in paths}
    with stage.nginx("body", [OURS]) as nginx:
        for path in paths:
            client.ready(nginx.port, path)
        pids = nginx.processes()
        for _ in range(options.rounds):
            for path in paths:
                seen[path].append(transfer(stage, nginx, path, pids.get(path)))
    rows, goals = [], []
    for path, rounds in seen.items():
        seconds, worker, own = zip(*rounds)
        rows.append([path, f"{median(seconds):.2f}", f"{max(worker):.1f}"])
        rows[-1].append(f"{max(own):.1f}" if path in pids else "")
        text = f"nginx worker, {path}: <= 2 MiB"
        goals.append((text, f"{max(worker):.1f}", max(worker) <= 2))
        if path == "/python/up":
            text = "Python takes the body without a second copy: < 110 MiB"
            goals.append((text, f"{max(own):.1f}", max(own) < 110))
    title = "body: 100 MiB up and down; peak of memory above what it was, MiB"
    columns = ["function", "seconds", "nginx worker", "its process"]
    return title, columns, rows, goals, seen


def transfer(stage, nginx, path, pid):
    """Seconds, and by how many MiB the worker and the process grew."""
    watched = [nginx.workers()[0], pid]
    before = [process.mark_peak(each) for each in watched]
    seconds, *answer = client.transfer(nginx.port, path, BODY)
    if answer != [200, BODY]:
        stage.problems.append(f"{path} answered {answer}")
    grown = [process.peak(p) - old for p, old in zip(watched, before)]
    return [seconds] + [each / 1024 for each in grown]


# wait: no request waits while a process is idle


def wait(stage, options):
    seen = {"no nginx": [], "1 worker": [], "2 workers": []}
    bare, one, two = seen.values()
    with stage.nginx("wait", [OURS]) as first:
        with stage.nginx("wait", [OURS], workers=2) as second:
            client.ready(first.port, "/wait")
            client.ready(second.port, "/wait")
            for _ in range(options.rounds):
                bare.append(client.calls(FUNCTIONS / "wait.py", 4, options.seconds))
                one.append(stage.wrk(first, "/wait", 64, options.seconds)[0])
                two.append(stage.wrk(second, "/wait", 64, options.seconds)[0])
    rows, goals = [], []
    for name, values in seen.items():
        share = f"{median(values) / 4:.1f} %"
        to_bare = f"{median(ratios(seen, name, 'no nginx')) * 100:.1f} %"
        rows.append([name, f"{median(values):.0f}", share, to_bare])
        text = f"{name}: >= 95 % of 400 per second"
        goals.append((text, share, median(values) >= 380))
    title = "wait: 4 processes of a 10 ms handler, 64 connections"
    columns = ["nginx", "calls/s", "of 400", "of no nginx"]
    return title, columns, rows, goals[1:], seen


# tail: what a rare slow call does to the others


def tail(stage, options):
    seen = {name: [] for name in TAIL}
    with stage.nginx("tail", [OURS]) as nginx:
        for path in TAIL.values():
            client.ready(nginx.port, path)
        for _ in range(options.rounds):
            for name, path in TAIL.items():
                seen[name].append(tail_one(stage, nginx, path, options))
    rows, goals = [], []
    for name, rounds in seen.items():
        rate, *times = (median(column) for column in zip(*rounds))
        rows.append([name, f"{rate:.0f}"] + [f"{each:.2f}" for each in times])
        if name.endswith("auto"):
            text = f"{name}: 99.9th percentile < 10 ms"
            goals.append((text, f"{times[2]:.2f}", times[2] < 10))
    title = "tail: 2 processes, 20 us, 1 call in 5,000 takes 50 ms; 8 connections"
    columns = ["handler", "req/s", "p50 ms", "p99", "p99.9", "max"]
    return title, columns, rows, goals, seen


def tail_one(stage, nginx, path, options):
    latencies, failed = client.Loop(nginx.port, path, 8).run(options.seconds)
    if failed:
        stage.problems.append(f"{path}: {failed} of {len(latencies)} failed")
    last = len(latencies) - 1
    times = [latencies[round(share * last)] * 1000 for share in SHARES]
    return [len(latencies) / options.seconds] + times


# memory: what it costs to be there


def memory(stage, options):
    with stage.nginx("plain") as plain, stage.nginx("memory", [OURS]) as nginx:
        client.ready(plain.port, "/return")
        for path in ("/c", "/python", "/shell"):
            client.ready(nginx.port, path)
        supervisor = nginx.status()["nginx"]["supervisor"]
        pids = {
            "nginx master without the module": plain.master,
            "nginx worker without the module": plain.workers()[0],
            "nginx master": nginx.master,
            "nginx worker": nginx.workers()[0],
            "keeper": process.parent(supervisor),
            "supervisor": supervisor,
        }
        for path, pid in nginx.processes().items():
            pids[f"process of {path}"] = pid
        seen = {name: process.memory(pid) for name, pid in pids.items()}
    rows = [
        [name] + [f"{each / 1024:.1f}" for each in sizes]
        for name, sizes in seen.items()
    ]
    columns = ["process", "RSS", "PSS", "private"]
    return "memory: idle, after one request, MiB", columns, rows, [], seen


SCENARIOS = hello, languages, body, wait, tail, memory, start, script
ALL = {each.__name__: each for each in SCENARIOS}
