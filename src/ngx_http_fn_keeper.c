
/*
 * The keeper is the parent of the supervisor and the child of nobody that
 * matters.  It owns what has to survive a supervisor: the listening sockets
 * with what waits in them, the eventfds, and the lifeline, a pipe whose write
 * end is open in the master and in the nginx workers of this generation, and
 * in nothing else: end of file on it is the end of the generation.
 */


#include "ngx_http_fn_keeper.h"
#include "ngx_http_fn_command.h"
#include "ngx_http_fn_slot.h"

#include <ngx_syslog.h>

#include <poll.h>
#include <sys/prctl.h>


static void ngx_http_fn_keeper_detach(ngx_http_fn_supervisor_t *sv);
static ngx_int_t ngx_http_fn_keeper_add_logs(ngx_http_fn_supervisor_t *sv,
    ngx_log_t *log);
static ngx_int_t ngx_http_fn_keeper_logs(ngx_http_fn_supervisor_t *sv);
static void ngx_http_fn_keeper_close(ngx_http_fn_supervisor_t *sv, int *fds);
static int ngx_libc_cdecl ngx_http_fn_keeper_cmp_fds(const void *one,
    const void *two);
static ngx_int_t ngx_http_fn_keeper_crews(ngx_http_fn_supervisor_t *sv);
static ngx_int_t ngx_http_fn_keeper_crew(ngx_http_fn_supervisor_t *sv,
    ngx_http_fn_crew_t *crew, ngx_http_fn_function_t *function,
    struct rlimit *files);
static int ngx_http_fn_keeper_listen(ngx_http_fn_supervisor_t *sv,
    ngx_http_fn_function_t *function, ngx_uint_t n);
static ngx_int_t ngx_http_fn_keeper_watch(ngx_http_fn_supervisor_t *sv);
static ngx_uint_t ngx_http_fn_keeper_over(ngx_http_fn_supervisor_t *sv);
static void ngx_http_fn_keeper_reopen_file(ngx_http_fn_supervisor_t *sv,
    ngx_open_file_t *file);


void
ngx_http_fn_keeper_run(ngx_cycle_t *cycle, ngx_http_fn_main_conf_t *fmcf,
    int lifeline)
{
    ngx_http_fn_supervisor_t  *sv;

    ngx_parent = ngx_pid;
    ngx_pid = ngx_getpid();
    ngx_process = NGX_PROCESS_HELPER;
    ngx_cycle = cycle;
    ngx_use_stderr = 0;

    sv = ngx_pcalloc(cycle->pool, sizeof(ngx_http_fn_supervisor_t));
    if (sv == NULL) {
        _exit(1);
    }

    sv->cycle = cycle;
    sv->fmcf = fmcf;
    sv->zone = fmcf->worker->zone;
    sv->lifeline.fd = lifeline;

    ngx_http_fn_keeper_detach(sv);

    if (ngx_http_fn_keeper_crews(sv) != NGX_OK) {
        ngx_http_fn_supervisor_down(fmcf);
        ngx_http_fn_keeper_clean(sv);
        _exit(1);
    }

    while (ngx_http_fn_keeper_watch(sv) != NGX_OK) { /* void */ }

    _exit(0);
}


/* leaves everything of the master behind */

static void
ngx_http_fn_keeper_detach(ngx_http_fn_supervisor_t *sv)
{
    int         *fds;
    ngx_log_t   *log;
    ngx_uint_t   i, n;

    static int  ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1,
                              SIGUSR2, SIGALRM, SIGIO, SIGPIPE, 0 };

    log = sv->cycle->log;

    (void) setsid();

    ngx_http_fn_process_signals();

    /*
     * What is sent to the whole group or cgroup is not meant for the keeper
     * and the supervisor: the lifeline ends them.
     */

    for (i = 0; ignored[i]; i++) {
        (void) signal(ignored[i], SIG_IGN);
    }

    if (ngx_http_fn_keeper_logs(sv) != NGX_OK) {
        _exit(1);
    }

    n = sv->logs.nelts + sv->zone->nseats + 2;

    fds = ngx_alloc(n * sizeof(int), log);
    if (fds == NULL) {
        _exit(1);
    }

    ngx_http_fn_keeper_close(sv, fds);

    ngx_free(fds);

    ngx_time_update();
    ngx_setproctitle("fn keeper");

    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "prctl(PR_SET_CHILD_SUBREAPER) failed");
    }
}


