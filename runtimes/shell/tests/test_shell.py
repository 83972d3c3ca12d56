#!/usr/bin/env python3
"""Tests of fn_shell, on real sockets, as nginx uses it.

    python3 runtimes/shell/tests/test_shell.py [-v] [Class[.test]]

CC and CFLAGS choose the build, FN_SHELL a program that is built already,
FN_WRAPPER what runs it ("valgrind -q --error-exitcode=99").
"""

import fcntl
import glob
import hashlib
import json
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SHELL = os.path.dirname(HERE)
VECTORS = os.path.join(os.path.dirname(SHELL), "vectors")
WRAPPER = shlex.split(os.environ.get("FN_WRAPPER", ""))
SLOW = 10 if WRAPPER else 1         # patience
SANITIZED = bool(WRAPPER) or "sanitize" in os.environ.get("CFLAGS", "")
PATH = os.environ["PATH"]
TEXT = "text/plain; charset=utf-8"

# subprocess must not use 3 and 4 for itself
HELD = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]

# nuclio's own test function, by its description
OUTPUTTER = """
body=$(cat)

case $body in
    return_body) echo "$body" ;;
    return_env) echo "$ENV1-$ENV2" ;;
    return_error) exit 1 ;;
    return_arguments) echo "$1-$2" ;;
    return_error_with_message)
        echo return_error_with_message; echo some_error >&2; exit 1 ;;
    "sleep "*) $body ;;
esac
"""

RECORDER = """#!/usr/bin/python3 -IS
import json, os, sys

fds = os.listdir("/proc/self/fd")
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
data = sys.stdin.buffer.read()
text = lambda b: b.decode("latin-1")

json.dump({
    "argv": [text(os.fsencode(a)) for a in sys.argv[1:]],
    "env": {text(k): text(v) for k, v in os.environb.items()},
    "fds": sorted(int(fd) for fd in fds)[:-1],
    "pgid": os.getpgid(0) == os.getpid(),
    "blocked": int(status["SigBlk"], 16),
    "ignored": int(status["SigIgn"], 16) & ~(1 << 12) & ~(1 << 24) & ~(3 << 31),
    "body": text(data),
}, sys.stdout)
"""


def setUpModule():
    global TMP, PROGRAM
    TMP = tempfile.mkdtemp(prefix="fn_shell_test.")
    PROGRAM = os.environ.get("FN_SHELL")

    if PROGRAM is None:
        PROGRAM = os.path.join(TMP, "fn_shell")
        flags = shlex.split(os.environ.get("CFLAGS", "-O2"))
        subprocess.check_call(
            [os.environ.get("CC", "cc"), *flags, "-Wall", "-Wextra", "-Werror",
             "-o", PROGRAM, *sorted(glob.glob(SHELL + "/*.c")), "-ljansson"])


def tearDownModule():
    shutil.rmtree(TMP)


def script(text, mode=0o644, name=None):
    if name is None:
        name = "script%d.sh" % len(os.listdir(TMP))

    path = os.path.join(TMP, name)

    with open(path, "w") as f:
        f.write(text)

    os.chmod(path, mode)
    return path


def wait_for(condition, seconds=5):
    end = time.monotonic() + seconds * SLOW

    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.005)

    return False


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def event(body=b"", **fields):
    fields = {"id": "ev-1", "method": "GET", "path": "/", **fields}

    if body:
        fields["body_length"] = len(body)

    return json.dumps(fields).encode() + b"\n" + body


def options(arguments):
    return ["--", *arguments] if arguments else []


def not_wrapped(test):
    return unittest.skipIf(WRAPPER, "valgrind changes this")(test)


class Reply:

    def __init__(self):
        self.lines = []
        self.logs = []
        self.body = b""

    def __getattr__(self, name):
        for line in self.lines:
            if name in line:
                return line[name]
        raise AttributeError(name)

    @property
    def kind(self):
        return self.lines[0]["type"]

    @property
    def last(self):
        return self.lines[-1]["type"]

    @property
    def text(self):
        return self.body.decode()

    @property
    def logged(self):
        assert all(log["level"] == "error" for log in self.logs)
        return [log["message"] for log in self.logs]


