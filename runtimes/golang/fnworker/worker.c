/*
 * Between nginx and Go.
 *
 * A call from C into Go costs 4 us before Go 1.21, a return into it 0.1 us.  So
 * each thread of nginx calls Go once, on a stack of its own, and Go never
 * returns:
 *
 *     nginx's stack                   the thread's stack for Go
 *
 *     fn_init() ----------- first --> fnWorker(), Go
 *       returns <------------------- fn_worker_wait(), called by Go
 *     handler() -------------------->   returns: Go runs the handler
 *       returns <------------------- fn_worker_wait()
 *
 * For Go this is a call of C that takes long.
 */

#undef _FORTIFY_SOURCE      /* longjmp() to another stack is what is wanted */

#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "worker.h"

#define STACK  (8 * 1024 * 1024)    /* of C that Go calls; a page is a guard */
#define GUARD  65536


typedef struct {
    fn_worker_t    worker;
    jmp_buf        nginx;
    jmp_buf        go;
    ucontext_t     context;
    int            elsewhere;   /* the thread runs nothing of Go */
} fiber_t;


/* of the package "environ" and of Go: weak, as cgo links each package alone */
extern void fn_environ_give(const char *const *vars) __attribute__((weak));
extern void fnWorker(fn_worker_t *worker);

/* read by a handler of signals, where memory may not be allocated */
static __thread fiber_t  *fiber __attribute__((tls_model("initial-exec")));

static pthread_mutex_t    mutex = PTHREAD_MUTEX_INITIALIZER;
static int                ended;    /* the contexts are no more */


FN_MODULE


static void
start(void)
{
    fnWorker(&fiber->worker);
}


static fiber_t *
create(void)
{
    char     *stack;
    fiber_t  *f;

    f = calloc(1, sizeof(fiber_t));
    if (f == NULL) {
        return NULL;
    }

    stack = mmap(NULL, STACK, PROT_READ|PROT_WRITE,
                 MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE|MAP_STACK, -1, 0);

    if (stack == MAP_FAILED || mprotect(stack, GUARD, PROT_NONE) == -1
        || getcontext(&f->context) == -1)
    {
        free(f);
        return NULL;
    }

    f->context.uc_stack.ss_sp = stack;
    f->context.uc_stack.ss_size = STACK;
    f->worker.loop = (gettid() == getpid());

    /* Go takes the mask for that of the programs that it starts */
    sigemptyset(&f->context.uc_sigmask);

    makecontext(&f->context, start, 0);

    return f;
}


/* until Go waits for the first time */

static void
begin(fiber_t *f)
{
    sigset_t  mask;

    fiber = f;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);

    if (_setjmp(f->nginx) == 0) {
        setcontext(&f->context);
    }

    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}


/* lets Go run until it waits again */

static int
enter(fiber_t *f)
{
    if (_setjmp(f->nginx) == 0) {
        f->elsewhere = 0;
        _longjmp(f->go, 1);
    }

    return f->worker.rc;
}


int
fn_worker_elsewhere(void)
{
    return fiber && fiber->elsewhere;
}


void
fn_worker_wait(fn_worker_t *worker, int rc)
{
    fiber_t *f = (fiber_t *) worker;

    worker->rc = rc;

    if (_setjmp(f->go) == 0) {
        f->elsewhere = 1;
        _longjmp(f->nginx, 1);
    }
}


FN_EXPORT int
fn_init(fn_context_t *context)
{
    fiber_t  *f;

    fn_environ_give(fn_environ(context));

    if (fiber == NULL) {
        f = create();

        if (f == NULL) {
            fn_log(context, NULL, FN_LOG_ERROR, "no memory for a stack");
            return FN_ERROR;
        }

        begin(f);
    }

    fiber->worker.call = FN_WORKER_INIT;
    fiber->worker.context = context;

    return enter(fiber);
}


/* the contexts of a pool's threads end when the threads have */

FN_EXPORT void
fn_exit(fn_context_t *context)
{
    if (fiber && !ended) {
        fiber->worker.call = FN_WORKER_EXIT;
        fiber->worker.context = context;
        enter(fiber);
    }

    pthread_mutex_lock(&mutex);
    ended = 1;
    pthread_mutex_unlock(&mutex);
}


