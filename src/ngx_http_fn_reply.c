
/*
 * Replies: a reader of lines and bodies that come in pieces.  The clauses
 * named here are those of runtimes/PROTOCOL.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>

#include "ngx_http_fn_proto.h"


/*
 * Where the reader is; reply->rest bytes of a body or a chunk come first.
 *
 *     head    lines up to the response   --> stream or end
 *     stream  chunk heads and logs       --> end
 */

typedef enum {
    ngx_http_fn_reply_st_head = 0,
    ngx_http_fn_reply_st_stream,
    ngx_http_fn_reply_st_end,
    ngx_http_fn_reply_st_invalid
} ngx_http_fn_reply_state_e;


#define NGX_HTTP_FN_REPLY_IN_HEAD    (1 << ngx_http_fn_reply_st_head)
#define NGX_HTTP_FN_REPLY_IN_STREAM  (1 << ngx_http_fn_reply_st_stream)
#define NGX_HTTP_FN_REPLY_ANYWHERE                                            \
    (NGX_HTTP_FN_REPLY_IN_HEAD|NGX_HTTP_FN_REPLY_IN_STREAM)


typedef struct {
    ngx_str_t             name;
    ngx_uint_t            states;       /* where it may come */
    ngx_uint_t            id;           /* has the event's */
    ngx_http_fn_reply_e   message;      /* AGAIN: for the reader only */
    ngx_int_t           (*read)(ngx_http_fn_reply_t *reply, json_t *json);
} ngx_http_fn_reply_type_t;


typedef struct {
    ngx_str_t             name;
    ngx_uint_t            level;
} ngx_http_fn_reply_level_t;


typedef struct {
    const char           *name;
    json_int_t            min;
    json_int_t            max;
    json_int_t            absent;
    const char           *reason;
} ngx_http_fn_reply_integer_t;


static ngx_http_fn_reply_e ngx_http_fn_reply_bytes(ngx_http_fn_reply_t *reply,
    u_char **pos, u_char *last);
static ngx_http_fn_reply_e ngx_http_fn_reply_line(ngx_http_fn_reply_t *reply,
    u_char **pos, u_char *last);
static ngx_int_t ngx_http_fn_reply_copy(ngx_http_fn_reply_t *reply,
    u_char *data, size_t len);
static ngx_http_fn_reply_e ngx_http_fn_reply_message(
    ngx_http_fn_reply_t *reply, ngx_str_t *line);
static ngx_int_t ngx_http_fn_reply_parse(ngx_http_fn_reply_t *reply,
    ngx_str_t *line);
static ngx_int_t ngx_http_fn_reply_depth(ngx_http_fn_reply_t *reply,
    ngx_str_t *line);

static ngx_int_t ngx_http_fn_reply_log(ngx_http_fn_reply_t *reply,
    json_t *json);
static ngx_int_t ngx_http_fn_reply_response(ngx_http_fn_reply_t *reply,
    json_t *json);
static ngx_int_t ngx_http_fn_reply_body(ngx_http_fn_reply_t *reply,
    json_t *json);
static ngx_int_t ngx_http_fn_reply_error(ngx_http_fn_reply_t *reply,
    json_t *json);
static ngx_int_t ngx_http_fn_reply_expired(ngx_http_fn_reply_t *reply,
    json_t *json);
static ngx_int_t ngx_http_fn_reply_chunk(ngx_http_fn_reply_t *reply,
    json_t *json);
static ngx_int_t ngx_http_fn_reply_end(ngx_http_fn_reply_t *reply,
    json_t *json);

static ngx_int_t ngx_http_fn_reply_headers(ngx_http_fn_reply_t *reply,
    json_t *json);
static ngx_int_t ngx_http_fn_reply_header_count(ngx_http_fn_reply_t *reply,
    json_t *headers);
static ngx_int_t ngx_http_fn_reply_header(ngx_http_fn_reply_t *reply,
    const char *name, json_t *value);
static u_char *ngx_http_fn_reply_latin1(u_char *p, const char *text,
    size_t len);

