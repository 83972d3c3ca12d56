"""A runtime that breaks PROTOCOL in every way, told by the event's path.

    fn_command python python3 .../t/lib/fault_runtime.py;

/f/NAME does what the function of this name in FAULTS says; any other path
answers 200 with the event's facts as JSON.  FN_LEDGER names a file to which
each event that was run is appended.
"""

import json
import os
import select
import signal
import socket
import sys
import time

LISTENER = socket.socket(fileno=3)
CONTROL = socket.socket(fileno=4)


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


def spin(connection, event):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pass


def kill(connection, event):
    os.kill(os.getpid(), signal.SIGKILL)


def half_then_kill(connection, event):
    connection.sendall(response(event)[:20])
    kill(connection, event)


def body_then_kill(connection, event):
    connection.sendall(response(event, b"x" * 200000)[:100000])
    kill(connection, event)


def stream_then_kill(connection, event):
    head = {"type": "response", "id": event["id"], "stream": True}
    connection.sendall(line(head) + line({"type": "chunk", "length": 5}) + b"first")
    time.sleep(0.1)
    kill(connection, event)


def stream_then_error(connection, event):
    head = {"type": "response", "id": event["id"], "stream": True}
    error = {"type": "error", "id": event["id"], "error": "E", "message": "late"}
    connection.sendall(
        line(head) + line({"type": "chunk", "length": 5}) + b"first" + line(error)
    )


def byte_by_byte(connection, event):
    for byte in response(event, b"slow", headers={"X-Split": "yes"}):
        connection.sendall(bytes([byte]))
        time.sleep(0.0005)


def half_then_hang(connection, event):
    connection.sendall(response(event)[:20])
    hang(connection, event)


def close(connection, event):
    connection.shutdown(socket.SHUT_RDWR)


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
    "spin": spin,
    "kill": kill,
    "half_then_kill": half_then_kill,
    "half_then_hang": half_then_hang,
    "body_then_kill": body_then_kill,
    "stream_then_kill": stream_then_kill,
    "stream_then_error": stream_then_error,
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
    "unknown_type": send(lambda e: line({"type": "surprise", "id": e["id"]})),
    "expired": send(lambda e: line({"type": "expired", "id": e["id"]})),
    "status_0": send(lambda e: response(e, status=0)),
    "status_100": send(lambda e: response(e, status=100)),
    "status_101": send(lambda e: response(e, status=101)),
    "status_1000": send(lambda e: response(e, status=1000)),
    "status_text": send(lambda e: response(e, status="200")),
    "status_real": send(lambda e: response(e, status=200.5)),
    "header_crlf": send(lambda e: headers(e, "X-A", "v\r\nX-Injected: yes")),
    "header_nul": send(lambda e: headers(e, "X-A", "v\0w")),
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
    "body_twice": send(lambda e: response(e, body="x")),
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


def run(connection, event, body):
    ledger = os.environ.get("FN_LEDGER")
    if ledger:
        with open(ledger, "a") as file:
            print(event["method"], event["path"], event["query"], file=file)
    name = event["path"].rpartition("/")[2]
    if "/f/" in event["path"]:
        FAULTS[name](connection, event)
        return
    if name == "sleep":
        time.sleep(float(event["query"] or 1))
    facts = dict(event, pid=os.getpid(), body=body.decode("latin-1"))
    connection.sendall(response(event, json.dumps(facts).encode()))


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


def main():
    poll = select.poll()
    poll.register(LISTENER, select.POLLIN)
    poll.register(CONTROL, select.POLLIN)
    connections = {}
    CONTROL.sendall(b'{"type":"ready","protocol":1}\n')
    while True:
        for fd, _ in poll.poll():
            if fd == CONTROL.fileno():
                sys.exit()
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
