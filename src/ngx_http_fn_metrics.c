
/* Prometheus's text format 0.0.4: all lines of a metric stand together */


#include "ngx_http_fn_metrics.h"
#include "ngx_http_fn_slot.h"


static void ngx_http_fn_metrics_counters(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status);
static void ngx_http_fn_metrics_workers(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status);
static void ngx_http_fn_metrics_queues(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status);
static void ngx_http_fn_metrics_histogram(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status);
static void ngx_http_fn_metrics_slots(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status);
static void ngx_http_fn_metrics_family(ngx_http_fn_status_out_t *out,
    char *name, char *type, char *help);
static void ngx_http_fn_metrics_sample(ngx_http_fn_status_out_t *out,
    char *name, ngx_http_fn_status_row_t *row);


void
ngx_http_fn_metrics_write(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status)
{
    ngx_http_fn_metrics_counters(out, status);
    ngx_http_fn_metrics_workers(out, status);
    ngx_http_fn_metrics_queues(out, status);
    ngx_http_fn_metrics_histogram(out, status);
    ngx_http_fn_metrics_slots(out, status);
}


static void
ngx_http_fn_metrics_counters(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status)
{
    ngx_uint_t                 i, j;
    ngx_http_fn_status_row_t  *rows;

    rows = status->rows;

    ngx_http_fn_metrics_family(out, "requests_total", "counter",
                              "Events of the function.");

    for (i = 0; i < status->nrows; i++) {
        ngx_http_fn_metrics_sample(out, "requests_total", &rows[i]);
        ngx_http_fn_status_print(out, "} %uL\n",
                                 rows[i].counters[NGX_HTTP_FN_REQUESTS]);
    }

    ngx_http_fn_metrics_family(out, "errors_total", "counter",
                              "Events that failed, by cause.");

    for (i = 0; i < status->nrows; i++) {
        for (j = NGX_HTTP_FN_FAILED; j <= NGX_HTTP_FN_ABORTED; j++) {
            ngx_http_fn_metrics_sample(out, "errors_total", &rows[i]);
            ngx_http_fn_status_print(out, ",cause=\"%s\"} %uL\n",
                                     ngx_http_fn_status_names[j],
                                     rows[i].counters[j]);
        }
    }

    ngx_http_fn_metrics_family(out, "retried_total", "counter",
                              "Events sent to another process, by cause.");

    for (i = 0; i < status->nrows; i++) {
        for (j = NGX_HTTP_FN_RETRIED; j <= NGX_HTTP_FN_TAKEN_BACK; j++) {
            ngx_http_fn_metrics_sample(out, "retried_total", &rows[i]);
            ngx_http_fn_status_print(out, ",cause=\"%s\"} %uL\n",
                                     ngx_http_fn_status_names[j],
                                     rows[i].counters[j]);
        }
    }
}


/* what handlers have done to the nginx workers */

static void
ngx_http_fn_metrics_workers(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status)
{
    ngx_uint_t                 i;
    ngx_http_fn_status_row_t  *rows;

    rows = status->rows;

    ngx_http_fn_metrics_family(out, "blocked_total", "counter",
                              "Times that a handler held the event loop.");

    for (i = 0; i < status->nrows; i++) {
        ngx_http_fn_metrics_sample(out, "blocked_total", &rows[i]);
        ngx_http_fn_status_print(out, "} %uL\n",
                                 rows[i].counters[NGX_HTTP_FN_BLOCKED]);
    }

    ngx_http_fn_metrics_family(out, "crashed_total", "counter",
                              "Workers that ended while the handler ran.");

    for (i = 0; i < status->nrows; i++) {
        ngx_http_fn_metrics_sample(out, "crashed_total", &rows[i]);
        ngx_http_fn_status_print(out, "} %uL\n",
                                 rows[i].counters[NGX_HTTP_FN_CRASHED]);
    }

    ngx_http_fn_metrics_family(out, "limited", "gauge",
                              "1 when fn_crash_limit has taken it out.");

    for (i = 0; i < status->nrows; i++) {
        ngx_http_fn_metrics_sample(out, "limited", &rows[i]);
        ngx_http_fn_status_print(out, "} %ui\n", rows[i].limited);
    }
}


