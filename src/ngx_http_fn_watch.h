
/* fn_watch: a function's files have changed */


#ifndef _NGX_HTTP_FN_WATCH_H_INCLUDED_
#define _NGX_HTTP_FN_WATCH_H_INCLUDED_


#include "ngx_http_fn.h"
#include "ngx_http_fn_supervisor.h"


/* NGX_ERROR is logged: then nothing is watched */
ngx_int_t ngx_http_fn_watch_init(ngx_http_fn_supervisor_t *sv);

/* 1, once, when the files of the crew's function have changed and settled */
ngx_uint_t ngx_http_fn_watch_changed(ngx_http_fn_crew_t *crew);


#endif /* _NGX_HTTP_FN_WATCH_H_INCLUDED_ */
