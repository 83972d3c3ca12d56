
/*
 * What a function is told about a request.  No other file reads headers_in or
 * the body.  All strings of the event are borrowed from the request.
 */


#include "ngx_http_fn_event.h"
#include "ngx_http_fn_logs.h"


/* in a response they make runtimes send a file, PROTOCOL 4.2 */

#define NGX_HTTP_FN_EVENT_FILE      "X-Nuclio-Filestream-"
#define NGX_HTTP_FN_EVENT_FILE_LEN  (sizeof(NGX_HTTP_FN_EVENT_FILE) - 1)


static ngx_uint_t ngx_http_fn_event_fits(ngx_http_fn_event_t *event);
static ngx_int_t ngx_http_fn_event_logs(ngx_http_fn_ctx_t *ctx);
static ngx_uint_t ngx_http_fn_event_lines(ngx_http_request_t *r);
static off_t ngx_http_fn_event_body_length(ngx_http_request_t *r);
static ssize_t ngx_http_fn_event_buf_read(ngx_buf_t *b, off_t offset,
    u_char *buf, size_t len);


ngx_int_t
ngx_http_fn_event_create(ngx_http_fn_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_fn_event_fields(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_fn_event_id(ctx) != NGX_OK
        || ngx_http_fn_event_headers(ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!ngx_http_fn_event_fits(&ctx->event)) {
        ngx_log_error(NGX_LOG_INFO, ctx->request->connection->log, 0,
                      "client sent too large header for a function");
        return NGX_HTTP_REQUEST_HEADER_TOO_LARGE;
    }

    return NGX_OK;
}


/* whether the event's line is within PROTOCOL 3.3 */

static ngx_uint_t
ngx_http_fn_event_fits(ngx_http_fn_event_t *event)
{
    u_char      *buf, *p;
    size_t       size;
    ngx_uint_t   i;

    size = 1024 + event->path.len + event->query.len;

    for (i = 0; i < event->nheaders; i++) {
        size += event->headers[i].name.len + event->headers[i].value.len + 8;
    }

    /* an escaped byte takes six */

    if (size * 6 < NGX_HTTP_FN_EVENT_LINE_MAX) {
        return 1;
    }

    buf = ngx_alloc(NGX_HTTP_FN_EVENT_LINE_MAX, ngx_cycle->log);
    if (buf == NULL) {
        return 0;
    }

    p = ngx_http_fn_event_write(event, buf,
                                buf + NGX_HTTP_FN_EVENT_LINE_MAX
                                - sizeof(",\"start_by\":") - NGX_INT64_LEN);
    ngx_free(buf);

    return p != NULL;
}


ngx_int_t
ngx_http_fn_event_fields(ngx_http_fn_ctx_t *ctx)
{
    ngx_http_request_t      *r;
    ngx_http_fn_event_t     *event;
    ngx_http_fn_loc_conf_t  *flcf;

    r = ctx->request;
    event = &ctx->event;

    if (ngx_http_fn_event_lines(r) > NGX_HTTP_FN_EVENT_HEADERS) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "client sent too many header lines for a function");
        return NGX_HTTP_REQUEST_HEADER_TOO_LARGE;
    }

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_fn_module);

    event->method = r->method_name;
    event->path = r->uri;
    event->query = r->args;
    event->remote_addr = r->connection->addr_text;
    event->function = flcf->name;
    event->sec = r->start_sec;
    event->msec = r->start_msec;
    event->body_length = ngx_http_fn_event_body_length(r);

    return flcf->logs_header ? ngx_http_fn_event_logs(ctx) : NGX_OK;
}


