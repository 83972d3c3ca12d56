"""The facts without which a figure means little."""

import os
import pathlib
import platform
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

PYPY = "import sys; print('.'.join(map(str, sys.pypy_version_info[:3])))"
VERSIONS = {
    "nginx": ["nginx", "-v"],
    "python": ["/usr/bin/python3", "--version"],
    "pypy": ["pypy3", "-c", PYPY],
    "node": ["/usr/bin/node", "--version"],
    "go": ["go", "version"],
    "java": ["java", "-version"],
    "dotnet": ["dotnet", "--version"],
    "ruby": ["ruby", "--version"],
    "uwsgi": ["uwsgi", "--version"],
    "gunicorn": ["/usr/bin/gunicorn", "--version"],
}
PACKAGES = {
    "uvicorn": "python3-uvicorn",
    "uvloop": "python3-uvloop",
    "httptools": "python3-httptools",
    "php-fpm": "php8*-fpm",
    "puma": "puma",
    "webrick": "ruby-webrick",
    "gson": "libgoogle-gson-java",
    "fcgiwrap": "fcgiwrap",
    "lua-nginx-module": "libnginx-mod-http-lua",
    "njs": "libnginx-mod-http-js",
    "jq": "jq",
    "jansson": "libjansson-dev",
}


def output(argv):
    try:
        run = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    except OSError:
        return ""
    return run.stdout + run.stderr


def version(argv):
    found = re.search(r"\d+\.\d+[\w.]*", output(argv))
    return found[0] if found else None


def versions():
    """Of what is there."""
    with ThreadPoolExecutor() as pool:
        seen = dict(zip(VERSIONS, pool.map(version, VERSIONS.values())))
    for name, package in PACKAGES.items():
        text = output(["dpkg-query", "-W", "-f", "${Version} ", package])
        found = re.match(r"(?:\d+:)?(\d[\w.]*)", text)
        seen[name] = found[1] if found else None
    return {name: text for name, text in seen.items() if text}


def line(path, key):
    found = re.search(rf"^{key}\s*[:=]\s*\"?(.*?)\"?$", path.read_text(), re.M)
    return found[1] if found else "?"


def facts(root):
    proc = pathlib.Path("/proc")
    revision = output(["git", "-C", root, "describe", "--always", "--dirty"])
    return {
        "cpu": line(proc / "cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory": f"{int(line(proc / 'meminfo', 'MemTotal').split()[0]) >> 20} GiB",
        "kernel": platform.release().split("-")[0],
        "system": line(pathlib.Path("/etc/os-release"), "PRETTY_NAME"),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "niceness": os.nice(0),
        "revision": revision.strip() if " " not in revision.strip() else "?",
    }
