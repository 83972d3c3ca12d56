"""Records of handlers: which, in which form, where they go."""

import contextlib
import io
import json
import logging
import unittest

from fn_runtime import protocol
from fn_runtime.logger import Logger
from tests.runtime import Runtime

SOURCE = r"""
import threading

def handler(context, event):
    log = context.logger
    exec(event.raw_body.decode())
    return "done"
"""


class Logs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.runtime = Runtime(SOURCE, FN_LOG_LEVEL="debug", FN_SLOT="2").__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.runtime.__exit__()

    def logs(self, code):
        reply = self.runtime.reply(code.encode())
        self.assertEqual(reply.get("data"), b"done", reply)
        return reply["logs"]

    def test_levels(self):
        for level in ("debug", "info", "warn", "error"):
            plain, more = self.logs(f"log.{level}('m'); log.{level}_with('n', a=1)")
            self.assertEqual(
                plain,
                {
                    "type": "log",
                    "level": level,
                    "message": "m",
                    "with": {"worker_id": "2"},
                },
            )
            self.assertEqual((more["level"], more["message"]), (level, "n"))
            self.assertEqual(more["with"], {"a": 1, "worker_id": "2"})

    def test_threshold(self):
        code = b"log.debug('d'); log.info('i'); log.warn('w'); log.error('e')"
        for level, messages in [
            ("debug", "diwe"),
            ("info", "iwe"),
            ("warn", "we"),
            ("error", "e"),
            ("", "iwe"),
        ]:
            with Runtime(SOURCE, FN_LOG_LEVEL=level) as runtime:
                logs = runtime.reply(code)["logs"]
                self.assertEqual("".join(r["message"] for r in logs), messages)

    def test_the_level_of_an_event(self):
        code = b"log.debug('d'); print('p'); log.warn('w'); log.error('e')"
        for text in (SOURCE, SOURCE.replace("def handler", "async def handler")):
            for concurrency in "12":
                with Runtime(
                    text, FN_LOG_LEVEL="error", FN_CONCURRENCY=concurrency
                ) as runtime, runtime.connect() as client:
                    for level, messages in [
                        ("debug", "dpwe"),
                        ("info", "pwe"),
                        ("warn", "we"),
                        ("error", "e"),
                        ("loud", "e"),
                        (None, "e"),
                    ]:
                        fields = {} if level is None else {"log_level": level}
                        logs = client.reply(code, **fields)["logs"]
                        self.assertEqual("".join(r["message"] for r in logs), messages)

    def test_levels_of_tasks_do_not_mix(self):
        source = """
            import asyncio

            async def handler(context, event):
                for _ in range(3):
                    context.logger.debug("d")
                    context.logger.info("i")
                    await asyncio.sleep(0.01)
        """
        with Runtime(source, FN_CONCURRENCY="2") as runtime:
            clients = [runtime.connect() for _ in range(2)]
            clients[0].send(log_level="debug")
            clients[1].send()
            for client, messages in zip(clients, ("dididi", "iii")):
                logs = client.read()["logs"]
                self.assertEqual("".join(r["message"] for r in logs), messages)
                client.close()

    def test_messages(self):
        for arguments, message in [
            ("'%s is %d', 'x', 3", "x is 3"),
            ("'100%'", "100%"),
            ("'%d', 'x'", "%d 'x'"),
            ("'Analyzing ', 'sentence', b'x'", "Analyzing  'sentence' b'x'"),
            ("3", "3"),
            ("None", "None"),
            ("'a\\nb\\0'", "a\nb\0"),
            ("'\\udc80'", "?"),
        ]:
            for method in ("info", "info_with"):
                (record,) = self.logs(f"log.{method}({arguments})")
                self.assertEqual(record["message"], message)

    def test_a_message_that_cannot_be_a_string(self):
        code = "class Bad:\n  def __str__(self): 1 / 0\n  __repr__ = __str__\n"
        logs = self.logs(code + "log.info(Bad()); log.info('%d', Bad())")
        self.assertEqual([record["message"] for record in logs], ["<Bad>", "%d <Bad>"])
        (record,) = self.logs(code + "log.info_with('x', a=Bad(), b=1)")
        self.assertEqual(record["with"]["b"], 1)

    def test_values(self):
        (record,) = self.logs(
            "log.info_with('m', n=float('nan'), i=-float('inf'), big=2**70, "
            "b=b'x', s={1}, k={1: 2, '1': 3, None: 4}, t=(1, [2.5, None, True]), "
            "u='\\udc80\\u20ac', c=ValueError('x'))"
        )
        record["with"].pop("worker_id")
        self.assertEqual(
            record["with"],
            {
                "n": "NaN",
                "i": "-Infinity",
                "big": str(2**70),
                "b": "b'x'",
                "s": "{1}",
                "k": {"1": 3, "None": 4},
                "t": [1, [2.5, None, True]],
                "u": "?\u20ac",
                "c": "x",
            },
        )

    def test_deep(self):
        (record,) = self.logs(
            "a = []\nfor _ in range(500): a = [a]\nc = []; c.append(c)\n"
            "log.info_with('m', a=a, c=c)"
        )
        line = json.dumps(record)
        self.assertIn('{"a": ' + "[" * 30 + '"[', line)  # 32 with what is around
        self.assertIn('"c": ' + "[" * 30 + '"[', line)

    def test_bind(self):
        with Runtime(SOURCE) as runtime:
            runtime.reply(b"log.bind(app='x')")
            (record,) = runtime.reply(b"log.info_with('m', app='mine', b=1)")["logs"]
            self.assertEqual(record["with"], {"app": "x", "b": 1, "worker_id": "0"})

    def test_between_chunks(self):
        source = """
            def handler(context, event):
                context.logger.info("first")
                yield "a"
                context.logger.info("second")
                yield "b"
                context.logger.info("third")
        """
        for kind in ("", "async "):
            for concurrency in "13":
                text = source.replace("def", kind + "def")
                with Runtime(text, FN_CONCURRENCY=concurrency) as runtime:
                    reply = runtime.reply()
                    messages = [record["message"] for record in reply["logs"]]
                    self.assertEqual(messages, ["first", "second", "third"])
                    self.assertEqual(reply["chunks"], [b"a", b"b"])

    def test_a_record_is_sent_at_once(self):
        with Runtime(SOURCE) as runtime, runtime.connect() as client:
            client.send(b"log.info('now'); import time; time.sleep(30)")
            self.assertIn(b'"now"', client.line())
        with Runtime(SOURCE) as runtime, runtime.connect() as client:
            client.send(b"log.info('last words'); import os; os._exit(1)")
            self.assertIn(b"last words", client.line())
            self.assertEqual(client.line(), b"")