static ngx_int_t
ngx_http_fn_event_logs(ngx_http_fn_ctx_t *ctx)
{
    ngx_str_t  *level;

    static ngx_str_t  name = ngx_string("X-Nuclio-Log-Level");

    level = ngx_http_fn_event_find(ctx->request, &name);

    if (level && ngx_http_fn_logs_create(ctx, level) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_fn_event_id(ngx_http_fn_ctx_t *ctx)
{
    ngx_http_request_t         *r;
    ngx_http_variable_value_t  *value;
    ngx_http_fn_main_conf_t    *fmcf;

    if (ctx->event.id.data) {
        return NGX_OK;
    }

    r = ctx->request;
    fmcf = ngx_http_get_module_main_conf(r, ngx_http_fn_module);

    value = ngx_http_get_indexed_variable(r, fmcf->request_id);

    if (value == NULL || value->not_found) {
        return NGX_ERROR;
    }

    ctx->event.id.len = value->len;
    ctx->event.id.data = value->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_fn_event_headers(ngx_http_fn_ctx_t *ctx)
{
    ngx_uint_t             i;
    ngx_list_part_t       *part;
    ngx_table_elt_t       *elts;
    ngx_http_request_t    *r;
    ngx_http_fn_header_t  *header;

    if (ctx->event.headers) {
        return NGX_OK;
    }

    r = ctx->request;

    header = ngx_palloc(r->pool, (ngx_http_fn_event_lines(r) + 1)
                                 * sizeof(ngx_http_fn_header_t));
    if (header == NULL) {
        return NGX_ERROR;
    }

    ctx->event.headers = header;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        elts = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (elts[i].hash == 0
                || (elts[i].key.len >= NGX_HTTP_FN_EVENT_FILE_LEN
                    && ngx_strncasecmp(elts[i].key.data,
                                       (u_char *) NGX_HTTP_FN_EVENT_FILE,
                                       NGX_HTTP_FN_EVENT_FILE_LEN)
                       == 0))
            {
                continue;
            }

            header->name = elts[i].key;
            header->value = elts[i].value;
            header->hash = elts[i].hash;
            header++;
        }
    }

    ctx->event.nheaders = header - ctx->event.headers;

    return NGX_OK;
}


ngx_str_t *
ngx_http_fn_event_find(ngx_http_request_t *r, ngx_str_t *name)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *elts;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        elts = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (elts[i].hash && elts[i].key.len == name->len
                && ngx_strncasecmp(elts[i].key.data, name->data, name->len)
                   == 0)
            {
                return &elts[i].value;
            }
        }
    }

    return NULL;
}


ngx_uint_t
ngx_http_fn_event_too_large(ngx_http_request_t *r)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->client_max_body_size == 0
        || clcf->client_max_body_size >= r->headers_in.content_length_n)
    {
        return 0;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "client intended to send too large body: %O bytes",
                  r->headers_in.content_length_n);

    return 1;
}


static ngx_uint_t
ngx_http_fn_event_lines(ngx_http_request_t *r)
{
    ngx_uint_t        n;
    ngx_list_part_t  *part;

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        n += part->nelts;
    }

    return n;
}


static off_t
ngx_http_fn_event_body_length(ngx_http_request_t *r)
{
    off_t         size;
    ngx_chain_t  *cl;

    if (r->request_body == NULL) {
        return 0;
    }

    size = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    return size;
}


ssize_t
ngx_http_fn_event_body_read(ngx_http_request_t *r, off_t offset, u_char *buf,
    size_t len)
{
    off_t         size;
    u_char       *p, *last;
    ssize_t       n;
    ngx_chain_t  *cl;

    if (r->request_body == NULL || offset < 0) {
        return 0;
    }

    p = buf;
    last = buf + len;

    for (cl = r->request_body->bufs; cl && p < last; cl = cl->next) {
        size = ngx_buf_size(cl->buf);

        if (offset >= size) {
            offset -= size;
            continue;
        }

        n = ngx_http_fn_event_buf_read(cl->buf, offset, p, last - p);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        p += n;
        offset = 0;
    }

    return p - buf;
}


/* all bytes of the buffer from offset on that fit, offset is inside of it */

static ssize_t
ngx_http_fn_event_buf_read(ngx_buf_t *b, off_t offset, u_char *buf, size_t len)
{
    size_t   size;
    ssize_t  n;

    len = (size_t) ngx_min((off_t) len, ngx_buf_size(b) - offset);

    if (ngx_buf_in_memory(b)) {
        ngx_memcpy(buf, b->pos + offset, len);
        return len;
    }

    /* ngx_read_file() would write to the ngx_file_t that others share */

    for (size = 0; size < len; size += n) {
        n = pread(b->file->fd, buf + size, len - size,
                  b->file_pos + offset + size);

        if (n == -1 && ngx_errno == NGX_EINTR) {
            n = 0;
            continue;
        }

        if (n <= 0) {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log,
                          (n == -1) ? ngx_errno : 0,
                          "could not read a request's body from \"%s\"",
                          b->file->name.data);
            return NGX_ERROR;
        }
    }

    return size;
}


ngx_int_t
ngx_http_fn_event_body(ngx_http_request_t *r, ngx_pool_t *pool,
    ngx_str_t *body)
{
    off_t         length;
    ngx_chain_t  *cl;

    ngx_str_set(body, "");

    length = ngx_http_fn_event_body_length(r);

    if (length == 0) {
        return NGX_OK;
    }

    cl = r->request_body->bufs;
    body->len = (size_t) length;

    if (ngx_buf_in_memory(cl->buf) && ngx_buf_size(cl->buf) == length) {
        body->data = cl->buf->pos;
        return NGX_OK;
    }

    body->data = ngx_pnalloc(pool, body->len);
    if (body->data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_fn_event_body_read(r, 0, body->data, body->len)
        != (ssize_t) body->len)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}
