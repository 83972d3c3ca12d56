
/*
 * Runs the cases of runtimes/vectors/ through the codec, and what can't be
 * written as a case: every cut of a reply, every size of a buffer, every
 * allocation that fails.  Prints TAP.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include <glob.h>

#include "ngx_http_fn_proto.h"
#include "stubs.h"


#define TEST_ID        "0123456789abcdef0123456789abcdef"
#define TEST_LINE_MAX  16384


static void test_vectors(const char *dir);
static void test_reply(const char *dir);
static void test_reply_spaced(const char *dir, ngx_str_t *in, json_t *given,
    json_t *expect);
static json_t *test_reply_run(ngx_str_t *in, json_t *given, size_t first,
    size_t piece);
static ngx_uint_t test_reply_piece(ngx_http_fn_reply_t *reply, u_char *data,
    size_t len, json_t *list);
static void test_reply_join(json_t *list, json_t *message);
static json_t *test_reply_message(ngx_http_fn_reply_t *reply,
    ngx_http_fn_reply_e rc);
static void test_reply_memory(const char *dir, ngx_str_t *in, json_t *given);
static void test_event(const char *dir);
static ngx_uint_t test_event_bounds(ngx_http_fn_event_t *event, ngx_str_t *s);
static void test_event_input(ngx_http_fn_event_t *event, json_t *input);
static void test_header_bytes(void);
static void test_header_limits(void);
static void test_header_managed(void);

static ngx_str_t test_string(json_t *object, const char *name);
static ngx_str_t test_bytes(json_t *value);
static json_t *test_latin1(ngx_str_t *s);
static json_t *test_text(ngx_str_t *s);
static ngx_uint_t test_read(const char *dir, const char *name, ngx_str_t *s);
static json_t *test_json(const char *dir, const char *name);
static void test_ok(ngx_uint_t ok, const char *what, const char *name);


static size_t  test_cuts = 2000;        /* tried of a line or a reply */

static int     test_number;
static int     test_failed;


int
main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: proto_test VECTORS [CUTS]\n");
        return 2;
    }

    if (argc > 2) {
        test_cuts = atoi(argv[2]);
    }

    test_vectors(argv[1]);
    test_header_bytes();
    test_header_limits();
    test_header_managed();

    printf("1..%d\n", test_number);

    return test_failed ? 1 : 0;
}


static void
test_vectors(const char *dir)
{
    char    pattern[1024];
    size_t  i;
    glob_t  cases;

    snprintf(pattern, sizeof(pattern), "%s/*/*/about", dir);

    if (glob(pattern, 0, NULL, &cases) != 0) {
        test_ok(0, dir, "no cases");
        return;
    }

    for (i = 0; i < cases.gl_pathc; i++) {
        *strrchr(cases.gl_pathv[i], '/') = '\0';

        test_reply(cases.gl_pathv[i]);
        test_event(cases.gl_pathv[i]);
        stubs_pool_free();
    }

    globfree(&cases);
}


static void
test_reply(const char *dir)
{
    char       *text;
    json_t     *expect, *given, *got;
    size_t      i, cut, step;
    ngx_str_t   in;

    if (!test_read(dir, "reply", &in)) {
        return;
    }

    expect = test_json(dir, "expect");
    given = test_json(dir, "given");

    step = in.len / test_cuts + 1;

    /* in one piece, then byte by byte, then in two pieces cut everywhere */

    for (i = 0; i < in.len + 2; i += (i < 2) ? 1 : step) {
        cut = (i == 0) ? in.len : i - 1;

        got = test_reply_run(&in, given, cut, i == 1 ? 1 : in.len);

        if (!json_equal(got, expect)) {
            text = json_dumps(got, JSON_COMPACT);
            printf("# case %d, cut at %d: %s\n", (int) i, (int) cut, text);
            free(text);
            json_decref(got);
            break;
        }

        json_decref(got);
        stubs_pool_free();
    }

    test_ok(i >= in.len + 2, dir, "read");

    test_reply_spaced(dir, &in, given, expect);

    test_reply_memory(dir, &in, given);

    free(in.data);
    json_decref(expect);
    json_decref(given);
}


/* a blank sends the response's line past ngx_http_fn_head_read() */