static void
ngx_http_fn_metrics_queues(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status)
{
    ngx_uint_t                 i;
    ngx_http_fn_status_row_t  *rows;

    rows = status->rows;

    ngx_http_fn_metrics_family(out, "queue_waiting", "gauge",
                              "Events that wait for a process.");

    for (i = 0; i < status->nrows; i++) {
        ngx_http_fn_metrics_sample(out, "queue_waiting", &rows[i]);
        ngx_http_fn_status_print(out, "} %uL\n", rows[i].waiting);
    }

    ngx_http_fn_metrics_family(out, "queue_limit", "gauge",
                              "Events that may wait for a process.");

    for (i = 0; i < status->nrows; i++) {
        ngx_http_fn_metrics_sample(out, "queue_limit", &rows[i]);
        ngx_http_fn_status_print(out, "} %ui\n", rows[i].function->queue);
    }

    ngx_http_fn_metrics_family(out, "queue_seconds_total", "counter",
                              "Time that events have waited.");

    for (i = 0; i < status->nrows; i++) {
        ngx_http_fn_metrics_sample(out, "queue_seconds_total", &rows[i]);
        ngx_http_fn_status_print(out, "} %uL.%03uL\n",
                                 rows[i].queue_time / 1000,
                                 rows[i].queue_time % 1000);
    }
}


static void
ngx_http_fn_metrics_histogram(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status)
{
    uint64_t                   n, below;
    ngx_uint_t                 i, j;
    ngx_http_fn_status_row_t  *row;

    ngx_http_fn_metrics_family(out, "run_seconds", "histogram",
                              "Time that handlers have run.");

    for (i = 0; i < status->nrows; i++) {
        row = &status->rows[i];
        n = 0;

        for (j = 0; j < NGX_HTTP_FN_BUCKETS - 1; j++) {
            n += row->buckets[j];
            below = (uint64_t) 16 << j;

            ngx_http_fn_metrics_sample(out, "run_seconds_bucket", row);
            ngx_http_fn_status_print(out, ",le=\"%uL.%06uL\"} %uL\n",
                                     below / 1000000, below % 1000000, n);
        }

        ngx_http_fn_metrics_sample(out, "run_seconds_bucket", row);
        ngx_http_fn_status_print(out, ",le=\"+Inf\"} %uL\n", row->count);

        ngx_http_fn_metrics_sample(out, "run_seconds_sum", row);
        ngx_http_fn_status_print(out, "} %uL.%06uL\n",
                                 row->sum / 1000000, row->sum % 1000000);

        ngx_http_fn_metrics_sample(out, "run_seconds_count", row);
        ngx_http_fn_status_print(out, "} %uL\n", row->count);
    }
}


static void
ngx_http_fn_metrics_slots(ngx_http_fn_status_out_t *out,
    ngx_http_fn_status_t *status)
{
    ngx_uint_t                 i, j;
    ngx_http_fn_slot_t        *slot;
    ngx_http_fn_status_row_t  *rows;

    rows = status->rows;

    ngx_http_fn_metrics_family(out, "process_ready", "gauge",
                              "1 when the process takes events.");

    for (i = 0; i < status->nrows; i++) {
        for (j = 0; j < rows[i].nslots; j++) {
            slot = &rows[i].slots[j];
            ngx_http_fn_metrics_sample(out, "process_ready", &rows[i]);
            ngx_http_fn_status_print(out, ",slot=\"%ui\"} %d\n", j,
                                     slot->state == NGX_HTTP_FN_SLOT_READY);
        }
    }

    ngx_http_fn_metrics_family(out, "process_restarts_total", "counter",
                              "Times that the process was started again.");

    for (i = 0; i < status->nrows; i++) {
        for (j = 0; j < rows[i].nslots; j++) {
            slot = &rows[i].slots[j];
            ngx_http_fn_metrics_sample(out, "process_restarts_total",
                                       &rows[i]);
            ngx_http_fn_status_print(out, ",slot=\"%ui\"} %uA\n", j,
                                     slot->restarts);
        }
    }

    ngx_http_fn_metrics_family(out, "process_in_flight", "gauge",
                              "Events that the process has.");

    for (i = 0; i < status->nrows; i++) {
        for (j = 0; j < rows[i].nslots; j++) {
            slot = &rows[i].slots[j];
            ngx_http_fn_metrics_sample(out, "process_in_flight", &rows[i]);
            ngx_http_fn_status_print(out, ",slot=\"%ui\"} %ui\n", j,
                                     ngx_http_fn_slot_taken(rows[i].function,
                                                            slot));
        }
    }
}


static void
ngx_http_fn_metrics_family(ngx_http_fn_status_out_t *out, char *name,
    char *type, char *help)
{
    ngx_http_fn_status_print(out, "# HELP nginx_fn_%s %s\n"
                             "# TYPE nginx_fn_%s %s\n", name, help, name,
                             type);
}


/* the beginning of a line: more labels, or "}", and the value follow */

static void
ngx_http_fn_metrics_sample(ngx_http_fn_status_out_t *out, char *name,
    ngx_http_fn_status_row_t *row)
{
    ngx_http_fn_status_print(out, "nginx_fn_%s{runtime=\"%V\",function=\"",
                             name, &row->function->lang->name);
    ngx_http_fn_status_text(out, &row->function->name);
    ngx_http_fn_status_print(out, "\"");
}
