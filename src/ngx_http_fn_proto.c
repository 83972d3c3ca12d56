
/*
 * The line protocol but for reading replies: events and headers.  The clauses
 * named here are those of runtimes/PROTOCOL.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_fn_proto.h"


static u_char *ngx_http_fn_event_headers(ngx_http_fn_event_t *event, u_char *p,
    u_char *last);
static ngx_http_fn_header_t *ngx_http_fn_event_next(
    ngx_http_fn_header_t *header, ngx_http_fn_header_t *h,
    ngx_http_fn_header_t *end);
static u_char *ngx_http_fn_event_values(ngx_http_fn_header_t *header,
    ngx_http_fn_header_t *end, u_char *p, u_char *last);
static u_char *ngx_http_fn_event_name(ngx_str_t *name, u_char *p,
    u_char *last);
static u_char *ngx_http_fn_event_string(ngx_str_t *s, u_char *p,
    u_char *last);
static u_char *ngx_http_fn_event_escape(u_char c, u_char *p, u_char *last);
static u_char *ngx_http_fn_event_number(uint64_t n, u_char *p, u_char *last);
static u_char *ngx_http_fn_event_time(ngx_http_fn_event_t *event, u_char *p,
    u_char *last);


static ngx_str_t  ngx_http_fn_managed[] = {
    ngx_string("Connection"),
    ngx_string("Content-Length"),
    ngx_string("Date"),
    ngx_string("Keep-Alive"),
    ngx_string("Proxy-Connection"),
    ngx_string("Server"),
    ngx_string("TE"),
    ngx_string("Trailer"),
    ngx_string("Transfer-Encoding"),
    ngx_string("Upgrade"),
    ngx_null_string
};


/* RFC 9110 5.6.2 */

static uint32_t  ngx_http_fn_token[] = {
    0x00000000, /* 0000 0000 0000 0000  0000 0000 0000 0000 */

                /* ?>=< ;:98 7654 3210  /.-, +*)( '&%$ #"!  */
    0x03ff6cfa, /* 0000 0011 1111 1111  0110 1100 1111 1010 */

                /* _^]\ [ZYX WVUT SRQP  ONML KJIH GFED CBA@ */
    0xc7fffffe, /* 1100 0111 1111 1111  1111 1111 1111 1110 */

                /*  ~}| {zyx wvut srqp  onml kjih gfed cba` */
    0x57ffffff, /* 0101 0111 1111 1111  1111 1111 1111 1111 */

    0x00000000, /* 0000 0000 0000 0000  0000 0000 0000 0000 */
    0x00000000, /* 0000 0000 0000 0000  0000 0000 0000 0000 */
    0x00000000, /* 0000 0000 0000 0000  0000 0000 0000 0000 */
    0x00000000  /* 0000 0000 0000 0000  0000 0000 0000 0000 */
};


/*
 * The writers below return NULL when it doesn't fit, and when they were given
 * NULL: so only the end of a line is tested.
 */

static ngx_inline u_char *
ngx_http_fn_event_put(u_char *p, u_char *last, const void *data, size_t len)
{
    if (p == NULL || (size_t) (last - p) < len) {
        return NULL;
    }

    return ngx_cpymem(p, data, len);
}


#define ngx_http_fn_event_literal(p, last, text)                              \
    ngx_http_fn_event_put(p, last, text, sizeof(text) - 1)


