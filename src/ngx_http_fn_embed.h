
/* "in_worker": the native handler that runs a function of another language */


#ifndef _NGX_HTTP_FN_EMBED_H_INCLUDED_
#define _NGX_HTTP_FN_EMBED_H_INCLUDED_


#include "ngx_http_fn.h"


/*
 * function->object: the shared object of the language, or one that is built
 * from the target now.  On failure writes the reason (from cf->pool).
 */
ngx_int_t ngx_http_fn_embed_object(ngx_conf_t *cf, ngx_http_fn_function_t *fn,
    ngx_http_fn_loc_conf_t *flcf, ngx_str_t *reason);


#endif /* _NGX_HTTP_FN_EMBED_H_INCLUDED_ */
