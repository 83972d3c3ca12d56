
/* what processes print: lines in the error log, so many a second */


#ifndef _NGX_HTTP_FN_OUTPUT_H_INCLUDED_
#define _NGX_HTTP_FN_OUTPUT_H_INCLUDED_


#include "ngx_http_fn.h"
#include "ngx_http_fn_process.h"


/* of one function, over all its processes */

typedef struct {
    ngx_http_fn_function_t      *function;
    uint64_t                     second;        /* CLOCK_MONOTONIC */
    ngx_uint_t                   lines;         /* in this second */
    ngx_uint_t                   dropped;
} ngx_http_fn_output_t;


/* one read of the stream, which is closed at its end */
void ngx_http_fn_output_read(ngx_http_fn_output_t *output,
    ngx_http_fn_stream_t *stream);

/* what an ended process has left in its pipes */
void ngx_http_fn_output_drain(ngx_http_fn_output_t *output,
    ngx_http_fn_process_t *p);

/* logs how much was dropped; returns when to be called again, in ms, or 0 */
uint64_t ngx_http_fn_output_report(ngx_http_fn_output_t *output, uint64_t now);


#endif /* _NGX_HTTP_FN_OUTPUT_H_INCLUDED_ */
