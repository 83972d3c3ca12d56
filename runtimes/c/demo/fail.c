/* Fails: the client gets a 500, the reason is in the error log. */

#include "fn.h"

FN_MODULE


int
handler(fn_context_t *context, const fn_event_t *event,
    fn_response_t *response)
{
    (void) response;

    fn_log(context, event, FN_LOG_ERROR, "this function always fails");

    return FN_ERROR;
}
