"""What a handler is called with beside the event: nuclio's Context."""

import traceback

from .event import TriggerInfo
from .logger import Logger
from .response import Response


class Platform:
    """nuclio's platform: kind and namespace (str)."""

    def __init__(self, kind, namespace="default", address=None):
        self.kind = kind
        self.namespace = namespace
        self._address = address  # FN_CALL
        self._drain = self._terminate = None

    def call_function(
        self, function_name, event, node=None, timeout=None, service_name_override=None
    ):
        """The Response of the function of that name; waits for it.

        Sent are event's method, path, headers and body, a dict or a list as JSON.
        timeout is in seconds, and there is none by default: fn_queue and
        fn_timeout of that function end the call.  headers has names in lower
        case, body is bytes, or what was parsed when it is JSON.  What HTTP calls
        an error (404: no such function, 503: no process is free) is a Response,
        too; OSError and http.client.HTTPException mean that there is none.
        node and service_name_override have no meaning here.
        """
        if not self._address:
            raise RuntimeError(
                f'function "{function_name}" cannot be called: FN_CALL is not set, '
                'a server of nginx needs a location with "fn_call"'
            )
        from .call import call  # rarely needed, and slow to import

        return call(self._address, function_name, event, timeout)

    def set_drain_callback(self, callback):
        """callback() is called when the process is told to stop."""
        self._drain = callback

    def set_termination_callback(self, callback):
        """callback() is called when the last event has ended."""
        self._terminate = callback

    def drain(self):
        _call(self._drain)

    def terminate(self):
        _call(self._terminate)

    async def explicit_ack(self, qualified_offset):
        raise NotImplementedError("explicit_ack: an HTTP event has no offset")


def _call(callback):
    try:
        if callback is not None:
            callback()
    except Exception:
        traceback.print_exc()


class QualifiedOffset:
    """A place in a stream: topic (str), partition and offset (int)."""

    def __init__(self, topic, partition, offset):
        self.topic = topic
        self.partition = partition
        self.offset = offset

    @staticmethod
    def from_event(event):
        return QualifiedOffset(event.topic, event.shard_id, event.offset)


class Context:
    """One of a process: user_data (any attributes), logger, platform, Response,
    worker_id (str), trigger (TriggerInfo), trigger_name (str)."""

    def __init__(self, logger=None, platform=None, worker_id=None, trigger=None):
        self.logger = logger or Logger()
        self.platform = platform or Platform("test")
        self.user_data = lambda: None  # as in nuclio: takes any attribute
        self.Response = Response
        self.worker_id = worker_id
        self.trigger = trigger or TriggerInfo()
        self.trigger_name = self.trigger.name


def make(settings):
    """The context of this process."""
    logger = Logger(settings.log_level)
    logger.bind(worker_id=settings.slot)
    platform = Platform("local", address=settings.call)
    trigger = TriggerInfo("http", settings.name)
    return Context(logger, platform, settings.slot, trigger)
