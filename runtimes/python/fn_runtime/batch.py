"""Runs a handler on several events at once: nuclio's batch mode."""

import os
from time import monotonic, monotonic_ns, perf_counter_ns

from . import loader, protocol, reply
from .poll import Poll
from .response import STREAMS
from .server import GONE, Server, leave_child


class BatchServer(Server):
    """handler(context, events) returns a list of Response, each with the event_id
    of its event.  A batch is run when it is full or batch_seconds old."""

    def __init__(self, door, handler, context, settings):
        super().__init__(door, handler, context, settings)
        if loader.is_async(handler):
            raise TypeError("batches need an ordinary function as their handler")
        if settings.batch_size > settings.concurrency:
            raise ValueError(
                f"a batch of {settings.batch_size} needs fn_concurrency "
                f"{settings.batch_size}"
            )
        self.size = settings.batch_size
        self.seconds = settings.batch_seconds
        self.batch = []  # (connection, event, the id that the handler sees)
        self.due = 0.0

    def run(self):
        self.poll = Poll()
        self.open()
        while self.connections or not self.stopping:
            for fd, _ in self.poll.poll(self.rest(), 64):
                self.attend(fd)
                if len(self.batch) == self.size:
                    self.run_batch()
            if self.batch and (self.stopping or self.rest() <= 0):
                self.run_batch()
            if self.stopping:
                self.drop_idle()

    def rest(self):
        """Seconds until the batch is due; -1: there is none."""
        return max(self.due - monotonic(), 0) if self.batch else -1

    def attend(self, fd):
        connection = self.connections.get(fd)
        if connection is None:
            self.knock(fd)
            return
        try:
            event = connection.receive()
        except GONE as exc:
            self.drop(connection, exc)
            return
        if event is not None:
            connection.busy = True
            self.unwatch(fd)
            if not self.batch:
                self.due = monotonic() + self.seconds
            self.batch.append((connection, event, event.id))

    def run_batch(self):
        batch, self.batch = self.batch, []
        now = monotonic_ns() // 1000000
        run = [one for one in batch if now <= one[1]._line.get("start_by", now)]
        answers = self.answers(run) if run else {}
        for connection, event, _ in batch:
            event_id = event._line["id"]
            line = protocol.expired_line(event_id)
            self.send(connection, *answers.get(event_id, (line, b"")))

    def answers(self, batch):
        """Runs the handler; (line, body) by the wire's id."""
        start = perf_counter_ns()
        results, failed = {}, None
        try:
            returned = self.handler(self.context, [event for _, event, _ in batch])
            if os.getpid() != self.pid:
                leave_child()
            results = {result.event_id: result for result in returned}
        except BaseException as exc:
            failed = exc
        time = perf_counter_ns() - start
        return {
            event._line["id"]: self.answer(event, results.get(seen), failed, time)
            for _, event, seen in batch
        }

    def answer(self, event, result, failed, time):
        event_id = event._line["id"]
        try:
            if failed is not None:
                return reply.failure(event_id, failed, time, self.line_max)
            if result is None:
                raise LookupError("the batch has no response for this event")
            line, body = reply.response(event_id, result, time, self.line_max)
            if type(body) in STREAMS:
                raise TypeError("a response in a batch can't be a stream")
            return line, body
        except Exception as exc:
            return reply.failure(event_id, exc, time, self.line_max)

    def send(self, connection, line, body):
        connection.busy = False
        self.watch(connection.fd)
        try:
            connection.write_pair(line, body)
        except GONE as exc:
            self.drop(connection, exc)
