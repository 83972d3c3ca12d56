"""The reader of replies, on the reply cases of ../../vectors.

    cd runtimes/conformance && python3 -m unittest tests.test_reply
"""

import glob
import json
import os
import unittest
from io import BytesIO

from suite.languages import RUNTIMES
from suite.reply import Broken, read

ID = "0123456789abcdef0123456789abcdef"
VECTORS = os.path.join(RUNTIMES, "vectors")


class Again(Exception):
    """More bytes are due."""


class Stream:
    def __init__(self, data):
        self._data = BytesIO(data)

    def line(self, most):
        line = self._data.readline(most)
        if not line.endswith(b"\n") and len(line) < most:
            raise Again
        return line

    def bytes(self, length):
        data = self._data.read(length)
        if len(data) < length:
            raise Again
        return data

    def rest(self):
        return self._data.read()


def load(folder, name, default=None):
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return default


def outcome(folder):
    """How reading the case's reply ends: done, again or invalid."""
    given = json.loads(load(folder, "given", b"{}"))
    stream = Stream(load(folder, "reply"))
    try:
        read(stream, ID, given.get("line_max", 16384), given.get("lease", False))
    except Again:
        return "again"
    except Broken as exc:
        return f"invalid: {exc}"
    return "done"


class ReplyVectors(unittest.TestCase):
    def test_all(self):
        folders = sorted(glob.glob(os.path.join(VECTORS, "*", "*", "reply")))
        self.assertGreater(len(folders), 100)
        for folder in map(os.path.dirname, folders):
            with self.subTest(case=os.path.relpath(folder, VECTORS)):
                last = json.loads(load(folder, "expect"))[-1]["type"]
                self.assertEqual(outcome(folder).partition(":")[0], last, outcome(folder))


if __name__ == "__main__":
    unittest.main()
