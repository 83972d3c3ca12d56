"""The handler of ../conformance/README: it does what the path's last segment names.

handler runs events as an ordinary function, async_handler as a coroutine.
"""

import asyncio
import base64
import inspect
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime

from nuclio_sdk import Event, ExceptionWithResponse, Response

TEXT = "text \u00e9\n"
BYTES = bytes(range(256))
OBJECT = {"a": 1, "b": "\u00e9"}
LIST = [1, "two", None, {"three": 3}]
CUSTOM = "text/x-conformance"
ODD = "\n\x1b\0\U0001f600"
NAMES = {}
counted = 0


def init_context(context):
    init = os.environ.get("CONFORMANCE_INIT")
    if init == "fail":
        raise RuntimeError("init failed")
    if init == "slow":
        time.sleep(0.5)
    context.user_data.text = "from init"
    context.logger.info("init context")


def handler(context, event):
    name = name_of(event)
    if name in ("async", "async_raise"):
        return refuse("an ordinary function can't await; async_handler does")
    return NAMES.get(name, missing)(context, event)


async def async_handler(context, event):
    name = name_of(event)
    result = NAMES.get(f"await_{name}", NAMES.get(name, missing))(context, event)
    return await result if inspect.iscoroutine(result) else result


def name_of(event):
    return os.environ.get("CONFORMANCE") or event.path.rpartition("/")[2]


def named(name):
    def add(function):
        NAMES[name] = function
        return function

    return add


def answers(name, result):
    NAMES[name] = lambda context, event: result


def missing(context, event):
    return Response(status_code=404, body=f"no {name_of(event)}")


def refuse(reason):
    return Response(status_code=501, body=reason)


# Events


@named("event")
def event_facts(context, event):
    names = (
        "id method path url content_type type type_version version topic headers "
        "fields size shard_id num_shards offset timestamp trigger body"
    )
    values = {name: getattr(event, name) for name in names.split()}
    types = {name: kind(value) for name, value in values.items()}
    values["timestamp"] -= datetime(1970, 1, 1)
    values["timestamp"] = round(values["timestamp"].total_seconds() * 1000)
    values["trigger"] = vars(event.trigger)
    values["body"] = base64.b64encode(event.raw_body).decode()
    return {**values, "types": types}


def kind(value):
    kinds = {str: "text", bytes: "bytes", int: "integer", datetime: "time"}
    return kinds.get(type(value), "object")


@named("echo")
def echo(context, event):
    return Response(body=event.raw_body, content_type=event.content_type)


@named("header")
def header(context, event):
    return event.get_header(event.fields["name"]) or ""


# Answers

answers("text", TEXT)
answers("bytes", BYTES)
answers("empty_text", "")
answers("empty_bytes", b"")
answers("nothing", None)
answers("object", OBJECT)
answers("list", LIST)
answers("number", 42)
answers("true", True)
answers("float", 1.5)
answers("status_text", (201, TEXT))
answers("status_bytes", (201, BYTES))
answers("status_object", (201, OBJECT))
answers("status_nothing", (201, None))
answers("response", Response({"h1": "v1", "h2": "v2"}, "response body", CUSTOM, 201))
answers("response_bytes", Response(body=BYTES, content_type=CUSTOM))
answers("response_object", Response(body=OBJECT, content_type=CUSTOM))
answers("response_list", Response(body=LIST, content_type=CUSTOM))
answers("response_default", Response())
answers("response_204", Response(status_code=204))
answers(
    "headers", Response({"One": "1", "Many": ["a", "b"], "Utf": "\u00e9", "Number": 7})
)
answers("set_cookie", Response({"Set-Cookie": ["a=1", "b=2"]}))
answers("header_type", Response({"Content-Type": "text/html"}, "<p>"))
MANAGED = {
    "Connection": "close",
    "Content-Length": 999,
    "Server": "x",
    "Transfer-Encoding": "chunked",
    "X-Accel-Redirect": "/x",
}
answers("managed", Response(MANAGED, "managed"))


@named("echo_headers")
def echo_headers(context, event):
    return Response(event.headers)


@named("large")
def large(context, event):
    return "x" * int(event.fields["size"])


@named("stream")
def stream(context, event):
    for i in range(int(event.fields["count"])):
        yield f"piece {i}\n"


@named("stream_error")
def stream_error(context, event):
    yield "first\n"
    raise RuntimeError("late error")


# Nonsense

answers("bad_status", Response(status_code=1000))
answers("bad_status_low", Response(status_code=99))
answers("bad_status_text", Response(status_code="x"))
answers("bad_type", Response(body="x", content_type=7))
answers("bad_type_line", Response(body="x", content_type="text/plain\r\nX: y"))
answers("bad_header_name", Response({"a b": "c"}))
answers("bad_header_value", Response({"a": "b\r\nc: d"}))
answers("many_headers", Response({"a": ["b"] * 101}))
answers("large_header", Response({"a": "b" * 9000}))
answers("wide_headers", Response({name: "b" * 8000 for name in "abcd"}))


