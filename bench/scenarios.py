"""What is no workload: each of SCENARIOS gives a Result.  A goal is what is
wanted, what was measured, and whether that is enough."""

import contextlib
import sys
import time
from dataclasses import dataclass, field
from statistics import median

import client
import process
from servers import FUNCTIONS, ROOT
from subjects import BY_NAME, MODULE

sys.path.append(str(ROOT / "runtimes" / "conformance"))

from suite import languages as table  # noqa: E402

LONG = 100 << 20
KINDS = "@FN@ fn_timeout 60s;"
RETURN = 'location = /hello { return 200 "Hello, world"; }'
NATIVE = "location = /{} {{ fn_handler native:@STAGE@/native.so:hello; }}"
PYTHON = "location = /{} {{ fn_handler python:@FUNCTIONS@/{}; {} }}"
STATUS = " location = /fn { fn_status; } "


@dataclass
class Result:
    title: str
    columns: list
    rows: list
    goals: list = field(default_factory=list)
    figures: object = None  # of every round
    series: dict = field(default_factory=dict)  # name: points, for a chart
    axes: tuple = ()


def goal(text, value, enough, digits=2):
    return text, f"{value:.{digits}f}", bool(enough)


# own: what a native handler costs beside nginx


def own(stage, options):
    seen = {"return": [], "native": []}
    with stage.nginx("return", RETURN) as base:
        text = NATIVE.format("hello") + STATUS
        with stage.nginx("native", text, MODULE, KINDS) as ours:
            both = {"return": base, "native": ours}
            for nginx in both.values():
                stage.load("own", nginx, "hello", 64, options.seconds / 2)
            for _ in range(options.rounds * 3):
                for name, nginx in both.items():
                    seen[name].append(cost(stage, nginx, "hello", 64, options.seconds))
    over = [b - a for a, b in zip(*seen.values())]
    rows = [[name, f"{median(values):.2f}"] for name, values in seen.items()]
    rows.append(["difference", f"{median(over):.2f}"])
    return Result(
        "own: what the nginx worker computes for a native handler and for return "
        "200, 64 connections",
        ["handler", "worker us"],
        rows,
        [goal("a native handler's own cost < 1 us", median(over), median(over) < 1)],
        seen,
    )


def cost(stage, nginx, path, connections, seconds):
    """Microseconds of the worker for a request."""
    return stage.load(path, nginx, path, connections, seconds)["cpu_us"]


# growth: what an event costs with many functions, processes, waiting requests


