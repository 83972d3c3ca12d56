
/*
 * A place is one word: 0, or its owner, an incarnation of an nginx worker.
 * It is taken by one compare-and-swap, so a worker that is killed at any
 * instant leaves either nothing or a word that names it, and the supervisor
 * frees the words of those who no longer sit in their seat.  A slot's load is
 * the number of its words that are not 0; it is counted, never stored.
 */


#include "ngx_http_fn_slot.h"

#include <sys/eventfd.h>
#include <sys/mman.h>


#define NGX_HTTP_FN_AHEAD_BODY  32768   /* larger bodies wait for a free slot */
#define NGX_HTTP_FN_AHEAD_WORK  1000    /* us of work before a process */


static void ngx_http_fn_zone_cleanup(void *data);
static u_char *ngx_http_fn_zone_alloc(u_char **p, size_t size);
static void ngx_http_fn_zone_layout(ngx_http_fn_zone_t *zone, u_char *p,
    ngx_http_fn_main_conf_t *fmcf);
static size_t ngx_http_fn_zone_size(ngx_http_fn_main_conf_t *fmcf,
    ngx_uint_t nseats);
static ngx_int_t ngx_http_fn_zone_eventfds(ngx_http_fn_zone_t *zone,
    ngx_log_t *log);
static void ngx_http_fn_slot_sweep(ngx_http_fn_zone_t *zone,
    ngx_http_fn_function_t *function);
static ngx_uint_t ngx_http_fn_slot_ahead(ngx_http_fn_pool_t *pool,
    ngx_http_fn_ctx_t *ctx);
static ngx_uint_t ngx_http_fn_slot_count(ngx_http_fn_function_t *function,
    ngx_http_fn_slot_t *slot, ngx_uint_t max);
static ngx_int_t ngx_http_fn_slot_take(ngx_http_fn_pool_t *pool,
    ngx_http_fn_ctx_t *ctx, ngx_http_fn_slot_t *slot);


#define ngx_http_fn_round(size)  ngx_align(size, NGX_CPU_CACHE_LINE)


ngx_int_t
ngx_http_fn_zone_create(ngx_cycle_t *cycle, ngx_http_fn_main_conf_t *fmcf)
{
    u_char              *p;
    size_t               size;
    ngx_uint_t           i, nseats;
    ngx_core_conf_t     *ccf;
    ngx_pool_cleanup_t  *cln;
    ngx_http_fn_zone_t  *zone;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);
    nseats = ccf->master ? ccf->worker_processes : 1;

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    size = ngx_http_fn_zone_size(fmcf, nseats);

    p = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_ANON|MAP_SHARED, -1, 0);
    if (p == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "mmap(MAP_ANON|MAP_SHARED, %uz) failed", size);
        return NGX_ERROR;
    }

    zone = (ngx_http_fn_zone_t *) p;
    zone->size = size;
    zone->nseats = nseats;
    zone->fd = -1;

    ngx_http_fn_zone_layout(zone, p, fmcf);

    for (i = 0; i < nseats; i++) {
        zone->seats[i].fd = -1;
    }

    cln->handler = ngx_http_fn_zone_cleanup;
    cln->data = zone;

    if (ngx_http_fn_zone_eventfds(zone, cycle->log) != NGX_OK) {
        return NGX_ERROR;
    }

    fmcf->worker->zone = zone;

    return NGX_OK;
}


static void
ngx_http_fn_zone_cleanup(void *data)
{
    ngx_http_fn_zone_t  *zone = data;

    ngx_uint_t  i;

    for (i = 0; i < zone->nseats; i++) {
        if (zone->seats[i].fd != -1) {
            (void) close(zone->seats[i].fd);
        }
    }

    if (zone->fd != -1) {
        (void) close(zone->fd);
    }

    (void) munmap(zone, zone->size);
}


static u_char *
ngx_http_fn_zone_alloc(u_char **p, size_t size)
{
    u_char  *start;

    start = *p;
    *p += ngx_http_fn_round(size);

    return start;
}


