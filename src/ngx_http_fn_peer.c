
/*
 * A connection to a slot carries one event at a time.  It is
 *
 *     in use     by a request: ctx->link, and upstream's peer.connection;
 *     idle       in pool->links[slot], for the next event of this worker;
 *     draining   the request is gone, its event still runs: the reply is read
 *                and dropped, and only then the place is given back.
 *
 * What happens to it when a request leaves is decided in
 * ngx_http_fn_peer_free(), and nowhere else.
 */


#include "ngx_http_fn_peer.h"
#include "ngx_http_fn_drain.h"
#include "ngx_http_fn_handler.h"
#include "ngx_http_fn_queue.h"
#include "ngx_http_fn_slot.h"
#include "ngx_http_fn_upstream.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>


static ngx_int_t ngx_http_fn_peer_get(ngx_peer_connection_t *pc, void *data);
static void ngx_http_fn_peer_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state);
static ngx_http_fn_link_t *ngx_http_fn_peer_idle(ngx_http_fn_pool_t *pool,
    ngx_http_fn_slot_t *slot);
static ngx_http_fn_link_t *ngx_http_fn_peer_connect(ngx_http_fn_pool_t *pool,
    ngx_http_fn_slot_t *slot, ngx_log_t *log);
static ssize_t ngx_http_fn_peer_recv(ngx_connection_t *c, u_char *buf,
    size_t size);
static ngx_chain_t *ngx_http_fn_peer_send_chain(ngx_connection_t *c,
    ngx_chain_t *in, off_t limit);
static ngx_chain_t *ngx_http_fn_peer_send(ngx_connection_t *c,
    ngx_chain_t *in, off_t limit);
static ngx_uint_t ngx_http_fn_peer_may_drain(ngx_http_fn_ctx_t *ctx,
    ngx_connection_t *c, ngx_uint_t overdue);
