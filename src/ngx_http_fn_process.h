
/* one runtime process: its start, its descriptors, its end */


#ifndef _NGX_HTTP_FN_PROCESS_H_INCLUDED_
#define _NGX_HTTP_FN_PROCESS_H_INCLUDED_


#include "ngx_http_fn.h"
#include "ngx_http_fn_source.h"

#include <sys/resource.h>


#define NGX_HTTP_FN_CONTROL_LINE  4096          /* PROTOCOL 2.1 */

#define NGX_HTTP_FN_CONTROL       0             /* process->streams[] */
#define NGX_HTTP_FN_STDOUT        1
#define NGX_HTTP_FN_STDERR        2


typedef struct ngx_http_fn_process_s  ngx_http_fn_process_t;


/* what a process is started with; keeper's memory, never freed */

typedef struct {
    ngx_http_fn_function_t      *function;
    int                          listener;
    char                       **env;           /* function->env, FN_SLOT */
    struct rlimit                files;
} ngx_http_fn_launch_t;


typedef struct {
    ngx_http_fn_source_t         source;        /* of the stream itself */
    ngx_http_fn_process_t       *process;
    size_t                       len;
    u_char                       buf[NGX_HTTP_FN_CONTROL_LINE];
} ngx_http_fn_stream_t;


/* on the heap, from its start until the round after it was reaped */

struct ngx_http_fn_process_s {
    ngx_queue_t                  queue;
    ngx_http_fn_function_t      *function;
    void                        *data;          /* the supervisor's */
    ngx_pid_t                    pid;
    ngx_uint_t                   generation;
    uint64_t                     started;       /* ms, CLOCK_MONOTONIC */
    uint64_t                     deadline;      /* is killed then, or 0 */
    ngx_http_fn_stream_t         streams[3];

    unsigned                     ready:1;
    unsigned                     failed:1;      /* said why it can't start */
    unsigned                     stopping:1;    /* was told to */
    unsigned                     killed:1;
    unsigned                     gone:1;        /* was reaped */
};


/* NULL is logged; the streams are in no epoll yet */
ngx_http_fn_process_t *ngx_http_fn_process_start(ngx_http_fn_launch_t *launch,
    ngx_uint_t generation);

/* asks it to stop, PROTOCOL 2.3 */
void ngx_http_fn_process_stop(ngx_http_fn_process_t *p);

/* SIGKILL, also for the rest of its process group */
void ngx_http_fn_process_kill(ngx_http_fn_process_t *p);

/* one read into what is free of the buffer: bytes, 0 at its end, NGX_AGAIN */
ssize_t ngx_http_fn_process_read(ngx_http_fn_stream_t *stream);

void ngx_http_fn_process_close(ngx_http_fn_process_t *p);

/* calls handler for each child of this process, also those that it adopted */
void ngx_http_fn_process_children(void (*handler)(ngx_pid_t pid, void *data),
    void *data);

/* kills all of them and theirs; gives up after timer ms */
void ngx_http_fn_process_kill_children(ngx_msec_t timer);

/* default signal dispositions, nothing blocked */
void ngx_http_fn_process_signals(void);

void ngx_http_fn_process_close_range(int first, int last);


#endif /* _NGX_HTTP_FN_PROCESS_H_INCLUDED_ */
