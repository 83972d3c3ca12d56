
#include "ngx_http_fn_output.h"
#include "ngx_http_fn_log.h"
#include "ngx_http_fn_slot.h"


#define NGX_HTTP_FN_OUTPUT_LINES  1000  /* a second */
#define NGX_HTTP_FN_OUTPUT_DRAIN  32    /* reads, more than a pipe holds */


static void ngx_http_fn_output_lines(ngx_http_fn_output_t *output,
    ngx_http_fn_stream_t *stream);
static size_t ngx_http_fn_output_split(u_char *p, size_t len);
static void ngx_http_fn_output_line(ngx_http_fn_output_t *output,
    ngx_http_fn_stream_t *stream, u_char *p, size_t len);


void
ngx_http_fn_output_read(ngx_http_fn_output_t *output,
    ngx_http_fn_stream_t *stream)
{
    ssize_t  n;

    n = ngx_http_fn_process_read(stream);

    if (n == NGX_AGAIN) {
        return;
    }

    ngx_http_fn_output_lines(output, stream);

    if (n == 0) {
        ngx_http_fn_output_line(output, stream, stream->buf, stream->len);
        stream->len = 0;

        ngx_http_fn_source_close(&stream->source);
    }
}


void
ngx_http_fn_output_drain(ngx_http_fn_output_t *output,
    ngx_http_fn_process_t *p)
{
    ngx_uint_t             i, n;
    ngx_http_fn_stream_t  *stream;

    for (i = NGX_HTTP_FN_STDOUT; i <= NGX_HTTP_FN_STDERR; i++) {
        stream = &p->streams[i];

        for (n = 0; n < NGX_HTTP_FN_OUTPUT_DRAIN; n++) {

            if (stream->source.fd == -1
                || ngx_http_fn_process_read(stream) <= 0)
            {
                break;
            }

            ngx_http_fn_output_lines(output, stream);
        }

        ngx_http_fn_output_line(output, stream, stream->buf, stream->len);
        stream->len = 0;
    }
}


/* logs the whole lines of the buffer; one that is too long goes in pieces */

static void
ngx_http_fn_output_lines(ngx_http_fn_output_t *output,
    ngx_http_fn_stream_t *stream)
{
    size_t   len;
    u_char  *p, *last, *end;

    p = stream->buf;
    last = p + stream->len;

    while (p < last) {
        end = ngx_strlchr(p, last, LF);
        len = (end ? end : last) - p;

        if (len > NGX_HTTP_FN_LOG_TEXT) {
            len = ngx_http_fn_output_split(p, NGX_HTTP_FN_LOG_TEXT);
            ngx_http_fn_output_line(output, stream, p, len);
            p += len;
            continue;
        }

        if (end == NULL) {
            break;
        }

        ngx_http_fn_output_line(output, stream, p, len);
        p = end + 1;
    }

    stream->len = last - p;

    ngx_memmove(stream->buf, p, stream->len);
}


/* not inside of a UTF-8 character */

static size_t
ngx_http_fn_output_split(u_char *p, size_t len)
{
    ngx_uint_t  i;

    for (i = 0; i < 3; i++) {
        if ((p[len - i] & 0xc0) != 0x80) {
            return len - i;
        }
    }

    return len;
}


static void
ngx_http_fn_output_line(ngx_http_fn_output_t *output,
    ngx_http_fn_stream_t *stream, u_char *p, size_t len)
{
    ngx_str_t               line;
    ngx_uint_t              level;
    ngx_http_fn_process_t  *process;

    if (len == 0) {
        return;
    }

    (void) ngx_http_fn_output_report(output, ngx_http_fn_slot_now());

    if (output->lines >= NGX_HTTP_FN_OUTPUT_LINES) {
        output->dropped++;
        return;
    }

    output->lines++;

    process = stream->process;
    level = (stream == &process->streams[NGX_HTTP_FN_STDOUT])
                ? NGX_LOG_NOTICE : NGX_LOG_ERR;

    line.data = p;
    line.len = len;

    ngx_http_fn_log_lines(process->function, process->pid, level,
                          process->function->log, &line);
}


uint64_t
ngx_http_fn_output_report(ngx_http_fn_output_t *output, uint64_t now)
{
    if (output->second == now / 1000) {
        return output->dropped ? (output->second + 1) * 1000 : 0;
    }

    if (output->dropped) {
        ngx_log_error(NGX_LOG_WARN, output->function->log, 0,
                      "fn \"%V\": %ui lines were dropped",
                      &output->function->name, output->dropped);
    }

    output->second = now / 1000;
    output->lines = 0;
    output->dropped = 0;

    return 0;
}
