"""What nuclio's HTTP trigger and wrapper do beside plain events."""

import json
import os
import socket
import tempfile
import unittest

from tests.runtime import ID, Runtime

FACTS = """
import json
def handler(context, event):
    return json.dumps([
        event.id, event.type, event.type_version, event.version,
        event.trigger.kind, event.trigger.name, event.content_type,
        event.headers, str(event.timestamp),
        event.body if isinstance(event.body, dict) else event.body.decode(),
    ], default=lambda value: {"bytes": value.decode()})
"""

BATCH = """
import nuclio_sdk
def handler(context, events):
    body = b"".join(event.body for event in events)
    if body == b"raise":
        raise ValueError("some error")
    return [
        nuclio_sdk.Response(body=body, event_id=event.id)
        for event in events if event.body != b"left out"
    ]
"""


class CloudEvents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.runtime = Runtime(FACTS).__enter__()
        cls.addClassCleanup(cls.runtime.__exit__)

    def facts(self, body, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return json.loads(self.runtime.reply(body, headers=headers)["data"])

    def test_binary(self):
        facts = self.facts(
            b"data",
            Ce_Cloudeventsversion="0.1",
            Ce_Eventid="A1",
            Ce_Eventtype="made",
            Ce_Eventtypeversion="1.0",
            Ce_Eventtime="2018-04-05T19:31:00+02:00",
            Ce_Source="/here",
            Content_Type="text/xml",
        )
        self.assertEqual(facts[:7], ["A1", "made", "1.0", "0.1", "/here", "", "text/xml"])
        self.assertEqual(facts[8:], ["2018-04-05 17:31:00", "data"])

    def structured(self, **facts):
        body = json.dumps(facts).encode()
        return self.facts(body, Content_Type="application/cloudevents+json")

    def test_structured(self):
        facts = self.structured(
            cloudEventsVersion="0.1",
            eventID="A1",
            eventType="made",
            source="/here",
            contentType="text/xml",
            extensions={"a": "b"},
            data={"c": 1},
        )
        self.assertEqual(facts[:5], ["A1", "made", "", "0.1", "/here"])
        self.assertEqual(facts[6:8], ["text/xml", {"a": "b"}])
        self.assertEqual(facts[9], {"c": 1})

    def test_no_object(self):
        for body in (b"[1]", b"{", b""):
            facts = self.facts(body, Content_Type="application/cloudevents")
            self.assertEqual(facts[0], ID)
            self.assertEqual(facts[9], body.decode())

    def test_nonsense(self):
        facts = self.structured(eventTime=7, extensions=None, data=None)
        self.assertEqual(facts[7], {})


class Bytes(unittest.TestCase):
    def test_strings_are_bytes(self):
        source = """
def handler(context, event):
    return repr([
        event.id, event.method, event.path, event.content_type, event.headers,
        event.fields, event.trigger.kind, event.get_header("x-a"), event.body,
    ])
"""
        with Runtime(source, NUCLIO_PYTHON_DECODE_EVENT_STRINGS="No") as runtime:
            reply = runtime.reply(
                b'{"a": 1}',
                query="b=%C3%A9",
                headers={"Content-Type": "application/json", "X-A": "\xc0\xaf"},
            )
        self.assertIn("data", reply, reply)
        seen = eval(reply["data"])
        self.assertEqual(seen[0], ID.encode())
        self.assertTrue(all(type(value) is bytes for value in seen[1:4]))
        self.assertEqual(seen[4][b"X-A"], b"\xc0\xaf")
        self.assertEqual(seen[5:8], [{b"b": "\u00e9".encode()}, b"http", b"\xc0\xaf"])
        self.assertEqual(seen[8], {"a": 1})


class Files(unittest.TestCase):
    SOURCE = """
def handler(context, event):
    headers = {"X-nuclio-filestream-path": event.path, "a": "b"}
    if event.body:
        headers["X-Nuclio-Filestream-Delete-After-Send"] = "1"
    return context.Response(headers=headers, status_code=201)
"""

    @classmethod
    def setUpClass(cls):
        cls.runtime = Runtime(cls.SOURCE).__enter__()
        cls.addClassCleanup(cls.runtime.__exit__)

    def test_a_file(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x" * 100000)
            file.flush()
            reply = self.runtime.reply(path=file.name)
            self.assertEqual(reply["status"], 201)
            self.assertEqual(b"".join(reply["chunks"]), b"x" * 100000)
            self.assertEqual(reply["headers"], {"Content-Type": "text/plain", "a": "b"})

    def test_it_is_removed(self):
        file, path = tempfile.mkstemp()
        os.close(file)
        reply = self.runtime.reply(b"remove", path=path)
        self.assertEqual(reply["chunks"], [])
        self.assertFalse(os.path.exists(path))

    def test_none(self):
        for path in ("/no/such/file", "/tmp", "/dev/null"):
            reply = self.runtime.reply(path=path)
            self.assertEqual((reply["status"], reply["data"]), (404, b""))


class Batches(unittest.TestCase):
    def start(self, size=2, timeout="10s", **more):
        runtime = Runtime(
            BATCH,
            NUCLIO_PYTHON_BATCH_SIZE=str(size),
            NUCLIO_PYTHON_BATCH_TIMEOUT=timeout,
            FN_CONCURRENCY="2",
            **more,
        )
        self.addCleanup(runtime.__exit__)
        return runtime.__enter__()

    def both(self, runtime, *bodies):
        clients = [runtime.connect() for _ in bodies]
        for number, (client, body) in enumerate(zip(clients, bodies)):
            client.send(body, id=f"id-{number}")
        replies = [client.read() for client in clients]
        for client in clients:
            client.close()
        return replies

    def test_full(self):
        runtime = self.start()
        for _ in range(2):
            replies = self.both(runtime, b"a", b"b")
            self.assertEqual([reply["id"] for reply in replies], ["id-0", "id-1"])
            bodies = [sorted(reply["data"].decode()) for reply in replies]
            self.assertEqual(bodies, [["a", "b"]] * 2)

    def test_due(self):
        runtime = self.start(timeout="50ms")
        with runtime.connect() as client:
            self.assertEqual(client.reply(b"a")["data"], b"a")
            self.assertEqual(client.reply(b"b")["data"], b"b")

    def test_failures(self):
        runtime = self.start(timeout="10ms")
        self.assertEqual(runtime.reply(b"raise")["error"], "ValueError")
        self.assertEqual(runtime.reply(b"left out")["error"], "LookupError")
        self.assertEqual(runtime.reply(b"a")["data"], b"a")

    def test_a_client_that_leaves(self):
        runtime = self.start(timeout="100ms")
        with runtime.connect() as client:
            client.send(b"a")
        self.assertEqual(runtime.reply(b"b")["type"], "response")

    def test_expired(self):
        runtime = self.start(timeout="10ms")
        self.assertEqual(runtime.reply(b"a", start_by=1)["type"], "expired")

    def test_stop(self):
        runtime = self.start()
        with runtime.connect() as client:
            client.send(b"a")
            client.socket.settimeout(0.2)
            with self.assertRaises(socket.timeout):
                client.socket.recv(1, socket.MSG_PEEK)
            client.socket.settimeout(20)
            runtime.stop()
            self.assertEqual(client.read()["data"], b"a")
        self.assertEqual(runtime.wait(), 0)

    def test_refused(self):
        for size, timeout in ((3, "1s"), (2, "soon")):
            runtime = self.start(size, timeout)
            self.assertIn(b'"error"', runtime.ready)


if __name__ == "__main__":
    unittest.main()
