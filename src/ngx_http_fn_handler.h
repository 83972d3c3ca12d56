
/* the content handler: the way of a request begins here */


#ifndef _NGX_HTTP_FN_HANDLER_H_INCLUDED_
#define _NGX_HTTP_FN_HANDLER_H_INCLUDED_


#include "ngx_http_fn.h"


ngx_int_t ngx_http_fn_handler(ngx_http_request_t *r);

/* the context of a request, also after a redirect to an error_page */
ngx_http_fn_ctx_t *ngx_http_fn_handler_ctx(ngx_http_request_t *r);

/* counts, and says what $fn_status is; once per request */
void ngx_http_fn_handler_count(ngx_http_fn_ctx_t *ctx,
    ngx_http_fn_counter_e counter);


#endif /* _NGX_HTTP_FN_HANDLER_H_INCLUDED_ */
