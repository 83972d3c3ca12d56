/* The workloads, in C. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>

#include "fn.h"

FN_MODULE


int
hello(fn_context_t *context, const fn_event_t *event, fn_response_t *response)
{
    (void) context;
    (void) event;

    return fn_write(response, "Hello, world", 12);
}


int
json(fn_context_t *context, const fn_event_t *event, fn_response_t *response)
{
    int        rc;
    char      *text;
    json_t    *value;
    fn_str_t   body;

    (void) context;

    body = fn_body(event);
    value = json_loadb(body.data, body.len, 0, NULL);
    text = json_dumps(value, JSON_COMPACT);
    json_decref(value);

    if (text == NULL) {
        return FN_ERROR;
    }

    rc = fn_add_header(response, "Content-Type", "application/json");

    if (rc == FN_OK) {
        rc = fn_write(response, text, strlen(text));
    }

    free(text);

    return rc;
}


int
body(fn_context_t *context, const fn_event_t *event, fn_response_t *response)
{
    int   n;
    char  text[32];

    (void) context;

    n = snprintf(text, sizeof(text), "%zu", fn_body(event).len);

    return fn_write(response, text, (size_t) n);
}


int
wait(fn_context_t *context, const fn_event_t *event, fn_response_t *response)
{
    struct timespec  ts = { 0, 10000000 };

    (void) context;
    (void) event;

    nanosleep(&ts, NULL);

    return fn_write(response, "waited", 6);
}
