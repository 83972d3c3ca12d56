
/* the keeper and the supervisor of the runtime processes */


#ifndef _NGX_HTTP_FN_SUPERVISOR_H_INCLUDED_
#define _NGX_HTTP_FN_SUPERVISOR_H_INCLUDED_


#include "ngx_http_fn.h"
#include "ngx_http_fn_post.h"
#include "ngx_http_fn_source.h"


/* an nginx worker's seat */

typedef struct {
    ngx_http_fn_source_t         source;        /* pidfd */
    ngx_http_fn_supervisor_t    *supervisor;
    ngx_http_fn_seat_t          *seat;
    ngx_atomic_uint_t            owner;         /* whom the pidfd is of */
} ngx_http_fn_guest_t;


/* made by the keeper, used by the supervisors that it forks */

struct ngx_http_fn_supervisor_s {
    ngx_cycle_t                 *cycle;
    ngx_http_fn_main_conf_t     *fmcf;
    ngx_http_fn_zone_t          *zone;
    ngx_array_t                  logs;          /* ngx_open_file_t * */
    ngx_uint_t                   ncrews;
    ngx_http_fn_crew_t          *crews;
    ngx_http_fn_guest_t         *guests;        /* zone->nseats */
    ngx_queue_t                  processes;

    int                          epoll;
    ngx_http_fn_source_t         lifeline;
    ngx_http_fn_source_t         children;      /* signalfd */
    ngx_http_fn_source_t         knock;         /* zone->fd */
    ngx_http_fn_source_t         inotify;
    uint64_t                     now;           /* ms, CLOCK_MONOTONIC */
    uint64_t                     next;          /* something is due then */
    unsigned                     over:1;        /* the generation is */
};


/*
 * From init_module of the master: makes the directory of the sockets
 * (worker->dir) and the lifeline (worker->lifeline), and forks the keeper.
 * NGX_ERROR is logged: the functions then answer 503.
 */
ngx_int_t ngx_http_fn_supervisor_start(ngx_cycle_t *cycle,
    ngx_http_fn_main_conf_t *fmcf);

/* no process of any function will come */
void ngx_http_fn_supervisor_down(ngx_http_fn_main_conf_t *fmcf);

/* the process of the supervisor; exits with 0 when the generation is over */
void ngx_http_fn_supervisor_run(ngx_http_fn_supervisor_t *sv);

/* something is to be done at that time, if it isn't 0 */
void ngx_http_fn_supervisor_at(ngx_http_fn_supervisor_t *sv, uint64_t time);


#endif /* _NGX_HTTP_FN_SUPERVISOR_H_INCLUDED_ */
