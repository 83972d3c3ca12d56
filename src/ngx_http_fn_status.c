
/*
 * The counters of the zone are read without a lock, one by one: a page may
 * be some events off in itself, and is right a moment later.
 */


#include "ngx_http_fn_status.h"
#include "ngx_http_fn_metrics.h"
#include "ngx_http_fn_response.h"
#include "ngx_http_fn_slot.h"


#define NGX_HTTP_FN_STATUS_BUFFER  32768
#define NGX_HTTP_FN_STATUS_PIECE   1024     /* the longest of one print */


typedef void (*ngx_http_fn_status_write_pt)(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status);


static ngx_int_t ngx_http_fn_status_read(ngx_http_request_t *r,
    ngx_http_fn_status_t *status);
static void ngx_http_fn_status_read_row(ngx_http_fn_status_row_t *row,
    ngx_http_fn_zone_t *zone, ngx_http_fn_function_t *function);
static uint64_t ngx_http_fn_status_errors(ngx_http_fn_status_row_t *row);
static uint64_t ngx_http_fn_status_quantile(ngx_http_fn_status_row_t *row,
    ngx_uint_t percent);
static const char *ngx_http_fn_status_state(ngx_http_fn_slot_t *slot);
static ngx_int_t ngx_http_fn_status_send(ngx_http_request_t *r,
    ngx_http_fn_status_out_t *out, ngx_str_t *type);

static void ngx_http_fn_status_json(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status);
static void ngx_http_fn_status_json_function(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status, ngx_http_fn_status_row_t *row);
static void ngx_http_fn_status_json_time(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_row_t *row);
static void ngx_http_fn_status_json_slot(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status, ngx_http_fn_status_row_t *row, ngx_uint_t n);
static void ngx_http_fn_status_json_places(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status, ngx_http_fn_status_row_t *row,
    ngx_http_fn_slot_t *slot);

static void ngx_http_fn_status_html(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status);
static void ngx_http_fn_status_html_function(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_row_t *row);
static void ngx_http_fn_status_html_slots(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status, ngx_http_fn_status_row_t *row);

static u_char *ngx_http_fn_status_char(u_char *dst, u_char ch,
    ngx_uint_t format);
static ngx_int_t ngx_http_fn_status_room(ngx_http_fn_status_out_t *out,
    size_t size);


/* by ngx_http_fn_counter_e; the errors are those up to "aborted" */

const char  *const ngx_http_fn_status_names[] = {
    "requests", "failed", "died", "broke", "queue_full", "queue_timeout",
    "not_ready", "timeout", "aborted", "retried", "taken_back", "blocked",
    "crashed"
};


ngx_int_t
ngx_http_fn_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_fn_status_t       status;
    ngx_http_fn_loc_conf_t    *flcf;
    ngx_http_fn_status_out_t   out;

    static ngx_str_t  types[] = {
        ngx_string("application/json"),
        ngx_string("text/html; charset=utf-8"),
        ngx_string("text/plain; version=0.0.4")
    };

    static const ngx_http_fn_status_write_pt  writers[] = {
        ngx_http_fn_status_json,
        ngx_http_fn_status_html,
        ngx_http_fn_metrics_write
    };

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_fn_status_read(r, &status) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_fn_module);

    ngx_memzero(&out, sizeof(ngx_http_fn_status_out_t));

    out.pool = r->pool;
    out.format = flcf->status_format;
    out.last = &out.out;

    writers[out.format](&out, &status);

    return ngx_http_fn_status_send(r, &out, &types[out.format]);
}


static ngx_int_t
ngx_http_fn_status_read(ngx_http_request_t *r, ngx_http_fn_status_t *status)
{
    ngx_uint_t                 i;
    ngx_http_fn_function_t   **functions;
    ngx_http_fn_main_conf_t   *fmcf;

    fmcf = ngx_http_get_module_main_conf(r, ngx_http_fn_module);
    functions = fmcf->functions.elts;

    status->zone = fmcf->worker->zone;
    status->nrows = fmcf->functions.nelts;
    status->now = ngx_http_fn_slot_now();

    status->rows = ngx_pcalloc(r->pool, (status->nrows + 1)
                                        * sizeof(ngx_http_fn_status_row_t));
    if (status->rows == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < status->nrows; i++) {
        ngx_http_fn_status_read_row(&status->rows[i], status->zone,
                                    functions[i]);
    }

    return NGX_OK;
}


