"""What a handler returns, and what goes over the wire: every row of the table."""

import json
import unittest

from tests.runtime import Runtime

TEXT, JSON = "text/plain", "application/json"

SOURCE = r"""
import datetime, http, sys
import nuclio_sdk

def handler(context, event):
    R = context.Response
    return eval(event.body.decode())

def yielding(*chunks):
    yield from chunks

class Odd:
    def __str__(self):
        return "odd"

def failing(exc, *chunks):
    yield from chunks
    raise exc

def circle():
    a = []
    a.append(a)
    return a
"""

ROWS = [
    # expression, status, content type, body
    ("None", 200, TEXT, b""),
    ("''", 200, TEXT, b""),
    ("'s'", 200, TEXT, b"s"),
    ("'\\u00fc\\u20ac\\U0001f600'", 200, TEXT, "\u00fc\u20ac\U0001f600".encode()),
    ("'a\\udc80b'", 200, TEXT, b"a?b"),
    ("3", 200, TEXT, b"3"),
    ("1.5", 200, TEXT, b"1.5"),
    ("True", 200, TEXT, b"True"),
    ("b'\\x00\\xff\\n'", 200, TEXT, b"\x00\xff\n"),
    ("bytearray(b'x')", 200, TEXT, b"x"),
    ("memoryview(b'xyz')", 200, TEXT, b"xyz"),
    ("memoryview(b'abcdef')[::2]", 200, TEXT, b"ace"),
    ("memoryview(b'abcdefgh').cast('I')", 200, TEXT, b"abcdefgh"),
    ("{'a': 1, 'b': ['\\u00fc', None, True]}", 200, JSON, None),
    ("[{'a': 1}, 2]", 200, JSON, b'[{"a": 1}, 2]'),
    ("[]", 200, JSON, b"[]"),
    ("{}", 200, JSON, b"{}"),
    ("{'x': float('nan')}", 200, JSON, b'{"x": "NaN"}'),
    ("{'x': [float('inf')]}", 200, JSON, b'{"x": ["Infinity"]}'),
    ("{'x': b'1'}", 200, JSON, b'{"x": "b\'1\'"}'),
    ("{'x': Odd(), (1, 2): 3}", 200, JSON, b'{"x": "odd", "(1, 2)": 3}'),
    ("{1: 2 ** 70, None: True}", 200, JSON, b'{"1": %d, "null": true}' % 2**70),
    ("(201, 's')", 201, TEXT, b"s"),
    ("(201, {'a': 1})", 201, JSON, b'{"a": 1}'),
    ("(201, [1])", 201, JSON, b"[1]"),
    ("(204, None)", 204, TEXT, b""),
    ("(201, b'x')", 201, TEXT, b"x"),
    ("(http.HTTPStatus.CREATED, 's')", 201, TEXT, b"s"),
    ("(1, 2, 3)", 200, TEXT, b"(1, 2, 3)"),
    ("datetime.date(2026, 1, 2)", 200, TEXT, b"2026-01-02"),
    ("Odd()", 200, TEXT, b"odd"),
    ("R()", 200, TEXT, b""),
    ("R(body='x')", 200, TEXT, b"x"),
    ("R(body='x', status_code=None)", 200, TEXT, b"x"),
    ("R(body='x', status_code=599, content_type='a/b')", 599, "a/b", b"x"),
    ("R(body=b'x', content_type='image/png')", 200, "image/png", b"x"),
    ("R(body={'a': 1}, content_type='a/b')", 200, JSON, b'{"a": 1}'),
    ("R(body=[1])", 200, JSON, b"[1]"),
    ("R(body=12)", 200, TEXT, b"12"),
    ("R(headers={'Content-Type': 'text/html'}, body='x')", 200, "text/html", b"x"),
    ("R({'Content-Type': 'text/html'}, 'x', 'text/plain')", 200, TEXT, b"x"),
    ("R({'Content-Type': 'text/html'}, 'x', 'a/b')", 200, "a/b", b"x"),
    ("R({'Content-Type': 'text/html'}, {'a': 1})", 200, JSON, b'{"a": 1}'),
    ("nuclio_sdk.Response(None, 'x', None, 202)", 202, TEXT, b"x"),
    ("'x' * 70000", 200, TEXT, b"x" * 70000),
    ("b'x' * 3000000", 200, TEXT, b"x" * 3000000),
]

