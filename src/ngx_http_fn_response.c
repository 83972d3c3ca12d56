
/* What the client gets.  No other file writes headers_out. */


#include "ngx_http_fn_response.h"
#include "ngx_http_fn_logs.h"


#define NGX_HTTP_FN_RESPONSE_FAILURE  16384     /* bytes of a failure's text */


typedef ngx_int_t (*ngx_http_fn_response_header_pt)(ngx_http_request_t *r,
    ngx_table_elt_t *h, size_t offset);


/* a header that nginx looks at: kept also in a field of headers_out */

typedef struct {
    ngx_str_t                       name;
    ngx_http_fn_response_header_pt  handler;
    size_t                          offset;
} ngx_http_fn_response_header_t;


static ngx_int_t ngx_http_fn_response_content_type(ngx_http_request_t *r,
    ngx_str_t *value);
static ngx_table_elt_t *ngx_http_fn_response_push(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_fn_response_field(ngx_http_request_t *r,
    ngx_table_elt_t *h, size_t offset);
static ngx_int_t ngx_http_fn_response_fields(ngx_http_request_t *r,
    ngx_table_elt_t *h, size_t offset);
static ngx_int_t ngx_http_fn_response_last_modified(ngx_http_request_t *r,
    ngx_table_elt_t *h, size_t offset);
static ngx_int_t ngx_http_fn_response_location(ngx_http_request_t *r,
    ngx_table_elt_t *h, size_t offset);
static u_char *ngx_http_fn_response_copy(u_char *p, u_char *last,
    ngx_str_t *text, char *end);
static ngx_uint_t ngx_http_fn_response_error_page(ngx_http_request_t *r,
    ngx_uint_t status);


static ngx_str_t  ngx_http_fn_response_type = ngx_string("Content-Type");


static const ngx_http_fn_response_header_t  ngx_http_fn_response_headers[] = {

    { ngx_string("ETag"), ngx_http_fn_response_field,
      offsetof(ngx_http_headers_out_t, etag) },

    { ngx_string("Last-Modified"), ngx_http_fn_response_last_modified,
      offsetof(ngx_http_headers_out_t, last_modified) },

    { ngx_string("Location"), ngx_http_fn_response_location,
      offsetof(ngx_http_headers_out_t, location) },

    { ngx_string("Refresh"), ngx_http_fn_response_field,
      offsetof(ngx_http_headers_out_t, refresh) },

    { ngx_string("Content-Encoding"), ngx_http_fn_response_field,
      offsetof(ngx_http_headers_out_t, content_encoding) },

    { ngx_string("Content-Range"), ngx_http_fn_response_field,
      offsetof(ngx_http_headers_out_t, content_range) },

    { ngx_string("Accept-Ranges"), ngx_http_fn_response_field,
      offsetof(ngx_http_headers_out_t, accept_ranges) },

    { ngx_string("WWW-Authenticate"), ngx_http_fn_response_field,
      offsetof(ngx_http_headers_out_t, www_authenticate) },

    { ngx_string("Expires"), ngx_http_fn_response_field,
      offsetof(ngx_http_headers_out_t, expires) },

    { ngx_string("Cache-Control"), ngx_http_fn_response_fields,
      offsetof(ngx_http_headers_out_t, cache_control) },

    { ngx_string("Link"), ngx_http_fn_response_fields,
      offsetof(ngx_http_headers_out_t, link) },

    { ngx_null_string, NULL, 0 }
};


ngx_int_t
ngx_http_fn_response_header(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_table_elt_t                      *h;
    const ngx_http_fn_response_header_t  *known;

    if (name->len == ngx_http_fn_response_type.len
        && ngx_strncasecmp(name->data, ngx_http_fn_response_type.data,
                           name->len)
           == 0)
    {
        return ngx_http_fn_response_content_type(r, value);
    }

    if (ngx_http_fn_header_managed(name)) {
        return NGX_OK;
    }

    h = ngx_http_fn_response_push(r, name, value);
    if (h == NULL) {
        return NGX_ERROR;
    }

    for (known = ngx_http_fn_response_headers; known->name.len; known++) {

        if (name->len == known->name.len
            && ngx_strncasecmp(name->data, known->name.data, name->len) == 0)
        {
            return known->handler(r, h, known->offset);
        }
    }

    return NGX_OK;
}


/* as ngx_http_upstream_copy_content_type() does, for the charset filter */

static ngx_int_t
ngx_http_fn_response_content_type(ngx_http_request_t *r, ngx_str_t *value)
{
    u_char  *p, *last, *type;

    r->headers_out.content_type = *value;
    r->headers_out.content_type_len = value->len;
    r->headers_out.content_type_lowcase = NULL;
    ngx_str_null(&r->headers_out.charset);

    last = value->data + value->len;

    for (p = value->data; p < last; p++) {

        if (*p != ';') {
            continue;
        }

        type = p++;

        while (p < last && *p == ' ') {
            p++;
        }

        if (last - p < 8
            || ngx_strncasecmp(p, (u_char *) "charset=", 8) != 0)
        {
            p--;
            continue;
        }

        p += 8;

        if (p < last && *p == '"') {
            p++;
        }

        if (p < last && last[-1] == '"') {
            last--;
        }

        r->headers_out.content_type_len = type - value->data;
        r->headers_out.charset.len = last - p;
        r->headers_out.charset.data = p;

        break;
    }

    return NGX_OK;
}


static ngx_table_elt_t *
ngx_http_fn_response_push(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key = *name;
    h->value = *value;
    h->lowcase_key = NULL;
    ngx_http_fn_header_end(h);

    return h;
}


static ngx_int_t
ngx_http_fn_response_field(ngx_http_request_t *r, ngx_table_elt_t *h,
    size_t offset)
{
    ngx_table_elt_t  **field;

    field = (ngx_table_elt_t **) ((u_char *) &r->headers_out + offset);

    *field = h;

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_response_fields(ngx_http_request_t *r, ngx_table_elt_t *h,
    size_t offset)
{
    return ngx_http_fn_header_add(r->pool, (u_char *) &r->headers_out + offset,
                                  h);
}


static ngx_int_t
ngx_http_fn_response_last_modified(ngx_http_request_t *r, ngx_table_elt_t *h,
    size_t offset)
{
    r->headers_out.last_modified_time = ngx_parse_http_time(h->value.data,
                                                            h->value.len);

    return ngx_http_fn_response_field(r, h, offset);
}


static ngx_int_t
ngx_http_fn_response_location(ngx_http_request_t *r, ngx_table_elt_t *h,
    size_t offset)
{
    /* ngx_http_header_filter() would make a relative one absolute */

    if (h->value.len && h->value.data[0] == '/') {
        return NGX_OK;
    }

    return ngx_http_fn_response_field(r, h, offset);
}


ngx_int_t
ngx_http_fn_response_logs(ngx_http_fn_ctx_t *ctx)
{
    ngx_str_t         value;
    ngx_table_elt_t  *h;

    static ngx_str_t  name = ngx_string("X-Nuclio-Logs");

    if (ngx_http_fn_logs_value(ctx->logs, &value) != NGX_OK) {
        return NGX_OK;
    }

    h = ngx_http_fn_response_push(ctx->request, &name, &value);

    return h ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_fn_response_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_chain_t *out, off_t length)
{
    ngx_int_t  rc;

    r->headers_out.status = status;
    r->headers_out.content_length_n = length;

    if (status == NGX_HTTP_NOT_MODIFIED) {
        /* the length of what is not sent is not known */
        r->headers_out.content_length_n = -1;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        /* the handler has run: 304 and 412 would be wrong */
        r->disable_not_modified = 1;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    if (r != r->main && length == 0) {
        return rc;
    }

    return ngx_http_output_filter(r, out);
}


ngx_str_t
ngx_http_fn_response_failure(ngx_http_fn_ctx_t *ctx, u_char *buf, size_t size,
    ngx_str_t *error, ngx_str_t *message, ngx_str_t *stack)
{
    u_char                  *p, *last;
    ngx_str_t                text;
    ngx_http_fn_loc_conf_t  *flcf;

    p = buf;
    last = buf + size;

    flcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_fn_module);

    if (flcf->debug) {
        p = ngx_http_fn_response_copy(p, last, error,
                                      message && message->len ? ": " : "\n");
        p = ngx_http_fn_response_copy(p, last, message, "\n");
        p = ngx_http_fn_response_copy(p, last, stack, "\n");
    }

    if (p == buf) {
        p = ngx_slprintf(p, last, "function failed, request id: %V\n",
                         &ctx->event.id);
    }

    text.len = p - buf;
    text.data = buf;

    return text;
}


/* what fits of the text, followed by end unless it is empty or ends so */

static u_char *
ngx_http_fn_response_copy(u_char *p, u_char *last, ngx_str_t *text, char *end)
{
    if (text == NULL || text->len == 0) {
        return p;
    }

    p = ngx_cpymem(p, text->data, ngx_min(text->len, (size_t) (last - p)));

    if (text->data[text->len - 1] == LF) {
        return p;
    }

    return ngx_slprintf(p, last, "%s", end);
}


void
ngx_http_fn_response_failed(ngx_http_fn_ctx_t *ctx, ngx_str_t *error,
    ngx_str_t *message, ngx_str_t *stack)
{
    ngx_buf_t           *b;
    ngx_int_t            rc;
    ngx_str_t            text, type;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = ctx->request;

    /* without the header the answer is still true */

    (void) ngx_http_fn_response_logs(ctx);

    if (ngx_http_fn_response_error_page(r, NGX_HTTP_INTERNAL_SERVER_ERROR)) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    b = ngx_create_temp_buf(r->pool, NGX_HTTP_FN_RESPONSE_FAILURE);
    if (b == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    text = ngx_http_fn_response_failure(ctx, b->pos, b->end - b->start, error,
                                        message, stack);

    b->last += text.len;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    ngx_str_set(&type, "text/plain");
    (void) ngx_http_fn_response_content_type(r, &type);

    rc = ngx_http_fn_response_send(r, NGX_HTTP_INTERNAL_SERVER_ERROR, &out,
                                   text.len);

    ngx_http_finalize_request(r, rc);
}


/* that ngx_http_special_response_handler() would use one for this status */

static ngx_uint_t
ngx_http_fn_response_error_page(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_uint_t                 i;
    ngx_http_err_page_t       *err_page;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->error_page || clcf->error_pages == NULL || r->uri_changes == 0) {
        return 0;
    }

    err_page = clcf->error_pages->elts;

    for (i = 0; i < clcf->error_pages->nelts; i++) {
        if ((ngx_uint_t) err_page[i].status == status) {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_fn_response_unavailable(ngx_http_request_t *r)
{
    ngx_str_t  name, value;

    ngx_str_set(&name, "Retry-After");
    ngx_str_set(&value, "1");

    /* without the header the answer is still true */

    (void) ngx_http_fn_response_push(r, &name, &value);

    ngx_http_finalize_request(r, NGX_HTTP_SERVICE_UNAVAILABLE);
}
