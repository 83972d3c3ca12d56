
/*
 * The module's side of fn.h.  With "threads" all but ngx_http_fn_call_init()
 * and ngx_http_fn_call_send() runs on a thread: it reads of the request only
 * what nobody writes meanwhile, and allocates from call->pool.
 */


#include "ngx_http_fn_call.h"
#include "ngx_http_fn_event.h"
#include "ngx_http_fn_log.h"
#include "ngx_http_fn_logs.h"
#include "ngx_http_fn_response.h"


#define NGX_HTTP_FN_CALL_BUFFER_MIN  256
#define NGX_HTTP_FN_CALL_BUFFER_MAX  65536
#define NGX_HTTP_FN_CALL_MEMORY      (1024 * 1024)  /* then all is on disk */


#define ngx_http_fn_call_of_event(event)                                     \
    ((ngx_http_fn_call_t *) (event))

#define ngx_http_fn_call_of_response(resp)                                   \
    ((ngx_http_fn_call_t *)                                                  \
        ((u_char *) (resp) - offsetof(ngx_http_fn_call_t, response)))


static fn_str_t ngx_http_fn_call_field(const fn_event_t *event,
    fn_field_e field);
static int ngx_http_fn_call_header(const fn_event_t *event, size_t n,
    fn_str_t *name, fn_str_t *value);
static fn_str_t ngx_http_fn_call_find_header(const fn_event_t *event,
    const char *name);
static int64_t ngx_http_fn_call_timestamp(const fn_event_t *event);
static int64_t ngx_http_fn_call_body_length(const fn_event_t *event);
static ssize_t ngx_http_fn_call_body_read(const fn_event_t *event,
    int64_t offset, void *buf, size_t len);
static fn_str_t ngx_http_fn_call_body(const fn_event_t *event);
static fn_str_t ngx_http_fn_call_str(ngx_str_t *s);

static int ngx_http_fn_call_status(fn_response_t *response, unsigned status);
static int ngx_http_fn_call_add_header(fn_response_t *response, fn_str_t name,
    fn_str_t value);
static ngx_int_t ngx_http_fn_call_push_header(ngx_http_fn_call_t *call,
    ngx_str_t *name, ngx_str_t *value);
static int ngx_http_fn_call_write(fn_response_t *response, const void *data,
    size_t len);
static ngx_int_t ngx_http_fn_call_grow(ngx_http_fn_call_t *call, size_t len);
static ngx_int_t ngx_http_fn_call_push_buf(ngx_http_fn_call_t *call,
    size_t size);
static ngx_int_t ngx_http_fn_call_spill(ngx_http_fn_call_t *call);
static ngx_int_t ngx_http_fn_call_open(ngx_http_fn_call_t *call);
static ngx_int_t ngx_http_fn_call_flush(ngx_http_fn_call_t *call);

static void ngx_http_fn_call_log(fn_context_t *context,
    const fn_event_t *event, int level, const char *text, size_t len);

static const char *const *ngx_http_fn_call_environ(
    const fn_context_t *context);
static void ngx_http_fn_call_record(fn_context_t *context,
    const fn_event_t *event, int level, fn_str_t message, fn_str_t with);
static void ngx_http_fn_call_write_record(
    ngx_http_fn_call_context_t *context, ngx_http_fn_call_t *call,
    ngx_uint_t severity, ngx_str_t *message, ngx_str_t *with);
static int ngx_http_fn_call_fail(fn_response_t *response, fn_str_t error,
    fn_str_t message, fn_str_t stack);
static void ngx_http_fn_call_copy(ngx_http_fn_call_t *call, ngx_str_t *dst,
    fn_str_t *src);

static ngx_chain_t *ngx_http_fn_call_chain(ngx_http_fn_call_t *call);


const fn_api_t  ngx_http_fn_call_api = {
    FN_ABI,
    ngx_http_fn_call_field,
    ngx_http_fn_call_header,
    ngx_http_fn_call_find_header,
    ngx_http_fn_call_timestamp,
    ngx_http_fn_call_body_length,
    ngx_http_fn_call_body_read,
    ngx_http_fn_call_body,
    ngx_http_fn_call_status,
    ngx_http_fn_call_add_header,
    ngx_http_fn_call_write,
    ngx_http_fn_call_log,
    ngx_http_fn_call_environ,
    ngx_http_fn_call_record,
    ngx_http_fn_call_fail
};


