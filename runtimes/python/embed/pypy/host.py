"""PyPy in a worker of nginx: what its functions share.

There is one interpreter, and it can't be divided.  The standard library is there
once; all other modules, sys.path, os.environ and the standard streams are those of
the function that the thread runs, its Space.
"""

import _thread
import atexit
import os
import resource
import sys
import threading
import traceback

from fn_pypy import ffi, lib

STACK = 768  # bytes of stack that PyPy counts for a call

# methods of a list
_plain = "append clear copy count extend index insert pop remove reverse sort"
_special = "getitem setitem delitem contains iter len reversed add iadd mul eq repr"


class Space:
    """What a function has of its own."""

    def __init__(self, path, environ):
        self.modules = {}
        self.path = path
        self.environ = environ  # of bytes
        self.stdin, self.stdout, self.stderr = sys.__stdin__, None, None
        self.function = None
        self.lock = threading.Lock()  # while it is loaded
        self.failed = False

    def load(self, context):
        self.failed = True
        from fn_runtime import in_pypy

        self.function = in_pypy.Function(context, self.environ, self, here)
        self.failed = False


class Here(_thread._local):
    """The thread's."""

    space = None


here = Here()


class Modules(dict):
    """sys.modules: itself the standard library, and a function's own."""

    def _is_shared(self, module):
        origin = getattr(getattr(module, "__spec__", None), "origin", None)
        return isinstance(origin, str) and (
            origin in ("built-in", "frozen")
            or (origin.startswith(_LIBRARY) and "-packages" + os.sep not in origin)
        )

    def _all(self):
        return {**dict.copy(self), **here.space.modules}

    def __getitem__(self, name):
        own = here.space.modules
        return own[name] if name in own else dict.__getitem__(self, name)

    def get(self, name, default=None):
        own = here.space.modules
        return own[name] if name in own else dict.get(self, name, default)

    def __contains__(self, name):
        return name in here.space.modules or dict.__contains__(self, name)

    def __setitem__(self, name, module):
        if self._is_shared(module):
            dict.__setitem__(self, name, module)
        else:
            here.space.modules[name] = module

    def __delitem__(self, name):
        own = here.space.modules
        if name in own:
            del own[name]
        else:
            dict.__delitem__(self, name)

    def pop(self, name, *default):
        own = here.space.modules
        if name in own:
            return own.pop(name)
        return dict.pop(self, name, *default)

    def setdefault(self, name, default=None):
        if name not in self:
            self[name] = default
        return self[name]

    def update(self, *args, **kw_args):
        for name, module in dict(*args, **kw_args).items():
            self[name] = module

    def __iter__(self):
        return iter(self._all())

    def __len__(self):
        return len(self._all())

    def keys(self):
        return self._all().keys()

    def values(self):
        return self._all().values()

    def items(self):
        return self._all().items()

    def copy(self):
        return self._all()

    def __repr__(self):
        return repr(self._all())


class Path(list):
    """sys.path"""


def _of_path(name):
    def method(self, *args, **kw_args):
        return getattr(here.space.path, name)(*args, **kw_args)

    return method


for _name in _plain.split() + [f"__{name}__" for name in _special.split()]:
    setattr(Path, _name, _of_path(_name))


class Environ(type(os.environ)):
    """os.environ: nothing of it is in the environment of the worker."""

    _data = property(lambda self: here.space.environ)

    def __init__(self, like):
        vars(self).update((k, v) for k, v in vars(like).items() if k != "_data")


class Stream:
    """sys.stdin, sys.stdout or sys.stderr"""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        return getattr(getattr(here.space, self._name), name)

    def __iter__(self):
        return iter(getattr(here.space, self._name))

    def write(self, text):
        return getattr(here.space, self._name).write(text)


def install():
    """The interpreter is PyPy's as it starts: one space, which is left behind."""
    here.space = Here.space = Space(list(sys.path), dict(os.environ._data))
    sys.modules = Modules(sys.modules)
    sys.path = Path()
    os.environ = Environ(os.environ)
    os.environb = Environ(os.environb)
    for name in ("stdin", "stdout", "stderr"):
        setattr(Here.space, name, getattr(sys, name))
        setattr(sys, name, Stream(name))
        setattr(sys, f"__{name}__", getattr(sys, name))
    _threads()
    _recursion()


def _threads():
    """A thread has the space of the thread that starts it."""
    start = _thread.start_new_thread

    def start_new_thread(function, args, kwargs={}):
        space = here.space

        def run():
            here.space = space
            function(*args, **kwargs)

        return start(run, ())

    _thread.start_new_thread = _thread.start_new = start_new_thread
    threading._start_new_thread = start_new_thread


def _recursion():
    """A limit that the stack can't hold would end the worker."""
    set_limit = sys.setrecursionlimit
    size, _ = resource.getrlimit(resource.RLIMIT_STACK)
    if size == resource.RLIM_INFINITY:
        size = 2 << 20  # of a thread, then
    most = size // 4 * 3 // STACK

    def setrecursionlimit(limit):
        set_limit(min(limit, most))

    sys.setrecursionlimit = setrecursionlimit


_LIBRARY = os.path.dirname(os.__file__) + os.sep
_ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))

threads = {}  # in_pypy.Thread, by the address of its callback
spaces = {}  # by the function's name


def environ_of(context):
    """PROTOCOL 1.2's, a dict of bytes"""
    environ = {}
    variables = lib.fn_environ(context)
    while variables[0]:
        name, _, value = ffi.string(variables[0]).partition(b"=")
        environ.setdefault(name, value)
        variables += 1
    return environ


@ffi.def_extern(error=ffi.NULL)
def fn_pypy_load(context):
    environ = environ_of(context)
    name = environ[b"FN_NAME"]
    if name not in spaces:
        spaces.setdefault(name, Space([_ROOT, *Here.space.path], environ))
    here.space = space = spaces[name]
    try:
        with space.lock:
            if space.failed:
                return ffi.NULL  # the reason was logged
            if space.function is None:
                space.load(context)
            thread = space.function.attach(context)
        thread.callback = ffi.callback("fn_pypy_handler_t", thread.run, error=-1)
        threads[int(ffi.cast("intptr_t", thread.callback))] = thread
        return thread.callback
    except BaseException:
        log_exception(context)
        return ffi.NULL


def log_exception(context):
    for line in traceback.format_exc().splitlines():
        data = line.encode("utf-8", "backslashreplace")
        lib.fn_pypy_record(context, ffi.NULL, 4, data, len(data), b"", 0)


@ffi.def_extern()
def fn_pypy_end(thread):
    thread = threads.pop(int(ffi.cast("intptr_t", thread)))
    here.space = thread.space
    thread.end()
    if not threads:
        atexit._run_exitfuncs()


install()
