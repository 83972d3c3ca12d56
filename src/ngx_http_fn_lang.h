
/* the languages: a row each, and nothing about them elsewhere in C */


#ifndef _NGX_HTTP_FN_LANG_H_INCLUDED_
#define _NGX_HTTP_FN_LANG_H_INCLUDED_


#include "ngx_http_fn.h"


/* the row of this name, or NULL */
const ngx_http_fn_lang_t *ngx_http_fn_lang_find(ngx_str_t *name);


#endif /* _NGX_HTTP_FN_LANG_H_INCLUDED_ */