void
ngx_http_fn_call_init(ngx_http_fn_call_t *call, ngx_http_fn_ctx_t *ctx,
    ngx_pool_t *pool, ngx_uint_t threaded)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_core_module);

    ngx_memzero(call, sizeof(ngx_http_fn_call_t));

    call->event.api = &ngx_http_fn_call_api;
    call->response.api = &ngx_http_fn_call_api;
    call->ctx = ctx;
    call->pool = pool;
    call->temp_path = clcf->client_body_temp_path;
    call->status = NGX_HTTP_OK;
    call->last = &call->out;
    call->threaded = threaded;
}


static fn_str_t
ngx_http_fn_call_field(const fn_event_t *event, fn_field_e field)
{
    ngx_http_fn_ctx_t  *ctx;

    static ngx_str_t  none = ngx_null_string;

    ctx = ngx_http_fn_call_of_event(event)->ctx;

    switch (field) {

    case FN_ID:
        /* with "threads" it is there already */

        if (ngx_http_fn_event_id(ctx) != NGX_OK) {
            return ngx_http_fn_call_str(&none);
        }

        return ngx_http_fn_call_str(&ctx->event.id);

    case FN_METHOD:
        return ngx_http_fn_call_str(&ctx->event.method);

    case FN_PATH:
        return ngx_http_fn_call_str(&ctx->event.path);

    case FN_QUERY:
        return ngx_http_fn_call_str(&ctx->event.query);

    case FN_REMOTE_ADDR:
        return ngx_http_fn_call_str(&ctx->event.remote_addr);

    case FN_EVENT_LOG_LEVEL:
        return ngx_http_fn_call_str(&ctx->event.log_level);
    }

    return ngx_http_fn_call_str(&none);
}


static int
ngx_http_fn_call_header(const fn_event_t *event, size_t n, fn_str_t *name,
    fn_str_t *value)
{
    ngx_http_fn_ctx_t  *ctx;

    ctx = ngx_http_fn_call_of_event(event)->ctx;

    if (ngx_http_fn_event_headers(ctx) != NGX_OK || n >= ctx->event.nheaders) {
        return FN_ERROR;
    }

    *name = ngx_http_fn_call_str(&ctx->event.headers[n].name);
    *value = ngx_http_fn_call_str(&ctx->event.headers[n].value);

    return FN_OK;
}


static fn_str_t
ngx_http_fn_call_find_header(const fn_event_t *event, const char *name)
{
    size_t                 len;
    fn_str_t               none;
    ngx_uint_t             i;
    ngx_http_fn_ctx_t     *ctx;
    ngx_http_fn_header_t  *headers;

    none.data = NULL;
    none.len = 0;

    ctx = ngx_http_fn_call_of_event(event)->ctx;

    if (ngx_http_fn_event_headers(ctx) != NGX_OK) {
        return none;
    }

    len = ngx_strlen(name);
    headers = ctx->event.headers;

    for (i = 0; i < ctx->event.nheaders; i++) {

        if (headers[i].name.len == len
            && ngx_strncasecmp(headers[i].name.data, (u_char *) name, len)
               == 0)
        {
            return ngx_http_fn_call_str(&headers[i].value);
        }
    }

    return none;
}


static int64_t
ngx_http_fn_call_timestamp(const fn_event_t *event)
{
    ngx_http_fn_ctx_t  *ctx;

    ctx = ngx_http_fn_call_of_event(event)->ctx;

    return (int64_t) ctx->event.sec * 1000 + ctx->event.msec;
}


static int64_t
ngx_http_fn_call_body_length(const fn_event_t *event)
{
    return ngx_http_fn_call_of_event(event)->ctx->event.body_length;
}


