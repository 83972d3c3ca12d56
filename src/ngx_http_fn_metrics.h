
/* fn_status for Prometheus */


#ifndef _NGX_HTTP_FN_METRICS_H_INCLUDED_
#define _NGX_HTTP_FN_METRICS_H_INCLUDED_


#include "ngx_http_fn.h"
#include "ngx_http_fn_status.h"


void ngx_http_fn_metrics_write(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status);


#endif /* _NGX_HTTP_FN_METRICS_H_INCLUDED_ */
