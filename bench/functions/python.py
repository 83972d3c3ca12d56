"""The workloads, in Python: CPython and PyPy, in processes and in the worker."""

import asyncio
import time


def hello(context, event):
    return "Hello, world"


def json(context, event):
    return event.body  # parsed, for the request says that it is JSON


def body(context, event):
    return str(len(event.raw_body))


async def wait(context, event):
    await asyncio.sleep(0.010)
    return "waited"


def wait_in_thread(context, event):
    time.sleep(0.010)
    return "waited"
