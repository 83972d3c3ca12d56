
/*
 * Native handlers: shared objects that run in the worker, on the event loop
 * or on threads of an nginx thread pool.
 *
 * A request on a thread.  The loop posts it, and holds the request by
 * r->main->count and r->main->blocked until the thread has returned:
 *
 *     WAITING --- thread ---> RUNNING --- returns ---> answer
 *        |                       |
 *        | timeout               | timeout
 *        v                       v
 *     CANCELLED: 503, not run   504; what it says later is dropped
 *
 * A client that leaves is as a timeout without an answer.
 */


#include "ngx_http_fn_native.h"
#include "ngx_http_fn_call.h"
#include "ngx_http_fn_command.h"
#include "ngx_http_fn_crumb.h"
#include "ngx_http_fn_event.h"
#include "ngx_http_fn_handler.h"
#include "ngx_http_fn_log.h"
#include "ngx_http_fn_object.h"
#include "ngx_http_fn_response.h"
#include "ngx_http_fn_slot.h"


#define NGX_HTTP_FN_NATIVE_ARENA      4096
#define NGX_HTTP_FN_NATIVE_AGAIN      60000     /* ms, to warn again */

#define NGX_HTTP_FN_NATIVE_WAITING    0
#define NGX_HTTP_FN_NATIVE_RUNNING    1
#define NGX_HTTP_FN_NATIVE_CANCELLED  2

#define NGX_HTTP_FN_NATIVE_NO_CONTEXT  (-32768)


typedef struct ngx_http_fn_native_context_s  ngx_http_fn_native_context_t;


/* malloc; made once per worker, or per thread, and kept */

struct ngx_http_fn_native_context_s {
    ngx_http_fn_call_context_t     call;        /* first, see fn_context_t */
    ngx_http_fn_native_context_t  *next;
#if (NGX_THREADS)
    pthread_t                      thread;
#endif
};


/* cycle pool; written in the worker only */

struct ngx_http_fn_native_s {
    char                          *name;
    char                         **env;
    ngx_thread_pool_t             *thread_pool; /* NULL: inline */
    ngx_http_fn_object_t           object;      /* no handler: not loaded */
    ngx_http_fn_native_context_t  *contexts;
#if (NGX_THREADS)
    ngx_thread_mutex_t             mutex;       /* of contexts */
#endif
};


/* the arena of the request */

typedef struct {
    ngx_http_fn_call_t             call;
    ngx_http_fn_native_t          *native;
    ngx_atomic_t                   state;
    int                            rc;
    int64_t                        posted;      /* us, as the others */
    int64_t                        started;
    int64_t                        time;
    ngx_event_t                    timer;       /* set until it has returned */

    unsigned                       done:1;      /* the thread has returned */
    unsigned                       answered:1;  /* without it */
    unsigned                       gone:1;      /* the request is terminated */
} ngx_http_fn_native_task_t;


static ngx_http_fn_native_context_t *ngx_http_fn_native_context_create(
    ngx_http_fn_function_t *function);
static void ngx_http_fn_native_block_signals(sigset_t *old);

static int ngx_http_fn_native_run(ngx_http_fn_native_context_t *context,
    ngx_http_fn_call_t *call, int64_t *time);
static void ngx_http_fn_native_parent(ngx_http_fn_function_t *function);
static void ngx_http_fn_native_answer(ngx_http_fn_call_t *call, int rc,
    int64_t time);
static void ngx_http_fn_native_fail(ngx_http_fn_call_t *call, int rc);
static void ngx_http_fn_native_blocked(ngx_http_fn_ctx_t *ctx, int64_t time);
static void ngx_http_fn_native_atfork(void);
static void ngx_http_fn_native_atfork_child(void);

#if (NGX_THREADS)
static void ngx_http_fn_native_post(ngx_http_fn_ctx_t *ctx);
static ngx_thread_task_t *ngx_http_fn_native_task_create(
    ngx_http_fn_ctx_t *ctx);
static void ngx_http_fn_native_arena_cleanup(void *data);
static ngx_int_t ngx_http_fn_native_task_hold(ngx_thread_task_t *thread);
static void ngx_http_fn_native_thread(void *data, ngx_log_t *log);
static ngx_http_fn_native_context_t *ngx_http_fn_native_context(
    ngx_http_fn_function_t *function);
