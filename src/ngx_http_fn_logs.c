
/*
 * A JSON array of records that grows in a buffer of the largest header's size.
 * A header is ASCII, so all else is escaped.
 */


#include "ngx_http_fn_logs.h"
#include "ngx_http_fn_log.h"

#include <jansson.h>


#define ngx_http_fn_logs_literal(p, end, text)                                \
    ngx_http_fn_logs_put(p, end, text, sizeof(text) - 1)


static u_char *ngx_http_fn_logs_head(ngx_http_fn_ctx_t *ctx, u_char *p,
    u_char *end, ngx_uint_t level);
static u_char *ngx_http_fn_logs_string(u_char *p, u_char *end,
    ngx_str_t *text);
static u_char *ngx_http_fn_logs_char(u_char *p, u_char *end, uint32_t ch);
static u_char *ngx_http_fn_logs_with(u_char *p, u_char *end, ngx_str_t *with);
static u_char *ngx_http_fn_logs_ascii(u_char *p, u_char *end, char *json);


/* the writers return NULL when it doesn't fit, and when they were given NULL */

static ngx_inline u_char *
ngx_http_fn_logs_put(u_char *p, u_char *end, const void *data, size_t len)
{
    if (p == NULL || (size_t) (end - p) < len) {
        return NULL;
    }

    return ngx_cpymem(p, data, len);
}


ngx_int_t
ngx_http_fn_logs_create(ngx_http_fn_ctx_t *ctx, ngx_str_t *level)
{
    ngx_str_t               *name;
    ngx_uint_t               i;
    ngx_http_fn_logs_t      *logs;
    ngx_http_fn_loc_conf_t  *flcf;

    logs = ngx_palloc(ctx->request->pool, sizeof(ngx_http_fn_logs_t));
    if (logs == NULL) {
        return NGX_ERROR;
    }

    flcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_fn_module);

    logs->own = flcf->log_level;

    /* as in nuclio, what is unknown is the lowest */

    logs->level = NGX_LOG_DEBUG;

    for (i = NGX_LOG_ERR; i < NGX_LOG_DEBUG; i++) {
        name = ngx_http_fn_log_level(i);

        if (level->len == name->len
            && ngx_strncmp(level->data, name->data, name->len) == 0)
        {
            logs->level = i;
        }
    }

    logs->buf[0] = '[';
    logs->pos = logs->buf + 1;

    if (logs->level > logs->own) {
        ctx->event.log_level = *ngx_http_fn_log_level(logs->level);
    }

    ctx->logs = logs;

    return NGX_OK;
}


ngx_uint_t
ngx_http_fn_logs_add(ngx_http_fn_ctx_t *ctx, ngx_uint_t level,
    ngx_str_t *message, ngx_str_t *with)
{
    u_char              *p, *end;
    ngx_http_fn_logs_t  *logs;

    logs = ctx->logs;

    if (logs == NULL) {
        return 0;
    }

    /* a record of a stream comes when the header has been sent */

    if (level <= logs->level && logs->pos && !ctx->body) {
        p = logs->pos;
        end = logs->buf + NGX_HTTP_FN_LOGS_MAX - 1 - (sizeof("]") - 1);

        p = ngx_http_fn_logs_head(ctx, p, end, level);
        p = ngx_http_fn_logs_string(p, end, message);

        if (with && with->len) {
            p = ngx_http_fn_logs_with(p, end, with);
        }

        logs->pos = ngx_http_fn_logs_literal(p, end, "}");
    }

    return level > logs->own;
}


static u_char *
ngx_http_fn_logs_head(ngx_http_fn_ctx_t *ctx, u_char *p, u_char *end,
    ngx_uint_t level)
{
    struct timeval  tv;

    /* a native handler holds up the time that nginx keeps */

    ngx_gettimeofday(&tv);

    p = ngx_slprintf(p, end, "%s{\"level\":\"%V\",\"time\":%uL%03uL,"
                     "\"name\":\"%V\",\"message\":",
                     (p == ctx->logs->buf + 1) ? "" : ",",
                     ngx_http_fn_log_level(level), (uint64_t) tv.tv_sec,
                     (uint64_t) tv.tv_usec / 1000, &ctx->event.function);

    return (p == end) ? NULL : p;
}