class Connection:

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(20 * SLOW)
        self.file = sock.makefile("rb")

    def send(self, data):
        self.sock.sendall(data)

    def read(self, keep=True):
        reply = Reply()

        while True:
            line = self.file.readline()

            if not line:
                raise EOFError

            assert line.endswith(b"\n") and len(line) <= 16384, line
            message = json.loads(line)

            if message["type"] == "log":
                reply.logs.append(message)
                continue

            reply.lines.append(message)

            if message["type"] == "response":
                assert message["id"], message

                if "stream" not in message:
                    reply.body = self.take(message["body_length"])
                    return reply

            elif message["type"] == "chunk":
                data = self.take(message["length"])

                if keep:
                    reply.body += data

            else:
                return reply

    def take(self, n):
        data = self.file.read(n)

        if len(data) != n:
            raise EOFError

        return data

    def ask(self, body=b"", **fields):
        self.send(event(body, **fields))
        return self.read()

    def closed(self):
        """The other side closed it, without a byte."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def unread(self):
        value = fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0\0\0\0")
        return struct.unpack("i", value)[0]

    def close(self):
        self.file.close()
        self.sock.close()


class Runtime:
    """fn_shell as the supervisor starts it."""

    def __init__(self, target, *arguments, ready=True, **env):
        self.path = os.path.join(tempfile.mkdtemp(dir=TMP), "s")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(511)
        self.control, theirs = socket.socketpair()
        self.control.settimeout(20 * SLOW)
        self.log = tempfile.TemporaryFile(dir=TMP)
        self.connections = []

        env = {"PATH": PATH, "LANG": "C.UTF-8", "FN_TARGET": target,
               "FN_PROTOCOL": "1", "FN_NAME": "f", **env}

        def descriptors():
            os.dup2(self.listener.fileno(), 3)
            os.dup2(theirs.fileno(), 4)

        self.process = subprocess.Popen(
            [*WRAPPER, PROGRAM, *options(arguments)], preexec_fn=descriptors,
            pass_fds=(3, 4), stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log, cwd="/", env=env)
        self.pid = self.process.pid
        theirs.close()
        self.first = self.control.recv(4096)

        if ready:
            assert self.first == b'{"type":"ready","protocol":1}\n', self.first

    def connect(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.path)
        connection = Connection(sock)
        self.connections.append(connection)
        return connection

    def ask(self, body=b"", **fields):
        connection = self.connect()
        try:
            return connection.ask(body, **fields)
        finally:
            connection.close()

    def stop(self):
        self.control.sendall(b'{"type":"stop"}\n')

    def wait(self, seconds=10):
        return self.process.wait(seconds * SLOW)

    def logged(self):
        self.log.seek(0)
        return self.log.read().decode("latin-1")

    def children(self):
        pids = []

        for path in glob.glob("/proc/%d/task/*/children" % self.pid):
            try:
                with open(path) as f:
                    pids += map(int, f.read().split())
            except FileNotFoundError:
                pass            # the thread has ended

        return pids

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def peak(self):
        """The most memory it ever had, in MB."""
        with open("/proc/%d/status" % self.pid) as f:
            return int(re.search(r"VmHWM:\s*(\d+)", f.read()).group(1)) / 1024

    def end(self):
        for connection in self.connections:
            connection.close()

        if self.process.poll() is None:
            try:
                self.stop()
                code = self.wait()
            except (subprocess.TimeoutExpired, BrokenPipeError):
                self.process.kill()
                self.process.wait()
                raise
        else:
            code = None

        self.control.close()
        self.listener.close()
        log = self.logged()
        self.log.close()
        return code, log


class Case(unittest.TestCase):

    maxDiff = None

    def start(self, target, *arguments, **env):
        runtime = Runtime(target, *arguments, **env)
        self.addCleanup(self.finish, runtime)
        return runtime

    def sh(self, text, *arguments, **env):
        return self.start(script(text), *arguments, **env)

    def recorder(self, *arguments, **env):
        path = script(RECORDER, 0o755, "recorder")
        return self.start(path, *arguments, **env)

    def record(self, runtime, body=b"", **fields):
        return json.loads(runtime.ask(body, **fields).body)

    def finish(self, runtime):
        code, log = runtime.end()
        self.assertIn(code, (0, None), log)
        self.assertNotIn("ERROR: AddressSanitizer", log)
        self.assertNotIn("runtime error:", log)
        self.assertNotIn("==ERROR", log)

    def assertOK(self, reply, text, content_type=TEXT):
        self.assertEqual(reply.kind, "response")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers, {"Content-Type": content_type})
        self.assertEqual(reply.text, text)

    def assertFailed(self, reply, error, output=""):
        self.assertEqual(reply.kind, "response")
        self.assertEqual(reply.status, 500)
        self.assertEqual(reply.headers, {"Content-Type": TEXT})
        self.assertEqual(reply.text, "Failed to run shell command.\n"
                         "Error: %s\nOutput:%s" % (error, output))

    def assertError(self, reply, status):
        self.assertEqual(reply.kind, "error")
        self.assertEqual(reply.lines[0]["status"], status)
        self.assertEqual(len(reply.lines), 1)


class Start(Case):

    def fails(self, target, word, *arguments, **env):
        runtime = Runtime(target, *arguments, ready=False, **env)
        self.assertEqual(runtime.wait(), 1)
        line = runtime.first
        self.assertTrue(line.endswith(b"\n") and line.count(b"\n") == 1)
        message = json.loads(line)
        self.assertEqual(message["type"], "error")
        self.assertIn(word, message["message"])
        runtime.end()

    def test_ready(self):
        runtime = self.sh("echo hi")
        runtime.control.setblocking(False)
        self.assertRaises(BlockingIOError, runtime.control.recv, 1)

    def test_missing_command(self):
        self.fails("no-such-command-anywhere", "not found on PATH")

    @not_wrapped
    def test_command_is_not_looked_for_here(self):
        script("echo hi", 0o755, "here")
        self.fails("here", "not found", PATH=":.:relative:")

    def test_missing_file(self):
        self.fails("/no/such/file.sh", "not a file")

    def test_directory(self):
        self.fails("/tmp", "not a file")

    def test_relative(self):
        self.fails("tmp/x.sh", "not an absolute path")

    def test_empty_target(self):
        self.fails("", "not found")

    def test_target_is_quoted(self):
        self.fails('a"b\\\n\xff', "not found")

    def test_long_target(self):
        self.fails("x" * 10000, "xxx")

    def test_concurrency(self):
        for value in ("0", "-1", "x", "", "1x", "99999999999999999999"):
            self.fails("cat", "FN_CONCURRENCY", FN_CONCURRENCY=value)

    def test_content_type(self):
        for value in ("", "a\nb", "a\x7f", "\xe9", "x" * 257):
            self.fails("cat", "FN_CONTENT_TYPE", FN_CONTENT_TYPE=value)

    def test_protocol(self):
        self.fails("cat", "FN_PROTOCOL", FN_PROTOCOL="2")

    def test_line_max(self):
        self.fails("cat", "FN_LINE_MAX", FN_LINE_MAX="100")

    def test_unknown_option(self):
        for arguments in (["a"], ["-x"], ["--listen=x"], ["a", "--"]):
            run = subprocess.run([PROGRAM, "--listen", "unix:/x", *arguments],
                                 env={"FN_TARGET": "cat"},
                                 stderr=subprocess.PIPE)
            self.assertEqual(run.returncode, 1)
            self.assertIn(b"is no option", run.stderr)

    def test_without_descriptors(self):
        run = subprocess.run([PROGRAM], env={"FN_TARGET": "cat"},
                             stderr=subprocess.PIPE)
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"--listen", run.stderr)


class Nuclio(Case):
    """S1 to S10 of nuclio's tests."""

    def outputter(self, **env):
        return self.sh(OUTPUTTER, "first", "second", ENV1="value1",
                       ENV2="value2", **env)

    def test_s1_body(self):
        reply = self.outputter().ask(b"return_body")
        self.assertOK(reply, "return_body\n")
        self.assertIsInstance(reply.duration_us, int)
        self.assertGreater(reply.duration_us, 0)

    def test_s2_env(self):
        self.assertOK(self.outputter().ask(b"return_env"), "value1-value2\n")

    def test_s3_error(self):
        self.assertFailed(self.outputter().ask(b"return_error"),
                          "exit status 1")

    def test_s4_arguments(self):
        self.assertOK(self.outputter().ask(b"return_arguments"),
                      "first-second\n")

    def test_s5_arguments_header(self):
        headers = {"X-Nuclio-Arguments": "overridefirst overridesecond"}
        runtime = self.outputter(FN_ARGUMENTS_HEADER="1")
        self.assertOK(runtime.ask(b"return_arguments", headers=headers),
                      "overridefirst-overridesecond\n")
        self.assertOK(runtime.ask(b"return_arguments"), "first-second\n")

    def test_s5_arguments_header_off(self):
        headers = {"X-Nuclio-Arguments": "overridefirst overridesecond"}

        for env in ({}, {"FN_ARGUMENTS_HEADER": "0"},
                    {"FN_ARGUMENTS_HEADER": ""}):
            reply = self.outputter(**env).ask(b"return_arguments",
                                              headers=headers)
            self.assertOK(reply, "first-second\n")

    def test_s6_message(self):
        runtime = self.outputter()

        for _ in range(50):
            self.assertFailed(runtime.ask(b"return_error_with_message"),
                              "exit status 1",
                              "return_error_with_message\nsome_error\n")

    def test_s8_sleep(self):
        start = time.monotonic()
        self.assertOK(self.outputter().ask(b"sleep 0.5"), "")
        self.assertGreater(time.monotonic() - start, 0.5)

    def test_s9_rev(self):
        self.assertOK(self.start("rev").ask(b"abcdef"), "fedcba")

    def test_s10_echo(self):
        runtime = self.start("echo", "abcdef", FN_ARGUMENTS_HEADER="1")
        self.assertOK(runtime.ask(), "abcdef\n")
        self.assertOK(runtime.ask(headers={"X-Nuclio-Arguments": "123456"}),
                      "123456\n")


class Target(Case):

    def test_script_without_mode(self):
        path = script('echo "$0 $#"')
        self.assertOK(self.start(path, "a", "b c").ask(), path + " 2\n")

    def test_shebang_needs_execute_permission(self):
        text = "#!/usr/bin/env python3\nprint('python')"
        self.assertOK(self.start(script(text, 0o755)).ask(), "python\n")
        self.assertFailed(self.start(script("#!/bin/false\nexit 7")).ask(),
                          "exit status 7")

    def test_executable_without_shebang(self):
        self.assertOK(self.start(script("echo sh", 0o755)).ask(), "sh\n")

    def test_binary(self):
        self.assertOK(self.start(shutil.which("echo"), "a").ask(), "a\n")

    def test_empty_file(self):
        self.assertOK(self.start(script("", 0o755)).ask(), "")

    def test_name_with_special_characters(self):
        path = script("echo ok", name="a b;$(c)'\"*.sh")
        self.assertOK(self.start(path).ask(), "ok\n")

    def test_new_code_without_restart(self):
        path = script("echo one")
        runtime = self.start(path)
        self.assertOK(runtime.ask(), "one\n")
        script("echo two", name=os.path.basename(path))
        self.assertOK(runtime.ask(), "two\n")

    def test_interpreter_is_missing(self):
        runtime = self.start(script("#!/no/such/interpreter\n", 0o755))

        for _ in range(3):
            reply = runtime.ask()

            if not WRAPPER:     # valgrind makes vfork() a fork()
                self.assertError(reply, 500)
                self.assertIn("No such file", reply.message)

        self.assertEqual(runtime.children(), [])

    def test_content_type(self):
        runtime = self.sh("cat; exit $(cat)", FN_CONTENT_TYPE='a/b; c="d\\\\"')
        self.assertOK(runtime.ask(b"x"), "x", 'a/b; c="d\\\\"')

    def test_content_type_of_failure(self):
        runtime = self.sh("exit 1", FN_CONTENT_TYPE="application/json")
        self.assertFailed(runtime.ask(), "exit status 1")


