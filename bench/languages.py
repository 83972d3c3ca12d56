"""Scenarios of the languages: each beside its own HTTP server, and what it
costs to start."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from statistics import median

import client
import process
from servers import BENCH, OURS, ROOT

sys.path.append(str(ROOT / "runtimes" / "conformance"))

from suite import languages as table  # noqa: E402

PEERS = BENCH / "peers" / "http"

# name: location of the HTTP server, what it is
SERVERS = {
    "nodejs": ("/server/nodejs", "http"),
    "golang": ("/server/golang", "net/http"),
    "java": ("/server/java", "com.sun.net.httpserver"),
    "dotnetcore": ("/server/dotnetcore", "Kestrel"),
    "ruby": ("/server/ruby", "Puma"),
}


def build(directory):
    """Compiles the HTTP servers that have to be; gives each one's command."""
    sockets = {name: directory / f"{name}.sock" for name in SERVERS}
    port = {"java": 24981, "webrick": 24982}
    go = {**os.environ, "GOCACHE": str(directory / "go"), "GO111MODULE": "off"}
    compile_one("go", "build", "-o", directory / "golang", PEERS / "server.go",
                env=go)
    compile_one("javac", "-d", directory, PEERS / "Server.java")
    shutil.copytree(PEERS / "kestrel", directory / "kestrel")
    compile_one("dotnet", "build", "-c", "Release", "-o", directory / "kestrel" / "out",
                "-nodeReuse:false", "-p:UseSharedCompilation=false",
                directory / "kestrel",
                env={**os.environ, "DOTNET_CLI_HOME": str(directory)})
    puma = ["/usr/bin/puma", "--quiet", "--environment", "production"]
    return {
        "nodejs": (["/usr/bin/node", PEERS / "node.js", sockets["nodejs"]], None),
        "golang": ([directory / "golang", sockets["golang"]], None),
        "java": (["java", "-cp", directory, "Server", port["java"]], port["java"]),
        "dotnetcore": (["dotnet", directory / "kestrel" / "out" / "kestrel.dll",
                        sockets["dotnetcore"]], None),
        "ruby": ([*puma, "--bind", f"unix://{sockets['ruby']}", PEERS / "puma.ru"],
                 None),
        "webrick": (["ruby", PEERS / "webrick.rb", port["webrick"]], port["webrick"]),
    }, {name.upper(): str(number) for name, number in port.items()}


def compile_one(*argv, env=None):
    run = subprocess.run([str(word) for word in argv], env=env, capture_output=True)
    if run.returncode:
        raise RuntimeError(f"{argv[0]}: {(run.stdout + run.stderr).decode()[-2000:]}")


# languages: ours and the language's own server


def languages(stage, options):
    names = {"return 200": "/return", "ours, python": "/python", "ours, pypy": "/pypy"}
    for name, (path, title) in SERVERS.items():
        names[f"ours, {name}"] = "/" + name
        names[f"{title}, proxy_pass"] = path
    names["WEBrick, proxy_pass"] = "/server/webrick"
    rates = {4: {}, 64: {}}
    costs = {4: {}, 64: {}}
    with contextlib.ExitStack() as stack:
        directory = stage.directory("peers")
        commands, ports = build(directory)
        stage.directory("cache", "nobody")
        pids = {}
        for name, (argv, port) in commands.items():
            address = ("127.0.0.1", port) if port else str(directory / f"{name}.sock")
            peer = stage.peer(f"server-{name}", argv, address)
            pids[f"/server/{name}"] = stack.enter_context(peer).pid
        nginx = stack.enter_context(stage.nginx("languages", [OURS], more=ports))
        for path in names.values():
            client.ready(nginx.port, path, 120)
            client.wrk(nginx.port, path, 64, 2)
        pids.update(nginx.processes())
        for number in rates:
            for _ in range(options.rounds):
                for name, path in names.items():
                    rate, cost = language_one(
                        stage, nginx, path, pids.get(path), number, options
                    )
                    rates[number].setdefault(name, []).append(rate)
                    costs[number].setdefault(name, []).append(cost)
    return (
        "languages: hello by one process and by the language's own HTTP server",
        ["handler"] + [f"{n}: {what}" for n in rates
                       for what in ("req/s", "to return 200", "to its server",
                                    "worker us", "process us")],
        [language_row(name, rates, costs) for name in names],
        language_goals(rates),
        {"rates": rates, "worker_and_process_us": costs},
    )


def language_one(stage, nginx, path, pid, number, options):
    """The rate, and the microseconds that the nginx worker and the process
    compute for a request: 1,000,000 / rate is all that a worker has."""
    both = [nginx.workers()[0], pid]
    before = [process.cpu_of_threads(each) for each in both]
    rate, count = stage.wrk(nginx, path, number, options.seconds)
    after = [process.cpu_of_threads(each) for each in both]
    return rate, [(b - a) / count * 1e6 for a, b in zip(before, after)]


def server_of(name):
    language = name.rpartition(" ")[2]
    if language == "pypy":
        return "ours, python"
    return f"{SERVERS[language][1]}, proxy_pass" if language in SERVERS else None


def ratio(seen, name, base):
    return median(a / b for a, b in zip(seen[name], seen[base]))


def language_row(name, rates, costs):
    row = [name]
    for number, seen in rates.items():
        base = server_of(name) if name.startswith("ours") else None
        row.append(f"{median(seen[name]):.0f}")
        row.append(f"{ratio(seen, name, 'return 200'):.2f}")
        row.append(f"{ratio(seen, name, base):.2f}" if base else "")
        row += [f"{median(each):.1f}" for each in zip(*costs[number][name])]
    return row


def language_goals(rates):
    goals = []
    for language in ("pypy", *SERVERS):
        name = f"ours, {language}"
        least = 1.1 if language == "pypy" else 1.3
        for number, seen in rates.items():
            value = ratio(seen, name, server_of(name))
            text = f"{name} >= {least} x {server_of(name)}, {number} connections"
            goals.append((text, f"{value:.2f}", value >= least))
    return goals


# start: from the command to the first answer, and what is resident then


def start(stage, options):
    cache = stage.directory("cache", stage.user)
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
    title = "start: to the first answer, and idle memory then; hello"
    return title, columns, rows, [], seen


def start_one(stage, language, cache):
    """Seconds to the first answer; RSS, PSS and private memory, KiB."""
    name = f"start-{language.name}-{time.monotonic_ns()}"
    socket = stage.directory("sockets", stage.user) / f"{name}.sock"
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


# script: a shell script for each request, by us and by fcgiwrap


def script(stage, options):
    seen = {"ours": [], "fcgiwrap": []}
    directory = stage.directory("peers")
    socket = directory / "fcgiwrap.sock"
    argv = ["/usr/sbin/fcgiwrap", "-c", "1", "-s", f"unix:{socket}"]
    with stage.peer("fcgiwrap", argv, str(socket)):
        with stage.nginx("script", [OURS]) as nginx:
            for name in seen:
                client.ready(nginx.port, "/" + name)
            for _ in range(options.rounds):
                for name, rates in seen.items():
                    rate, _ = stage.wrk(nginx, "/" + name, 4, options.seconds)
                    rates.append(rate)
    rows = [[name, f"{median(rates):.0f}", f"{ratio(seen, name, 'fcgiwrap'):.2f}"]
            for name, rates in seen.items()]
    title = "script: a shell script for each request; one process, 4 connections"
    return title, ["runner", "req/s", "to fcgiwrap"], rows, [], seen
