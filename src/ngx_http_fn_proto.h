
/*
 * The line protocol (runtimes/PROTOCOL): bytes in, struct or error out.
 * Knows no request, no connection and no log.
 */


#ifndef _NGX_HTTP_FN_PROTO_H_INCLUDED_
#define _NGX_HTTP_FN_PROTO_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_HTTP_FN_EVENT_LINE_MAX    262144    /* PROTOCOL 3.3 */
#define NGX_HTTP_FN_DEPTH_MAX         32        /* PROTOCOL 3.3 */
#define NGX_HTTP_FN_HEADERS_MAX       100       /* PROTOCOL 6.1 */
#define NGX_HTTP_FN_HEADER_NAME_MAX   256
#define NGX_HTTP_FN_HEADER_VALUE_MAX  8192


typedef struct {
    ngx_str_t             name;
    ngx_str_t             value;
    ngx_uint_t            hash;         /* of the name in lower case */
} ngx_http_fn_header_t;


/* an event before it is written; all strings are borrowed */

typedef struct {
    ngx_str_t             id;
    ngx_str_t             method;
    ngx_str_t             path;
    ngx_str_t             query;
    ngx_str_t             remote_addr;
    ngx_str_t             function;     /* the trigger's name */
    ngx_http_fn_header_t *headers;
    ngx_uint_t            nheaders;
    time_t                sec;
    ngx_uint_t            msec;
    uint64_t              start_by;     /* 0: none */
    ngx_str_t             log_level;    /* empty: the function's own */
    off_t                 body_length;
} ngx_http_fn_event_t;


typedef enum {
    NGX_HTTP_FN_REPLY_AGAIN = 0,        /* all bytes taken, more are due */
    NGX_HTTP_FN_REPLY_LOG,
    NGX_HTTP_FN_REPLY_RESPONSE,
    NGX_HTTP_FN_REPLY_ERROR,
    NGX_HTTP_FN_REPLY_EXPIRED,
    NGX_HTTP_FN_REPLY_DATA,             /* bytes of the body */
    NGX_HTTP_FN_REPLY_DONE,             /* the reply is complete */
    NGX_HTTP_FN_REPLY_INVALID           /* see reply->reason */
} ngx_http_fn_reply_e;


/*
 * A reply being read.  The owner zeroes it, sets the first group, and calls
 * ngx_http_fn_reply_read() with each piece of input until DONE or INVALID.
 * What a message left in the last group is valid until the next call.
 */

typedef struct {
    ngx_pool_t           *pool;         /* headers and unfinished lines */
    ngx_str_t             id;           /* the event's, to compare with */
    size_t                line_max;     /* LF counted */
    unsigned              lease:1;      /* "expired" is allowed */

    unsigned              state:4;
    unsigned              stream:1;     /* the body comes in chunks */
    off_t                 rest;         /* bytes due of the body or chunk */
    ngx_str_t             line;         /* the beginning of a line */
    void                 *json;

    const char           *reason;       /* INVALID: why, static text */

    ngx_uint_t            level;        /* LOG: NGX_LOG_ERR .. NGX_LOG_DEBUG */
    ngx_str_t             message;      /* LOG, ERROR */
    ngx_str_t             with;         /* LOG: JSON text, or empty */
    ngx_str_t             error;        /* ERROR */
    ngx_str_t             stack;        /* ERROR */
    ngx_uint_t            status;       /* RESPONSE, ERROR */
    ngx_http_fn_header_t *headers;      /* RESPONSE; hash is not set */
    ngx_uint_t            nheaders;
    off_t                 body_length;  /* RESPONSE; -1: stream */
    ngx_str_t             data;         /* DATA; RESPONSE with "body": text */
    int64_t               duration;     /* RESPONSE, ERROR: us, -1: not said */
} ngx_http_fn_reply_t;


/* what stands in a JSON string as it is, and is ASCII */

#define ngx_http_fn_plain(c)                                                  \
    ((c) >= 0x20 && (c) < 0x7f && (c) != '"' && (c) != '\\')

#define ngx_http_fn_octets(c)  (0x0101010101010101ULL * (c))


/*
 * The end of the plain bytes from p on: eight at a time, as long as in none the
 * highest bit says that it is below 0x20, a quote, a backslash, or above 0x7e.
 */

static ngx_inline u_char *
ngx_http_fn_plain_end(u_char *p, u_char *last)
{
    uint64_t  w, odd;

    while (last - p >= 8) {
        ngx_memcpy(&w, p, 8);

        odd = (w - ngx_http_fn_octets(0x20))
              | ((w ^ ngx_http_fn_octets('"')) - ngx_http_fn_octets(1))
              | ((w ^ ngx_http_fn_octets('\\')) - ngx_http_fn_octets(1));

        odd = (odd & ~w) | w | (w + ngx_http_fn_octets(1));

        if (odd & ngx_http_fn_octets(0x80)) {
            break;
        }

        p += 8;
    }

    while (p < last && ngx_http_fn_plain(*p)) {
        p++;
    }

    return p;
}


/*
 * Writes the event's line (PROTOCOL 4), LF included, to [p, last).
 * Returns its end, or NULL when it doesn't fit.
 */
u_char *ngx_http_fn_event_write(ngx_http_fn_event_t *event, u_char *p,
    u_char *last);

/*
 * Reads from [*pos, last), moves *pos behind what it used, and returns the
 * next message.  A body announced by "body_length" or a chunk comes as DATA
 * that points into the input; "body" as text comes in reply->data together
 * with RESPONSE.  RESPONSE without a body to come is followed by DONE, and so
 * are ERROR and EXPIRED; DONE leaves bytes behind the reply unread.
 */
ngx_http_fn_reply_e ngx_http_fn_reply_read(ngx_http_fn_reply_t *reply,
    u_char **pos, u_char *last);

/* frees what is not in the pool; may be called at any time, more than once */
void ngx_http_fn_reply_free(ngx_http_fn_reply_t *reply);

/*
 * Reads a response's line in its usual form: status, headers, body_length and
 * duration of reply.  NGX_DECLINED: it needs the JSON parser.
 */
ngx_int_t ngx_http_fn_head_read(ngx_http_fn_reply_t *reply, ngx_str_t *line);

/*
 * PROTOCOL 6.1, for every runtime: NULL when the header may be sent, or why
 * not, static text.
 */
const char *ngx_http_fn_header_check(ngx_str_t *name, ngx_str_t *value);

/* PROTOCOL 6.2: nginx manages this header itself */
ngx_uint_t ngx_http_fn_header_managed(ngx_str_t *name);


#endif /* _NGX_HTTP_FN_PROTO_H_INCLUDED_ */
