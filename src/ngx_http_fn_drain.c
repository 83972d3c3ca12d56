
/*
 * The request is gone, but its event still runs: the reply is read, what the
 * handler logs is logged, and the rest dropped.  Only then, or when the process
 * was killed at the deadline, the place is given back.
 */


#include "ngx_http_fn_drain.h"
#include "ngx_http_fn_log.h"
#include "ngx_http_fn_logs.h"
#include "ngx_http_fn_peer.h"
#include "ngx_http_fn_slot.h"


#define NGX_HTTP_FN_DRAIN_BUFFER  16384
#define NGX_HTTP_FN_DRAIN_KILL    5000      /* ms for the supervisor to act */


static ngx_buf_t *ngx_http_fn_drain_unfiltered(ngx_http_fn_ctx_t *ctx);
static ngx_int_t ngx_http_fn_drain_line(ngx_http_fn_link_t *link);
static void ngx_http_fn_drain_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_fn_drain_read(ngx_http_fn_link_t *link,
    u_char *pos, u_char *last);
static void ngx_http_fn_drain_end(ngx_http_fn_link_t *link, ngx_int_t rc);


void
ngx_http_fn_drain_start(ngx_http_fn_ctx_t *ctx, ngx_http_fn_link_t *link)
{
    ngx_buf_t         *b;
    ngx_int_t          rc;
    ngx_msec_int_t     left;
    ngx_connection_t  *c;

    c = link->connection;

    link->place = ctx->place;
    link->log_level = ctx->logs ? ctx->logs->own : NGX_LOG_DEBUG;
    link->reply = ctx->reply;
    ctx->reply.json = NULL;

    /* r->pool goes away */

    link->reply.pool = c->pool;
    link->reply.id.data = link->id;
    ngx_memcpy(link->id, ctx->reply.id.data, ctx->reply.id.len);

    rc = ngx_http_fn_drain_line(link);
    b = ngx_http_fn_drain_unfiltered(ctx);

    if (rc == NGX_AGAIN && b && b->pos != b->last) {
        rc = ngx_http_fn_drain_read(link, b->pos, b->last);
    }

    if (rc != NGX_AGAIN) {
        ngx_http_fn_drain_end(link, rc);
        return;
    }

    c->data = link;
    c->read->handler = ngx_http_fn_drain_handler;

    left = (ngx_msec_int_t) (ctx->deadline - ngx_current_msec);
    ngx_add_timer(c->read, (left > 0) ? left : NGX_HTTP_FN_DRAIN_KILL);

    if (left <= 0) {
        link->overdue = 1;
    }

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);

    } else if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_fn_drain_end(link, NGX_ERROR);
    }
}


/*
 * What upstream has read and not passed on.  Of the raw buffers of its pipe
 * the first may be filled in part.
 */

static ngx_buf_t *
ngx_http_fn_drain_unfiltered(ngx_http_fn_ctx_t *ctx)
{
    ngx_chain_t          *cl;
    ngx_http_upstream_t  *u;

    u = ctx->request->upstream;

    if (!ctx->body) {
        return &u->buffer;
    }

    cl = u->buffering ? u->pipe->free_raw_bufs : NULL;

    return cl ? cl->buf : NULL;
}


/* the begun line moves to the pool of the connection */

static ngx_int_t
ngx_http_fn_drain_line(ngx_http_fn_link_t *link)
{
    u_char               *line;
    ngx_http_fn_reply_t  *reply;

    reply = &link->reply;
    line = reply->line.data;

    reply->line.data = NULL;

    if (reply->line.len == 0) {
        return NGX_AGAIN;
    }

    reply->line.data = ngx_pnalloc(reply->pool, reply->line_max);
    if (reply->line.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(reply->line.data, line, reply->line.len);

    return NGX_AGAIN;
}


static void
ngx_http_fn_drain_handler(ngx_event_t *ev)
{
    u_char               buf[NGX_HTTP_FN_DRAIN_BUFFER];
    ssize_t              n;
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_fn_link_t  *link;

    c = ev->data;
    link = c->data;

    if (c->close || (ev->timedout && link->overdue)) {
        ngx_http_fn_drain_end(link, NGX_ERROR);
        return;
    }

    if (ev->timedout) {
        ev->timedout = 0;
        link->overdue = 1;

        ngx_http_fn_slot_suspect(link->pool->worker->zone, link->slot,
                                 &link->slot->places[link->place].overdue,
                                 link->generation);

        ngx_add_timer(ev, NGX_HTTP_FN_DRAIN_KILL);
    }

    do {
        n = c->recv(c, buf, NGX_HTTP_FN_DRAIN_BUFFER);

        if (n == NGX_AGAIN) {
            rc = ngx_handle_read_event(ev, 0) == NGX_OK ? NGX_AGAIN : NGX_ERROR;
            break;
        }

        if (n <= 0) {
            rc = NGX_ERROR;
            break;
        }

        rc = ngx_http_fn_drain_read(link, buf, buf + n);

    } while (rc == NGX_AGAIN);

    if (rc != NGX_AGAIN) {
        ngx_http_fn_drain_end(link, rc);
    }
}


/* NGX_OK: the reply is complete; NGX_DECLINED: it broke the protocol */

static ngx_int_t
ngx_http_fn_drain_read(ngx_http_fn_link_t *link, u_char *pos,
    u_char *last)
{
    ngx_http_fn_log_of_t   of;
    ngx_http_fn_reply_t   *reply;

    reply = &link->reply;

    of.log = link->pool->function->log;
    of.function = &link->pool->function->name;
    of.id = &reply->id;
    of.process = link->slot->pid;

    for ( ;; ) {

        switch (ngx_http_fn_reply_read(reply, &pos, last)) {

        case NGX_HTTP_FN_REPLY_AGAIN:
            return NGX_AGAIN;

        case NGX_HTTP_FN_REPLY_DONE:
            return (pos == last) ? NGX_OK : NGX_DECLINED;

        case NGX_HTTP_FN_REPLY_INVALID:
            return NGX_DECLINED;

        case NGX_HTTP_FN_REPLY_LOG:
            if (reply->level <= link->log_level) {
                ngx_http_fn_log_record_of(&of, reply->level, &reply->message,
                                          &reply->with);
            }
            continue;

        case NGX_HTTP_FN_REPLY_ERROR:
            ngx_http_fn_log_failure_of(&of, &reply->error, &reply->message,
                                       &reply->stack);
            continue;

        default:
            continue;
        }
    }
}


static void
ngx_http_fn_drain_end(ngx_http_fn_link_t *link, ngx_int_t rc)
{
    ngx_connection_t  *c;

    c = link->connection;

    ngx_http_fn_reply_free(&link->reply);

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (rc == NGX_DECLINED) {
        ngx_http_fn_slot_suspect(link->pool->worker->zone, link->slot,
                                 &link->slot->broken, link->generation);
    }

    if (rc == NGX_OK) {
        ngx_http_fn_peer_served(link);
    }

    ngx_http_fn_peer_release(link, link->place);

    if (rc == NGX_OK && c->read->handler != ngx_http_fn_drain_handler) {
        ngx_http_fn_peer_keep(link);
        return;
    }

    /* its pool has grown by what was drained */

    ngx_http_fn_peer_close(link);
}
