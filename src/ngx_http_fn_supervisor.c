
/*
 * The supervisor: the parent of all runtime processes of a generation.
 *
 * Handlers of descriptors only note what has happened.  Each round ends with a
 * look at every post, which acts on what is noted there or in shared memory,
 * and finds the time of the next round: a few hundred posts make that cheap,
 * and what was missed in one round is seen in the next.
 */


#include "ngx_http_fn_supervisor.h"
#include "ngx_http_fn_keeper.h"
#include "ngx_http_fn_queue.h"
#include "ngx_http_fn_slot.h"
#include "ngx_http_fn_watch.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>


#define NGX_HTTP_FN_EVENTS  64
#define NGX_HTTP_FN_ROUND   60000       /* ms, the longest */
#define NGX_HTTP_FN_REOPEN  1000        /* ms, the shortest between looks */
#define NGX_HTTP_FN_END     2000        /* ms, for what was left behind */


static ngx_int_t ngx_http_fn_supervisor_directory(ngx_cycle_t *cycle,
    ngx_http_fn_worker_t *worker);
static ngx_int_t ngx_http_fn_supervisor_addresses(ngx_cycle_t *cycle,
    ngx_http_fn_main_conf_t *fmcf);
static ngx_int_t ngx_http_fn_supervisor_lifeline(ngx_cycle_t *cycle,
    ngx_http_fn_worker_t *worker, int *fds);
static ngx_int_t ngx_http_fn_supervisor_fork(ngx_cycle_t *cycle,
    ngx_http_fn_main_conf_t *fmcf, int lifeline);
static ngx_int_t ngx_http_fn_supervisor_init(ngx_http_fn_supervisor_t *sv);
static ngx_int_t ngx_http_fn_supervisor_sources(ngx_http_fn_supervisor_t *sv);
static ngx_int_t ngx_http_fn_supervisor_signals(ngx_http_fn_supervisor_t *sv);
static void ngx_http_fn_supervisor_look(ngx_http_fn_supervisor_t *sv);
static void ngx_http_fn_supervisor_look_crew(ngx_http_fn_crew_t *crew);
static void ngx_http_fn_supervisor_over(void *data);
static void ngx_http_fn_supervisor_knock(void *data);
static void ngx_http_fn_supervisor_guest(ngx_http_fn_guest_t *guest);
static void ngx_http_fn_supervisor_left(void *data);
static void ngx_http_fn_supervisor_sweep(ngx_http_fn_supervisor_t *sv);
static void ngx_http_fn_supervisor_children(void *data);
static void ngx_http_fn_supervisor_reap(ngx_http_fn_supervisor_t *sv,
    ngx_pid_t pid);
static void ngx_http_fn_supervisor_stray(ngx_pid_t pid, void *data);
static ngx_http_fn_process_t *ngx_http_fn_supervisor_find(
    ngx_http_fn_supervisor_t *sv, ngx_pid_t pid);


ngx_int_t
ngx_http_fn_supervisor_start(ngx_cycle_t *cycle, ngx_http_fn_main_conf_t *fmcf)
{
    int                        fds[2];
    ngx_int_t                  rc;
    ngx_uint_t                 i, processes;
    ngx_http_fn_worker_t      *worker;
    ngx_http_fn_function_t   **fn;

    worker = fmcf->worker;
    fn = fmcf->functions.elts;
    processes = 0;

    for (i = 0; i < fmcf->functions.nelts; i++) {
        processes += fn[i]->processes;
    }

    if (processes == 0) {
        return NGX_OK;
    }

    if (ngx_http_fn_supervisor_directory(cycle, worker) != NGX_OK) {
        goto down;
    }

    if (ngx_http_fn_supervisor_addresses(cycle, fmcf) != NGX_OK
        || ngx_http_fn_supervisor_lifeline(cycle, worker, fds) != NGX_OK)
    {
        goto failed;
    }

    rc = ngx_http_fn_supervisor_fork(cycle, fmcf, fds[0]);

    (void) close(fds[0]);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

failed:

    (void) rmdir((char *) worker->dir.data);

down:

    ngx_http_fn_supervisor_down(fmcf);

    return NGX_ERROR;
}


