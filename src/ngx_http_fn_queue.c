
/*
 * Each worker keeps its waiting requests in a list of its own, in the order
 * of their tickets, and publishes the first ticket in share->waiting[seat].
 * The smallest word of all workers is next.  Publishing and looking for a
 * place are both done after a full barrier, in this order by who waits and in
 * the other by who gives a place back, so one of them always sees the other.
 */


#include "ngx_http_fn_queue.h"
#include "ngx_http_fn_handler.h"
#include "ngx_http_fn_response.h"
#include "ngx_http_fn_slot.h"
#include "ngx_http_fn_upstream.h"


#define NGX_HTTP_FN_QUEUE_PASS  10      /* ms that a woken worker may take */
#define NGX_HTTP_FN_LEASE       2       /* ms until an event is taken back */


static void ngx_http_fn_queue_insert(ngx_http_fn_pool_t *pool,
    ngx_http_fn_ctx_t *ctx);
static ngx_queue_t *ngx_http_fn_queue_before(ngx_http_fn_pool_t *pool,
    ngx_http_fn_ctx_t *ctx);
static void ngx_http_fn_queue_publish(ngx_http_fn_pool_t *pool);
static ngx_uint_t ngx_http_fn_queue_length(ngx_http_fn_pool_t *pool);
static ngx_int_t ngx_http_fn_queue_first(ngx_http_fn_zone_t *zone,
    ngx_http_fn_share_t *share, ngx_atomic_uint_t skip);
static void ngx_http_fn_queue_start(ngx_http_fn_ctx_t *ctx, ngx_int_t lease);
static void ngx_http_fn_queue_refuse(ngx_http_fn_ctx_t *ctx,
    ngx_http_fn_counter_e why);
static ngx_uint_t ngx_http_fn_queue_behind(ngx_http_fn_pool_t *pool,
    ngx_atomic_uint_t skip, ngx_uint_t wake);
static void ngx_http_fn_queue_serve(ngx_http_fn_pool_t *pool,
    ngx_atomic_uint_t skip);
static void ngx_http_fn_queue_timeout(ngx_event_t *ev);
static void ngx_http_fn_queue_serve_handler(ngx_event_t *ev);
static void ngx_http_fn_queue_pass_handler(ngx_event_t *ev);


ngx_http_fn_pool_t *
ngx_http_fn_queue_create(ngx_cycle_t *cycle, ngx_http_fn_function_t *function)
{
    ngx_uint_t             i;
    struct sockaddr_un    *addr;
    ngx_http_fn_pool_t    *pool;
    ngx_http_fn_worker_t  *worker;

    worker = function->worker;

    pool = ngx_pcalloc(cycle->pool, sizeof(ngx_http_fn_pool_t));
    if (pool == NULL) {
        return NULL;
    }

    pool->function = function;
    pool->worker = worker;
    pool->share = worker->zone ? &worker->zone->shares[function->index] : NULL;

    ngx_queue_init(&pool->waiting);

    pool->event.handler = ngx_http_fn_queue_serve_handler;
    pool->event.data = pool;
    pool->event.log = cycle->log;

    pool->pass.handler = ngx_http_fn_queue_pass_handler;
    pool->pass.data = pool;
    pool->pass.log = cycle->log;
    pool->pass.cancelable = 1;

    pool->links = ngx_palloc(cycle->pool,
                             function->processes * sizeof(ngx_queue_t));
    pool->addrs = ngx_pcalloc(cycle->pool, function->processes
                                           * sizeof(struct sockaddr_un));
    if (pool->links == NULL || pool->addrs == NULL) {
        return NULL;
    }

    for (i = 0; i < function->processes; i++) {
        ngx_queue_init(&pool->links[i]);

        addr = &pool->addrs[i];
        addr->sun_family = AF_UNIX;

        (void) ngx_snprintf((u_char *) addr->sun_path,
                            sizeof(addr->sun_path) - 1, "%V/%ui.%ui",
                            &worker->dir, function->index, i);
    }

    return pool;
}


