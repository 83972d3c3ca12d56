
#include "ngx_http_fn_crumb.h"
#include "ngx_http_fn_log.h"


static void ngx_http_fn_crumb_read(ngx_cycle_t *cycle,
    ngx_http_fn_function_t *function);
static void ngx_http_fn_crumb_crashed(ngx_cycle_t *cycle,
    ngx_http_fn_function_t *function);

static ngx_inline ngx_http_fn_share_t *
ngx_http_fn_crumb_share(ngx_http_fn_function_t *function)
{
    return &function->worker->zone->shares[function->index];
}


ngx_http_fn_crumb_t *
ngx_http_fn_crumb_of(ngx_http_fn_function_t *function)
{
    return &ngx_http_fn_crumb_share(function)->crumbs[function->worker->seat];
}


void
ngx_http_fn_crumb_init(ngx_cycle_t *cycle, ngx_http_fn_main_conf_t *fmcf)
{
    ngx_uint_t                i;
    ngx_http_fn_function_t  **fn;

    fn = fmcf->functions.elts;

    for (i = 0; i < fmcf->functions.nelts; i++) {
        if (fn[i]->native) {
            ngx_http_fn_crumb_read(cycle, fn[i]);
        }
    }
}


static void
ngx_http_fn_crumb_read(ngx_cycle_t *cycle, ngx_http_fn_function_t *function)
{
    ngx_str_t             path;
    ngx_http_fn_crumb_t  *crumb;
    u_char                buf[NGX_HTTP_FN_LOG_TEXT];

    crumb = ngx_http_fn_crumb_of(function);

    if (crumb->running == 0) {
        return;
    }

    path.data = crumb->path;
    path.len = ngx_strnlen(crumb->path, NGX_HTTP_FN_PATH_MAX);

    if (path.len) {
        path = ngx_http_fn_log_escape(buf, &path);

        ngx_log_error(NGX_LOG_CRIT, cycle->log, 0,
                      "fn \"%V\": worker process %P ended while this handler "
                      "ran, path \"%V\"", &function->name,
                      function->worker->former, &path);

    } else {
        ngx_log_error(NGX_LOG_CRIT, cycle->log, 0,
                      "fn \"%V\": worker process %P ended while this handler "
                      "was loaded", &function->name, function->worker->former);
    }

    crumb->running = 0;

    ngx_http_fn_crumb_crashed(cycle, function);
}


/* the last times are kept in a ring: the oldest tells how fast they come */

static void
ngx_http_fn_crumb_crashed(ngx_cycle_t *cycle, ngx_http_fn_function_t *function)
{
    int64_t               now, oldest;
    ngx_atomic_uint_t     n;
    ngx_http_fn_share_t  *share;

    share = ngx_http_fn_crumb_share(function);

    (void) ngx_atomic_fetch_add(&share->counters[NGX_HTTP_FN_CRASHED], 1);

    if (function->crash_limit == 0) {
        return;
    }

    now = ngx_http_fn_crumb_now() / 1000;

    n = ngx_atomic_fetch_add(&share->ncrashes, 1);
    share->crashes[n % function->crash_limit] = now;

    if (n + 1 < function->crash_limit) {
        return;
    }

    oldest = share->crashes[(n + 1) % function->crash_limit];

    if (now - oldest > (int64_t) function->crash_time || share->limited) {
        return;
    }

    share->limited = 1;

    ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                  "fn \"%V\": %ui crashes within %M ms, it answers 503 until "
                  "nginx is reloaded", &function->name, function->crash_limit,
                  function->crash_time);
}


ngx_uint_t
ngx_http_fn_crumb_limited(ngx_http_fn_function_t *function)
{
    return function->worker->zone
           && ngx_http_fn_crumb_share(function)->limited;
}


void
ngx_http_fn_crumb_enter(ngx_http_fn_function_t *function, ngx_str_t *path,
    int64_t now)
{
    size_t                len;
    ngx_http_fn_crumb_t  *crumb;

    if (function->worker->zone == NULL) {
        return;
    }

    crumb = ngx_http_fn_crumb_of(function);

    len = ngx_min(path->len, NGX_HTTP_FN_PATH_MAX);

    if (len) {
        ngx_memcpy(crumb->path, path->data, len);
    }

    crumb->path[len] = '\0';

    crumb->since = now;

    if (function->threads) {
        (void) ngx_atomic_fetch_add(&crumb->running, 1);

    } else {
        crumb->running = 1;
    }
}


void
ngx_http_fn_crumb_leave(ngx_http_fn_function_t *function)
{
    ngx_http_fn_crumb_t  *crumb;

    if (function->worker->zone == NULL) {
        return;
    }

    crumb = ngx_http_fn_crumb_of(function);

    if (function->threads) {
        (void) ngx_atomic_fetch_add(&crumb->running, -1);

    } else {
        crumb->running = 0;
    }
}


int64_t
ngx_http_fn_crumb_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