PRINTS = r"""
import asyncio, io, logging, os, sys, threading

print("at the start")
logging.basicConfig(format="%(message)s")

def init_context(context):
    print("in init_context", file=sys.stderr)

def handler(context, event):
    exec(event.raw_body.decode())
    return "done"
"""

KINDS = [
    (PRINTS, "1"),
    (PRINTS, "2"),
    (PRINTS.replace("def handler", "async def handler"), "2"),
]


class Prints(unittest.TestCase):
    """What is printed in an event is a record of it."""

    def each(self, code, *expected, **environ):
        for source, concurrency in KINDS:
            with Runtime(source, FN_CONCURRENCY=concurrency, **environ) as runtime:
                with runtime.connect() as client:
                    for _ in range(2):
                        reply = client.reply(code.encode())
                        self.assertEqual(reply.get("data"), b"done", reply)
                        logs = [(r["level"], r["message"]) for r in reply["logs"]]
                        self.assertEqual(logs, list(expected))
                self.assertEqual(runtime.output().split("\n")[0], "at the start")
                self.assertIn("in init_context\n", runtime.errors())

    def test_levels(self):
        self.each(
            "print('one'); print('two', file=sys.stderr); context.logger.warn('three')",
            ("info", "one"),
            ("error", "two"),
            ("warn", "three"),
        )

    def test_lines(self):
        self.each(
            "print('a', 1, sep='-', flush=True); sys.stdout.write('b\\r\\n\\nc'); "
            "sys.stdout.writelines(['d\\n', 'e']); print('f', end='', file=sys.stderr)",
            ("info", "a-1"),
            ("info", "b"),
            ("info", "cd"),
            ("error", "f"),
            ("info", "e"),
        )

    def test_log_level(self):
        code = "print('one'); print('two', end=''); print('three', file=sys.stderr)"
        for level in ("warn", "error"):
            self.each(code, ("error", "three"), FN_LOG_LEVEL=level)

    def test_bytes(self):
        self.each(
            "w = sys.stdout.buffer.write; w(b'a\\xe2'); w(b'\\x82\\xac\\n\\xff\\n')",
            ("info", "a\u20ac"),
            ("info", "\xff"),
        )

    def test_long(self):
        self.each(
            "print('x' * 5000); print('\u20ac' * 300)",
            *(("info", "x" * n) for n in (1024, 1024, 1024, 1024, 904)),
            ("info", "\u20ac" * 256),
            ("info", "\u20ac" * 44),
        )

    def test_the_rest_of_a_file(self):
        self.each(
            "sys.stdout.reconfigure(line_buffering=True); "
            "print(sys.stdout.isatty(), sys.stdout.fileno(), sys.stderr.fileno(), "
            "sys.stdout.encoding, sys.stdout.writable(), sys.stdout.closed)\n"
            "try: sys.stdout.write(b'x')\n"
            "except TypeError: print('TypeError')\n"
            "logging.warning('by logging')",
            ("info", "False 1 2 utf-8 True False"),
            ("info", "TypeError"),
            ("error", "by logging"),
            PYTHONUTF8="1",
        )

    def test_threads_of_the_handler(self):
        code = (
            "t = threading.Thread(target=print, args=('behind',)); t.start(); t.join()"
        )
        with Runtime(PRINTS) as runtime:
            self.assertEqual(runtime.reply(code.encode())["logs"], [])
            self.assertEqual(runtime.output(), "at the start\nbehind\n")

    def test_descriptors(self):
        code = b"os.write(1, b'one\\n'); os.write(2, b'two\\n')"
        with Runtime(PRINTS) as runtime:
            self.assertEqual(runtime.reply(code)["logs"], [])
            self.assertEqual(runtime.output(), "at the start\none\n")
            self.assertTrue(runtime.errors().endswith("two\n"))

    def test_streams(self):
        source = """
            def handler(context, event):
                print("a", end="")
                yield "1"
                print("b")
                yield "2"
                print("c", end="")
                if event.raw_body:
                    1 / 0
        """
        for kind in ("", "async "):
            for concurrency in "13":
                text = source.replace("def", kind + "def")
                with Runtime(text, FN_CONCURRENCY=concurrency) as runtime:
                    for body, end in ((b"", "end"), (b"x", "error")):
                        reply = runtime.reply(body)
                        messages = [record["message"] for record in reply["logs"]]
                        self.assertEqual(messages, ["ab", "c"])
                        self.assertEqual(reply["chunks"], [b"1", b"2"])
                        self.assertEqual(reply["end"]["type"], end)

    def test_tasks_do_not_mix(self):
        source = """
            import asyncio

            async def handler(context, event):
                for i in range(20):
                    print(event.path, end=" ")
                    await asyncio.sleep(0.001)
                    print(i)
        """
        with Runtime(source, FN_CONCURRENCY="3") as runtime:
            clients = [runtime.connect() for _ in range(3)]
            for i, client in enumerate(clients):
                client.send(path=f"/{i}")
            for i, client in enumerate(clients):
                messages = [record["message"] for record in client.read()["logs"]]
                self.assertEqual(messages, [f"/{i} {n}" for n in range(20)])
                client.close()