static void ngx_http_fn_native_returned(ngx_event_t *ev);
static void ngx_http_fn_native_timeout(ngx_event_t *ev);
static void ngx_http_fn_native_task_cleanup(void *data);
static void ngx_http_fn_native_wait(ngx_http_request_t *r);
#endif


static pthread_once_t  ngx_http_fn_native_once = PTHREAD_ONCE_INIT;
static sig_atomic_t    ngx_http_fn_native_forked;


ngx_int_t
ngx_http_fn_native_create(ngx_conf_t *cf, ngx_http_fn_function_t *function,
    ngx_thread_pool_t *thread_pool)
{
    ngx_http_fn_native_t  *native;

    native = ngx_pcalloc(cf->pool, sizeof(ngx_http_fn_native_t));
    if (native == NULL) {
        return NGX_ERROR;
    }

    native->name = ngx_pcalloc(cf->pool, function->name.len + 1);
    if (native->name == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(native->name, function->name.data, function->name.len);

    native->thread_pool = thread_pool;
    function->native = native;

    return NGX_OK;
}


void
ngx_http_fn_native_init_process(ngx_cycle_t *cycle,
    ngx_http_fn_function_t *function)
{
    sigset_t               old;
    ngx_str_t              reason;
    ngx_http_fn_native_t  *native;
    u_char                 buf[NGX_HTTP_FN_OBJECT_REASON];

    static ngx_str_t  none = ngx_string("");

    native = function->native;

    if (ngx_http_fn_crumb_limited(function)) {
        return;
    }

    (void) pthread_once(&ngx_http_fn_native_once, ngx_http_fn_native_atfork);

    reason.data = buf;
    reason.len = 0;

    native->env = ngx_http_fn_command_slot_env(cycle->pool, function,
                                               ngx_worker);
    if (native->env == NULL) {
        return;
    }

    ngx_http_fn_native_block_signals(&old);
    ngx_http_fn_crumb_enter(function, &none, ngx_http_fn_crumb_now());

    if (ngx_http_fn_object_open(&native->object, &function->object,
                                &function->symbol, &reason)
        != NGX_OK)
    {
        native->object.handler = NULL;

        ngx_log_error(NGX_LOG_CRIT, cycle->log, 0, "fn \"%V\": %V",
                      &function->name, &reason);

    } else if (native->thread_pool == NULL) {
        native->contexts = ngx_http_fn_native_context_create(function);
    }

    ngx_http_fn_crumb_leave(function);
    (void) sigprocmask(SIG_SETMASK, &old, NULL);

#if (NGX_THREADS)
    if (native->thread_pool
        && ngx_thread_mutex_create(&native->mutex, cycle->log) != NGX_OK)
    {
        native->object.handler = NULL;
    }
#endif
}


/*
 * A thread that the object starts must not take the signals that nginx waits
 * for: the event loop would not notice.
 */

static void
ngx_http_fn_native_block_signals(sigset_t *old)
{
    sigset_t    set;
    ngx_uint_t  i;

    static const int  signals[] = {
        SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCHLD,
        SIGWINCH, SIGIO, SIGPIPE
    };

    sigemptyset(&set);

    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaddset(&set, signals[i]);
    }

    (void) sigprocmask(SIG_BLOCK, &set, old);
}


static ngx_http_fn_native_context_t *
ngx_http_fn_native_context_create(ngx_http_fn_function_t *function)
{
    int                            rc;
    ngx_http_fn_native_context_t  *context;

    context = ngx_calloc(sizeof(ngx_http_fn_native_context_t), ngx_cycle->log);
    if (context == NULL) {
        return NULL;
    }

    context->call.fn.api = &ngx_http_fn_call_api;
    context->call.fn.function = function->native->name;
    context->call.function = function;
    context->call.env = (const char *const *) function->native->env;

    if (function->native->object.init == NULL) {
        return context;
    }

    rc = function->native->object.init(&context->call.fn);

    if (rc != FN_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "fn \"%V\": fn_init failed (%d)", &function->name, rc);
        ngx_free(context);
        return NULL;
    }

    return context;
}


/* the threads of the pools have been ended by nginx */

void
ngx_http_fn_native_exit_process(ngx_cycle_t *cycle,
    ngx_http_fn_function_t *function)
{
    ngx_http_fn_native_t          *native;
    ngx_http_fn_native_context_t  *context, *next;

    native = function->native;

    for (context = native->contexts; context; context = next) {
        next = context->next;

        if (native->object.exit) {
            native->object.exit(&context->call.fn);
        }

        ngx_free(context);
    }

    native->contexts = NULL;
}


