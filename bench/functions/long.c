/* Long bodies: takes one, gives one, piece by piece. */

#include <inttypes.h>
#include <stdio.h>

#include "fn.h"

FN_MODULE

#define SIZE  (100 << 20)


int
up(fn_context_t *context, const fn_event_t *event, fn_response_t *response)
{
    char     buf[65536];
    int64_t  length;
    ssize_t  n;

    (void) context;

    length = 0;

    while ((n = fn_body_read(event, length, buf, sizeof(buf))) > 0) {
        length += n;
    }

    if (n != 0) {
        return FN_ERROR;
    }

    n = snprintf(buf, sizeof(buf), "%" PRId64, length);

    return fn_write(response, buf, (size_t) n);
}


int
down(fn_context_t *context, const fn_event_t *event, fn_response_t *response)
{
    static const char  zeros[65536];

    int  length;

    (void) context;
    (void) event;

    for (length = 0; length < SIZE; length += (int) sizeof(zeros)) {
        if (fn_write(response, zeros, sizeof(zeros)) != FN_OK) {
            return FN_ERROR;
        }
    }

    return FN_OK;
}