static void ngx_http_fn_peer_detach(ngx_peer_connection_t *pc);
static void ngx_http_fn_peer_idle_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_fn_peer_init(ngx_http_request_t *r, ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    u->peer.get = ngx_http_fn_peer_get;
    u->peer.free = ngx_http_fn_peer_free;
    u->peer.data = ngx_http_get_module_ctx(r, ngx_http_fn_module);
    u->peer.tries = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_peer_get(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_fn_ctx_t *ctx = data;

    ngx_connection_t    *c;
    ngx_http_fn_pool_t  *pool;

    pool = ctx->function->pool;

    pc->sockaddr = (struct sockaddr *)
                       &pool->addrs[ctx->slot - pool->share->slots];
    pc->socklen = sizeof(struct sockaddr_un);
    pc->name = &ctx->function->name;

    c = ctx->link->connection;
    c->recv = ngx_http_fn_peer_recv;
    c->send_chain = ngx_http_fn_peer_send_chain;
    c->log = pc->log;
    c->pool->log = pc->log;
    c->read->log = pc->log;
    c->write->log = pc->log;

    pc->connection = c;

    return NGX_DONE;
}


ngx_int_t
ngx_http_fn_peer_acquire(ngx_http_fn_ctx_t *ctx)
{
    size_t                len;
    ngx_http_fn_link_t   *link;
    ngx_http_fn_pool_t   *pool;
    ngx_http_fn_place_t  *place;

    pool = ctx->function->pool;

    link = ngx_http_fn_peer_idle(pool, ctx->slot);

    if (link == NULL) {
        link = ngx_http_fn_peer_connect(pool, ctx->slot,
                                        ctx->request->connection->log);
    }

    if (link == NULL) {
        ngx_http_fn_slot_release(pool, ctx->slot, ctx->place);
        ngx_http_fn_queue_next(pool);
        ctx->slot = NULL;
        return NGX_ERROR;
    }

    ctx->link = link;
    ctx->process = ctx->slot->pid;

    place = &ctx->slot->places[ctx->place];
    len = ngx_min(ctx->event.path.len, NGX_HTTP_FN_PATH_MAX);
    ngx_memcpy(place->path, ctx->event.path.data, len);
    place->path[len] = '\0';
    place->since = ngx_current_msec;

    return NGX_OK;
}


void
ngx_http_fn_peer_abandon(ngx_http_fn_ctx_t *ctx)
{
    ngx_http_fn_link_t  *link;

    link = ctx->link;

    if (link == NULL) {
        return;
    }

    ctx->link = NULL;
    ctx->slot = NULL;

    ngx_http_fn_peer_release(link, ctx->place);
    ngx_http_fn_peer_close(link);
}


static ngx_http_fn_link_t *
ngx_http_fn_peer_idle(ngx_http_fn_pool_t *pool, ngx_http_fn_slot_t *slot)
{
    ngx_queue_t         *links;
    ngx_connection_t    *c;
    ngx_http_fn_link_t  *link;

    links = &pool->links[slot - pool->share->slots];

    while (!ngx_queue_empty(links)) {

        link = ngx_queue_data(ngx_queue_head(links), ngx_http_fn_link_t,
                              queue);

        ngx_queue_remove(&link->queue);

        if (link->generation != slot->generation) {
            ngx_http_fn_peer_close(link);
            continue;
        }

        c = link->connection;
        c->idle = 0;
        c->sent = 0;

        return link;
    }

    return NULL;
}


static ngx_http_fn_link_t *
ngx_http_fn_peer_connect(ngx_http_fn_pool_t *pool, ngx_http_fn_slot_t *slot,
    ngx_log_t *log)
{
    ngx_socket_t         s;
    ngx_connection_t    *c;
    ngx_http_fn_link_t  *link;
    struct sockaddr_un  *addr;

    addr = &pool->addrs[slot - pool->share->slots];

    s = socket(AF_UNIX, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    if (s == (ngx_socket_t) -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_socket_errno,
                      ngx_socket_n " failed");
        return NULL;
    }

    if (connect(s, (struct sockaddr *) addr, sizeof(struct sockaddr_un))
        == -1)
    {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_socket_errno,
                      "connect() to \"%s\" of fn \"%V\" failed",
                      addr->sun_path, &pool->function->name);
        (void) ngx_close_socket(s);
        return NULL;
    }

    c = ngx_get_connection(s, log);
    if (c == NULL) {
        (void) ngx_close_socket(s);
        return NULL;
    }

    c->type = SOCK_STREAM;
    c->recv = ngx_recv;
    c->send = ngx_send;
    c->recv_chain = ngx_recv_chain;
    c->send_chain = ngx_send_chain;
    c->sendfile = 1;
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;
    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->log_error = NGX_ERROR_INFO;
    c->read->log = log;
    c->write->log = log;
    c->start_time = ngx_current_msec;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    c->pool = ngx_create_pool(sizeof(ngx_http_fn_link_t) + 128, log);
    if (c->pool == NULL) {
        goto failed;
    }

    link = ngx_pcalloc(c->pool, sizeof(ngx_http_fn_link_t));
    if (link == NULL) {
        goto failed;
    }

    /* ngx_add_conn() would be told of each read of the other side */

    if (ngx_add_event(c->read, NGX_READ_EVENT, NGX_CLEAR_EVENT) != NGX_OK) {
        goto failed;
    }

    c->write->ready = 1;

    link->pool = pool;
    link->slot = slot;
    link->connection = c;
    link->generation = slot->generation;

    return link;

failed:

    if (c->pool) {
        ngx_destroy_pool(c->pool);
    }

    ngx_close_connection(c);

    return NULL;
}


/*
 * A unix socket tells what became of an event: ECONNRESET and EPIPE mean that
 * the process died before it had read it all, so it was never run; end of file
 * means that it may have been.
 */

