/* A function is loaded, and attached to a thread of nginx. */

#include "fn_python.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>


static PyObject *load_module(PyObject *env);
static int load_path(void);
static PyObject *load_environ(fn_context_t *context);
static PyObject *load_wire(fn_context_t *context);
static int load_members(fn_python_function_t *function);
static PyObject *load_member(fn_python_function_t *function,
    const char *name);


int
fn_python_load(fn_python_function_t *function, fn_context_t *context,
    int threaded)
{
    PyObject  *module, *env;

    env = load_environ(context);
    module = env ? load_module(env) : NULL;
    function->wire = load_wire(context);

    if (module && function->wire) {
        function->object = PyObject_CallMethod(module, "load", "NNOOi",
                                fn_python_event_type(), fn_python_wire_type(),
                                function->wire, env, threaded);
    }

    Py_XDECREF(module);
    Py_XDECREF(env);

    if (function->object && load_members(function) == FN_OK) {
        function->loaded = 1;
        return FN_OK;
    }

    fn_python_log_exception(context, "the function could not be loaded");

    if (function->wire) {
        ((fn_python_wire_t *) function->wire)->context = NULL;
    }

    return FN_ERROR;
}


/* the guard is there before any other module is */

static PyObject *
load_module(PyObject *env)
{
    PyObject  *guard, *done;

    if (load_path() != FN_OK) {
        return NULL;
    }

    guard = PyImport_ImportModule("fn_runtime.guard");
    done = guard ? PyObject_CallMethod(guard, "install", "ON", env,
                                       fn_python_fork())
                 : NULL;

    Py_XDECREF(guard);
    Py_XDECREF(done);

    return done ? PyImport_ImportModule("fn_runtime.in_cpython") : NULL;
}


/* DIR/embed/fn_python.so: the runtime is in DIR/python */

static int
load_path(void)
{
    int        n, rc;
    char       path[PATH_MAX], *p;
    Dl_info    info;
    PyObject  *dir, *list;

    if (dladdr((void *) load_path, &info) == 0
        || strlen(info.dli_fname) + sizeof("python") > sizeof(path))
    {
        PyErr_SetString(PyExc_RuntimeError, "dladdr() failed");
        return FN_ERROR;
    }

    (void) strcpy(path, info.dli_fname);

    for (n = 0; n < 2; n++) {
        p = strrchr(path, '/');

        if (p) {
            *p = '\0';
        }
    }

    (void) strcat(path, "/python");

    rc = -1;
    dir = PyUnicode_DecodeFSDefault(path);
    list = PySys_GetObject("path");

    if (dir && list) {
        rc = PySequence_Contains(list, dir);
        rc = (rc == 0) ? PyList_Insert(list, 0, dir) : rc;
    }

    Py_XDECREF(dir);

    return (rc == -1) ? FN_ERROR : FN_OK;
}


/* of a name that is there twice the first counts */

static PyObject *
load_environ(fn_context_t *context)
{
    const char         *p;
    PyObject           *env, *name, *value, *old;
    const char *const  *var;

    env = PyDict_New();

    for (var = fn_environ(context); env && *var; var++) {
        p = strchr(*var, '=');

        if (p == NULL) {
            continue;
        }

        old = NULL;
        name = PyUnicode_DecodeFSDefaultAndSize(*var, p - *var);
        value = PyUnicode_DecodeFSDefault(p + 1);

        if (name && value) {
            old = PyDict_SetDefault(env, name, value);
        }

        Py_XDECREF(name);
        Py_XDECREF(value);

        if (old == NULL) {
            Py_CLEAR(env);
        }
    }

    return env;
}


static PyObject *
load_wire(fn_context_t *context)
{
    PyObject  *type, *wire;

    type = fn_python_wire_type();
    wire = type ? PyObject_CallNoArgs(type) : NULL;

    if (wire) {
        ((fn_python_wire_t *) wire)->context = context;
    }

    Py_XDECREF(type);

    return wire;
}


static int
load_members(fn_python_function_t *function)
{
    int        n;
    PyObject  *makers, *is_async;

    function->handler = load_member(function, "handler");
    function->context = load_member(function, "context");
    function->answer = load_member(function, "answer");
    function->failure = load_member(function, "failure");
    function->failure_type = load_member(function, "failure_type");
    function->make_event = load_member(function, "make_event");
    function->event_type = (PyTypeObject *) load_member(function,
                                                        "event_type");
    is_async = load_member(function, "is_async");
    makers = load_member(function, "makers");

    if (PyErr_Occurred()) {
        return FN_ERROR;
    }

    if (function->make_event == Py_None) {
        function->make_event = NULL;
    }

    function->is_async = PyObject_IsTrue(is_async);

    for (n = 0; n < FN_PYTHON_MAKERS; n++) {
        function->makers[n] = PySequence_GetItem(makers, n);
    }

    Py_DECREF(is_async);
    Py_DECREF(makers);

    return PyErr_Occurred() ? FN_ERROR : FN_OK;
}


static PyObject *
load_member(fn_python_function_t *function, const char *name)
{
    return PyErr_Occurred() ? NULL
                            : PyObject_GetAttrString(function->object, name);
}


/* makes the channel of this thread */

int
fn_python_attach(fn_python_thread_t *thread, fn_context_t *context)
{
    PyObject  *channel;

    channel = PyObject_CallMethod(thread->function->object, "attach", NULL);

    if (channel == NULL) {
        fn_python_log_exception(context, "the thread could not be attached");
        return FN_ERROR;
    }

    thread->channel = (fn_python_wire_t *) channel;
    thread->channel->context = context;
    thread->unfinished = PyObject_GetAttrString(channel, "unfinished");

    return thread->unfinished ? FN_OK : FN_ERROR;
}


/* a traceback is several records, as that of a process is */

void
fn_python_log_exception(fn_context_t *context, const char *what)
{
    PyObject    *exc, *module, *text;
    const char  *line, *end, *rest;

    exc = fn_python_raised();
    module = PyImport_ImportModule("fn_runtime.reply");
    text = (exc && module)
           ? PyObject_CallMethod(module, "stack", "O", exc) : NULL;
    rest = text ? PyUnicode_AsUTF8(text) : NULL;

    if (rest == NULL) {
        fn_log(context, NULL, FN_LOG_ERROR, what);
    }

    for (line = rest; line && *line; line = end + 1) {
        end = strchr(line, '\n');

        if (end == NULL) {
            break;
        }

        fn_record(context, NULL, FN_LOG_ERROR,
                  (fn_str_t) { line, end - line }, fn_str(""));
    }

    PyErr_Clear();
    Py_XDECREF(exc);
    Py_XDECREF(module);
    Py_XDECREF(text);
}