void
ngx_http_fn_native_start(ngx_http_fn_ctx_t *ctx)
{
    int                    rc;
    int64_t                time;
    ngx_int_t              status;
    ngx_http_fn_call_t     call;
    ngx_http_fn_native_t  *native;

    native = ctx->function->native;

    if (native->object.handler == NULL
        || (native->thread_pool == NULL && native->contexts == NULL)
        || ngx_http_fn_crumb_limited(ctx->function))
    {
        ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_NOT_READY);
        ngx_http_fn_response_unavailable(ctx->request);
        return;
    }

    status = ngx_http_fn_event_fields(ctx);

    if (status != NGX_OK) {
        ngx_http_finalize_request(ctx->request, status);
        return;
    }

    ctx->process = ngx_pid;

#if (NGX_THREADS)
    if (native->thread_pool) {
        ngx_http_fn_native_post(ctx);
        return;
    }
#endif

    ngx_http_fn_call_init(&call, ctx, ctx->request->pool, 0);

    rc = ngx_http_fn_native_run(native->contexts, &call, &time);

    if (time > 1000) {
        ngx_time_update();
    }

    if (ctx->function->block_warn
        && time >= (int64_t) ctx->function->block_warn * 1000)
    {
        ngx_http_fn_native_blocked(ctx, time);
    }

    ngx_http_fn_native_answer(&call, rc, time);
}


static int
ngx_http_fn_native_run(ngx_http_fn_native_context_t *context,
    ngx_http_fn_call_t *call, int64_t *time)
{
    int                      rc;
    int64_t                  start;
    ngx_http_fn_function_t  *function;

    function = context->call.function;
    start = ngx_http_fn_crumb_now();

    ngx_http_fn_crumb_enter(function, &call->ctx->event.path, start);

    rc = function->native->object.handler(&context->call.fn, &call->event,
                                          &call->response);

    ngx_http_fn_native_parent(function);
    ngx_http_fn_crumb_leave(function);

    *time = ngx_http_fn_crumb_now() - start;

    return rc;
}


/* a child that the handler has forked must not run the event loop */

static void
ngx_http_fn_native_parent(ngx_http_fn_function_t *function)
{
    if (!ngx_http_fn_native_forked) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "fn \"%V\": a child process that the handler forked came "
                  "back, it is ended", &function->name);

    _exit(0);
}


static void
ngx_http_fn_native_answer(ngx_http_fn_call_t *call, int rc, int64_t time)
{
    ngx_http_fn_function_t  *function;

    function = call->ctx->function;

    if (function->worker->zone) {
        ngx_http_fn_slot_ran(&function->worker->zone->shares[function->index],
                             time);
    }

    if (rc != FN_OK || call->failed) {
        ngx_http_fn_native_fail(call, rc);
        return;
    }

    ngx_http_finalize_request(call->ctx->request, ngx_http_fn_call_send(call));
}


static void
ngx_http_fn_native_fail(ngx_http_fn_call_t *call, int rc)
{
    ngx_str_t          *message, text;
    ngx_http_fn_ctx_t  *ctx;
    u_char              buf[sizeof("handler returned ") + NGX_INT64_LEN];

    ctx = call->ctx;

    ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_FAILED);

    if (rc == FN_OK) {
        ngx_str_set(&text, "the body of the response could not be kept");

    } else {
        text.data = buf;
        text.len = ngx_sprintf(buf, "handler returned %d", rc) - buf;
    }

    message = (call->message.len || call->error.len) ? &call->message : &text;

    if (ngx_http_fn_event_id(ctx) != NGX_OK) {
        ngx_http_finalize_request(ctx->request,
                                  NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_fn_log_failure(ctx, &call->error, message, &call->stack);
    ngx_http_fn_response_failed(ctx, &call->error, message, &call->stack);
}


static void
ngx_http_fn_native_blocked(ngx_http_fn_ctx_t *ctx, int64_t time)
{
    ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                  "fn \"%V\": handler held the worker for %L ms, all other "
                  "requests waited: let it run on \"threads\" or in a process",
                  &ctx->function->name, time / 1000);

    ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_BLOCKED);
}


static void
ngx_http_fn_native_atfork(void)
{
    (void) pthread_atfork(NULL, NULL, ngx_http_fn_native_atfork_child);
}


