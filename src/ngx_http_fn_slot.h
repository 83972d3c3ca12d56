
/* slots: the shared zone, and claims of places in it */


#ifndef _NGX_HTTP_FN_SLOT_H_INCLUDED_
#define _NGX_HTTP_FN_SLOT_H_INCLUDED_


#include "ngx_http_fn.h"


/*
 * A word of share->waiting[]: the ticket of the worker's first request, and
 * the low bits of its incarnation, by which a dead worker's is told.
 */

#define NGX_HTTP_FN_SEAT_BITS     12
#define NGX_HTTP_FN_TICKET_AGAIN  1         /* was sent before: goes first */

#define ngx_http_fn_ticket_stamp(owner)                                      \
    (((owner) >> NGX_HTTP_FN_SEAT_BITS) & 0xffffff)

#define ngx_http_fn_ticket_word(ticket, owner)                               \
    (((ticket) << 24) | ngx_http_fn_ticket_stamp(owner))

#define ngx_http_fn_ticket_owned(word, owner)                                \
    (((word) & 0xffffff) == ngx_http_fn_ticket_stamp(owner))


/*
 * Maps worker->zone, with a seat and an eventfd for each nginx worker; the
 * pool of the cycle undoes it.  NGX_ERROR is logged.
 */
ngx_int_t ngx_http_fn_zone_create(ngx_cycle_t *cycle,
    ngx_http_fn_main_conf_t *fmcf);

/* takes the worker's seat, and a new incarnation in it */
void ngx_http_fn_zone_join(ngx_http_fn_worker_t *worker, ngx_uint_t seat);

/*
 * For the supervisor: frees what owners hold who no longer sit in a seat
 * (places and tickets of workers that died).
 */
void ngx_http_fn_zone_sweep(ngx_http_fn_zone_t *zone,
    ngx_http_fn_function_t **functions, ngx_uint_t nfunctions);

/*
 * Takes a place for ctx: ctx->slot and ctx->place.  Returns
 * NGX_OK        at a slot that could run the event at once,
 * NGX_DONE      behind the events of a busy slot: the event needs a lease,
 * NGX_AGAIN     no place is free,
 * NGX_DECLINED  no process is there, nor about to come.
 */
ngx_int_t ngx_http_fn_slot_claim(ngx_http_fn_pool_t *pool,
    ngx_http_fn_ctx_t *ctx);

/* gives the place back; who waits for it is not woken */
void ngx_http_fn_slot_release(ngx_http_fn_pool_t *pool,
    ngx_http_fn_slot_t *slot, ngx_uint_t place);

/* places of the slot that are taken */
ngx_uint_t ngx_http_fn_slot_taken(ngx_http_fn_function_t *function,
    ngx_http_fn_slot_t *slot);

/*
 * Says of the process of this generation that it is to be replaced, in word
 * (slot->broken or a place's overdue): it gets no more events.
 */
void ngx_http_fn_slot_suspect(ngx_http_fn_zone_t *zone,
    ngx_http_fn_slot_t *slot, ngx_atomic_t *word, ngx_uint_t generation);

/* tells the supervisor to look at the slots (overdue, broken, served) */
void ngx_http_fn_slot_notify(ngx_http_fn_zone_t *zone);

/* the mean run time moves by an event that took us microseconds */
void ngx_http_fn_slot_ran(ngx_http_fn_share_t *share, int64_t us);

/* CLOCK_MONOTONIC in ms, the clock of PROTOCOL 4.3; not nginx's cached one */
uint64_t ngx_http_fn_slot_now(void);


#endif /* _NGX_HTTP_FN_SLOT_H_INCLUDED_ */
