"""Waits 10 ms, as for a database."""

import time


def handler(context, event):
    time.sleep(0.010)
    return "waited"
