
/* The body of a reply on its way to the client: as long as said, or chunks. */


#include "ngx_http_fn_filter.h"
#include "ngx_http_fn_handler.h"
#include "ngx_http_fn_log.h"
#include "ngx_http_fn_upstream.h"


static size_t ngx_http_fn_filter_body(ngx_http_fn_ctx_t *ctx, u_char *pos,
    u_char *last);
static ngx_int_t ngx_http_fn_filter_stream(ngx_http_fn_ctx_t *ctx,
    ssize_t bytes);
static ngx_int_t ngx_http_fn_filter_chunk(ngx_http_fn_ctx_t *ctx,
    ngx_chain_t ***ll);


ngx_int_t
ngx_http_fn_filter_init(void *data)
{
    ngx_http_request_t *r = data;

    ngx_http_fn_ctx_t    *ctx;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_fn_module);

    ctx->body = 1;

    /* a stream has no length, but must not end with the connection */

    u->length = ctx->reply.stream ? 1 : u->headers_in.content_length_n;
    u->pipe->length = u->length;

    if (u->length == 0) {
        u->pipe->upstream_done = 1;
    }

    return NGX_OK;
}


/* how many of the bytes belong to the body */

static size_t
ngx_http_fn_filter_body(ngx_http_fn_ctx_t *ctx, u_char *pos, u_char *last)
{
    size_t   len;
    u_char  *p;

    if (ctx->complete) {
        return last - pos;
    }

    p = pos;
    len = 0;

    if (ngx_http_fn_reply_read(&ctx->reply, &p, last)
        == NGX_HTTP_FN_REPLY_DATA)
    {
        len = ctx->reply.data.len;
    }

    if (ctx->reply.rest == 0) {
        ngx_http_fn_upstream_end(ctx, p, last);
    }

    return len;
}


ngx_int_t
ngx_http_fn_filter_pipe(ngx_event_pipe_t *p, ngx_buf_t *buf)
{
    ngx_int_t            rc;
    ngx_http_fn_ctx_t   *ctx;
    ngx_http_request_t  *r;

    r = p->input_ctx;
    ctx = ngx_http_get_module_ctx(r, ngx_http_fn_module);

    buf->last = buf->pos + ngx_http_fn_filter_body(ctx, buf->pos, buf->last);

    rc = ngx_event_pipe_copy_input_filter(p, buf);

    if (p->length == 0) {
        p->upstream_done = 1;
    }

    return rc;
}


ngx_int_t
ngx_http_fn_filter_unbuffered(void *data, ssize_t bytes)
{
    ngx_http_request_t *r = data;

    u_char               *pos;
    ngx_http_fn_ctx_t    *ctx;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_fn_module);

    if (ctx->reply.stream) {
        return ngx_http_fn_filter_stream(ctx, bytes);
    }

    pos = u->buffer.last;
    bytes = ngx_http_fn_filter_body(ctx, pos, pos + bytes);

    return ngx_http_upstream_non_buffered_filter(r, bytes);
}


/* PROTOCOL 5.6 */

static ngx_int_t
ngx_http_fn_filter_stream(ngx_http_fn_ctx_t *ctx, ssize_t bytes)
{
    u_char               *pos, *last;
    ngx_chain_t         **ll;
    ngx_http_upstream_t  *u;

    u = ctx->request->upstream;

    for (ll = &u->out_bufs; *ll; ll = &(*ll)->next) { /* void */ }

    pos = u->buffer.last;
    last = pos + bytes;
    u->buffer.last = last;

    for ( ;; ) {

        switch (ngx_http_fn_reply_read(&ctx->reply, &pos, last)) {

        case NGX_HTTP_FN_REPLY_AGAIN:
            return NGX_OK;

        case NGX_HTTP_FN_REPLY_LOG:
            ngx_http_fn_log_record(ctx, ctx->reply.level, &ctx->reply.message,
                                   &ctx->reply.with);
            continue;

        case NGX_HTTP_FN_REPLY_DATA:
            if (ngx_http_fn_filter_chunk(ctx, &ll) != NGX_OK) {
                return NGX_ERROR;
            }
            continue;

        case NGX_HTTP_FN_REPLY_DONE:
            ctx->complete = 1;
            ctx->broken = (pos != last);
            u->keepalive = !ctx->broken;
            u->length = 0;
            return NGX_OK;

        case NGX_HTTP_FN_REPLY_ERROR:
            ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_FAILED);
            ngx_http_fn_log_failure(ctx, &ctx->reply.error,
                                    &ctx->reply.message, &ctx->reply.stack);
            ngx_http_fn_upstream_end(ctx, pos, last);
            return NGX_ERROR;

        default:
            (void) ngx_http_fn_upstream_invalid(ctx, ctx->reply.reason, pos,
                                                last);
            return NGX_ERROR;
        }
    }
}


static ngx_int_t
ngx_http_fn_filter_chunk(ngx_http_fn_ctx_t *ctx, ngx_chain_t ***ll)
{
    ngx_buf_t            *b;
    ngx_chain_t          *cl;
    ngx_http_upstream_t  *u;

    u = ctx->request->upstream;

    cl = ngx_chain_get_free_buf(ctx->request->pool, &u->free_bufs);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    b = cl->buf;
    b->flush = 1;
    b->memory = 1;
    b->tag = u->output.tag;
    b->pos = ctx->reply.data.data;
    b->last = b->pos + ctx->reply.data.len;

    **ll = cl;
    *ll = &cl->next;

    return NGX_OK;
}
