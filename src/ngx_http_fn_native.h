
/* native handlers: shared objects behind runtimes/c/fn.h */


#ifndef _NGX_HTTP_FN_NATIVE_H_INCLUDED_
#define _NGX_HTTP_FN_NATIVE_H_INCLUDED_


#include "ngx_http_fn.h"


/* at configuration: function->native; thread_pool may be NULL (inline) */
ngx_int_t ngx_http_fn_native_create(ngx_conf_t *cf,
    ngx_http_fn_function_t *function, ngx_thread_pool_t *thread_pool);

/* in a worker: loads the object; a failure is logged and answers 503 */
void ngx_http_fn_native_init_process(ngx_cycle_t *cycle,
    ngx_http_fn_function_t *function);

void ngx_http_fn_native_exit_process(ngx_cycle_t *cycle,
    ngx_http_fn_function_t *function);

/*
 * The body has been read: runs the handler, inline or on the thread pool,
 * answers, and finalizes the request.
 */
void ngx_http_fn_native_start(ngx_http_fn_ctx_t *ctx);


#endif /* _NGX_HTTP_FN_NATIVE_H_INCLUDED_ */