class Environment(Case):

    @not_wrapped
    def test_exact(self):
        runtime = self.recorder(
            FN_ENTRY="main", FN_SLOT="0", FN_CONCURRENCY="1",
            FN_LINE_MAX="16384",
            NUCLIO_FUNCTION_NAME="f", NUCLIO_FUNCTION_HANDLER="r:main",
            NUCLIO_HANDLER="r:main", MINE="yes", EMPTY="",
            NUCLIO_EVENT_ID="wrong", NUCLIO_TRIGGER_KIND="wrong")
        seen = self.record(
            runtime, b"data", id="0123456789abcdef", method="POST",
            path="/a/b", query="q=1", timestamp=1789000000.123,
            headers={"Content-Type": "text/csv", "Host": "h", "X-A": "1"},
            remote_addr="127.0.0.1", trigger={"kind": "http", "name": "f"})
        self.assertEqual(seen["env"], {
            "PATH": PATH, "LANG": "C.UTF-8", "MINE": "yes", "EMPTY": "",
            "NUCLIO_FUNCTION_NAME": "f",
            "NUCLIO_FUNCTION_HANDLER": "r:main",
            "NUCLIO_HANDLER": "r:main",
            "NUCLIO_EVENT_ID": "0123456789abcdef",
            "NUCLIO_TRIGGER_CLASS": "sync",
            "NUCLIO_TRIGGER_KIND": "http",
            "NUCLIO_EVENT_CONTENT_TYPE": "text/csv",
            "NUCLIO_EVENT_TIMESTAMP": "2026-09-10T00:26:40Z",
            "NUCLIO_EVENT_PATH": "/a/b",
            "NUCLIO_EVENT_URL": "",
            "NUCLIO_EVENT_METHOD": "POST",
            "NUCLIO_EVENT_SHARD_ID": "-1",
            "NUCLIO_EVENT_NUM_SHARDS": "0",
            "NUCLIO_EVENT_TYPE": "",
            "NUCLIO_EVENT_TYPE_VERSION": "",
            "NUCLIO_EVENT_VERSION": "",
        })
        self.assertEqual(seen["body"], "data")

    def test_least_event(self):
        env = self.record(self.recorder())["env"]
        self.assertEqual(env["NUCLIO_TRIGGER_KIND"], "http")
        self.assertEqual(env["NUCLIO_EVENT_CONTENT_TYPE"], "")
        now = time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() - 5))
        self.assertEqual(env["NUCLIO_EVENT_TIMESTAMP"][:10], now[:10])
        self.assertFalse([k for k in env if k.startswith("FN_")])

    def test_nothing_else_of_a_request(self):
        marks = ["mark%d" % i for i in range(6)]
        seen = self.record(
            self.recorder(), query=marks[0], remote_addr=marks[1],
            headers={"X-Mark": marks[2], "Mark3": "x", "Proxy": marks[4],
                     "X-Nuclio-Arguments": marks[5]}, other="mark6",
            trigger={"kind": "http", "name": "mark7"})
        self.assertNotIn("mark", json.dumps(seen).lower())

    def test_descriptors_signals_group(self):
        seen = self.record(self.recorder())
        self.assertEqual(seen["fds"], [0, 1, 2])
        self.assertEqual(seen["blocked"], 0)
        self.assertEqual(seen["ignored"], 0)
        self.assertTrue(seen["pgid"])

    def test_every_byte(self):
        path = "/" + "".join(map(chr, range(1, 256)))
        seen = self.record(self.recorder(), path=path,
                           headers={"Content-Type": path})
        self.assertEqual(seen["env"]["NUCLIO_EVENT_PATH"], path)
        self.assertEqual(seen["env"]["NUCLIO_EVENT_CONTENT_TYPE"], path)

    def test_repeated_header(self):
        seen = self.record(self.recorder(),
                           headers={"Content-Type": ["a/b", "c/d"]})
        self.assertEqual(seen["env"]["NUCLIO_EVENT_CONTENT_TYPE"], "c/d")
        seen = self.record(self.recorder(), headers={"Content-Type": []})
        self.assertEqual(seen["env"]["NUCLIO_EVENT_CONTENT_TYPE"], "")

    def test_timestamps(self):
        runtime = self.recorder()

        for value, text in ((0, "1970-01-01T00:00:00Z"),
                            (1e300, "1970-01-01T00:00:00Z"),
                            (-5, "1970-01-01T00:00:00Z"),
                            (253402300799.9, "9999-12-31T23:59:59Z"),
                            (951782400, "2000-02-29T00:00:00Z")):
            env = self.record(runtime, timestamp=value)["env"]
            self.assertEqual(env["NUCLIO_EVENT_TIMESTAMP"], text)

    def test_refused(self):
        marker = os.path.join(TMP, "ran")
        runtime = self.sh("touch %s" % marker)

        for fields in (
                {"path": "/a\0b"},
                {"path": "\0"},
                {"method": "GE\0T"},
                {"method": "\u20ac"},
                {"trigger": {"kind": "\0"}},
                {"headers": {"Content-Type": "a\0"}},
                {"headers": {"Content-Type": "() { :;}; echo x"}},
                {"path": "() {"},
                {"method": "() { x"},
                {"trigger": {"kind": "() {"}}):
            self.assertError(runtime.ask(b"body", **fields), 400)

        self.assertError(runtime.ask(path="/" + "a" * 65536), 431)
        self.assertFalse(os.path.exists(marker))
        self.assertOK(runtime.ask(headers={"Content-Type": "() x{"}), "")
        self.assertTrue(os.path.exists(marker))

    def test_long_path(self):
        path = "/" + "a" * 60000
        seen = self.record(self.recorder(), path=path)
        self.assertEqual(seen["env"]["NUCLIO_EVENT_PATH"], path)

    def test_zero_byte_elsewhere(self):
        self.assertOK(self.sh("echo ok").ask(
            query="\0", headers={"X-A": "\0"}, remote_addr="\0"), "ok\n")

    def test_environment_too_large(self):
        env = {"BIG%d" % i: "x" * 100000 for i in range(18)}
        runtime = self.sh("echo ok", **env)

        for _ in range(2):
            reply = runtime.ask(path="/" + "a" * 60000)

            if not WRAPPER and reply.kind == "error":
                self.assertError(reply, 500)