static ngx_uint_t ngx_http_fn_reply_is(json_t *value, ngx_str_t *text);
static ngx_int_t ngx_http_fn_reply_text(ngx_http_fn_reply_t *reply,
    json_t *json, const char *name, ngx_str_t *text, const char *reason);
static ngx_int_t ngx_http_fn_reply_integer(ngx_http_fn_reply_t *reply,
    json_t *json, ngx_http_fn_reply_integer_t *field, int64_t *n);
static ngx_int_t ngx_http_fn_reply_failed(ngx_http_fn_reply_t *reply,
    const char *reason);


static ngx_http_fn_reply_type_t  ngx_http_fn_reply_types[] = {
    { ngx_string("response"), NGX_HTTP_FN_REPLY_IN_HEAD, 1,
      NGX_HTTP_FN_REPLY_RESPONSE, ngx_http_fn_reply_response },
    { ngx_string("log"), NGX_HTTP_FN_REPLY_ANYWHERE, 0,
      NGX_HTTP_FN_REPLY_LOG, ngx_http_fn_reply_log },
    { ngx_string("error"), NGX_HTTP_FN_REPLY_ANYWHERE, 1,
      NGX_HTTP_FN_REPLY_ERROR, ngx_http_fn_reply_error },
    { ngx_string("expired"), NGX_HTTP_FN_REPLY_IN_HEAD, 1,
      NGX_HTTP_FN_REPLY_EXPIRED, ngx_http_fn_reply_expired },
    { ngx_string("chunk"), NGX_HTTP_FN_REPLY_IN_STREAM, 0,
      NGX_HTTP_FN_REPLY_AGAIN, ngx_http_fn_reply_chunk },
    { ngx_string("end"), NGX_HTTP_FN_REPLY_IN_STREAM, 0,
      NGX_HTTP_FN_REPLY_AGAIN, ngx_http_fn_reply_end },
    { ngx_null_string, 0, 0, 0, NULL }
};


static ngx_http_fn_reply_level_t  ngx_http_fn_reply_levels[] = {
    { ngx_string("debug"), NGX_LOG_DEBUG },
    { ngx_string("info"), NGX_LOG_INFO },
    { ngx_string("warn"), NGX_LOG_WARN },
    { ngx_string("error"), NGX_LOG_ERR },
    { ngx_null_string, 0 }
};


static ngx_http_fn_reply_integer_t  ngx_http_fn_reply_response_status =
    { "status", 200, 599, 200, "status is not an integer from 200 to 599" };

static ngx_http_fn_reply_integer_t  ngx_http_fn_reply_error_status =
    { "status", 400, 599, 500, "status is not an integer from 400 to 599" };

static ngx_http_fn_reply_integer_t  ngx_http_fn_reply_body_length =
    { "body_length", 0, NGX_MAX_OFF_T_VALUE, -1,
      "body_length is not an integer from 0" };

static ngx_http_fn_reply_integer_t  ngx_http_fn_reply_chunk_length =
    { "length", 0, NGX_MAX_OFF_T_VALUE, -1,
      "length is not an integer from 0" };

static ngx_http_fn_reply_integer_t  ngx_http_fn_reply_duration =
    { "duration_us", 0, NGX_MAX_OFF_T_VALUE, -1,
      "duration_us is not an integer from 0" };


ngx_http_fn_reply_e
ngx_http_fn_reply_read(ngx_http_fn_reply_t *reply, u_char **pos, u_char *last)
{
    ngx_http_fn_reply_e  rc;

    do {
        ngx_http_fn_reply_free(reply);

        if (reply->state == ngx_http_fn_reply_st_invalid) {
            return NGX_HTTP_FN_REPLY_INVALID;
        }

        if (reply->state == ngx_http_fn_reply_st_end && reply->rest == 0) {
            return NGX_HTTP_FN_REPLY_DONE;
        }

        if (*pos == last) {
            return NGX_HTTP_FN_REPLY_AGAIN;
        }

        rc = reply->rest ? ngx_http_fn_reply_bytes(reply, pos, last)
                         : ngx_http_fn_reply_line(reply, pos, last);

    } while (rc == NGX_HTTP_FN_REPLY_AGAIN);

    if (rc == NGX_HTTP_FN_REPLY_INVALID) {
        reply->state = ngx_http_fn_reply_st_invalid;
    }

    return rc;
}


