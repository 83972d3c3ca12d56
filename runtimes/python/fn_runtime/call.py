"""One function calls another: HTTP to the server that FN_CALL names (PROTOCOL 1.4)."""

import json
import socket
from http.client import HTTPConnection
from urllib.parse import quote

from .response import JSON, TEXT, Response, to_json

# the connection's own, or about a body that may be another by now
_DROPPED = frozenset(
    "connection content-length content-type expect host keep-alive "
    "proxy-connection te trailer transfer-encoding upgrade x-nuclio-target".split()
)
_URL = "!$%&'()*+,/:;=?@[]~"


class UnixConnection(HTTPConnection):
    def __init__(self, path, timeout=None):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def call(address, name, event, timeout):
    """The answer of the function called name, as a Response.

    Raises OSError (TimeoutError after timeout seconds without a byte) and
    http.client.HTTPException when there is no answer.
    """
    connection = _connection(address, timeout)
    try:
        body, content_type = _body(event)
        method = event.method or ("POST" if body else "GET")
        connection.putrequest(
            method, quote(event.path or "/", safe=_URL), skip_accept_encoding=True
        )
        connection.putheader("X-Nuclio-Target", name)
        connection.putheader("Connection", "close")
        if body or method not in ("GET", "HEAD"):
            connection.putheader("Content-Type", content_type)
            connection.putheader("Content-Length", len(body))
        for key, value in _headers(event.headers or {}):
            connection.putheader(key, value)
        try:
            connection.endheaders(body or None)
        except (BrokenPipeError, ConnectionResetError):
            pass  # an answer may be there, as 413
        return _response(connection.getresponse())
    finally:
        connection.close()


def _connection(address, timeout):
    if address.startswith("unix:"):
        return UnixConnection(address[5:], timeout)
    host, _, port = address.rpartition(":")
    return HTTPConnection(host.strip("[]"), int(port), timeout=timeout)


def _headers(headers):
    for name, values in headers.items():
        if name.lower() in _DROPPED:
            continue
        for value in values if isinstance(values, (list, tuple)) else (values,):
            if value is not None:
                yield name, value if isinstance(value, bytes) else str(value).encode()


def _body(event):
    """(bytes-like, content type)"""
    body = event.body
    if isinstance(body, (dict, list)):
        return to_json(body).encode(), JSON
    content_type = event.content_type or TEXT
    if body is None:
        return b"", content_type
    if isinstance(body, (bytes, bytearray, memoryview)):
        return body, content_type
    return str(body).encode(), content_type


def _response(answer):
    headers = {}
    for name, value in answer.getheaders():
        name = name.lower()
        if name not in headers:
            headers[name] = value
        elif isinstance(headers[name], list):
            headers[name].append(value)
        else:
            headers[name] = [headers[name], value]
    content_type = answer.headers.get("Content-Type", TEXT)
    body = answer.read()
    if content_type == JSON:
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            pass  # bytes, as for an event
    return Response(headers, body, content_type, answer.status)
