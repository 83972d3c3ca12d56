"""Where nginx comes in: the listening socket and the control socket."""

import _thread
import fcntl
import json
import os
import select
import signal
import socket
import time

from .logger import print_record

_DUPFD = getattr(fcntl, "F_DUPFD_CLOEXEC", 1030)  # PyPy has no name for it
_STACK = 262144  # bytes of the thread that waits for nginx's end
_ACCEPT_MAX = 16  # connections at one wake up: events wait meanwhile


class Door:
    """listener (socket) and control (socket, PROTOCOL 2)."""

    def __init__(self, listener, control, managed):
        self.listener = listener
        self.control = control
        self.managed = managed
        self._line = b""  # the beginning of a control line
        listener.setblocking(False)
        for one in (listener, control):
            one.set_inheritable(False)
        os.register_at_fork(after_in_child=self.close)

    @classmethod
    def inherited(cls):
        """Descriptors 3 and 4, PROTOCOL 1.1."""
        door = cls(socket.socket(fileno=3), socket.socket(fileno=4), True)
        door.watch()
        return door

    @classmethod
    def opened(cls, address):
        """unix:PATH or HOST:PORT, PROTOCOL 1.3; SIGTERM is its control socket."""
        if address.startswith("unix:"):
            path = address[5:]
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen(511)
        else:
            host, _, port = address.rpartition(":")
            host = host.strip("[]") or "0.0.0.0"
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            address = host, int(port)
            listener = socket.create_server(address, family=family, backlog=511)
        control, own = socket.socketpair()
        pid = os.getpid()

        def stop(number, _):
            if os.getpid() == pid:
                own.send(b'{"type":"stop"}\n')
            else:  # the child of a handler that forks
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        return cls(listener, control, False)

    def watch(self):
        """Ends the process when nginx is gone, a handler or not (PROTOCOL 2.4).

        A thread waits: a signal would be lost between two system calls of a handler.
        """
        poll = select.poll()
        poll.register(self.control, 0)  # the end alone, no "stop"

        def wait():
            signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
            for _, events in poll.poll():
                if events & select.POLLHUP:
                    os._exit(0)

        size = _thread.stack_size(_STACK)
        _thread.start_new_thread(wait, ())
        _thread.stack_size(size)

    def say(self, line):
        """To nginx; started with --listen there is nobody to hear it."""
        if self.managed:
            self.control.sendall(line)

    def descriptors(self):
        """(listener, control); -1 is closed"""
        return self.listener.fileno(), self.control.fileno()

    def accept(self):
        """The connections that wait, at most some."""
        for _ in range(_ACCEPT_MAX):
            try:
                connection, _ = self.listener.accept()
            except BlockingIOError:
                return
            except OSError as exc:
                print_record("error", f"accept() failed: {exc}")
                time.sleep(0.05)  # too many open files do not pass at once
                return
            if connection.fileno() < 3:
                # user code closed 0, 1 or 2, and may write there yet
                fd = fcntl.fcntl(connection, _DUPFD, 5)
                connection.close()
                connection = socket.socket(fileno=fd)
            if connection.family != socket.AF_UNIX:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield connection

    def command(self):
        """nginx's word on the control socket ("stop"), or None."""
        data = self.control.recv(4096)
        if not data:
            os._exit(0)
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            try:
                if json.loads(line)["type"] == "stop":
                    return "stop"
            except (ValueError, LookupError, TypeError):
                pass
            print_record("error", f"unknown control line {line[:80]!r}")
        return None

    def shut(self):
        """No new connections."""
        self.listener.close()

    def close(self):
        self.listener.close()
        self.control.close()
