
/*
 * The types that more than one file needs.  See src/README for the reading
 * order, the lexicon and the process model.
 */


#ifndef _NGX_HTTP_FN_H_INCLUDED_
#define _NGX_HTTP_FN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "ngx_http_fn_compat.h"
#include "ngx_http_fn_proto.h"


#define NGX_HTTP_FN_AHEAD_MAX   15      /* events behind the running ones */
#define NGX_HTTP_FN_AHEAD_AUTO  ((ngx_int_t) -2)
#define NGX_HTTP_FN_PATH_MAX    31
#define NGX_HTTP_FN_OPTIONS     5
#define NGX_HTTP_FN_CRASHES_MAX 16      /* fn_crash_limit */


typedef struct ngx_http_fn_function_s  ngx_http_fn_function_t;
typedef struct ngx_http_fn_native_s    ngx_http_fn_native_t;
typedef struct ngx_http_fn_pool_s      ngx_http_fn_pool_t;
typedef struct ngx_http_fn_link_s      ngx_http_fn_link_t;
typedef struct ngx_http_fn_logs_s      ngx_http_fn_logs_t;
typedef struct ngx_http_fn_guard_s     ngx_http_fn_guard_t;


/* a row of ngx_http_fn_lang.c */

typedef struct {
    ngx_str_t                    name;
    char                        *command;   /* found on the path, or NULL */
    char                        *options[NGX_HTTP_FN_OPTIONS + 1];
    char                        *program;   /* under runtimes/, or NULL */
    char                        *sources;   /* suffixes of its code */
    char                        *embed;     /* under runtimes/, or NULL */
    unsigned                     native:1;  /* runs in the worker */
    unsigned                     builds:1;  /* its program makes "embed" */
    unsigned                     file:1;    /* the target must be there */
    unsigned                     colon:1;   /* the entry may be CLASS:METHOD */
    unsigned                     arguments:1;   /* takes fn_arguments */
} ngx_http_fn_lang_t;


/*
 * Shared memory: one zone per generation, mapped before the keeper and the
 * workers are forked, so pointers into it are the same in all of them.
 * Nothing in it needs a lock; see ngx_http_fn_slot.c and ngx_http_fn_queue.c.
 */

typedef enum {
    NGX_HTTP_FN_SLOT_STARTING = 0,      /* first start, or again at once */
    NGX_HTTP_FN_SLOT_READY,
    NGX_HTTP_FN_SLOT_DOWN,              /* it failed, and waits to be started */
    NGX_HTTP_FN_SLOT_STOPPING           /* takes no more events */
} ngx_http_fn_slot_state_e;


/* what one place of a slot is doing; written by the place's owner */

typedef struct {
    ngx_atomic_t                 overdue;   /* generation to be killed */
    ngx_atomic_t                 since;     /* ms, CLOCK_MONOTONIC */
    u_char                       path[NGX_HTTP_FN_PATH_MAX + 1];
} ngx_http_fn_place_t;


typedef struct {
    ngx_atomic_t                 state;
    ngx_atomic_t                 generation;    /* of the process, from 1 */
    ngx_atomic_t                 pid;
    ngx_atomic_t                 started;       /* ms, CLOCK_MONOTONIC */
    ngx_atomic_t                 served;        /* events by this generation */
    ngx_atomic_t                 restarts;
    ngx_atomic_t                 broken;        /* generation to be replaced */
    ngx_atomic_t                 stuck;         /* an event was taken back */
    ngx_atomic_t                *owners;        /* a word per place, 0: free */
    ngx_http_fn_place_t         *places;
} ngx_http_fn_slot_t;


/* counters of a function */

typedef enum {
    NGX_HTTP_FN_REQUESTS = 0,
    NGX_HTTP_FN_FAILED,                 /* 500: the handler failed */
    NGX_HTTP_FN_DIED,                   /* 502: the process died */
    NGX_HTTP_FN_BROKE,                  /* 502: it broke the protocol */
    NGX_HTTP_FN_QUEUE_FULL,             /* 503 */
    NGX_HTTP_FN_QUEUE_TIMEOUT,          /* 503 */
    NGX_HTTP_FN_NOT_READY,              /* 503: no process could be started */
    NGX_HTTP_FN_TIMEOUT,                /* 504 */
    NGX_HTTP_FN_ABORTED,                /* 499 */
    NGX_HTTP_FN_RETRIED,                /* sent again */
    NGX_HTTP_FN_TAKEN_BACK,             /* sent ahead, and taken back */
    NGX_HTTP_FN_BLOCKED,                /* held the event loop for long */
    NGX_HTTP_FN_CRASHED,                /* ended the worker */
    NGX_HTTP_FN_COUNTERS
} ngx_http_fn_counter_e;

#define NGX_HTTP_FN_BUCKETS  24         /* bucket n: below 2^n * 16 us */