# Failures


@named("raise")
def raises(context, event):
    raise ValueError("some error")


@named("raise_long")
def raise_long(context, event):
    raise ValueError("x" * 100000)


@named("raise_odd")
def raise_odd(context, event):
    raise ValueError(ODD)


@named("raise_status")
def raise_status(context, event):
    raise ExceptionWithResponse(409, "some conflict")


@named("raise_other")
def raise_other(context, event):
    return refuse("only exceptions can be raised")


@named("raise_exit")
def raise_exit(context, event):
    sys.exit(3)


@named("deep")
def deep(context, event):
    return deep(context, event)


# Logs


@named("log")
def log(context, event):
    context.logger.debug("debug message")
    context.logger.info("info message")
    context.logger.warn("warn message")
    context.logger.error("error message")
    return "logged"


@named("log_with")
def log_with(context, event):
    context.logger.error_with("message with", source="rabbit", weight=7)
    return "logged"


@named("log_odd")
def log_odd(context, event):
    context.logger.info_with(ODD, odd=ODD)
    return "logged"


@named("log_large")
def log_large(context, event):
    context.logger.info_with("x" * 100000, large="x" * 100000)
    return "logged"


@named("log_deep")
def log_deep(context, event):
    lists = []
    for _ in range(99):
        lists = [lists]
    context.logger.info_with("deep", deep=lists)
    return "logged"


@named("print")
def prints(context, event):
    print("out one\nout two")
    print("err one", file=sys.stderr)
    return "printed"


# State


@named("count")
def count(context, event):
    global counted
    counted += 1
    return str(counted)


@named("user_data")
def user_data(context, event):
    return context.user_data.text


@named("worker")
def worker(context, event):
    return context.worker_id


@named("context")
def context_facts(context, event):
    return {
        "worker_id": context.worker_id,
        "trigger_kind": context.trigger.kind,
        "trigger_name": context.trigger_name,
    }


# Time


@named("sleep")
def sleep(context, event):
    time.sleep(int(event.fields["ms"]) / 1000)
    return "slept"


@named("await_sleep")
async def await_sleep(context, event):
    await asyncio.sleep(int(event.fields["ms"]) / 1000)
    return "slept"


@named("hang")
def hang(context, event):
    while True:
        time.sleep(1000)


@named("await_hang")
async def await_hang(context, event):
    await asyncio.Event().wait()


@named("spin")
def spin(context, event):
    while True:
        pass


@named("await_async")
async def await_async(context, event):
    await asyncio.sleep(0.01)
    return "async"


@named("await_async_raise")
async def await_async_raise(context, event):
    await asyncio.sleep(0.01)
    raise ValueError("async error")


# Disturbance


@named("stdin")
def stdin(context, event):
    return str(len(sys.stdin.read()))


@named("write")
def write(context, event):
    for fd, data in ((1, b"raw\n"), (2, b'{"type":"x"}\n')):
        try:
            os.write(fd, data)
        except OSError:
            pass  # "close" was before
    return "written"


@named("close")
def close(context, event):
    for fd, one in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        one.close()
        try:
            os.close(fd)
        except OSError:
            pass  # PyPy's close() is one
    return "closed"


@named("descriptors")
def descriptors(context, event):
    command = ["ls", "-l", "/proc/self/fd"]
    return subprocess.run(
        command, stdout=subprocess.PIPE, close_fds=False, check=False
    ).stdout


@named("orphan")
def orphan(context, event):
    return str(subprocess.Popen(["sleep", "1000"], close_fds=False).pid)


@named("fork")
def fork(context, event):
    return "parent" if os.fork() else "child"


@named("signals")
def signals(context, event):
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGPIPE"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    return "ignored"


@named("background")
def background(context, event):
    threading.Timer(0.05, fail).start()
    return "started"


def fail():
    raise RuntimeError("background error")


@named("exit")
def exits(context, event):
    os._exit(int(event.fields["code"]))


@named("kill")
def kill(context, event):
    os.kill(os.getpid(), signal.SIGKILL)


@named("memory")
def memory(context, event):
    taken = []
    while True:
        taken.append(b"x" * (1 << 20))


# Calls


@named("call")
def call(context, event):
    request = Event(
        body="called body",
        method="POST",
        path="/called/echo",
        headers={"X-Caller": "conformance"},
        content_type="text/plain",
    )
    answer = context.platform.call_function(event.fields["name"], request)
    body = answer.body
    return {
        "status": answer.status_code,
        "body": body if isinstance(body, str) else body.decode(),
        "content_type": answer.content_type,
    }
