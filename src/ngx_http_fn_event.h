
/* the only reader of a request's headers and body */


#ifndef _NGX_HTTP_FN_EVENT_H_INCLUDED_
#define _NGX_HTTP_FN_EVENT_H_INCLUDED_


#include "ngx_http_fn.h"


#define NGX_HTTP_FN_EVENT_HEADERS  512  /* header lines of one event */


/*
 * Fills ctx->event from the request whose body has been read.  Returns
 * NGX_OK, or the status to finalize the request with.
 */
ngx_int_t ngx_http_fn_event_create(ngx_http_fn_ctx_t *ctx);

/*
 * Its parts, for handlers that seldom need all: what costs nothing (the
 * number of header lines has been tested then), the id, and the headers.
 */
ngx_int_t ngx_http_fn_event_fields(ngx_http_fn_ctx_t *ctx);
ngx_int_t ngx_http_fn_event_id(ngx_http_fn_ctx_t *ctx);
ngx_int_t ngx_http_fn_event_headers(ngx_http_fn_ctx_t *ctx);

/* the value of the first header of this name, or NULL */
ngx_str_t *ngx_http_fn_event_find(ngx_http_request_t *r, ngx_str_t *name);

/* the body is longer than client_max_body_size of r->loc_conf */
ngx_uint_t ngx_http_fn_event_too_large(ngx_http_request_t *r);

/*
 * Reads the request's body from offset: at most len bytes, 0 at its end.
 * May be called off the event loop.
 */
ssize_t ngx_http_fn_event_body_read(ngx_http_request_t *r, off_t offset,
    u_char *buf, size_t len);

/* the whole body in one piece: from pool, unless it is so already */
ngx_int_t ngx_http_fn_event_body(ngx_http_request_t *r, ngx_pool_t *pool,
    ngx_str_t *body);


#endif /* _NGX_HTTP_FN_EVENT_H_INCLUDED_ */
