
/* descriptors that the supervisor waits for */


#ifndef _NGX_HTTP_FN_SOURCE_H_INCLUDED_
#define _NGX_HTTP_FN_SOURCE_H_INCLUDED_


#include "ngx_http_fn.h"


/* owned by what it is embedded in, which must outlive a round of _wait() */

typedef struct {
    int                          epoll;
    int                          fd;            /* -1: closed */
    void                       (*handler)(void *data);
    void                        *data;
} ngx_http_fn_source_t;


/* source->fd, handler and data are set; NGX_ERROR is logged, fd stays open */
ngx_int_t ngx_http_fn_source_add(ngx_http_fn_source_t *source, int epoll,
    ngx_log_t *log);

void ngx_http_fn_source_close(ngx_http_fn_source_t *source);

/* one round: waits up to timer ms, sets *now (CLOCK_MONOTONIC), calls handlers */
void ngx_http_fn_source_wait(int epoll, ngx_msec_t timer, uint64_t *now,
    ngx_log_t *log);


#endif /* _NGX_HTTP_FN_SOURCE_H_INCLUDED_ */
