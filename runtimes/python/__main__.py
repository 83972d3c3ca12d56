"""The Python runtime: python3 runtimes/python [--listen ADDRESS]

Serves one function as ../PROTOCOL says; the environment says which (1.2).
"""

import inspect
import sys
import traceback

from fn_runtime import context, loader, output, protocol
from fn_runtime.connection import Connection
from fn_runtime.door import Door
from fn_runtime.server import Server
from fn_runtime.settings import Settings


def main(arguments):
    if arguments and (len(arguments) != 2 or arguments[0] != "--listen"):
        sys.exit(__doc__)
    # code that changed within a second must not be shadowed by its old .pyc
    sys.dont_write_bytecode = True
    door = Door.opened(arguments[1]) if arguments else Door.inherited()
    try:
        server = start(door)
    except BaseException as exc:
        traceback.print_exc()
        door.say(protocol.refusal_line(exc))
        sys.exit(1)
    door.say(protocol.READY)
    server.run()
    server.context.platform.terminate()


def start(door):
    """A server with the user's code loaded and init_context called."""
    settings = Settings()
    output.install(settings.log_level)
    ctx = context.make(settings)
    handler, init_context = loader.load(settings.target, settings.entry)
    if not settings.decode_strings:
        from fn_runtime.event_bytes import BytesEvent

        Connection.make_event = BytesEvent
    server = server_type(handler, settings)(door, handler, ctx, settings)
    if init_context is not None:
        result = init_context(ctx)
        if inspect.iscoroutine(result):
            server.call(result)
    return server


def server_type(handler, settings):
    if settings.batch_size:
        from fn_runtime.batch import BatchServer

        return BatchServer
    if loader.is_async(handler):
        from fn_runtime.tasks import TaskServer  # asyncio is slow to import

        return TaskServer
    if settings.concurrency > 1:
        from fn_runtime.threads import ThreadServer

        return ThreadServer
    return Server


main(sys.argv[1:])
