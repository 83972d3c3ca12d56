
/* connections to slots: taken, kept, drained */


#ifndef _NGX_HTTP_FN_PEER_H_INCLUDED_
#define _NGX_HTTP_FN_PEER_H_INCLUDED_


#include "ngx_http_fn.h"


/* a connection's own data, in its pool */

struct ngx_http_fn_link_s {
    ngx_http_fn_pool_t    *pool;
    ngx_http_fn_slot_t    *slot;
    ngx_connection_t      *connection;
    ngx_uint_t             generation;  /* of the slot when it was made */
    ngx_queue_t            queue;       /* while idle: in pool->links */

    /* while it drains: a reply that nobody waits for */
    ngx_http_fn_reply_t    reply;
    u_char                 id[64];      /* PROTOCOL 4.1 */
    ngx_uint_t             place;
    ngx_uint_t             overdue;
    ngx_uint_t             log_level;   /* the least that is logged */
};


/* peer.init of the slots */
ngx_int_t ngx_http_fn_peer_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);

/*
 * Takes an idle connection to ctx->slot, or makes one: ctx->link.  On
 * NGX_ERROR, which is logged, the place has been given back.
 */
ngx_int_t ngx_http_fn_peer_acquire(ngx_http_fn_ctx_t *ctx);

/* gives back a connection that upstream never got */
void ngx_http_fn_peer_abandon(ngx_http_fn_ctx_t *ctx);

/*
 * The ways that a link goes when its event has ended: counts it, gives the
 * place back and wakes who waits, keeps it for the next event, or closes it.
 */
void ngx_http_fn_peer_served(ngx_http_fn_link_t *link);
void ngx_http_fn_peer_release(ngx_http_fn_link_t *link, ngx_uint_t place);
void ngx_http_fn_peer_keep(ngx_http_fn_link_t *link);
void ngx_http_fn_peer_close(ngx_http_fn_link_t *link);

/* bytes that the runtime hasn't read yet; not an instant to rely on when 0 */
ngx_uint_t ngx_http_fn_peer_unread(ngx_http_fn_ctx_t *ctx);


#endif /* _NGX_HTTP_FN_PEER_H_INCLUDED_ */