/* the log files of this generation */

static ngx_int_t
ngx_http_fn_keeper_logs(ngx_http_fn_supervisor_t *sv)
{
    ngx_uint_t                i;
    ngx_http_fn_function_t  **functions;

    if (ngx_array_init(&sv->logs, sv->cycle->pool, 4,
                       sizeof(ngx_open_file_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    functions = sv->fmcf->functions.elts;

    for (i = 0; i < sv->fmcf->functions.nelts; i++) {
        if (ngx_http_fn_keeper_add_logs(sv, functions[i]->log) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_fn_keeper_add_logs(sv, sv->cycle->log);
}


static ngx_int_t
ngx_http_fn_keeper_add_logs(ngx_http_fn_supervisor_t *sv, ngx_log_t *log)
{
    ngx_uint_t           i;
    ngx_open_file_t    **file;
    ngx_syslog_peer_t   *peer;

    for ( /* void */ ; log; log = log->next) {

        if (log->writer == ngx_syslog_writer) {

            /* the master's socket is about to be closed */

            peer = log->wdata;
            peer->conn.fd = (ngx_socket_t) -1;
        }

        if (log->file == NULL || log->file->fd == NGX_INVALID_FILE) {
            continue;
        }

        file = sv->logs.elts;

        for (i = 0; i < sv->logs.nelts && file[i] != log->file; i++) {
            /* void */
        }

        if (i < sv->logs.nelts) {
            continue;
        }

        file = ngx_array_push(&sv->logs);
        if (file == NULL) {
            return NGX_ERROR;
        }

        *file = log->file;
    }

    return NGX_OK;
}


/*
 * A lifeline of another generation that stays open here would keep that
 * generation alive for ever, and a listening socket its port.
 */

static void
ngx_http_fn_keeper_close(ngx_http_fn_supervisor_t *sv, int *fds)
{
    int                fd, last;
    ngx_uint_t         i, n;
    ngx_open_file_t  **files;

    n = 0;
    files = sv->logs.elts;

    fds[n++] = sv->lifeline.fd;
    fds[n++] = sv->zone->fd;

    for (i = 0; i < sv->zone->nseats; i++) {
        fds[n++] = sv->zone->seats[i].fd;
    }

    for (i = 0; i < sv->logs.nelts; i++) {
        fds[n++] = files[i]->fd;
    }

    ngx_qsort(fds, n, sizeof(int), ngx_http_fn_keeper_cmp_fds);

    last = 2;

    for (i = 0; i < n; i++) {
        if (fds[i] > last) {
            ngx_http_fn_process_close_range(last + 1, fds[i] - 1);
            last = fds[i];
        }
    }

    ngx_http_fn_process_close_range(last + 1, -1);

    fd = open("/dev/null", O_RDWR|O_CLOEXEC);
    if (fd == -1) {
        return;
    }

    (void) dup2(fd, 0);
    (void) dup2(fd, 1);

    /* standard error is kept only when it is a log: who reads it would wait */

    for (i = 0; i < n && fds[i] != ngx_stderr; i++) { /* void */ }

    if (i == n) {
        (void) dup2(fd, ngx_stderr);
    }

    if (fd > ngx_stderr) {
        (void) close(fd);
    }
}


static int ngx_libc_cdecl
ngx_http_fn_keeper_cmp_fds(const void *one, const void *two)
{
    return *(int *) one - *(int *) two;
}


static ngx_int_t
ngx_http_fn_keeper_crews(ngx_http_fn_supervisor_t *sv)
{
    ngx_uint_t                i, n;
    struct rlimit             files, rlmt;
    ngx_http_fn_function_t  **functions;

    functions = sv->fmcf->functions.elts;
    n = sv->fmcf->functions.nelts;

    sv->crews = ngx_pcalloc(sv->cycle->pool, n * sizeof(ngx_http_fn_crew_t));
    sv->guests = ngx_pcalloc(sv->cycle->pool,
                             sv->zone->nseats * sizeof(ngx_http_fn_guest_t));

    if (sv->crews == NULL || sv->guests == NULL) {
        return NGX_ERROR;
    }

    /* a slot takes seven descriptors while its process is replaced */

    if (getrlimit(RLIMIT_NOFILE, &files) == -1) {
        ngx_log_error(NGX_LOG_EMERG, sv->cycle->log, ngx_errno,
                      "getrlimit(RLIMIT_NOFILE) failed");
        return NGX_ERROR;
    }

    rlmt.rlim_cur = files.rlim_max;
    rlmt.rlim_max = files.rlim_max;

    (void) setrlimit(RLIMIT_NOFILE, &rlmt);

    for (i = 0; i < n; i++) {

        if (functions[i]->lang->native) {
            continue;
        }

        if (ngx_http_fn_keeper_crew(sv, &sv->crews[sv->ncrews++], functions[i],
                                    &files)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_keeper_crew(ngx_http_fn_supervisor_t *sv, ngx_http_fn_crew_t *crew,
    ngx_http_fn_function_t *function, struct rlimit *files)
{
    ngx_uint_t           i, n;
    ngx_http_fn_post_t  *post;

    crew->supervisor = sv;
    crew->function = function;
    crew->share = &sv->zone->shares[function->index];
    crew->output.function = function;
    crew->wd = -1;

    n = function->processes;

    crew->posts = ngx_pcalloc(sv->cycle->pool, n * sizeof(ngx_http_fn_post_t));
    if (crew->posts == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        post = &crew->posts[i];

        post->crew = crew;
        post->slot = &crew->share->slots[i];
        post->launch.function = function;
        post->launch.files = *files;

        post->launch.env = ngx_http_fn_command_slot_env(sv->cycle->pool,
                                                        function, i);
        if (post->launch.env == NULL) {
            return NGX_ERROR;
        }

        post->launch.listener = ngx_http_fn_keeper_listen(sv, function, i);
        if (post->launch.listener == -1) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static int
ngx_http_fn_keeper_listen(ngx_http_fn_supervisor_t *sv,
    ngx_http_fn_function_t *function, ngx_uint_t n)
{
    int                  fd;
    mode_t               mode;
    ngx_int_t            rc;
    ngx_err_t            err;
    ngx_core_conf_t     *ccf;
    struct sockaddr_un   addr;

    ccf = (ngx_core_conf_t *) ngx_get_conf(sv->cycle->conf_ctx,
                                           ngx_core_module);

    if (ngx_http_fn_keeper_address(function, n, &addr) != NGX_OK) {
        return -1;
    }

    fd = socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0);
    if (fd == -1) {
        ngx_log_error(NGX_LOG_EMERG, sv->cycle->log, ngx_errno,
                      "socket() failed");
        return -1;
    }

    mode = umask(0177);
    rc = bind(fd, (struct sockaddr *) &addr, sizeof(struct sockaddr_un));
    err = ngx_errno;
    (void) umask(mode);

    if (rc == -1) {
        ngx_log_error(NGX_LOG_EMERG, sv->cycle->log, err,
                      "bind() to \"%s\" failed", addr.sun_path);
        goto failed;
    }

    if (geteuid() == 0 && chown(addr.sun_path, ccf->user, ccf->group) == -1) {
        ngx_log_error(NGX_LOG_EMERG, sv->cycle->log, ngx_errno,
                      "chown(\"%s\") failed", addr.sun_path);
        goto failed;
    }

    if (listen(fd, NGX_LISTEN_BACKLOG) == -1) {
        ngx_log_error(NGX_LOG_EMERG, sv->cycle->log, ngx_errno,
                      "listen() to \"%s\" failed", addr.sun_path);
        goto failed;
    }

    return fd;

failed:

    (void) close(fd);

    return -1;
}


ngx_int_t
ngx_http_fn_keeper_address(ngx_http_fn_function_t *function, ngx_uint_t n,
    struct sockaddr_un *addr)
{
    u_char  *p, *last;

    ngx_memzero(addr, sizeof(struct sockaddr_un));

    addr->sun_family = AF_UNIX;

    p = (u_char *) addr->sun_path;
    last = p + sizeof(addr->sun_path);

    p = ngx_slprintf(p, last, "%V/%ui.%ui", &function->worker->dir,
                     function->index, n);

    return (p < last) ? NGX_OK : NGX_ERROR;
}


/* one supervisor; NGX_OK when the generation is over */

static ngx_int_t
ngx_http_fn_keeper_watch(ngx_http_fn_supervisor_t *sv)
{
    int         status;
    uint64_t    started;
    ngx_log_t  *log;
    ngx_pid_t   pid, rc;

    log = sv->cycle->log;
    started = ngx_http_fn_slot_now();
    status = 0;

    pid = fork();

    if (pid == 0) {
        ngx_http_fn_supervisor_run(sv);
        _exit(0);
    }

    if (pid == -1) {
        ngx_time_update();
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "fork() failed while starting fn supervisor");

        if (ngx_http_fn_keeper_over(sv)) {
            ngx_http_fn_keeper_clean(sv);
            return NGX_OK;
        }

        ngx_msleep(1000);
        return NGX_AGAIN;
    }

    do {
        rc = waitpid(pid, &status, 0);
    } while (rc == -1 && ngx_errno == NGX_EINTR);

    if (rc == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return NGX_OK;
    }

    ngx_time_update();
    ngx_http_fn_keeper_reopen(sv);

    if (WIFSIGNALED(status)) {
        ngx_log_error(NGX_LOG_ALERT, log, 0,
                      "fn supervisor %P exited on signal %d, started again",
                      pid, WTERMSIG(status));

    } else {
        ngx_log_error(NGX_LOG_ALERT, log, 0,
                      "fn supervisor %P exited with code %d, started again",
                      pid, WEXITSTATUS(status));
    }

    /* the processes die with it; what they had started is ours now */

    ngx_http_fn_process_kill_children(5000);

    if (ngx_http_fn_slot_now() - started < 1000) {
        ngx_msleep(100);
    }

    return NGX_AGAIN;
}


static ngx_uint_t
ngx_http_fn_keeper_over(ngx_http_fn_supervisor_t *sv)
{
    struct pollfd  pfd;

    pfd.fd = sv->lifeline.fd;
    pfd.events = POLLIN;

    return (poll(&pfd, 1, 0) == 1);
}


void
ngx_http_fn_keeper_reopen(ngx_http_fn_supervisor_t *sv)
{
    ngx_uint_t         i;
    ngx_open_file_t  **files;

    files = sv->logs.elts;

    for (i = 0; i < sv->logs.nelts; i++) {
        if (files[i]->name.len) {
            ngx_http_fn_keeper_reopen_file(sv, files[i]);
        }
    }
}


/*
 * Until nginx has made the new file, it writes the old one, and so do we.
 * A name that leads to something else than a file (/dev/stderr) is not ours to
 * follow: it could be our own standard error.
 */

static void
ngx_http_fn_keeper_reopen_file(ngx_http_fn_supervisor_t *sv,
    ngx_open_file_t *file)
{
    ngx_fd_t         fd;
    ngx_file_info_t  now, fi;

    if (ngx_file_info(file->name.data, &now) == NGX_FILE_ERROR
        || ngx_fd_info(file->fd, &fi) == NGX_FILE_ERROR
        || !ngx_is_file(&now)
        || !ngx_is_file(&fi)
        || (now.st_ino == fi.st_ino && now.st_dev == fi.st_dev))
    {
        return;
    }

    fd = open((char *) file->name.data, O_WRONLY|O_APPEND|O_CLOEXEC);
    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_ALERT, sv->cycle->log, ngx_errno,
                      ngx_open_file_n " \"%V\" failed", &file->name);
        return;
    }

    (void) ngx_close_file(file->fd);

    file->fd = fd;
}


void
ngx_http_fn_keeper_clean(ngx_http_fn_supervisor_t *sv)
{
    ngx_uint_t               i, j;
    struct sockaddr_un       addr;
    ngx_http_fn_function_t  *function;

    for (i = 0; i < sv->ncrews; i++) {
        function = sv->crews[i].function;

        for (j = 0; j < function->processes; j++) {
            if (ngx_http_fn_keeper_address(function, j, &addr) == NGX_OK) {
                (void) unlink(addr.sun_path);
            }
        }
    }

    if (rmdir((char *) sv->fmcf->worker->dir.data) == -1
        && ngx_errno != NGX_ENOENT)
    {
        ngx_log_error(NGX_LOG_ALERT, sv->cycle->log, ngx_errno,
                      "rmdir(\"%V\") failed", &sv->fmcf->worker->dir);
    }
}
