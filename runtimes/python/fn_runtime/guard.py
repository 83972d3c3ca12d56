"""What code in a worker of nginx may not do to the worker.

In a child that it forks all of this works as ever.
"""

import faulthandler
import os
import signal
import sys

_EXEC = 5  # the place of the environment among _posixsubprocess.fork_exec()'s


def install(environ, may_fork):
    """environ (dict) takes the place of the process's, which is nginx's."""
    pid = os.getpid()
    _environment(environ)
    for name in ("_exit", "abort", "execv", "execve"):
        _refuse(os, name, RuntimeError, f"os.{name}() would end the worker", pid)
    if not may_fork:
        hint = "only the main interpreter can fork: fn_env FN_INTERPRETER=main"
        for name in ("fork", "forkpty"):
            _refuse(os, name, RuntimeError, hint, pid)
    text = "signal handlers belong to nginx in a worker"
    _refuse(signal, "signal", ValueError, text, pid)
    _refuse(signal, "siginterrupt", ValueError, text, pid)
    _refuse(signal, "set_wakeup_fd", ValueError, text, pid)
    _refuse(faulthandler, "register", ValueError, text, pid)


def _refuse(module, name, kind, text, pid):
    real = getattr(module, name)

    def guarded(*args, **kw_args):
        if os.getpid() == pid:
            raise kind(text)
        return real(*args, **kw_args)

    guarded.__name__ = guarded.__qualname__ = name
    for owner in (module, sys.modules.get("posix"), sys.modules.get("_signal")):
        if getattr(owner, name, None) is real:
            setattr(owner, name, guarded)


def _environment(environ):
    os.putenv = os.unsetenv = lambda *args: None
    os.environ.clear()
    os.environ.update(environ)
    execve = os.execve
    os.execv = lambda path, args: execve(path, args, os.environ)
    os.system = _system
    _children()


def _children():
    """Children that are given no environment get os.environ."""
    try:
        import _posixsubprocess
    except ImportError:
        return
    fork_exec = _posixsubprocess.fork_exec

    def with_environ(*args):
        args = list(args)
        if args[_EXEC] is None:
            args[_EXEC] = [
                os.fsencode(f"{name}={value}") for name, value in os.environ.items()
            ]
        return fork_exec(*args)

    _posixsubprocess.fork_exec = with_environ


def _system(command):
    import subprocess  # slow to import

    code = subprocess.call(command, shell=True)
    return -code if code < 0 else code << 8
