"""What code in a worker of nginx may not do to the worker.

In a child that it forks all of this works as ever.
"""

import _imp
import faulthandler
import os
import signal
import sys

_EXEC = 5  # the place of the environment among _posixsubprocess.fork_exec()'s
_forks = {"before": [], "after_in_parent": [], "after_in_child": []}


def install(environ, fork=None):
    """environ (dict) takes the place of the process's, which is nginx's.

    fork() takes the place of os.fork(), and calls nothing that is registered, so
    this is imported before what registers: threading, random, logging.
    """
    if getattr(os, "_fn_guarded", False):  # by another function of the interpreter
        os.environ.update(environ)
        return
    os._fn_guarded = True
    pid = os.getpid()
    _environment()
    os.environ.clear()
    os.environ.update(environ)
    for name in ("_exit", "abort", "execv", "execve"):
        _refuse(os, name, RuntimeError, f"os.{name}() would end the worker", pid)
    if fork is not None:
        _own_fork(fork)
        _refuse(os, "forkpty", OSError, "os.forkpty() is not for a worker", 0)
    text = "signal handlers belong to nginx in a worker"
    _refuse(signal, "signal", ValueError, text, pid)
    _refuse(signal, "siginterrupt", ValueError, text, pid)
    _refuse(signal, "set_wakeup_fd", ValueError, text, pid)
    _refuse(faulthandler, "register", ValueError, text, pid)


def _refuse(module, name, kind, text, pid):
    """For good when the pid is 0."""
    real = getattr(module, name)

    def guarded(*args, **kw_args):
        if pid in (0, os.getpid()):
            raise kind(text)
        return real(*args, **kw_args)

    guarded.__name__ = guarded.__qualname__ = name
    for owner in (module, sys.modules.get("posix"), sys.modules.get("_signal")):
        if getattr(owner, name, None) is real:
            setattr(owner, name, guarded)


def _own_fork(raw_fork):
    register_at_fork = os.register_at_fork

    def register(**functions):
        register_at_fork(**functions)
        for when, function in functions.items():
            _forks[when].append(function)

    def fork():
        for function in reversed(_forks["before"]):
            _attempt(function)
        _imp.acquire_lock()  # or the child might never import
        try:
            pid = raw_fork()
        finally:
            _imp.release_lock()
        for function in _forks["after_in_parent" if pid else "after_in_child"]:
            _attempt(function)
        return pid

    os.register_at_fork = register
    os.fork = fork
    if "threading" in sys.modules:  # it has registered before
        _forks["after_in_child"].append(sys.modules["threading"]._after_fork)


def _attempt(function):
    try:
        function()
    except BaseException:
        sys.excepthook(*sys.exc_info())


def _environment():
    """What uses the process's environment uses os.environ."""
    os.putenv = os.unsetenv = lambda *args: None
    execve = os.execve
    os.execv = lambda path, args: execve(path, args, os.environ)
    os.system = _system
    for name in ("posix_spawn", "posix_spawnp"):
        if hasattr(os, name):  # PyPy has none
            setattr(os, name, _with_environ(getattr(os, name)))
    try:
        import _posixsubprocess
    except ImportError:
        return
    fork_exec = _posixsubprocess.fork_exec

    def with_environ(*args):
        args = list(args)
        if any(map(callable, args)):
            raise RuntimeError("preexec_fn is not for a worker")
        if args[_EXEC] is None:
            args[_EXEC] = [
                os.fsencode(f"{name}={value}") for name, value in os.environ.items()
            ]
        return fork_exec(*args)

    _posixsubprocess.fork_exec = with_environ


def _with_environ(spawn):
    def spawn_with_environ(path, argv, env, **kw_args):
        # None is the process's, from 3.13 on
        return spawn(path, argv, os.environ if env is None else env, **kw_args)

    return spawn_with_environ


def _system(command):
    import subprocess  # slow to import

    code = subprocess.call(command, shell=True)
    return -code if code < 0 else code << 8