void
ngx_http_fn_reply_free(ngx_http_fn_reply_t *reply)
{
    if (reply->with.len) {
        ngx_free(reply->with.data);
        ngx_str_null(&reply->with);
    }

    json_decref(reply->json);
    reply->json = NULL;
}


static ngx_http_fn_reply_e
ngx_http_fn_reply_bytes(ngx_http_fn_reply_t *reply, u_char **pos, u_char *last)
{
    reply->data.data = *pos;
    reply->data.len = (size_t) ngx_min(reply->rest, (off_t) (last - *pos));

    *pos += reply->data.len;
    reply->rest -= reply->data.len;

    return NGX_HTTP_FN_REPLY_DATA;
}


static ngx_http_fn_reply_e
ngx_http_fn_reply_line(ngx_http_fn_reply_t *reply, u_char **pos, u_char *last)
{
    u_char     *p, *lf;
    size_t      len, rest;
    ngx_str_t   line;

    p = *pos;
    rest = reply->line_max - reply->line.len;
    len = ngx_min((size_t) (last - p), rest);

    lf = memchr(p, LF, len);

    if (lf == NULL && len == rest) {
        reply->reason = "line is too long";
        return NGX_HTTP_FN_REPLY_INVALID;
    }

    if (lf) {
        len = lf - p;
        *pos = lf + 1;

    } else {
        *pos = last;
    }

    if (lf && reply->line.len == 0) {
        line.data = p;
        line.len = len;
        return ngx_http_fn_reply_message(reply, &line);
    }

    if (ngx_http_fn_reply_copy(reply, p, len) != NGX_OK) {
        return NGX_HTTP_FN_REPLY_INVALID;
    }

    if (lf == NULL) {
        return NGX_HTTP_FN_REPLY_AGAIN;
    }

    line = reply->line;
    reply->line.len = 0;

    return ngx_http_fn_reply_message(reply, &line);
}


static ngx_int_t
ngx_http_fn_reply_copy(ngx_http_fn_reply_t *reply, u_char *data, size_t len)
{
    if (reply->line.data == NULL) {
        reply->line.data = ngx_pnalloc(reply->pool, reply->line_max);
        if (reply->line.data == NULL) {
            return ngx_http_fn_reply_failed(reply, "no memory");
        }
    }

    ngx_memcpy(reply->line.data + reply->line.len, data, len);
    reply->line.len += len;

    return NGX_OK;
}


static ngx_http_fn_reply_e
ngx_http_fn_reply_message(ngx_http_fn_reply_t *reply, ngx_str_t *line)
{
    json_t                    *type;
    ngx_http_fn_reply_type_t  *t;

    if (reply->state == ngx_http_fn_reply_st_head
        && ngx_http_fn_head_read(reply, line) == NGX_OK)
    {
        reply->rest = reply->body_length;
        reply->state = ngx_http_fn_reply_st_end;
        return NGX_HTTP_FN_REPLY_RESPONSE;
    }

    if (ngx_http_fn_reply_parse(reply, line) != NGX_OK) {
        return NGX_HTTP_FN_REPLY_INVALID;
    }

    type = json_object_get(reply->json, "type");

    for (t = ngx_http_fn_reply_types; t->name.len; t++) {
        if (ngx_http_fn_reply_is(type, &t->name)) {
            break;
        }
    }

    if (t->name.len == 0) {
        reply->reason = "unknown type";
        return NGX_HTTP_FN_REPLY_INVALID;
    }

    if (!(t->states & (1 << reply->state))) {
        reply->reason = "unexpected type";
        return NGX_HTTP_FN_REPLY_INVALID;
    }

    if (t->id
        && !ngx_http_fn_reply_is(json_object_get(reply->json, "id"),
                                 &reply->id))
    {
        reply->reason = "wrong id";
        return NGX_HTTP_FN_REPLY_INVALID;
    }

    if (t->read(reply, reply->json) != NGX_OK) {
        return NGX_HTTP_FN_REPLY_INVALID;
    }

    return t->message;
}