def functions(stage, options):
    """One native and one Python function have traffic; the others are half
    native, half Python functions that have a process each, up to 64."""
    sizes = 1, 10, 100, 500
    with contextlib.ExitStack() as stack:
        running = {}
        for size in sizes:
            idle = [PYTHON.format(f"idle{n}", "python.py:hello", "")
                    for n in range(min(size // 2, 64))]
            idle += [NATIVE.format(f"more{n}") for n in range(size - 1 - len(idle))]
            text = " ".join(idle + [NATIVE.format("native")]) + STATUS
            text += PYTHON.format("python", "python.py:hello", "")
            nginx = stage.nginx(f"functions-{size}", text, MODULE, KINDS)
            running[size] = stack.enter_context(nginx)
            for path in ("native", "python"):
                client.ready(running[size].port, path)
        seen = grow(stage, options, {
            f"{path}, 64 connections": (path, 64, running)
            for path in ("native", "python")
        })
    return growth("functions", "configured functions", seen, {
        name: 1.15 for name in seen
    })


def processes(stage, options):
    sizes = 1, 4, 16, 64
    with contextlib.ExitStack() as stack:
        running = {}
        for size in sizes:
            text = PYTHON.format("python", "python.py:hello", f"fn_processes {size};")
            nginx = stage.nginx(f"processes-{size}", text + STATUS, MODULE, KINDS)
            running[size] = stack.enter_context(nginx)
            client.ready(running[size].port, "python")
        seen = grow(stage, options, {
            f"{number} connections": ("python", number, running) for number in (4, 64)
        })
    return growth("processes", "processes of the function", seen, {
        name: 1.25 for name in seen
    })


def waiting(stage, options):
    """Closed loops of so many connections to a function with one process: all
    but a few of the requests wait.  return 200 with as many connections shows
    what they cost nginx and the kernel."""
    sizes = 1, 100, 1000, 5000
    text = RETURN + STATUS + PYTHON.format(
        "python", "python.py:hello", "fn_queue 8192 timeout=60s;"
    )
    with stage.nginx("waiting", text, MODULE, KINDS) as nginx:
        client.ready(nginx.port, "python")
        running = {size: nginx for size in sizes}
        seen = {}
        for name, path in (("python", "python"), ("return 200", "hello")):
            seen[name] = {size: [] for size in running}
        for _ in range(options.rounds):
            for size in sizes:
                for name, path in (("python", "python"), ("return 200", "hello")):
                    seconds = options.seconds * (2 if size > 1000 else 1)
                    seen[name][size].append(cost(stage, nginx, path, size, seconds))
    seen["python, return 200 taken out"] = {
        size: [a - b for a, b in zip(seen["python"][size], seen["return 200"][size])]
        for size in sizes
    }
    limits = {"python, return 200 taken out": 1.25}
    return growth("waiting", "waiting requests", seen, limits, 100)


def grow(stage, options, cases):
    """Interleaved; cases: name: path, connections, nginx by size."""
    seen = {name: {size: [] for size in case[2]} for name, case in cases.items()}
    for warm in (True, *[False] * options.rounds):
        for name, (path, connections, running) in cases.items():
            for size, nginx in running.items():
                figure = cost(stage, nginx, path, connections, options.seconds)
                if not warm:
                    seen[name][size].append(figure)
    return seen


def growth(name, what, seen, limits, few=1):
    """A row and a line for each.  What an event costs with the most of them is
    allowed to be limits' times of what it costs with few."""
    rows, goals, series = [], [], {}
    for label, sizes in seen.items():
        values = {size: median(each) for size, each in sizes.items()}
        most = max(values)
        ratio = median(b / (a or 1) for a, b in zip(sizes[few], sizes[most]))
        rows.append([label, *(f"{each:.1f}" for each in values.values()),
                     f"{ratio:.2f}"])
        series[label] = [[size, round(each, 2)] for size, each in values.items()]
        if label in limits:
            text = f"cost with {most} {what} <= {limits[label]} x that with {few}: "
            goals.append(goal(text + label, ratio, 0 < ratio <= limits[label]))
    columns = [what, *map(str, values), f"{most} to {few}"]
    title = f"{name}: worker us for an event, by the number of {what}"
    return Result(title, columns, rows, goals, seen, series, (what, "worker us"))


# tail: what a rare slow call does to the others, and Python beside uwsgi_pass
# under the same load


TAIL = {
    "return 200, the client's own": "hello",
    "sleeps 50 ms, prefetch auto": "sleep-auto",
    "sleeps 50 ms, prefetch off": "sleep-off",
    "computes 50 ms, prefetch auto": "busy-auto",
    "computes 50 ms, prefetch off": "busy-off",
}


def tail(stage, options):
    text = RETURN + STATUS
    for kind, entry in (("sleep", "sleeping"), ("busy", "busy")):
        for prefetch in ("auto", "off"):
            text += PYTHON.format(
                f"{kind}-{prefetch}", f"tail.py:{entry}",
                f"fn_processes 2; fn_prefetch {prefetch};",
            )
    seen = {name: [] for name in TAIL}
    with stage.nginx("tail", text, MODULE, KINDS) as nginx:
        for path in TAIL.values():
            client.ready(nginx.port, path)
        for _ in range(options.rounds):
            for name, path in TAIL.items():
                found = stage.load(name, nginx, path, 8, 2 * options.seconds)
                seen[name].append(found)
    rows, goals = [], []
    for name, rounds in seen.items():
        row = {key: median(each[key] for each in rounds) for key in rounds[0]}
        keys = ("p50", "p99", "p999", "max")
        rows.append([name, f"{row['rate']:.0f}"])
        rows[-1] += [f"{row[key] / 1000:.2f}" for key in keys]
        if name.endswith("auto"):
            text = f"tail, {name}: 99.9th percentile < 10 ms"
            goals.append(goal(text, row["p999"] / 1000, row["p999"] < 10000))
    title = "tail: 2 processes, 20 us, 1 call in 5,000 takes 50 ms; 8 connections"
    columns = ["handler", "req/s", "p50 ms", "p99", "p99.9", "max"]
    return Result(title, columns, rows, goals, seen)


def same(stage, options):
    """Both get half of what uwsgi_pass can do with 4 connections; a request's
    time begins when it is due."""
    seen = {}
    with contextlib.ExitStack() as stack:
        running = {
            name: stack.enter_context(stage.subject(BY_NAME[name], "hello"))
            for name in ("python", "uwsgi")
        }
        for one in running.values():
            found = stage.load("same", one, "hello", 4, options.seconds)
        rate = round(found["rate"] / 2, -2) or 100
        for _ in range(options.rounds):
            for number in (4, 64):
                for name, one in running.items():
                    found = stage.load(
                        name, one, "hello", number, 2 * options.seconds, rate
                    )
                    seen.setdefault((name, number), []).append(found)
    rows, goals = [], []
    for (name, number), rounds in seen.items():
        keys = ("p50", "p99", "p999", "max")
        rows.append([BY_NAME[name].title, number])
        rows[-1] += [f"{median(one[key] for one in rounds) / 1000:.3f}" for key in keys]
    for number in (4, 64):
        both = zip(seen["python", number], seen["uwsgi", number])
        ratio = median(ours["p999"] / peer["p999"] for ours, peer in both)
        text = f"Python's 99.9th percentile <= uwsgi_pass's, same load, {number} " \
            "connections"
        goals.append(goal(text, ratio, ratio <= 1))
    title = f"same: {rate:.0f} requests a second for both"
    columns = ["handler", "connections", "p50 ms", "p99", "p99.9", "max"]
    figures = {f"{name}, {number}": each for (name, number), each in seen.items()}
    return Result(title, columns, rows, goals, figures)


# idle: no request waits while a process is idle


def idle(stage, options):
    text = PYTHON.format("idle", "idle.py", "fn_processes 4;") + STATUS
    seen = {"no nginx": [], "1 worker": [], "2 workers": []}
    bare, one, two = seen.values()
    seconds = 2 * options.seconds
    with stage.nginx("idle-1", text, MODULE, KINDS) as first:
        with stage.nginx("idle-2", text, MODULE, KINDS, workers=2) as second:
            client.ready(first.port, "idle")
            client.ready(second.port, "idle")
            for _ in range(options.rounds):
                bare.append(client.calls(FUNCTIONS / "idle.py", 4, seconds))
                for nginx, rates in ((first, one), (second, two)):
                    found = stage.load("idle", nginx, "idle", 64, seconds)
                    rates.append(found["rate"])
    rows, goals = [], []
    for name, values in seen.items():
        share = median(values) / 400
        to_bare = median(a / b for a, b in zip(values, bare))
        rows.append([name, f"{median(values):.0f}", f"{share:.3f}", f"{to_bare:.3f}"])
        text = f"idle, {name}: >= 0.95 of 400 calls per second"
        goals.append(goal(text, share, share >= 0.95, 3))
    title = "idle: 4 processes of a 10 ms handler, one event each; 64 connections"
    columns = ["nginx", "calls/s", "of 400", "of no nginx"]
    return Result(title, columns, rows, goals[1:], seen)


# long: memory while a long body passes


def long(stage, options):
    paths = [f"/{x}/{y}" for x in ("c", "python", "shell") for y in ("up", "down")]
    text = STATUS
    for way in ("up", "down"):
        text += f"""
            location = /c/{way} {{ fn_handler native:@STAGE@/long.so:{way}; }}
            location = /python/{way} {{ fn_handler python:@FUNCTIONS@/long.py:{way}; }}
            location = /shell/{way} {{ fn_handler shell:@FUNCTIONS@/shell/{way}.sh; }}
            """
    text += "client_body_buffer_size 16k;"
    seen = {path: [] for path in paths}
    with stage.nginx("long", text, MODULE, KINDS) as nginx:
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
        text = f"long, nginx worker, {path}: <= 2 MiB"
        goals.append(goal(text, max(worker), max(worker) <= 2, 1))
        if path == "/python/up":
            text = "long, Python takes the body without a second copy: < 110 MiB"
            goals.append(goal(text, max(own), max(own) < 110, 1))
    title = "long: 100 MiB up and down; peak of memory above what it was, MiB"
    columns = ["function", "seconds", "nginx worker", "its process"]
    return Result(title, columns, rows, goals, seen)


def transfer(stage, nginx, path, pid):
    """Seconds, and by how many MiB the worker and the process grew."""
    watched = [nginx.worker, pid]
    before = [process.mark_peak(each) for each in watched]
    seconds, *answer = client.transfer(nginx.port, path, LONG)
    if answer != [200, LONG]:
        stage.problems.append(f"{path} answered {answer}")
    grown = [process.peak(p) - old for p, old in zip(watched, before)]
    return [seconds] + [each / 1024 for each in grown]


# memory: what it costs to be there


def memory(stage, options):
    text = NATIVE.format("c") + STATUS + PYTHON.format("python", "python.py:hello", "")
    text += " location = /shell { fn_handler shell:@FUNCTIONS@/shell/hello.sh; }"
    with stage.nginx("plain", RETURN) as plain:
        with stage.nginx("memory", text, MODULE, KINDS) as nginx:
            client.ready(plain.port, "hello")
            for path in ("c", "python", "shell"):
                client.ready(nginx.port, path)
            keeper = nginx.keeper()
            pids = {
                "nginx master without the module": plain.master,
                "nginx worker without the module": plain.worker,
                "nginx master": nginx.master,
                "nginx worker": nginx.worker,
                "keeper": keeper,
                "supervisor": nginx.status()["nginx"]["supervisor"],
            }
            for path, pid in nginx.processes().items():
                pids[f"process of {path}"] = pid
            seen = {name: process.memory(pid) for name, pid in pids.items()}
    rows = [
        [name] + [f"{each / 1024:.1f}" for each in sizes]
        for name, sizes in seen.items()
    ]
    columns = ["process", "RSS", "PSS", "private"]
    return Result("memory: idle, after one request, MiB", columns, rows, [], seen)


# start: from the command to the first answer, and what is resident then


def start(stage, options):
    cache = stage.directory("start-cache")
    seen = {}
    for language in table.find(()):
        if language.missing or language.name != language.language:
            continue
        first = start_one(stage, language, cache)
        rounds = [start_one(stage, language, cache) for _ in range(options.rounds)]
        seen[language.name] = [first] + rounds
    rows = []
    for name, (first, *rounds) in seen.items():
        seconds, rss, pss, private = (median(column) for column in zip(*rounds))
        rows.append([name, f"{first[0] * 1000:.0f}", f"{seconds * 1000:.0f}"])
        rows[-1] += [f"{kib / 1024:.1f}" for kib in (rss, pss, private)]
    columns = ["language", "first start, ms", "later, ms", "RSS MiB", "PSS", "private"]
    title = "start: to the first answer, and idle memory then"
    return Result(title, columns, rows, [], seen)


def start_one(stage, language, cache):
    """Seconds to the first answer; RSS, PSS and private memory, KiB."""
    name = f"start-{language.name}-{time.monotonic_ns()}"
    socket = stage.directory("sockets") / f"{name}.sock"
    folder = "python" if language.name == "pypy" else language.name
    demo = "hello" + language.suffix
    environment = {
        "PATH": table.PATH,
        "LANG": "C.UTF-8",
        "FN_NAME": "hello",
        "FN_TARGET": str(ROOT / "runtimes" / folder / "demo" / demo),
        "FN_CACHE": str(cache),
    }
    variables = [f"{key}={value}" for key, value in environment.items()]
    argv = ["env", "-i", *variables, *language.command, "--listen", f"unix:{socket}"]
    begin = time.monotonic()
    with stage.peer(name, argv, str(socket), pause=0.001) as server:
        client.event(str(socket))  # it may listen before it has loaded
        seconds = time.monotonic() - begin
        return (seconds, *process.memory(server.pid))


ALL = own, functions, processes, waiting, same, tail, idle, long, memory, start
SCENARIOS = {each.__name__: each for each in ALL}
