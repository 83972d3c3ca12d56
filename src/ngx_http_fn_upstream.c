
/*
 * One upstream for processes of our own and for fn_pass.  They differ in who
 * picks the peer: ngx_http_fn_peer.c for slots, nginx for fn_pass.
 *
 * nginx's way to the next peer doesn't fit slots: it takes no detour through a
 * queue, and doesn't know that an event was certainly not run.  So an event
 * that is to be sent again leaves its upstream (ngx_http_fn_upstream_again)
 * and comes back through the queue with a new one.
 */


#include "ngx_http_fn_upstream.h"
#include "ngx_http_fn_filter.h"
#include "ngx_http_fn_handler.h"
#include "ngx_http_fn_log.h"
#include "ngx_http_fn_peer.h"
#include "ngx_http_fn_queue.h"
#include "ngx_http_fn_response.h"
#include "ngx_http_fn_slot.h"


#define NGX_HTTP_FN_TRIES       5
#define NGX_HTTP_FN_BAD_BYTES   128     /* of a bad reply, in the log */


static void ngx_http_fn_upstream_expect(ngx_http_fn_ctx_t *ctx);
static ngx_int_t ngx_http_fn_upstream_create_request(ngx_http_request_t *r);
static ngx_buf_t *ngx_http_fn_upstream_event_line(ngx_http_fn_ctx_t *ctx);
static ngx_int_t ngx_http_fn_upstream_reinit_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_fn_upstream_process_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_fn_upstream_response(ngx_http_fn_ctx_t *ctx);
static ngx_int_t ngx_http_fn_upstream_failure(ngx_http_fn_ctx_t *ctx);
static ngx_int_t ngx_http_fn_upstream_expired(ngx_http_fn_ctx_t *ctx);
static ngx_int_t ngx_http_fn_upstream_text(ngx_http_fn_ctx_t *ctx,
    ngx_str_t *text);
static void ngx_http_fn_upstream_abort_request(ngx_http_request_t *r);
static void ngx_http_fn_upstream_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);
static void ngx_http_fn_upstream_timer(ngx_event_t *ev);
static void ngx_http_fn_upstream_lease_end(ngx_http_fn_ctx_t *ctx);
static void ngx_http_fn_upstream_deadline(ngx_http_fn_ctx_t *ctx);


ngx_int_t
ngx_http_fn_upstream_create(ngx_http_fn_ctx_t *ctx)
{
    ngx_http_request_t      *r;
    ngx_http_upstream_t     *u;
    ngx_http_fn_loc_conf_t  *flcf;

    r = ctx->request;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_ERROR;
    }

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_fn_module);

    u = r->upstream;

    ngx_str_set(&u->schema, "fn://");

    u->output.tag = (ngx_buf_tag_t) &ngx_http_fn_module;
    u->conf = &flcf->upstream;
    u->buffering = flcf->upstream.buffering;

    u->create_request = ngx_http_fn_upstream_create_request;
    u->reinit_request = ngx_http_fn_upstream_reinit_request;
    u->process_header = ngx_http_fn_upstream_process_header;
    u->abort_request = ngx_http_fn_upstream_abort_request;
    u->finalize_request = ngx_http_fn_upstream_finalize_request;

    u->input_filter_init = ngx_http_fn_filter_init;
    u->input_filter = ngx_http_fn_filter_unbuffered;
    u->input_filter_ctx = r;

    u->pipe = ngx_pcalloc(r->pool, sizeof(ngx_event_pipe_t));
    if (u->pipe == NULL) {
        return NGX_ERROR;
    }

    u->pipe->input_filter = ngx_http_fn_filter_pipe;
    u->pipe->input_ctx = r;

    return NGX_OK;
}


