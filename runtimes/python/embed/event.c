/*
 * The event of a handler, ../fn_runtime/event.py's WireEvent: an attribute is
 * made when it is read first.  When the handler has returned and somebody
 * holds the event yet, the rest is made before nginx forgets the request.
 */

#include "fn_python.h"

#include <strings.h>


enum {
    EVENT_ID = 0,           /* in the order of fn_field_e */
    EVENT_METHOD,
    EVENT_PATH,
    EVENT_QUERY,
    EVENT_REMOTE_ADDR,
    EVENT_HEADERS,
    EVENT_RAW_BODY,
    EVENT_MILLISECONDS,
    EVENT_WIRE_TYPE,        /* the last Content-Type of the request */
    EVENT_SIZE,
    EVENT_RAW,              /* these are not read from nginx: */
    EVENT_CONTENT_TYPE = EVENT_RAW,
    EVENT_BODY,
    EVENT_FIELDS,
    EVENT_TIMESTAMP,
    EVENT_TRIGGER,
    EVENT_TYPE,
    EVENT_TYPE_VERSION,
    EVENT_VERSION,
    EVENT_VALUES
};

#define EVENT_NAME_MAX  256


typedef struct {
    PyObject_HEAD
    const fn_event_t     *event;    /* NULL: it has ended */
    fn_python_function_t *function;
    PyObject             *values[EVENT_VALUES];
    int                   looked;   /* whether it is a CloudEvent */
} event_t;


static int event_traverse(PyObject *object, visitproc visit, void *arg);
static int event_clear(PyObject *object);
static void event_dealloc(PyObject *object);
static PyObject *event_get(PyObject *object, void *closure);
static PyObject *event_get_cloud(PyObject *object, void *closure);
static int event_set(PyObject *object, PyObject *value, void *closure);
static PyObject *event_value(event_t *self, size_t n);
static PyObject *event_make(event_t *self, size_t n);
static PyObject *event_read(event_t *self, size_t n);
static PyObject *event_headers(const fn_event_t *event);
static int event_add_header(PyObject *headers, fn_str_t *name,
    fn_str_t *value);
static PyObject *event_name(fn_str_t *name);
static PyObject *event_wire_type(const fn_event_t *event);
static int event_is(fn_str_t *name, const char *other);
static PyObject *event_body(event_t *self);
static PyObject *event_call(event_t *self, size_t maker, PyObject *argument);
static int event_look(event_t *self);


#define EVENT_PLAIN(name, n)                                                  \
    { name, event_get, event_set, NULL, (void *) (uintptr_t) n }

/* what a CloudEvent has in another place */
#define EVENT_CLOUD(name, n)                                                  \
    { name, event_get_cloud, event_set, NULL, (void *) (uintptr_t) n }

static PyGetSetDef  event_getset[] = {
    EVENT_CLOUD("id", EVENT_ID),
    EVENT_PLAIN("method", EVENT_METHOD),
    EVENT_PLAIN("path", EVENT_PATH),
    EVENT_PLAIN("remote_addr", EVENT_REMOTE_ADDR),
    EVENT_CLOUD("headers", EVENT_HEADERS),
    EVENT_PLAIN("raw_body", EVENT_RAW_BODY),
    EVENT_CLOUD("content_type", EVENT_CONTENT_TYPE),
    EVENT_PLAIN("size", EVENT_SIZE),
    EVENT_CLOUD("body", EVENT_BODY),
    EVENT_PLAIN("fields", EVENT_FIELDS),
    EVENT_CLOUD("timestamp", EVENT_TIMESTAMP),
    EVENT_CLOUD("trigger", EVENT_TRIGGER),
    EVENT_CLOUD("type", EVENT_TYPE),
    EVENT_CLOUD("type_version", EVENT_TYPE_VERSION),
    EVENT_CLOUD("version", EVENT_VERSION),
    { NULL, NULL, NULL, NULL, NULL }
};

static PyType_Slot  event_slots[] = {
    { Py_tp_traverse, event_traverse },
    { Py_tp_clear, event_clear },
    { Py_tp_dealloc, event_dealloc },
    { Py_tp_getset, event_getset },
    { 0, NULL }
};

static PyType_Spec  event_spec = {
    "fn_runtime.embed.Event", sizeof(event_t), 0,
    Py_TPFLAGS_DEFAULT|Py_TPFLAGS_BASETYPE|Py_TPFLAGS_HAVE_GC, event_slots
};


PyObject *
fn_python_event_type(void)
{
    return PyType_FromSpec(&event_spec);
}


PyObject *
fn_python_event(fn_python_function_t *function, const fn_event_t *event)
{
    event_t  *self;

    self = (event_t *) function->event_type->tp_alloc(function->event_type, 0);

    if (self) {
        self->event = event;
        self->function = function;
    }

    return (PyObject *) self;
}


/* the caller holds one reference; who else does must not ask nginx later */

