
/* every difference between nginx versions, and nothing else */


#ifndef _NGX_HTTP_FN_COMPAT_H_INCLUDED_
#define _NGX_HTTP_FN_COMPAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#if (nginx_version >= 1023000)
#define ngx_http_fn_header_end(h)  (h)->next = NULL
#else
#define ngx_http_fn_header_end(h)
#endif


/* HTTP/1 over TCP or a unix socket, without TLS and the PROXY protocol */

#if (nginx_version >= 1025000)
#define ngx_http_fn_listen_plain(opt)                                         \
    (!((opt)->ssl || (opt)->proxy_protocol || (opt)->quic))
#else
#define ngx_http_fn_listen_plain(opt)                                         \
    (!((opt)->ssl || (opt)->proxy_protocol || (opt)->http2))
#endif


/* adds h to a field of headers_out for headers of several lines */

static ngx_inline ngx_int_t
ngx_http_fn_header_add(ngx_pool_t *pool, void *field, ngx_table_elt_t *h)
{
    ngx_table_elt_t  **ph;

#if (nginx_version >= 1023000)

    for (ph = field; *ph; ph = &(*ph)->next) { /* void */ }

#else
    ngx_array_t       *lines;

    lines = field;

    if (lines->elts == NULL
        && ngx_array_init(lines, pool, 2, sizeof(ngx_table_elt_t *)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ph = ngx_array_push(lines);
    if (ph == NULL) {
        return NGX_ERROR;
    }
#endif

    *ph = h;

    return NGX_OK;
}


#endif /* _NGX_HTTP_FN_COMPAT_H_INCLUDED_ */
