
/* what the making of functions shares, and how they are found */


#ifndef _NGX_HTTP_FN_FUNCTION_H_INCLUDED_
#define _NGX_HTTP_FN_FUNCTION_H_INCLUDED_


#include "ngx_http_fn.h"


/* the function of this name, or NULL */
ngx_http_fn_function_t *ngx_http_fn_function_find(
    ngx_http_fn_main_conf_t *fmcf, ngx_str_t *name);

/* whether the function's user may do that; if not, it is logged */
ngx_int_t ngx_http_fn_function_access(ngx_conf_t *cf,
    ngx_http_fn_function_t *fn, char *file, int mode);

/* logs at emerg, with the position of the function's directive */
void ngx_http_fn_function_error(ngx_conf_t *cf,
    ngx_http_fn_function_t *fn, ngx_err_t err, const char *fmt, ...);


#endif /* _NGX_HTTP_FN_FUNCTION_H_INCLUDED_ */
