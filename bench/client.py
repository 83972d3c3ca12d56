"""The clients: wrk for rates, sockets for latencies and long bodies."""

import gc
import http.client
import re
import select
import socket
import subprocess
import time

PIECE = bytes(65536)
HOST = "127.0.0.1"


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
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.getheader("Content-Type", ""), body


def ready(port, path, seconds=20):
    """Waits for a 200; a function still starting answers 503."""
    deadline = time.monotonic() + seconds
    while True:
        status, kind, body = get(port, path)
        if status == 200 and kind.startswith("text/plain") and body:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path} answers {status}, {kind}: {body[:200]}")
        time.sleep(0.1)


def wrk(port, path, connections, seconds):
    """Requests per second, their number, and what went wrong."""
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    argv.append(f"http://{HOST}:{port}{path}")
    run = subprocess.run(
        argv, capture_output=True, text=True, timeout=seconds + 30
    )
    found = re.search(r"Requests/sec:\s*([\d.]+)", run.stdout)
    if not found:
        raise RuntimeError(f"wrk, {path}: {run.stdout}{run.stderr}")
    count = int(re.search(r"(\d+) requests in", run.stdout)[1])
    wrong = re.findall(r"Non-2xx.*|Socket errors.*", run.stdout)
    return float(found[1]), count, wrong


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


class Loop:
    """Connections that each send the next request when answered.

    Each request counts once: wrk would add, for one that took long, those
    that it "should have sent" meanwhile, which makes a percentile of one slow
    call in 5,000 a percentile of the slow call alone.
    """

    def __init__(self, port, path, connections):
        self.address = (HOST, port)
        self.request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
        self.poll = select.epoll()
        self.sockets = {}
        self.latencies = []
        self.failed = 0
        for _ in range(connections):
            self.open()

    def open(self):
        sock = socket.create_connection(self.address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.poll.register(sock, select.EPOLLIN)
        self.send(sock)

    def send(self, sock):
        self.sockets[sock.fileno()] = sock, time.perf_counter()
        sock.send(self.request)

    def receive(self, number):
        sock, start = self.sockets[number]
        answer = sock.recv(65536)  # short: it comes in one piece
        self.latencies.append(time.perf_counter() - start)
        self.failed += not answer.startswith(b"HTTP/1.1 200 ")
        if b"Connection: close" in answer or not answer:
            self.sockets.pop(number)[0].close()
            self.open()
        else:
            self.send(sock)

    def run(self, seconds):
        """Latencies in seconds, sorted, and how many requests failed."""
        gc.disable()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for number, _ in self.poll.poll(1):
                self.receive(number)
        gc.enable()
        for sock, _ in self.sockets.values():
            sock.close()
        self.poll.close()
        return sorted(self.latencies), self.failed