/* what a function runs in one nginx worker */

typedef struct {
    ngx_atomic_t                 running;       /* calls */
    ngx_atomic_t                 since;         /* us, CLOCK_MONOTONIC */
    u_char                       path[NGX_HTTP_FN_PATH_MAX + 1];
} ngx_http_fn_crumb_t;


typedef struct {
    ngx_atomic_t                 ticket;        /* the last one given out */
    ngx_atomic_t                 mean;          /* run time, us * 16 */
    ngx_atomic_t                 counters[NGX_HTTP_FN_COUNTERS];
    ngx_atomic_t                 run_time;      /* sum, us */
    ngx_atomic_t                 runs;
    ngx_atomic_t                 queue_time;    /* sum, ms */
    ngx_atomic_t                 time[NGX_HTTP_FN_BUCKETS];
    ngx_atomic_t                *waiting;       /* per worker: first ticket */
    ngx_atomic_t                *nwaiting;      /* per worker */
    ngx_http_fn_slot_t          *slots;
    ngx_http_fn_crumb_t         *crumbs;        /* per worker; native */
    ngx_atomic_t                 crashes[NGX_HTTP_FN_CRASHES_MAX];  /* ms */
    ngx_atomic_t                 ncrashes;
    ngx_atomic_t                 limited;       /* by fn_crash_limit */
} ngx_http_fn_share_t;


typedef struct {
    ngx_atomic_t                 owner;         /* 0: none */
    ngx_atomic_t                 pid;
    int                          fd;            /* eventfd */
} ngx_http_fn_seat_t;


typedef struct {
    size_t                       size;          /* of the mapping */
    ngx_atomic_t                 incarnation;   /* the last one given out */
    ngx_atomic_t                 supervisor;    /* pid */
    int                          fd;            /* the supervisor's eventfd */
    ngx_uint_t                   nseats;        /* nginx workers */
    ngx_http_fn_seat_t          *seats;
    ngx_http_fn_share_t         *shares;        /* by function->index */
} ngx_http_fn_zone_t;


/*
 * This process as a worker.  Conf is not written after configuration; what
 * changes later is here.
 */

typedef struct {
    ngx_http_fn_zone_t          *zone;          /* NULL: could not be made */
    ngx_str_t                    dir;           /* of the sockets */
    int                          lifeline;
    ngx_uint_t                   seat;
    ngx_pid_t                    former;        /* who had the seat */
    ngx_atomic_uint_t            owner;         /* in the words of the zone */
    ngx_queue_t                  pools;         /* that have requests waiting */
    ngx_http_fn_guard_t         *guard;         /* or NULL */
} ngx_http_fn_worker_t;


/* cf->pool; read-only after configuration */

struct ngx_http_fn_function_s {
    ngx_str_t                    name;
    ngx_uint_t                   index;
    const ngx_http_fn_lang_t    *lang;
    ngx_str_t                    target;        /* zero-terminated, as entry */
    ngx_str_t                    entry;         /* may be empty */
    u_char                      *conf_file;     /* where it was configured */
    ngx_uint_t                   conf_line;
    ngx_log_t                   *log;
    void                       **srv_conf;      /* of its location */
    void                       **loc_conf;

    /* in the worker: zero-terminated */
    ngx_str_t                    object;        /* file; empty: a process */
    ngx_str_t                    symbol;        /* of the handler */
    ngx_msec_t                   block_warn;    /* 0: off */
    ngx_uint_t                   crash_limit;   /* 0: off */
    ngx_msec_t                   crash_time;
    ngx_uint_t                   threads;       /* unsigned  threads:1; */

    /* the process */
    char                       **argv;          /* argv[0]: absolute path */
    char                       **env;
    ngx_str_t                    user;
    uid_t                        uid;
    gid_t                        gid;
    size_t                       limit_memory;  /* 0: none, as the others */
    ngx_uint_t                   limit_files;
    ngx_uint_t                   limit_requests;
    ngx_uint_t                   processes;
    ngx_uint_t                   concurrency;
    ngx_int_t                    prefetch;
    ngx_uint_t                   nplaces;       /* per slot */
    ngx_uint_t                   queue;
    ngx_msec_t                   queue_timeout;
    ngx_msec_t                   timeout;
    ngx_msec_t                   start_timeout;
    ngx_msec_t                   stop_timeout;
    ngx_flag_t                   watch;

    ngx_http_fn_worker_t        *worker;
    ngx_http_fn_pool_t          *pool;          /* processes */
    ngx_http_fn_native_t        *native;        /* native */
};


/* this worker's side of a function with processes; cycle pool */