void
ngx_http_fn_upstream_start(ngx_http_fn_ctx_t *ctx)
{
    ctx->got = 0;
    ctx->body = 0;
    ctx->complete = 0;
    ctx->broken = 0;
    ctx->unsent = 0;

    ngx_http_fn_upstream_expect(ctx);

    if (ctx->slot && ngx_http_fn_peer_acquire(ctx) != NGX_OK) {
        ctx->tries++;
        ngx_http_fn_upstream_again(ctx);
        return;
    }

    ngx_http_upstream_init(ctx->request);
}


/* a reply, until the deadline */

static void
ngx_http_fn_upstream_expect(ngx_http_fn_ctx_t *ctx)
{
    ngx_msec_t               timeout;
    ngx_http_request_t      *r;
    ngx_http_fn_loc_conf_t  *flcf;

    r = ctx->request;
    flcf = ngx_http_get_module_loc_conf(r, ngx_http_fn_module);

    ngx_http_fn_reply_free(&ctx->reply);
    ngx_memzero(&ctx->reply, sizeof(ngx_http_fn_reply_t));

    ctx->reply.pool = r->pool;
    ctx->reply.id = ctx->event.id;
    ctx->reply.line_max = flcf->upstream.buffer_size;
    ctx->reply.lease = (ctx->event.start_by != 0);

    timeout = flcf->timeout;
    ctx->deadline = ngx_current_msec + timeout;

    if (ctx->event.start_by) {
        timeout = ctx->event.start_by + 1 - ngx_http_fn_slot_now();
    }

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    ctx->timer.handler = ngx_http_fn_upstream_timer;
    ngx_add_timer(&ctx->timer, timeout);
}


void
ngx_http_fn_upstream_again(ngx_http_fn_ctx_t *ctx)
{
    if (!ctx->again.posted) {
        ngx_post_event(&ctx->again, &ngx_posted_events);
    }
}


void
ngx_http_fn_upstream_again_handler(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_fn_ctx_t   *ctx;
    ngx_http_request_t  *r;

    ctx = ev->data;
    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "fn again, tries: %ui", ctx->tries);

    if (ngx_http_fn_upstream_create(ctx) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);

    } else if (ctx->late || ctx->tries >= NGX_HTTP_FN_TRIES) {
        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "fn \"%V\" is unavailable: the event was sent %ui "
                      "times, and never run", &ctx->function->name,
                      ctx->tries + ctx->late);

        ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_NOT_READY);
        ngx_http_fn_response_unavailable(r);

    } else {
        ngx_http_fn_queue_enter(ctx);
    }

    ngx_http_run_posted_requests(c);
}


/* RFC 9110 9.2.2; sent again once when the process ended before it answered */

ngx_uint_t
ngx_http_fn_upstream_idempotent(ngx_http_fn_ctx_t *ctx)
{
    return !ctx->ended
           && (ctx->request->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_PUT
                                       |NGX_HTTP_DELETE|NGX_HTTP_OPTIONS
                                       |NGX_HTTP_TRACE));
}


