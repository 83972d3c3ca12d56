"""Writes the C source of fn_pypy.so: pypy3 build.py FILE

cffi adds to fn_pypy.c how C and PyPy call each other.  Its own way to link looks for
a library that Debian does not have: the Makefile links with libpypy3.9-c.so.
"""

import os
import sys

import cffi

ffi = cffi.FFI()

ffi.cdef(
    """
    typedef struct { const char *data; size_t len; } fn_str_t;
    typedef struct fn_event_s fn_event_t;
    typedef struct fn_response_s fn_response_t;
    typedef struct { ...; } fn_context_t;

    typedef int (*fn_pypy_handler_t)(const fn_event_t *event,
        fn_response_t *response);

    const char *const *fn_environ(const fn_context_t *context);
    int fn_header(const fn_event_t *event, size_t n, fn_str_t *name,
        fn_str_t *value);
    int64_t fn_timestamp(const fn_event_t *event);
    int64_t fn_body_length(const fn_event_t *event);
    int fn_status(fn_response_t *response, unsigned status);
    int fn_write(fn_response_t *response, const void *data, size_t len);

    void fn_pypy_directory(char *path, size_t size);
    size_t fn_pypy_field(const fn_event_t *event, int field, const char **data);
    int fn_pypy_type(const fn_event_t *event, fn_str_t *type);
    size_t fn_pypy_body(const fn_event_t *event, const char **data);
    int fn_pypy_add_header(fn_response_t *response, const char *name,
        size_t nlen, const char *value, size_t vlen);
    void fn_pypy_record(fn_context_t *context, const fn_event_t *event,
        int level, const char *text, size_t len, const char *with, size_t wlen);
    int fn_pypy_fail(fn_response_t *response, const char *error, size_t elen,
        const char *message, size_t mlen, const char *stack, size_t slen);

    extern "Python" {
        fn_pypy_handler_t fn_pypy_load(fn_context_t *context);
        void fn_pypy_end(fn_pypy_handler_t handler);
    }
    """
)

ffi.embedding_api("")

ffi.embedding_init_code(
    """
    import importlib.util
    import sys

    from fn_pypy import ffi, lib

    sys.dont_write_bytecode = True
    path = ffi.new("char[4096]")
    lib.fn_pypy_directory(path, len(path))
    path = f"{ffi.string(path).decode()}/../python/embed/pypy/host.py"
    spec = importlib.util.spec_from_file_location("fn_pypy_host", path)
    host = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(host)
    """
)

with open(os.path.join(os.path.dirname(__file__), "fn_pypy.c")) as file:
    ffi.set_source("fn_pypy", file.read())

ffi.emit_c_code(sys.argv[1])
