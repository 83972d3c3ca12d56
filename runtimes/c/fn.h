/*
 * fn.h: the interface of native handlers of ngx_http_fn_module.
 *
 *     #include "fn.h"
 *
 *     FN_MODULE
 *
 *     int
 *     handler(fn_context_t *context, const fn_event_t *event,
 *         fn_response_t *response)
 *     {
 *         return fn_write(response, "hello\n", 6);
 *     }
 *
 *     cc -shared -fPIC -O2 -o hello.so hello.c
 *
 * A handler runs inside the nginx worker and is trusted code: what it breaks,
 * it breaks for the worker.  It must not block, or say "threads".  No thread
 * but the one that was called may use an event or a response, and not after
 * the handler returned.
 */

#ifndef FN_H_INCLUDED
#define FN_H_INCLUDED

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FN_ABI  2

#define FN_OK     0
#define FN_ERROR  (-1)

#define FN_LOG_ERROR  4
#define FN_LOG_WARN   5
#define FN_LOG_INFO   7
#define FN_LOG_DEBUG  8

typedef struct fn_event_s     fn_event_t;
typedef struct fn_response_s  fn_response_t;
typedef struct fn_context_s   fn_context_t;
typedef struct fn_api_s       fn_api_t;

/* bytes, not ended by a zero; borrowed until the handler returns */
typedef struct {
    const char     *data;
    size_t          len;
} fn_str_t;

typedef enum {
    FN_ID = 0,          /* of the request; also $request_id */
    FN_METHOD,
    FN_PATH,            /* decoded and normalised */
    FN_QUERY,           /* as sent, without "?" */
    FN_REMOTE_ADDR,
    FN_EVENT_LOG_LEVEL  /* ABI 2: PROTOCOL 4.1 "log_level", mostly empty */
} fn_field_e;

/* one per function and worker (with "threads": per thread of the pool) */
struct fn_context_s {
    const fn_api_t *api;
    const char     *function;   /* its name */
    void           *user_data;  /* the handler's own; NULL at first */
};

/* an event and a response begin with the table that serves them */
struct fn_event_s {
    const fn_api_t *api;
};

struct fn_response_s {
    const fn_api_t *api;
};

/* the module's side; use the functions below */
struct fn_api_s {
    uint32_t    abi;
    fn_str_t  (*field)(const fn_event_t *event, fn_field_e field);
    int       (*header)(const fn_event_t *event, size_t n, fn_str_t *name,
                  fn_str_t *value);
    fn_str_t  (*find_header)(const fn_event_t *event, const char *name);
    int64_t   (*timestamp)(const fn_event_t *event);
    int64_t   (*body_length)(const fn_event_t *event);
    ssize_t   (*body_read)(const fn_event_t *event, int64_t offset, void *buf,
                  size_t len);
    fn_str_t  (*body)(const fn_event_t *event);
    int       (*status)(fn_response_t *response, unsigned status);
    int       (*add_header)(fn_response_t *response, fn_str_t name,
                  fn_str_t value);
    int       (*write)(fn_response_t *response, const void *data, size_t len);
    void      (*log)(fn_context_t *context, const fn_event_t *event,
                  int level, const char *text, size_t len);

    /* ABI 2: for runtimes that run other languages in the worker */
    const char *const *
              (*environ)(const fn_context_t *context);
    void      (*record)(fn_context_t *context, const fn_event_t *event,
                  int level, fn_str_t message, fn_str_t with);
    int       (*fail)(fn_response_t *response, fn_str_t error,
                  fn_str_t message, fn_str_t stack);
};

/*
 * What the shared object exports: FN_MODULE says for which interface it was
 * built, the others are functions.  The handler's name is "handler", or what
 * the configuration says after the second colon.  It returns FN_OK, or
 * anything else when it failed: the client gets a 500.  FN_EXPORT before a
 * function is needed in C++, and with -fvisibility=hidden.
 */
#ifdef __GNUC__
#define FN_VISIBLE  __attribute__((visibility("default")))
#else
#define FN_VISIBLE
#endif

#ifdef __cplusplus
#define FN_EXPORT  extern "C" FN_VISIBLE
#define FN_MODULE  extern "C" { extern FN_VISIBLE const uint32_t fn_abi; }    \
                   const uint32_t fn_abi = FN_ABI;
