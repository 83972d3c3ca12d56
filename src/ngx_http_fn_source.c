
#include "ngx_http_fn_source.h"
#include "ngx_http_fn_slot.h"

#include <sys/epoll.h>


#define NGX_HTTP_FN_SOURCE_EVENTS  64


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
ngx_http_fn_source_close(ngx_http_fn_source_t *source)
{
    struct epoll_event  ee;

    if (source->fd == -1) {
        return;
    }

    /*
     * close() alone isn't enough: a child that was just forked may still have
     * the descriptor, and epoll would go on to report it
     */

    (void) epoll_ctl(source->epoll, EPOLL_CTL_DEL, source->fd, &ee);
    (void) close(source->fd);

    source->fd = -1;
}


void
ngx_http_fn_source_wait(int epoll, ngx_msec_t timer, uint64_t *now,
    ngx_log_t *log)
{
    int                    i, n;
    ngx_http_fn_source_t  *source;
    struct epoll_event     events[NGX_HTTP_FN_SOURCE_EVENTS];

    n = epoll_wait(epoll, events, NGX_HTTP_FN_SOURCE_EVENTS, (int) timer);

    ngx_time_update();

    *now = ngx_http_fn_slot_now();

    if (n == -1 && ngx_errno != NGX_EINTR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno, "epoll_wait() failed");
        ngx_msleep(100);
    }

    for (i = 0; i < n; i++) {
        source = events[i].data.ptr;

        if (source->fd != -1) {
            source->handler(source->data);
        }
    }
}
