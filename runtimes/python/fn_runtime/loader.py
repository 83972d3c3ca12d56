"""Finds the handler that FN_TARGET and FN_ENTRY name."""

import importlib
import importlib.util
import inspect
import os
import sys


def load(target, entry):
    """(handler, init_context or None) of a .py file, package directory or module.

    entry may be dotted: "api.users.handler" is looked up in module, modules of the
    package, attributes.  Whatever the user's code raises comes out.
    """
    module = _module(target)
    handler = owner = module
    for name in entry.replace(":", ".").split("."):
        if not hasattr(handler, name) and hasattr(handler, "__path__"):
            importlib.import_module(f"{handler.__name__}.{name}")
        owner, handler = handler, getattr(handler, name)
    if not callable(handler):
        raise TypeError(f"{entry!r} in {target!r} cannot be called")
    init_context = getattr(owner, "init_context", None)
    return handler, init_context or getattr(module, "init_context", None)


def _module(target):
    if not target:
        raise RuntimeError("FN_TARGET is not set")
    if os.path.isfile(os.path.join(target, "__init__.py")):
        directory, name = os.path.split(os.path.abspath(target))
        sys.path.insert(0, directory)
        return importlib.import_module(name)
    if os.sep not in target and not os.path.isfile(target):
        sys.path.insert(0, os.getcwd())
        return importlib.import_module(target)
    directory, file = os.path.split(os.path.abspath(target))
    sys.path.insert(0, directory)
    name = os.path.splitext(file)[0]
    if name in sys.modules:  # json.py and the like
        name = f"fn_{name}"
    spec = importlib.util.spec_from_file_location(name, target)
    if spec is None:
        raise ImportError(f"{target!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def is_async(handler):
    """Whether calling it makes a coroutine or an asynchronous generator."""
    return any(
        inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
        for function in (handler, getattr(handler, "__call__", None))
    )