u_char *
ngx_http_fn_event_write(ngx_http_fn_event_t *event, u_char *p, u_char *last)
{
    p = ngx_http_fn_event_literal(p, last, "{\"id\":");
    p = ngx_http_fn_event_string(&event->id, p, last);

    p = ngx_http_fn_event_literal(p, last, ",\"method\":");
    p = ngx_http_fn_event_string(&event->method, p, last);

    p = ngx_http_fn_event_literal(p, last, ",\"path\":");
    p = ngx_http_fn_event_string(&event->path, p, last);

    if (event->query.len) {
        p = ngx_http_fn_event_literal(p, last, ",\"query\":");
        p = ngx_http_fn_event_string(&event->query, p, last);
    }

    if (event->nheaders) {
        p = ngx_http_fn_event_headers(event, p, last);
    }

    p = ngx_http_fn_event_time(event, p, last);

    if (event->start_by) {
        p = ngx_http_fn_event_literal(p, last, ",\"start_by\":");
        p = ngx_http_fn_event_number(event->start_by, p, last);
    }

    if (event->remote_addr.len) {
        p = ngx_http_fn_event_literal(p, last, ",\"remote_addr\":");
        p = ngx_http_fn_event_string(&event->remote_addr, p, last);
    }

    p = ngx_http_fn_event_literal(p, last,
                                  ",\"trigger\":{\"kind\":\"http\",\"name\":");
    p = ngx_http_fn_event_string(&event->function, p, last);
    p = ngx_http_fn_event_literal(p, last, "}");

    if (event->log_level.len) {
        p = ngx_http_fn_event_literal(p, last, ",\"log_level\":");
        p = ngx_http_fn_event_string(&event->log_level, p, last);
    }

    if (event->body_length) {
        p = ngx_http_fn_event_literal(p, last, ",\"body_length\":");
        p = ngx_http_fn_event_number(event->body_length, p, last);
    }

    return ngx_http_fn_event_literal(p, last, "}\n");
}


static u_char *
ngx_http_fn_event_headers(ngx_http_fn_event_t *event, u_char *p, u_char *last)
{
    ngx_http_fn_header_t  *h, *end;

    end = event->headers + event->nheaders;

    p = ngx_http_fn_event_literal(p, last, ",\"headers\":{");

    for (h = event->headers; p && h < end; h++) {

        if (ngx_http_fn_event_next(h, event->headers, h) != h) {
            /* written with the first of this name */
            continue;
        }

        if (h != event->headers) {
            p = ngx_http_fn_event_literal(p, last, ",");
        }

        p = ngx_http_fn_event_name(&h->name, p, last);
        p = ngx_http_fn_event_values(h, end, p, last);
    }

    return ngx_http_fn_event_literal(p, last, "}");
}


/* the first header from h on that has the name of the given one, or end */

static ngx_http_fn_header_t *
ngx_http_fn_event_next(ngx_http_fn_header_t *header, ngx_http_fn_header_t *h,
    ngx_http_fn_header_t *end)
{
    for ( /* void */ ; h < end; h++) {
        if (h->hash == header->hash
            && h->name.len == header->name.len
            && ngx_strncasecmp(h->name.data, header->name.data, h->name.len)
               == 0)
        {
            break;
        }
    }

    return h;
}


static u_char *
ngx_http_fn_event_values(ngx_http_fn_header_t *header,
    ngx_http_fn_header_t *end, u_char *p, u_char *last)
{
    ngx_http_fn_header_t  *h;

    h = ngx_http_fn_event_next(header, header + 1, end);

    if (h == end) {
        p = ngx_http_fn_event_literal(p, last, ":");
        return ngx_http_fn_event_string(&header->value, p, last);
    }

    p = ngx_http_fn_event_literal(p, last, ":[");
    p = ngx_http_fn_event_string(&header->value, p, last);

    while (p && h < end) {
        p = ngx_http_fn_event_literal(p, last, ",");
        p = ngx_http_fn_event_string(&h->value, p, last);

        h = ngx_http_fn_event_next(header, h + 1, end);
    }

    return ngx_http_fn_event_literal(p, last, "]");
}


/* PROTOCOL 4.2 */

static u_char *
ngx_http_fn_event_name(ngx_str_t *name, u_char *p, u_char *last)
{
    u_char       c;
    size_t       i;
    ngx_uint_t   first;

    p = ngx_http_fn_event_literal(p, last, "\"");

    first = 1;

    for (i = 0; p && i < name->len; i++) {
        c = first ? ngx_toupper(name->data[i]) : ngx_tolower(name->data[i]);
        first = (c == '-');

        if (ngx_http_fn_plain(c) && p < last) {
            *p++ = c;
            continue;
        }

        p = ngx_http_fn_event_escape(c, p, last);
    }

    return ngx_http_fn_event_literal(p, last, "\"");
}