static ssize_t
ngx_http_fn_peer_recv(ngx_connection_t *c, u_char *buf, size_t size)
{
    ssize_t              n;
    ngx_http_fn_ctx_t   *ctx;
    ngx_http_request_t  *r;

    r = c->data;
    ctx = ngx_http_get_module_ctx(r, ngx_http_fn_module);

    if (ctx->again.posted) {
        return NGX_AGAIN;
    }

    n = ngx_recv(c, buf, size);

    if (n > 0) {

        /* what waited in the backlog may have been read by a successor */

        if (!ctx->got) {
            ctx->process = ctx->slot->pid;
        }

        ctx->got = 1;
        return n;
    }

    if (n == NGX_AGAIN || ctx->got) {
        return n;
    }

    if (n == 0 && !ngx_http_fn_upstream_idempotent(ctx)) {
        return 0;
    }

    ctx->unsent = 1;
    ctx->ended |= (n == 0);
    ctx->tries++;
    c->read->ready = 0;

    ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_RETRIED);
    ngx_http_fn_upstream_again(ctx);

    return NGX_AGAIN;
}


static ngx_chain_t *
ngx_http_fn_peer_send_chain(ngx_connection_t *c, ngx_chain_t *in, off_t limit)
{
    ngx_chain_t         *out;
    ngx_http_fn_ctx_t   *ctx;
    ngx_http_request_t  *r;

    r = c->data;
    ctx = ngx_http_get_module_ctx(r, ngx_http_fn_module);

    if (ctx->again.posted) {
        return in;
    }

    out = ngx_http_fn_peer_send(c, in, limit);

    if (out != NGX_CHAIN_ERROR || ctx->got) {
        return out;
    }

    ctx->unsent = 1;
    ctx->tries++;
    c->error = 0;
    c->write->error = 0;
    c->write->ready = 0;

    ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_RETRIED);
    ngx_http_fn_upstream_again(ctx);

    return in;
}


/* an event without a body is one buffer: writev() is slower than send() */

static ngx_chain_t *
ngx_http_fn_peer_send(ngx_connection_t *c, ngx_chain_t *in, off_t limit)
{
    ssize_t     n;
    ngx_buf_t  *b;

    b = in->buf;

    if (in->next || !ngx_buf_in_memory_only(b) || b->pos == b->last) {
        return ngx_send_chain(c, in, limit);
    }

    n = ngx_send(c, b->pos, b->last - b->pos);

    if (n == NGX_ERROR) {
        return NGX_CHAIN_ERROR;
    }

    return (n == NGX_AGAIN) ? in : ngx_chain_update_sent(in, n);
}


ngx_uint_t
ngx_http_fn_peer_unread(ngx_http_fn_ctx_t *ctx)
{
    int  n;

    n = 0;

    if (ctx->link == NULL
        || ioctl(ctx->link->connection->fd, SIOCOUTQ, &n) == -1)
    {
        return 0;
    }

    return n;
}


static void
ngx_http_fn_peer_free(ngx_peer_connection_t *pc, void *data, ngx_uint_t state)
{
    ngx_http_fn_ctx_t *ctx = data;

    ngx_uint_t             overdue;
    ngx_connection_t      *c;
    ngx_http_fn_link_t    *link;
    ngx_http_fn_slot_t    *slot;
    ngx_http_fn_worker_t  *worker;

    pc->tries = 0;

    link = ctx->link;
    slot = ctx->slot;
    ctx->link = NULL;
    ctx->slot = NULL;

    worker = ctx->function->worker;

    c = link->connection;
    c->recv = ngx_recv;
    c->send_chain = ngx_send_chain;
    overdue = c->read->timedout || ctx->late;

    if (ctx->broken) {
        ngx_http_fn_slot_suspect(worker->zone, slot, &slot->broken,
                                 link->generation);
    }

    if (ctx->complete && !ctx->broken && !c->read->eof && !c->read->error) {
        ngx_http_fn_peer_served(link);
        ngx_http_fn_peer_detach(pc);
        ngx_http_fn_peer_release(link, ctx->place);
        ngx_http_fn_peer_keep(link);
        return;
    }

    if (ngx_http_fn_peer_may_drain(ctx, c, overdue)) {
        ngx_http_fn_peer_detach(pc);

        if (overdue) {
            ngx_http_fn_slot_suspect(worker->zone, slot,
                                     &slot->places[ctx->place].overdue,
                                     link->generation);
        }

        ngx_http_fn_drain_start(ctx, link);
        return;
    }

    /* upstream closes it */

    ngx_http_fn_peer_release(link, ctx->place);
}


