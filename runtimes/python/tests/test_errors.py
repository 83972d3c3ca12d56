"""What goes wrong in user code, and that the process lives on."""

import unittest

from tests.runtime import ID, Runtime

SOURCE = r"""
import os, signal, sys

class Nasty(Exception):
    def __str__(self):
        raise SystemExit("nasty")

def deep(n):
    return deep(n + 1)

def handler(context, event):
    exec(event.body.decode())
"""


class Errors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.runtime = Runtime(SOURCE).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.runtime.__exit__()

    def test_exceptions(self):
        with self.runtime.connect() as client:
            for code, name, message in [
                ("raise ValueError('some error')", "ValueError", "some error"),
                ("raise SystemExit(3)", "SystemExit", "3"),
                ("sys.exit('why')", "SystemExit", "why"),
                ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
                ("os.kill(os.getpid(), signal.SIGINT)", "KeyboardInterrupt", ""),
                ("raise GeneratorExit", "GeneratorExit", ""),
                ("raise StopIteration", "StopIteration", ""),
                ("raise BrokenPipeError('mine')", "BrokenPipeError", "mine"),
                ("raise EOFError", "EOFError", ""),
                ("raise Nasty", "Nasty", "<SystemExit>"),
                ("1 / 0", "ZeroDivisionError", "division by zero"),
                ("raise ValueError('\\0\\udcff\\u20ac')", "ValueError", "\0?\u20ac"),
                ("x = (", "SyntaxError", "'(' was never closed (<string>, line 1)"),
            ]:
                with self.subTest(code=code):
                    reply = client.reply(code.encode())
                    self.assertEqual(reply["type"], "error")
                    self.assertEqual((reply["id"], reply["error"]), (ID, name))
                    if name != "SyntaxError":  # whose text changes with versions
                        self.assertEqual(reply["message"], message)
                    self.assertIsInstance(reply["duration_us"], int)

    def test_stack_begins_in_user_code(self):
        reply = self.runtime.reply(b"raise ValueError('x')")
        self.assertTrue(reply["stack"].startswith("Traceback"))
        self.assertIn("function.py", reply["stack"].splitlines()[1])
        self.assertIn("ValueError: x", reply["stack"])

    def test_recursion(self):
        reply = self.runtime.reply(b"deep(0)")
        self.assertEqual(reply["error"], "RecursionError")

    def test_long_message_fits_a_line(self):
        with self.runtime.connect() as client:
            for text in ("'x' * 100000", "'\\n' * 100000", "'\\u20ac' * 100000"):
                client.send(f"raise ValueError({text})".encode())
                line = client.line()
                self.assertGreater(len(line), 8000)
                self.assertLessEqual(len(line), 16384)

    def test_line_max(self):
        with Runtime(SOURCE, FN_LINE_MAX="1000") as runtime:
            with runtime.connect() as client:
                client.send(b"context.logger.info_with('m' * 5000, a='b' * 5000)")
                self.assertLessEqual(len(client.line()), 1000)
                client.line()
                client.file.read(0)
                client.send(b"deep(0)")
                line = client.line()
                self.assertLessEqual(len(line), 1000)
                self.assertIn(b"RecursionError", line)


class Start(unittest.TestCase):
    def refused(self, source, name, message, **environ):
        with Runtime(source, **environ) as runtime:
            self.assertRegex(
                runtime.ready.decode(),
                rf'^{{"type":"error","error":"{name}","message":".*{message}.*"}}\n$',
            )
            self.assertEqual(runtime.wait(), 1)
            self.assertEqual(runtime.control.recv(1), b"")
            self.assertIn("Traceback", runtime.errors())
            self.assertIn(name, runtime.errors())

    def test_import_error(self):
        self.refused("import nosuchmodule", "ModuleNotFoundError", "nosuchmodule")

    def test_syntax_error(self):
        self.refused("def handler(:", "SyntaxError", "")

    def test_exit_at_import(self):
        self.refused("import sys; sys.exit(0)", "SystemExit", "0")

    def test_init_context(self):
        self.refused(
            "def init_context(context):\n    raise ValueError('not today')\n"
            "def handler(context, event): pass",
            "ValueError",
            "not today",
        )

    def test_init_context_async(self):
        for kind in ("", "async "):
            self.refused(
                "async def init_context(context):\n    raise ValueError('not today')\n"
                f"{kind}def handler(context, event): pass",
                "ValueError",
                "not today",
            )

    def test_no_such_entry(self):
        self.refused("x = 1", "AttributeError", "handler")

    def test_entry_is_no_function(self):
        self.refused("handler = 1", "TypeError", "cannot be called")

    def test_no_file(self):
        with Runtime(target="/nosuch/file.py") as runtime:
            self.assertIn(b'"error":"FileNotFoundError"', runtime.ready)
            self.assertEqual(runtime.wait(), 1)

    def test_protocol(self):
        self.refused("def handler(c, e): pass", "RuntimeError", "2", FN_PROTOCOL="2")


if __name__ == "__main__":
    unittest.main()