void
ngx_http_fn_queue_enter(ngx_http_fn_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_http_fn_pool_t      *pool;
    ngx_http_fn_function_t  *function;

    function = ctx->function;
    pool = function->pool;

    if (function->worker->zone == NULL) {
        ngx_http_fn_queue_refuse(ctx, NGX_HTTP_FN_NOT_READY);
        return;
    }

    if (ctx->ticket) {

        /* it had its turn already, and was not run */

        ctx->ticket = NGX_HTTP_FN_TICKET_AGAIN;
        ngx_http_fn_queue_insert(pool, ctx);
        return;
    }

    if (ngx_http_fn_queue_first(pool->worker->zone, pool->share, 0) == -1) {
        rc = ngx_http_fn_slot_claim(pool, ctx);

        if (rc == NGX_OK || rc == NGX_DONE) {
            ctx->ticket = NGX_HTTP_FN_TICKET_AGAIN;
            ngx_http_fn_queue_start(ctx, rc);
            return;
        }

        if (rc == NGX_DECLINED) {
            ngx_http_fn_queue_refuse(ctx, NGX_HTTP_FN_NOT_READY);
            return;
        }
    }

    if (ngx_http_fn_queue_length(pool) >= function->queue) {
        ngx_http_fn_queue_refuse(ctx, NGX_HTTP_FN_QUEUE_FULL);
        return;
    }

    ctx->ticket = ngx_atomic_fetch_add(&pool->share->ticket, 1) + 1;

    ngx_http_fn_queue_insert(pool, ctx);
}


static void
ngx_http_fn_queue_insert(ngx_http_fn_pool_t *pool, ngx_http_fn_ctx_t *ctx)
{
    ngx_queue_t         *q;
    ngx_http_request_t  *r;

    r = ctx->request;

    /* the client may leave while its request waits */

    if (r->stream == NULL
        && ngx_handle_read_event(r->connection->read, 0) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    q = ngx_http_fn_queue_before(pool, ctx);
    ngx_queue_insert_after(q, &ctx->queue);

    if (pool->nwaiting++ == 0) {
        ngx_queue_insert_tail(&pool->worker->pools, &pool->queue);
    }

    ctx->waiting = 1;
    ctx->queued = ngx_current_msec;

    ctx->timer.handler = ngx_http_fn_queue_timeout;
    ngx_add_timer(&ctx->timer, ctx->function->queue_timeout);

    ngx_http_fn_queue_publish(pool);

    /* a place may have become free since it was looked for */

    ngx_post_event(&pool->event, &ngx_posted_events);
}


/* behind whom: a new ticket is the last, and those sent again are the first */

static ngx_queue_t *
ngx_http_fn_queue_before(ngx_http_fn_pool_t *pool, ngx_http_fn_ctx_t *ctx)
{
    ngx_queue_t        *q;
    ngx_http_fn_ctx_t  *other;

    if (ctx->ticket != NGX_HTTP_FN_TICKET_AGAIN) {
        return ngx_queue_last(&pool->waiting);
    }

    for (q = ngx_queue_head(&pool->waiting);
         q != ngx_queue_sentinel(&pool->waiting);
         q = ngx_queue_next(q))
    {
        other = ngx_queue_data(q, ngx_http_fn_ctx_t, queue);

        if (other->ticket != NGX_HTTP_FN_TICKET_AGAIN) {
            break;
        }
    }

    return ngx_queue_prev(q);
}


void
ngx_http_fn_queue_leave(ngx_http_fn_ctx_t *ctx)
{
    ngx_http_fn_pool_t  *pool;

    if (!ctx->waiting) {
        return;
    }

    pool = ctx->function->pool;

    ctx->waiting = 0;
    ctx->queue_time += ngx_current_msec - ctx->queued;

    (void) ngx_atomic_fetch_add(&pool->share->queue_time,
                                ngx_current_msec - ctx->queued);

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    ngx_queue_remove(&ctx->queue);

    if (--pool->nwaiting == 0) {
        ngx_queue_remove(&pool->queue);
    }

    ngx_http_fn_queue_publish(pool);
}


static void
ngx_http_fn_queue_publish(ngx_http_fn_pool_t *pool)
{
    ngx_http_fn_ctx_t  *ctx;
    ngx_atomic_uint_t   word;

    word = 0;

    if (!ngx_queue_empty(&pool->waiting)) {
        ctx = ngx_queue_data(ngx_queue_head(&pool->waiting),
                             ngx_http_fn_ctx_t, queue);

        word = ngx_http_fn_ticket_word(ctx->ticket, pool->worker->owner);
    }

    pool->share->nwaiting[pool->worker->seat] = pool->nwaiting;
    pool->share->waiting[pool->worker->seat] = word;

    ngx_memory_barrier();
}


static ngx_uint_t
ngx_http_fn_queue_length(ngx_http_fn_pool_t *pool)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < pool->worker->zone->nseats; i++) {
        n += pool->share->nwaiting[i];
    }

    return n;
}


