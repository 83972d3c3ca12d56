"""The event as a handler sees it, and how it comes in."""

import json
import os
import socket
import sys
import time
import unittest
from datetime import datetime

from fn_runtime.event import Event, TriggerInfo, WireEvent
from tests.runtime import ID, ROOT, Runtime, event

PYPY = sys.implementation.name == "pypy"

SOURCE = r"""
def handler(context, event):
    return repr(eval(event.raw_body.decode()))
"""


class Seen(unittest.TestCase):
    """Unit tests of WireEvent."""

    def event(self, body=b"", **fields):
        return WireEvent({"id": ID, "method": "GET", "path": "/", **fields}, body)

    def test_defaults(self):
        e = self.event()
        self.assertEqual((e.id, e.method, e.path, e.url), (ID, "GET", "/", ""))
        self.assertEqual((e.body, e.content_type, e.size), (b"", "", 0))
        self.assertEqual((e.headers, e.fields), ({}, {}))
        self.assertEqual((e.trigger.kind, e.trigger.name), ("http", ""))
        self.assertEqual((e.shard_id, e.num_shards, e.offset), (-1, 0, 0))
        self.assertEqual((e.type, e.type_version, e.version, e.topic), ("",) * 4)
        self.assertIs(e.last_in_batch, False)
        self.assertEqual(e.remote_addr, "")
        self.assertIsInstance(e, Event)
        with self.assertRaises(AttributeError):
            e.nothing

    def test_strings(self):
        headers = {"A": "a", "U": "\xc3\xbc", "L": "\xfc", "S": "\xed\xb2\x80"}
        e = self.event(path="/\xc3\xbc", headers={**headers, "M": ["1", "\xc3\xbc"]})
        self.assertEqual(e.path, "/\u00fc")
        self.assertEqual(e.headers["U"], "\u00fc")
        self.assertEqual(e.headers["L"], "\xfc")
        self.assertEqual(e.headers["S"], "\xed\xb2\x80")
        self.assertEqual(e.headers["M"], ["1", "\u00fc"])
        self.assertEqual(e.get_header("u"), "\u00fc")
        self.assertEqual(e.get_header("m"), "\u00fc")
        self.assertIsNone(e.get_header("none"))

    def test_fields(self):
        for query, fields in [
            ("a=1&b=2&a=3", {"a": "3", "b": "2"}),
            ("a+b=c+d&e", {"a b": "c d", "e": ""}),
            ("a=&=b&&", {"a": "", "": "b"}),
            ("u=%C3%BC&l=%FC&r=\xc3\xbc", {"u": "\u00fc", "l": "\xfc", "r": "\u00fc"}),
            ("a=b=c?d%2", {"a": "b=c?d%2"}),
        ]:
            with self.subTest(query=query):
                self.assertEqual(self.event(query=query).fields, fields)

    def test_timestamp(self):
        e = self.event(timestamp=1789000000.123)
        self.assertEqual(e.timestamp, datetime(2026, 9, 10, 0, 26, 40, 123000))
        self.assertIsNone(e.timestamp.tzinfo)

    def test_body(self):
        json_type = {"Content-Type": "application/json"}
        self.assertEqual(self.event(b'{"a":1}', headers=json_type).body, {"a": 1})
        self.assertEqual(self.event(b"7", headers=json_type).body, 7)
        charset = {"Content-Type": "application/json; charset=utf-8"}
        self.assertEqual(self.event(b"7", headers=charset).body, b"7")
        e = self.event(b'{"a":1}', headers=json_type)
        self.assertEqual((e.raw_body, e.size), (b'{"a":1}', 7))

    def test_writable(self):
        e = self.event(b"x", headers={"A": "b"})
        for name in ("body", "headers", "method", "path", "fields", "timestamp", "own"):
            setattr(e, name, "new")
            self.assertEqual(getattr(e, name), "new")

    def test_to_json(self):
        e = self.event(b"\xff", timestamp=0, trigger={"kind": "http", "name": "n"})
        value = json.loads(e.to_json())
        self.assertEqual(value["body"], "/w==")
        self.assertEqual(value["trigger"], {"kind": "http", "name": "n"})
        self.assertEqual(value["timestamp"], "1970-01-01 00:00:00")
        self.assertEqual(json.loads(repr(e)), value)

    def test_made_by_hand(self):
        e = Event(body="b", _id="7", trigger=TriggerInfo("k", "n"), headers={"A": "1"})
        self.assertEqual((e.body, e.id, e.path), ("b", "7", "/"))
        self.assertEqual(e.get_header("a"), "1")
        self.assertEqual(json.loads(e.to_json())["trigger"], {"kind": "k", "name": "n"})


