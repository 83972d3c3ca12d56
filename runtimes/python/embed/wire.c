/* What ../fn_runtime/worker.py calls a wire; a thread's channel is one. */

#include "fn_python.h"

#include <pthread.h>


static int wire_init(PyObject *object, PyObject *args, PyObject *kwargs);
static void wire_dealloc(PyObject *object);
static PyObject *wire_field(PyObject *object, PyObject *name);
static PyObject *wire_headers(PyObject *object, PyObject *none);
static PyObject *wire_timestamp(PyObject *object, PyObject *none);
static PyObject *wire_length(PyObject *object, PyObject *none);
static PyObject *wire_body(PyObject *object, PyObject *none);
static PyObject *wire_record(PyObject *object, PyObject *args);
static PyObject *wire_thread_is_mine(PyObject *object, PyObject *none);
static PyObject *wire_connection(PyObject *object, void *closure);
static const fn_event_t *wire_event(PyObject *object);


static PyMethodDef  wire_methods[] = {
    { "field", wire_field, METH_O, NULL },
    { "headers", wire_headers, METH_NOARGS, NULL },
    { "timestamp", wire_timestamp, METH_NOARGS, NULL },
    { "length", wire_length, METH_NOARGS, NULL },
    { "body", wire_body, METH_NOARGS, NULL },
    { "record", wire_record, METH_VARARGS, NULL },
    { "thread_is_mine", wire_thread_is_mine, METH_NOARGS, NULL },
    { NULL, NULL, 0, NULL }
};

static PyGetSetDef  wire_getset[] = {
    { "connection", wire_connection, NULL, NULL, NULL },
    { NULL, NULL, NULL, NULL, NULL }
};

static PyType_Slot  wire_slots[] = {
    { Py_tp_init, wire_init },
    { Py_tp_dealloc, wire_dealloc },
    { Py_tp_methods, wire_methods },
    { Py_tp_getset, wire_getset },
    { 0, NULL }
};

static PyType_Spec  wire_spec = {
    "fn_runtime.embed.Wire", sizeof(fn_python_wire_t), 0,
    Py_TPFLAGS_DEFAULT|Py_TPFLAGS_BASETYPE, wire_slots
};


PyObject *
fn_python_wire_type(void)
{
    return PyType_FromSpec(&wire_spec);
}


static int
wire_init(PyObject *object, PyObject *args, PyObject *kwargs)
{
    ((fn_python_wire_t *) object)->thread = (unsigned long) pthread_self();

    return 0;
}


static void
wire_dealloc(PyObject *object)
{
    PyTypeObject  *type;

    type = Py_TYPE(object);

    type->tp_free(object);

    Py_DECREF(type);
}


static PyObject *
wire_field(PyObject *object, PyObject *name)
{
    size_t             i;
    fn_str_t           s;
    const char        *text;
    const fn_event_t  *event;

    static const char *const  names[] = {
        "id", "method", "path", "query", "remote_addr", "log_level"
    };

    event = wire_event(object);
    text = PyUnicode_AsUTF8(name);

    if (event == NULL || text == NULL) {
        return NULL;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            s = fn_field(event, i);
            return PyUnicode_DecodeLatin1(s.data, s.len, NULL);
        }
    }

    PyErr_SetObject(PyExc_KeyError, name);

    return NULL;
}


static PyObject *
wire_headers(PyObject *object, PyObject *none)
{
    int                rc;
    size_t             n;
    fn_str_t           name, value;
    PyObject          *list, *pair;
    const fn_event_t  *event;

    event = wire_event(object);
    list = event ? PyList_New(0) : NULL;

    for (n = 0; list && fn_header(event, n, &name, &value) == FN_OK; n++) {
        pair = Py_BuildValue("(NN)",
                        PyUnicode_DecodeLatin1(name.data, name.len, NULL),
                        PyUnicode_DecodeLatin1(value.data, value.len, NULL));

        rc = pair ? PyList_Append(list, pair) : -1;
        Py_XDECREF(pair);

        if (rc == -1) {
            Py_CLEAR(list);
        }
    }

    return list;
}


static PyObject *
wire_timestamp(PyObject *object, PyObject *none)
{
    const fn_event_t  *event;

    event = wire_event(object);

    return event ? PyLong_FromLongLong(fn_timestamp(event)) : NULL;
}


static PyObject *
wire_length(PyObject *object, PyObject *none)
{
    const fn_event_t  *event;

    event = wire_event(object);

    return event ? PyLong_FromLongLong(fn_body_length(event)) : NULL;
}


static PyObject *
wire_body(PyObject *object, PyObject *none)
{
    const fn_event_t  *event;

    event = wire_event(object);

    return event ? fn_python_body(event) : NULL;
}


static PyObject *
wire_record(PyObject *object, PyObject *args)
{
    int                level;
    fn_str_t           message, with;
    Py_ssize_t         len, wlen;
    fn_python_wire_t  *wire;

    wire = (fn_python_wire_t *) object;

    if (!PyArg_ParseTuple(args, "is#s#", &level, &message.data, &len,
                          &with.data, &wlen))
    {
        return NULL;
    }

    message.len = len;
    with.len = wlen;

    if (wire->context) {
        fn_record(wire->context, wire->event, level, message, with);
    }

    Py_RETURN_NONE;
}


static PyObject *
wire_thread_is_mine(PyObject *object, PyObject *none)
{
    fn_python_wire_t  *wire;

    wire = (fn_python_wire_t *) object;

    return PyBool_FromLong(wire->thread == (unsigned long) pthread_self());
}


/* itself while an event runs */

static PyObject *
wire_connection(PyObject *object, void *closure)
{
    PyObject  *result;

    result = ((fn_python_wire_t *) object)->event ? object : Py_None;

    Py_INCREF(result);

    return result;
}


static const fn_event_t *
wire_event(PyObject *object)
{
    const fn_event_t  *event;

    event = ((fn_python_wire_t *) object)->event;

    if (event == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the event has ended");
    }

    return event;
}
