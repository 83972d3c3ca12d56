"""platform.call_function(): what is sent to the server of FN_CALL, and comes back."""

import os
import socket
import socketserver
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler

from fn_runtime.context import Context, Platform
from fn_runtime.event import Event


class Callee(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        server = self.server
        length = int(self.headers.get("Content-Length", 0))
        server.seen = self.requestline, self.headers.items(), self.rfile.read(length)
        self.wfile.write(server.reply)
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_HEAD = answer

    def address_string(self):
        return ""

    def log_message(self, *_):
        pass


class Call(unittest.TestCase):
    family = socket.AF_UNIX

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        if self.family == socket.AF_UNIX:
            path = os.path.join(self.folder.name, "socket")
            self.server = socketserver.UnixStreamServer(path, Callee)
            self.address = "unix:" + path
        else:
            self.server = socketserver.TCPServer(("127.0.0.1", 0), Callee)
            self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.server.reply = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
        threading.Thread(target=self.server.serve_forever, args=(0.01,)).start()

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        self.folder.cleanup()

    def call(self, event, timeout=10, name="f"):
        platform = Platform("local", address=self.address)
        return platform.call_function(name, event, timeout=timeout)

    def seen(self, event, name="f"):
        self.call(event, name=name)
        line, headers, body = self.server.seen
        return line, dict(headers), body

    def test_an_empty_event(self):
        line, headers, body = self.seen(Event())
        self.assertEqual(line, "GET / HTTP/1.1")
        host = "localhost" if self.family == socket.AF_UNIX else self.address
        self.assertEqual(
            headers, {"Host": host, "X-Nuclio-Target": "f", "Connection": "close"}
        )
        self.assertEqual(body, b"")

    def test_bodies(self):
        for given, sent, content_type in [
            ("\u20ac", b"\xe2\x82\xac", "text/plain"),
            (b"\xff", b"\xff", "text/plain"),
            (bytearray(b"x"), b"x", "text/plain"),
            (memoryview(b"x"), b"x", "text/plain"),
            ({"a": b"x"}, b'{"a": "b\'x\'"}', "application/json"),
            ([1], b"[1]", "application/json"),
            (3, b"3", "text/plain"),
        ]:
            line, headers, body = self.seen(Event(body=given))
            self.assertEqual(line, "POST / HTTP/1.1")
            self.assertEqual((body, headers["Content-Type"]), (sent, content_type))
        _, headers, _ = self.seen(Event(body="x", content_type="a/b"))
        self.assertEqual(headers["Content-Type"], "a/b")
        _, headers, _ = self.seen(Event(method="PUT"))
        self.assertEqual(headers["Content-Length"], "0")

    def test_paths(self):
        for path, sent in [
            ("/a b", "/a%20b"),
            ("/\u20ac?a=\u20ac&b=%20", "/%E2%82%AC?a=%E2%82%AC&b=%20"),
            ("/a\r\nX-Evil: 1", "/a%0D%0AX-Evil:%201"),
            ("", "/"),
        ]:
            line, headers, _ = self.seen(Event(path=path))
            self.assertEqual(line, f"GET {sent} HTTP/1.1")
            self.assertNotIn("X-Evil", headers)

    def test_headers(self):
        event = Event(
            headers={
                "X-A": ["1", "2"],
                "X-B": 3,
                "x-c": b"\xff",
                "X-D": None,
                "X-E": "\u20ac",
                "content-length": "99",
                "Transfer-Encoding": "chunked",
                "X-Nuclio-Target": "mine",
            }
        )
        self.call(event)
        _, headers, _ = self.server.seen
        self.assertEqual(
            headers[-5:],
            [("X-A", "1"), ("X-A", "2"), ("X-B", "3"), ("x-c", "\xff")]
            + [("X-E", "\xe2\x82\xac")],
        )
        self.assertEqual(dict(headers)["X-Nuclio-Target"], "f")
        self.assertEqual(event.headers["X-Nuclio-Target"], "mine")

    def test_what_HTTP_does_not_allow(self):
        for event, name in [
            (Event(), "a\r\nX-Evil: 1"),
            (Event(headers={"X-A": "a\nb"}), "f"),
            (Event(method="GET /\r\n"), "f"),
        ]:
            with self.assertRaises(ValueError):
                self.call(event, name=name)

    def test_answers(self):
        def answer(head, body=b""):
            self.server.reply = b"HTTP/1.1 " + head + b"\r\n\r\n" + body
            return self.call(Event())

        response = answer(b"404 No\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2", b"\xffx")
        self.assertEqual((response.status_code, response.body), (404, b"\xffx"))
        self.assertEqual(response.headers["x-a"], ["1", "2"])
        self.assertEqual(response.content_type, "text/plain")
        json_type = b"Content-Type: application/json"
        response = answer(b"200 OK\r\n" + json_type, b'{"a": [1]}')
        self.assertEqual(response.body, {"a": [1]})
        self.assertEqual(response.content_type, "application/json")
        for text in (b"{", b"", b"\xff"):
            self.assertEqual(answer(b"200 OK\r\n" + json_type, text).body, text)
        response = answer(b"200 OK\r\n" + json_type + b"; charset=utf-8", b"{}")
        self.assertEqual(response.body, b"{}")
        response = answer(
            b"200 OK\r\nTransfer-Encoding: chunked", b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
        )
        self.assertEqual(response.body, b"abc")

    def test_no_answer(self):
        from http.client import HTTPException

        half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"
        for reply in (b"", b"nonsense\r\n\r\n", half):
            self.server.reply = reply
            with self.assertRaises((HTTPException, OSError)):
                self.call(Event())
        self.server.shutdown()
        with self.assertRaises(OSError):
            self.call(Event(), timeout=0.1)

    def test_a_body_that_nobody_reads(self):
        # the answer counts, and not that the rest of the body could not be sent
        self.server.reply = b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n"
        Callee.do_POST = lambda callee: callee.wfile.write(self.server.reply)
        try:
            response = self.call(Event(body=b"x" * 10_000_000))
        finally:
            Callee.do_POST = Callee.answer
        self.assertEqual(response.status_code, 413)


class CallTcp(Call):
    family = socket.AF_INET


class NoCall(unittest.TestCase):
    def test_it_says_what_to_configure(self):
        for platform in (Platform("local", address=""), Context().platform):
            with self.assertRaisesRegex(RuntimeError, '"f".*FN_CALL.*"fn_call"'):
                platform.call_function("f", Event())


if __name__ == "__main__":
    unittest.main()
