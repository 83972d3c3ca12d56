"""What is measured: each function here is a scenario and gives its table."""

import json
from statistics import median

import client
import process
from report import goal
from servers import FUNCTIONS, LUA, MODULES, ROOT

OURS = ROOT / "build" / "ngx_http_fn_module.so"
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
CONNECTIONS = (4, 64)


def result(stage, title, columns, rows, goals, raw):
    problems, stage.problems = stage.problems, []
    return {
        "title": title,
        "columns": columns,
        "rows": rows,
        "goals": goals,
        "problems": problems,
        "raw": raw,
    }


def rate(stage, port, path, connections, seconds):
    value, _, problem = client.wrk(port, path, connections, seconds)
    if problem:
        stage.problems.append(problem)
    return value


def spread(values):
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


# hello: the price of a call


def hello(stage, options):
    modules = [MODULES / name for name in LUA] + [OURS]
    with stage.peers(), stage.nginx("hello", modules) as nginx:
        for path in HELLO.values():
            client.ready(nginx.port, path)
            client.wrk(nginx.port, path, 64, 1)
        stage.problems.clear()
        seen = {
            number: hello_rounds(stage, nginx, number, options)
            for number in CONNECTIONS
        }
    rates = {number: rates for number, (rates, _) in seen.items()}
    costs = {number: costs for number, (_, costs) in seen.items()}
    columns = ["handler"]
    for number in CONNECTIONS:
        columns += [f"{number}: req/s", "to return 200", "to uwsgi_pass"]
        columns += ["worker us"]
    rows = [hello_row(name, rates, costs) for name in HELLO]
    title = "hello: requests per second, one nginx worker, one process each"
    raw = {"rates": rates, "worker_us": costs}
    return result(stage, title, columns, rows, hello_goals(rates), raw)


def hello_rounds(stage, nginx, number, options):
    """Rates, and microseconds that the nginx worker computes for a request."""
    rates = {name: [] for name in HELLO}
    costs = {name: [] for name in HELLO}
    worker = nginx.workers()[0]
    for _ in range(options.rounds):
        for name, path in HELLO.items():
            before = process.cpu(worker)
            value, count, problem = client.wrk(
                nginx.port, path, number, options.seconds
            )
            costs[name].append((process.cpu(worker) - before) / count * 1e6)
            rates[name].append(value)
            stage.problems += [problem] if problem else []
    return rates, costs


def ratios(rates, name, base):
    """To base, round by round."""
    return [a / b for a, b in zip(rates[name], rates[base])]


def hello_row(name, rates, costs):
    row = [name]
    for number in CONNECTIONS:
        mine = rates[number]
        row.append(f"{median(mine[name]):.0f}")
        row.append(spread(ratios(mine, name, "return 200")))
        row.append(f"{median(ratios(mine, name, 'uwsgi_pass')):.2f}")
        row.append(f"{median(costs[number][name]):.1f}")
    return row


def hello_goals(rates):
    wanted = [
        ("ours, C", "return 200", 4, 0.90),
        ("ours, C", "return 200", 64, 0.90),
        ("ours, Python", "uwsgi_pass", 4, 1.2),
        ("ours, Python", "uwsgi_pass", 64, 1.4),
    ]
    goals = []
    for name, base, number, least in wanted:
        value = median(ratios(rates[number], name, base))
        text = f"{name} >= {least} x {base}, {number} connections"
        goals.append(goal(text, f"{value:.2f}", value >= least))
    return goals


# body: memory while a long body passes


def body(stage, options):
    paths = [f"/{x}/{way}" for x in ("c", "python", "shell") for way in ("up", "down")]
    seen = {path: [] for path in paths}
    with stage.nginx("body", [OURS]) as nginx:
        pids = processes(nginx, paths)
        for _ in range(options.rounds):
            for path in paths:
                seen[path].append(transfer(stage, nginx, path, pids.get(path)))
    rows, goals = [], []
    for path, rounds in seen.items():
        seconds = median(each["seconds"] for each in rounds)
        worker = max(each["worker_mib"] for each in rounds)
        own = max(each["process_mib"] for each in rounds)
        rows.append([path, f"{seconds:.2f}", f"{worker:.1f}"])
        rows[-1].append(f"{own:.1f}" if path in pids else "")
        goals.append(goal(f"worker, {path} <= 2 MiB", f"{worker:.1f}", worker <= 2))
        if path == "/python/up":
            text = "Python takes the body without a second copy: < 110 MiB"
            goals.append(goal(text, f"{own:.1f}", own < 110))
    title = "body: 100 MiB up and down; peak memory above what it was before, MiB"
    columns = ["function", "seconds", "nginx worker", "its process"]
    return result(stage, title, columns, rows, goals, seen)


def status(nginx):
    return json.loads(client.get(nginx.port, "/fn")[2])


