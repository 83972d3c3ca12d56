
/* descriptors that the supervisor waits for */


#ifndef _NGX_HTTP_FN_SOURCE_H_INCLUDED_
#define _NGX_HTTP_FN_SOURCE_H_INCLUDED_


#include "ngx_http_fn.h"

#include <sys/epoll.h>


/* part of its owner, which has to live until all of a round is dispatched */

typedef struct {
    int                          epoll;
    int                          fd;            /* -1: closed */
    void                       (*handler)(void *data);
    void                        *data;
} ngx_http_fn_source_t;


/* source->fd, handler and data are set; NGX_ERROR is logged, fd stays open */
ngx_int_t ngx_http_fn_source_add(ngx_http_fn_source_t *source, int epoll,
    ngx_log_t *log);

/* handler is not called any more; fd stays open */
void ngx_http_fn_source_mute(ngx_http_fn_source_t *source);

void ngx_http_fn_source_close(ngx_http_fn_source_t *source);

/* a round: the number of sources that have something, after timer ms 0 */
ngx_int_t ngx_http_fn_source_wait(int epoll, struct epoll_event *events,
    ngx_uint_t nevents, ngx_msec_t timer);

void ngx_http_fn_source_dispatch(struct epoll_event *events, ngx_int_t n);


#endif /* _NGX_HTTP_FN_SOURCE_H_INCLUDED_ */
