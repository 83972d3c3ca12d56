"""Several events at the same time: coroutines and threads."""

import time
import unittest

from tests.runtime import ID, Runtime
from tests.test_events import unread

SOURCE = r"""
import asyncio, contextlib, time

state = asyncio.Queue()

async def init_context(context):
    context.user_data.loop = asyncio.get_running_loop()

async def handler(context, event):
    code = event.raw_body.decode()
    if not code.startswith("await "):
        exec(code)
        return "done"
    value = await eval(code[6:])
    return "done" if value is None else value

def failing():
    raise ValueError("some error")

async def log_later(context, name):
    context.logger.info(name)
    await asyncio.sleep(0.1)
    context.logger.info(name)
    await asyncio.to_thread(context.logger.info, name)

async def forever():
    await asyncio.sleep(1000)

async def cancelled():
    asyncio.current_task().cancel()
    await asyncio.sleep(1)

async def chunks():
    yield "a"
    await asyncio.sleep(0.05)
    yield b"b"

async def noisy(context):
    async def log():
        while True:
            context.logger.info("x" * 1000)
            await asyncio.sleep(0)
    task = asyncio.get_running_loop().create_task(log())
    for _ in range(5):
        yield b"y" * 3000000
    task.cancel()

async def broken():
    yield "a"
    raise OSError("mine")

async def early():
    raise KeyError("early")
    yield

async def made(thing):
    return thing

def later(context):
    async def go():
        await asyncio.sleep(0.1)
        context.logger.warn("too late")
    asyncio.get_running_loop().create_task(go())
"""

THREADS = r"""
import time

def handler(context, event):
    exec(event.raw_body.decode())
    return "done"
"""


class Tasks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.runtime = Runtime(SOURCE, FN_CONCURRENCY="4").__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.runtime.__exit__()

    def reply(self, code):
        return self.runtime.reply(code.encode())

    def test_one(self):
        self.assertEqual(self.reply("pass")["data"], b"done")
        code = "assert context.user_data.loop is asyncio.get_running_loop()"
        reply = self.reply(code)
        self.assertEqual(reply["data"], b"done")

    def test_returns(self):
        for code, data in [
            ("await made({'a': 1})", b'{"a": 1}'),
            ("await made((201, 'x'))", b"x"),
            ("await made(b'x' * 5000000)", b"x" * 5000000),
            ("await made(context.Response(body='x'))", b"x"),
        ]:
            self.assertEqual(self.reply(code)["data"], data)

    def test_errors(self):
        for code, name in [
            ("failing()", "ValueError"),
            ("await cancelled()", "CancelledError"),
            ("raise SystemExit", "SystemExit"),
            ("raise KeyboardInterrupt", "KeyboardInterrupt"),
            ("raise StopAsyncIteration", "StopAsyncIteration"),
            ("await asyncio.wait_for(forever(), 0.05)", "TimeoutError"),
            ("await made(context.Response(content_type=1))", "TypeError"),
            ("await made(early())", "KeyError"),
        ]:
            with self.subTest(code=code):
                reply = self.reply(code)
                self.assertEqual((reply["type"], reply["error"]), ("error", name))
        self.assertIn("function.py", self.reply("failing()")["stack"].splitlines()[1])

    def test_streams(self):
        for code, chunks in [
            ("await made(chunks())", [b"a", b"b"]),
            ("await made(context.Response(body=chunks()))", [b"a", b"b"]),
            ("await made(x for x in 'xyz')", [b"x", b"y", b"z"]),
            ("await made(x * 999999 for x in 'xy')", [b"x" * 999999, b"y" * 999999]),
        ]:
            reply = self.reply(code)
            self.assertEqual((reply["chunks"], reply["end"]), (chunks, {"type": "end"}))
        reply = self.reply("await made(broken())")
        self.assertEqual((reply["chunks"], reply["end"]["error"]), ([b"a"], "OSError"))

    def test_overlap(self):
        with self.runtime.connect() as one, self.runtime.connect() as two:
            one.send(b"await state.get()")
            time.sleep(0.05)
            two.send(b"await state.put('from two')")
            self.assertEqual(two.read()["data"], b"done")
            self.assertEqual(one.read()["data"], b"from two")

    def test_logs_go_to_their_event(self):
        with self.runtime.connect() as one, self.runtime.connect() as two:
            one.send(b"await log_later(context, 'one')")
            two.send(b"await log_later(context, 'two')")
            for client, name in ((one, "one"), (two, "two")):
                logs = [record["message"] for record in client.read()["logs"]]
                self.assertEqual(logs, [name] * 3)

    def test_logs_of_a_finished_event(self):
        with self.runtime.connect() as client:
            self.assertEqual(client.reply(b"later(context)")["data"], b"done")
            time.sleep(0.3)
            self.assertEqual(client.reply(b"pass")["logs"], [])
        self.assertIn("warn too late", self.runtime.errors())

    def test_more_logs_than_a_socket_takes(self):
        with self.runtime.connect() as client:
            client.send(b"for i in range(3000): context.logger.info('x' * 1000)")
            time.sleep(0.3)
            reply = client.read()
            self.assertEqual((len(reply["logs"]), reply["data"]), (3000, b"done"))

    def test_peer_goes_away(self):
        for code in (
            b"await asyncio.sleep(0.2)",
            b"await made(b'x' * 10000000)",
            b"await made(x * 1000000 for x in 'abcdefghijkl')",
        ):
            for _ in range(8):
                with self.runtime.connect() as client:
                    client.send(code)
                    time.sleep(0.02)
        time.sleep(0.3)
        with self.runtime.connect() as one, self.runtime.connect() as two:
            one.send(b"await asyncio.sleep(0.3)")
            self.assertEqual(two.reply(b"pass")["data"], b"done")
            self.assertEqual(one.read()["data"], b"done")

    def test_logs_of_other_tasks_in_a_stream(self):
        reply = self.reply("await made(noisy(context))")
        self.assertEqual(reply["chunks"], [b"y" * 3000000] * 5)
        self.assertEqual({record["message"] for record in reply["logs"]}, {"x" * 1000})

    def test_start_by(self):
        with self.runtime.connect() as client:
            past = time.monotonic_ns() // 1000000 - 1
            self.assertEqual(
                client.reply(b"pass", start_by=past),
                {"type": "expired", "id": ID, "logs": []},
            )