static size_t
ngx_http_fn_zone_size(ngx_http_fn_main_conf_t *fmcf, ngx_uint_t nseats)
{
    size_t                    size;
    ngx_uint_t                i;
    ngx_http_fn_function_t  **functions;

    functions = fmcf->functions.elts;

    size = ngx_http_fn_round(sizeof(ngx_http_fn_zone_t))
           + ngx_http_fn_round(nseats * sizeof(ngx_http_fn_seat_t))
           + ngx_http_fn_round(fmcf->functions.nelts
                               * sizeof(ngx_http_fn_share_t));

    for (i = 0; i < fmcf->functions.nelts; i++) {
        size += 2 * ngx_http_fn_round(nseats * sizeof(ngx_atomic_t))
                + ngx_http_fn_round(nseats * sizeof(ngx_http_fn_crumb_t))
                + functions[i]->processes
                  * (ngx_http_fn_round(sizeof(ngx_http_fn_slot_t))
                     + ngx_http_fn_round(functions[i]->nplaces
                                         * sizeof(ngx_atomic_t))
                     + ngx_http_fn_round(functions[i]->nplaces
                                         * sizeof(ngx_http_fn_place_t)));
    }

    return size;
}


static void
ngx_http_fn_zone_layout(ngx_http_fn_zone_t *zone, u_char *p,
    ngx_http_fn_main_conf_t *fmcf)
{
    size_t                    n;
    ngx_uint_t                i, j;
    ngx_http_fn_slot_t       *slot;
    ngx_http_fn_share_t      *share;
    ngx_http_fn_function_t  **functions;

    functions = fmcf->functions.elts;

    (void) ngx_http_fn_zone_alloc(&p, sizeof(ngx_http_fn_zone_t));

    zone->seats = (ngx_http_fn_seat_t *)
        ngx_http_fn_zone_alloc(&p, zone->nseats * sizeof(ngx_http_fn_seat_t));

    zone->shares = (ngx_http_fn_share_t *)
        ngx_http_fn_zone_alloc(&p, fmcf->functions.nelts
                                   * sizeof(ngx_http_fn_share_t));

    for (i = 0; i < fmcf->functions.nelts; i++) {
        share = &zone->shares[i];
        share->ticket = NGX_HTTP_FN_TICKET_AGAIN;

        n = zone->nseats * sizeof(ngx_atomic_t);
        share->waiting = (ngx_atomic_t *) ngx_http_fn_zone_alloc(&p, n);
        share->nwaiting = (ngx_atomic_t *) ngx_http_fn_zone_alloc(&p, n);

        n = zone->nseats * sizeof(ngx_http_fn_crumb_t);
        share->crumbs = (ngx_http_fn_crumb_t *) ngx_http_fn_zone_alloc(&p, n);

        n = functions[i]->processes * sizeof(ngx_http_fn_slot_t);
        share->slots = (ngx_http_fn_slot_t *) ngx_http_fn_zone_alloc(&p, n);

        for (j = 0; j < functions[i]->processes; j++) {
            slot = &share->slots[j];

            n = functions[i]->nplaces * sizeof(ngx_atomic_t);
            slot->owners = (ngx_atomic_t *) ngx_http_fn_zone_alloc(&p, n);

            n = functions[i]->nplaces * sizeof(ngx_http_fn_place_t);
            slot->places = (ngx_http_fn_place_t *)
                               ngx_http_fn_zone_alloc(&p, n);
        }
    }
}