static void
ngx_http_fn_status_read_row(ngx_http_fn_status_row_t *row,
    ngx_http_fn_zone_t *zone, ngx_http_fn_function_t *function)
{
    ngx_uint_t            i;
    ngx_http_fn_share_t  *share;

    row->function = function;

    if (zone == NULL) {
        return;
    }

    share = &zone->shares[function->index];

    row->slots = share->slots;
    row->nslots = function->processes;
    row->queue_time = share->queue_time;
    row->sum = share->run_time;
    row->limited = share->limited;

    for (i = 0; i < NGX_HTTP_FN_COUNTERS; i++) {
        row->counters[i] = share->counters[i];
    }

    for (i = 0; i < zone->nseats; i++) {
        row->waiting += share->nwaiting[i];
    }

    for (i = 0; i < NGX_HTTP_FN_BUCKETS; i++) {
        row->buckets[i] = share->time[i];
        row->count += row->buckets[i];
    }

    if (row->count) {
        row->mean = row->sum / row->count;
    }
}


static uint64_t
ngx_http_fn_status_errors(ngx_http_fn_status_row_t *row)
{
    uint64_t    n;
    ngx_uint_t  i;

    n = 0;

    for (i = NGX_HTTP_FN_FAILED; i <= NGX_HTTP_FN_ABORTED; i++) {
        n += row->counters[i];
    }

    return n;
}


/* us; inside of a bucket the events are taken as spread evenly */

static uint64_t
ngx_http_fn_status_quantile(ngx_http_fn_status_row_t *row, ngx_uint_t percent)
{
    uint64_t    rank, low, high;
    ngx_uint_t  i;

    rank = (row->count * percent + 99) / 100;
    low = 0;

    for (i = 0; i < NGX_HTTP_FN_BUCKETS; i++) {
        high = (uint64_t) 16 << i;

        if (rank <= row->buckets[i]) {
            return row->buckets[i] ? low + (high - low) * rank
                                           / row->buckets[i]
                                   : 0;
        }

        rank -= row->buckets[i];
        low = high;
    }

    return low;
}


static const char *
ngx_http_fn_status_state(ngx_http_fn_slot_t *slot)
{
    switch (slot->state) {

    case NGX_HTTP_FN_SLOT_STARTING:
        return "starting";

    case NGX_HTTP_FN_SLOT_READY:
        return "ready";

    case NGX_HTTP_FN_SLOT_DOWN:
        return "down";

    default: /* NGX_HTTP_FN_SLOT_STOPPING */
        return "stopping";
    }
}


