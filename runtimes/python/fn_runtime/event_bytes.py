"""Events whose strings are bytes: NUCLIO_PYTHON_DECODE_EVENT_STRINGS=no."""

from urllib.parse import parse_qsl

from .event import TriggerInfo, WireEvent, lazy


def _bytes(value):
    return value.encode("latin-1")


class BytesEvent(WireEvent):
    url = type = type_version = version = topic = b""

    id = lazy(lambda self: _bytes(self._line["id"]))
    method = lazy(lambda self: _bytes(self._line["method"]))
    path = lazy(lambda self: _bytes(self._line["path"]))
    remote_addr = lazy(lambda self: _bytes(self._line.get("remote_addr", "")))
    content_type = lazy(lambda self: _bytes(self.wire_content_type()))

    def get_header(self, header_key):
        if isinstance(header_key, str):
            header_key = _bytes(header_key)
        return super().get_header(header_key)

    @lazy
    def headers(self):
        return {
            _bytes(name): _bytes(value)
            if type(value) is str
            else list(map(_bytes, value))
            for name, value in self._line.get("headers", {}).items()
        }

    @lazy
    def fields(self):
        query = self._line.get("query", "")
        pairs = parse_qsl(query, True, encoding="latin-1")
        return {_bytes(name): _bytes(value) for name, value in pairs}

    @lazy
    def trigger(self):
        trigger = self._line.get("trigger", {})
        name = trigger.get("name", "")
        return TriggerInfo(_bytes(trigger.get("kind", "http")), name.encode())
