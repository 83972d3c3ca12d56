/* What the module calls: fn_init, handler, fn_exit. */

#include "fn_python.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>


FN_MODULE


FN_EXPORT int handler(fn_context_t *context, const fn_event_t *event,
    fn_response_t *response);
FN_EXPORT int fn_init(fn_context_t *context);
FN_EXPORT void fn_exit(fn_context_t *context);


static int handler_init(fn_python_thread_t *thread, fn_context_t *context);
static fn_python_function_t *handler_function(fn_context_t *context);
static int handler_load(fn_python_thread_t *thread, fn_context_t *context);
static PyObject *handler_event(fn_python_thread_t *thread,
    const fn_event_t *event);
static int handler_end(fn_python_thread_t *thread, PyObject *event);


/* of the functions, and of the start of interpreters */
static pthread_mutex_t        handler_mutex = PTHREAD_MUTEX_INITIALIZER;
static fn_python_function_t  *handler_functions;


int
fn_init(fn_context_t *context)
{
    int                  rc;
    fn_python_thread_t  *thread;

    thread = calloc(1, sizeof(fn_python_thread_t));

    if (thread == NULL) {
        fn_log(context, NULL, FN_LOG_ERROR, "no memory");
        return FN_ERROR;
    }

    (void) pthread_mutex_lock(&handler_mutex);

    rc = handler_init(thread, context);

    (void) pthread_mutex_unlock(&handler_mutex);

    if (rc != FN_OK) {
        free(thread);
        return FN_ERROR;
    }

    context->user_data = thread;

    return FN_OK;
}


static int
handler_init(fn_python_thread_t *thread, fn_context_t *context)
{
    int  rc;

    thread->function = handler_function(context);

    if (thread->function == NULL) {
        fn_log(context, NULL, FN_LOG_ERROR, "no memory");
        return FN_ERROR;
    }

    if (thread->function->interp == NULL) {
        rc = handler_load(thread, context);

    } else if (!thread->function->loaded) {
        fn_log(context, NULL, FN_LOG_ERROR, "the function could not be loaded "
               "before");
        return FN_ERROR;

    } else {
        thread->tstate = fn_python_enter(thread->function->interp);
        rc = thread->tstate ? FN_OK : FN_ERROR;
    }

    if (thread->tstate == NULL) {
        return FN_ERROR;
    }

    if (rc == FN_OK) {
        rc = fn_python_attach(thread, context);
    }

    if (rc == FN_OK) {
        thread->function->contexts++;
    }

    (void) PyEval_SaveThread();

    return rc;
}


/* that of the context's name; a new one is not loaded */

static fn_python_function_t *
handler_function(fn_context_t *context)
{
    fn_python_function_t  *function;

    for (function = handler_functions; function; function = function->next) {
        if (strcmp(function->name, context->function) == 0) {
            return function;
        }
    }

    function = calloc(1, sizeof(fn_python_function_t));

    if (function) {
        function->name = context->function;
        function->next = handler_functions;
        handler_functions = function;
    }

    return function;
}


static int
handler_load(fn_python_thread_t *thread, fn_context_t *context)
{
    int          is_main, threaded;
    const char  *value;

    value = fn_getenv(context, "FN_INTERPRETER");
    is_main = value && strcmp(value, "main") == 0;

    if (value && !is_main && strcmp(value, "own") != 0) {
        fn_log(context, NULL, FN_LOG_ERROR, "FN_INTERPRETER must be \"main\" "
               "or \"own\"");
        return FN_ERROR;
    }

    thread->tstate = fn_python_interpreter(context, is_main);

    if (thread->tstate == NULL) {
        return FN_ERROR;
    }

    /* the event loop is the first thread of the process */
    threaded = (gettid() != getpid());

    thread->function->interp = PyInterpreterState_Get();

    return fn_python_load(thread->function, context, threaded);
}


int
handler(fn_context_t *context, const fn_event_t *event,
    fn_response_t *response)
{
    int                    rc;
    PyObject              *args[2], *object, *result;
    fn_python_thread_t    *thread;
    fn_python_function_t  *function;

    thread = context->user_data;
    function = thread->function;

    PyEval_RestoreThread(thread->tstate);

    thread->channel->event = event;

    object = handler_event(thread, event);
    result = NULL;

    if (object) {
        args[0] = function->context;
        args[1] = object;

        result = PyObject_Vectorcall(function->handler, args, 2, NULL);
    }

    rc = fn_python_reply(function, result, response);

    if (handler_end(thread, object) == -1) {
        rc = fn_python_fail(function, response);
    }

    thread->channel->event = NULL;

    (void) PyEval_SaveThread();

    return rc;
}


static PyObject *
handler_event(fn_python_thread_t *thread, const fn_event_t *event)
{
    fn_python_function_t  *function;

    function = thread->function;

    if (function->make_event) {
        return PyObject_CallOneArg(function->make_event,
                                   (PyObject *) thread->channel);
    }

    return fn_python_event(function, event);
}


/* lines that were printed without their end; the event, which may be kept */

static int
handler_end(fn_python_thread_t *thread, PyObject *event)
{
    int        rc;
    PyObject  *result;

    rc = 0;

    if (PyDict_GET_SIZE(thread->unfinished)) {
        result = PyObject_CallMethod((PyObject *) thread->channel, "finish",
                                     NULL);
        rc = result ? 0 : -1;
        Py_XDECREF(result);
    }

    if (event) {
        if (thread->function->make_event == NULL
            && fn_python_event_end(event) == -1)
        {
            rc = -1;
        }

        Py_DECREF(event);
    }

    return rc;
}


/* the GIL is not given back: threads of handlers stand still from now on */

void
fn_exit(fn_context_t *context)
{
    PyObject              *result;
    PyThreadState         *tstate;
    fn_python_thread_t    *thread;
    fn_python_function_t  *function;

    static int  ended;

    thread = context->user_data;

    if (thread == NULL) {
        return;
    }

    function = thread->function;
    function->contexts--;

    free(thread);
    context->user_data = NULL;

    if (function->contexts) {
        return;
    }

    tstate = PyThreadState_New(function->interp);

    if (tstate == NULL) {
        return;
    }

    if (ended) {
        (void) PyThreadState_Swap(tstate);

    } else {
        PyEval_RestoreThread(tstate);
        ended = 1;
    }

    result = PyObject_CallMethod(function->object, "end", NULL);

    if (result == NULL) {
        fn_python_log_exception(context, "the function could not end");
    }

    Py_XDECREF(result);
}
