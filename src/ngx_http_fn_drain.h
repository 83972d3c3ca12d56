
/* connections whose request is gone */


#ifndef _NGX_HTTP_FN_DRAIN_H_INCLUDED_
#define _NGX_HTTP_FN_DRAIN_H_INCLUDED_


#include "ngx_http_fn.h"


/* link was detached from the upstream of ctx; its place is still taken */
void ngx_http_fn_drain_start(ngx_http_fn_ctx_t *ctx,
    ngx_http_fn_link_t *link);


#endif /* _NGX_HTTP_FN_DRAIN_H_INCLUDED_ */
