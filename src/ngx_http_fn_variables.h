
/* $fn_name and the other variables */


#ifndef _NGX_HTTP_FN_VARIABLES_H_INCLUDED_
#define _NGX_HTTP_FN_VARIABLES_H_INCLUDED_


#include "ngx_http_fn.h"


/* preconfiguration */
ngx_int_t ngx_http_fn_variables_add(ngx_conf_t *cf);


#endif /* _NGX_HTTP_FN_VARIABLES_H_INCLUDED_ */