static ngx_int_t
ngx_http_fn_zone_eventfds(ngx_http_fn_zone_t *zone, ngx_log_t *log)
{
    int         *fd;
    ngx_uint_t   i;

    for (i = 0; i <= zone->nseats; i++) {
        fd = (i < zone->nseats) ? &zone->seats[i].fd : &zone->fd;

        *fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

        if (*fd == -1) {
            ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "eventfd() failed");
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_http_fn_zone_join(ngx_http_fn_worker_t *worker, ngx_uint_t seat)
{
    ngx_atomic_uint_t    incarnation;
    ngx_http_fn_zone_t  *zone;

    zone = worker->zone;

    incarnation = ngx_atomic_fetch_add(&zone->incarnation, 1) + 1;

    worker->seat = seat;
    worker->owner = (incarnation << NGX_HTTP_FN_SEAT_BITS) | (seat + 1);

    worker->former = zone->seats[seat].pid;

    zone->seats[seat].pid = ngx_pid;
    ngx_memory_barrier();
    zone->seats[seat].owner = worker->owner;

    ngx_http_fn_slot_notify(zone);
}


void
ngx_http_fn_zone_sweep(ngx_http_fn_zone_t *zone,
    ngx_http_fn_function_t **functions, ngx_uint_t nfunctions)
{
    ngx_uint_t            i, j;
    ngx_atomic_uint_t     word;
    ngx_http_fn_share_t  *share;

    for (i = 0; i < nfunctions; i++) {
        share = &zone->shares[i];

        for (j = 0; j < zone->nseats; j++) {
            word = share->waiting[j];

            if (word
                && !ngx_http_fn_ticket_owned(word, zone->seats[j].owner)
                && ngx_atomic_cmp_set(&share->waiting[j], word, 0))
            {
                share->nwaiting[j] = 0;
            }
        }

        ngx_http_fn_slot_sweep(zone, functions[i]);
    }
}


static void
ngx_http_fn_slot_sweep(ngx_http_fn_zone_t *zone,
    ngx_http_fn_function_t *function)
{
    ngx_uint_t           i, j, seat;
    ngx_atomic_uint_t    owner;
    ngx_http_fn_slot_t  *slot;

    for (i = 0; i < function->processes; i++) {
        slot = &zone->shares[function->index].slots[i];

        for (j = 0; j < function->nplaces; j++) {
            owner = slot->owners[j];

            if (owner == 0) {
                continue;
            }

            seat = (owner & ((1 << NGX_HTTP_FN_SEAT_BITS) - 1)) - 1;

            if (zone->seats[seat].owner != owner) {
                slot->places[j].overdue = 0;
                (void) ngx_atomic_cmp_set(&slot->owners[j], owner, 0);
            }
        }
    }
}


ngx_int_t
ngx_http_fn_slot_claim(ngx_http_fn_pool_t *pool, ngx_http_fn_ctx_t *ctx)
{
    ngx_uint_t               i, n, taken, least, ahead, coming;
    ngx_http_fn_slot_t      *slot, *best;
    ngx_http_fn_function_t  *function;

    function = pool->function;
    ahead = ngx_http_fn_slot_ahead(pool, ctx);

    best = NULL;
    coming = 0;
    least = function->concurrency + ahead;

    /* the slot that was given back last is the warm one */

    n = pool->warm;

    for (i = 0; i < function->processes; i++) {

        slot = &pool->share->slots[n];

        if (++n == function->processes) {
            n = 0;
        }

        if (slot->state != NGX_HTTP_FN_SLOT_READY) {
            coming |= (slot->state != NGX_HTTP_FN_SLOT_DOWN);
            continue;
        }

        coming = 1;
        taken = ngx_http_fn_slot_count(function, slot, least);

        if (taken >= least
            || (taken >= function->concurrency && slot->stuck))
        {
            continue;
        }

        best = slot;
        least = taken;

        if (taken == 0) {
            break;
        }
    }

    if (best == NULL) {
        return coming ? NGX_AGAIN : NGX_DECLINED;
    }

    return ngx_http_fn_slot_take(pool, ctx, best);
}


/* how many events may wait in front of a process, PROTOCOL 4.4 */

static ngx_uint_t
ngx_http_fn_slot_ahead(ngx_http_fn_pool_t *pool, ngx_http_fn_ctx_t *ctx)
{
    ngx_uint_t               depth;
    ngx_atomic_uint_t        mean;
    ngx_http_fn_function_t  *function;

    function = pool->function;

    if (ctx->idle_only || ctx->event.body_length > NGX_HTTP_FN_AHEAD_BODY) {
        return 0;
    }

    if (function->prefetch != NGX_HTTP_FN_AHEAD_AUTO) {
        return function->prefetch;
    }

    mean = pool->share->mean;

    if (mean == 0) {
        return 0;
    }

    depth = NGX_HTTP_FN_AHEAD_WORK * 16 / mean;

    if (depth == 0) {
        return 0;
    }

    return ngx_min(depth - 1, NGX_HTTP_FN_AHEAD_MAX);
}


static ngx_int_t
ngx_http_fn_slot_take(ngx_http_fn_pool_t *pool, ngx_http_fn_ctx_t *ctx,
    ngx_http_fn_slot_t *slot)
{
    ngx_uint_t               i;
    ngx_http_fn_function_t  *function;

    function = pool->function;

    for (i = 0; i < function->nplaces; i++) {
        if (slot->owners[i] == 0
            && ngx_atomic_cmp_set(&slot->owners[i], 0, pool->worker->owner))
        {
            break;
        }
    }

    if (i == function->nplaces) {
        return NGX_AGAIN;
    }

    ctx->slot = slot;
    ctx->place = i;

    /* another worker may have come first: a lease then does no harm */

    if (ngx_http_fn_slot_count(function, slot, function->concurrency + 1)
        > function->concurrency)
    {
        return NGX_DONE;
    }

    return NGX_OK;
}


void
ngx_http_fn_slot_release(ngx_http_fn_pool_t *pool, ngx_http_fn_slot_t *slot,
    ngx_uint_t place)
{
    pool->warm = slot - pool->share->slots;

    slot->places[place].overdue = 0;

    (void) ngx_atomic_cmp_set(&slot->owners[place], pool->worker->owner, 0);
}


ngx_uint_t
ngx_http_fn_slot_taken(ngx_http_fn_function_t *function,
    ngx_http_fn_slot_t *slot)
{
    return ngx_http_fn_slot_count(function, slot, function->nplaces);
}


/*
 * Places that are taken, but no more than max: a claim looks at all slots, and
 * of a slot that is not chosen mostly at its first place.
 */

static ngx_uint_t
ngx_http_fn_slot_count(ngx_http_fn_function_t *function,
    ngx_http_fn_slot_t *slot, ngx_uint_t max)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < function->nplaces && n < max; i++) {
        n += (slot->owners[i] != 0);
    }

    return n;
}


