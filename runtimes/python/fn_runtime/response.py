"""What a handler returns: nuclio's Response, and all the other kinds."""

import json
import os
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from . import file_stream, protocol

TEXT = "text/plain"
JSON = "application/json"
_PLAIN = (200, TEXT)
STREAMS = (GeneratorType, AsyncGeneratorType)


class Response:
    """nuclio's response; a content_type that is given wins over one in headers."""

    def __init__(
        self, headers=None, body=None, content_type=None, status_code=200, event_id=None
    ):
        self.headers = headers or {}
        self.body = body
        self.content_type = content_type or TEXT
        self._typed = bool(content_type)
        self.status_code = status_code
        self.event_id = event_id

    def ensure_no_ack(self):
        """For streams that nuclio reads: the offset is not marked."""
        self.headers["x-nuclio-stream-no-ack"] = True

    def __repr__(self):
        items = ", ".join(
            f"{key}={value!r}" for key, value in vars(self).items() if key[0] != "_"
        )
        return f"{type(self).__name__}({items})"


class ExceptionWithResponse(IOError):
    """Raised by a handler, it is the response."""

    def __init__(self, status_code, body=None, content_type=None):
        super().__init__(status_code, body)
        self.status_code = status_code
        self.body = body
        self.content_type = content_type

    def response(self):
        return Response(None, self.body, self.content_type, self.status_code)


def render(result):
    """(head, body) of what a handler returned.

    head is the arguments of protocol.response_head(), which checks them; body is
    bytes-like or a generator.  What makes no sense raises TypeError or ValueError
    (PROTOCOL 7.1).
    """
    kind = type(result)
    if kind is str:
        return _PLAIN, result.encode("utf-8", "replace")
    if isinstance(result, Response):
        return _render_response(result)
    status = 200
    if kind is tuple and len(result) == 2:
        status, result = result
        status = _status(status)
    body, content_type = _body(result)
    return (status, content_type or TEXT), body


def _render_response(response):
    body, content_type = _body(response.body)
    if content_type is None:
        content_type = response.content_type
    headers = response.headers
    if headers:
        headers, named = _headers(headers)
        if named and _is_default(response, content_type):
            content_type = named
        path, delete, headers = file_stream.take(headers)
        if path is not None:
            return _render_file(response, path, delete, content_type, headers)
    content_type = content_type or TEXT
    if type(content_type) is not str:
        raise TypeError(f"content type must be a string, not {content_type!r}")
    status = _status(response.status_code)
    return (status, content_type, headers or ()), body


def _render_file(response, path, delete, content_type, headers):
    """nuclio's answer: 404 when there is no such file."""
    status = _status(response.status_code)
    body = file_stream.pieces(path, delete)
    if not os.path.isfile(path):
        status, body = 404, b""
    return (status, content_type or TEXT, headers), body


def _is_default(response, content_type):
    """Whether nobody chose the content type."""
    return not content_type or (
        content_type == TEXT and not getattr(response, "_typed", False)
    )


def _status(status):
    # True and 200.0 would meet the 1 and 200 that response_head() remembers
    return status if type(status) is int else _odd_status(status)


def _odd_status(status):
    if status is None:
        return 200
    if isinstance(status, int) and not isinstance(status, bool):
        return int(status)
    raise TypeError(f"status code must be an integer, not {status!r}")


def _headers(headers):
    """(tuple of (name, value), the Content-Type or None); what is None is no header"""
    pairs = []
    content_type = None
    for name, values in headers.items():
        name = _header_text(name)
        for value in values if isinstance(values, (list, tuple)) else (values,):
            if value is None:
                continue
            if name.lower() == "content-type":
                content_type = _header_text(value)
            else:
                pairs.append((name, _header_text(value)))
    return tuple(pairs), content_type


def _header_text(value):
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    raise TypeError(f"a header must be a string, not {value!r}")


def _body(value):
    """(bytes-like or generator, JSON when that is what it is, else None)"""
    if value is None:
        return b"", None
    if isinstance(value, str):
        return value.encode("utf-8", "replace"), None
    if isinstance(value, (bytes, bytearray)):
        return value, None
    if isinstance(value, memoryview):
        return value.cast("B") if value.c_contiguous else value.tobytes(), None
    if isinstance(value, (dict, list)):
        return to_json(value).encode(), JSON
    if isinstance(value, STREAMS):
        return value, None
    if isinstance(value, CoroutineType):
        value.close()
        raise TypeError("the handler returned a coroutine: it must be an async def")
    return str(value).encode("utf-8", "replace"), None


def chunk(value):
    """The bytes of what a generator yields."""
    data, _ = _body(value)
    if isinstance(data, STREAMS):
        raise TypeError("a generator must not yield a generator")
    return data


_encode = json.JSONEncoder(allow_nan=False, default=str).encode


def to_json(value):
    """nuclio's JSON: str for objects and as "NaN" for what is no number."""
    try:
        return _encode(value)
    except (TypeError, ValueError):
        return _encode(protocol.plain(value))