#else
#define FN_EXPORT  FN_VISIBLE
#define FN_MODULE  FN_VISIBLE const uint32_t fn_abi = FN_ABI;
#endif

typedef int (*fn_handler_t)(fn_context_t *context, const fn_event_t *event,
    fn_response_t *response);

/* optional: before the first event; not FN_OK: the function answers 503 */
typedef int (*fn_init_t)(fn_context_t *context);      /* fn_init */

/* optional: when the worker ends, on its main thread */
typedef void (*fn_exit_t)(fn_context_t *context);     /* fn_exit */


static inline fn_str_t
fn_str(const char *text)
{
    fn_str_t  s = { text, strlen(text) };

    return s;
}

/* a field of the event; empty when the request has none */
static inline fn_str_t
fn_field(const fn_event_t *event, fn_field_e field)
{
    return event->api->field(event, field);
}

/* the n-th header line, from 0, in the order and case in which it came;
   FN_ERROR behind the last */
static inline int
fn_header(const fn_event_t *event, size_t n, fn_str_t *name, fn_str_t *value)
{
    return event->api->header(event, n, name, value);
}

/* the first header of this name in any case; data is NULL if there is none */
static inline fn_str_t
fn_find_header(const fn_event_t *event, const char *name)
{
    return event->api->find_header(event, name);
}

/* milliseconds since the epoch */
static inline int64_t
fn_timestamp(const fn_event_t *event)
{
    return event->api->timestamp(event);
}

static inline int64_t
fn_body_length(const fn_event_t *event)
{
    return event->api->body_length(event);
}

/* reads at most len bytes of the body from offset on; 0 at its end, FN_ERROR
   when the disk fails */
static inline ssize_t
fn_body_read(const fn_event_t *event, int64_t offset, void *buf, size_t len)
{
    return event->api->body_read(event, offset, buf, len);
}

/* the whole body in one piece; large ones are better read piece by piece.
   data is NULL when memory or disk fails */
static inline fn_str_t
fn_body(const fn_event_t *event)
{
    return event->api->body(event);
}

/* 200 to 599; 200 at first */
static inline int
fn_status(fn_response_t *response, unsigned status)
{
    return response->api->status(response, status);
}

/* name and value are copied; FN_ERROR when HTTP forbids them.  A second
   Content-Type replaces the first, every other name makes one more line */
static inline int
fn_add_header(fn_response_t *response, const char *name, const char *value)
{
    return response->api->add_header(response, fn_str(name), fn_str(value));
}

/* adds a copy of data to the body; beyond some buffers it goes to disk */
static inline int
fn_write(fn_response_t *response, const void *data, size_t len)
{
    return response->api->write(response, data, len);
}

/* a line in nginx's error log, and in X-Nuclio-Logs; event may be NULL */
static inline void
fn_log(fn_context_t *context, const fn_event_t *event, int level,
    const char *text)
{
    context->api->log(context, event, level, text, strlen(text));
}

/* what a process of the function would have in its environment (PROTOCOL 1.2):
   "NAME=VALUE" texts, NULL behind the last; lives as long as the context.
   With FN_COMMAND, the interpreter that a process would be started with */
static inline const char *const *
fn_environ(const fn_context_t *context)
{
    return context->api->environ(context);
}

/* one of them; NULL if it isn't set */
static inline const char *
fn_getenv(const fn_context_t *context, const char *name)
{
    size_t              len;
    const char *const  *var;

    len = strlen(name);

    for (var = fn_environ(context); *var; var++) {
        if (strncmp(*var, name, len) == 0 && (*var)[len] == '=') {
            return *var + len + 1;
        }
    }

    return NULL;
}

/* as fn_log(), in pieces that need no ending zero; with is the text of a JSON
   object, or empty */
static inline void
fn_record(fn_context_t *context, const fn_event_t *event, int level,
    fn_str_t message, fn_str_t with)
{
    context->api->record(context, event, level, message, with);
}

/* why the handler failed, for the log and for "fn_debug"; each may be empty.
   Copied; returns FN_ERROR, which the handler is to return */
static inline int
fn_fail(fn_response_t *response, fn_str_t error, fn_str_t message,
    fn_str_t stack)
{
    return response->api->fail(response, error, message, stack);
}

#ifdef __cplusplus
}
#endif

#endif /* FN_H_INCLUDED */
