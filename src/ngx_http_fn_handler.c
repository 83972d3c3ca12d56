
#include "ngx_http_fn_handler.h"
#include "ngx_http_fn_event.h"
#include "ngx_http_fn_native.h"
#include "ngx_http_fn_peer.h"
#include "ngx_http_fn_queue.h"
#include "ngx_http_fn_upstream.h"


static ngx_http_fn_ctx_t *ngx_http_fn_handler_create_ctx(
    ngx_http_request_t *r);
static void ngx_http_fn_handler_cleanup(void *data);
static void ngx_http_fn_handler_keep(ngx_http_fn_ctx_t *ctx);
static void ngx_http_fn_handler_kept(void *data);
static void ngx_http_fn_handler_body(ngx_http_request_t *r);


ngx_int_t
ngx_http_fn_handler(ngx_http_request_t *r)
{
    ngx_int_t           rc;
    ngx_http_fn_ctx_t  *ctx;

    ctx = ngx_http_fn_handler_create_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_REQUESTS);

    if ((ctx->function == NULL || ctx->function->native == NULL)
        && ngx_http_fn_upstream_create(ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_read_client_request_body(r, ngx_http_fn_handler_body);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static ngx_http_fn_ctx_t *
ngx_http_fn_handler_create_ctx(ngx_http_request_t *r)
{
    ngx_http_cleanup_t      *cln;
    ngx_http_fn_ctx_t       *ctx;
    ngx_http_fn_loc_conf_t  *flcf;

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_fn_module);

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_fn_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_fn_handler_cleanup;
    cln->data = ctx;

    ctx->request = r;
    ctx->function = flcf->function;
    ctx->arrived = ngx_current_msec;

    ctx->timer.data = ctx;
    ctx->timer.log = r->connection->log;

    ctx->again.data = ctx;
    ctx->again.log = r->connection->log;
    ctx->again.handler = ngx_http_fn_upstream_again_handler;

    ngx_http_set_ctx(r, ctx, ngx_http_fn_module);

    return ctx;
}


/* the request may end at any point of its way */

static void
ngx_http_fn_handler_cleanup(void *data)
{
    ngx_http_fn_ctx_t *ctx = data;

    if (ctx->waiting) {
        ngx_http_fn_queue_leave(ctx);
        ngx_http_fn_queue_next(ctx->function->pool);
        ngx_http_fn_handler_count(ctx, NGX_HTTP_FN_ABORTED);
    }

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    if (ctx->again.posted) {
        ngx_delete_posted_event(&ctx->again);
    }

    ngx_http_fn_peer_abandon(ctx);
    ngx_http_fn_reply_free(&ctx->reply);
}


static void
ngx_http_fn_handler_body(ngx_http_request_t *r)
{
    ngx_int_t           rc;
    ngx_http_fn_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_fn_module);

    if (ctx->function && ctx->function->native) {
        ngx_http_fn_native_start(ctx);
        return;
    }

    rc = ngx_http_fn_event_create(ctx);

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    if (ctx->function == NULL) {
        ngx_http_fn_upstream_start(ctx);
        return;
    }

    ngx_http_fn_queue_enter(ctx);
}


void
ngx_http_fn_handler_count(ngx_http_fn_ctx_t *ctx,
    ngx_http_fn_counter_e counter)
{
    ngx_http_fn_zone_t  *zone;

    switch (counter) {

    case NGX_HTTP_FN_REQUESTS:
    case NGX_HTTP_FN_RETRIED:
    case NGX_HTTP_FN_TAKEN_BACK:
    case NGX_HTTP_FN_BLOCKED:
        break;

    default:

        /* the first cause is the cause */

        if (ctx->counted) {
            return;
        }

        ctx->counted = 1;
        ctx->status = counter;

        ngx_http_fn_handler_keep(ctx);
    }

    if (ctx->function == NULL) {
        return;
    }

    zone = ctx->function->worker->zone;

    if (zone) {
        (void) ngx_atomic_fetch_add(
               &zone->shares[ctx->function->index].counters[counter], 1);
    }
}


/* error_page clears the contexts of a request: its log is to say why */

static void
ngx_http_fn_handler_keep(ngx_http_fn_ctx_t *ctx)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(ctx->request->pool, 0);

    if (cln) {
        cln->handler = ngx_http_fn_handler_kept;
        cln->data = ctx;
    }
}


/* is looked for by ngx_http_fn_handler_ctx(), and has nothing to do */

static void
ngx_http_fn_handler_kept(void *data)
{
}


ngx_http_fn_ctx_t *
ngx_http_fn_handler_ctx(ngx_http_request_t *r)
{
    ngx_http_fn_ctx_t   *ctx;
    ngx_pool_cleanup_t  *cln;

    ctx = ngx_http_get_module_ctx(r, ngx_http_fn_module);

    if (ctx || !(r->internal || r->filter_finalize)) {
        return ctx;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        ctx = cln->data;

        if (cln->handler == ngx_http_fn_handler_kept && ctx->request == r) {
            return ctx;
        }
    }

    return NULL;
}
