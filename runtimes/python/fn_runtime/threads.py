"""Runs several events of an ordinary handler at the same time, in threads."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from types import GeneratorType

from .server import leave_child, next_chunk
from .tasks import TaskServer


class ThreadServer(TaskServer):
    def __init__(self, door, handler, context, settings):
        super().__init__(door, handler, context, settings)
        self.pool = ThreadPoolExecutor(settings.concurrency)

    async def result(self, event):
        return await self.in_thread(self.handler, self.context, event)

    async def next_of(self, chunks):
        if type(chunks) is GeneratorType:
            return await self.in_thread(next_chunk, chunks)
        return await super().next_of(chunks)

    async def in_thread(self, function, *arguments):
        run = copy_context().run  # of the event's task: it knows where logs go
        value, exc = await self.loop.run_in_executor(
            self.pool, self.work, run, function, arguments
        )
        if exc is not None:
            raise exc
        return value

    def work(self, run, function, arguments):
        try:
            return run(function, *arguments), None
        except BaseException as exc:  # a future does not take all of them
            return None, exc
        finally:
            if os.getpid() != self.pid:
                leave_child()