class Lines(unittest.TestCase):
    """Unit tests of what is too long."""

    def check(self, message, fields, line_max):
        line = protocol.log_line("info", message, fields, line_max)
        self.assertLessEqual(len(line), line_max)
        self.assertTrue(line.endswith(b"}\n"))
        return json.loads(line)

    def test_fit(self):
        for text in ("", "x", "x" * 500, "\n" * 500, "\u20ac" * 500, "\U0001f600" * 99):
            for room in (2, 10, 100, 499, 502, 1000):
                for keep_end in (False, True):
                    string = protocol.fit(text, room, keep_end)
                    self.assertLessEqual(len(string.encode()), room)
                    cut = json.loads(string)
                    if len(json.dumps(text, ensure_ascii=False).encode()) <= room:
                        self.assertEqual(cut, text)
                    elif room >= 100:
                        self.assertIn("...", cut[:3] if keep_end else cut[-3:])
                        self.assertGreater(len(string.encode()), room // 2)

    def test_long(self):
        for size in (300, 1000, 16384):
            record = self.check("m" * 90000, {}, size)
            self.assertTrue(record["message"].startswith("mmmm"))
            record = self.check("short", {"a": "x" * 90000, "b": 1}, size)
            self.assertTrue(record["with"]["a"].startswith("xxx"))
            self.check("m" * 90000, {"a": ["x"] * 90000, "b" * 90000: 1}, size)
            self.check("\x01" * 90000, {str(i): i for i in range(9000)}, size)
            self.check("m", {"b" * 500 + str(i): 1 for i in range(9)}, size)


class OtherHandlers(unittest.TestCase):
    def test_set_handler(self):
        logger = Logger("info")
        file = io.StringIO()
        formatter = logging.Formatter("%(levelname)s %(name)s %(message)s")
        logger.set_handler("default", file, formatter)
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            logger.info("100% %s", "sure")
            logger.info_with("more", a=1)
            logger.debug("not this")
        self.assertTrue(errors.getvalue().endswith('\ninfo more {"a":1}\n'))
        self.assertEqual(
            file.getvalue(), "INFO nuclio_sdk 100% %s 'sure'\nINFO nuclio_sdk more\n"
        )

    def test_levels_by_number(self):
        self.assertEqual(Logger(logging.WARNING).level, logging.WARNING)


if __name__ == "__main__":
    unittest.main()