class Limit(unittest.TestCase):
    def check(self, source, sleep):
        with Runtime(source, FN_CONCURRENCY="2") as runtime:
            clients = [runtime.connect() for _ in range(6)]
            for client in clients:
                client.reply(b"pass")
            start = time.monotonic()
            for client in clients:
                client.send(sleep)
            time.sleep(0.15)
            waiting = [client for client in clients if unread(client.socket)]
            self.assertEqual(len(waiting), 4)
            for client in clients:
                self.assertEqual(client.read()["data"], b"done")
            self.assertGreater(time.monotonic() - start, 0.85)
            self.assertLess(time.monotonic() - start, 1.75)
            for client in clients:
                self.assertEqual(client.reply(b"pass")["data"], b"done")
                client.close()

    def test_tasks(self):
        self.check(SOURCE, b"await asyncio.sleep(0.3)")

    def test_threads(self):
        self.check(THREADS, b"time.sleep(0.3)")


class Threads(unittest.TestCase):
    def test_overlap(self):
        with Runtime(THREADS, FN_CONCURRENCY="2") as runtime:
            with runtime.connect() as one, runtime.connect() as two:
                one.send(b"while not hasattr(context.user_data, 'x'): time.sleep(0.01)")
                time.sleep(0.05)
                code = b"context.user_data.x = 1; context.logger.info('two')"
                reply = two.reply(code)
                self.assertEqual(reply["logs"][0]["message"], "two")
                self.assertEqual(one.read()["logs"], [])

    def test_errors(self):
        with Runtime(THREADS, FN_CONCURRENCY="2") as runtime:
            for code in ("1 / 0", "raise SystemExit", "raise StopIteration"):
                reply = runtime.reply(code.encode())
                self.assertEqual(reply["type"], "error")
                self.assertIn("function.py", reply["stack"])


if __name__ == "__main__":
    unittest.main()