class Arguments(Case):

    NASTY = ["; touch M", "| touch M", "& touch M", "$(touch M)", "`touch M`",
             "a\ntouch M", "-rf", "--version", "*", "?", "[a-z]*", "~", "$HOME",
             "${IFS}", "'", '"', "\\", "> M", "< /etc/passwd", "", " ", "\t",
             "a b", "%s", "!!", "{1..3}", "#", "\x80\xff", "é€"]

    def test_configured(self):
        runtime = self.recorder(*self.NASTY)
        self.assertEqual(self.record(runtime)["argv"],
                         [os.fsencode(a).decode("latin-1")
                          for a in self.NASTY])

    def test_configured_for_sh(self):
        os.chdir(TMP)
        runtime = self.sh('for a; do printf "<%s>" "$a"; done', *self.NASTY)
        self.assertEqual(runtime.ask().text,
                         "".join("<%s>" % a for a in self.NASTY))
        self.assertFalse(os.path.exists(TMP + "/M"))

    def test_options_after_the_dashes(self):
        for arguments in (["--listen", "unix:/x"], ["--"], ["--", "--"],
                          ["-"]):
            self.assertEqual(self.record(self.recorder(*arguments))["argv"],
                             arguments)

    def test_header(self):
        runtime = self.recorder("default", FN_ARGUMENTS_HEADER="1")

        for value in ("; touch M", "| x", "&& x", "$(id)", "`id`", "-rf /",
                      "--help", "* ? [a]", "a  b", " a", "a ", " ", "'a b'",
                      '"a b"', "\\ a", "~ $HOME", "\x80\xff \xe9"):
            headers = {"X-Nuclio-Arguments": value}
            seen = self.record(runtime, headers=headers)
            self.assertEqual(seen["argv"], value.split(" "))

    def test_header_absent_or_empty(self):
        runtime = self.recorder("default", FN_ARGUMENTS_HEADER="1")

        for headers in ({}, {"X-Nuclio-Arguments": ""},
                        {"X-Nuclio-Arguments": []},
                        {"X-Nuclio-Arguments": ["a", ""]}):
            self.assertEqual(self.record(runtime, headers=headers)["argv"],
                             ["default"])

    def test_header_repeated(self):
        runtime = self.recorder("default", FN_ARGUMENTS_HEADER="1")
        headers = {"X-Nuclio-Arguments": ["a", "b c"]}
        self.assertEqual(self.record(runtime, headers=headers)["argv"],
                         ["b", "c"])

    def test_header_refused(self):
        runtime = self.recorder(FN_ARGUMENTS_HEADER="1")

        for code in [*range(32), 127]:
            headers = {"X-Nuclio-Arguments": "a %sb" % chr(code)}
            self.assertError(runtime.ask(headers=headers), 400)

    def test_header_long(self):
        runtime = self.recorder(FN_ARGUMENTS_HEADER="1")
        value = " ".join("x" * 30000)
        seen = self.record(runtime, headers={"X-Nuclio-Arguments": value})
        self.assertEqual(len(seen["argv"]), 30000)
        headers = {"X-Nuclio-Arguments": "x" * 70000}
        self.assertError(runtime.ask(headers=headers), 431)

    def test_stdin_is_never_a_program(self):
        runtime = self.sh("echo ok")
        self.assertOK(runtime.ask(b"touch M; exit 5\n"), "ok\n")


class Exit(Case):

    def test_status(self):
        runtime = self.sh("exit $(cat)")

        for status in (1, 2, 3, 126, 127, 128, 255):
            self.assertFailed(runtime.ask(b"%d" % status),
                              "exit status %d" % status)

        self.assertOK(runtime.ask(b"0"), "")

    def test_signals(self):
        runtime = self.sh("ulimit -c 0; kill -$(cat) $$; sleep 5")

        for number, text in ((9, "killed"), (15, "terminated"),
                             (1, "hangup"), (2, "interrupt"), (3, "quit"),
                             (6, "aborted"), (11, "segmentation fault"),
                             (13, "broken pipe"), (14, "alarm clock"),
                             (10, "user defined signal 1"),
                             (31, "signal 31"), (40, "signal 40")):
            self.assertFailed(runtime.ask(b"%d" % number), "signal: " + text)

    def test_output_and_failure(self):
        runtime = self.sh("printf out; printf err >&2; exit 4")
        self.assertFailed(runtime.ask(), "exit status 4", "outerr")

    def test_stderr_of_success(self):
        runtime = self.sh("echo one >&2; echo body; printf two >&2")
        reply = runtime.ask()
        self.assertOK(reply, "body\n")
        self.assertEqual(reply.logged, ["one", "two"])

        if not WRAPPER:     # valgrind says that it has no pidfd_open()
            self.assertEqual(runtime.logged(), "")

    def test_output_order(self):
        runtime = self.sh("echo 1; sleep .05; echo 2 >&2; sleep .05; echo 3;"
                          "sleep .05; echo 4 >&2; exit 1")
        self.assertFailed(runtime.ask(), "exit status 1", "1\n2\n3\n4\n")

    def test_stderr_is_bounded(self):
        runtime = self.sh("head -c 1000000 /dev/zero | tr '\\0' e >&2; exit 1")
        reply = runtime.ask()
        self.assertFailed(reply, "exit status 1", "e" * 8192)
        self.assertEqual("".join(reply.logged), "e" * 1000000)
        self.assertEqual(len(reply.logged[0]), 1024)

    def test_stderr_lines(self):
        runtime = self.sh("i=0; while [ $i -lt 300 ]; do echo \"line $i\" >&2;"
                          " i=$((i+1)); done", FN_CONCURRENCY="2")
        connections = [runtime.connect() for _ in range(2)]

        for connection in connections:
            connection.send(event())

        for connection in connections:
            reply = connection.read()
            self.assertOK(reply, "")
            self.assertEqual(reply.logged, ["line %d" % i for i in range(300)])

    def test_stderr_characters(self):
        for data, messages in (
                ("\u20ac\n\u00e9".encode(), ["\u20ac", "\u00e9"]),
                (b"a\xffb\n\xc3\xa9\n", ["a\xffb", "\u00e9"]),
                (b"\"\\\0\x1b[31m\n", ["\"\\\0\x1b[31m"]),
                (b"a\r\n\n\r\n  b\n", ["a", "  b"])):
            self.assertEqual(self.sh("cat >&2").ask(data).logged, messages)

    def test_stderr_long_lines(self):
        runtime = self.sh("cat >&2")
        text = "x" + "\u20ac" * 5000
        logged = runtime.ask(text.encode()).logged
        self.assertEqual("".join(logged), text)     # no character is cut

        for line_max in (1024, 4096, 100000):
            runtime = self.sh("cat >&2", FN_LINE_MAX=str(line_max))
            connection = runtime.connect()
            connection.send(event(b"\1" * 10000))
            reply = connection.read()
            self.assertEqual("".join(reply.logged), "\1" * 10000)
            self.assertLessEqual(max(map(len, map(json.dumps, reply.logs))),
                                 line_max)

    def test_stderr_comes_at_once(self):
        connection = self.sh("echo now >&2; sleep 1").connect()
        start = time.monotonic()
        connection.send(event())
        self.assertEqual(json.loads(connection.file.readline()), {
            "type": "log", "level": "error", "message": "now"})

        if SLOW == 1:
            self.assertLess(time.monotonic() - start, 0.9)

        self.assertOK(connection.read(), "")

    def test_stderr_within_a_stream(self):
        runtime = self.sh("head -c 70000 /dev/zero; sleep .1; echo log >&2;"
                          "sleep .1; echo end")
        reply = runtime.ask()
        self.assertEqual(reply.logged, ["log"])
        self.assertEqual(len(reply.body), 70004)
        self.assertEqual(reply.last, "end")

    def test_stderr_waits_for_the_reader(self):
        mark = os.path.join(TMP, "flooded")
        runtime = self.sh("yes | head -c 5000000 >&2; touch " + mark)
        connection = runtime.connect()
        connection.send(event())
        time.sleep(0.5)
        self.assertFalse(os.path.exists(mark))
        self.assertOK(connection.read(), "")
        self.assertTrue(os.path.exists(mark))

        if not SANITIZED:
            self.assertLess(runtime.peak(), 8)

    def test_stderr_binary(self):
        runtime = self.sh("printf '\\000\\377\\n' >&2; exit 1")
        self.assertEqual(runtime.ask().body[-3:], b"\0\xff\n")

    def test_largest_failure(self):
        runtime = self.sh("head -c 65536 /dev/zero; exit 1")
        self.assertEqual(len(runtime.ask().body), 65536 + len(
            "Failed to run shell command.\nError: exit status 1\nOutput:"))


