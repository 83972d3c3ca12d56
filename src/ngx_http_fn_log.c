
#include "ngx_http_fn_log.h"
#include "ngx_http_fn_logs.h"


static size_t ngx_http_fn_log_char(u_char *p, size_t n);
static void ngx_http_fn_log_of(ngx_http_fn_log_of_t *of,
    ngx_http_fn_ctx_t *ctx);
static ngx_str_t ngx_http_fn_log_failed(u_char *buf, ngx_str_t *error,
    ngx_str_t *message);


ngx_str_t *
ngx_http_fn_log_level(ngx_uint_t level)
{
    static ngx_str_t  names[] = {
        ngx_string("error"),
        ngx_string("warn"),
        ngx_string("info"),             /* notice */
        ngx_string("info"),
        ngx_string("debug")
    };

    level = ngx_min(ngx_max(level, NGX_LOG_ERR), NGX_LOG_DEBUG);

    return &names[level - NGX_LOG_ERR];
}


ngx_str_t
ngx_http_fn_log_escape(u_char *buf, ngx_str_t *text)
{
    u_char     *p, *last, *dst, *end, *fits;
    size_t      n;
    ngx_str_t   result;

    static u_char  hex[] = "0123456789ABCDEF";

    p = text->data;
    last = p + text->len;
    dst = buf;
    end = buf + NGX_HTTP_FN_LOG_TEXT;
    fits = buf;

    while (p < last) {

        /* where "..." would go, if what follows doesn't fit */

        if (end - dst >= 3) {
            fits = dst;
        }

        n = ngx_http_fn_log_char(p, last - p);

        if ((size_t) (end - dst) < (n ? n : 4)) {
            dst = ngx_cpymem(fits, "...", 3);
            break;
        }

        if (n) {
            dst = ngx_cpymem(dst, p, n);
            p += n;
            continue;
        }

        *dst++ = '\\';
        *dst++ = 'x';
        *dst++ = hex[*p >> 4];
        *dst++ = hex[*p++ & 0xf];
    }

    result.data = buf;
    result.len = dst - buf;

    return result;
}


/* the length of a character that is written as it is, or 0 */

static size_t
ngx_http_fn_log_char(u_char *p, size_t n)
{
    u_char    *next;
    uint32_t   u;

    if (*p < 0x80) {
        return (*p == '\t' || (*p >= 0x20 && *p != 0x7f));
    }

    next = p;
    u = ngx_utf8_decode(&next, n);

    /* U+0080 to U+009F are controls too */

    if (u < 0xa0 || u > 0x10ffff) {
        return 0;
    }

    return next - p;
}


void
ngx_http_fn_log_record(ngx_http_fn_ctx_t *ctx, ngx_uint_t level,
    ngx_str_t *message, ngx_str_t *with)
{
    ngx_http_fn_log_of_t  of;

    if (ngx_http_fn_logs_add(ctx, level, message, with)) {
        return;
    }

    ngx_http_fn_log_of(&of, ctx);
    ngx_http_fn_log_record_of(&of, level, message, with);
}


void
ngx_http_fn_log_failure(ngx_http_fn_ctx_t *ctx, ngx_str_t *error,
    ngx_str_t *message, ngx_str_t *stack)
{
    u_char                   buf[NGX_HTTP_FN_LOG_TEXT];
    ngx_str_t                text;
    ngx_http_fn_log_of_t     of;
    ngx_http_fn_loc_conf_t  *flcf;

    flcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_fn_module);

    if (flcf->debug) {
        text = ngx_http_fn_log_failed(buf, error, message);
        (void) ngx_http_fn_logs_add(ctx, NGX_LOG_ERR, &text, NULL);
    }

    ngx_http_fn_log_of(&of, ctx);
    ngx_http_fn_log_failure_of(&of, error, message, stack);
}


static void
ngx_http_fn_log_of(ngx_http_fn_log_of_t *of, ngx_http_fn_ctx_t *ctx)
{
    of->log = ctx->request->connection->log;
    of->function = &ctx->event.function;
    of->id = &ctx->event.id;
    of->process = ctx->process;
}


void
ngx_http_fn_log_record_of(ngx_http_fn_log_of_t *of, ngx_uint_t level,
    ngx_str_t *message, ngx_str_t *with)
{
    u_char     buf[NGX_HTTP_FN_LOG_TEXT];
    u_char     wbuf[NGX_HTTP_FN_LOG_TEXT];
    ngx_str_t  text, more;

    if (of->log->log_level < level) {
        return;
    }

    text = ngx_http_fn_log_escape(buf, message);

    ngx_str_null(&more);

    if (with && with->len) {
        more = ngx_http_fn_log_escape(wbuf, with);
    }

    ngx_log_error(level, of->log, 0, "fn \"%V\" pid %ui, id %V: %V%s%V",
                  of->function, of->process, of->id, &text,
                  more.len ? " " : "", &more);
}


void
ngx_http_fn_log_failure_of(ngx_http_fn_log_of_t *of, ngx_str_t *error,
    ngx_str_t *message, ngx_str_t *stack)
{
    u_char              buf[NGX_HTTP_FN_LOG_TEXT], *p, *last;
    ngx_str_t           text, line;
    ngx_log_handler_pt  handler;

    text = ngx_http_fn_log_failed(buf, error, message);

    ngx_http_fn_log_record_of(of, NGX_LOG_ERR, &text, NULL);

    /* a record per line of the stack; the request has been named above */

    handler = of->log->handler;
    of->log->handler = NULL;

    p = stack->data;
    last = p + stack->len;

    for ( /* void */ ; p < last; p = line.data + line.len + 1) {

        line.data = p;
        p = ngx_strlchr(p, last, LF);
        line.len = (p ? p : last) - line.data;

        if (line.len) {
            ngx_http_fn_log_record_of(of, NGX_LOG_ERR, &line, NULL);
        }
    }

    of->log->handler = handler;
}


static ngx_str_t
ngx_http_fn_log_failed(u_char *buf, ngx_str_t *error, ngx_str_t *message)
{
    ngx_str_t  text;

    text.data = buf;
    text.len = ngx_snprintf(buf, NGX_HTTP_FN_LOG_TEXT, "handler failed: %V%s%V",
                            error, error->len ? ": " : "", message)
               - buf;

    return text;
}


void
ngx_http_fn_log_lines(ngx_http_fn_function_t *function, ngx_pid_t pid,
    ngx_uint_t level, ngx_log_t *log, ngx_str_t *text)
{
    u_char     *p, *last, *end;
    ngx_str_t   line, name;
    u_char      buf[NGX_HTTP_FN_LOG_TEXT];

    if (log->log_level < level) {
        return;
    }

    if (function) {
        name = function->name;

    } else {
        ngx_str_set(&name, "");
    }

    p = text->data;
    last = p + text->len;

    for ( /* void */ ; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, LF);
        if (end == NULL) {
            end = last;
        }

        line.data = p;
        line.len = end - p;

        if (line.len && line.data[line.len - 1] == CR) {
            line.len--;
        }

        if (line.len == 0) {
            continue;
        }

        line = ngx_http_fn_log_escape(buf, &line);

        ngx_log_error(level, log, 0, "fn \"%V\" pid %P: %V",
                      &name, pid, &line);
    }
}