static ngx_int_t
ngx_http_fn_status_send(ngx_http_request_t *r, ngx_http_fn_status_out_t *out,
    ngx_str_t *type)
{
    ngx_uint_t  i;

    static ngx_str_t  headers[][2] = {
        { ngx_string("Cache-Control"), ngx_string("no-store") },
        { ngx_string("X-Content-Type-Options"), ngx_string("nosniff") }
    };

    static ngx_str_t  content_type = ngx_string("Content-Type");

    if (out->failed || out->buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    out->buf->last_buf = (r == r->main);
    out->buf->last_in_chain = 1;

    for (i = 0; i < 2; i++) {
        if (ngx_http_fn_response_header(r, &headers[i][0], &headers[i][1])
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    (void) ngx_http_fn_response_header(r, &content_type, type);

    return ngx_http_fn_response_send(r, NGX_HTTP_OK, out->out, out->length);
}


static void
ngx_http_fn_status_json(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status)
{
    char                *comma;
    ngx_uint_t           i;
    ngx_http_fn_zone_t  *zone;

    zone = status->zone;
    comma = "";

    ngx_http_fn_status_print(out, "{\"nginx\":{\"workers\":[");

    for (i = 0; zone && i < zone->nseats; i++) {

        if (zone->seats[i].owner == 0) {
            continue;
        }

        ngx_http_fn_status_print(out, "%s%uA", comma, zone->seats[i].pid);
        comma = ",";
    }

    ngx_http_fn_status_print(out, "],\"supervisor\":%uA},\"functions\":[",
                             zone ? zone->supervisor : 0);

    for (i = 0; i < status->nrows; i++) {
        ngx_http_fn_status_print(out, i ? ",\n" : "\n");
        ngx_http_fn_status_json_function(out, status, &status->rows[i]);
    }

    ngx_http_fn_status_print(out, "\n]}\n");
}


static void
ngx_http_fn_status_json_function(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status, ngx_http_fn_status_row_t *row)
{
    ngx_uint_t               i;
    ngx_http_fn_function_t  *function;

    function = row->function;

    ngx_http_fn_status_print(out, "{\"name\":\"");
    ngx_http_fn_status_text(out, &function->name);

    ngx_http_fn_status_print(out, "\",\"runtime\":\"%V\",\"in_worker\":%s,"
                             "\"target\":\"", &function->lang->name,
                             function->native ? "true" : "false");
    ngx_http_fn_status_text(out, &function->target);

    ngx_http_fn_status_print(out, "\",\"requests\":%uL,\"errors\":{",
                             row->counters[NGX_HTTP_FN_REQUESTS]);

    for (i = NGX_HTTP_FN_FAILED; i <= NGX_HTTP_FN_ABORTED; i++) {
        ngx_http_fn_status_print(out, "%s\"%s\":%uL",
                                 (i == NGX_HTTP_FN_FAILED) ? "" : ",",
                                 ngx_http_fn_status_names[i],
                                 row->counters[i]);
    }

    ngx_http_fn_status_print(out, "}");

    for (i = NGX_HTTP_FN_RETRIED; i < NGX_HTTP_FN_COUNTERS; i++) {
        ngx_http_fn_status_print(out, ",\"%s\":%uL",
                                 ngx_http_fn_status_names[i],
                                 row->counters[i]);
    }

    ngx_http_fn_status_print(out, ",\"limited\":%s",
                             row->limited ? "true" : "false");

    ngx_http_fn_status_print(out, ",\"queue\":{\"waiting\":%uL,\"limit\":%ui,"
                             "\"time_ms\":%uL}", row->waiting,
                             function->queue, row->queue_time);

    ngx_http_fn_status_json_time(out, row);

    ngx_http_fn_status_print(out, ",\"processes\":[");

    for (i = 0; i < row->nslots; i++) {
        ngx_http_fn_status_print(out, i ? ",\n " : "\n ");
        ngx_http_fn_status_json_slot(out, status, row, i);
    }

    ngx_http_fn_status_print(out, "]}");
}


static void
ngx_http_fn_status_json_time(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_row_t *row)
{
    char        *comma;
    ngx_uint_t   i;

    comma = "";

    ngx_http_fn_status_print(out, ",\"mean_us\":%uL,\"time_us\":{\"sum\":%uL,"
                             "\"count\":%uL,\"p50\":%uL,\"p99\":%uL,"
                             "\"buckets\":[", row->mean, row->sum, row->count,
                             ngx_http_fn_status_quantile(row, 50),
                             ngx_http_fn_status_quantile(row, 99));

    for (i = 0; i < NGX_HTTP_FN_BUCKETS; i++) {

        if (row->buckets[i] == 0) {
            continue;
        }

        ngx_http_fn_status_print(out, "%s{\"below\":%uL,\"count\":%uL}", comma,
                                 (uint64_t) 16 << i, row->buckets[i]);
        comma = ",";
    }

    ngx_http_fn_status_print(out, "]}");
}


static void
ngx_http_fn_status_json_slot(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status, ngx_http_fn_status_row_t *row, ngx_uint_t n)
{
    uint64_t             started;
    ngx_http_fn_slot_t  *slot;

    slot = &row->slots[n];
    started = slot->started;

    ngx_http_fn_status_print(out, "{\"slot\":%ui,\"pid\":%uA,\"state\":\"%s\","
                             "\"generation\":%uA,\"uptime_ms\":%uL,"
                             "\"served\":%uA,\"restarts\":%uA,\"in_flight\":[",
                             n, slot->pid, ngx_http_fn_status_state(slot),
                             slot->generation,
                             (started && status->now > started)
                                 ? status->now - started : 0,
                             slot->served, slot->restarts);

    ngx_http_fn_status_json_places(out, status, row, slot);

    ngx_http_fn_status_print(out, "]}");
}


static void
ngx_http_fn_status_json_places(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status, ngx_http_fn_status_row_t *row,
    ngx_http_fn_slot_t *slot)
{
    char                 *comma;
    u_char                buf[NGX_HTTP_FN_PATH_MAX];
    uint64_t              since;
    ngx_str_t             path;
    ngx_uint_t            i;
    ngx_http_fn_place_t  *place;

    comma = "";

    for (i = 0; i < row->function->nplaces; i++) {
        place = &slot->places[i];

        if (slot->owners[i] == 0) {
            continue;
        }

        /* another process may be writing it */

        ngx_memcpy(buf, place->path, NGX_HTTP_FN_PATH_MAX);

        path.data = buf;
        path.len = ngx_strnlen(buf, NGX_HTTP_FN_PATH_MAX);
        since = place->since;

        ngx_http_fn_status_print(out, "%s{\"since_ms\":%uL,\"path\":\"", comma,
                                 (since && status->now > since)
                                     ? status->now - since : 0);
        ngx_http_fn_status_text(out, &path);
        ngx_http_fn_status_print(out, "\"}");

        comma = ",";
    }
}


static void
ngx_http_fn_status_html(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status)
{
    ngx_uint_t  i;

    ngx_http_fn_status_print(out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
        "<meta charset=\"utf-8\">\n<title>functions</title>\n<style>\n"
        "body { font-family: sans-serif; }\n"
        "table { border-collapse: collapse; margin-bottom: 2em; }\n"
        "th, td { border: 1px solid #ccc; padding: 2px 8px; "
        "text-align: left; }\n"
        "</style>\n</head>\n<body>\n<h1>functions</h1>\n");

    ngx_http_fn_status_print(out,
        "<table>\n<tr><th>name</th><th>runtime</th><th>target</th>"
        "<th>requests</th><th>errors</th><th>waiting</th><th>mean, us</th>"
        "<th>p50, us</th><th>p99, us</th><th>blocked</th>"
        "<th>crashed</th></tr>\n");

    for (i = 0; i < status->nrows; i++) {
        ngx_http_fn_status_html_function(out, &status->rows[i]);
    }

    ngx_http_fn_status_print(out,
        "</table>\n<h1>processes</h1>\n"
        "<table>\n<tr><th>function</th><th>slot</th><th>pid</th>"
        "<th>state</th><th>generation</th><th>served</th><th>restarts</th>"
        "<th>in flight</th></tr>\n");

    for (i = 0; i < status->nrows; i++) {
        ngx_http_fn_status_html_slots(out, status, &status->rows[i]);
    }

    ngx_http_fn_status_print(out, "</table>\n</body>\n</html>\n");
}


static void
ngx_http_fn_status_html_function(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_row_t *row)
{
    ngx_http_fn_status_print(out, "<tr><td>");
    ngx_http_fn_status_text(out, &row->function->name);

    ngx_http_fn_status_print(out, "</td><td>%V</td><td>",
                             &row->function->lang->name);
    ngx_http_fn_status_text(out, &row->function->target);

    ngx_http_fn_status_print(out, "</td><td>%uL</td><td>%uL</td><td>%uL</td>"
                             "<td>%uL</td><td>%uL</td><td>%uL</td><td>%uL</td>"
                             "<td>%uL%s</td></tr>\n",
                             row->counters[NGX_HTTP_FN_REQUESTS],
                             ngx_http_fn_status_errors(row), row->waiting,
                             row->mean, ngx_http_fn_status_quantile(row, 50),
                             ngx_http_fn_status_quantile(row, 99),
                             row->counters[NGX_HTTP_FN_BLOCKED],
                             row->counters[NGX_HTTP_FN_CRASHED],
                             row->limited ? ", limited" : "");
}


static void
ngx_http_fn_status_html_slots(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status, ngx_http_fn_status_row_t *row)
{
    ngx_uint_t           i;
    ngx_http_fn_slot_t  *slot;

    for (i = 0; i < row->nslots; i++) {
        slot = &row->slots[i];

        ngx_http_fn_status_print(out, "<tr><td>");
        ngx_http_fn_status_text(out, &row->function->name);

        ngx_http_fn_status_print(out, "</td><td>%ui</td><td>%uA</td>"
                                 "<td>%s</td><td>%uA</td><td>%uA</td>"
                                 "<td>%uA</td><td>%ui</td></tr>\n",
                                 i, slot->pid, ngx_http_fn_status_state(slot),
                                 slot->generation, slot->served,
                                 slot->restarts,
                                 ngx_http_fn_slot_taken(row->function, slot));
    }
}


void
ngx_http_fn_status_print(ngx_http_fn_status_out_t *out, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    if (ngx_http_fn_status_room(out, NGX_HTTP_FN_STATUS_PIECE) != NGX_OK) {
        return;
    }

    va_start(args, fmt);
    p = ngx_vslprintf(out->buf->last, out->buf->end, fmt, args);
    va_end(args);

    out->length += p - out->buf->last;
    out->buf->last = p;
}


/* what the format forbids in a string is escaped, what isn't UTF-8 replaced */

void
ngx_http_fn_status_text(ngx_http_fn_status_out_t *out, ngx_str_t *text)
{
    u_char    *p, *last, *next, *dst;
    uint32_t   u;

    p = text->data;
    last = p + text->len;

    while (p < last) {

        if (ngx_http_fn_status_room(out, 8) != NGX_OK) {
            return;
        }

        dst = out->buf->last;

        if (*p < 0x80) {
            dst = ngx_http_fn_status_char(dst, *p++, out->format);

        } else {
            next = p;
            u = ngx_utf8_decode(&next, last - p);

            if (u > 0x10ffff || (u >= 0xd800 && u <= 0xdfff)) {
                dst = ngx_cpymem(dst, "\xef\xbf\xbd", 3);
                p++;

            } else {
                dst = ngx_cpymem(dst, p, next - p);
                p = next;
            }
        }

        out->length += dst - out->buf->last;
        out->buf->last = dst;
    }
}


/* writes at most 8 bytes */

static u_char *
ngx_http_fn_status_char(u_char *dst, u_char ch, ngx_uint_t format)
{
    if (format == NGX_HTTP_FN_STATUS_HTML) {
        return (u_char *) ngx_escape_html(dst, &ch, 1);
    }

    if (ch == '"' || ch == '\\') {
        *dst++ = '\\';
        *dst++ = ch;
        return dst;
    }

    if (ch == '\n') {
        return ngx_cpymem(dst, "\\n", 2);
    }

    if (ch < 0x20 && format == NGX_HTTP_FN_STATUS_JSON) {
        return ngx_sprintf(dst, "\\u%04xd", (int) ch);
    }

    *dst++ = ch;

    return dst;
}


static ngx_int_t
ngx_http_fn_status_room(ngx_http_fn_status_out_t *out, size_t size)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (out->failed) {
        return NGX_ERROR;
    }

    if (out->buf && (size_t) (out->buf->end - out->buf->last) >= size) {
        return NGX_OK;
    }

    b = ngx_create_temp_buf(out->pool, NGX_HTTP_FN_STATUS_BUFFER);
    cl = ngx_alloc_chain_link(out->pool);

    if (b == NULL || cl == NULL) {
        out->failed = 1;
        return NGX_ERROR;
    }

    cl->buf = b;
    cl->next = NULL;

    *out->last = cl;
    out->last = &cl->next;
    out->buf = b;

    return NGX_OK;
}
