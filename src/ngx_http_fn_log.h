
/* what handlers say, in nginx's error log: escaped and bounded */


#ifndef _NGX_HTTP_FN_LOG_H_INCLUDED_
#define _NGX_HTTP_FN_LOG_H_INCLUDED_


#include "ngx_http_fn.h"


#define NGX_HTTP_FN_LOG_TEXT  1800      /* of ngx_log's 2048 */


/* its name in PROTOCOL 1.2, also when it is off the scale */
ngx_str_t *ngx_http_fn_log_level(ngx_uint_t level);

/*
 * Writes text to buf (of at least NGX_HTTP_FN_LOG_TEXT bytes), control bytes
 * as \xNN, cut with "..." when it doesn't fit; UTF-8 stays as it is.
 */
ngx_str_t ngx_http_fn_log_escape(u_char *buf, ngx_str_t *text);

/* a record of a handler's logger or of a failure: ctx says of which request */
void ngx_http_fn_log_record(ngx_http_fn_ctx_t *ctx, ngx_uint_t level,
    ngx_str_t *message, ngx_str_t *with);

/* the handler failed: one record, and the stack a record per line */
void ngx_http_fn_log_failure(ngx_http_fn_ctx_t *ctx, ngx_str_t *error,
    ngx_str_t *message, ngx_str_t *stack);

/* the same for an event whose request is gone; log has no request either */

typedef struct {
    ngx_log_t   *log;
    ngx_str_t   *function;
    ngx_str_t   *id;
    ngx_uint_t   process;       /* pid */
} ngx_http_fn_log_of_t;

void ngx_http_fn_log_record_of(ngx_http_fn_log_of_t *of, ngx_uint_t level,
    ngx_str_t *message, ngx_str_t *with);
void ngx_http_fn_log_failure_of(ngx_http_fn_log_of_t *of, ngx_str_t *error,
    ngx_str_t *message, ngx_str_t *stack);

/* a text of several lines, a record each: "fn \"name\" pid N: line" */
void ngx_http_fn_log_lines(ngx_http_fn_function_t *function, ngx_pid_t pid,
    ngx_uint_t level, ngx_log_t *log, ngx_str_t *text);


#endif /* _NGX_HTTP_FN_LOG_H_INCLUDED_ */
