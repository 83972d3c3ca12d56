/*
 * CPython in a worker of nginx: see ../README, "In the worker".  Everything
 * but the start runs with the GIL of the function's interpreter.
 */

#ifndef FN_PYTHON_H_INCLUDED
#define FN_PYTHON_H_INCLUDED

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../../c/fn.h"


/* what ../fn_runtime/in_cpython.py makes of parts of an event, in its order */
enum {
    FN_PYTHON_MAKE_BODY = 0,    /* of JSON */
    FN_PYTHON_MAKE_FIELDS,
    FN_PYTHON_MAKE_TIMESTAMP,
    FN_PYTHON_MAKE_TRIGGER,
    FN_PYTHON_MAKE_BINARY,      /* CloudEvents of both kinds */
    FN_PYTHON_MAKE_STRUCTURED,
    FN_PYTHON_MAKERS
};


typedef struct fn_python_function_s  fn_python_function_t;

/* of the worker; kept to its end */
struct fn_python_function_s {
    fn_python_function_t *next;
    const char           *name;
    PyInterpreterState   *interp;
    int                   loaded;       /* 0: it failed, which was logged */
    int                   contexts;
    PyObject             *wire;         /* fn_python_wire_t, without event */
    PyObject             *object;       /* in_cpython.Loaded, and of it: */
    PyObject             *handler;
    PyObject             *context;
    PyObject             *answer;
    PyObject             *failure;
    PyObject             *failure_type;
    PyObject             *make_event;   /* NULL: event_type does */
    PyTypeObject         *event_type;
    PyObject             *makers[FN_PYTHON_MAKERS];
    int                   is_async;
};


/* how records, and the rest of an event, get to nginx and from it */
typedef struct {
    PyObject_HEAD
    fn_context_t         *context;      /* NULL: nginx has freed it */
    const fn_event_t     *event;        /* that runs */
    unsigned long         thread;
} fn_python_wire_t;


/* a function in a thread of nginx: the user_data of its context */
typedef struct {
    fn_python_function_t *function;
    PyThreadState        *tstate;
    fn_python_wire_t     *channel;
    PyObject             *unfinished;   /* the channel's dict of lines */
} fn_python_thread_t;


/* interpreter.c; both are called without a GIL, and enter() takes it.  NULL:
   it failed, which was logged */
PyThreadState *fn_python_interpreter(fn_context_t *context, int is_main);
PyThreadState *fn_python_enter(PyInterpreterState *interp);

/* load.c; FN_ERROR: it failed, which was logged */
int fn_python_load(fn_python_function_t *function, fn_context_t *context,
    int threaded);
int fn_python_attach(fn_python_thread_t *thread, fn_context_t *context);
void fn_python_log_exception(fn_context_t *context, const char *what);

/* event.c */
PyObject *fn_python_event_type(void);
PyObject *fn_python_event(fn_python_function_t *function,
    const fn_event_t *event);
int fn_python_event_end(PyObject *object);
PyObject *fn_python_text(fn_str_t s);
PyObject *fn_python_body(const fn_event_t *event);

/* wire.c */
PyObject *fn_python_wire_type(void);

/* fork.c */
PyObject *fn_python_fork(void);

/* reply.c */
int fn_python_reply(fn_python_function_t *function, PyObject *result,
    fn_response_t *response);
int fn_python_fail(fn_python_function_t *function, fn_response_t *response);


/* the exception that was raised, whole, or NULL; 3.12 has it in one */
static inline PyObject *
fn_python_raised(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject  *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);

    if (value && traceback) {
        (void) PyException_SetTraceback(value, traceback);
    }

    Py_XDECREF(type);
    Py_XDECREF(traceback);

    return value;
#endif
}

#endif /* FN_PYTHON_H_INCLUDED */