int
fn_python_event_end(PyObject *object)
{
    int        rc;
    size_t     n;
    event_t   *self;
    PyObject  *value;

    rc = 0;
    self = (event_t *) object;

    if (Py_REFCNT(object) > 1 && !self->looked) {
        rc = event_look(self);
    }

    for (n = 0; Py_REFCNT(object) > 1 && n < EVENT_RAW; n++) {
        value = event_value(self, n);

        if (value == NULL) {
            rc = -1;
            break;
        }

        Py_DECREF(value);
    }

    self->event = NULL;

    return rc;
}


static int
event_traverse(PyObject *object, visitproc visit, void *arg)
{
    size_t    n;
    event_t  *self;

    self = (event_t *) object;

    Py_VISIT(Py_TYPE(object));

    for (n = 0; n < EVENT_VALUES; n++) {
        Py_VISIT(self->values[n]);
    }

    return 0;
}


static int
event_clear(PyObject *object)
{
    size_t    n;
    event_t  *self;

    self = (event_t *) object;

    for (n = 0; n < EVENT_VALUES; n++) {
        Py_CLEAR(self->values[n]);
    }

    return 0;
}


static void
event_dealloc(PyObject *object)
{
    PyTypeObject  *type;

    type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    (void) event_clear(object);

    type->tp_free(object);

    Py_DECREF(type);
}


static PyObject *
event_get(PyObject *object, void *closure)
{
    return event_value((event_t *) object, (uintptr_t) closure);
}


static PyObject *
event_get_cloud(PyObject *object, void *closure)
{
    event_t  *self;

    self = (event_t *) object;

    if (!self->looked && event_look(self) == -1) {
        return NULL;
    }

    return event_value(self, (uintptr_t) closure);
}


/* what is deleted is made again */

static int
event_set(PyObject *object, PyObject *value, void *closure)
{
    event_t  *self;

    self = (event_t *) object;

    /* or looking would set it again */
    if (!self->looked && event_look(self) == -1) {
        return -1;
    }

    Py_XINCREF(value);
    Py_XSETREF(self->values[(uintptr_t) closure], value);

    return 0;
}


static PyObject *
event_value(event_t *self, size_t n)
{
    PyObject  *value;

    if (self->values[n] == NULL) {
        value = (n < EVENT_RAW) ? event_read(self, n) : event_make(self, n);
        Py_XSETREF(self->values[n], value);
    }

    Py_XINCREF(self->values[n]);

    return self->values[n];
}


static PyObject *
event_make(event_t *self, size_t n)
{
    switch (n) {

    case EVENT_CONTENT_TYPE:
        return event_value(self, EVENT_WIRE_TYPE);

    case EVENT_BODY:
        return event_body(self);

    case EVENT_FIELDS:
        return event_call(self, FN_PYTHON_MAKE_FIELDS,
                          event_value(self, EVENT_QUERY));

    case EVENT_TIMESTAMP:
        return event_call(self, FN_PYTHON_MAKE_TIMESTAMP,
                          event_value(self, EVENT_MILLISECONDS));

    case EVENT_TRIGGER:
        return event_call(self, FN_PYTHON_MAKE_TRIGGER,
                          PyUnicode_FromString(self->function->name));

    default:
        return PyUnicode_FromStringAndSize(NULL, 0);
    }
}


static PyObject *
event_read(event_t *self, size_t n)
{
    fn_str_t  s;

    if (self->event == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the event has ended");
        return NULL;
    }

    switch (n) {

    case EVENT_HEADERS:
        return event_headers(self->event);

    case EVENT_RAW_BODY:
        return fn_python_body(self->event);

    case EVENT_MILLISECONDS:
        return PyLong_FromLongLong(fn_timestamp(self->event));

    case EVENT_WIRE_TYPE:
        return event_wire_type(self->event);

    case EVENT_SIZE:
        return PyLong_FromLongLong(fn_body_length(self->event));

    case EVENT_QUERY:
        /* its escapes are read first, and what they mean is text then */
        s = fn_field(self->event, n);
        return PyUnicode_DecodeLatin1(s.data, s.len, NULL);

    default:
        return fn_python_text(fn_field(self->event, n));
    }
}


/* a byte string (PROTOCOL 3.5) as text: UTF-8, or Latin-1 when it is not */

PyObject *
fn_python_text(fn_str_t s)
{
    PyObject  *text;

    text = PyUnicode_DecodeUTF8(s.data, s.len, NULL);

    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        text = PyUnicode_DecodeLatin1(s.data, s.len, NULL);
    }

    return text;
}


/* straight from nginx's buffers, or its file */