static void
test_reply_spaced(const char *dir, ngx_str_t *in, json_t *given,
    json_t *expect)
{
    u_char     *p;
    json_t     *got;
    size_t      before;
    ngx_str_t   spaced;

    static const char  head[] = "{\"type\":\"response\"";

    p = memmem(in->data, in->len, head, sizeof(head) - 1);

    /* where the length counts, a blank is one byte too many */

    if (p == NULL || strstr(dir, "/length/")) {
        return;
    }

    before = p + 1 - in->data;

    spaced.len = in->len + 1;
    spaced.data = malloc(spaced.len);

    memcpy(spaced.data, in->data, before);
    spaced.data[before] = ' ';
    memcpy(spaced.data + before + 1, in->data + before, in->len - before);

    got = test_reply_run(&spaced, given, spaced.len, spaced.len);
    test_ok(json_equal(got, expect), dir, "read with a blank");

    json_decref(got);
    stubs_pool_free();
    free(spaced.data);
}


/* first bytes, then pieces */

static json_t *
test_reply_run(ngx_str_t *in, json_t *given, size_t first, size_t piece)
{
    size_t               pos, len;
    json_t              *list, *value;
    ngx_uint_t           more;
    ngx_http_fn_reply_t  reply;

    ngx_memzero(&reply, sizeof(ngx_http_fn_reply_t));
    ngx_str_set(&reply.id, TEST_ID);

    reply.lease = json_is_true(json_object_get(given, "lease"));
    value = json_object_get(given, "line_max");
    reply.line_max = value ? (size_t) json_integer_value(value)
                           : TEST_LINE_MAX;

    list = json_array();
    more = 1;

    for (pos = 0; more && pos < in->len; pos += len) {
        len = ngx_min(pos ? piece : first, in->len - pos);
        len = ngx_max(len, 1);
        more = test_reply_piece(&reply, in->data + pos, len, list);
    }

    if (more) {
        json_array_append_new(list, json_pack("{s:s}", "type", "again"));

    } else {
        value = json_array_get(list, json_array_size(list) - 1);

        /* what test_reply_piece() left, and pieces that it never saw */

        len = in->len - pos
              + json_integer_value(json_object_get(value, "rest"));

        json_object_del(value, "rest");

        if (len && reply.reason == NULL) {
            json_object_set_new(value, "rest", json_integer(len));
        }
    }

    ngx_http_fn_reply_free(&reply);
    ngx_http_fn_reply_free(&reply);

    return list;
}


/* 0: this was the last */

static ngx_uint_t
test_reply_piece(ngx_http_fn_reply_t *reply, u_char *data, size_t len,
    json_t *list)
{
    u_char               *copy, *pos;
    json_t               *message;
    ngx_http_fn_reply_e   rc;

    /* a block of just this size, for the tools that watch its ends */

    copy = malloc(len);
    ngx_memcpy(copy, data, len);
    pos = copy;

    do {
        rc = ngx_http_fn_reply_read(reply, &pos, copy + len);

        if (rc == NGX_HTTP_FN_REPLY_AGAIN) {
            break;
        }

        message = test_reply_message(reply, rc);

        if (rc == NGX_HTTP_FN_REPLY_DATA) {
            test_reply_join(list, message);
        }

        json_array_append_new(list, message);

    } while (rc != NGX_HTTP_FN_REPLY_DONE && rc != NGX_HTTP_FN_REPLY_INVALID);

    if (rc == NGX_HTTP_FN_REPLY_DONE) {
        json_object_set_new(json_array_get(list, json_array_size(list) - 1),
                            "rest", json_integer(copy + len - pos));
    }

    if (rc == NGX_HTTP_FN_REPLY_AGAIN && pos != copy + len) {
        json_array_append_new(list, json_string("AGAIN with bytes left"));
    }

    if (rc != NGX_HTTP_FN_REPLY_AGAIN
        && ngx_http_fn_reply_read(reply, &pos, copy + len) != rc)
    {
        json_array_append_new(list, json_string("the end doesn't last"));
    }

    free(copy);

    return rc == NGX_HTTP_FN_REPLY_AGAIN;
}


/* data behind data: the former goes, the latter is both */

static void
test_reply_join(json_t *list, json_t *message)
{
    char    *text;
    json_t  *before, *data;
    size_t   n, m;

    before = json_array_get(list, json_array_size(list) - 1);
    before = json_object_get(before, "data");

    if (before == NULL) {
        return;
    }

    data = json_object_get(message, "data");
    n = json_string_length(before);
    m = json_string_length(data);

    text = malloc(n + m + 1);
    ngx_memcpy(text, json_string_value(before), n);
    ngx_memcpy(text + n, json_string_value(data), m);

    json_object_set_new(message, "data", json_stringn(text, n + m));
    json_array_remove(list, json_array_size(list) - 1);

    free(text);
}


