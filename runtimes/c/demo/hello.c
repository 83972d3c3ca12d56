/* Says hello: cc -shared -fPIC -O2 -I.. -o hello.so hello.c */

#include "fn.h"

FN_MODULE


int
handler(fn_context_t *context, const fn_event_t *event,
    fn_response_t *response)
{
    (void) context;
    (void) event;

    if (fn_add_header(response, "Content-Type", "text/plain") != FN_OK) {
        return FN_ERROR;
    }

    return fn_write(response, "Hello from c", 12);
}