void
ngx_http_fn_slot_suspect(ngx_http_fn_zone_t *zone, ngx_http_fn_slot_t *slot,
    ngx_atomic_t *word, ngx_uint_t generation)
{
    *word = generation;

    if (slot->generation == generation) {
        (void) ngx_atomic_cmp_set(&slot->state, NGX_HTTP_FN_SLOT_READY,
                                  NGX_HTTP_FN_SLOT_STOPPING);
    }

    ngx_http_fn_slot_notify(zone);
}


void
ngx_http_fn_slot_notify(ngx_http_fn_zone_t *zone)
{
    uint64_t  one = 1;

    (void) ngx_write_fd(zone->fd, &one, sizeof(one));
}


void
ngx_http_fn_slot_ran(ngx_http_fn_share_t *share, int64_t us)
{
    int64_t     mean;
    ngx_uint_t  n;

    /* approximate on purpose: two workers may write at once */

    mean = share->mean;
    mean += us - mean / 16;
    share->mean = ngx_max(mean, 1);

    (void) ngx_atomic_fetch_add(&share->runs, 1);
    (void) ngx_atomic_fetch_add(&share->run_time, us);

    for (n = 0; n < NGX_HTTP_FN_BUCKETS - 1 && us >= 16; n++) {
        us >>= 1;
    }

    (void) ngx_atomic_fetch_add(&share->time[n], 1);
}


uint64_t
ngx_http_fn_slot_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
