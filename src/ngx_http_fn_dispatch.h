
/* fn_call: functions that are called by name */


#ifndef _NGX_HTTP_FN_DISPATCH_H_INCLUDED_
#define _NGX_HTTP_FN_DISPATCH_H_INCLUDED_


#include "ngx_http_fn.h"


/* the content handler: goes on in the location of the function */
ngx_int_t ngx_http_fn_dispatch_handler(ngx_http_request_t *r);

/* where a process reaches it, PROTOCOL 1.4; empty: nowhere */
ngx_int_t ngx_http_fn_dispatch_address(ngx_conf_t *cf, ngx_str_t *address);


#endif /* _NGX_HTTP_FN_DISPATCH_H_INCLUDED_ */
