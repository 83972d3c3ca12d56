/* Reply lines: PROTOCOL 5. */

#include "fn_shell.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>


static int reply_add(const char *data, size_t len, void *buf);


int64_t
monotonic_us(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


/* without memory the process ends, its programs with it; nginx starts anew */

void
buf_add(buf_t *buf, const void *data, size_t len)
{
    if (len == 0) {
        return;
    }

    if (len > buf->size - buf->len) {
        buf->size = 2 * (buf->len + len);
        buf->data = realloc(buf->data, buf->size);

        if (buf->data == NULL) {
            fputs("fn_shell: no memory\n", stderr);
            _Exit(1);
        }
    }

    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
}


/* a JSON string; bytes that are no UTF-8 are taken as ISO 8859-1 */

json_t *
reply_text(const char *data, size_t len)
{
    char    *text;
    size_t   i, n;
    json_t  *json;

    json = json_stringn(data, len);

    if (json != NULL) {
        return json;
    }

    text = malloc(2 * len);

    if (text == NULL) {
        return NULL;
    }

    for (i = 0, n = 0; i < len; i++) {

        if (data[i] & 0x80) {
            text[n++] = (char) (0xc0 | (unsigned char) data[i] >> 6);
            text[n++] = (char) (0x80 | (data[i] & 0x3f));

        } else {
            text[n++] = data[i];
        }
    }

    json = json_stringn(text, n);
    free(text);

    return json;
}


/* sends the line that json_pack() makes of what is given, and data or NULL */

void
reply(job_t *job, const buf_t *data, const char *fmt, ...)
{
    size_t    sent;
    json_t   *line;
    va_list   args;
    ssize_t   n;

    va_start(args, fmt);
    line = json_vpack_ex(NULL, 0, fmt, args);
    va_end(args);

    job->wire.len = 0;

    if (json_dump_callback(line, reply_add, &job->wire, JSON_COMPACT) == -1) {
        job_end(job, 1);
    }

    json_decref(line);
    buf_add(&job->wire, "\n", 1);

    if (data != NULL) {
        buf_add(&job->wire, data->data, data->len);
    }

    for (sent = 0; sent < job->wire.len; sent += n) {
        n = send(job->fd, job->wire.data + sent, job->wire.len - sent,
                 MSG_NOSIGNAL);

        if (n == -1) {
            job_end(job, 1);
        }
    }
}


static int
reply_add(const char *data, size_t len, void *buf)
{
    buf_add(buf, data, len);
    return 0;
}