static ssize_t
ngx_http_fn_call_body_read(const fn_event_t *event, int64_t offset, void *buf,
    size_t len)
{
    ssize_t  n;

    n = ngx_http_fn_event_body_read(
                              ngx_http_fn_call_of_event(event)->ctx->request,
                              offset, buf, len);

    return (n == NGX_ERROR) ? FN_ERROR : n;
}


static fn_str_t
ngx_http_fn_call_body(const fn_event_t *event)
{
    fn_str_t             none;
    ngx_http_fn_call_t  *call;

    call = ngx_http_fn_call_of_event(event);

    if (call->body.data == NULL
        && ngx_http_fn_event_body(call->ctx->request, call->pool, &call->body)
           != NGX_OK)
    {
        call->body.data = NULL;

        none.data = NULL;
        none.len = 0;

        return none;
    }

    return ngx_http_fn_call_str(&call->body);
}


static fn_str_t
ngx_http_fn_call_str(ngx_str_t *s)
{
    fn_str_t  str;

    str.data = s->data ? (char *) s->data : "";
    str.len = s->len;

    return str;
}


static int
ngx_http_fn_call_status(fn_response_t *response, unsigned status)
{
    if (status < 200 || status > 599) {
        return FN_ERROR;
    }

    ngx_http_fn_call_of_response(response)->status = status;

    return FN_OK;
}


static int
ngx_http_fn_call_add_header(fn_response_t *response, fn_str_t name,
    fn_str_t value)
{
    ngx_str_t            n, v;
    ngx_http_fn_call_t  *call;

    call = ngx_http_fn_call_of_response(response);

    n.data = (u_char *) name.data;
    n.len = name.len;
    v.data = (u_char *) value.data;
    v.len = value.len;

    if (ngx_http_fn_header_check(&n, &v) != NULL) {
        return FN_ERROR;
    }

    if (ngx_http_fn_header_managed(&n)) {
        return FN_OK;
    }

    if (n.len == 12
        && ngx_strncasecmp(n.data, (u_char *) "Content-Type", 12) == 0)
    {
        call->typed = 1;
    }

    if (ngx_http_fn_call_push_header(call, &n, &v) != NGX_OK) {
        return FN_ERROR;
    }

    return FN_OK;
}