/*
 * An event that was sent whole runs until its process has answered; with one
 * that is overdue, the process is killed, be it that it doesn't even read.
 */

static ngx_uint_t
ngx_http_fn_peer_may_drain(ngx_http_fn_ctx_t *ctx, ngx_connection_t *c,
    ngx_uint_t overdue)
{
    return (ctx->request->upstream->request_body_sent || overdue)
           && (!ctx->unsent || ctx->late)
           && !ctx->broken
           && !ctx->complete
           && !c->read->eof
           && !c->read->error;
}


void
ngx_http_fn_peer_served(ngx_http_fn_link_t *link)
{
    ngx_uint_t           n, limit;
    ngx_http_fn_slot_t  *slot;

    slot = link->slot;
    slot->stuck = 0;

    if (link->generation != slot->generation) {
        return;
    }

    n = ngx_atomic_fetch_add(&slot->served, 1) + 1;
    limit = link->pool->function->limit_requests;

    if (limit && n % limit == 0) {
        ngx_http_fn_slot_notify(link->pool->worker->zone);
    }
}


static void
ngx_http_fn_peer_detach(ngx_peer_connection_t *pc)
{
    ngx_connection_t  *c;

    c = pc->connection;
    pc->connection = NULL;

    /* the timer for reading stays, and mostly serves the next event, too */

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    c->read->timedout = 0;
    c->write->handler = ngx_http_empty_handler;
    c->idle = 1;
    c->log = ngx_cycle->log;
    c->pool->log = ngx_cycle->log;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;
}


void
ngx_http_fn_peer_keep(ngx_http_fn_link_t *link)
{
    ngx_connection_t  *c;

    c = link->connection;

    if (link->generation != link->slot->generation
        || ngx_terminate
        || ngx_exiting)
    {
        ngx_http_fn_peer_close(link);
        return;
    }

    c->data = link;
    c->read->handler = ngx_http_fn_peer_idle_handler;

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_fn_peer_close(link);
        return;
    }

    ngx_queue_insert_head(&link->pool->links[link->slot
                                             - link->pool->share->slots],
                          &link->queue);

    if (c->read->ready) {
        ngx_http_fn_peer_idle_handler(c->read);
    }
}


void
ngx_http_fn_peer_close(ngx_http_fn_link_t *link)
{
    ngx_connection_t  *c;

    c = link->connection;

    ngx_destroy_pool(c->pool);
    ngx_close_connection(c);
}


void
ngx_http_fn_peer_release(ngx_http_fn_link_t *link, ngx_uint_t place)
{
    ngx_http_fn_slot_release(link->pool, link->slot, place);
    ngx_http_fn_queue_next(link->pool);
}


/* end of file: the process is gone; bytes: nobody asked for them */

static void
ngx_http_fn_peer_idle_handler(ngx_event_t *ev)
{
    int                  n;
    char                 buf[1];
    ngx_connection_t    *c;
    ngx_http_fn_link_t  *link;

    c = ev->data;
    link = c->data;

    ev->timedout = 0;

    if (!c->close) {
        n = recv(c->fd, buf, 1, MSG_PEEK);

        if (n == -1 && ngx_socket_errno == NGX_EAGAIN) {
            ev->ready = 0;

            if (ngx_handle_read_event(ev, 0) == NGX_OK) {
                return;
            }
        }

        if (n > 0) {
            ngx_log_error(NGX_LOG_ERR, c->log, 0,
                          "fn \"%V\" process %P sent bytes when no event "
                          "was due", &link->pool->function->name,
                          (ngx_pid_t) link->slot->pid);

            ngx_http_fn_slot_suspect(link->pool->worker->zone, link->slot,
                                     &link->slot->broken, link->generation);
        }
    }

    ngx_queue_remove(&link->queue);
    ngx_http_fn_peer_close(link);
}
