
/* the input filters of the upstream */


#ifndef _NGX_HTTP_FN_FILTER_H_INCLUDED_
#define _NGX_HTTP_FN_FILTER_H_INCLUDED_


#include "ngx_http_fn.h"


ngx_int_t ngx_http_fn_filter_init(void *data);

/* buffered and not; a stream always comes to the second */
ngx_int_t ngx_http_fn_filter_pipe(ngx_event_pipe_t *p, ngx_buf_t *buf);
ngx_int_t ngx_http_fn_filter_unbuffered(void *data, ssize_t bytes);


#endif /* _NGX_HTTP_FN_FILTER_H_INCLUDED_ */