static ngx_int_t
ngx_http_fn_call_push_header(ngx_http_fn_call_t *call, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_http_fn_header_t  *header;

    if (call->headers.elts == NULL
        && ngx_array_init(&call->headers, call->pool, 4,
                          sizeof(ngx_http_fn_header_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (call->headers.nelts >= NGX_HTTP_FN_HEADERS_MAX) {
        return NGX_ERROR;
    }

    header = ngx_array_push(&call->headers);
    if (header == NULL) {
        return NGX_ERROR;
    }

    header->name.len = name->len;
    header->name.data = ngx_pstrdup(call->pool, name);
    header->value.len = value->len;
    header->value.data = ngx_pstrdup(call->pool, value);

    if (header->name.data == NULL || header->value.data == NULL) {
        call->headers.nelts--;
        return NGX_ERROR;
    }

    return NGX_OK;
}


static int
ngx_http_fn_call_write(fn_response_t *response, const void *data, size_t len)
{
    size_t               n;
    const u_char        *p;
    ngx_http_fn_call_t  *call;

    p = data;
    call = ngx_http_fn_call_of_response(response);

    if (call->failed) {
        return FN_ERROR;
    }

    while (len) {

        if ((call->buf == NULL || call->buf->last == call->buf->end)
            && ngx_http_fn_call_grow(call, len) != NGX_OK)
        {
            call->failed = 1;
            return FN_ERROR;
        }

        n = ngx_min(len, (size_t) (call->buf->end - call->buf->last));

        call->buf->last = ngx_cpymem(call->buf->last, p, n);
        call->length += n;

        p += n;
        len -= n;
    }

    return FN_OK;
}


/* makes room for some of len bytes: in memory at first, later by the file */

static ngx_int_t
ngx_http_fn_call_grow(ngx_http_fn_call_t *call, size_t len)
{
    size_t  size;

    if (call->file) {
        return ngx_http_fn_call_flush(call);
    }

    if (call->size >= NGX_HTTP_FN_CALL_MEMORY) {
        return ngx_http_fn_call_spill(call);
    }

    /* each buffer is larger than the one before, or fits what is written */

    size = ngx_min(2 * call->size, NGX_HTTP_FN_CALL_BUFFER_MAX);
    size = ngx_max(size, NGX_HTTP_FN_CALL_BUFFER_MIN);
    size = ngx_max(size, len);
    size = ngx_min(size, NGX_HTTP_FN_CALL_MEMORY - call->size);

    return ngx_http_fn_call_push_buf(call, size);
}


static ngx_int_t
ngx_http_fn_call_push_buf(ngx_http_fn_call_t *call, size_t size)
{
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(call->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = ngx_create_temp_buf(call->pool, size);
    if (cl->buf == NULL) {
        return NGX_ERROR;
    }

    cl->next = NULL;

    *call->last = cl;
    call->last = &cl->next;
    call->buf = cl->buf;
    call->size += size;

    return NGX_OK;
}


/* moves all of the body to a file, and leaves one empty buffer */

static ngx_int_t
ngx_http_fn_call_spill(ngx_http_fn_call_t *call)
{
    ngx_chain_t  *cl;

    if (ngx_http_fn_call_open(call) != NGX_OK
        || ngx_http_fn_call_flush(call) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (cl = call->out; cl; cl = cl->next) {
        (void) ngx_pfree(call->pool, cl->buf->start);
    }

    call->out = NULL;
    call->last = &call->out;

    return ngx_http_fn_call_push_buf(call, NGX_HTTP_FN_CALL_BUFFER_MAX);
}


static ngx_int_t
ngx_http_fn_call_open(ngx_http_fn_call_t *call)
{
    ngx_file_t  *file;

    file = ngx_pcalloc(call->pool, sizeof(ngx_file_t));
    if (file == NULL) {
        return NGX_ERROR;
    }

    file->fd = NGX_INVALID_FILE;
    file->log = ngx_cycle->log;

    if (ngx_create_temp_file(file, call->temp_path, call->pool, 0, 0, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    call->file = file;

    return NGX_OK;
}


/* ngx_write_file() moves file->offset on, which is the file's length here */

static ngx_int_t
ngx_http_fn_call_flush(ngx_http_fn_call_t *call)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    for (cl = call->out; cl; cl = cl->next) {
        b = cl->buf;

        if (b->last == b->pos) {
            continue;
        }

        if (ngx_write_file(call->file, b->pos, b->last - b->pos,
                           call->file->offset)
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }

        b->last = b->pos;
    }

    return NGX_OK;
}


static void
ngx_http_fn_call_log(fn_context_t *context, const fn_event_t *event, int level,
    const char *text, size_t len)
{
    fn_str_t  message, with;

    message.data = text;
    message.len = len;
    with.data = NULL;
    with.len = 0;

    ngx_http_fn_call_record(context, event, level, message, with);
}


static void
ngx_http_fn_call_record(fn_context_t *context, const fn_event_t *event,
    int level, fn_str_t message, fn_str_t with)
{
    ngx_str_t                    text, more;
    ngx_uint_t                   severity;
    ngx_http_fn_call_t          *call;
    ngx_http_fn_loc_conf_t      *flcf;
    ngx_http_fn_call_context_t  *cctx;

    text.data = (u_char *) message.data;
    text.len = message.len;
    more.data = (u_char *) with.data;
    more.len = with.len;

    severity = ngx_min(ngx_max(level, NGX_LOG_ERR), NGX_LOG_DEBUG);
    cctx = (ngx_http_fn_call_context_t *) context;

    if (event == NULL) {
        ngx_http_fn_call_write_record(cctx, NULL, severity, &text, &more);
        return;
    }

    call = ngx_http_fn_call_of_event(event);
    flcf = ngx_http_get_module_loc_conf(call->ctx->request,
                                        ngx_http_fn_module);

    if (severity > flcf->log_level && call->ctx->logs == NULL) {
        return;
    }

    if (!call->threaded) {

        if (ngx_http_fn_event_id(call->ctx) == NGX_OK) {
            ngx_http_fn_log_record(call->ctx, severity, &text, &more);
        }

        return;
    }

    if (!ngx_http_fn_logs_add(call->ctx, severity, &text, &more)) {
        ngx_http_fn_call_write_record(cctx, call, severity, &text, &more);
    }
}


/* the connection's log is not for threads: it walks through requests */

static void
ngx_http_fn_call_write_record(ngx_http_fn_call_context_t *context,
    ngx_http_fn_call_t *call, ngx_uint_t severity, ngx_str_t *message,
    ngx_str_t *with)
{
    ngx_log_t  *log;
    ngx_str_t   text, more, *name;
    u_char      buf[NGX_HTTP_FN_LOG_TEXT], wbuf[NGX_HTTP_FN_LOG_TEXT];

    log = context->function->log;
    name = &context->function->name;

    text = ngx_http_fn_log_escape(buf, message);
    more = ngx_http_fn_log_escape(wbuf, with);

    if (call == NULL) {
        ngx_log_error(severity, log, 0, "fn \"%V\" pid %P: %V%s%V", name,
                      ngx_pid, &text, more.len ? " " : "", &more);
        return;
    }

    ngx_log_error(severity, log, 0, "fn \"%V\" pid %P, id %V: %V%s%V", name,
                  ngx_pid, &call->ctx->event.id, &text, more.len ? " " : "",
                  &more);
}


static const char *const *
ngx_http_fn_call_environ(const fn_context_t *context)
{
    return ((const ngx_http_fn_call_context_t *) context)->env;
}


static int
ngx_http_fn_call_fail(fn_response_t *response, fn_str_t error,
    fn_str_t message, fn_str_t stack)
{
    ngx_http_fn_call_t  *call;

    call = ngx_http_fn_call_of_response(response);

    ngx_http_fn_call_copy(call, &call->error, &error);
    ngx_http_fn_call_copy(call, &call->message, &message);
    ngx_http_fn_call_copy(call, &call->stack, &stack);

    return FN_ERROR;
}


/* without memory it is empty */

static void
ngx_http_fn_call_copy(ngx_http_fn_call_t *call, ngx_str_t *dst, fn_str_t *src)
{
    ngx_str_t  s;

    s.data = (u_char *) src->data;
    s.len = src->len;

    dst->data = s.len ? ngx_pstrdup(call->pool, &s) : NULL;
    dst->len = dst->data ? s.len : 0;
}


ngx_int_t
ngx_http_fn_call_send(ngx_http_fn_call_t *call)
{
    ngx_str_t              name, value;
    ngx_uint_t             i;
    ngx_chain_t           *out;
    ngx_http_request_t    *r;
    ngx_http_fn_header_t  *headers;

    r = call->ctx->request;

    out = ngx_http_fn_call_chain(call);
    if (out == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (call->length && !call->typed
        && call->status != NGX_HTTP_NOT_MODIFIED)
    {
        ngx_str_set(&name, "Content-Type");
        ngx_str_set(&value, "text/plain");

        (void) ngx_http_fn_response_header(r, &name, &value);
    }

    headers = call->headers.elts;

    for (i = 0; i < call->headers.nelts; i++) {
        if (ngx_http_fn_response_header(r, &headers[i].name, &headers[i].value)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (ngx_http_fn_response_logs(call->ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_fn_response_send(r, call->status, out, call->length);
}


/* the body as the output filters want it */

static ngx_chain_t *
ngx_http_fn_call_chain(ngx_http_fn_call_t *call)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = call->buf;
    cl = call->out;

    if (b == NULL || call->file) {

        if (call->file && ngx_http_fn_call_flush(call) != NGX_OK) {
            return NULL;
        }

        b = ngx_calloc_buf(call->pool);
        cl = ngx_alloc_chain_link(call->pool);

        if (b == NULL || cl == NULL) {
            return NULL;
        }

        cl->buf = b;
        cl->next = NULL;
    }

    if (call->file) {
        b->in_file = 1;
        b->file = call->file;
        b->file_last = call->length;
    }

    b->last_buf = (call->ctx->request == call->ctx->request->main);
    b->last_in_chain = 1;

    return cl;
}