static void
ngx_http_fn_native_atfork_child(void)
{
    ngx_http_fn_native_forked = 1;
}


#if (NGX_THREADS)

static void
ngx_http_fn_native_post(ngx_http_fn_ctx_t *ctx)
{
    ngx_thread_task_t          *thread;
    ngx_http_request_t         *r;
    ngx_http_fn_loc_conf_t     *flcf;
    ngx_http_fn_native_task_t  *task;

    r = ctx->request;

    thread = ngx_http_fn_native_task_create(ctx);

    if (thread == NULL || ngx_http_fn_native_task_hold(thread) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    task = thread->ctx;

    if (ngx_thread_task_post(task->native->thread_pool, thread) != NGX_OK) {
        task->answered = 1;

        ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_QUEUE_FULL);
        ngx_http_fn_response_unavailable(r);
        return;
    }

    r->main->count++;
    r->main->blocked++;
    r->preserve_body = 1;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_fn_native_wait;

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_fn_module);

    ngx_add_timer(&task->timer, flcf->timeout);
}


/* all that the thread needs of the request is made now */

static ngx_thread_task_t *
ngx_http_fn_native_task_create(ngx_http_fn_ctx_t *ctx)
{
    ngx_pool_t                 *arena;
    ngx_pool_cleanup_t         *cln;
    ngx_thread_task_t          *thread;
    ngx_http_fn_native_task_t  *task;

    if (ngx_http_fn_event_id(ctx) != NGX_OK
        || ngx_http_fn_event_headers(ctx) != NGX_OK)
    {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(ctx->request->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    arena = ngx_create_pool(NGX_HTTP_FN_NATIVE_ARENA, ngx_cycle->log);
    if (arena == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_fn_native_arena_cleanup;
    cln->data = arena;

    thread = ngx_thread_task_alloc(arena, sizeof(ngx_http_fn_native_task_t));
    if (thread == NULL) {
        return NULL;
    }

    thread->handler = ngx_http_fn_native_thread;
    thread->event.handler = ngx_http_fn_native_returned;
    thread->event.data = thread->ctx;

    task = thread->ctx;
    task->native = ctx->function->native;
    task->posted = ngx_http_fn_crumb_now();

    task->timer.handler = ngx_http_fn_native_timeout;
    task->timer.data = task;
    task->timer.log = ctx->request->connection->log;

    ngx_http_fn_call_init(&task->call, ctx, arena, 1);

    return thread;
}


static void
ngx_http_fn_native_arena_cleanup(void *data)
{
    ngx_pool_t  *arena = data;

    ngx_destroy_pool(arena);
}


/* terminating the request does not wait for the thread */

static ngx_int_t
ngx_http_fn_native_task_hold(ngx_thread_task_t *thread)
{
    ngx_http_cleanup_t         *cln;
    ngx_http_fn_native_task_t  *task;

    task = thread->ctx;

    cln = ngx_http_cleanup_add(task->call.ctx->request, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_fn_native_task_cleanup;
    cln->data = task;

    return NGX_OK;
}


/* on a thread */

static void
ngx_http_fn_native_thread(void *data, ngx_log_t *log)
{
    ngx_http_fn_native_task_t *task = data;

    ngx_http_fn_native_context_t  *context;

    if (!ngx_atomic_cmp_set(&task->state, NGX_HTTP_FN_NATIVE_WAITING,
                            NGX_HTTP_FN_NATIVE_RUNNING))
    {
        return;
    }

    task->started = ngx_http_fn_crumb_now();

    context = ngx_http_fn_native_context(task->call.ctx->function);

    if (context == NULL) {
        task->rc = NGX_HTTP_FN_NATIVE_NO_CONTEXT;
        return;
    }

    task->rc = ngx_http_fn_native_run(context, &task->call, &task->time);
}


/* this thread's; only its own thread makes and uses it */

static ngx_http_fn_native_context_t *
ngx_http_fn_native_context(ngx_http_fn_function_t *function)
{
    pthread_t                      thread;
    ngx_log_t                     *log;
    ngx_http_fn_native_t          *native;
    ngx_http_fn_native_context_t  *context;

    static ngx_str_t  none = ngx_string("");

    log = ngx_cycle->log;
    native = function->native;
    thread = pthread_self();

    if (ngx_thread_mutex_lock(&native->mutex, log) != NGX_OK) {
        return NULL;
    }

    for (context = native->contexts; context; context = context->next) {
        if (pthread_equal(context->thread, thread)) {
            break;
        }
    }

    (void) ngx_thread_mutex_unlock(&native->mutex, log);

    if (context) {
        return context;
    }

    ngx_http_fn_crumb_enter(function, &none, ngx_http_fn_crumb_now());
    context = ngx_http_fn_native_context_create(function);
    ngx_http_fn_crumb_leave(function);

    if (context == NULL
        || ngx_thread_mutex_lock(&native->mutex, log) != NGX_OK)
    {
        return NULL;
    }

    context->thread = thread;
    context->next = native->contexts;
    native->contexts = context;

    (void) ngx_thread_mutex_unlock(&native->mutex, log);

    return context;
}


/* on the event loop again */

static void
ngx_http_fn_native_returned(ngx_event_t *ev)
{
    ngx_connection_t           *c;
    ngx_http_fn_ctx_t          *ctx;
    ngx_http_request_t         *r;
    ngx_http_fn_native_task_t  *task;

    task = ev->data;
    ctx = task->call.ctx;
    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "fn \"%V\": thread returned %d", &ctx->function->name,
                   task->rc);

    task->done = 1;
    r->main->blocked--;

    if (task->timer.timer_set) {
        ngx_del_timer(&task->timer);
    }

    if (task->gone) {
        /* c->error is set: what waited for the thread can end now */
        ngx_http_finalize_request(r->main, NGX_ERROR);

    } else if (task->answered
               || r->write_event_handler != ngx_http_fn_native_wait)
    {
        ngx_http_finalize_request(r, NGX_DONE);

    } else {
        r->main->count--;
        ctx->queue_time = (task->started - task->posted) / 1000;

        if (task->rc == NGX_HTTP_FN_NATIVE_NO_CONTEXT) {
            ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_NOT_READY);
            ngx_http_fn_response_unavailable(r);

        } else {
            ngx_http_fn_native_answer(&task->call, task->rc, task->time);
        }
    }

    ngx_http_run_posted_requests(c);
}


/* fn_timeout; the thread can't be stopped, nor the request freed */

static void
ngx_http_fn_native_timeout(ngx_event_t *ev)
{
    ngx_connection_t           *c;
    ngx_http_fn_ctx_t          *ctx;
    ngx_http_request_t         *r;
    ngx_http_fn_native_task_t  *task;

    task = ev->data;
    ctx = task->call.ctx;
    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    /* a worker that is told to exit waits for the thread, too */

    ngx_add_timer(ev, NGX_HTTP_FN_NATIVE_AGAIN);

    if (task->answered || task->gone) {

        if (task->state == NGX_HTTP_FN_NATIVE_RUNNING) {
            ngx_log_error(NGX_LOG_WARN, c->log, 0,
                          "fn \"%V\": handler is still running, its thread "
                          "is lost until it returns", &ctx->function->name);
        }

        return;
    }

    task->answered = 1;

    /* the connection is busy until the thread returns */

    r->main->keepalive = 0;

    if (ngx_atomic_cmp_set(&task->state, NGX_HTTP_FN_NATIVE_WAITING,
                           NGX_HTTP_FN_NATIVE_CANCELLED))
    {
        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "fn \"%V\": no thread became free in time, the pool "
                      "may need more threads", &ctx->function->name);

        ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_QUEUE_TIMEOUT);
        ngx_http_fn_response_unavailable(r);

    } else {
        ngx_log_error(NGX_LOG_ERR, c->log, NGX_ETIMEDOUT,
                      "fn \"%V\": handler is still running",
                      &ctx->function->name);

        ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_TIMEOUT);
        ngx_http_finalize_request(r, NGX_HTTP_GATEWAY_TIME_OUT);
    }

    ngx_http_run_posted_requests(c);
}


/* the request is terminated, or freed */

static void
ngx_http_fn_native_task_cleanup(void *data)
{
    ngx_http_fn_native_task_t *task = data;

    ngx_http_fn_ctx_t  *ctx;

    ctx = task->call.ctx;

    task->gone = 1;

    if (task->done || task->answered) {
        return;
    }

    (void) ngx_atomic_cmp_set(&task->state, NGX_HTTP_FN_NATIVE_WAITING,
                              NGX_HTTP_FN_NATIVE_CANCELLED);

    ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_ABORTED);
}


/* the connection can be written to, which is of no interest yet */

static void
ngx_http_fn_native_wait(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "fn waits for a thread");
}

#endif
