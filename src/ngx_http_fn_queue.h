
/* requests that wait for a place, in one order over all workers */


#ifndef _NGX_HTTP_FN_QUEUE_H_INCLUDED_
#define _NGX_HTTP_FN_QUEUE_H_INCLUDED_


#include "ngx_http_fn.h"


/* in a worker: its side of a function with processes; NULL: no memory */
ngx_http_fn_pool_t *ngx_http_fn_queue_create(ngx_cycle_t *cycle,
    ngx_http_fn_function_t *function);

/*
 * Gives ctx a place, at once or later: then ngx_http_fn_upstream_start() is
 * called.  Finalizes the request with 503 when it can't be.
 */
void ngx_http_fn_queue_enter(ngx_http_fn_ctx_t *ctx);

/* takes ctx out, when it waits */
void ngx_http_fn_queue_leave(ngx_http_fn_ctx_t *ctx);

/*
 * A place may be free: wakes the nginx worker whose request has waited
 * longest.  Also called by the supervisor (a process is ready or has failed, a
 * worker has died).
 */
void ngx_http_fn_queue_wake(ngx_http_fn_zone_t *zone,
    ngx_http_fn_share_t *share);

/* the same from a worker, which may be first itself */
void ngx_http_fn_queue_next(ngx_http_fn_pool_t *pool);

/* the worker's eventfd: somebody woke it */
void ngx_http_fn_queue_handler(ngx_event_t *ev);


#endif /* _NGX_HTTP_FN_QUEUE_H_INCLUDED_ */
