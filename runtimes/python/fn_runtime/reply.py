"""From what a handler did to the bytes of the reply."""

import os
import traceback

from . import protocol
from .response import STREAMS, ExceptionWithResponse, render

_OWN = os.path.dirname(__file__) + os.sep


def response(event_id, result, nanoseconds, line_max):
    """(line, body): bytes, and bytes-like or the generator of a stream.

    Raises what is wrong with the result: the handler's failure (PROTOCOL 7.1).
    """
    head, body = render(result)
    head = protocol.response_head(*head)
    if type(body) in STREAMS:
        length = '"stream":true'
    else:
        length = f'"body_length":{len(body)}'
    line = protocol.response_line(event_id, head, length, nanoseconds // 1000)
    if len(line) > line_max:
        raise ValueError(f"the response's headers need more than {line_max} bytes")
    return line.encode(), body


def failure(event_id, exc, nanoseconds, line_max):
    """(line, body) for an exception that the handler raised."""
    if isinstance(exc, ExceptionWithResponse):
        try:
            return response(event_id, exc.response(), nanoseconds, line_max)
        except Exception as why:
            exc = why
    return error(event_id, exc, nanoseconds, line_max), b""


def error(event_id, exc, nanoseconds, line_max):
    """PROTOCOL 5.8"""
    return protocol.error_line(
        event_id, *description(exc), nanoseconds // 1000, line_max
    )


def description(exc):
    """(name, message, stack) of an exception."""
    return (
        type(exc).__name__,
        attempt(lambda: str(exc)),
        attempt(lambda: stack(exc)),
    )


def stack(exc):
    """The traceback from the first frame that is not the runtime's own."""
    tb = exc.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith(_OWN):
        tb = tb.tb_next
    return "".join(traceback.format_exception(type(exc), exc, tb))


def attempt(make):
    """User code may be called here (__str__), and fail again."""
    try:
        return make()
    except BaseException as exc:
        return f"<{type(exc).__name__}>"