/* the seat whose request has waited longest, or -1 */

static ngx_int_t
ngx_http_fn_queue_first(ngx_http_fn_zone_t *zone, ngx_http_fn_share_t *share,
    ngx_atomic_uint_t skip)
{
    ngx_int_t          first;
    ngx_uint_t         i;
    ngx_atomic_uint_t  word, least;

    first = -1;
    least = (ngx_atomic_uint_t) -1;

    for (i = 0; i < zone->nseats; i++) {
        word = share->waiting[i];

        if (word && word < least && word != skip) {
            first = i;
            least = word;
        }
    }

    return first;
}


static void
ngx_http_fn_queue_start(ngx_http_fn_ctx_t *ctx, ngx_int_t lease)
{
    ctx->event.start_by = 0;

    if (lease == NGX_DONE) {
        ctx->event.start_by = ngx_http_fn_slot_now() + NGX_HTTP_FN_LEASE;
    }

    ngx_http_fn_upstream_start(ctx);
}


static void
ngx_http_fn_queue_refuse(ngx_http_fn_ctx_t *ctx, ngx_http_fn_counter_e why)
{
    static const char  *reasons[] = {
        "its queue is full (\"fn_queue\")",
        "no process became free in time (\"fn_queue\")",
        "none of its processes could be started, see above"
    };

    ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                  "fn \"%V\" is unavailable: %s", &ctx->function->name,
                  reasons[why - NGX_HTTP_FN_QUEUE_FULL]);

    ngx_http_fn_handler_count(ctx, why);
    ngx_http_fn_response_unavailable(ctx->request);
}


void
ngx_http_fn_queue_wake(ngx_http_fn_zone_t *zone, ngx_http_fn_share_t *share)
{
    uint64_t   one = 1;
    ngx_int_t  seat;

    ngx_memory_barrier();

    seat = ngx_http_fn_queue_first(zone, share, 0);

    if (seat != -1) {
        (void) ngx_write_fd(zone->seats[seat].fd, &one, sizeof(one));
    }
}


void
ngx_http_fn_queue_next(ngx_http_fn_pool_t *pool)
{
    ngx_int_t  seat;

    ngx_memory_barrier();

    seat = ngx_http_fn_queue_first(pool->worker->zone, pool->share, 0);

    if (seat == -1) {
        return;
    }

    if (pool->nwaiting) {
        ngx_post_event(&pool->event, &ngx_posted_events);
    }

    if ((ngx_uint_t) seat != pool->worker->seat) {
        ngx_http_fn_queue_wake(pool->worker->zone, pool->share);
    }
}