WRONG = [
    # expression, the exception's name, what its message holds
    ("R(content_type=123)", "TypeError", "content type must be a string, not 123"),
    ("R(status_code=1000)", "ValueError", "from 200 to 599, not 1000"),
    ("R(status_code=199)", "ValueError", "not 199"),
    ("R(status_code='200')", "TypeError", "must be an integer"),
    ("R(status_code=200.0)", "TypeError", "must be an integer"),
    ("R(status_code=True)", "TypeError", "must be an integer"),
    ("('x', 201)", "TypeError", "must be an integer"),
    ("R(headers={'a b': 'x'})", "ValueError", "invalid header name 'a b'"),
    ("R(headers={'': 'x'})", "ValueError", "invalid header name"),
    ("R(headers={'\\u00fc': 'x'})", "ValueError", "invalid header name"),
    ("R(headers={'a' * 257: 'x'})", "ValueError", "invalid header name"),
    ("R(headers={'a': 'x\\r\\nb: c'})", "ValueError", "invalid value of header a"),
    ("R(headers={'a': 'x\\x7f'})", "ValueError", "invalid value"),
    ("R(headers={'a': 'x' * 8193})", "ValueError", "invalid value"),
    ("R(headers={'a': {}})", "TypeError", "a header must be a string"),
    ("R(headers={'a': ['x'] * 100})", "ValueError", "more than 100 header lines"),
    ("R(headers={str(i): 'x' * 8000 for i in range(3)})", "ValueError", "16384"),
    ("R(content_type='a\\nb')", "ValueError", "invalid value of header Content-Type"),
    ("circle()", "RecursionError", "recursion"),
    ("failing(KeyError('k'))", "KeyError", "k"),
    ("yielding(yielding())", "TypeError", "generator"),
]


class Returns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.runtime = Runtime(SOURCE).__enter__()
        cls.client = cls.runtime.connect()

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.runtime.__exit__()

    def reply(self, expression):
        return self.client.reply(expression.encode())

    def test_rows(self):
        for expression, status, content_type, body in ROWS:
            with self.subTest(returned=expression):
                reply = self.reply(expression)
                self.assertEqual(reply["type"], "response", reply)
                self.assertEqual(reply["status"], status)
                self.assertEqual(reply["headers"], {"Content-Type": content_type})
                self.assertIsInstance(reply["duration_us"], int)
                if body is None:
                    body = json.dumps(eval(expression)).encode()
                self.assertEqual(reply["data"], body)

    def test_wrong(self):
        for expression, name, message in WRONG:
            with self.subTest(returned=expression):
                reply = self.reply(expression)
                self.assertEqual(reply["type"], "error", reply)
                self.assertEqual(reply["error"], name)
                self.assertIn(message, reply["message"])
        self.assertEqual(self.reply("'alive'")["data"], b"alive")

    def test_headers(self):
        reply = self.reply(
            "R(headers={'a': ['1', '2'], 'n': 3, 't': True, 'no': None, 'e': [],"
            "'u': '\\u00fc', 'b': b'\\xff\\xfc', 'content-length': '7', 'A': 'x'})"
        )
        self.assertEqual(
            reply["headers"],
            {
                "Content-Type": "text/plain",
                "a": ["1", "2"],
                "n": "3",
                "t": "True",
                "u": "\xc3\xbc",
                "b": "\xff\xfc",
                "content-length": "7",
                "A": "x",
            },
        )

    def test_no_ack(self):
        reply = self.reply("[r := R(body='x'), r.ensure_no_ack()] and r")
        self.assertEqual(reply["headers"]["x-nuclio-stream-no-ack"], "True")

    def test_stream(self):
        for expression, chunks in [
            ("yielding('a', b'b', {'c': 1}, 4)", [b"a", b"b", b'{"c": 1}', b"4"]),
            ("yielding('', 'a', None, b'', 'b')", [b"a", b"b"]),
            ("yielding('')", []),
            ("yielding(b'x' * 3000000, 'y')", [b"x" * 3000000, b"y"]),
        ]:
            with self.subTest(returned=expression):
                reply = self.reply(expression)
                self.assertIs(reply["stream"], True)
                self.assertEqual(reply["headers"], {"Content-Type": "text/plain"})
                self.assertEqual(reply["chunks"], chunks)
                self.assertEqual(reply["end"], {"type": "end"})

    def test_stream_of_nothing(self):
        reply = self.reply("yielding()")
        self.assertEqual(reply["chunks"], [])

    def test_stream_as_response(self):
        reply = self.reply("R(body=yielding('a'), status_code=202, content_type='t/c')")
        self.assertEqual(reply["status"], 202)
        self.assertEqual(reply["headers"], {"Content-Type": "t/c"})
        self.assertEqual(reply["chunks"], [b"a"])

    def test_stream_that_fails(self):
        for exc in ("OSError('gone')", "nuclio_sdk.ExceptionWithResponse(404, 'x')"):
            reply = self.reply(f"failing({exc}, 'a', 'b')")
            self.assertEqual(reply["chunks"], [b"a", b"b"])
            self.assertEqual(reply["end"]["type"], "error")
            self.assertEqual(reply["end"]["error"], exc.split("(")[0].split(".")[-1])

    def test_exception_with_response(self):
        reply = self.reply("failing(nuclio_sdk.ExceptionWithResponse(404, {'a': 1}))")
        self.assertEqual((reply["status"], reply["data"]), (404, b'{"a": 1}'))
        reply = self.reply("failing(nuclio_sdk.ExceptionWithResponse(1000))")
        self.assertEqual((reply["type"], reply["error"]), ("error", "ValueError"))


if __name__ == "__main__":
    unittest.main()
