
/* fn_status: what the functions do, as JSON, for Prometheus, and as a page */


#ifndef _NGX_HTTP_FN_STATUS_H_INCLUDED_
#define _NGX_HTTP_FN_STATUS_H_INCLUDED_


#include "ngx_http_fn.h"


/* flcf->status_format */
#define NGX_HTTP_FN_STATUS_JSON        0
#define NGX_HTTP_FN_STATUS_HTML        1
#define NGX_HTTP_FN_STATUS_PROMETHEUS  2


/* the text being made: as many buffers as it takes */

typedef struct {
    ngx_pool_t              *pool;
    ngx_uint_t               format;
    ngx_chain_t             *out;
    ngx_chain_t            **last;
    ngx_buf_t               *buf;
    off_t                    length;
    ngx_uint_t               failed;        /* no memory */
} ngx_http_fn_status_out_t;


/* one function, read from the zone once */

typedef struct {
    ngx_http_fn_function_t  *function;
    ngx_http_fn_slot_t      *slots;
    ngx_uint_t               nslots;
    ngx_uint_t               limited;       /* by fn_crash_limit */
    uint64_t                 counters[NGX_HTTP_FN_COUNTERS];
    uint64_t                 waiting;
    uint64_t                 queue_time;    /* ms */
    uint64_t                 mean;          /* us */
    uint64_t                 sum;           /* us */
    uint64_t                 count;         /* of all buckets */
    uint64_t                 buckets[NGX_HTTP_FN_BUCKETS];
} ngx_http_fn_status_row_t;


typedef struct {
    ngx_http_fn_zone_t        *zone;        /* may be NULL */
    ngx_http_fn_status_row_t  *rows;
    ngx_uint_t                 nrows;
    uint64_t                   now;         /* ms, CLOCK_MONOTONIC */
} ngx_http_fn_status_t;


/* the content handler */
ngx_int_t ngx_http_fn_status_handler(ngx_http_request_t *r);

/* adds to the text: of at most 1024 bytes, or escaped for the format */
void ngx_http_fn_status_print(ngx_http_fn_status_out_t *out,
    const char *fmt, ...);
void ngx_http_fn_status_text(ngx_http_fn_status_out_t *out, ngx_str_t *text);


/* by ngx_http_fn_counter_e; the errors are those up to "aborted" */
extern const char  *const ngx_http_fn_status_names[];


#endif /* _NGX_HTTP_FN_STATUS_H_INCLUDED_ */
