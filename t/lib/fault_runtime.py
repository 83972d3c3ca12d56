"""A runtime that breaks PROTOCOL in every way, told by the event's path.

    fn_command python python3 .../t/lib/fault_runtime.py;

/f/NAME does what the function of this name in FAULTS says; any other path
answers 200 with the event's facts as JSON, "nth" of them: how many events
this process has begun.  The query is the fault's argument.

FN_LEDGER names a file to which each event that was run is appended.
FAULT_START says how the process starts, a row of STARTS.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time


def open_descriptors():
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            found[fd] = os.readlink("/proc/self/fd/" + fd)
        except FileNotFoundError:  # that of listdir() itself
            pass
    return found


FIRST_DESCRIPTORS = open_descriptors()
LISTENER = socket.socket(fileno=3)
CONTROL = socket.socket(fileno=4)
NTH = 0


def line(message):
    return json.dumps(message).encode() + b"\n"


def response(event, body=b"ok", **fields):
    head = {"type": "response", "id": event["id"], "body_length": len(body)}
    head.update(fields)
    return line(head) + body


def headers(event, name, value):
    return response(event, headers={name: value})


def hang(connection, event):
    time.sleep(1000)


def stubborn(connection, event):
    """Hangs and can be ended by SIGKILL alone."""
    for signo in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(signo, signal.SIG_IGN)
    while True:
        time.sleep(1000)


def spin(connection, event):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pass


def stop(connection, event):
    """Stops itself: what is sent from now on is not read.

    The query says after how many seconds it is killed."""
    if event["query"]:
        script = "sleep %s; kill -9 %d" % (event["query"], os.getpid())
        subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True)
    connection.sendall(response(event))
    os.kill(os.getpid(), signal.SIGSTOP)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def kill(connection, event):
    """Dies, after as many seconds as the query says."""
    time.sleep(float(event["query"] or 0))
    die()


def leave_orphans(connection, event):
    """One in the group, one in a session of its own; then dies."""
    left = [
        subprocess.Popen(["sleep", "1000"], start_new_session=new).pid
        for new in (False, True)
    ]
    with open(event["query"], "w") as file:
        print(*left, file=file)
    die()


def leave_orphans_and_answer(connection, event):
    left = subprocess.Popen(["sleep", "1000"], start_new_session=True).pid
    connection.sendall(response(event, b"%d" % left))


def gone(connection, event):
    """Waits until the processes whose ids are in the file are no more."""
    with open(event["query"]) as file:
        pids = file.read().split()
    end = time.monotonic() + 3
    left = pids
    while left and time.monotonic() < end:
        time.sleep(0.01)
        left = [pid for pid in left if os.path.exists("/proc/" + pid)]
    connection.sendall(response(event, b"%d of %d left" % (len(left), len(pids))))


def kill_once(connection, event):
    """Dies, but not again at the same event: the query names a file."""
    if os.path.exists(event["query"]):
        connection.sendall(response(event, b"second"))
    else:
        open(event["query"], "w").close()
        die()


def half_then_kill(connection, event):
    connection.sendall(response(event)[:20])
    die()


def body_then_kill(connection, event):
    connection.sendall(response(event, b"x" * 200000)[:100000])
    die()


def stream_then(make):
    """A first chunk, which the client has got, and then what make returns."""

    def fault(connection, event):
        head = {"type": "response", "id": event["id"], "stream": True}
        chunk = {"type": "chunk", "length": 5}
        connection.sendall(line(head) + line(chunk) + b"first")
        time.sleep(0.1)
        connection.sendall(make(event))

    return fault


def late_error(event):
    return line({"type": "error", "id": event["id"], "error": "E", "message": "late"})


def byte_by_byte(connection, event):
    for byte in response(event, b"slow", headers={"X-Split": "yes"}):
        connection.sendall(bytes([byte]))
        time.sleep(0.0005)


def half_then_hang(connection, event):
    connection.sendall(response(event)[:20])
    hang(connection, event)


def close(connection, event):
    connection.shutdown(socket.SHUT_RDWR)


def early(connection, event):
    """Closes the connection in the middle of its answer, but lives."""
    connection.sendall(response(event, b"x" * 100)[:-50])
    connection.shutdown(socket.SHUT_RDWR)


def drip_stream(connection, event):
    head = {"type": "response", "id": event["id"], "stream": True}
    connection.sendall(line(head))
    for _ in range(50):
        connection.sendall(line({"type": "chunk", "length": 1}) + b"x")
        time.sleep(0.1)


def big(connection, event):
    connection.sendall(response(event, b"x" * int(event["query"])))


def stream(connection, event):
    """As many chunks as the query says, some ms between them."""
    head = {"type": "response", "id": event["id"], "stream": True}
    connection.sendall(line(head))
    for _ in range(int(event["query"])):
        connection.sendall(line({"type": "chunk", "length": 1000}) + b"x" * 1000)
        time.sleep(0.002)
    connection.sendall(line({"type": "end"}))


def say(file):
    """Prints what the query says, \\xNN and \\n in it as in Python."""

    def fault(connection, event):
        text = event["query"].encode("latin-1").decode("unicode_escape")
        os.write(file, text.encode("latin-1"))
        connection.sendall(response(event))

    return fault


def flood(connection, event):
    for n in range(int(event["query"])):
        os.write(1, b"flood %d\n" % n)
    connection.sendall(response(event))


def long_line(connection, event):
    os.write(1, b"<" + b"y" * int(event["query"]) + b">\n")
    connection.sendall(response(event))


def allocate(connection, event):
    try:
        memory = bytearray(int(event["query"]))
        connection.sendall(response(event, b"%d" % len(memory)))
    except MemoryError:
        connection.sendall(response(event, b"MemoryError"))


def open_files(connection, event):
    files = []
    try:
        for _ in range(int(event["query"])):
            files.append(open("/dev/null"))
        answer = "all"
    except OSError as exc:
        answer = "%s, %d opened" % (exc.strerror, len(files))
    for file in files:
        file.close()
    connection.sendall(response(event, answer.encode()))


def describe(connection, event):
    """All that PROTOCOL 1 says of the process."""
    with open("/proc/self/status") as file:
        status = dict(
            text.rstrip("\n").replace("\t", "").split(":", 1) for text in file
        )
    umask = os.umask(0)
    os.umask(umask)
    facts = {
        "environment": dict(os.environ),
        "descriptors": FIRST_DESCRIPTORS,
        "user": list(os.getresuid()),
        "group": list(os.getresgid()),
        "groups": os.getgroups(),
        "umask": umask,
        "directory": os.getcwd(),
        "arguments": sys.argv[1:],
        "session": os.getsid(0) == os.getpid(),
        "no_new_privs": status["NoNewPrivs"],
        "blocked": status["SigBlk"],
        # without glibc's own 32 and 33: its posix_spawn(), and so make, ignores them
        "ignored": "%016x" % (int(status["SigIgn"], 16) & ~(3 << 31)),
        "capabilities": status["CapEff"],
    }
    wanted = event["query"]
    facts = facts[wanted] if wanted else facts
    connection.sendall(response(event, json.dumps(facts, sort_keys=True).encode()))


def drip(connection, event):
    connection.sendall(line({"type": "response", "id": event["id"], "body_length": 50}))
    for _ in range(50):
        connection.sendall(b"x")
        time.sleep(0.2)


def two_lines(connection, event):
    connection.sendall(response(event) + response(event, b"second"))


def unsolicited(connection, event):
    connection.sendall(response(event))
    time.sleep(0.05)
    connection.sendall(b'{"type":"log","level":"info","message":"late"}\n')


def send(make):
    return lambda connection, event: connection.sendall(make(event))


FAULTS = {
    "hang": hang,
    "stubborn": stubborn,
    "spin": spin,
    "stop": stop,
    "orphans": leave_orphans,
    "orphan_stays": leave_orphans_and_answer,
    "gone": gone,
    "kill_once": kill_once,
    "early": early,
    "drip_stream": drip_stream,
    "big": big,
    "stream": stream,
    "stdout": say(1),
    "stderr": say(2),
    "flood": flood,
    "long_line": long_line,
    "allocate": allocate,
    "open_files": open_files,
    "describe": describe,
    "sleep": lambda c, e: (time.sleep(float(e["query"])), c.sendall(response(e))),
    "exit_1": lambda connection, event: os._exit(1),
    "abort": lambda connection, event: os.abort(),
    "kill": kill,
    "half_then_kill": half_then_kill,
    "half_then_hang": half_then_hang,
    "body_then_kill": body_then_kill,
    "stream_then_kill": stream_then(lambda e: die()),
    "stream_then_error": stream_then(late_error),
    "byte_by_byte": byte_by_byte,
    "close": close,
    "drip": drip,
    "two_lines": two_lines,
    "unsolicited": unsolicited,
    "exit": lambda connection, event: os._exit(0),
    "garbage": send(lambda e: b"HTTP/1.1 200 OK\r\n\r\n<html>\n"),
    "binary": send(lambda e: b"\x00\x01\xfe\xff\x1b[31m\n"),
    "empty_line": send(lambda e: b"\n"),
    "half_line": lambda c, e: (c.sendall(response(e)[:20]), close(c, e)),
    "no_newline": send(lambda e: b"x" * 10000000),
    "wrong_id": send(lambda e: response({"id": "f" * 32})),
    "no_id": send(lambda e: line({"type": "response"})),
    "number_id": send(lambda e: response({"id": 7})),
    "empty_id": send(lambda e: response({"id": ""})),
    "old_id": send(lambda e: response(LAST)),
    "array": send(lambda e: b"[]\n"),
    "not_utf8": send(
        lambda e: b'{"type":"response","id":"%s","x":"\xff"}\n' % e["id"].encode()
    ),
    "bom": send(lambda e: b"\xef\xbb\xbf" + response(e)),
    "trailing": send(lambda e: response(e)[:-3] + b" x\nok"),
    "no_type": send(lambda e: line({"id": e["id"]})),
    "chunk_first": send(lambda e: line({"type": "chunk", "length": 1}) + b"x"),
    "end_first": send(lambda e: line({"type": "end"})),
    "log_level": send(lambda e: line({"type": "log", "level": "loud", "message": ""})),
    "log_number": send(lambda e: line({"type": "log", "level": "info", "message": 1})),
    "log_then_kill": lambda c, e: (
        c.sendall(line({"type": "log", "level": "info", "message": "before"})),
        die(),
    ),
    "error_status": send(
        lambda e: line({"type": "error", "id": e["id"], "status": 200})
    ),
    "error": send(
        lambda e: line(
            {
                "type": "error",
                "id": e["id"],
                "error": "ValueError",
                "message": "wrong\r\nX-Injected: yes",
                "stack": "line 1\nline 2",
            }
        )
    ),
    "stream_garbage": stream_then(lambda e: b"garbage\n"),
    "stream_more": stream_then(lambda e: line({"type": "end"}) + b"more"),
    "stream_twice": stream_then(response),
    "stream_text": send(lambda e: response(e, stream="yes")),
    "unknown_type": send(lambda e: line({"type": "surprise", "id": e["id"]})),
    "expired": send(lambda e: line({"type": "expired", "id": e["id"]})),
    "status_0": send(lambda e: response(e, status=0)),
    "status_100": send(lambda e: response(e, status=100)),
    "status_101": send(lambda e: response(e, status=101)),
    "status_199": send(lambda e: response(e, status=199)),
    "status_600": send(lambda e: response(e, status=600)),
    "status_negative": send(lambda e: response(e, status=-1)),
    "status_null": send(lambda e: response(e, status=None)),
    "status_1000": send(lambda e: response(e, status=1000)),
    "status_text": send(lambda e: response(e, status="200")),
    "status_real": send(lambda e: response(e, status=200.5)),
    "header_crlf": send(lambda e: headers(e, "X-A", "v\r\nX-Injected: yes")),
    "header_nul": send(lambda e: headers(e, "X-A", "v\0w")),
    "header_lf": send(lambda e: headers(e, "X-A", "v\nX-Injected: yes")),
    "header_cr": send(lambda e: headers(e, "X-A", "v\rX-Injected: yes")),
    "header_escape": send(lambda e: headers(e, "X-A", "\x1b[31m")),
    "header_delete": send(lambda e: headers(e, "X-A", "\x7f")),
    "header_name_nul": send(lambda e: headers(e, "X\0A", "v")),
    "header_name_wide": send(lambda e: headers(e, "X-\u20ac", "v")),
    "header_name_long": send(lambda e: headers(e, "X" * 257, "v")),
    "header_null": send(lambda e: headers(e, "X-A", None)),
    "header_nested": send(lambda e: headers(e, "X-A", [["v"]])),
    "headers_list": send(lambda e: response(e, headers=["X-A", "v"])),
    "type_twice": send(lambda e: headers(e, "Content-Type", ["a/b", "c/d"])),
    "header_high": send(lambda e: headers(e, "X-A", "\xe9\xff\x80")),
    "header_name": send(lambda e: headers(e, "X A:", "v")),
    "header_name_crlf": send(lambda e: headers(e, "X-A\r\nX-Injected", "v")),
    "header_empty": send(lambda e: headers(e, "", "v")),
    "header_wide": send(lambda e: headers(e, "X-A", "\u20ac")),
    "header_long": send(lambda e: headers(e, "X-A", "v" * 9000)),
    "header_number": send(lambda e: headers(e, "X-A", 7)),
    "headers_many": send(lambda e: headers(e, "X-A", ["v"] * 101)),
    "duplicate_key": send(
        lambda e: b'{"type":"response","id":"%s","status":200,"status":201}\n'
        % e["id"].encode()
    ),
    "deep": send(lambda e: b"[" * 5000 + b"\n"),
    "deep_32": send(
        lambda e: response(e, deep=json.loads("[" * 31 + "]" * 31))
    ),
    "number_huge": send(
        lambda e: b'{"type":"response","id":"%s","status":1e400}\n' % e["id"].encode()
    ),
    "number_long": send(
        lambda e: b'{"type":"response","id":"%s","body_length":%s}\n'
        % (e["id"].encode(), b"9" * 1000)
    ),
    "length_real": send(lambda e: response(e, body_length=2.0)),
    "length_short": send(lambda e: response(e, body_length=1)),
    "body_number": send(lambda e: line({"type": "response", "id": e["id"], "body": 1})),
    "text": send(lambda e: line({"type": "response", "id": e["id"], "body": "text"})),
    "text_more": send(
        lambda e: line({"type": "response", "id": e["id"], "body": "text"}) + b"more"
    ),
    "body_twice": send(
        lambda e: line(
            {"type": "response", "id": e["id"], "body": "x", "body_length": 1}
        )
        + b"x"
    ),
    "length_text": send(lambda e: response(e, body_length="2")),
    "length_negative": send(lambda e: response(e, body_length=-1)),
    "managed": send(
        lambda e: response(
            e,
            headers={
                "Content-Length": "999",
                "Transfer-Encoding": "chunked",
                "Connection": "upgrade",
                "Date": "never",
                "Server": "mine",
                "X-Accel-Redirect": "/secret",
                "X-Kept": "yes",
            },
        )
    ),
}


LAST = {"id": "none"}


def run(connection, event, body):
    global LAST, NTH
    NTH += 1
    ledger = os.environ.get("FN_LEDGER")
    if ledger:
        with open(ledger, "a") as file:
            print(event["method"], event["path"], event["query"], file=file)
    name = event["path"].rpartition("/")[2]
    if "/f/" in event["path"] and name in FAULTS:
        FAULTS[name](connection, event)
    else:
        if name == "sleep":
            time.sleep(float(event["query"] or 1))
        facts = dict(event, pid=os.getpid(), nth=NTH, body=body.decode("latin-1"))
        connection.sendall(response(event, json.dumps(facts).encode()))
    LAST = event


def serve(connection, pending):
    data = connection.recv(1 << 20)
    if not data:
        return False
    pending += data
    while b"\n" in pending:
        head, _, rest = bytes(pending).partition(b"\n")
        event = json.loads(head)
        event.setdefault("query", "")
        length = event.get("body_length", 0)
        if len(rest) < length:
            break
        pending[:] = rest[length:]
        late = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000000
        if late > event.get("start_by", late):
            connection.sendall(line({"type": "expired", "id": event["id"]}))
        else:
            run(connection, event, rest[:length])
    return True


def start_refused():
    sys.stderr.write("what explains it\n")
    CONTROL.sendall(line({"type": "error", "error": "E", "message": "no\x1b[1m"}))
    sys.exit(1)


def start_crashing():
    """Ready, and dead a moment later."""
    CONTROL.sendall(READY)
    time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGKILL)


def start_with_orphan():
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    CONTROL.sendall(READY)


READY = b'{"type":"ready","protocol":1}\n'

STARTS = {
    "": lambda: CONTROL.sendall(READY),
    "never": lambda: time.sleep(1000),
    "refused": start_refused,
    "silent": lambda: sys.exit(3),
    "garbage": lambda: CONTROL.sendall(b"\x00\x1b[31m hello\n"),
    "version": lambda: CONTROL.sendall(b'{"type":"ready","protocol":2}\n'),
    "endless": lambda: CONTROL.sendall(b"x" * 100000),
    "slow": lambda: (time.sleep(0.5), CONTROL.sendall(READY)),
    "crashing": start_crashing,
    "orphan": start_with_orphan,
}


def control():
    """Stop: finish what is begun (nothing is, between events), and end."""
    CONTROL.recv(4096)
    if os.environ.get("FAULT_STOP") == "ignored":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)
    sys.exit()


def main():
    poll = select.poll()
    poll.register(LISTENER, select.POLLIN)
    poll.register(CONTROL, select.POLLIN)
    connections = {}
    STARTS[os.environ.get("FAULT_START", "")]()
    while True:
        for fd, _ in poll.poll():
            if fd == CONTROL.fileno():
                control()
            if fd == LISTENER.fileno():
                connection = LISTENER.accept()[0]
                connections[connection.fileno()] = (connection, bytearray())
                poll.register(connection, select.POLLIN)
                continue
            try:
                alive = serve(*connections[fd])
            except OSError:
                alive = False
            if not alive:
                poll.unregister(fd)
                connections.pop(fd)[0].close()


main()
