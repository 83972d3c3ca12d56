
/* the module in an nginx worker: what it needs from start to end */


#ifndef _NGX_HTTP_FN_WORKER_H_INCLUDED_
#define _NGX_HTTP_FN_WORKER_H_INCLUDED_


#include "ngx_http_fn.h"


/* what fails is logged: its functions answer 503 */
void ngx_http_fn_worker_init(ngx_cycle_t *cycle,
    ngx_http_fn_main_conf_t *fmcf);

void ngx_http_fn_worker_exit(ngx_cycle_t *cycle,
    ngx_http_fn_main_conf_t *fmcf);


#endif /* _NGX_HTTP_FN_WORKER_H_INCLUDED_ */