static u_char *
ngx_http_fn_event_string(ngx_str_t *s, u_char *p, u_char *last)
{
    u_char  *c, *run, *end;

    p = ngx_http_fn_event_literal(p, last, "\"");

    c = s->data;
    end = c + s->len;

    for ( ;; ) {

        run = c;
        c = ngx_http_fn_plain_end(c, end);

        p = ngx_http_fn_event_put(p, last, run, c - run);

        if (p == NULL || c == end) {
            break;
        }

        p = ngx_http_fn_event_escape(*c++, p, last);
    }

    return ngx_http_fn_event_literal(p, last, "\"");
}


static u_char *
ngx_http_fn_event_escape(u_char c, u_char *p, u_char *last)
{
    u_char         buf[6];
    static u_char  hex[] = "0123456789abcdef";

    if (ngx_http_fn_plain(c)) {
        return ngx_http_fn_event_put(p, last, &c, 1);
    }

    if (c >= 0x80) {
        buf[0] = (u_char) (0xc0 | (c >> 6));
        buf[1] = (u_char) (0x80 | (c & 0x3f));
        return ngx_http_fn_event_put(p, last, buf, 2);
    }

    if (c == '"' || c == '\\') {
        buf[0] = '\\';
        buf[1] = c;
        return ngx_http_fn_event_put(p, last, buf, 2);
    }

    ngx_memcpy(buf, "\\u00", 4);
    buf[4] = hex[c >> 4];
    buf[5] = hex[c & 0xf];

    return ngx_http_fn_event_put(p, last, buf, 6);
}


static u_char *
ngx_http_fn_event_number(uint64_t n, u_char *p, u_char *last)
{
    u_char  buf[NGX_INT64_LEN], *digit;

    digit = buf + NGX_INT64_LEN;

    do {
        *--digit = (u_char) (n % 10 + '0');
        n /= 10;
    } while (n);

    return ngx_http_fn_event_put(p, last, digit, buf + NGX_INT64_LEN - digit);
}


static u_char *
ngx_http_fn_event_time(ngx_http_fn_event_t *event, u_char *p, u_char *last)
{
    u_char  buf[4];

    buf[0] = '.';
    buf[1] = (u_char) (event->msec / 100 % 10 + '0');
    buf[2] = (u_char) (event->msec / 10 % 10 + '0');
    buf[3] = (u_char) (event->msec % 10 + '0');

    p = ngx_http_fn_event_literal(p, last, ",\"timestamp\":");
    p = ngx_http_fn_event_number(event->sec, p, last);

    return ngx_http_fn_event_put(p, last, buf, 4);
}


const char *
ngx_http_fn_header_check(ngx_str_t *name, ngx_str_t *value)
{
    u_char  *p, *last;

    if (name->len == 0) {
        return "header name is empty";
    }

    if (name->len > NGX_HTTP_FN_HEADER_NAME_MAX) {
        return "header name is too long";
    }

    if (value->len > NGX_HTTP_FN_HEADER_VALUE_MAX) {
        return "header value is too long";
    }

    last = name->data + name->len;

    for (p = name->data; p < last; p++) {
        if (!(ngx_http_fn_token[*p >> 5] & (1U << (*p & 0x1f)))) {
            return "header name is not a token";
        }
    }

    last = value->data + value->len;

    for (p = value->data; p < last; p++) {
        if ((*p < 0x20 && *p != '\t') || *p == 0x7f) {
            return "header value has a control character";
        }
    }

    return NULL;
}


ngx_uint_t
ngx_http_fn_header_managed(ngx_str_t *name)
{
    ngx_str_t  *managed;

    if (name->len >= sizeof("X-Accel-") - 1
        && ngx_strncasecmp(name->data, (u_char *) "X-Accel-",
                           sizeof("X-Accel-") - 1)
           == 0)
    {
        return 1;
    }

    for (managed = ngx_http_fn_managed; managed->len; managed++) {
        if (name->len == managed->len
            && ngx_strncasecmp(name->data, managed->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
