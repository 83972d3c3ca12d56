
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

/*
 * The reply is complete, and nothing may be behind it (PROTOCOL 5.1): pos is
 * behind its last byte.
 */
void ngx_http_fn_upstream_end(ngx_http_fn_ctx_t *ctx, u_char *pos,
    u_char *last);

/* logs what broke the protocol; the process will not be used again */
ngx_int_t ngx_http_fn_upstream_invalid(ngx_http_fn_ctx_t *ctx,
    const char *reason, u_char *pos, u_char *last);


#endif /* _NGX_HTTP_FN_UPSTREAM_H_INCLUDED_ */