/* no process will come: who waits is told so */

void
ngx_http_fn_supervisor_down(ngx_http_fn_main_conf_t *fmcf)
{
    ngx_uint_t                i, j;
    ngx_http_fn_zone_t       *zone;
    ngx_http_fn_share_t      *share;
    ngx_http_fn_function_t  **functions;

    zone = fmcf->worker->zone;
    functions = fmcf->functions.elts;

    for (i = 0; i < fmcf->functions.nelts; i++) {
        share = &zone->shares[functions[i]->index];

        for (j = 0; j < functions[i]->processes; j++) {
            share->slots[j].state = NGX_HTTP_FN_SLOT_DOWN;
        }

        ngx_http_fn_queue_wake(zone, share);
    }
}


/* next to the pid file, with a name of its own in each generation */

static ngx_int_t
ngx_http_fn_supervisor_directory(ngx_cycle_t *cycle,
    ngx_http_fn_worker_t *worker)
{
    u_char           *p;
    size_t            len;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    for (len = ccf->pid.len; len; len--) {
        if (ccf->pid.data[len - 1] == '/') {
            break;
        }
    }

    worker->dir.len = len + sizeof("fn.XXXXXX") - 1;

    p = ngx_pnalloc(cycle->pool, worker->dir.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    worker->dir.data = p;

    p = ngx_cpymem(p, ccf->pid.data, len);
    ngx_memcpy(p, "fn.XXXXXX", sizeof("fn.XXXXXX"));

    if (mkdtemp((char *) worker->dir.data) == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "mkdtemp(\"%V\") failed", &worker->dir);
        return NGX_ERROR;
    }

    /* workers connect to the sockets in it, nobody lists them */

    if (chmod((char *) worker->dir.data, 0711) == -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "chmod(\"%V\") failed", &worker->dir);
        (void) rmdir((char *) worker->dir.data);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_supervisor_addresses(ngx_cycle_t *cycle,
    ngx_http_fn_main_conf_t *fmcf)
{
    ngx_uint_t                i;
    struct sockaddr_un        addr;
    ngx_http_fn_function_t  **functions;

    functions = fmcf->functions.elts;

    for (i = 0; i < fmcf->functions.nelts; i++) {

        if (ngx_http_fn_keeper_address(functions[i], functions[i]->processes,
                                       &addr)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "the name of the directory \"%V\" is too long "
                          "for unix sockets, put the pid file elsewhere",
                          &fmcf->worker->dir);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the write end is the master's and the workers' for as long as they live */

static ngx_int_t
ngx_http_fn_supervisor_lifeline(ngx_cycle_t *cycle,
    ngx_http_fn_worker_t *worker, int *fds)
{
    ngx_pool_cleanup_t       *cln;
    ngx_pool_cleanup_file_t  *clnf;

    cln = ngx_pool_cleanup_add(cycle->pool, sizeof(ngx_pool_cleanup_file_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    if (pipe2(fds, O_CLOEXEC) == -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno, "pipe2() failed");
        return NGX_ERROR;
    }

    worker->lifeline = fds[1];

    clnf = cln->data;
    clnf->fd = fds[1];
    clnf->name = (u_char *) "fn lifeline";
    clnf->log = cycle->log;

    cln->handler = ngx_pool_cleanup_file;

    return NGX_OK;
}


/*
 * Twice, so that the keeper is not the master's child: nginx would log its end
 * as that of an unknown process.  SIGCHLD waits until the one in between was
 * waited for here.
 */

static ngx_int_t
ngx_http_fn_supervisor_fork(ngx_cycle_t *cycle, ngx_http_fn_main_conf_t *fmcf,
    int lifeline)
{
    int        status;
    sigset_t   set, old;
    ngx_err_t  err;
    ngx_pid_t  pid, rc;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &set, &old);

    err = 0;
    pid = fork();

    if (pid == 0) {
        pid = fork();

        if (pid == 0) {
            ngx_http_fn_keeper_run(cycle, fmcf, lifeline);
        }

        _exit(pid == -1 ? ngx_errno : 0);
    }

    if (pid == -1) {
        err = ngx_errno;

    } else {
        do {
            rc = waitpid(pid, &status, 0);
        } while (rc == -1 && ngx_errno == NGX_EINTR);

        if (rc == pid && WIFEXITED(status)) {
            err = WEXITSTATUS(status);
        }
    }

    (void) sigprocmask(SIG_SETMASK, &old, NULL);

    if (err) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, err,
                      "fork() failed while starting fn keeper");
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_fn_supervisor_run(ngx_http_fn_supervisor_t *sv)
{
    uint64_t            reopened;
    ngx_int_t           n;
    ngx_msec_t          timer;
    struct epoll_event  events[NGX_HTTP_FN_EVENTS];

    ngx_parent = ngx_pid;
    ngx_pid = ngx_getpid();

    ngx_time_update();
    ngx_setproctitle("fn supervisor");

    sv->now = ngx_http_fn_slot_now();
    reopened = sv->now;

    if (ngx_http_fn_supervisor_init(sv) != NGX_OK) {
        _exit(1);
    }

    for ( ;; ) {
        ngx_http_fn_supervisor_look(sv);

        if (sv->over && ngx_queue_empty(&sv->processes)) {
            break;
        }

        timer = (sv->next > sv->now) ? sv->next - sv->now : 0;

        n = ngx_http_fn_source_wait(sv->epoll, events, NGX_HTTP_FN_EVENTS,
                                    timer);
        ngx_time_update();
        sv->now = ngx_http_fn_slot_now();

        if (sv->now - reopened >= NGX_HTTP_FN_REOPEN) {
            ngx_http_fn_keeper_reopen(sv);
            reopened = sv->now;
        }

        ngx_http_fn_source_dispatch(events, n);
    }

    ngx_http_fn_process_kill_children(NGX_HTTP_FN_END);
    ngx_http_fn_keeper_clean(sv);

    _exit(0);
}


static ngx_int_t
ngx_http_fn_supervisor_init(ngx_http_fn_supervisor_t *sv)
{
    ngx_uint_t            i, j;
    ngx_http_fn_crew_t   *crew;
    ngx_http_fn_guest_t  *guest;

    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1) {
        ngx_log_error(NGX_LOG_ALERT, sv->cycle->log, ngx_errno,
                      "prctl(PR_SET_CHILD_SUBREAPER) failed");
    }

    if (ngx_http_fn_supervisor_sources(sv) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_queue_init(&sv->processes);

    sv->zone->supervisor = ngx_pid;

    for (i = 0; i < sv->zone->nseats; i++) {
        guest = &sv->guests[i];
        guest->supervisor = sv;
        guest->seat = &sv->zone->seats[i];
        guest->source.fd = -1;
    }

    for (i = 0; i < sv->ncrews; i++) {
        crew = &sv->crews[i];

        for (j = 0; j < crew->function->processes; j++) {
            ngx_http_fn_post_init(&crew->posts[j]);
        }
    }

    /* workers may have come, and gone, while there was no supervisor */

    ngx_http_fn_supervisor_knock(sv);
    ngx_http_fn_supervisor_sweep(sv);

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_supervisor_sources(ngx_http_fn_supervisor_t *sv)
{
    ngx_log_t  *log;

    log = sv->cycle->log;

    sv->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (sv->epoll == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno, "epoll_create1() failed");
        return NGX_ERROR;
    }

    sv->lifeline.handler = ngx_http_fn_supervisor_over;
    sv->lifeline.data = sv;

    sv->knock.fd = sv->zone->fd;
    sv->knock.handler = ngx_http_fn_supervisor_knock;
    sv->knock.data = sv;

    if (ngx_http_fn_supervisor_signals(sv) != NGX_OK
        || ngx_http_fn_source_add(&sv->lifeline, sv->epoll, log) != NGX_OK
        || ngx_http_fn_source_add(&sv->knock, sv->epoll, log) != NGX_OK
        || ngx_http_fn_source_add(&sv->children, sv->epoll, log) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* without it the functions still run */

    (void) ngx_http_fn_watch_init(sv);

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_supervisor_signals(ngx_http_fn_supervisor_t *sv)
{
    sigset_t  set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);

    sv->children.fd = signalfd(-1, &set, SFD_NONBLOCK|SFD_CLOEXEC);
    sv->children.handler = ngx_http_fn_supervisor_children;
    sv->children.data = sv;

    if (sv->children.fd == -1) {
        ngx_log_error(NGX_LOG_ALERT, sv->cycle->log, ngx_errno,
                      "signalfd() failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_fn_supervisor_look(ngx_http_fn_supervisor_t *sv)
{
    ngx_uint_t              i;
    ngx_queue_t            *q, *next;
    ngx_http_fn_process_t  *p;

    sv->next = sv->now + NGX_HTTP_FN_ROUND;

    for (q = ngx_queue_head(&sv->processes);
         q != ngx_queue_sentinel(&sv->processes);
         q = next)
    {
        next = ngx_queue_next(q);
        p = ngx_queue_data(q, ngx_http_fn_process_t, queue);

        if (p->gone) {
            ngx_queue_remove(q);
            ngx_free(p);
            continue;
        }

        ngx_http_fn_post_look_process(p);
    }

    for (i = 0; i < sv->ncrews; i++) {
        ngx_http_fn_supervisor_look_crew(&sv->crews[i]);
    }
}


static void
ngx_http_fn_supervisor_look_crew(ngx_http_fn_crew_t *crew)
{
    ngx_uint_t                 i, changed;
    ngx_http_fn_supervisor_t  *sv;

    sv = crew->supervisor;

    ngx_http_fn_supervisor_at(sv, ngx_http_fn_output_report(&crew->output,
                                                            sv->now));

    if (sv->over) {
        return;
    }

    changed = ngx_http_fn_watch_changed(crew);

    if (changed) {
        ngx_log_error(NGX_LOG_NOTICE, crew->function->log, 0,
                      "fn \"%V\" has changed", &crew->function->name);
    }

    for (i = 0; i < crew->function->processes; i++) {

        if (changed) {
            ngx_http_fn_post_changed(&crew->posts[i]);
        }

        ngx_http_fn_post_look(&crew->posts[i]);
    }
}


void
ngx_http_fn_supervisor_at(ngx_http_fn_supervisor_t *sv, uint64_t time)
{
    if (time && time < sv->next) {
        sv->next = time;
    }
}


/* end of file on the lifeline: the master and the last worker are gone */

static void
ngx_http_fn_supervisor_over(void *data)
{
    ngx_http_fn_supervisor_t  *sv = data;

    ngx_uint_t              i, j;
    ngx_queue_t            *q;
    ngx_http_fn_crew_t     *crew;
    ngx_http_fn_process_t  *p;

    sv->over = 1;

    ngx_http_fn_source_close(&sv->lifeline);

    for (i = 0; i < sv->ncrews; i++) {
        crew = &sv->crews[i];

        for (j = 0; j < crew->function->processes; j++) {
            ngx_http_fn_post_close(&crew->posts[j]);
        }
    }

    for (q = ngx_queue_head(&sv->processes);
         q != ngx_queue_sentinel(&sv->processes);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_fn_process_t, queue);

        if (!p->gone) {
            ngx_http_fn_post_close_process(p);
        }
    }
}


/* a worker has something for us to see, or has taken its seat */

static void
ngx_http_fn_supervisor_knock(void *data)
{
    ngx_http_fn_supervisor_t  *sv = data;

    uint64_t    n;
    ngx_uint_t  i;

    (void) ngx_read_fd(sv->zone->fd, &n, sizeof(n));

    for (i = 0; i < sv->zone->nseats; i++) {
        if (sv->guests[i].seat->owner != sv->guests[i].owner) {
            ngx_http_fn_supervisor_guest(&sv->guests[i]);
        }
    }
}


static void
ngx_http_fn_supervisor_guest(ngx_http_fn_guest_t *guest)
{
    ngx_uint_t                 came_after;
    ngx_http_fn_supervisor_t  *sv;

    sv = guest->supervisor;
    came_after = (guest->owner != 0);

    ngx_http_fn_source_close(&guest->source);

    guest->owner = guest->seat->owner;

    guest->source.fd = syscall(SYS_pidfd_open, (pid_t) guest->seat->pid, 0);
    guest->source.handler = ngx_http_fn_supervisor_left;
    guest->source.data = guest;

    if (guest->source.fd != -1) {
        if (ngx_http_fn_source_add(&guest->source, sv->epoll, sv->cycle->log)
            != NGX_OK)
        {
            (void) close(guest->source.fd);
            guest->source.fd = -1;
        }

    } else if (ngx_errno == ESRCH) {
        ngx_http_fn_supervisor_left(guest);
        return;

    } else {
        ngx_log_error(NGX_LOG_ALERT, sv->cycle->log, ngx_errno,
                      "pidfd_open(%P) failed", (ngx_pid_t) guest->seat->pid);
    }

    if (came_after) {
        ngx_http_fn_supervisor_sweep(sv);
    }
}


/* a worker has ended; the next may have its seat already */

static void
ngx_http_fn_supervisor_left(void *data)
{
    ngx_http_fn_guest_t  *guest = data;

    struct pollfd  pfd;

    pfd.fd = guest->source.fd;
    pfd.events = POLLIN;

    /* what is reported may be the one before, in the same round */

    if (pfd.fd != -1 && poll(&pfd, 1, 0) == 0) {
        return;
    }

    (void) ngx_atomic_cmp_set(&guest->seat->owner, guest->owner, 0);

    guest->owner = 0;

    ngx_http_fn_source_close(&guest->source);
    ngx_http_fn_supervisor_sweep(guest->supervisor);
}


/* frees what dead workers held */

static void
ngx_http_fn_supervisor_sweep(ngx_http_fn_supervisor_t *sv)
{
    ngx_uint_t  i;

    ngx_http_fn_zone_sweep(sv->zone, sv->fmcf->functions.elts,
                           sv->fmcf->functions.nelts);

    for (i = 0; i < sv->ncrews; i++) {
        ngx_http_fn_queue_wake(sv->zone, sv->crews[i].share);
    }
}


/*
 * SIGCHLD.  What a process leaves behind goes with it: its group while the
 * pid is still its own, and then what became our child and belongs to no
 * session of a process that lives.
 */

static void
ngx_http_fn_supervisor_children(void *data)
{
    ngx_http_fn_supervisor_t  *sv = data;

    siginfo_t                info;
    ngx_uint_t               reaped;
    struct signalfd_siginfo  si;

    while (ngx_read_fd(sv->children.fd, &si, sizeof(si)) > 0) { /* void */ }

    for (reaped = 0; /* void */ ; reaped = 1) {

        info.si_pid = 0;

        if (waitid(P_ALL, 0, &info, WEXITED|WNOHANG|WNOWAIT) == -1
            || info.si_pid == 0)
        {
            break;
        }

        ngx_http_fn_supervisor_reap(sv, info.si_pid);
    }

    if (reaped) {
        ngx_http_fn_process_children(ngx_http_fn_supervisor_stray, sv);
    }
}


static void
ngx_http_fn_supervisor_reap(ngx_http_fn_supervisor_t *sv, ngx_pid_t pid)
{
    int                     status;
    ngx_http_fn_process_t  *p;

    p = ngx_http_fn_supervisor_find(sv, pid);

    if (p) {
        (void) kill(-pid, SIGKILL);
    }

    if (waitpid(pid, &status, WNOHANG) != pid || p == NULL) {
        return;
    }

    ngx_http_fn_post_exited(p, status);
}


static void
ngx_http_fn_supervisor_stray(ngx_pid_t pid, void *data)
{
    ngx_http_fn_supervisor_t  *sv = data;

    if (ngx_http_fn_supervisor_find(sv, pid)
        || ngx_http_fn_supervisor_find(sv, getsid(pid)))
    {
        return;
    }

    (void) kill(pid, SIGKILL);
}


/* of those that were not reaped */

static ngx_http_fn_process_t *
ngx_http_fn_supervisor_find(ngx_http_fn_supervisor_t *sv, ngx_pid_t pid)
{
    ngx_queue_t            *q;
    ngx_http_fn_process_t  *p;

    for (q = ngx_queue_head(&sv->processes);
         q != ngx_queue_sentinel(&sv->processes);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_fn_process_t, queue);

        if (p->pid == pid && !p->gone) {
            return p;
        }
    }

    return NULL;
}