static json_t *
test_reply_message(ngx_http_fn_reply_t *reply, ngx_http_fn_reply_e rc)
{
    json_t                *message, *list;
    ngx_uint_t             i;
    ngx_http_fn_header_t  *h;

    static const char     *types[] = { "again", "log", "response", "error",
                                       "expired", "data", "done", "invalid" };
    static const char     *levels[] = { "", "", "", "", "error", "warn", "",
                                        "info", "debug" };

    message = json_pack("{s:s}", "type", types[rc]);

    switch (rc) {

    case NGX_HTTP_FN_REPLY_LOG:
        json_object_set_new(message, "level",
                            json_string(levels[reply->level]));
        json_object_set_new(message, "message", test_text(&reply->message));

        if (reply->with.len) {
            json_object_set_new(message, "with",
                                json_loadb((char *) reply->with.data,
                                           reply->with.len, JSON_ALLOW_NUL,
                                           NULL));
        }

        break;

    case NGX_HTTP_FN_REPLY_RESPONSE:
        list = json_array();

        for (i = 0; i < reply->nheaders; i++) {
            h = &reply->headers[i];
            json_array_append_new(list, json_pack("[oo]",
                                                  test_latin1(&h->name),
                                                  test_latin1(&h->value)));
        }

        json_object_set_new(message, "headers", list);

        if (reply->stream) {
            json_object_set_new(message, "stream", json_true());
        }

        if (reply->body_length > 0) {
            json_object_set_new(message, "body_length",
                                json_integer(reply->body_length));
        }

        if (reply->data.len) {
            json_object_set_new(message, "body", test_text(&reply->data));
        }

        break;

    case NGX_HTTP_FN_REPLY_ERROR:
        json_object_set_new(message, "error", test_text(&reply->error));
        json_object_set_new(message, "message", test_text(&reply->message));
        json_object_set_new(message, "stack", test_text(&reply->stack));
        break;

    case NGX_HTTP_FN_REPLY_DATA:
        json_object_set_new(message, "data", test_latin1(&reply->data));
        break;

    case NGX_HTTP_FN_REPLY_INVALID:
        json_object_set_new(message, "reason", json_string(reply->reason));
        break;

    default:
        break;
    }

    if (rc == NGX_HTTP_FN_REPLY_RESPONSE || rc == NGX_HTTP_FN_REPLY_ERROR) {
        json_object_set_new(message, "status", json_integer(reply->status));

        if (reply->duration != -1) {
            json_object_set_new(message, "duration_us",
                                json_integer(reply->duration));
        }
    }

    return message;
}


/* the pool's n-th allocation fails, for every n: no crash, no leak */

static void
test_reply_memory(const char *dir, ngx_str_t *in, json_t *given)
{
    u_char               *pos;
    json_t               *value;
    ngx_int_t             n, left;
    ngx_uint_t            half, ok;
    ngx_http_fn_reply_e   rc;
    ngx_http_fn_reply_t   reply;

    ok = 1;
    left = 0;

    for (n = 0; ok && left == 0 && n < 4096; n++) {
        ngx_memzero(&reply, sizeof(ngx_http_fn_reply_t));
        ngx_str_set(&reply.id, TEST_ID);

        reply.lease = json_is_true(json_object_get(given, "lease"));
        value = json_object_get(given, "line_max");
        reply.line_max = value ? (size_t) json_integer_value(value)
                               : TEST_LINE_MAX;

        pos = in->data;
        stubs_allocs = n;

        for (half = 0; half < 2; half++) {
            do {
                rc = ngx_http_fn_reply_read(&reply, &pos,
                               in->data + (half ? in->len : in->len / 2));
            } while (rc != NGX_HTTP_FN_REPLY_AGAIN
                     && rc != NGX_HTTP_FN_REPLY_DONE
                     && rc != NGX_HTTP_FN_REPLY_INVALID);
        }

        left = stubs_allocs;
        stubs_allocs = -1;

        if (rc == NGX_HTTP_FN_REPLY_INVALID && reply.reason == NULL) {
            ok = 0;
        }

        ngx_http_fn_reply_free(&reply);
        stubs_pool_free();
    }

    test_ok(ok, dir, "without memory");
}


