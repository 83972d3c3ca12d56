/* From what a handler did to the response. */

#include "fn_python.h"


static int reply_text(PyObject *result, fn_response_t *response);
static int reply_data(fn_response_t *response, const char *data, size_t len);
static int reply_answer(fn_python_function_t *function, PyObject *answer,
    fn_response_t *response);
static int reply_headers(PyObject *lines, fn_response_t *response);
static int reply_body(fn_python_function_t *function, PyObject *body,
    fn_response_t *response);
static int reply_piece(PyObject *piece, fn_response_t *response);
static int reply_failure(PyObject *failure, fn_response_t *response);
static fn_str_t reply_str(PyObject *text);


/* takes the result, NULL when the handler has raised */

int
fn_python_reply(fn_python_function_t *function, PyObject *result,
    fn_response_t *response)
{
    int        rc;
    PyObject  *answer;

    if (result == NULL) {
        return fn_python_fail(function, response);
    }

    /* the two that need no more */

    if (!function->is_async) {
        rc = reply_text(result, response);

        if (rc != 1) {
            Py_DECREF(result);
            return rc;
        }
    }

    answer = PyObject_CallOneArg(function->answer, result);

    Py_DECREF(result);

    if (answer == NULL) {
        return fn_python_fail(function, response);
    }

    return reply_answer(function, answer, response);
}


/* 1: it is something else */

static int
reply_text(PyObject *result, fn_response_t *response)
{
    const char  *data;
    Py_ssize_t   len;

    if (PyUnicode_CheckExact(result)) {
        data = PyUnicode_AsUTF8AndSize(result, &len);

        if (data) {
            return reply_data(response, data, len);
        }

        PyErr_Clear();

    } else if (PyBytes_CheckExact(result)) {
        return reply_data(response, PyBytes_AS_STRING(result),
                          PyBytes_GET_SIZE(result));
    }

    return 1;
}


/* nginx's side adds the same type to a body that has none */

static int
reply_data(fn_response_t *response, const char *data, size_t len)
{
    if (len == 0) {
        return fn_add_header(response, "Content-Type", "text/plain");
    }

    return fn_write(response, data, len);
}


/* the exception that was raised is the failure, or a response */

int
fn_python_fail(fn_python_function_t *function, fn_response_t *response)
{
    int        rc;
    PyObject  *exc, *answer;

    exc = fn_python_raised();
    answer = exc ? PyObject_CallOneArg(function->failure, exc) : NULL;

    if (answer) {
        rc = reply_answer(function, answer, response);

    } else {
        PyErr_Clear();
        rc = fn_fail(response, fn_str(exc ? Py_TYPE(exc)->tp_name : ""),
                     fn_str(""), fn_str(""));
    }

    Py_XDECREF(exc);

    return rc;
}


/* takes the answer: worker.Failure, or (status, headers, body) */

static int
reply_answer(fn_python_function_t *function, PyObject *answer,
    fn_response_t *response)
{
    int   rc;
    long  status;

    if ((PyObject *) Py_TYPE(answer) == function->failure_type) {
        rc = reply_failure(answer, response);
        Py_DECREF(answer);
        return rc;
    }

    status = PyLong_AsLong(PyTuple_GET_ITEM(answer, 0));

    rc = fn_status(response, status);

    if (rc == FN_OK) {
        rc = reply_headers(PyTuple_GET_ITEM(answer, 1), response);
    }

    if (rc == FN_OK) {
        rc = reply_body(function, PyTuple_GET_ITEM(answer, 2), response);
    }

    Py_DECREF(answer);

    return rc;
}


static int
reply_headers(PyObject *lines, fn_response_t *response)
{
    fn_str_t    name, value;
    PyObject   *pair, *key, *text;
    Py_ssize_t  n;

    for (n = 0; n < PyTuple_GET_SIZE(lines); n++) {
        pair = PyTuple_GET_ITEM(lines, n);
        key = PyTuple_GET_ITEM(pair, 0);
        text = PyTuple_GET_ITEM(pair, 1);

        name.data = PyBytes_AS_STRING(key);
        name.len = PyBytes_GET_SIZE(key);
        value.data = PyBytes_AS_STRING(text);
        value.len = PyBytes_GET_SIZE(text);

        if (response->api->add_header(response, name, value) != FN_OK) {
            return FN_ERROR;
        }
    }

    return FN_OK;
}


/* of a generator each piece is written before the next is made */

static int
reply_body(fn_python_function_t *function, PyObject *body,
    fn_response_t *response)
{
    int        rc;
    PyObject  *piece;

    if (PyObject_CheckBuffer(body)) {
        rc = reply_piece(body, response);

    } else {
        for (rc = 0; rc == 0; ) {
            piece = PyIter_Next(body);

            if (piece == NULL) {
                break;
            }

            rc = reply_piece(piece, response);
            Py_DECREF(piece);
        }
    }

    return PyErr_Occurred() ? fn_python_fail(function, response) : rc;
}


static int
reply_piece(PyObject *piece, fn_response_t *response)
{
    int        rc;
    Py_buffer  view;

    if (PyObject_GetBuffer(piece, &view, PyBUF_SIMPLE) == -1) {
        return FN_ERROR;
    }

    rc = fn_write(response, view.buf, view.len);

    PyBuffer_Release(&view);

    return rc;
}


static int
reply_failure(PyObject *failure, fn_response_t *response)
{
    return fn_fail(response, reply_str(PyTuple_GET_ITEM(failure, 0)),
                   reply_str(PyTuple_GET_ITEM(failure, 1)),
                   reply_str(PyTuple_GET_ITEM(failure, 2)));
}


static fn_str_t
reply_str(PyObject *text)
{
    fn_str_t    s;
    Py_ssize_t  len;

    s.data = PyUnicode_AsUTF8AndSize(text, &len);
    s.len = s.data ? (size_t) len : 0;

    if (s.data == NULL) {
        PyErr_Clear();
    }

    return s;
}
