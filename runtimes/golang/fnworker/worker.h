#ifndef FN_WORKER_H_INCLUDED
#define FN_WORKER_H_INCLUDED

#include <fn.h>

#pragma GCC visibility push(hidden)

#define FN_WORKER_FIELDS  5     /* from FN_METHOD to FN_EVENT_LOG_LEVEL */

typedef enum {
    FN_WORKER_INIT,
    FN_WORKER_EVENT,
    FN_WORKER_EXIT
} fn_worker_call_e;

/* what nginx asks of Go, and what of an event costs next to nothing */
typedef struct {
    fn_worker_call_e   call;
    int                loop;        /* the thread is nginx's own */
    fn_context_t      *context;
    const fn_event_t  *event;
    fn_response_t     *response;
    fn_str_t           field[FN_WORKER_FIELDS];
    int64_t            timestamp;
    int                cloud;       /* the event carries a CloudEvent */
    int                rc;
} fn_worker_t;

/* answers, and returns with the next call */
void fn_worker_wait(fn_worker_t *worker, int rc);
void fn_worker_reply(fn_worker_t *worker, unsigned status, const char *head,
    size_t head_len, const char *body, size_t len);
void fn_worker_fail(fn_worker_t *worker, const char *error, size_t error_len,
    const char *message, size_t message_len, const char *stack,
    size_t stack_len);

fn_str_t fn_worker_id(fn_worker_t *worker);
size_t fn_worker_headers(fn_worker_t *worker, char *buf, size_t size);
ssize_t fn_worker_body(fn_worker_t *worker, int64_t offset, char *buf,
    size_t len);
int64_t fn_worker_body_length(fn_worker_t *worker);
int fn_worker_write(fn_worker_t *worker, const char *data, size_t len);
void fn_worker_record(fn_context_t *context, const fn_event_t *event,
    int level, const char *message, size_t len, const char *with,
    size_t with_len);

/* signals.c: the thread is one of nginx's, in whose code it is */
int fn_worker_elsewhere(void);

#pragma GCC visibility pop

#endif /* FN_WORKER_H_INCLUDED */
