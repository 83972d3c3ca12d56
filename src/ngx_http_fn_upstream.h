
/* runtimes behind a socket: the line protocol as an nginx upstream */


#ifndef _NGX_HTTP_FN_UPSTREAM_H_INCLUDED_
#define _NGX_HTTP_FN_UPSTREAM_H_INCLUDED_


#include "ngx_http_fn.h"


/* fills r->upstream, which ngx_http_upstream_create() made */
ngx_int_t ngx_http_fn_upstream_create(ngx_http_fn_ctx_t *ctx);

/* sends the event: to ctx->slot, or to fn_pass's address */
void ngx_http_fn_upstream_start(ngx_http_fn_ctx_t *ctx);

/* leaves the upstream as soon as that is safe, and queues the event again */
void ngx_http_fn_upstream_again(ngx_http_fn_ctx_t *ctx);
void ngx_http_fn_upstream_again_handler(ngx_event_t *ev);

/* whether an event that may have been run may be sent again */
ngx_uint_t ngx_http_fn_upstream_idempotent(ngx_http_fn_ctx_t *ctx);


#endif /* _NGX_HTTP_FN_UPSTREAM_H_INCLUDED_ */
