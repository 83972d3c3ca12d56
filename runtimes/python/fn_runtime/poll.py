"""select.epoll, or what does its work where it is missing."""

import selectors

READ = 1  # EPOLLIN


class SelectorPoll:
    """The part of select.epoll that the server uses, made of a selector."""

    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self.unregister = self._selector.unregister
        self.close = self._selector.close

    def register(self, fd, events):
        self._selector.register(fd, selectors.EVENT_READ)

    def poll(self, timeout, maxevents):
        ready = self._selector.select(None if timeout < 0 else timeout)
        return [(key.fd, READ) for key, _ in ready[:maxevents]]


try:
    from select import epoll as Poll
except ImportError:
    Poll = SelectorPoll