/* UTF-8, and what is no UTF-8 as characters of the bytes' values */

static u_char *
ngx_http_fn_logs_string(u_char *p, u_char *end, ngx_str_t *text)
{
    u_char    *pos, *last, *next;
    uint32_t   ch;

    p = ngx_http_fn_logs_literal(p, end, "\"");

    pos = text->data;
    last = pos + text->len;

    while (p && pos < last) {
        next = pos;
        ch = ngx_utf8_decode(&next, last - pos);

        if (ch > 0x10ffff || (ch >> 11) == 0x1b) {
            ch = *pos;
            next = pos + 1;
        }

        p = ngx_http_fn_logs_char(p, end, ch);
        pos = next;
    }

    return ngx_http_fn_logs_literal(p, end, "\"");
}


static u_char *
ngx_http_fn_logs_char(u_char *p, u_char *end, uint32_t ch)
{
    u_char  buf[sizeof("\\uD83D\\uDE00") - 1], *last;

    if (ch == '"' || ch == '\\') {
        last = ngx_sprintf(buf, "\\%c", (int) ch);

    } else if (ch >= 0x20 && ch < 0x7f) {
        last = ngx_sprintf(buf, "%c", (int) ch);

    } else if (ch < 0x10000) {
        last = ngx_sprintf(buf, "\\u%04xD", ch);

    } else {
        ch -= 0x10000;
        last = ngx_sprintf(buf, "\\u%04xD\\u%04xD", 0xd800 | (ch >> 10),
                           0xdc00 | (ch & 0x3ff));
    }

    return ngx_http_fn_logs_put(p, end, buf, last - buf);
}


/* its members, but those with a name that the record has */

static u_char *
ngx_http_fn_logs_with(u_char *p, u_char *end, ngx_str_t *with)
{
    char    *text;
    json_t  *json;
    size_t   i;

    static const char  *own[] = { "level", "time", "name", "message" };

    json = json_loadb((char *) with->data, with->len, JSON_ALLOW_NUL, NULL);
    if (json == NULL) {
        return NULL;
    }

    for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        (void) json_object_del(json, own[i]);
    }

    if (json_object_size(json) == 0) {
        json_decref(json);
        return p;
    }

    text = json_dumps(json, JSON_COMPACT|JSON_EMBED|JSON_ENSURE_ASCII
                            |JSON_REAL_PRECISION(15));
    json_decref(json);

    if (text == NULL) {
        return NULL;
    }

    p = ngx_http_fn_logs_literal(p, end, ",");
    p = ngx_http_fn_logs_ascii(p, end, text);

    free(text);

    return p;
}


/* JSON_ENSURE_ASCII leaves DEL */

static u_char *
ngx_http_fn_logs_ascii(u_char *p, u_char *end, char *json)
{
    char    *del;
    size_t   len;

    for ( ;; ) {
        del = strchr(json, 0x7f);
        len = del ? (size_t) (del - json) : ngx_strlen(json);

        p = ngx_http_fn_logs_put(p, end, json, len);

        if (del == NULL || p == NULL) {
            return p;
        }

        p = ngx_http_fn_logs_char(p, end, 0x7f);
        json = del + 1;
    }
}


ngx_int_t
ngx_http_fn_logs_value(ngx_http_fn_logs_t *logs, ngx_str_t *value)
{
    if (logs == NULL || logs->pos == NULL) {
        return NGX_DECLINED;
    }

    *logs->pos = ']';

    value->data = logs->buf;
    value->len = logs->pos + 1 - logs->buf;

    return NGX_OK;
}
