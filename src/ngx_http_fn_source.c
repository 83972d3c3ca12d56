
#include "ngx_http_fn_source.h"


ngx_int_t
ngx_http_fn_source_add(ngx_http_fn_source_t *source, int epoll, ngx_log_t *log)
{
    struct epoll_event  ee;

    ee.events = EPOLLIN;
    ee.data.ptr = source;

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, source->fd, &ee) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "epoll_ctl(EPOLL_CTL_ADD, %d) failed", source->fd);
        return NGX_ERROR;
    }

    source->epoll = epoll;

    return NGX_OK;
}


void
ngx_http_fn_source_mute(ngx_http_fn_source_t *source)
{
    struct epoll_event  ee;

    if (source->fd != -1) {
        (void) epoll_ctl(source->epoll, EPOLL_CTL_DEL, source->fd, &ee);
    }
}


void
ngx_http_fn_source_close(ngx_http_fn_source_t *source)
{
    if (source->fd == -1) {
        return;
    }

    /*
     * close() alone isn't enough: a child that was just forked may still have
     * the descriptor, and epoll would go on to report it
     */

    ngx_http_fn_source_mute(source);

    (void) close(source->fd);

    source->fd = -1;
}


ngx_int_t
ngx_http_fn_source_wait(int epoll, struct epoll_event *events,
    ngx_uint_t nevents, ngx_msec_t timer)
{
    int  n;

    n = epoll_wait(epoll, events, nevents, (int) timer);

    /* EINTR, as nothing else can happen: another round */

    return (n == -1) ? 0 : n;
}


void
ngx_http_fn_source_dispatch(struct epoll_event *events, ngx_int_t n)
{
    ngx_int_t              i;
    ngx_http_fn_source_t  *source;

    for (i = 0; i < n; i++) {
        source = events[i].data.ptr;

        /* one of this round may have closed another */

        if (source->fd != -1) {
            source->handler(source->data);
        }
    }
}
