"""Runs 20 us; one call in 5,000 takes 50 ms, asleep or computing."""

import time

calls = 0


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def answer(slow):
    global calls
    calls += 1
    if calls % 5000 == 0:
        slow(0.050)
    else:
        spin(0.000020)
    return "done"


def sleeping(context, event):
    return answer(time.sleep)


def busy(context, event):
    return answer(spin)
