
/* the only writer of headers_out, for every runtime */


#ifndef _NGX_HTTP_FN_RESPONSE_H_INCLUDED_
#define _NGX_HTTP_FN_RESPONSE_H_INCLUDED_


#include "ngx_http_fn.h"


/*
 * Sets one header line of the answer, which ngx_http_fn_header_check() has
 * passed; drops those that nginx manages.  The strings must live as long as
 * the request.
 */
ngx_int_t ngx_http_fn_response_header(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value);

/* sets X-Nuclio-Logs when the client has asked for it */
ngx_int_t ngx_http_fn_response_logs(ngx_http_fn_ctx_t *ctx);

/*
 * Sends the answer: its header lines have been set, out is the body of length
 * bytes.  Returns what the request is to be finalized with.
 */
ngx_int_t ngx_http_fn_response_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_chain_t *out, off_t length);

/* the body of a 500: with fn_debug the failure, else a text with the id */
ngx_str_t ngx_http_fn_response_failure(ngx_http_fn_ctx_t *ctx, u_char *buf,
    size_t size, ngx_str_t *error, ngx_str_t *message, ngx_str_t *stack);

/* finalizes the request with that, or with 500 when it has an error_page */
void ngx_http_fn_response_failed(ngx_http_fn_ctx_t *ctx, ngx_str_t *error,
    ngx_str_t *message, ngx_str_t *stack);

/* finalizes the request with 503 and Retry-After */
void ngx_http_fn_response_unavailable(ngx_http_request_t *r);


#endif /* _NGX_HTTP_FN_RESPONSE_H_INCLUDED_ */
