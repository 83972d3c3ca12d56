
/*
 * What the handlers in a worker are doing, written to the zone: for the worker
 * that follows when this one crashes, and for the thread that guards it.
 */


#ifndef _NGX_HTTP_FN_CRUMB_H_INCLUDED_
#define _NGX_HTTP_FN_CRUMB_H_INCLUDED_


#include "ngx_http_fn.h"


/*
 * A worker has taken its seat, nothing has been loaded: logs and counts what
 * ended the worker before it.
 */
void ngx_http_fn_crumb_init(ngx_cycle_t *cycle, ngx_http_fn_main_conf_t *fmcf);

/* that many crashes in a short time: the function answers 503 */
ngx_uint_t ngx_http_fn_crumb_limited(ngx_http_fn_function_t *function);

/* its code begins and ends to run; now: us, CLOCK_MONOTONIC; off the event
   loop, too */
void ngx_http_fn_crumb_enter(ngx_http_fn_function_t *function,
    ngx_str_t *path, int64_t now);
void ngx_http_fn_crumb_leave(ngx_http_fn_function_t *function);

/* this worker's; there is a zone */
ngx_http_fn_crumb_t *ngx_http_fn_crumb_of(ngx_http_fn_function_t *function);

/* us, CLOCK_MONOTONIC */
int64_t ngx_http_fn_crumb_now(void);


#endif /* _NGX_HTTP_FN_CRUMB_H_INCLUDED_ */