PyObject *
fn_python_body(const fn_event_t *event)
{
    char      *p;
    int64_t    done, length;
    ssize_t    n;
    PyObject  *body;

    length = fn_body_length(event);
    body = PyBytes_FromStringAndSize(NULL, length);

    if (body == NULL) {
        return NULL;
    }

    p = PyBytes_AS_STRING(body);

    for (done = 0; done < length; done += n) {
        n = fn_body_read(event, done, p + done, length - done);

        if (n <= 0) {
            Py_DECREF(body);
            PyErr_SetString(PyExc_OSError, "the body can't be read");
            return NULL;
        }
    }

    return body;
}


static PyObject *
event_headers(const fn_event_t *event)
{
    size_t     n;
    fn_str_t   name, value;
    PyObject  *headers;

    headers = PyDict_New();

    for (n = 0; headers && fn_header(event, n, &name, &value) == FN_OK; n++) {
        if (event_add_header(headers, &name, &value) == -1) {
            Py_CLEAR(headers);
        }
    }

    return headers;
}


/* several of a name are a list */

static int
event_add_header(PyObject *headers, fn_str_t *name, fn_str_t *value)
{
    int        rc;
    PyObject  *key, *text, *first, *list;

    rc = -1;
    key = event_name(name);
    text = fn_python_text(*value);

    if (key == NULL || text == NULL) {
        goto done;
    }

    first = PyDict_GetItemWithError(headers, key);

    if (first == NULL) {
        rc = PyErr_Occurred() ? -1 : PyDict_SetItem(headers, key, text);

    } else if (PyList_CheckExact(first)) {
        rc = PyList_Append(first, text);

    } else {
        list = Py_BuildValue("[OO]", first, text);
        rc = list ? PyDict_SetItem(headers, key, list) : -1;
        Py_XDECREF(list);
    }

done:

    Py_XDECREF(key);
    Py_XDECREF(text);

    return rc;
}


/* PROTOCOL 4.2: Content-Type */

static PyObject *
event_name(fn_str_t *name)
{
    int     upper;
    char    buf[EVENT_NAME_MAX], c;
    size_t  i;

    if (name->len > sizeof(buf)) {
        return PyUnicode_DecodeLatin1(name->data, name->len, NULL);
    }

    upper = 1;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (upper && c >= 'a' && c <= 'z') {
            c -= 'a' - 'A';

        } else if (!upper && c >= 'A' && c <= 'Z') {
            c += 'a' - 'A';
        }

        buf[i] = c;
        upper = (c == '-');
    }

    return PyUnicode_DecodeLatin1(buf, name->len, NULL);
}


static PyObject *
event_wire_type(const fn_event_t *event)
{
    size_t    n;
    fn_str_t  name, value, last;

    last = fn_str("");

    for (n = 0; fn_header(event, n, &name, &value) == FN_OK; n++) {
        if (event_is(&name, "Content-Type")) {
            last = value;
        }
    }

    return fn_python_text(last);
}


static int
event_is(fn_str_t *name, const char *other)
{
    return name->len == strlen(other)
           && strncasecmp(name->data, other, name->len) == 0;
}


static PyObject *
event_body(event_t *self)
{
    int        is_json;
    PyObject  *type, *body;

    type = event_value(self, EVENT_WIRE_TYPE);
    body = event_value(self, EVENT_RAW_BODY);

    if (type == NULL || body == NULL) {
        Py_XDECREF(type);
        Py_XDECREF(body);
        return NULL;
    }

    is_json = PyUnicode_CompareWithASCIIString(type, "application/json") == 0;

    Py_DECREF(type);

    return is_json ? event_call(self, FN_PYTHON_MAKE_BODY, body) : body;
}


/* takes the argument, which may be NULL */

static PyObject *
event_call(event_t *self, size_t maker, PyObject *argument)
{
    PyObject  *result;

    if (argument == NULL) {
        return NULL;
    }

    result = PyObject_CallOneArg(self->function->makers[maker], argument);

    Py_DECREF(argument);

    return result;
}


static int
event_look(event_t *self)
{
    size_t     n, maker;
    fn_str_t   name, value;
    PyObject  *result;

    static const char  type[] = "application/cloudevents";

    self->looked = 1;

    if (self->event == NULL) {
        return 0;
    }

    maker = FN_PYTHON_MAKERS;

    for (n = 0; fn_header(self->event, n, &name, &value) == FN_OK; n++) {
        if (event_is(&name, "Ce-Cloudeventsversion")) {
            maker = FN_PYTHON_MAKE_BINARY;
            break;
        }

        /* of several the last counts */
        if (event_is(&name, "Content-Type")) {
            maker = (value.len >= sizeof(type) - 1
                     && memcmp(value.data, type, sizeof(type) - 1) == 0)
                    ? FN_PYTHON_MAKE_STRUCTURED : FN_PYTHON_MAKERS;
        }
    }

    if (maker == FN_PYTHON_MAKERS) {
        return 0;
    }

    Py_INCREF(self);
    result = event_call(self, maker, (PyObject *) self);
    Py_XDECREF(result);

    return result ? 0 : -1;
}