/* nginx's Content-Type or a header names a CloudEvent 0.1 */

static int
is_cloud(const fn_event_t *event)
{
    fn_str_t  type;

    static const char  cloud[] = "application/cloudevents";

    if (fn_find_header(event, "Ce-Cloudeventsversion").data) {
        return 1;
    }

    type = fn_find_header(event, "Content-Type");

    return type.data && type.len >= sizeof(cloud) - 1
           && memcmp(type.data, cloud, sizeof(cloud) - 1) == 0;
}


FN_EXPORT int
handler(fn_context_t *context, const fn_event_t *event,
    fn_response_t *response)
{
    int           i;
    fn_worker_t  *worker = &fiber->worker;

    worker->call = FN_WORKER_EVENT;
    worker->context = context;
    worker->event = event;
    worker->response = response;
    worker->timestamp = fn_timestamp(event);
    worker->cloud = is_cloud(event);

    for (i = 0; i < FN_WORKER_FIELDS; i++) {
        worker->field[i] = fn_field(event, FN_METHOD + i);
    }

    return enter(fiber);
}


/* the headers are behind each other, lengths in two bytes each first */

void
fn_worker_reply(fn_worker_t *worker, unsigned status, const char *head,
    size_t head_len, const char *body, size_t len)
{
    int                   rc;
    fn_str_t              name, value;
    const char           *end;
    fn_response_t        *response = worker->response;
    const unsigned char  *p;

    rc = fn_status(response, status);

    for (end = head + head_len; head < end; head = value.data + value.len) {
        p = (const unsigned char *) head;

        name.data = head + 4;
        name.len = p[0] << 8 | p[1];
        value.data = name.data + name.len;
        value.len = p[2] << 8 | p[3];

        rc |= response->api->add_header(response, name, value);
    }

    rc |= fn_write(response, body, len);

    fn_worker_wait(worker, rc);
}


void
fn_worker_fail(fn_worker_t *worker, const char *error, size_t error_len,
    const char *message, size_t message_len, const char *stack,
    size_t stack_len)
{
    fn_str_t  e = { error, error_len };
    fn_str_t  m = { message, message_len };
    fn_str_t  s = { stack, stack_len };

    fn_worker_wait(worker, fn_fail(worker->response, e, m, s));
}


fn_str_t
fn_worker_id(fn_worker_t *worker)
{
    return fn_field(worker->event, FN_ID);
}


/* as those of a reply, as many as fit; returns how much room all of them need */

size_t
fn_worker_headers(fn_worker_t *worker, char *buf, size_t size)
{
    size_t    n, need, len;
    fn_str_t  name, value;

    need = 0;

    for (n = 0; fn_header(worker->event, n, &name, &value) == FN_OK; n++) {
        len = 8 + name.len + value.len;

        if (need + len <= size) {
            buf[need] = name.len >> 24;
            buf[need + 1] = name.len >> 16;
            buf[need + 2] = name.len >> 8;
            buf[need + 3] = name.len;
            buf[need + 4] = value.len >> 24;
            buf[need + 5] = value.len >> 16;
            buf[need + 6] = value.len >> 8;
            buf[need + 7] = value.len;

            memcpy(buf + need + 8, name.data, name.len);
            memcpy(buf + need + 8 + name.len, value.data, value.len);
        }

        need += len;
    }

    return need;
}


int64_t
fn_worker_body_length(fn_worker_t *worker)
{
    return fn_body_length(worker->event);
}


ssize_t
fn_worker_body(fn_worker_t *worker, int64_t offset, char *buf, size_t len)
{
    return fn_body_read(worker->event, offset, buf, len);
}


int
fn_worker_write(fn_worker_t *worker, const char *data, size_t len)
{
    return fn_write(worker->response, data, len);
}


void
fn_worker_record(fn_context_t *context, const fn_event_t *event, int level,
    const char *message, size_t len, const char *with, size_t with_len)
{
    fn_str_t  m = { message, len };
    fn_str_t  w = { with, with_len };

    if (event) {
        fn_record(context, event, level, m, w);
        return;
    }

    /* by any thread at any time */

    pthread_mutex_lock(&mutex);

    if (!ended) {
        fn_record(context, NULL, level, m, w);
    }

    pthread_mutex_unlock(&mutex);
}
