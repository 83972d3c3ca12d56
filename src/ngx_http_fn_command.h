
/* what a function's processes are started with */


#ifndef _NGX_HTTP_FN_COMMAND_H_INCLUDED_
#define _NGX_HTTP_FN_COMMAND_H_INCLUDED_


#include "ngx_http_fn.h"


#define NGX_HTTP_FN_SEARCH_PATH                                              \
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


/* function->argv: the interpreter, the runtime, fn_arguments */
ngx_int_t ngx_http_fn_command_argv(ngx_conf_t *cf,
    ngx_http_fn_function_t *fn, ngx_http_fn_loc_conf_t *flcf);

/* function->env: PROTOCOL 1.2 */
ngx_int_t ngx_http_fn_command_env(ngx_conf_t *cf,
    ngx_http_fn_function_t *fn, ngx_http_fn_loc_conf_t *flcf);

/* the same, with FN_SLOT: the number of the process, or of the nginx worker */
char **ngx_http_fn_command_slot_env(ngx_pool_t *pool,
    ngx_http_fn_function_t *fn, ngx_uint_t n);

/* a program of this name, absolute, or NULL */
char *ngx_http_fn_command_search(ngx_pool_t *pool, char *name);


#endif /* _NGX_HTTP_FN_COMMAND_H_INCLUDED_ */
