"""The cases, by the sections of ../../README and PROTOCOL."""

_CASES = []


def case(name, *needs):
    """Makes a function of a Trial a case; needs: what a subject may lack."""

    def add(function):
        def run(trial):
            for need in needs:
                trial.need(need)
            function(trial)

        _CASES.append((name, run))
        return function

    return add


def select(text):
    """The cases whose name has text: a list of (name, function)."""
    return [(name, function) for name, function in _CASES if text in name]


from . import (  # noqa: E402,F401
    events,
    answers,
    nonsense,
    failures,
    logs,
    state,
    times,
    disturbance,
    calls,
    wire,
    start,
    stop,
)
