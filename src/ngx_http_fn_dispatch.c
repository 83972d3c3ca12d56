
/*
 * A function calls another: its request names the function, and goes on in
 * that function's location, as it would in a named one.
 */


#include "ngx_http_fn_dispatch.h"
#include "ngx_http_fn_event.h"
#include "ngx_http_fn_function.h"
#include "ngx_http_fn_log.h"


static void ngx_http_fn_dispatch_unknown(ngx_http_request_t *r,
    ngx_str_t *name);
static ngx_int_t ngx_http_fn_dispatch_run(ngx_http_request_t *r,
    ngx_http_fn_function_t *fn);

static ngx_http_conf_addr_t *ngx_http_fn_dispatch_listen(ngx_conf_t *cf,
    ngx_http_fn_main_conf_t *fmcf);
static ngx_http_conf_addr_t *ngx_http_fn_dispatch_better(ngx_conf_t *cf,
    ngx_http_conf_addr_t *best, ngx_http_conf_addr_t *addr,
    ngx_http_core_srv_conf_t *cscf);
static ngx_uint_t ngx_http_fn_dispatch_local(struct sockaddr *sa);


ngx_int_t
ngx_http_fn_dispatch_handler(ngx_http_request_t *r)
{
    ngx_str_t                *name;
    ngx_http_fn_function_t   *fn;
    ngx_http_fn_main_conf_t  *fmcf;

    static ngx_str_t  header = ngx_string("X-Nuclio-Target");

    name = ngx_http_fn_event_find(r, &header);

    if (name == NULL || name->len == 0) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "client sent no \"X-Nuclio-Target\" to \"fn_call\"");
        return NGX_HTTP_BAD_REQUEST;
    }

    fmcf = ngx_http_get_module_main_conf(r, ngx_http_fn_module);

    fn = ngx_http_fn_function_find(fmcf, name);

    if (fn == NULL) {
        ngx_http_fn_dispatch_unknown(r, name);
        return NGX_HTTP_NOT_FOUND;
    }

    return ngx_http_fn_dispatch_run(r, fn);
}


static void
ngx_http_fn_dispatch_unknown(ngx_http_request_t *r, ngx_str_t *name)
{
    u_char     buf[NGX_HTTP_FN_LOG_TEXT];
    ngx_str_t  text;

    text = ngx_http_fn_log_escape(buf, name);

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "unknown function \"%V\" was called", &text);
}


/*
 * As ngx_http_named_location() does.  All phases from the location's rewrite
 * on run with its settings: limits, access rules and logs are its own.
 */

static ngx_int_t
ngx_http_fn_dispatch_run(ngx_http_request_t *r, ngx_http_fn_function_t *fn)
{
    ngx_http_core_main_conf_t  *cmcf;

    r->internal = 1;
    r->content_handler = NULL;
    r->uri_changed = 0;
    r->srv_conf = fn->srv_conf;
    r->loc_conf = fn->loc_conf;

    ngx_memzero(r->ctx, sizeof(void *) * ngx_http_max_module);

    ngx_http_update_location_config(r);

    if (ngx_http_fn_event_too_large(r)) {
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    r->main->count++;
    r->phase_handler = cmcf->phase_engine.location_rewrite_index;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);

    return NGX_DONE;
}


ngx_int_t
ngx_http_fn_dispatch_address(ngx_conf_t *cf, ngx_str_t *address)
{
    u_char                   *p;
    ngx_http_conf_addr_t     *addr;
    ngx_http_fn_main_conf_t  *fmcf;

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_fn_module);

    if (fmcf->call_servers == NULL) {
        return NGX_OK;
    }

    addr = ngx_http_fn_dispatch_listen(cf, fmcf);

    if (addr == NULL) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "functions can't reach \"fn_call\": its server must be "
                      "the default one of an address in clear text");
        return NGX_OK;
    }

    if (!addr->opt.wildcard) {
        *address = addr->opt.addr_text;
        return NGX_OK;
    }

    p = ngx_pnalloc(cf->pool, NGX_SOCKADDR_STRLEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    address->data = p;
    address->len = ngx_sprintf(p, "%s:%d",
                               addr->opt.sockaddr->sa_family == AF_INET6
                               ? "[::1]" : "127.0.0.1",
                               ngx_inet_get_port(addr->opt.sockaddr))
                   - p;

    return NGX_OK;
}


/* the address to use, of all servers with fn_call */

static ngx_http_conf_addr_t *
ngx_http_fn_dispatch_listen(ngx_conf_t *cf, ngx_http_fn_main_conf_t *fmcf)
{
    ngx_uint_t                   p, a, s, n;
    ngx_http_conf_addr_t        *addr, *best;
    ngx_http_conf_port_t        *port;
    ngx_http_core_srv_conf_t   **server, **cscf;
    ngx_http_core_main_conf_t   *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    best = NULL;
    port = cmcf->ports->elts;
    cscf = fmcf->call_servers->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {
        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {
            server = addr[a].servers.elts;

            for (s = 0; s < addr[a].servers.nelts; s++) {

                for (n = 0; n < fmcf->call_servers->nelts; n++) {
                    if (server[s] == cscf[n]) {
                        best = ngx_http_fn_dispatch_better(cf, best, &addr[a],
                                                           cscf[n]);
                        break;
                    }
                }
            }
        }
    }

    return best;
}


/* a unix socket is better than another address, and the first than a later */

static ngx_http_conf_addr_t *
ngx_http_fn_dispatch_better(ngx_conf_t *cf, ngx_http_conf_addr_t *best,
    ngx_http_conf_addr_t *addr, ngx_http_core_srv_conf_t *cscf)
{
    struct sockaddr  *sa;

    sa = addr->opt.sockaddr;

    if (!ngx_http_fn_dispatch_local(sa)) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"fn_call\" is reached at %V: who can connect may call "
                      "every function", &addr->opt.addr_text);
    }

    /* a call is HTTP/1.1 in clear text, and its Host names no server */

    if (addr->default_server != cscf || !ngx_http_fn_listen_plain(&addr->opt)) {
        return best;
    }

    /* a relative path means nothing to a process, which runs in "/" */

    if (sa->sa_family == AF_UNIX
        && ((struct sockaddr_un *) sa)->sun_path[0] != '/')
    {
        return best;
    }

    if (best == NULL
        || (sa->sa_family == AF_UNIX
            && best->opt.sockaddr->sa_family != AF_UNIX))
    {
        return addr;
    }

    return best;
}


static ngx_uint_t
ngx_http_fn_dispatch_local(struct sockaddr *sa)
{
    struct sockaddr_in   *sin;
    struct sockaddr_in6  *sin6;

    switch (sa->sa_family) {

    case AF_UNIX:
        return 1;

    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);

    default:
        sin = (struct sockaddr_in *) sa;
        return (ntohl(sin->sin_addr.s_addr) >> 24) == 127;
    }
}
