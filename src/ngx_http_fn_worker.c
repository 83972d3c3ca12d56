
#include "ngx_http_fn_worker.h"
#include "ngx_http_fn_crumb.h"
#include "ngx_http_fn_guard.h"
#include "ngx_http_fn_native.h"
#include "ngx_http_fn_queue.h"
#include "ngx_http_fn_slot.h"

#include <ngx_channel.h>


static void ngx_http_fn_worker_join(ngx_cycle_t *cycle,
    ngx_http_fn_worker_t *worker);
static void ngx_http_fn_worker_hide(ngx_cycle_t *cycle);
static void ngx_http_fn_worker_accept(ngx_connection_t *c);


void
ngx_http_fn_worker_init(ngx_cycle_t *cycle, ngx_http_fn_main_conf_t *fmcf)
{
    ngx_uint_t                 i;
    ngx_http_fn_worker_t      *worker;
    ngx_http_fn_function_t   **fn;

    worker = fmcf->worker;

    ngx_queue_init(&worker->pools);

    if (worker->zone) {
        ngx_http_fn_worker_join(cycle, worker);
        ngx_http_fn_crumb_init(cycle, fmcf);
    }

    ngx_http_fn_guard_start(cycle, fmcf);

    if (fmcf->worker->guard) {
        ngx_http_fn_worker_hide(cycle);
    }

    fn = fmcf->functions.elts;

    for (i = 0; i < fmcf->functions.nelts; i++) {

        if (fn[i]->native) {
            ngx_http_fn_native_init_process(cycle, fn[i]);
            continue;
        }

        fn[i]->pool = ngx_http_fn_queue_create(cycle, fn[i]);

        if (fn[i]->pool == NULL) {
            worker->zone = NULL;
        }
    }
}


static void
ngx_http_fn_worker_join(ngx_cycle_t *cycle, ngx_http_fn_worker_t *worker)
{
    ngx_http_fn_zone_join(worker, ngx_worker);

    if (ngx_add_channel_event(cycle, worker->zone->seats[ngx_worker].fd,
                              NGX_READ_EVENT, ngx_http_fn_queue_handler)
        != NGX_OK)
    {
        worker->zone = NULL;
    }
}


/*
 * A program that a handler starts and leaves behind must not keep connections
 * open: the client would wait for the end of its answer.  A process without
 * workers leaves the listening sockets to a new binary.
 */

static void
ngx_http_fn_worker_hide(ngx_cycle_t *cycle)
{
    ngx_uint_t        i;
    ngx_listening_t  *ls;

    ls = cycle->listening.elts;

    for (i = 0; i < cycle->listening.nelts; i++) {

        if (ls[i].fd != (ngx_socket_t) -1
            && ngx_process == NGX_PROCESS_WORKER)
        {
            (void) fcntl(ls[i].fd, F_SETFD, FD_CLOEXEC);
        }

        if (ls[i].handler == ngx_http_init_connection) {
            ls[i].handler = ngx_http_fn_worker_accept;
        }
    }
}


static void
ngx_http_fn_worker_accept(ngx_connection_t *c)
{
    (void) fcntl(c->fd, F_SETFD, FD_CLOEXEC);

    ngx_http_init_connection(c);
}


void
ngx_http_fn_worker_exit(ngx_cycle_t *cycle, ngx_http_fn_main_conf_t *fmcf)
{
    ngx_uint_t                 i;
    ngx_http_fn_function_t   **fn;

    ngx_http_fn_guard_stop(fmcf->worker);

    fn = fmcf->functions.elts;

    for (i = 0; i < fmcf->functions.nelts; i++) {
        if (fn[i]->native) {
            ngx_http_fn_native_exit_process(cycle, fn[i]);
        }
    }
}
