
/* a thread of each worker: looks at what handlers do to it, once a second */


#ifndef _NGX_HTTP_FN_GUARD_H_INCLUDED_
#define _NGX_HTTP_FN_GUARD_H_INCLUDED_


#include "ngx_http_fn.h"


/*
 * Before anything is loaded.  From then on a handler that does not return is
 * logged while it runs, and a handler of nginx's signals that was replaced is
 * put back.
 */
void ngx_http_fn_guard_start(ngx_cycle_t *cycle,
    ngx_http_fn_main_conf_t *fmcf);

/* the worker ends */
void ngx_http_fn_guard_stop(ngx_http_fn_worker_t *worker);


#endif /* _NGX_HTTP_FN_GUARD_H_INCLUDED_ */