void
ngx_http_fn_queue_handler(ngx_event_t *ev)
{
    uint64_t                  n;
    ngx_queue_t              *q, *pools;
    ngx_connection_t         *c;
    ngx_http_fn_pool_t       *pool;
    ngx_http_fn_main_conf_t  *fmcf;

    c = ev->data;

    (void) ngx_read_fd(c->fd, &n, sizeof(n));

    fmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle, ngx_http_fn_module);

    pools = &fmcf->worker->pools;

    for (q = ngx_queue_head(pools);
         q != ngx_queue_sentinel(pools);
         q = ngx_queue_next(q))
    {
        pool = ngx_queue_data(q, ngx_http_fn_pool_t, queue);
        ngx_post_event(&pool->event, &ngx_posted_events);
    }
}


static void
ngx_http_fn_queue_serve_handler(ngx_event_t *ev)
{
    ngx_http_fn_queue_serve(ev->data, 0);
}


/* the worker that was first has had its time: it must be blocked */

static void
ngx_http_fn_queue_pass_handler(ngx_event_t *ev)
{
    ngx_http_fn_pool_t  *pool = ev->data;

    ngx_http_fn_queue_serve(pool, pool->first);
}


static void
ngx_http_fn_queue_serve(ngx_http_fn_pool_t *pool, ngx_atomic_uint_t skip)
{
    ngx_int_t            rc;
    ngx_uint_t           wake;
    ngx_connection_t    *c;
    ngx_http_fn_ctx_t   *ctx;

    wake = (skip != 0);

    while (!ngx_queue_empty(&pool->waiting)) {

        if (ngx_http_fn_queue_behind(pool, skip, wake)) {
            return;
        }

        ctx = ngx_queue_data(ngx_queue_head(&pool->waiting),
                             ngx_http_fn_ctx_t, queue);

        rc = ngx_http_fn_slot_claim(pool, ctx);

        if (rc == NGX_AGAIN) {
            return;
        }

        ngx_http_fn_queue_leave(ctx);

        wake = 1;

        c = ctx->request->connection;
        ngx_http_set_log_request(c->log, ctx->request);

        if (rc == NGX_DECLINED) {
            ngx_http_fn_queue_refuse(ctx, NGX_HTTP_FN_NOT_READY);

        } else {
            ngx_http_fn_queue_start(ctx, rc);
        }

        ngx_http_run_posted_requests(c);
    }

    /* a place may be left for a request of another worker */

    ngx_http_fn_queue_wake(pool->worker->zone, pool->share);
}


/*
 * Another worker's request is first, and is given a moment.  Who gives a place
 * back wakes it; only when there may be one more it is woken from here, or two
 * workers with two functions would wake each other for ever.
 */

static ngx_uint_t
ngx_http_fn_queue_behind(ngx_http_fn_pool_t *pool, ngx_atomic_uint_t skip,
    ngx_uint_t wake)
{
    uint64_t             one = 1;
    ngx_int_t            seat;
    ngx_http_fn_zone_t  *zone;

    zone = pool->worker->zone;

    seat = ngx_http_fn_queue_first(zone, pool->share, skip);

    if (seat == -1 || (ngx_uint_t) seat == pool->worker->seat) {
        return 0;
    }

    if (!pool->pass.timer_set) {
        pool->first = pool->share->waiting[seat];
        ngx_add_timer(&pool->pass, NGX_HTTP_FN_QUEUE_PASS);
    }

    if (wake) {
        (void) ngx_write_fd(zone->seats[seat].fd, &one, sizeof(one));
    }

    return 1;
}


static void
ngx_http_fn_queue_timeout(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_fn_ctx_t   *ctx;
    ngx_http_fn_pool_t  *pool;

    ctx = ev->data;
    pool = ctx->function->pool;
    c = ctx->request->connection;

    ngx_http_set_log_request(c->log, ctx->request);

    ngx_http_fn_queue_leave(ctx);
    ngx_http_fn_queue_next(pool);

    ngx_http_fn_queue_refuse(ctx, NGX_HTTP_FN_QUEUE_TIMEOUT);

    ngx_http_run_posted_requests(c);
}