static ngx_int_t
ngx_http_fn_upstream_create_request(ngx_http_request_t *r)
{
    ngx_buf_t            *b;
    ngx_chain_t          *cl, *body, **ll;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    body = u->request_bufs;

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    b = ngx_http_fn_upstream_event_line(ngx_http_get_module_ctx(r,
                                                        ngx_http_fn_module));
    if (b == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;
    u->request_bufs = cl;
    ll = &cl->next;

    /* copies of the buffers: the event may be sent again */

    for ( /* void */ ; body; body = body->next) {

        if (ngx_buf_size(body->buf) == 0) {
            continue;
        }

        cl = ngx_alloc_chain_link(r->pool);
        b = ngx_alloc_buf(r->pool);
        if (cl == NULL || b == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(b, body->buf, sizeof(ngx_buf_t));
        b->last_buf = 0;

        cl->buf = b;
        *ll = cl;
        ll = &cl->next;
    }

    *ll = NULL;
    b->flush = 1;

    return NGX_OK;
}


static ngx_buf_t *
ngx_http_fn_upstream_event_line(ngx_http_fn_ctx_t *ctx)
{
    size_t                size;
    u_char               *p;
    ngx_buf_t            *b;
    ngx_uint_t            i;
    ngx_http_fn_event_t  *event;

    event = &ctx->event;

    /* what it needs when nothing has to be escaped */

    size = sizeof("{\"id\":,\"method\":,\"path\":,\"query\":,\"headers\":,"
                  "\"timestamp\":,\"start_by\":,\"remote_addr\":,\"trigger\":"
                  "{\"kind\":\"http\",\"name\":},\"log_level\":,"
                  "\"body_length\":}") + 128
           + event->id.len + event->method.len + event->path.len
           + event->query.len + event->remote_addr.len + event->function.len;

    for (i = 0; i < event->nheaders; i++) {
        size += event->headers[i].name.len + event->headers[i].value.len + 8;
    }

    for ( ;; ) {
        b = ngx_create_temp_buf(ctx->request->pool, size);
        if (b == NULL) {
            return NULL;
        }

        p = ngx_http_fn_event_write(event, b->pos, b->end);

        if (p) {
            b->last = p;
            return b;
        }

        if (size >= NGX_HTTP_FN_EVENT_LINE_MAX) {
            return NULL;
        }

        /* ngx_http_fn_event_create() has seen that it fits into this */

        size = NGX_HTTP_FN_EVENT_LINE_MAX;
    }
}


/* fn_pass: the next server is tried, and the last one's answer forgotten */

static ngx_int_t
ngx_http_fn_upstream_reinit_request(ngx_http_request_t *r)
{
    ngx_http_fn_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_fn_module);

    ngx_http_clean_header(r);

    ctx->complete = 0;
    ctx->broken = 0;
    ctx->counted = 0;

    ngx_http_fn_upstream_expect(ctx);

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_upstream_process_header(ngx_http_request_t *r)
{
    u_char               *pos;
    ngx_buf_t            *b;
    ngx_http_fn_ctx_t    *ctx;
    ngx_http_upstream_t  *u;

    ctx = ngx_http_get_module_ctx(r, ngx_http_fn_module);
    u = r->upstream;
    b = &u->buffer;
    pos = b->pos;

    if (!u->request_body_sent) {
        return ngx_http_fn_upstream_invalid(ctx, "it came before the event was "
                                            "read", pos, b->last);
    }

    for ( ;; ) {

        switch (ngx_http_fn_reply_read(&ctx->reply, &b->pos, b->last)) {

        case NGX_HTTP_FN_REPLY_AGAIN:
            b->pos = b->start;
            b->last = b->start;
            return NGX_AGAIN;

        case NGX_HTTP_FN_REPLY_LOG:
            ngx_http_fn_log_record(ctx, ctx->reply.level, &ctx->reply.message,
                                   &ctx->reply.with);
            pos = b->pos;
            continue;

        case NGX_HTTP_FN_REPLY_RESPONSE:
            return ngx_http_fn_upstream_response(ctx);

        case NGX_HTTP_FN_REPLY_ERROR:
            return ngx_http_fn_upstream_failure(ctx);

        case NGX_HTTP_FN_REPLY_EXPIRED:
            return ngx_http_fn_upstream_expired(ctx);

        default:
            return ngx_http_fn_upstream_invalid(ctx, ctx->reply.reason, pos,
                                                b->last);
        }
    }
}


static ngx_int_t
ngx_http_fn_upstream_response(ngx_http_fn_ctx_t *ctx)
{
    ngx_str_t             *text;
    ngx_uint_t             i;
    ngx_http_request_t    *r;
    ngx_http_upstream_t   *u;
    ngx_http_fn_header_t  *h;

    r = ctx->request;
    u = r->upstream;

    if (ctx->slot && ctx->reply.duration >= 0) {
        ngx_http_fn_slot_ran(ctx->function->pool->share, ctx->reply.duration);
    }

    if (ctx->reply.status >= NGX_HTTP_INTERNAL_SERVER_ERROR) {
        ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_FAILED);
    }

    h = ctx->reply.headers;

    for (i = 0; i < ctx->reply.nheaders; i++) {
        if (ngx_http_fn_response_header(r, &h[i].name, &h[i].value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    u->headers_in.status_n = ctx->reply.status;
    u->headers_in.content_length_n = ctx->reply.body_length;
    u->state->status = ctx->reply.status;

    if (ngx_http_fn_response_logs(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    text = &ctx->reply.data;

    if (text->len) {
        return ngx_http_fn_upstream_text(ctx, text);
    }

    if (ctx->reply.stream) {
        u->buffering = 0;

    } else if (ctx->reply.body_length == 0) {
        ngx_http_fn_upstream_end(ctx, u->buffer.pos, u->buffer.last);
        u->buffer.last = u->buffer.pos;
    }

    return NGX_OK;
}


/* the handler failed: PROTOCOL 5.8 */

static ngx_int_t
ngx_http_fn_upstream_failure(ngx_http_fn_ctx_t *ctx)
{
    u_char                  *buf;
    size_t                   size;
    ngx_str_t                text;
    ngx_http_request_t      *r;
    ngx_http_upstream_t     *u;
    ngx_http_fn_reply_t     *reply;
    ngx_http_fn_loc_conf_t  *flcf;

    static ngx_str_t  name = ngx_string("Content-Type");
    static ngx_str_t  type = ngx_string("text/plain");

    r = ctx->request;
    u = r->upstream;
    reply = &ctx->reply;

    if (ctx->slot && reply->duration >= 0) {
        ngx_http_fn_slot_ran(ctx->function->pool->share, reply->duration);
    }

    ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_FAILED);
    ngx_http_fn_log_failure(ctx, &reply->error, &reply->message,
                            &reply->stack);

    size = u->buffer.end - u->buffer.start;

    buf = ngx_pnalloc(r->pool, size);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    text = ngx_http_fn_response_failure(ctx, buf, size, &reply->error,
                                        &reply->message, &reply->stack);

    if (ngx_http_fn_response_header(r, &name, &type) != NGX_OK
        || ngx_http_fn_response_logs(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_fn_module);

    u->conf = &flcf->failed;
    u->headers_in.status_n = reply->status;
    u->state->status = reply->status;

    return ngx_http_fn_upstream_text(ctx, &text);
}


/* a body from memory takes the place of the reply's bytes in the buffer */

static ngx_int_t
ngx_http_fn_upstream_text(ngx_http_fn_ctx_t *ctx, ngx_str_t *text)
{
    size_t                len;
    ngx_buf_t            *b;
    ngx_http_upstream_t  *u;

    u = ctx->request->upstream;
    b = &u->buffer;

    len = ngx_min(text->len, (size_t) (b->end - b->start));
    u->headers_in.content_length_n = len;

    /* bytes behind the reply are looked at first: they are overwritten */

    if (b->pos != b->last) {
        ctx->broken = 1;
    }

    ngx_memmove(b->start, text->data, len);
    b->pos = b->start;
    b->last = b->start + len;

    ngx_http_fn_upstream_end(ctx, b->last, b->last);

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_upstream_expired(ngx_http_fn_ctx_t *ctx)
{
    ngx_buf_t  *b;

    b = &ctx->request->upstream->buffer;

    ngx_http_fn_upstream_end(ctx, b->pos, b->last);

    b->pos = b->start;
    b->last = b->start;

    ngx_http_fn_upstream_lease_end(ctx);

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_fn_upstream_invalid(ngx_http_fn_ctx_t *ctx, const char *reason,
    u_char *pos, u_char *last)
{
    u_char     buf[NGX_HTTP_FN_LOG_TEXT];
    ngx_str_t  bytes, text;

    ctx->broken = 1;

    bytes.data = pos;
    bytes.len = ngx_min(last - pos, NGX_HTTP_FN_BAD_BYTES);
    text = ngx_http_fn_log_escape(buf, &bytes);

    ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                  "fn \"%V\" process %ui sent an invalid reply: %s: \"%V\"",
                  &ctx->event.function, ctx->process, reason, &text);

    ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_BROKE);

    return NGX_HTTP_UPSTREAM_INVALID_HEADER;
}


/* the reply is complete, and nothing may be behind it: PROTOCOL 5.1 */

void
ngx_http_fn_upstream_end(ngx_http_fn_ctx_t *ctx, u_char *pos, u_char *last)
{
    if (ngx_http_fn_reply_read(&ctx->reply, &pos, last)
        != NGX_HTTP_FN_REPLY_DONE
        || pos != last)
    {
        ctx->broken = 1;
    }

    ctx->complete = 1;
    ctx->request->upstream->keepalive = !ctx->broken;

    if (ctx->broken) {
        ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                      "fn \"%V\" process %ui sent more than its reply",
                      &ctx->event.function, ctx->process);
    }
}


static void
ngx_http_fn_upstream_abort_request(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "abort fn request");
}


static void
ngx_http_fn_upstream_finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_fn_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_fn_module);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "finalize fn request: %i", rc);

    if (ctx == NULL) {
        return;
    }

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    if (r->upstream->peer.connection == NULL) {
        ngx_http_fn_peer_abandon(ctx);
    }

    if (rc == NGX_HTTP_CLIENT_CLOSED_REQUEST) {
        ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_ABORTED);

    } else if (rc == NGX_HTTP_GATEWAY_TIME_OUT) {
        ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_TIMEOUT);

    } else if (rc == NGX_HTTP_BAD_GATEWAY) {
        ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_DIED);
    }
}


