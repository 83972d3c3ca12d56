"""The event cases of ../vectors, through the code that reads from a socket."""

import glob
import json
import os
import socket
import unittest

from fn_runtime.connection import Connection
from fn_runtime.protocol import ProtocolError
from tests.runtime import ROOT

VECTORS = os.path.join(os.path.dirname(ROOT), "vectors")
DEFAULTS = {
    "query": "",
    "headers": {},
    "timestamp": 0,
    "remote_addr": "",
    "trigger": {"kind": "http", "name": ""},
    "start_by": 0,
}


def cases():
    return sorted(glob.glob(os.path.join(VECTORS, "*", "*", "event")))


def seen(data, piece):
    """What a runtime sees of data, sent in pieces: expect's form."""
    theirs, ours = socket.socketpair()
    connection = Connection(ours)
    event = None
    try:
        for start in range(0, len(data), piece):
            assert event is None
            theirs.sendall(data[start : start + piece])
            event = connection.receive()
        while event is None:
            theirs.close()
            event = connection.receive()
    except EOFError:
        return {"incomplete": True}
    except ProtocolError:
        return {"invalid": True}
    finally:
        theirs.close()
        connection.close()
    wanted = ["id", "method", "path", *DEFAULTS]
    wanted += ["log_level"] * ("log_level" in event._line)
    line = {**DEFAULTS, **event._line}
    return {**{k: line[k] for k in wanted}, "body": event.raw_body.decode("latin-1")}


class EventVectors(unittest.TestCase):
    def test_there_are_some(self):
        self.assertGreater(len(cases()), 20)

    def check(self, piece_of):
        for path in cases():
            with open(path, "rb") as file:
                data = file.read()
            with open(os.path.join(os.path.dirname(path), "expect"), "rb") as file:
                expect = json.load(file)
            with self.subTest(case=path[len(VECTORS) + 1 : -6]):
                self.assertEqual(seen(data, piece_of(data)), expect)

    def test_whole(self):
        self.check(lambda data: 65536)

    def test_each_byte(self):
        self.check(lambda data: 1 if len(data) < 4096 else 1009)

    def test_halves(self):
        self.check(lambda data: len(data) // 2 + 1)


if __name__ == "__main__":
    unittest.main()
