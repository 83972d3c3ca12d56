/* Reply lines (PROTOCOL 5), and the buffer that they are written to. */

#include "fn_shell.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define BUF_KEEP  262144    /* larger ones are freed after use */


static void buf_reserve(buf_t *buf, size_t len);
static void reply_duration(job_t *job);


int64_t
monotonic_us(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


/* without memory the process ends, its children with it; nginx starts anew */

static void
buf_reserve(buf_t *buf, size_t len)
{
    char    *data;
    size_t   size;

    if (len <= buf->size - buf->len) {
        return;
    }

    size = (buf->size != 0) ? buf->size : 1024;

    while (size - buf->len < len) {
        size *= 2;
    }

    data = realloc(buf->data, size);

    if (data == NULL) {
        fputs("fn_shell: no memory\n", stderr);
        _Exit(1);
    }

    buf->data = data;
    buf->size = size;
}


void
buf_add(buf_t *buf, const void *data, size_t len)
{
    if (len != 0) {
        buf_reserve(buf, len);
        memcpy(buf->data + buf->len, data, len);
        buf->len += len;
    }
}


void
buf_printf(buf_t *buf, const char *fmt, ...)
{
    int      n;
    va_list  args;

    buf_reserve(buf, 512);

    va_start(args, fmt);
    n = vsnprintf(buf->data + buf->len, 512, fmt, args);
    va_end(args);

    buf->len += (n < 512) ? n : 511;
}


/* adds a JSON string; what isn't printable ASCII becomes "?" */

void
buf_json(buf_t *buf, const char *text)
{
    buf_add(buf, "\"", 1);

    for ( /* void */ ; *text != '\0'; text++) {

        if (*text == '"' || *text == '\\') {
            buf_add(buf, "\\", 1);
        }

        buf_add(buf, (*text >= ' ' && *text <= '~') ? text : "?", 1);
    }

    buf_add(buf, "\"", 1);
}


void
buf_reset(buf_t *buf)
{
    buf->pos = 0;
    buf->len = 0;

    if (buf->size > BUF_KEEP) {
        free(buf->data);
        buf->data = NULL;
        buf->size = 0;
    }
}


void
reply_body(job_t *job, int status, const buf_t *body)
{
    buf_printf(&job->wire, "{\"type\":\"response\",\"id\":\"%s\","
               "\"status\":%d,\"headers\":{\"Content-Type\":",
               job->event.id, status);

    if (status == 200) {
        buf_add(&job->wire, config.content_type.data, config.content_type.len);

    } else {
        buf_json(&job->wire, "text/plain; charset=utf-8");
    }

    buf_printf(&job->wire, "},\"body_length\":%zu", body->len);
    reply_duration(job);
    buf_add(&job->wire, "}\n", 2);
    buf_add(&job->wire, body->data, body->len);
}


void
reply_stream(job_t *job)
{
    buf_printf(&job->wire, "{\"type\":\"response\",\"id\":\"%s\","
               "\"status\":200,\"headers\":{\"Content-Type\":",
               job->event.id);
    buf_add(&job->wire, config.content_type.data, config.content_type.len);
    buf_printf(&job->wire, "},\"stream\":true}\n");
}


void
reply_chunk(job_t *job, const void *data, size_t len)
{
    buf_printf(&job->wire, "{\"type\":\"chunk\",\"length\":%zu}\n", len);
    buf_add(&job->wire, data, len);
}


void
reply_end(job_t *job)
{
    buf_printf(&job->wire, "{\"type\":\"end\"}\n");
}


void
reply_expired(job_t *job)
{
    buf_printf(&job->wire, "{\"type\":\"expired\",\"id\":\"%s\"}\n",
               job->event.id);
}


void
reply_error(job_t *job, const char *name, const char *text, int status)
{
    buf_printf(&job->wire, "{\"type\":\"error\",\"id\":\"%s\","
               "\"error\":\"%s\",\"status\":%d,\"message\":",
               job->event.id, name, status);
    buf_json(&job->wire, text);
    reply_duration(job);
    buf_add(&job->wire, "}\n", 2);
}


static void
reply_duration(job_t *job)
{
    int64_t  end;

    if (job->started != 0) {
        end = (job->exited != 0) ? job->exited : monotonic_us();
        buf_printf(&job->wire, ",\"duration_us\":%lld",
                   (long long) (end - job->started));
    }
}
