
/* the shared object of a native handler */


#ifndef _NGX_HTTP_FN_OBJECT_H_INCLUDED_
#define _NGX_HTTP_FN_OBJECT_H_INCLUDED_


#include "ngx_http_fn.h"
#include "ngx_http_fn_child.h"
#include "../runtimes/c/fn.h"


#define NGX_HTTP_FN_OBJECT_REASON  NGX_HTTP_FN_CHILD_ANSWER    /* bytes */


typedef struct {
    fn_handler_t             handler;
    fn_init_t                init;          /* NULL: it has none */
    fn_exit_t                exit;
} ngx_http_fn_object_t;


/*
 * While the configuration is read: that the object can be loaded, and has the
 * symbol and this ABI.  It is opened in a forked child, which runs as uid and
 * gid when nginx is root: nothing is ever loaded into the master.  On failure
 * writes the reason, a text for the log, to *reason (from pool).
 */
ngx_int_t ngx_http_fn_object_check(ngx_pool_t *pool, ngx_str_t *file,
    ngx_str_t *symbol, uid_t uid, gid_t gid, ngx_str_t *reason);

/*
 * Opens it in this process; file and symbol are zero-terminated.  On failure
 * writes why to reason->data, of NGX_HTTP_FN_OBJECT_REASON bytes.
 */
ngx_int_t ngx_http_fn_object_open(ngx_http_fn_object_t *object,
    ngx_str_t *file, ngx_str_t *symbol, ngx_str_t *reason);


#endif /* _NGX_HTTP_FN_OBJECT_H_INCLUDED_ */
