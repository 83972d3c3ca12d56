"""Control socket, descriptors, what user code does to its process, --listen."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from tests.runtime import ROOT, Runtime, event

SOURCE = r"""
import atexit, os, signal, subprocess, sys, time
atexit.register(lambda: print("atexit ran"))

def init_context(context):
    context.platform.set_drain_callback(lambda: print("drain"))
    context.platform.set_termination_callback(lambda: print("terminated"))
    context.logger.info_with("starting", a=1)

def handler(context, event):
    exec(event.raw_body.decode())
    return "done"
"""
ASYNC = SOURCE.replace("def handler", "async def handler")
SLEEP = b"time.sleep(0.5)"


class Control(unittest.TestCase):
    """Every server: one thread, threads, tasks."""

    KINDS = [(SOURCE, "1"), (SOURCE, "3"), (ASYNC, "1"), (ASYNC, "3")]

    def runtimes(self):
        for source, concurrency in self.KINDS:
            with self.subTest(concurrency=concurrency, is_async=source is ASYNC):
                with Runtime(source, FN_CONCURRENCY=concurrency) as runtime:
                    yield runtime

    def test_stop_when_idle(self):
        for runtime in self.runtimes():
            with runtime.connect() as client, runtime.connect() as unused:
                self.assertEqual(client.reply(b"1")["data"], b"done")
                runtime.stop()
                self.assertEqual(client.line(), b"")
                self.assertEqual(unused.line(), b"")
            self.assertEqual(runtime.wait(), 0)
            self.assertEqual(runtime.output(), "drain\nterminated\natexit ran\n")
            with self.assertRaises(OSError):
                runtime.connect()

    def test_stop_finishes_what_has_begun(self):
        for runtime in self.runtimes():
            with runtime.connect() as one, runtime.connect() as two:
                data = event(b"1")
                two.socket.sendall(data[:40])
                time.sleep(0.1)
                one.send(SLEEP)
                time.sleep(0.1)
                runtime.stop()
                time.sleep(0.1)
                self.assertIsNone(runtime.process.poll())
                self.assertEqual(one.read()["data"], b"done")
                self.assertEqual(one.line(), b"")
                two.socket.sendall(data[40:])
                self.assertEqual(two.read()["data"], b"done")
            self.assertEqual(runtime.wait(), 0)

    def test_stop_in_pieces(self):
        with Runtime(SOURCE) as runtime:
            for byte in b'{"type":"later"}\n{"type":"stop"}\n':
                runtime.control.sendall(bytes([byte]))
            self.assertEqual(runtime.wait(), 0)
            self.assertIn("unknown control line", runtime.errors())

    def test_end_of_file_ends_at_once(self):
        for runtime in self.runtimes():
            with runtime.connect() as client:
                client.send(b"while True: pass")
                time.sleep(0.2)
                runtime.control.close()
                start = time.monotonic()
                runtime.wait()
                self.assertLess(time.monotonic() - start, 2)
                self.assertNotIn("atexit", runtime.output())

    def test_end_of_file_when_idle(self):
        for runtime in self.runtimes():
            runtime.control.close()
            runtime.wait()


def printed(reply):
    return [record["message"] for record in reply["logs"]]


class UserCode(unittest.TestCase):
    def setUp(self):
        self.runtime = Runtime(SOURCE).__enter__()
        self.client = self.runtime.connect()

    def tearDown(self):
        self.client.close()
        self.runtime.__exit__()

    def run_code(self, code):
        reply = self.client.reply(code.encode())
        self.assertEqual(reply.get("data"), b"done", reply)
        return reply

    def printed(self, code):
        return printed(self.run_code(code))

    def test_print(self):
        code = "os.write(1, b'one\\n'); print('two', file=sys.__stderr__)"
        self.run_code(code)
        self.assertEqual(self.runtime.output(), "one\n")
        self.assertIn("two\n", self.runtime.errors())

    def test_records_outside_of_events(self):
        self.run_code(
            "import threading\n"
            "t = threading.Thread(target=lambda c=context: c.logger.warn('behind'))\n"
            "t.start(); t.join()"
        )
        errors = self.runtime.errors()
        self.assertIn('info starting {"a":1,"worker_id":"0"}\n', errors)
        self.assertIn('warn behind {"worker_id":"0"}\n', errors)

    def test_descriptors_are_not_inherited(self):
        code = "print(subprocess.check_output(['ls', '/proc/self/fd']))"
        self.assertEqual(self.printed(code), ["b'0\\n1\\n2\\n3\\n'"])  # 3: ls's own
        code = (
            "print(subprocess.run('ls /proc/self/fd; cat', shell=True, "
            "stdout=subprocess.PIPE, close_fds=False).stdout)"
        )
        self.assertEqual(self.printed(code), ["b'0\\n1\\n2\\n3\\n'"])

    def test_closed_standard_descriptors(self):
        self.run_code("os.close(0); os.close(1); os.close(2)")
        clients = [self.runtime.connect() for _ in range(4)]
        for client in clients:
            code = (
                "for fd in (0, 1, 2):\n"
                "    try: os.write(fd, b'noise')\n"
                "    except OSError: pass\n"
                "try: print('x')\n"
                "except OSError: pass\n"
            )
            self.assertEqual(client.reply(code.encode())["data"], b"done")
            client.close()
        self.run_code("pass")

    def test_closed_files(self):
        self.run_code("sys.stdin.close(); sys.stdout.close(); sys.stderr.close()")
        self.run_code("context.logger.info('x')")
        self.run_code("sys.stdout = sys.stderr = None")
        self.assertEqual(self.client.reply(b"print('x'); 1 / 0")["type"], "error")
        self.runtime.stop()
        self.assertEqual(self.runtime.wait(), 0)

    def test_signals(self):
        self.run_code(
            "for n in range(1, 32):\n"
            "    try: signal.signal(n, signal.SIG_DFL)\n"
            "    except OSError: pass"
        )
        with self.runtime.connect() as client:
            client.send(b"time.sleep(0.2)")
        time.sleep(0.4)
        self.run_code("pass")

    def test_fork_that_comes_back(self):
        code = "print('child' if os.fork() == 0 else 'parent')"
        self.assertEqual(self.printed(code), ["parent"])
        self.run_code("if os.fork() == 0: sys.exit(7)")
        self.run_code("if os.fork() == 0: raise ValueError")
        code = "pid = os.fork()\nif pid: print(os.waitpid(pid, 0)[1])"
        self.assertEqual(self.printed(code), ["0"])
        self.assertEqual(self.runtime.output(), "child\n")
        with self.runtime.connect() as client:
            self.assertEqual(client.reply(b"1")["data"], b"done")
        self.runtime.stop()
        self.assertEqual(self.runtime.wait(), 0)

    def test_fork_in_a_thread_and_a_task(self):
        for source in (SOURCE, ASYNC):
            with Runtime(source, FN_CONCURRENCY="2") as runtime:
                code = b"print('child' if os.fork() == 0 else 'parent')"
                with runtime.connect() as client:
                    for _ in range(3):
                        reply = client.reply(code)
                        self.assertEqual(reply["data"], b"done")
                        self.assertEqual(printed(reply), ["parent"])
                time.sleep(0.2)
                self.assertEqual(runtime.output().split(), ["child"] * 3)
                runtime.stop()
                self.assertEqual(runtime.wait(), 0)

    def test_forked_child_lets_go(self):
        """A child that lives on does not hold the connection open."""
        self.client.send(b"if os.fork() == 0: time.sleep(20); os._exit(0)\nos._exit(3)")
        self.assertIsNone(self.client.read())
        self.assertEqual(self.runtime.wait(), 3)

    def test_multiprocessing(self):
        self.run_code(
            "import multiprocessing\n"
            "c = multiprocessing.get_context('fork')\n"
            "p = c.Process(target=print, args=('hi',))\n"
            "p.start(); p.join()"
        )
        self.assertIn("hi\n", self.runtime.output())


class Loading(unittest.TestCase):
    def test_targets(self):
        with tempfile.TemporaryDirectory() as folder:
            files = {
                "my-fn.py": "import beside\ndef run(c, e): return beside.x",
                "beside.py": "x = 'beside'",
                "json.py": "def handler(c, e): return {'a': 1}",
                "fn/__init__.py": "from .inner import handler",
                "fn/inner.py": "def handler(c, e): return __name__",
                "klass.py": "class A:\n  def __call__(self, c, e): return 'called'\n"
                "  async def go(self, c, e): return 'went'\na = A()",
            }
            for name, text in files.items():
                path = os.path.join(folder, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="ascii") as file:
                    file.write(text)
            for target, entry, data in [
                ("my-fn.py", "run", b"beside"),
                ("json.py", "", b'{"a": 1}'),
                ("fn", "handler", b"fn.inner"),
                ("fn", "inner.handler", b"fn.inner"),
                ("klass.py", "a", b"called"),
                ("klass.py", "a.go", b"went"),
            ]:
                with self.subTest(target=target, entry=entry):
                    target = os.path.join(folder, target)
                    with Runtime(target=target, FN_ENTRY=entry) as runtime:
                        self.assertEqual(runtime.reply()["data"], data)


class Listen(unittest.TestCase):
    def wait_for(self, runtime):
        for _ in range(200):
            try:
                return runtime.connect()
            except OSError:
                time.sleep(0.02)
        self.fail(runtime.errors())

    def test_unix(self):
        for source, concurrency in Control.KINDS:
            listen = {"listen": "unix:SOCKET", "FN_CONCURRENCY": concurrency}
            with Runtime(source, **listen) as runtime:
                with self.wait_for(runtime) as client:
                    self.assertEqual(client.reply(b"1")["data"], b"done")
                    client.send(SLEEP)
                    time.sleep(0.2)
                    runtime.process.send_signal(signal.SIGTERM)
                    self.assertEqual(client.read()["data"], b"done")
                    self.assertEqual(client.line(), b"")
                self.assertEqual(runtime.wait(), 0)

    def test_tcp(self):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % sock.getsockname()[1]
        with Runtime(SOURCE, listen=address) as runtime:
            with self.wait_for(runtime) as client:
                for _ in range(3):
                    self.assertEqual(client.reply(b"1")["data"], b"done")
            runtime.process.send_signal(signal.SIGTERM)
            self.assertEqual(runtime.wait(), 0)

    def test_a_socket_left_over(self):
        with Runtime(SOURCE, listen="unix:SOCKET") as runtime:
            self.wait_for(runtime).close()
            runtime.process.kill()
            runtime.wait()
            self.assertTrue(os.path.exists(runtime.address[5:]))
            environ = {**os.environ, "FN_TARGET": runtime.folder.name + "/function.py"}
            command = [sys.executable, ROOT, "--listen", runtime.address]
            with subprocess.Popen(command, env=environ) as again:
                try:
                    time.sleep(0.3)
                    with self.wait_for(runtime) as client:
                        self.assertEqual(client.reply(b"1")["data"], b"done")
                finally:
                    again.kill()

    def test_a_child_that_is_terminated(self):
        """It has the signal handler of its parent."""
        with Runtime(SOURCE, listen="unix:SOCKET") as runtime:
            with self.wait_for(runtime) as client:
                code = (
                    "pid = os.fork()\n"
                    "if pid == 0: time.sleep(20)\n"
                    "time.sleep(0.1); os.kill(pid, signal.SIGTERM)\n"
                    "print(os.waitpid(pid, 0)[1])"
                )
                reply = client.reply(code.encode())
                self.assertEqual(printed(reply), [f"{signal.SIGTERM:d}"])
                self.assertEqual(client.reply(b"1")["data"], b"done")

    def test_failure(self):
        with Runtime("x = 1", listen="unix:SOCKET") as runtime:
            self.assertEqual(runtime.wait(), 1)
            self.assertIn("AttributeError", runtime.errors())

    def test_usage(self):
        done = subprocess.run([sys.executable, ROOT, "-x"], capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"--listen ADDRESS", done.stderr)


if __name__ == "__main__":
    unittest.main()