static void
ngx_http_fn_upstream_timer(ngx_event_t *ev)
{
    uint64_t             now;
    ngx_connection_t    *c;
    ngx_http_fn_ctx_t   *ctx;

    ctx = ev->data;
    c = ctx->request->connection;

    ngx_http_set_log_request(c->log, ctx->request);

    if ((ngx_msec_int_t) (ctx->deadline - ngx_current_msec) <= 0) {
        ngx_http_fn_upstream_deadline(ctx);
        ngx_http_run_posted_requests(c);
        return;
    }

    /* the lease: PROTOCOL 4.3 */

    now = ngx_http_fn_slot_now();

    if (now <= ctx->event.start_by) {
        ngx_add_timer(ev, ctx->event.start_by + 1 - now);
        return;
    }

    if (!ctx->got && ngx_http_fn_peer_unread(ctx)) {
        ngx_http_fn_upstream_lease_end(ctx);
        return;
    }

    ngx_add_timer(ev, ctx->deadline - ngx_current_msec);
}


/* it was not run, and will not be: back to the head of the queue */

static void
ngx_http_fn_upstream_lease_end(ngx_http_fn_ctx_t *ctx)
{
    ctx->unsent = 1;
    ctx->idle_only = 1;
    ctx->slot->stuck = !ctx->complete;

    ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_TAKEN_BACK);
    ngx_http_fn_upstream_again(ctx);
}


static void
ngx_http_fn_upstream_deadline(ngx_http_fn_ctx_t *ctx)
{
    ngx_event_t  *rev;

    if (ctx->slot && !ctx->got && ngx_http_fn_peer_unread(ctx)) {
        ctx->unsent = 1;
        ctx->late = 1;
        ngx_http_fn_upstream_again(ctx);
        return;
    }

    ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_TIMEOUT);

    if (ctx->request->upstream->peer.connection == NULL) {
        ngx_http_finalize_request(ctx->request, NGX_HTTP_GATEWAY_TIME_OUT);
        return;
    }

    rev = ctx->request->upstream->peer.connection->read;
    rev->timedout = 1;
    rev->handler(rev);
}