struct ngx_http_fn_pool_s {
    ngx_http_fn_function_t      *function;
    ngx_http_fn_worker_t        *worker;
    ngx_http_fn_share_t         *share;
    ngx_queue_t                  waiting;       /* ctx->queue, by ticket */
    ngx_uint_t                   nwaiting;
    ngx_queue_t                  queue;         /* in worker->pools */
    ngx_event_t                  event;         /* to serve who waits */
    ngx_event_t                  pass;          /* who is first is blocked */
    ngx_atomic_uint_t            first;         /* its word */
    ngx_uint_t                   warm;          /* slot last given back */
    struct sockaddr_un          *addrs;         /* per slot */
    ngx_queue_t                 *links;         /* per slot: idle ones */
};


typedef struct {
    ngx_array_t                  functions;     /* ngx_http_fn_function_t * */
    ngx_http_fn_worker_t        *worker;
    ngx_int_t                    request_id;    /* variable index */
    ngx_array_t                 *call_servers;  /* with fn_call, or NULL */
    ngx_str_t                    call;          /* FN_CALL, or empty */
} ngx_http_fn_main_conf_t;


typedef struct {
    ngx_http_upstream_conf_t     upstream;
    ngx_http_upstream_conf_t     failed;        /* upstream that error_page
                                                   of a 500 applies to */
    ngx_http_upstream_srv_conf_t slots;         /* peer.init: our own */

    ngx_http_fn_function_t      *function;      /* NULL with fn_pass */
    ngx_str_t                    name;          /* of the trigger */

    /* fn_handler as it was written, until merge */
    const ngx_http_fn_lang_t    *lang;
    ngx_str_t                    target;
    ngx_str_t                    entry;
    ngx_str_t                    thread_pool;
    ngx_flag_t                   threads;
    ngx_flag_t                   in_worker;
    u_char                      *conf_file;
    ngx_uint_t                   conf_line;

    ngx_uint_t                   processes;
    ngx_uint_t                   concurrency;
    ngx_int_t                    prefetch;
    ngx_uint_t                   queue;
    ngx_msec_t                   queue_timeout;
    ngx_msec_t                   timeout;
    ngx_msec_t                   start_timeout;
    ngx_msec_t                   stop_timeout;
    ngx_array_t                 *env;           /* ngx_str_t "NAME=VALUE" */
    ngx_array_t                 *commands;      /* ngx_http_fn_command_t */
    ngx_array_t                 *arguments;     /* ngx_str_t */
    ngx_flag_t                   arguments_header;
    ngx_str_t                    user;
    uid_t                        uid;
    gid_t                        gid;
    size_t                       limit_memory;
    ngx_uint_t                   limit_files;
    ngx_uint_t                   limit_requests;
    ngx_flag_t                   watch;
    ngx_flag_t                   debug;
    ngx_uint_t                   log_level;
    ngx_flag_t                   logs_header;
    ngx_msec_t                   block_warn;
    ngx_uint_t                   crash_limit;
    ngx_msec_t                   crash_time;
    ngx_uint_t                   status_format;
} ngx_http_fn_loc_conf_t;


/* fn_command */

typedef struct {
    const ngx_http_fn_lang_t    *lang;
    ngx_array_t                  argv;          /* ngx_str_t */
} ngx_http_fn_command_t;


/* r->pool */

typedef struct {
    ngx_http_request_t          *request;
    ngx_http_fn_function_t      *function;      /* NULL with fn_pass */
    ngx_http_fn_event_t          event;
    ngx_http_fn_reply_t          reply;
    ngx_http_fn_logs_t          *logs;          /* NULL: nobody asked */

    ngx_queue_t                  queue;         /* in pool->waiting */
    ngx_atomic_uint_t            ticket;        /* 0: never waited */
    ngx_http_fn_slot_t          *slot;          /* a place is held, or NULL */
    ngx_uint_t                   place;
    ngx_http_fn_link_t          *link;          /* the connection, or NULL */
    ngx_event_t                  timer;         /* queue, lease, deadline */
    ngx_event_t                  again;         /* leave upstream, and queue */

    ngx_msec_t                   arrived;
    ngx_msec_t                   queued;
    ngx_msec_t                   deadline;
    ngx_msec_t                   queue_time;
    ngx_uint_t                   process;       /* pid, for $fn_process */
    ngx_uint_t                   tries;
    ngx_uint_t                   status;        /* of ngx_http_fn_counter_e */

    unsigned                     waiting:1;
    unsigned                     idle_only:1;   /* was taken back */
    unsigned                     got:1;         /* a byte of the reply came */
    unsigned                     body:1;        /* the filters have the body */
    unsigned                     complete:1;
    unsigned                     broken:1;      /* the framing is in doubt */
    unsigned                     unsent:1;      /* to be sent again */
    unsigned                     ended:1;       /* by end of file, once */
    unsigned                     late:1;        /* unread at its deadline */
    unsigned                     counted:1;     /* and status is set */
} ngx_http_fn_ctx_t;


extern ngx_module_t  ngx_http_fn_module;


#endif /* _NGX_HTTP_FN_H_INCLUDED_ */