def processes(nginx, paths):
    """The process of each function, once it is ready; warms it, too."""
    for path in paths:
        if path.endswith("up"):
            client.ready(nginx.port, path)
        client.download(nginx.port, "/return", 0)
    found = {}
    for function in status(nginx)["functions"]:
        for one in function["processes"]:
            found["/" + function["name"].replace("-", "/")] = one["pid"]
    return found


def transfer(stage, nginx, path, pid):
    worker = nginx.workers()[0]
    watched = [worker] + ([pid] if pid else [])
    before = [process.mark_peak(each) for each in watched]
    move = client.upload if path.endswith("up") else client.download
    seconds, answer = move(nginx.port, path, BODY)
    after = [process.peak(each) for each in watched]
    if answer != (200, BODY):
        stage.problems.append(f"{path} answered {answer}")
    grown = [(b - a) / 1024 for a, b in zip(before, after)] + [0]
    return {"seconds": seconds, "worker_mib": grown[0], "process_mib": grown[1]}


# wait: no request waits while a process is idle


def wait(stage, options):
    rates = {"no nginx": [], "1 worker": [], "2 workers": []}
    with stage.nginx("wait", [OURS]) as one:
        with stage.nginx("wait", [OURS], workers=2) as two:
            client.ready(one.port, "/wait")
            client.ready(two.port, "/wait")
            for _ in range(options.rounds):
                wait_round(stage, one.port, two.port, rates, options.seconds)
    rows, goals = [], []
    for name, values in rates.items():
        value = median(values)
        bare = median(ratios(rates, name, "no nginx"))
        share = f"{value / 4:.1f} %"
        rows.append([name, f"{value:.0f}", share, f"{bare * 100:.1f} %"])
        if name != "no nginx":
            text = f">= 95 % of 400 per second, {name}"
            goals.append(goal(text, share, value >= 380))
    title = "wait: 4 processes of a 10 ms handler, 64 connections"
    columns = ["nginx", "calls/s", "of 400", "of no nginx"]
    return result(stage, title, columns, rows, goals, rates)


def wait_round(stage, one, two, rates, seconds):
    rates["no nginx"].append(client.calls(FUNCTIONS / "wait.py", 4, seconds))
    rates["1 worker"].append(rate(stage, one, "/wait", 64, seconds))
    rates["2 workers"].append(rate(stage, two, "/wait", 64, seconds))


# tail: what a rare slow call does to the others

TAIL = {
    "return 200, the client's own": "/return",
    "sleeps 50 ms, prefetch auto": "/sleep/auto",
    "sleeps 50 ms, prefetch off": "/sleep/off",
    "computes 50 ms, prefetch auto": "/busy/auto",
    "computes 50 ms, prefetch off": "/busy/off",
}
SHARES = (0.5, 0.99, 0.999, 1)


def tail(stage, options):
    seen = {name: [] for name in TAIL}
    with stage.nginx("tail", [OURS]) as nginx:
        for path in TAIL.values():
            client.ready(nginx.port, path)
        for _ in range(options.rounds):
            for name, path in TAIL.items():
                seen[name].append(tail_round(stage, nginx, path, options))
    rows, goals = [], []
    for name, rounds in seen.items():
        count, *times = (median(column) for column in zip(*rounds))
        rows.append([name, f"{count:.0f}"] + [f"{each:.2f}" for each in times])
        if name.endswith("auto"):
            text = f"{name}: 99.9th percentile < 10 ms"
            goals.append(goal(text, f"{times[2]:.2f}", times[2] < 10))
    columns = ["handler", "req/s", "p50 ms", "p99", "p99.9", "max"]
    title = "tail: 2 processes, 20 us, 1 call in 5,000 takes 50 ms; 8 connections"
    return result(stage, title, columns, rows, goals, seen)


def tail_round(stage, nginx, path, options):
    loop = client.Loop(nginx.port, path, 8)
    latencies, failed = loop.run(options.seconds)
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
        state = status(nginx)
        supervisor = state["nginx"]["supervisor"]
        pids = {
            "nginx master without the module": plain.master,
            "nginx worker without the module": plain.workers()[0],
            "nginx master": nginx.master,
            "nginx worker": nginx.workers()[0],
            "keeper": process.parent(supervisor),
            "supervisor": supervisor,
        }
        for function in state["functions"]:
            for one in function["processes"]:
                pids[f"{function['runtime']} process"] = one["pid"]
        seen = {name: process.memory(pid) for name, pid in pids.items()}
    rows = [
        [name] + [f"{each / 1024:.1f}" for each in sizes]
        for name, sizes in seen.items()
    ]
    columns = ["process", "RSS", "PSS", "private"]
    title = "memory: idle, after one request, MiB"
    return result(stage, title, columns, rows, [], seen)


ALL = {each.__name__: each for each in (hello, body, wait, tail, memory)}