static void
test_event(const char *dir)
{
    u_char               *lf, *end;
    json_t               *input;
    ngx_str_t             file, want, got;
    ngx_http_fn_event_t   event;

    input = test_json(dir, "input");

    if (input == NULL) {
        return;
    }

    if (!test_read(dir, "event", &file)) {
        test_ok(0, dir, "no event");
        return;
    }

    want = file;
    lf = memchr(want.data, LF, want.len);
    want.len = lf ? (size_t) (lf + 1 - want.data) : want.len;

    ngx_memzero(&event, sizeof(ngx_http_fn_event_t));
    test_event_input(&event, input);

    got.data = ngx_palloc(NULL, NGX_HTTP_FN_EVENT_LINE_MAX);
    end = ngx_http_fn_event_write(&event, got.data,
                                  got.data + NGX_HTTP_FN_EVENT_LINE_MAX);
    got.len = end ? end - got.data : 0;

    if (got.len != want.len || ngx_memcmp(got.data, want.data, got.len) != 0) {
        printf("# got %.*s\n", (int) got.len, got.data);
        test_ok(0, dir, "written");

    } else {
        test_ok(1, dir, "written");
        test_ok(test_event_bounds(&event, &want), dir, "bounds");
    }

    free(file.data);
    json_decref(input);
}


static ngx_uint_t
test_event_bounds(ngx_http_fn_event_t *event, ngx_str_t *s)
{
    u_char      *buf, *end;
    size_t       size, step;
    ngx_uint_t   ok;

    ok = 1;
    step = s->len / test_cuts + 1;

    for (size = s->len + 1; size != 0; size -= ngx_min(size, step)) {

        buf = malloc(size);
        buf[size - 1] = 0xa5;

        end = ngx_http_fn_event_write(event, buf, buf + size - 1);

        if (end != (size > s->len ? buf + s->len : NULL)
            || buf[size - 1] != 0xa5)
        {
            ok = 0;
        }

        free(buf);
    }

    return ok;
}


static void
test_event_input(ngx_http_fn_event_t *event, json_t *input)
{
    size_t                 i, n;
    json_t                *header, *headers;
    ngx_uint_t             k;
    ngx_http_fn_header_t  *h;

    event->id = test_string(input, "id");
    event->method = test_string(input, "method");
    event->path = test_string(input, "path");
    event->query = test_string(input, "query");
    event->remote_addr = test_string(input, "remote_addr");
    event->function = test_string(input, "function");
    event->log_level = test_string(input, "log_level");
    event->sec = json_integer_value(json_object_get(input, "sec"));
    event->msec = json_integer_value(json_object_get(input, "msec"));
    event->start_by = json_integer_value(json_object_get(input, "start_by"));
    event->body_length = json_integer_value(json_object_get(input,
                                                            "body_length"));

    headers = json_object_get(input, "headers");
    n = json_array_size(headers);

    event->nheaders = n;
    event->headers = ngx_palloc(NULL, n * sizeof(ngx_http_fn_header_t) + 1);

    json_array_foreach(headers, i, header) {
        h = &event->headers[i];
        h->name = test_bytes(json_array_get(header, 0));
        h->value = test_bytes(json_array_get(header, 1));
        h->hash = 0;

        for (k = 0; k < h->name.len; k++) {
            h->hash = ngx_hash(h->hash, ngx_tolower(h->name.data[k]));
        }
    }
}


/* PROTOCOL 6.1: each byte in a name and in a value */

static void
test_header_bytes(void)
{
    u_char      c[3];
    ngx_str_t   name, value;
    ngx_uint_t  i, token, text, bad;

    bad = 0;

    for (i = 0; i < 256; i++) {
        c[0] = 'a';
        c[1] = (u_char) i;
        c[2] = 'b';

        name.len = 3;
        name.data = c;
        ngx_str_set(&value, "v");

        token = (i && strchr("!#$%&'*+-.^_`|~", (int) i))
                || (i >= '0' && i <= '9')
                || (i >= 'A' && i <= 'Z')
                || (i >= 'a' && i <= 'z');

        bad += (ngx_http_fn_header_check(&name, &value) == NULL) != token;

        value = name;
        ngx_str_set(&name, "n");

        text = (i == '\t') || (i >= 0x20 && i != 0x7f);

        bad += (ngx_http_fn_header_check(&name, &value) == NULL) != text;
    }

    test_ok(bad == 0, "header", "each byte");
}


