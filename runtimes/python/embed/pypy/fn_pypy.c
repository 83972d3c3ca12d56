/*
 * PyPy in a worker of nginx, cffi's side: see ../../README, "In the worker".
 * build.py adds what cffi makes of it, host.py is what it calls.
 */

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <strings.h>

#include "fn.h"


/* a function has a callback of its own, so the JIT compiles it for itself */
typedef int (*fn_pypy_handler_t)(const fn_event_t *event,
    fn_response_t *response);


/* in Python: host.py */
static fn_pypy_handler_t fn_pypy_load(fn_context_t *context);
static void fn_pypy_end(fn_pypy_handler_t handler);

static int cffi_start_python(void);

static void fn_pypy_once(void);
static void fn_pypy_prepare(void);
static void fn_pypy_parent(void);
static void fn_pypy_child(void);
static int fn_pypy_is(fn_str_t *name, const char *other);


static const int  fn_pypy_signals[] = {
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM,
    SIGIO, SIGCHLD
};

#define FN_PYPY_SIGNALS  (sizeof(fn_pypy_signals) / sizeof(int))


static __thread sigset_t  fn_pypy_mask;
static pthread_once_t  fn_pypy_started = PTHREAD_ONCE_INIT;


FN_MODULE


FN_EXPORT int
fn_init(fn_context_t *context)
{
    (void) pthread_once(&fn_pypy_started, fn_pypy_once);

    if (cffi_start_python() != 0) {
        fn_log(context, NULL, FN_LOG_ERROR, "PyPy could not start in the "
               "worker, the lines above say why");
        return FN_ERROR;
    }

    context->user_data = (void *) fn_pypy_load(context);

    return context->user_data ? FN_OK : FN_ERROR;
}


FN_EXPORT int
handler(fn_context_t *context, const fn_event_t *event,
    fn_response_t *response)
{
    fn_pypy_handler_t  run;

    run = (fn_pypy_handler_t) context->user_data;

    return run(event, response);
}


FN_EXPORT void
fn_exit(fn_context_t *context)
{
    fn_pypy_end((fn_pypy_handler_t) context->user_data);
}


static void
fn_pypy_once(void)
{
    (void) pthread_atfork(fn_pypy_prepare, fn_pypy_parent, fn_pypy_child);
}


/* nginx's handlers must not run in a child, not even at its start */

static void
fn_pypy_prepare(void)
{
    size_t    i;
    sigset_t  set;

    (void) sigemptyset(&set);

    for (i = 0; i < FN_PYPY_SIGNALS; i++) {
        (void) sigaddset(&set, fn_pypy_signals[i]);
    }

    (void) pthread_sigmask(SIG_BLOCK, &set, &fn_pypy_mask);
}


static void
fn_pypy_parent(void)
{
    (void) pthread_sigmask(SIG_SETMASK, &fn_pypy_mask, NULL);
}


/* what a handler forks is no worker: SIGTERM ends it */

static void
fn_pypy_child(void)
{
    size_t  i;

    for (i = 0; i < FN_PYPY_SIGNALS; i++) {
        (void) signal(fn_pypy_signals[i], SIG_DFL);
        (void) sigdelset(&fn_pypy_mask, fn_pypy_signals[i]);
    }

    (void) pthread_sigmask(SIG_SETMASK, &fn_pypy_mask, NULL);
}


/* of the directory that this object is in; "": there is none */

static void
fn_pypy_directory(char *path, size_t size)
{
    char     *name;
    Dl_info   info;

    path[0] = '\0';

    if (dladdr((void *) fn_pypy_directory, &info) == 0
        || strlen(info.dli_fname) >= size)
    {
        return;
    }

    strcpy(path, info.dli_fname);

    name = strrchr(path, '/');

    if (name) {
        *name = '\0';
    }
}


/* what is easier to call from Python than fn.h: texts in pieces */

static size_t
fn_pypy_field(const fn_event_t *event, int field, const char **data)
{
    fn_str_t  s;

    s = fn_field(event, field);
    *data = s.data;

    return s.len;
}


/* the last Content-Type; 1: a header field makes it a CloudEvent */

static int
fn_pypy_type(const fn_event_t *event, fn_str_t *type)
{
    int       cloud;
    size_t    n;
    fn_str_t  name, value;

    cloud = 0;
    *type = fn_str("");

    for (n = 0; fn_header(event, n, &name, &value) == FN_OK; n++) {
        if (fn_pypy_is(&name, "Content-Type")) {
            *type = value;

        } else if (fn_pypy_is(&name, "Ce-Cloudeventsversion")) {
            cloud = 1;
        }
    }

    return cloud;
}


static int
fn_pypy_is(fn_str_t *name, const char *other)
{
    return name->len == strlen(other)
           && strncasecmp(name->data, other, name->len) == 0;
}


static size_t
fn_pypy_body(const fn_event_t *event, const char **data)
{
    fn_str_t  s;

    s = fn_body(event);
    *data = s.data;

    return s.len;
}


static int
fn_pypy_add_header(fn_response_t *response, const char *name, size_t nlen,
    const char *value, size_t vlen)
{
    fn_str_t  n = { name, nlen }, v = { value, vlen };

    return response->api->add_header(response, n, v);
}


static void
fn_pypy_record(fn_context_t *context, const fn_event_t *event, int level,
    const char *text, size_t len, const char *with, size_t wlen)
{
    fn_str_t  message = { text, len }, more = { with, wlen };

    fn_record(context, event, level, message, more);
}


static int
fn_pypy_fail(fn_response_t *response, const char *error, size_t elen,
    const char *message, size_t mlen, const char *stack, size_t slen)
{
    fn_str_t  e = { error, elen }, m = { message, mlen }, s = { stack, slen };

    return fn_fail(response, e, m, s);
}