class Body(Case):

    def test_sizes(self):
        runtime = self.start("cat")

        for size in (1, 100, 4096, 65535, 65536, 65537, 131072, 131073,
                     1048575, 1048576, 1048577, 10000000):
            body = os.urandom(size)
            reply = runtime.ask(body)
            self.assertEqual(reply.body, body, size)
            self.assertEqual("stream" in reply.lines[0], size > 65536)

            if size > 65536:
                self.assertEqual(reply.last, "end")
                self.assertNotIn("body_length", reply.lines[0])

    def test_every_byte(self):
        body = bytes(range(256)) * 3 + b"\n\0\r\n{}\n"
        self.assertEqual(self.start("cat").ask(body).body, body)

    def test_no_body(self):
        self.assertOK(self.sh("wc -c; readlink /proc/self/fd/0").ask(),
                      "0\n/dev/null\n")

    def test_body_is_not_read(self):
        runtime = self.sh("echo ok")
        self.assertOK(runtime.ask(b"x" * 5000000), "ok\n")
        self.assertOK(runtime.ask(b"x" * 100), "ok\n")

    def test_stdin_is_closed_early(self):
        self.assertOK(self.sh("exec 0<&-; echo ok").ask(b"x" * 500000), "ok\n")

    @not_wrapped
    def test_nothing_can_be_left_in_tmpdir(self):
        path = tempfile.mkdtemp(dir=TMP)
        runtime = self.sh("ls -A $TMPDIR | wc -l; wc -c", TMPDIR=path)
        self.assertOK(runtime.ask(b"x" * 3000000), "0\n3000000\n")
        self.assertEqual(os.listdir(path), [])

    @not_wrapped
    def test_no_tmpdir(self):
        runtime = self.start("cat", TMPDIR="/no/such/directory")
        connection = runtime.connect()
        self.assertError(connection.ask(b"x" * 3000000), 503)
        self.assertOK(connection.ask(b"small"), "small")

    def test_no_room_for_the_body(self):
        runtime = self.start("cat")
        limit = resource.RLIMIT_FSIZE
        _, hard = resource.prlimit(runtime.pid, limit)
        resource.prlimit(runtime.pid, limit, (100000, hard))
        connection = runtime.connect()

        for size in (100001, 1000000, 2000000):
            self.assertError(connection.ask(b"x" * size), 503)
            self.assertOK(connection.ask(b"x" * 100000), "x" * 100000)

    def test_large_in(self):
        runtime = self.sh("sha256sum")
        connection = runtime.connect()
        size = 100000000
        connection.send(event(body_length=size))
        digest = hashlib.sha256()
        piece = os.urandom(1000000)

        for _ in range(size // len(piece)):
            connection.send(piece)
            digest.update(piece)

        self.assertOK(connection.read(), digest.hexdigest() + "  -\n")

        if not SANITIZED:
            self.assertLess(runtime.peak(), 8)

    def test_large_out(self):
        runtime = self.sh("head -c 100000000 /dev/zero")
        connection = runtime.connect()
        connection.send(event())
        reply = connection.read(keep=False)
        self.assertEqual(sum(line["length"] for line in reply.lines
                             if line["type"] == "chunk"), 100000000)
        self.assertEqual(reply.last, "end")

        if not SANITIZED:
            self.assertLess(runtime.peak(), 8)

    def test_back_pressure(self):
        mark = os.path.join(TMP, "written")
        runtime = self.sh("head -c 20000000 /dev/zero; touch " + mark)
        connection = runtime.connect()
        connection.send(event())
        time.sleep(0.5)
        self.assertFalse(os.path.exists(mark))
        self.assertEqual(len(runtime.children()), 1)

        with open("/proc/%d/stat" % runtime.pid) as f:
            before = f.read().split()[13:15]

        time.sleep(0.3)

        with open("/proc/%d/stat" % runtime.pid) as f:
            self.assertEqual(f.read().split()[13:15], before)   # it sleeps

        reply = connection.read()
        self.assertEqual(len(reply.body), 20000000)
        self.assertTrue(os.path.exists(mark))

        if not SANITIZED:
            self.assertLess(runtime.peak(), 8)

    def test_stream_comes_while_it_runs(self):
        runtime = self.sh("head -c 70000 /dev/zero; sleep 1; echo end")
        connection = runtime.connect()
        start = time.monotonic()
        connection.send(event())
        self.assertIn(b'"stream":true', connection.file.readline())
        length = json.loads(connection.file.readline())["length"]
        connection.take(length)

        if SLOW == 1:
            self.assertLess(time.monotonic() - start, 0.9)

        reply = connection.read()
        self.assertEqual(length + len(reply.body), 70004)
        self.assertGreater(time.monotonic() - start, 1)

    def test_stream_fails(self):
        runtime = self.sh("head -c 70000 /dev/zero; exit 3")
        connection = runtime.connect()

        for _ in range(2):
            reply = connection.ask()
            self.assertEqual(len(reply.body), 70000)
            self.assertEqual(reply.lines[-1]["type"], "error")
            self.assertEqual(reply.lines[-1]["id"], "ev-1")
            self.assertEqual(reply.lines[-1]["message"], "exit status 3")

    def test_both_ways(self):
        body = os.urandom(5000000)
        runtime = self.sh("tee /dev/stderr 2>/dev/null")
        self.assertEqual(runtime.ask(body).body, body)


class Events(Case):

    def test_one_connection_many_events(self):
        connection = self.sh("cat; echo $NUCLIO_EVENT_ID").connect()

        for i in range(100):
            reply = connection.ask(b"b%d-" % i, id="id-%d" % i)
            self.assertEqual(reply.id, "id-%d" % i)
            self.assertOK(reply, "b%d-id-%d\n" % (i, i))

    def test_many_connections(self):
        runtime = self.sh("cat")
        connections = [runtime.connect() for _ in range(100)]

        for i, connection in enumerate(connections):
            connection.send(event(b"%d" % i, id="id-%d" % i))

        for i, connection in enumerate(connections):
            reply = connection.read()
            self.assertEqual((reply.id, reply.text), ("id-%d" % i, str(i)))

    def test_two_in_the_socket(self):
        connection = self.start("cat").connect()
        connection.send(event(b"1", id="a") + event(b"2", id="b"))
        self.assertEqual(connection.read().text, "1")
        self.assertEqual(connection.read().text, "2")

    def test_split_at_each_byte(self):
        connection = self.start("cat").connect()
        data = event(b"body\n", headers={"X-A": "\xe9"})

        for i in range(1, len(data)):
            connection.send(data[:i])
            time.sleep(0.001 * SLOW)
            connection.send(data[i:])
            self.assertOK(connection.read(), "body\n")

    def test_byte_by_byte(self):
        connection = self.start("cat").connect()

        for byte in event(b"body\n"):
            connection.send(bytes([byte]))
            time.sleep(0.001)

        self.assertOK(connection.read(), "body\n")

    def test_ends_early(self):
        marker = os.path.join(TMP, "early")
        runtime = self.sh("touch %s; cat" % marker)
        data = event(b"body")

        for i in range(1, len(data)):
            connection = runtime.connect()
            connection.send(data[:i])

            if i % 2:
                connection.sock.shutdown(socket.SHUT_WR)
                self.assertTrue(connection.closed())

            connection.close()

        time.sleep(0.05)
        self.assertFalse(os.path.exists(marker))
        self.assertOK(runtime.ask(b"x"), "x")

    def test_half_closed(self):
        connection = self.sh("sleep .1; cat").connect()
        connection.send(event(b"x"))
        connection.sock.shutdown(socket.SHUT_WR)
        self.assertOK(connection.read(), "x")
        self.assertTrue(connection.closed())

    def test_largest_line(self):
        runtime = self.start("cat")
        base = len(event(b"x", query=""))

        for size, fine in ((262144, 1), (262145, 0), (1000000, 0)):
            connection = runtime.connect()
            data = event(b"x", query="q" * (size + 1 - base))
            self.assertEqual(len(data), size + 1)

            if fine:
                connection.send(data)
                self.assertOK(connection.read(), "x")
            else:
                try:
                    connection.send(data)
                except OSError:
                    pass
                self.assertTrue(connection.closed())

    def test_malformed(self):
        marker = os.path.join(TMP, "malformed")
        runtime = self.sh("touch %s" % marker)
        good = '{"id":"a","method":"GET","path":"/"%s}'
        lines = ["", " ", "null", "[]", '"a"', "1", "{}", "{", "x", "{}}",
                 good % "" + "x", "\ufeff" + good % "",
                 '{"method":"GET","path":"/"}', '{"id":"a","path":"/"}',
                 '{"id":"a","method":"GET"}',
                 '{"id":"","method":"GET","path":"/"}',
                 '{"id":"a b","method":"GET","path":"/"}',
                 '{"id":"a\\u0000","method":"GET","path":"/"}',
                 '{"id":"%s","method":"GET","path":"/"}' % ("a" * 65),
                 '{"id":1,"method":"GET","path":"/"}',
                 '{"id":"a","method":null,"path":"/"}',
                 '{"id":"a","method":"GET","path":["/"]}',
                 '{"id":"a","method":"GET","path":"\u20ac"}',
                 '{"id":"a","method":"GET","path":"\\u0100"}',
                 '{"id":"a","method":"GET","path":"\\ud800"}']
        lines += [good % ("," + field) for field in (
            '"id":"b"', '"type":"event"', '"type":null', '"query":1',
            '"query":"\\u0100"', '"headers":[]', '"headers":{"A":1}',
            '"headers":{"A":[1]}', '"headers":{"A":"\u0100"}',
            '"headers":{"\u0100":"a"}', '"headers":{"A":"a","A":"b"}',
            '"headers":{"A\\u0000":"a"}', '"headers":null',
            '"headers":{"A":["a","\u0100"]}',
            '"timestamp":"1"', '"timestamp":1e999', '"remote_addr":1',
            '"trigger":[]', '"trigger":{"kind":1}', '"trigger":{"name":1}',
            '"trigger":"http"', '"start_by":"1"', '"start_by":1.0',
            '"start_by":1e3', '"start_by":null',
            '"start_by":99999999999999999999',
            '"body_length":-1', '"body_length":1.0', '"body_length":"1"',
            '"body_length":1e1', '"body_length":true', '"body_length":01',
            '"x":' + "[" * 100000, '"x":NaN', '"x":\'a\'', '"x":"\x01"')]
        lines = [line.encode() for line in lines]
        lines += [b"\xff", (good % ',"x":"').encode() + b'\xff"}', b"\0",
                  (good % "").encode() + b"\0"]
        connection = runtime.connect()

        for line in lines:
            bad = runtime.connect()
            bad.send(line + b"\n")
            self.assertTrue(bad.closed(), line[:200])
            bad.close()

        self.assertFalse(os.path.exists(marker))
        self.assertOK(connection.ask(), "")
        self.assertTrue(os.path.exists(marker))

    def test_tolerated(self):
        runtime = self.start("cat")
        good = '{"id":"a","method":"GET","path":"/"%s}'

        for field in ('', ',"new":{"a":[1.5,null]}', ',"timestamp":1',
                      ',"timestamp":1.5e3', ',"trigger":{}',
                      ',"x":' + "[" * 31 + "]" * 31, ',"x":"[[[[{{{\\"[["',
                      ',"x":"' + "[" * 40 + '"', ',"x":"\\\\"',
                      ',"headers":{"A":[]}', ',"query":"\\u00ff"'):
            connection = runtime.connect()
            connection.send(b" " + (good % field).encode() + b" \r\n")
            self.assertOK(connection.read(), "")

    def test_garbage_between_events(self):
        runtime = self.start("cat")
        connection = runtime.connect()
        connection.send(event(b"x") + b"garbage\n")
        self.assertOK(connection.read(), "x")
        self.assertTrue(connection.closed())

    def test_vectors(self):
        cases = sorted(os.path.dirname(path) for path in
                       glob.glob(VECTORS + "/*/*/event"))

        if not cases:
            self.skipTest("no vectors")

        marker = os.path.join(TMP, "vector")
        runtime = self.start(script(RECORDER.replace(
            "import json, os, sys", "import json, os, sys\n"
            "open(%r, 'w')" % marker), 0o755))

        for case in cases:
            with self.subTest(case=os.path.relpath(case, VECTORS)):
                self.vector(case, runtime, marker)

    def vector(self, case, runtime, marker):
        with open(case + "/event", "rb") as f:
            data = f.read()

        with open(case + "/expect", encoding="utf-8") as f:
            expect = json.load(f)

        if os.path.exists(marker):
            os.unlink(marker)

        connection = runtime.connect()

        try:
            connection.send(data)
        except OSError:
            pass

        if "invalid" in expect or "incomplete" in expect:
            if "incomplete" in expect:
                connection.sock.shutdown(socket.SHUT_WR)

            self.assertTrue(connection.closed())
            self.assertFalse(os.path.exists(marker))
            connection.close()
            return

        reply = connection.read()

        if expect["start_by"] and expect["start_by"] < time.monotonic() * 1000:
            self.assertEqual(reply.kind, "expired")
            return

        self.assertEqual(reply.id, expect["id"])

        if reply.kind == "error":       # what an environment can't hold
            self.assertIn(reply.lines[0]["status"], (400, 431))
            return

        seen = json.loads(reply.body)
        env = seen["env"]
        self.assertEqual(env["NUCLIO_EVENT_ID"], expect["id"])
        self.assertEqual(env["NUCLIO_EVENT_METHOD"], expect["method"])
        self.assertEqual(env["NUCLIO_EVENT_PATH"], expect["path"])
        self.assertEqual(env["NUCLIO_TRIGGER_KIND"], expect["trigger"]["kind"])
        self.assertEqual(seen["body"], expect["body"])


class Places(Case):

    def test_one_at_a_time(self):
        runtime = self.sh("sleep .2; cat")
        connections = [runtime.connect() for _ in range(3)]
        start = time.monotonic()

        for i, connection in enumerate(connections):
            connection.send(event(b"%d" % i))

        def unread():
            return [connection.unread() for connection in connections]

        self.assertTrue(wait_for(lambda: unread().count(0) == 1))
        time.sleep(0.05)
        self.assertEqual(unread().count(0), 1)  # the others can be taken back

        for i, connection in enumerate(connections):
            self.assertOK(connection.read(), str(i))

        self.assertGreater(time.monotonic() - start, 0.6)

    def test_two_at_a_time(self):
        runtime = self.sh("sleep .5; cat", FN_CONCURRENCY="2")
        connections = [runtime.connect() for _ in range(3)]
        start = time.monotonic()

        for i, connection in enumerate(connections):
            connection.send(event(b"%d" % i))

        self.assertTrue(wait_for(lambda: len(runtime.children()) == 2))
        time.sleep(0.05)
        self.assertEqual(len(runtime.children()), 2)
        unread = [connection.unread() for connection in connections]
        self.assertEqual(unread.count(0), 2)

        for i, connection in enumerate(connections):
            self.assertOK(connection.read(), str(i))

        taken = time.monotonic() - start
        self.assertGreater(taken, 1)

        if SLOW == 1:
            self.assertLess(taken, 1.45)

    @not_wrapped
    def test_many_places(self):
        runtime = self.sh("sleep .3; cat", FN_CONCURRENCY="40")
        connections = [runtime.connect() for _ in range(40)]

        for i, connection in enumerate(connections):
            connection.send(event(b"%d" % i * 1000))

        self.assertTrue(wait_for(lambda: len(runtime.children()) == 40))

        for i, connection in enumerate(connections):
            self.assertEqual(connection.read().body, b"%d" % i * 1000)

    def test_taken_back(self):
        marker = os.path.join(TMP, "taken")
        runtime = self.sh("sleep .3; cat >>%s" % marker)
        first, second = runtime.connect(), runtime.connect()
        first.send(event(b"first"))
        time.sleep(0.1)
        second.send(event(b"second"))
        self.assertGreater(second.unread(), 0)
        second.close()
        self.assertOK(first.read(), "")
        self.assertOK(runtime.ask(b"third"), "")

        with open(marker) as f:
            self.assertEqual(f.read(), "firstthird")

    def test_every_connection_gets_its_turn(self):
        runtime = self.sh("sleep .01")
        counts = [0] * 6
        end = time.monotonic() + 1.5

        def client(i):
            connection = runtime.connect()
            while time.monotonic() < end:
                connection.ask()
                counts[i] += 1

        threads = [threading.Thread(target=client, args=(i,))
                   for i in range(len(counts))]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        self.assertGreater(min(counts) * 3, max(counts), counts)

    def test_expired(self):
        marker = os.path.join(TMP, "expired")
        runtime = self.sh("touch " + marker)
        connection = runtime.connect()
        now = int(time.monotonic() * 1000)

        for start_by in (now - 1, 0, -5):
            reply = connection.ask(b"body", start_by=start_by)
            self.assertEqual(reply.lines, [{"type": "expired", "id": "ev-1"}])

        self.assertFalse(os.path.exists(marker))
        start_by = int(time.monotonic() * 1000) + 60000
        self.assertOK(connection.ask(start_by=start_by), "")
        self.assertTrue(os.path.exists(marker))

    def test_expires_behind_a_busy_place(self):
        runtime = self.sh("sleep .3; cat")
        first, second = runtime.connect(), runtime.connect()
        first.send(event(b"1"))
        time.sleep(0.1)
        second.send(event(b"2", start_by=int(time.monotonic() * 1000) + 50))
        self.assertOK(first.read(), "1")
        self.assertEqual(second.read().kind, "expired")

    def test_expires_while_the_body_comes(self):
        connection = self.start("cat").connect()
        data = event(b"body", start_by=int(time.monotonic() * 1000) + 100)
        connection.send(data[:-1])
        time.sleep(0.3)
        connection.send(data[-1:])
        self.assertEqual(connection.read().kind, "expired")


class Ends(Case):

    RUNS = "echo $$ >%s; sleep 0.5; echo done"

    def running(self, text=RUNS, **env):
        """A runtime with an event that runs, its connection, and the pid."""
        pidfile = tempfile.mktemp(dir=TMP)
        runtime = self.sh(text % pidfile, **env)
        connection = runtime.connect()
        connection.send(event())
        self.assertTrue(wait_for(lambda: os.path.exists(pidfile)
                                 and os.path.getsize(pidfile)))
        time.sleep(0.05)

        with open(pidfile) as f:
            return runtime, connection, [int(pid) for pid in f.read().split()]

    def test_stop_when_idle(self):
        runtime = self.start("cat")
        connection = runtime.connect()
        self.assertOK(connection.ask(b"x"), "x")
        runtime.stop()
        self.assertEqual(runtime.wait(), 0)
        self.assertTrue(connection.closed())

    def test_stop_finishes_events(self):
        runtime, connection, _ = self.running()
        idle, waiting = runtime.connect(), runtime.connect()
        waiting.send(event())
        time.sleep(0.05)
        start = time.monotonic()
        runtime.stop()
        self.assertTrue(idle.closed())
        self.assertTrue(waiting.closed())

        if SLOW == 1:
            self.assertLess(time.monotonic() - start, 0.3)

        self.assertIsNone(runtime.process.poll())
        self.assertOK(connection.read(), "done\n")
        self.assertEqual(runtime.wait(), 0)

    def test_stop_finishes_an_event_that_has_begun(self):
        runtime = self.start("cat")
        connection = runtime.connect()
        data = event(b"body")
        connection.send(data[:-2])
        time.sleep(0.1)
        runtime.stop()
        time.sleep(0.1)
        connection.send(data[-2:])
        self.assertOK(connection.read(), "body")
        self.assertEqual(runtime.wait(), 0)

    def test_stop_leaves_the_listener(self):
        runtime, connection, _ = self.running()
        runtime.stop()
        time.sleep(0.1)
        late = runtime.connect()        # for the next process
        late.send(event())
        self.assertOK(connection.read(), "done\n")
        self.assertEqual(runtime.wait(), 0)
        self.assertEqual(len(late.sock.recv(1) if late.unread() == 0
                             else b"unread"), 6)

    def test_stop_in_pieces_and_twice(self):
        runtime, connection, _ = self.running()

        for piece in (b'{"type"', b':"stop"', b'}\n{"type":"stop"}', b"\n"):
            runtime.control.sendall(piece)
            time.sleep(0.02)

        self.assertOK(connection.read(), "done\n")
        self.assertEqual(runtime.wait(), 0)

    def test_sigterm(self):
        runtime, connection, _ = self.running()
        runtime.process.terminate()
        self.assertOK(connection.read(), "done\n")
        self.assertEqual(runtime.wait(), 0)

    def test_control_garbage(self):
        for line in (b"x\n", b'{"type":"go"}\n', b"{}\n", b"a" * 5000):
            runtime = Runtime("cat")
            runtime.control.sendall(line)
            self.assertEqual(runtime.wait(), 1)
            runtime.end()

    TREE = "sleep 100 & echo $$ $! >%s; sleep 100"

    def test_eof_kills_at_once(self):
        runtime, connection, pids = self.running(self.TREE)
        runtime.control.close()
        self.assertEqual(runtime.wait(), 0)
        self.assertTrue(connection.closed())
        self.assertTrue(wait_for(lambda: not any(map(alive, pids))))

    def test_killed_with_its_child(self):
        runtime, connection, pids = self.running("echo $$ >%s; sleep 100")
        runtime.process.kill()
        runtime.wait()
        self.assertTrue(wait_for(lambda: not alive(pids[0])))

        try:
            os.killpg(pids[0], signal.SIGKILL)      # its "sleep"
        except ProcessLookupError:
            pass

    def test_peer_goes(self):
        runtime, connection, pids = self.running(self.TREE)
        connection.close()
        self.assertTrue(wait_for(lambda: not any(map(alive, pids))))
        self.assertTrue(wait_for(lambda: runtime.children() == []))

        # the place is free again
        other = runtime.connect()
        other.send(event())
        self.assertTrue(wait_for(lambda: len(runtime.children()) == 1))
        other.close()

    def test_peer_goes_within_a_stream(self):
        runtime = self.sh("cat /dev/zero")

        for _ in range(3):
            connection = runtime.connect()
            connection.send(event())
            connection.take(100000)
            connection.close()
            self.assertTrue(wait_for(lambda: runtime.children() == []))

    def test_child_that_ignores_signals(self):
        runtime, connection, pids = self.running(
            "trap '' TERM INT HUP; echo $$ >%s; sleep 100; sleep 100")
        connection.close()
        self.assertTrue(wait_for(lambda: not alive(pids[0])))

    def test_background_child(self):
        pidfile = tempfile.mktemp(dir=TMP)
        runtime = self.sh("echo before; sleep 100 & echo $! >%s" % pidfile)
        start = time.monotonic()
        self.assertOK(runtime.ask(), "before\n")
        taken = time.monotonic() - start

        if SLOW == 1:
            self.assertLess(taken, 0.5)

        with open(pidfile) as f:
            pid = int(f.read())

        self.assertTrue(alive(pid))     # it may go on
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(runtime.children(), [])

    def test_background_child_with_other_output(self):
        runtime = self.sh("(sleep .4 >/dev/null 2>&1 &) ; echo ok")
        start = time.monotonic()
        self.assertOK(runtime.ask(), "ok\n")

        if SLOW == 1:
            self.assertLess(time.monotonic() - start, 0.09)

    def test_output_soon_after_exit(self):
        runtime = self.sh("(sleep .03; echo late) & echo ok")
        self.assertOK(runtime.ask(), "ok\nlate\n")

    def test_endless_output_after_exit(self):
        runtime = self.sh("yes & echo $! >%s/yes" % TMP)
        connection = runtime.connect()
        connection.send(event())
        reply = connection.read(keep=False)
        self.assertIn(reply.last, ("end", "response"))

        with open(TMP + "/yes") as f:
            self.assertTrue(wait_for(lambda: not alive(int(f.read() or 0))))

    def test_output_after_exit_to_a_slow_client(self):
        runtime = self.sh("head -c 1000000 /dev/zero; sleep 100 & "
                          "echo $! >%s/slow" % TMP)
        connection = runtime.connect()
        connection.send(event())
        time.sleep(0.5)
        self.assertEqual(len(connection.read().body), 1000000)

        with open(TMP + "/slow") as f:
            os.kill(int(f.read()), signal.SIGKILL)

    def test_closed_output_while_it_runs(self):
        runtime = self.sh("echo ok; exec >&- 2>&-; sleep .3; exit 3")
        start = time.monotonic()
        self.assertFailed(runtime.ask(), "exit status 3", "ok\n")
        self.assertGreater(time.monotonic() - start, 0.3)

    def test_nothing_is_left(self):
        runtime = self.sh("cat; echo x >&2; "
                          "exit $(($(date +%N | cut -c9) % 2))",
                          FN_CONCURRENCY="3")
        connection = runtime.connect()
        time.sleep(0.1)
        before = runtime.fds()
        connection.ask(b"x")

        for i in range(100):
            connection.ask(b"x" * (i * 1000))

        for i in range(30):
            gone = runtime.connect()
            gone.send(event(b"x" * 1000)[:(None if i % 2 else 30 * i)])
            gone.close()

        self.assertTrue(wait_for(lambda: runtime.fds() == before
                                 and runtime.children() == []))

    @not_wrapped
    def test_no_descriptors_left(self):
        runtime = self.sh("cat")
        connection = runtime.connect()
        time.sleep(0.1 * SLOW)
        fds = runtime.fds()
        self.assertOK(connection.ask(b"x"), "x")
        self.assertTrue(wait_for(lambda: runtime.fds() == fds))
        _, hard = resource.prlimit(runtime.pid, resource.RLIMIT_NOFILE)

        # one for the body, none for pipes
        resource.prlimit(runtime.pid, resource.RLIMIT_NOFILE,
                         (fds + 1, hard))
        self.assertError(connection.ask(b"x"), 503)
        self.assertError(connection.ask(), 503)

        # none for a connection, which waits
        resource.prlimit(runtime.pid, resource.RLIMIT_NOFILE, (fds, hard))
        self.assertError(connection.ask(b"x"), 503)
        other = runtime.connect()
        other.send(event(b"y"))
        time.sleep(0.3)

        resource.prlimit(runtime.pid, resource.RLIMIT_NOFILE, (hard, hard))
        self.assertOK(other.read(), "y")
        self.assertOK(connection.ask(b"x"), "x")


class Listen(Case):

    def serve(self, address, *arguments, target="cat"):
        process = subprocess.Popen(
            [*WRAPPER, PROGRAM, "--listen", address,
             *options(arguments)],
            env={"PATH": PATH, "FN_TARGET": target}, stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def connect(self, family, address):
        sock = socket.socket(family)
        self.assertTrue(wait_for(lambda: sock.connect_ex(address) == 0))
        connection = Connection(sock)
        self.addCleanup(connection.close)
        return connection

    def test_unix(self):
        path = TMP + "/listen"

        for _ in range(2):      # the second finds the socket of the first
            process = self.serve("unix:" + path)
            self.assertTrue(wait_for(lambda: os.path.exists(path)))
            connection = self.connect(socket.AF_UNIX, path)
            self.assertOK(connection.ask(b"x"), "x")
            process.kill()
            process.wait()

    def test_sigterm(self):
        path = TMP + "/term"
        process = self.serve("unix:" + path, target=script("sleep .4; cat"))
        connection = self.connect(socket.AF_UNIX, path)
        idle = self.connect(socket.AF_UNIX, path)
        connection.send(event(b"x"))
        time.sleep(0.2 * SLOW)
        process.terminate()
        self.assertTrue(idle.closed())
        self.assertOK(connection.read(), "x")
        self.assertEqual(process.wait(10), 0)
        self.assertFalse(os.path.exists(path))

    def port(self, family, host):
        with socket.socket(family) as sock:
            sock.bind((host, 0))
            return sock.getsockname()[1]

    def test_tcp(self):
        port = self.port(socket.AF_INET, "127.0.0.1")
        self.serve("127.0.0.1:%d" % port, "a", target="echo")
        connection = self.connect(socket.AF_INET, ("127.0.0.1", port))
        self.assertOK(connection.ask(b"x"), "a\n")

    def test_tcp_v6(self):
        try:
            port = self.port(socket.AF_INET6, "::1")
        except OSError:
            self.skipTest("no IPv6")

        self.serve("[::1]:%d" % port)
        connection = self.connect(socket.AF_INET6, ("::1", port))
        self.assertOK(connection.ask(b"x" * 200000), "x" * 200000)

    def test_tcp_peer_goes(self):
        pidfile = TMP + "/tcp"
        port = self.port(socket.AF_INET, "127.0.0.1")
        self.serve("127.0.0.1:%d" % port,
                   target=script("echo $$ >%s; sleep 100" % pidfile))
        connection = self.connect(socket.AF_INET, ("127.0.0.1", port))
        connection.send(event())
        self.assertTrue(wait_for(lambda: os.path.exists(pidfile)
                                 and os.path.getsize(pidfile)))
        connection.close()

        with open(pidfile) as f:
            pid = int(f.read())

        self.assertTrue(wait_for(lambda: not alive(pid)))

    def test_bad_addresses(self):
        for arguments in (["--listen"], ["--listen", "x"],
                          ["--listen", ""], ["--listen", "unix:"],
                          ["--listen", "unix:/no/such/dir/s"],
                          ["--listen", "unix:" + "x" * 200],
                          ["--listen", ":80"], ["--listen", "1.2.3.4:80"],
                          ["--listen", "127.0.0.1:x"]):
            run = subprocess.run([PROGRAM, *arguments], timeout=20,
                                 env={"PATH": PATH, "FN_TARGET": "cat"},
                                 stderr=subprocess.PIPE)
            self.assertEqual(run.returncode, 1, arguments)
            self.assertTrue(run.stderr.startswith(b"fn_shell: "))

    def test_not_over_a_file(self):
        path = script("precious")
        run = subprocess.run([PROGRAM, "--listen", "unix:" + path],
                             env={"PATH": PATH, "FN_TARGET": "cat"},
                             stderr=subprocess.PIPE)
        self.assertEqual(run.returncode, 1)

        with open(path) as f:
            self.assertEqual(f.read(), "precious")


class Demo(Case):

    def demo(self, name, **env):
        return self.start("%s/demo/%s.sh" % (SHELL, name), **env)

    def test_hello(self):
        self.assertOK(self.demo("hello").ask(), "Hello from shell")

    def test_wordcount(self):
        runtime = self.demo("wordcount", FN_CONTENT_TYPE="application/json")

        for body in (b"", b"a", b"a b\nc\n", b"\n \t\r\v\f", b"x" * 100000,
                     "\u00e9 \u20ac\n".encode(), b"\0 \0\0\n\xff", b"*\n",
                     os.urandom(300000)):
            reply = runtime.ask(body)
            self.assertEqual(reply.headers["Content-Type"],
                             "application/json")
            self.assertEqual(json.loads(reply.body), {
                "lines": body.count(b"\n"), "words": len(body.split()),
                "bytes": len(body)})

    def test_wordcount_is_wc(self):
        with open(os.path.join(SHELL, "README"), "rb") as f:
            body = f.read()

        counts = subprocess.run(["wc"], input=body, stdout=subprocess.PIPE,
                                env={"PATH": PATH, "LC_ALL": "C"}).stdout
        reply = self.demo("wordcount").ask(body)
        self.assertEqual(list(json.loads(reply.body).values()),
                         [int(n) for n in counts.split()])

    def test_fail(self):
        reply = self.demo("fail").ask()
        self.assertFailed(reply, "exit status 3",
                          "this function always fails\n")
        self.assertEqual(reply.logged, ["this function always fails"])


if __name__ == "__main__":
    unittest.main()