static ngx_int_t
ngx_http_fn_reply_parse(ngx_http_fn_reply_t *reply, ngx_str_t *line)
{
    json_error_t  error;

    if (ngx_http_fn_reply_depth(reply, line) != NGX_OK) {
        return NGX_ERROR;
    }

    reply->json = json_loadb((char *) line->data, line->len,
                             JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL, &error);

    if (json_is_object((json_t *) reply->json)) {
        return NGX_OK;
    }

    if (reply->json) {
        return ngx_http_fn_reply_failed(reply, "line is not an object");
    }

    switch (json_error_code(&error)) {

    case json_error_invalid_utf8:
        return ngx_http_fn_reply_failed(reply, "line is not in UTF-8");

    case json_error_duplicate_key:
        return ngx_http_fn_reply_failed(reply, "a name stands twice");

    case json_error_numeric_overflow:
        return ngx_http_fn_reply_failed(reply, "number is out of range");

    case json_error_out_of_memory:
        return ngx_http_fn_reply_failed(reply, "no memory");

    default:
        return ngx_http_fn_reply_failed(reply, "line is not JSON");
    }
}


/* before the parser, which recurses */

static ngx_int_t
ngx_http_fn_reply_depth(ngx_http_fn_reply_t *reply, ngx_str_t *line)
{
    u_char      *p, *last;
    ngx_int_t    depth;
    ngx_uint_t   quoted;

    depth = 0;
    quoted = 0;
    last = line->data + line->len;

    for (p = line->data; p < last; p++) {

        if (*p == '\\') {
            p++;

        } else if (*p == '"') {
            quoted = !quoted;

        } else if (quoted) {
            continue;

        } else if (*p == '{' || *p == '[') {
            if (++depth > NGX_HTTP_FN_DEPTH_MAX) {
                return ngx_http_fn_reply_failed(reply, "nesting is too deep");
            }

        } else if (*p == '}' || *p == ']') {
            depth--;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_reply_log(ngx_http_fn_reply_t *reply, json_t *json)
{
    char                       *text;
    json_t                     *value;
    ngx_http_fn_reply_level_t  *level;

    value = json_object_get(json, "level");

    for (level = ngx_http_fn_reply_levels; level->name.len; level++) {
        if (ngx_http_fn_reply_is(value, &level->name)) {
            break;
        }
    }

    if (level->name.len == 0) {
        return ngx_http_fn_reply_failed(reply, "unknown level");
    }

    reply->level = level->level;

    if (ngx_http_fn_reply_text(reply, json, "message", &reply->message,
                               "message is not a string")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (reply->message.data == NULL) {
        return ngx_http_fn_reply_failed(reply, "log without message");
    }

    value = json_object_get(json, "with");

    if (value == NULL) {
        return NGX_OK;
    }

    if (!json_is_object(value)) {
        return ngx_http_fn_reply_failed(reply, "with is not an object");
    }

    text = json_dumps(value, JSON_COMPACT|JSON_REAL_PRECISION(15));
    if (text == NULL) {
        return ngx_http_fn_reply_failed(reply, "no memory");
    }

    reply->with.len = ngx_strlen(text);
    reply->with.data = (u_char *) text;

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_reply_response(ngx_http_fn_reply_t *reply, json_t *json)
{
    int64_t  status;

    if (ngx_http_fn_reply_integer(reply, json,
                                  &ngx_http_fn_reply_response_status, &status)
            != NGX_OK
        || ngx_http_fn_reply_integer(reply, json, &ngx_http_fn_reply_duration,
                                     &reply->duration)
            != NGX_OK
        || ngx_http_fn_reply_headers(reply, json) != NGX_OK)
    {
        return NGX_ERROR;
    }

    reply->status = (ngx_uint_t) status;

    return ngx_http_fn_reply_body(reply, json);
}


static ngx_int_t
ngx_http_fn_reply_body(ngx_http_fn_reply_t *reply, json_t *json)
{
    json_t   *stream;
    int64_t   length;

    if (ngx_http_fn_reply_integer(reply, json, &ngx_http_fn_reply_body_length,
                                  &length)
            != NGX_OK
        || ngx_http_fn_reply_text(reply, json, "body", &reply->data,
                                  "body is not a string")
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    stream = json_object_get(json, "stream");

    if (stream && !json_is_boolean(stream)) {
        return ngx_http_fn_reply_failed(reply, "stream is not a boolean");
    }

    reply->stream = json_is_true(stream);

    if ((length != -1) + (reply->data.data != NULL) + reply->stream > 1) {
        return ngx_http_fn_reply_failed(reply, "more than one body");
    }

    if (reply->stream) {
        reply->body_length = -1;
        reply->state = ngx_http_fn_reply_st_stream;
        return NGX_OK;
    }

    reply->body_length = ngx_max(length, 0);
    reply->rest = reply->body_length;
    reply->state = ngx_http_fn_reply_st_end;

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_reply_error(ngx_http_fn_reply_t *reply, json_t *json)
{
    int64_t  status;

    if (ngx_http_fn_reply_text(reply, json, "error", &reply->error,
                               "error is not a string")
            != NGX_OK
        || ngx_http_fn_reply_text(reply, json, "message", &reply->message,
                                  "message is not a string")
            != NGX_OK
        || ngx_http_fn_reply_text(reply, json, "stack", &reply->stack,
                                  "stack is not a string")
            != NGX_OK
        || ngx_http_fn_reply_integer(reply, json,
                                     &ngx_http_fn_reply_error_status, &status)
            != NGX_OK
        || ngx_http_fn_reply_integer(reply, json, &ngx_http_fn_reply_duration,
                                     &reply->duration)
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    reply->status = (ngx_uint_t) status;
    reply->state = ngx_http_fn_reply_st_end;

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_reply_expired(ngx_http_fn_reply_t *reply, json_t *json)
{
    if (!reply->lease) {
        return ngx_http_fn_reply_failed(reply, "expired without start_by");
    }

    reply->state = ngx_http_fn_reply_st_end;

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_reply_chunk(ngx_http_fn_reply_t *reply, json_t *json)
{
    int64_t  length;

    if (ngx_http_fn_reply_integer(reply, json, &ngx_http_fn_reply_chunk_length,
                                  &length)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (length == -1) {
        return ngx_http_fn_reply_failed(reply, "chunk without length");
    }

    reply->rest = length;

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_reply_end(ngx_http_fn_reply_t *reply, json_t *json)
{
    reply->state = ngx_http_fn_reply_st_end;

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_reply_headers(ngx_http_fn_reply_t *reply, json_t *json)
{
    size_t       i;
    json_t      *headers, *value, *line;
    ngx_int_t    n;
    const char  *name;

    reply->nheaders = 0;

    headers = json_object_get(json, "headers");

    if (headers == NULL) {
        return NGX_OK;
    }

    n = ngx_http_fn_reply_header_count(reply, headers);

    if (n == NGX_ERROR || n == 0) {
        return n;
    }

    reply->headers = ngx_palloc(reply->pool, n * sizeof(ngx_http_fn_header_t));
    if (reply->headers == NULL) {
        return ngx_http_fn_reply_failed(reply, "no memory");
    }

    json_object_foreach(headers, name, value) {

        if (!json_is_array(value)) {
            if (ngx_http_fn_reply_header(reply, name, value) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        json_array_foreach(value, i, line) {
            if (ngx_http_fn_reply_header(reply, name, line) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* PROTOCOL 6.1, 6.3 */

static ngx_int_t
ngx_http_fn_reply_header_count(ngx_http_fn_reply_t *reply, json_t *headers)
{
    json_t      *value;
    const char  *name;
    ngx_uint_t   n, types;

    if (!json_is_object(headers)) {
        return ngx_http_fn_reply_failed(reply, "headers is not an object");
    }

    n = 0;
    types = 0;

    json_object_foreach(headers, name, value) {
        n += json_is_array(value) ? json_array_size(value) : 1;

        if (ngx_strcasecmp((u_char *) name, (u_char *) "Content-Type") == 0) {
            types += json_is_array(value) ? 2 : 1;
        }
    }

    if (n > NGX_HTTP_FN_HEADERS_MAX) {
        return ngx_http_fn_reply_failed(reply, "too many headers");
    }

    if (types > 1) {
        return ngx_http_fn_reply_failed(reply, "more than one Content-Type");
    }

    return n;
}


static ngx_int_t
ngx_http_fn_reply_header(ngx_http_fn_reply_t *reply, const char *name,
    json_t *value)
{
    u_char                *p, *last;
    size_t                 len;
    ngx_http_fn_header_t  *h;

    if (!json_is_string(value)) {
        return ngx_http_fn_reply_failed(reply, "header is not a string");
    }

    len = ngx_strlen(name);

    p = ngx_pnalloc(reply->pool, len + json_string_length(value));
    if (p == NULL) {
        return ngx_http_fn_reply_failed(reply, "no memory");
    }

    h = &reply->headers[reply->nheaders];

    h->name.data = p;
    p = ngx_http_fn_reply_latin1(p, name, len);

    h->value.data = p;
    last = ngx_http_fn_reply_latin1(p, json_string_value(value),
                                    json_string_length(value));

    if (p == NULL || last == NULL) {
        return ngx_http_fn_reply_failed(reply,
                                        "header has a character above 255");
    }

    h->name.len = p - h->name.data;
    h->value.len = last - p;

    reply->reason = ngx_http_fn_header_check(&h->name, &h->value);

    if (reply->reason) {
        return NGX_ERROR;
    }

    if (!ngx_http_fn_header_managed(&h->name)) {
        reply->nheaders++;
    }

    return NGX_OK;
}


/* PROTOCOL 3.5; the text is valid UTF-8 */

static u_char *
ngx_http_fn_reply_latin1(u_char *p, const char *text, size_t len)
{
    u_char        c;
    const char   *last;

    last = text + len;

    while (p && text < last) {
        c = (u_char) *text++;

        if (c > 0xc3) {
            return NULL;
        }

        if (c >= 0x80) {
            c = (u_char) ((c << 6) | (*text++ & 0x3f));
        }

        *p++ = c;
    }

    return p;
}


static ngx_uint_t
ngx_http_fn_reply_is(json_t *value, ngx_str_t *text)
{
    return json_is_string(value)
           && json_string_length(value) == text->len
           && ngx_memcmp(json_string_value(value), text->data, text->len) == 0;
}


static ngx_int_t
ngx_http_fn_reply_text(ngx_http_fn_reply_t *reply, json_t *json,
    const char *name, ngx_str_t *text, const char *reason)
{
    json_t  *value;

    value = json_object_get(json, name);

    if (value == NULL) {
        ngx_str_null(text);
        return NGX_OK;
    }

    if (!json_is_string(value)) {
        return ngx_http_fn_reply_failed(reply, reason);
    }

    text->len = json_string_length(value);
    text->data = (u_char *) json_string_value(value);

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_reply_integer(ngx_http_fn_reply_t *reply, json_t *json,
    ngx_http_fn_reply_integer_t *field, int64_t *n)
{
    json_t  *value;

    value = json_object_get(json, field->name);

    if (value == NULL) {
        *n = field->absent;
        return NGX_OK;
    }

    *n = json_integer_value(value);

    if (!json_is_integer(value) || *n < field->min || *n > field->max) {
        return ngx_http_fn_reply_failed(reply, field->reason);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_reply_failed(ngx_http_fn_reply_t *reply, const char *reason)
{
    reply->reason = reason;

    return NGX_ERROR;
}
