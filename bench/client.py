"""Requests that are made one at a time; load.c makes many."""

import http.client
import json
import socket
import subprocess
import time

PIECE = bytes(65536)
HOST = "127.0.0.1"

# a workload: what is posted, and what has to be answered
DOCUMENT = {
    "id": 4711,
    "name": "measured",
    "active": True,
    "parent": 42,
    "tags": ["red", "green", "blue", "y\u00e9llow"],
    "items": [
        {"sku": f"A-{n:04}", "quantity": n, "price": n + 0.25, "note": "as ordered"}
        for n in range(13)
    ],
}
JSON = json.dumps(DOCUMENT, ensure_ascii=False).encode()
BODY = bytes(range(256)) * 4096
POSTED = {"json": (JSON, "application/json"), "body": (BODY, "application/x-binary")}
ANSWERS = {
    "hello": lambda body: body == b"Hello, world",
    "json": lambda body: json.loads(body) == DOCUMENT,
    "body": lambda body: int(body) == len(BODY),
    "wait": lambda body: body == b"waited",
}


def request(path):
    """Its bytes; a workload is a path without a slash."""
    workload = path.strip("/")
    if workload not in POSTED:
        return f"GET /{workload} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    body, kind = POSTED[workload]
    head = f"POST /{workload} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {kind}\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


def reachable(address):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as sock:
        return sock.connect_ex(address) == 0


def event(path):
    """One event of the line protocol, to the first byte of its reply."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(120)
        sock.connect(path)
        sock.sendall(b'{"id":"a","method":"GET","path":"/"}\n')
        if not sock.recv(1):
            raise RuntimeError(f"{path} does not answer")


def get(port, path, timeout=60):
    body, kind = POSTED.get(path.strip("/"), (None, None))
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    method = "POST" if body else "GET"
    connection.request(method, path, body, {"Content-Type": kind} if body else {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, answer.getheader("Content-Type", ""), text


def ready(port, path, seconds=20):
    """Waits for a 200, and looks at the answer of a workload; a function still
    starting answers 503."""
    deadline = time.monotonic() + seconds
    name = path.strip("/")
    while True:
        status, kind, body = get(port, "/" + name)
        if status == 200:
            break
        if status != 503 or time.monotonic() > deadline:
            raise RuntimeError(f"/{name} answers {status}, {kind}: {body[:200]}")
        time.sleep(0.1)
    if name == "json" and body == b"Hello, world":
        return  # nginx itself, without a look at what was posted
    if name in ANSWERS and not ANSWERS[name](body):
        raise RuntimeError(f"/{name} answers {body[:200]}")


CALLS = """
import time, runpy, sys
handler = runpy.run_path(sys.argv[1])["handler"]
count, end = 0, time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    handler(None, None)
    count += 1
print(count)
"""


def calls(path, processes, seconds):
    """Calls per second of a Python handler in a loop, nothing around it."""
    argv = ["/usr/bin/python3", "-c", CALLS, path, str(seconds)]
    running = [
        subprocess.Popen(argv, stdout=subprocess.PIPE) for _ in range(processes)
    ]
    return sum(int(each.communicate()[0]) for each in running) / seconds


def transfer(port, path, size):
    """Sends size bytes to .../up and takes what others answer; gives the
    seconds, the status and how many bytes came over."""
    start = time.monotonic()
    connection = http.client.HTTPConnection(HOST, port, timeout=120)
    if path.endswith("up"):
        connection.request("POST", path, pieces(size), {"Content-Length": size})
        answer = connection.getresponse()
        length = int(answer.read(64) or 0)
    else:
        connection.request("GET", path)
        answer = connection.getresponse()
        length = sum(map(len, iter(lambda: answer.read(len(PIECE)), b"")))
    connection.close()
    return time.monotonic() - start, answer.status, length


def pieces(size):
    return (PIECE for _ in range(size // len(PIECE)))
