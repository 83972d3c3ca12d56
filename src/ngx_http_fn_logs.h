
/* the records of one event, for X-Nuclio-Logs: fn_logs_header */


#ifndef _NGX_HTTP_FN_LOGS_H_INCLUDED_
#define _NGX_HTTP_FN_LOGS_H_INCLUDED_


#include "ngx_http_fn.h"


#define NGX_HTTP_FN_LOGS_MAX  4096      /* a header so long is not sent */


/*
 * r->pool.  With "threads" the thread writes it until the handler returns, and
 * nobody reads it before.
 */

struct ngx_http_fn_logs_s {
    ngx_uint_t   level;         /* the least one that was asked for */
    ngx_uint_t   own;           /* the function's */
    u_char      *pos;           /* NULL: there were too many */
    u_char       buf[NGX_HTTP_FN_LOGS_MAX];
};


/*
 * The client asks for the records of a level, by its name: makes ctx->logs,
 * and the event says so when the function's own level is higher.
 */
ngx_int_t ngx_http_fn_logs_create(ngx_http_fn_ctx_t *ctx, ngx_str_t *level);

/*
 * Adds a record, unless nobody wants it; with: an object's JSON, NULL or empty.
 * Returns whether it is for the client only, and not for the error log.
 */
ngx_uint_t ngx_http_fn_logs_add(ngx_http_fn_ctx_t *ctx, ngx_uint_t level,
    ngx_str_t *message, ngx_str_t *with);

/* the header's value, which later records change; NGX_DECLINED: none */
ngx_int_t ngx_http_fn_logs_value(ngx_http_fn_logs_t *logs, ngx_str_t *value);


#endif /* _NGX_HTTP_FN_LOGS_H_INCLUDED_ */
