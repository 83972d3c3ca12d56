"""The workloads as a WSGI application, for uwsgi and gunicorn."""

import json
import time

TEXT = "text/plain"


def hello(environ):
    return TEXT, b"Hello, world"


def json_echo(environ):
    value = json.loads(read(environ))
    return "application/json", json.dumps(value).encode()


def body(environ):
    return TEXT, str(len(read(environ))).encode()


def wait(environ):
    time.sleep(0.010)
    return TEXT, b"waited"


def read(environ):
    return environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))


WORKLOADS = {"/hello": hello, "/json": json_echo, "/body": body, "/wait": wait}


def application(environ, start_response):
    kind, answer = WORKLOADS[environ["PATH_INFO"]](environ)
    headers = [("Content-Type", kind), ("Content-Length", str(len(answer)))]
    start_response("200 OK", headers)
    return [answer]
