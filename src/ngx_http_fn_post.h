
/* a slot as the supervisor sees it: a post that a process has to hold */


#ifndef _NGX_HTTP_FN_POST_H_INCLUDED_
#define _NGX_HTTP_FN_POST_H_INCLUDED_


#include "ngx_http_fn.h"
#include "ngx_http_fn_output.h"
#include "ngx_http_fn_process.h"


typedef struct ngx_http_fn_supervisor_s  ngx_http_fn_supervisor_t;
typedef struct ngx_http_fn_crew_s        ngx_http_fn_crew_t;


typedef struct {
    ngx_http_fn_crew_t          *crew;
    ngx_http_fn_slot_t          *slot;
    ngx_http_fn_launch_t         launch;
    ngx_http_fn_process_t       *holder;        /* slot->generation, or NULL */
    ngx_http_fn_process_t       *successor;     /* it starts, or NULL */
    ngx_uint_t                   generation;    /* the last one given */
    ngx_uint_t                   failures;      /* in a row */
    uint64_t                     start;         /* ms, or 0: none is due */
    uint64_t                     left;          /* ms, a process ended */
    unsigned                     renew:1;       /* a successor is wanted */
} ngx_http_fn_post_t;


/* the posts of a function */

struct ngx_http_fn_crew_s {
    ngx_http_fn_supervisor_t    *supervisor;
    ngx_http_fn_function_t      *function;
    ngx_http_fn_share_t         *share;
    ngx_http_fn_post_t          *posts;         /* function->processes */
    ngx_http_fn_output_t         output;
    int                          wd;            /* of fn_watch, or -1 */
    uint64_t                     due;           /* ms, of fn_watch, or 0 */
};


/* a new supervisor has taken over */
void ngx_http_fn_post_init(ngx_http_fn_post_t *post);

/* does what is due, and says when something will be */
void ngx_http_fn_post_look(ngx_http_fn_post_t *post);

/* the same for a process, which may have left its post */
void ngx_http_fn_post_look_process(ngx_http_fn_process_t *p);

/* the function's files have changed */
void ngx_http_fn_post_changed(ngx_http_fn_post_t *post);

/* the generation is over */
void ngx_http_fn_post_close(ngx_http_fn_post_t *post);
void ngx_http_fn_post_close_process(ngx_http_fn_process_t *p);

/* the process was reaped; it is freed in the next look */
void ngx_http_fn_post_exited(ngx_http_fn_process_t *p, int status);


#endif /* _NGX_HTTP_FN_POST_H_INCLUDED_ */
