
#include "ngx_http_fn_guard.h"
#include "ngx_http_fn_crumb.h"


#define NGX_HTTP_FN_GUARD_PERIOD  1     /* s, between two looks */


static const int  ngx_http_fn_guard_signals[] = {
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM,
    SIGCHLD, SIGIO, SIGPIPE, SIGSYS
};

#define NGX_HTTP_FN_GUARD_SIGNALS                                            \
    (sizeof(ngx_http_fn_guard_signals) / sizeof(int))


/* a function without "threads" */

typedef struct {
    ngx_http_fn_function_t    *function;
    int64_t                    since;   /* of the call that was seen last */
    int64_t                    due;     /* us, to log it */
} ngx_http_fn_guard_watch_t;


/* ngx_alloc() */

struct ngx_http_fn_guard_s {
    pthread_t                  tid;
    ngx_log_t                 *log;
    struct sigaction           actions[NGX_HTTP_FN_GUARD_SIGNALS];
    ngx_uint_t                 nwatches;
    ngx_http_fn_guard_watch_t  watches[1];
};


static ngx_http_fn_guard_t *ngx_http_fn_guard_create(ngx_cycle_t *cycle,
    ngx_http_fn_main_conf_t *fmcf);
static void *ngx_http_fn_guard_run(void *data);
static void ngx_http_fn_guard_look(ngx_http_fn_guard_watch_t *watch,
    ngx_log_t *log);
static void ngx_http_fn_guard_signal(ngx_http_fn_guard_t *guard, ngx_uint_t n);


void
ngx_http_fn_guard_start(ngx_cycle_t *cycle, ngx_http_fn_main_conf_t *fmcf)
{
    int                   err;
    sigset_t              set, old;
    ngx_http_fn_guard_t  *guard;

    guard = ngx_http_fn_guard_create(cycle, fmcf);
    if (guard == NULL) {
        return;
    }

    /* the event loop would not notice a signal that this thread takes */

    sigfillset(&set);
    (void) pthread_sigmask(SIG_SETMASK, &set, &old);

    err = pthread_create(&guard->tid, NULL, ngx_http_fn_guard_run, guard);

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (err) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, err, "pthread_create() failed");
        ngx_free(guard);
        return;
    }

    fmcf->worker->guard = guard;
}


void
ngx_http_fn_guard_stop(ngx_http_fn_worker_t *worker)
{
    if (worker->guard == NULL) {
        return;
    }

    (void) pthread_cancel(worker->guard->tid);
    (void) pthread_join(worker->guard->tid, NULL);

    ngx_free(worker->guard);
    worker->guard = NULL;
}


static ngx_http_fn_guard_t *
ngx_http_fn_guard_create(ngx_cycle_t *cycle, ngx_http_fn_main_conf_t *fmcf)
{
    ngx_uint_t                i, native;
    ngx_http_fn_guard_t      *guard;
    ngx_http_fn_function_t  **fn;

    guard = ngx_calloc(sizeof(ngx_http_fn_guard_t)
                       + fmcf->functions.nelts
                         * sizeof(ngx_http_fn_guard_watch_t), cycle->log);
    if (guard == NULL) {
        return NULL;
    }

    guard->log = cycle->log;
    fn = fmcf->functions.elts;
    native = 0;

    for (i = 0; i < fmcf->functions.nelts; i++) {

        if (fn[i]->native == NULL) {
            continue;
        }

        native = 1;

        if (fmcf->worker->zone && !fn[i]->threads && fn[i]->block_warn) {
            guard->watches[guard->nwatches++].function = fn[i];
        }
    }

    if (!native) {
        ngx_free(guard);
        return NULL;
    }

    /*
     * A worker has no children but those of handlers, who wait for them: nginx
     * would take their status away.
     */

    if (ngx_process == NGX_PROCESS_WORKER) {
        (void) signal(SIGCHLD, SIG_DFL);
    }

    for (i = 0; i < NGX_HTTP_FN_GUARD_SIGNALS; i++) {
        (void) sigaction(ngx_http_fn_guard_signals[i], NULL,
                         &guard->actions[i]);
    }

    return guard;
}


static void *
ngx_http_fn_guard_run(void *data)
{
    ngx_http_fn_guard_t *guard = data;

    int         old;
    ngx_uint_t  i;

    for ( ;; ) {

        /* is stopped while it sleeps, not while it writes to a log */

        (void) pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
        (void) sleep(NGX_HTTP_FN_GUARD_PERIOD);
        (void) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);

        for (i = 0; i < guard->nwatches; i++) {
            ngx_http_fn_guard_look(&guard->watches[i], guard->log);
        }

        for (i = 0; i < NGX_HTTP_FN_GUARD_SIGNALS; i++) {
            ngx_http_fn_guard_signal(guard, i);
        }
    }

    return NULL;
}


/* after one second, after two, four, ... */

static void
ngx_http_fn_guard_look(ngx_http_fn_guard_watch_t *watch, ngx_log_t *log)
{
    int64_t               held, since;
    ngx_http_fn_crumb_t  *crumb;

    crumb = ngx_http_fn_crumb_of(watch->function);

    since = crumb->since;

    if (crumb->running == 0) {
        return;
    }

    if (since != watch->since) {
        watch->since = since;
        watch->due = NGX_HTTP_FN_GUARD_PERIOD * 1000000;
    }

    held = ngx_http_fn_crumb_now() - since;

    if (held < watch->due) {
        return;
    }

    watch->due = 2 * held;

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "fn \"%V\": handler holds the worker for %L ms and still "
                  "runs, all other requests of the worker wait",
                  &watch->function->name, held / 1000);
}


/* the flags stay: Go adds SA_ONSTACK to the handlers that it finds */

static void
ngx_http_fn_guard_signal(ngx_http_fn_guard_t *guard, ngx_uint_t n)
{
    int                signo;
    struct sigaction   now, *action;

    signo = ngx_http_fn_guard_signals[n];
    action = &guard->actions[n];

    if (sigaction(signo, NULL, &now) == -1
        || now.sa_sigaction == action->sa_sigaction)
    {
        return;
    }

    action->sa_flags |= now.sa_flags & SA_ONSTACK;

    (void) sigaction(signo, action, NULL);

    ngx_log_error(NGX_LOG_ERR, guard->log, 0,
                  "fn: code in the worker replaced nginx's handler of signal "
                  "%d (%s), it was put back", signo, strsignal(signo));
}
