
/* one call of a native handler: its event and its response, as fn.h says */


#ifndef _NGX_HTTP_FN_CALL_H_INCLUDED_
#define _NGX_HTTP_FN_CALL_H_INCLUDED_


#include "ngx_http_fn.h"
#include "../runtimes/c/fn.h"


/* the handler's context; the first member is what the handler sees */

typedef struct {
    fn_context_t             fn;
    ngx_http_fn_function_t  *function;
    const char *const       *env;       /* PROTOCOL 1.2 */
} ngx_http_fn_call_context_t;


/* event is first, so that both pointers of the handler lead here */

typedef struct {
    fn_event_t               event;
    fn_response_t            response;

    ngx_http_fn_ctx_t       *ctx;
    ngx_pool_t              *pool;      /* not r->pool off the event loop */
    ngx_path_t              *temp_path;

    ngx_str_t                body;      /* of the event, once asked for */
    ngx_uint_t               status;
    ngx_array_t              headers;   /* ngx_http_fn_header_t */
    ngx_chain_t             *out;       /* the body, or what isn't in file */
    ngx_chain_t            **last;
    ngx_buf_t               *buf;       /* the last of out */
    size_t                   size;      /* of the buffers of out */
    off_t                    length;
    ngx_file_t              *file;      /* NULL: all is in memory */

    ngx_str_t                error;     /* why the handler failed */
    ngx_str_t                message;
    ngx_str_t                stack;

    unsigned                 threaded:1;
    unsigned                 typed:1;   /* there is a Content-Type */
    unsigned                 failed:1;  /* the body is not whole */
} ngx_http_fn_call_t;


/* pool: where the response lives; threaded: not on the event loop */
void ngx_http_fn_call_init(ngx_http_fn_call_t *call, ngx_http_fn_ctx_t *ctx,
    ngx_pool_t *pool, ngx_uint_t threaded);

/* the handler is done: sends its response; what to finalize with */
ngx_int_t ngx_http_fn_call_send(ngx_http_fn_call_t *call);


extern const fn_api_t  ngx_http_fn_call_api;


#endif /* _NGX_HTTP_FN_CALL_H_INCLUDED_ */