class Sent(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.runtime = Runtime(SOURCE, FN_SLOT="3").__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.runtime.__exit__()

    def test_ready(self):
        self.assertEqual(self.runtime.ready, b'{"type":"ready","protocol":1}\n')

    def test_context(self):
        for expression, value in [
            ("context.worker_id", "3"),
            ("context.trigger_name, context.trigger.kind", ("test", "http")),
            ("setattr(context.user_data, 'x', 1), context.user_data.x", (None, 1)),
            ("context.Response is __import__('nuclio_sdk').Response", True),
            ("context.platform.kind, context.platform.namespace", ("local", "default")),
        ]:
            reply = self.runtime.reply(expression.encode())
            self.assertEqual(reply["data"].decode(), repr(value))

    def test_bad_json_body_is_bytes(self):
        headers = {"Content-Type": "application/json"}
        reply = self.runtime.reply(b"event.body", headers=headers)
        self.assertEqual(reply["data"], b"b'event.body'")
        (record,) = reply["logs"]
        self.assertEqual(record["level"], "warn")
        self.assertIn("not JSON", record["message"])

    def test_sizes(self):
        with self.runtime.connect() as client:
            for size in (0, 1, 4096, 65535, 65536, 65537, 10 << 20):
                code = b"len(event.body), event.body[-1:]"
                if size > len(code):
                    code += b" " * (size - len(code) - 1) + b"\n"
                reply = client.reply(code)
                self.assertEqual(reply["data"], repr((len(code), code[-1:])).encode())

    def test_split(self):
        data = event(b"event.path", path="/\xc3\xbc")
        with self.runtime.connect() as client:
            for at in range(1, len(data)):
                client.socket.sendall(data[:at])
                time.sleep(0.0005)
                client.socket.sendall(data[at:])
                self.assertEqual(client.read()["data"].decode(), repr("/\u00fc"))

    def test_byte_by_byte(self):
        with self.runtime.connect() as client, self.runtime.connect() as other:
            for byte in event(b"event.method"):
                client.socket.sendall(bytes([byte]))
            self.assertEqual(other.reply(b"1")["data"], b"1")
            self.assertEqual(client.read()["data"], b"'POST'")

    def test_start_by(self):
        now = time.monotonic_ns() // 1000000
        with self.runtime.connect() as client:
            reply = client.reply(b"1", start_by=now + 60000)
            self.assertEqual(reply["data"], b"1")
            self.assertEqual(
                client.reply(b"1", start_by=now - 1),
                {"type": "expired", "id": ID, "logs": []},
            )
            self.assertEqual(client.reply(b"2")["data"], b"2")

    def test_not_read_before_it_can_run(self):
        """PROTOCOL 4.4: bytes wait in the socket while a handler runs."""
        with self.runtime.connect() as busy, self.runtime.connect() as waiting:
            busy.send(b"__import__('time').sleep(0.5)")
            time.sleep(0.2)
            waiting.send(b"1", start_by=time.monotonic_ns() // 1000000 + 100)
            time.sleep(0.1)
            self.assertGreater(unread(waiting.socket), 0)
            busy.read()
            self.assertEqual(waiting.read()["type"], "expired")

    def test_end_of_file_in_an_event(self):
        for data in (event(b"1")[:50], event(b"12345")[:-1]):
            with self.runtime.connect() as client:
                client.socket.sendall(data)
                client.socket.shutdown(socket.SHUT_WR)
                self.assertEqual(client.line(), b"")
        self.assertEqual(self.runtime.reply(b"1")["data"], b"1")

    def test_invalid_event_ends_the_connection(self):
        for data in (b"GET / HTTP/1.0\r\n\r\n", event() + b"x", b"[" * 200000 + b"\n"):
            with self.runtime.connect() as client:
                client.socket.sendall(data)
                self.assertEqual(read_end(client), b"")
        self.assertIn("connection closed: ProtocolError", self.runtime.errors())

    def test_peer_goes_away(self):
        for code in (b"'x' * 10000000", b"[__import__('time').sleep(0.1)] and 'x'"):
            for _ in range(3):
                with self.runtime.connect() as client:
                    client.send(code)
        self.assertEqual(self.runtime.reply(b"1")["data"], b"1")

    def test_many_connections(self):
        clients = [self.runtime.connect() for _ in range(200)]
        for _ in range(2):
            for client in clients:
                client.send(b"1")
            for client in clients:
                self.assertEqual(client.read()["data"], b"1")
        for client in clients:
            client.close()

    @unittest.skipIf(PYPY, "its memory is free when the collector has run")
    def test_a_body_is_not_kept(self):
        before = memory(self.runtime.process.pid, "VmRSS")
        with self.runtime.connect() as client:
            client.reply(b"len(event.body)".ljust(64 << 20))
            time.sleep(0.1)
            after = memory(self.runtime.process.pid, "VmRSS")
        self.assertLess(after, before + (16 << 20))


class Demos(unittest.TestCase):
    def demo(self, name):
        return Runtime(target=os.path.join(ROOT, "demo", name))

    def test_hello(self):
        with self.demo("hello.py") as runtime:
            reply = runtime.reply()
            self.assertEqual(reply["data"], b"Hello from python")
            self.assertEqual(reply["headers"], {"Content-Type": "text/plain"})

    def test_wordcount(self):
        with self.demo("wordcount.py") as runtime:
            for body, counts in [
                (b"", (0, 0)),
                (b"one", (0, 1)),
                (b" a\tb\n\nc\v\f\r\xff\xfe\n", (3, 4)),
                (b"ab " * 700000 + b"\n", (1, 700000)),
                (b"x" * (3 << 20), (0, 1)),
                (b"x" * (1 << 20) + b" " + b"y" * (1 << 20), (0, 2)),
            ]:
                lines, words = counts
                reply = runtime.reply(body)
                self.assertEqual(
                    json.loads(reply["data"]),
                    {"lines": lines, "words": words, "bytes": len(body)},
                )
            headers = {"Content-Type": "application/json"}
            reply = runtime.reply(b"[1, 2]", headers=headers)
            self.assertEqual(json.loads(reply["data"])["words"], 2)

    @unittest.skipIf(PYPY, "its memory is free when the collector has run")
    def test_wordcount_memory(self):
        with self.demo("wordcount.py") as runtime:
            before = memory(runtime.process.pid, "VmHWM")
            body = b"some words\n" * (6 << 20)
            self.assertEqual(json.loads(runtime.reply(body)["data"])["words"], 12 << 20)
            peak = memory(runtime.process.pid, "VmHWM")
            self.assertLess(peak - before, 1.2 * len(body))

    def test_fail(self):
        with self.demo("fail.py") as runtime:
            reply = runtime.reply()
            self.assertEqual((reply["type"], reply["error"]), ("error", "ValueError"))
            self.assertEqual(reply["logs"][0]["level"], "warn")


def unread(sock):
    """SIOCOUTQ: bytes that the peer has not read."""
    import array
    import fcntl

    count = array.array("i", [0])
    fcntl.ioctl(sock, 0x5411, count)
    return count[0]


def read_end(client):
    try:
        return client.file.read()
    except ConnectionResetError:
        return b""


def memory(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    raise LookupError(name)


if __name__ == "__main__":
    unittest.main()