static void
test_header_limits(void)
{
    ngx_str_t      name, value;
    static u_char  many[NGX_HTTP_FN_HEADER_VALUE_MAX + 1];

    ngx_memset(many, 'a', sizeof(many));

    name.data = many;
    value.data = many;

    name.len = NGX_HTTP_FN_HEADER_NAME_MAX;
    value.len = NGX_HTTP_FN_HEADER_VALUE_MAX;
    test_ok(ngx_http_fn_header_check(&name, &value) == NULL,
            "header", "longest");

    name.len++;
    test_ok(ngx_http_fn_header_check(&name, &value) != NULL,
            "header", "name too long");

    name.len--;
    value.len++;
    test_ok(ngx_http_fn_header_check(&name, &value) != NULL,
            "header", "value too long");

    name.len = 0;
    value.len = 0;
    test_ok(ngx_http_fn_header_check(&name, &value) != NULL,
            "header", "empty name");

    name.len = 1;
    test_ok(ngx_http_fn_header_check(&name, &value) == NULL,
            "header", "empty value");
}


static void
test_header_managed(void)
{
    ngx_str_t    s;
    const char **name;

    static const char  *managed[] = {
        "Connection", "content-length", "DATE", "Keep-Alive",
        "Proxy-Connection", "Server", "TE", "te", "Trailer",
        "Transfer-Encoding", "Upgrade", "X-Accel-Redirect", "x-accel-",
        "X-ACCEL-Buffering", NULL
    };

    static const char  *others[] = {
        "", "Content-Type", "X-Accel", "X-Accelerate", "Dat", "Dates",
        "Location", "Set-Cookie", "Content-Encoding", "Tf", NULL
    };

    for (name = managed; *name; name++) {
        s.data = (u_char *) *name;
        s.len = ngx_strlen(*name);
        test_ok(ngx_http_fn_header_managed(&s), "managed", *name);
    }

    for (name = others; *name; name++) {
        s.data = (u_char *) *name;
        s.len = ngx_strlen(*name);
        test_ok(!ngx_http_fn_header_managed(&s), "not managed", *name);
    }
}


static ngx_str_t
test_string(json_t *object, const char *name)
{
    return test_bytes(json_object_get(object, name));
}


/* the characters of a JSON string, a byte each */

static ngx_str_t
test_bytes(json_t *value)
{
    size_t       len;
    u_char      *p;
    ngx_str_t    s;
    const char  *text, *last;

    text = json_string_value(value);
    len = json_string_length(value);
    last = text + len;

    s.data = ngx_palloc(NULL, len + 1);
    p = s.data;

    while (text < last) {
        if ((u_char) *text >= 0x80) {
            *p++ = (u_char) (((u_char) text[0] << 6) | (text[1] & 0x3f));
            text += 2;

        } else {
            *p++ = *text++;
        }
    }

    s.len = p - s.data;

    return s;
}


static json_t *
test_latin1(ngx_str_t *s)
{
    char    *text, *p;
    json_t  *value;
    size_t   i;

    text = malloc(2 * s->len + 1);
    p = text;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] >= 0x80) {
            *p++ = (char) (0xc0 | (s->data[i] >> 6));
            *p++ = (char) (0x80 | (s->data[i] & 0x3f));

        } else {
            *p++ = s->data[i];
        }
    }

    value = json_stringn(text, p - text);
    free(text);

    return value;
}


static json_t *
test_text(ngx_str_t *s)
{
    return json_stringn(s->data ? (char *) s->data : "", s->len);
}


static ngx_uint_t
test_read(const char *dir, const char *name, ngx_str_t *s)
{
    char    path[1024];
    FILE   *file;
    size_t  size;

    snprintf(path, sizeof(path), "%s/%s", dir, name);

    file = fopen(path, "rb");
    if (file == NULL) {
        return 0;
    }

    size = 2 * NGX_HTTP_FN_EVENT_LINE_MAX;

    s->data = malloc(size);
    s->len = fread(s->data, 1, size, file);

    fclose(file);

    return 1;
}


static json_t *
test_json(const char *dir, const char *name)
{
    json_t     *json;
    ngx_str_t   s;

    if (!test_read(dir, name, &s)) {
        return NULL;
    }

    json = json_loadb((char *) s.data, s.len, JSON_ALLOW_NUL, NULL);
    free(s.data);

    if (json == NULL) {
        test_ok(0, dir, name);
    }

    return json;
}


static void
test_ok(ngx_uint_t ok, const char *what, const char *name)
{
    const char  *p;

    /* of a path the last two parts */

    for (p = what + strlen(what); p > what && *p != '/'; p--) { /* void */ }
    for (p -= (p > what); p > what && *p != '/'; p--) { /* void */ }

    test_number++;
    test_failed += !ok;

    printf("%sok %d - %s: %s\n", ok ? "" : "not ", test_number,
           p + (*p == '/'), name);
}
