
#include "ngx_http_fn_process.h"
#include "ngx_http_fn_slot.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>


#define NGX_HTTP_FN_STOP  "{\"type\":\"stop\"}\n"


static ngx_int_t ngx_http_fn_process_pipes(int (*fds)[2], ngx_log_t *log);
static void ngx_http_fn_process_close_pipes(int (*fds)[2], ngx_uint_t side);
static void ngx_http_fn_process_init(ngx_http_fn_process_t *p, int (*fds)[2]);
static void ngx_http_fn_process_exec(ngx_http_fn_launch_t *launch,
    int (*fds)[2]);
static void ngx_http_fn_process_descriptors(int listener, int (*fds)[2]);
static void ngx_http_fn_process_limits(ngx_http_fn_launch_t *launch);
static void ngx_http_fn_process_limit(int resource, rlim_t value,
    const char *what);
static void ngx_http_fn_process_groups(ngx_http_fn_function_t *function);
static void ngx_http_fn_process_user(ngx_http_fn_function_t *function);
static void ngx_http_fn_process_fail(const char *what, const char *name);
static void ngx_http_fn_process_kill_child(ngx_pid_t pid, void *data);


ngx_http_fn_process_t *
ngx_http_fn_process_start(ngx_http_fn_launch_t *launch, ngx_uint_t generation)
{
    int                     fds[3][2];
    ngx_log_t              *log;
    ngx_http_fn_process_t  *p;

    log = launch->function->log;

    p = ngx_calloc(sizeof(ngx_http_fn_process_t), log);
    if (p == NULL) {
        return NULL;
    }

    if (ngx_http_fn_process_pipes(fds, log) != NGX_OK) {
        ngx_free(p);
        return NULL;
    }

    p->function = launch->function;
    p->generation = generation;
    p->started = ngx_http_fn_slot_now();
    p->pid = fork();

    if (p->pid == 0) {
        ngx_http_fn_process_exec(launch, fds);
    }

    if (p->pid == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "fork() failed while starting fn \"%V\"",
                      &launch->function->name);
        ngx_http_fn_process_close_pipes(fds, 0);
        ngx_http_fn_process_close_pipes(fds, 1);
        ngx_free(p);
        return NULL;
    }

    ngx_http_fn_process_close_pipes(fds, 1);
    ngx_http_fn_process_init(p, fds);

    return p;
}


/* side 0 is the supervisor's, and doesn't block; side 1 the process's */

static ngx_int_t
ngx_http_fn_process_pipes(int (*fds)[2], ngx_log_t *log)
{
    ngx_uint_t  i;

    for (i = 0; i < 3; i++) {
        fds[i][0] = -1;
        fds[i][1] = -1;
    }

    if (socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0, fds[0]) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno, "socketpair() failed");
        return NGX_ERROR;
    }

    for (i = 0; i < 3; i++) {

        if (i != NGX_HTTP_FN_CONTROL && pipe2(fds[i], O_CLOEXEC) == -1) {
            ngx_log_error(NGX_LOG_ALERT, log, ngx_errno, "pipe2() failed");
            goto failed;
        }

        if (ngx_nonblocking(fds[i][0]) == -1) {
            ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                          ngx_nonblocking_n " failed");
            goto failed;
        }
    }

    return NGX_OK;

failed:

    ngx_http_fn_process_close_pipes(fds, 0);
    ngx_http_fn_process_close_pipes(fds, 1);

    return NGX_ERROR;
}


static void
ngx_http_fn_process_close_pipes(int (*fds)[2], ngx_uint_t side)
{
    ngx_uint_t  i;

    for (i = 0; i < 3; i++) {
        if (fds[i][side] != -1) {
            (void) close(fds[i][side]);
        }
    }
}


static void
ngx_http_fn_process_init(ngx_http_fn_process_t *p, int (*fds)[2])
{
    ngx_uint_t             i;
    ngx_http_fn_stream_t  *stream;

    for (i = 0; i < 3; i++) {
        stream = &p->streams[i];
        stream->process = p;
        stream->source.epoll = -1;
        stream->source.fd = fds[i][0];
        stream->source.data = stream;
    }
}


/*
 * The child, until it is the runtime.  The supervisor has one thread, so what
 * is called here need not be async-signal-safe, but nothing may be logged: the
 * one way to say something is standard error.  The groups are read first, as
 * name services may leave descriptors open; ids are given up last but
 * PR_SET_PDEATHSIG, which is lost with them.
 */

static void
ngx_http_fn_process_exec(ngx_http_fn_launch_t *launch, int (*fds)[2])
{
    ngx_http_fn_function_t  *function;

    function = launch->function;

    (void) setsid();

    ngx_http_fn_process_groups(function);
    ngx_http_fn_process_descriptors(launch->listener, fds);
    ngx_http_fn_process_limits(launch);
    ngx_http_fn_process_signals();

    (void) umask(077);

    if (chdir("/") == -1) {
        ngx_http_fn_process_fail("chdir(\"/\")", NULL);
    }

    ngx_http_fn_process_user(function);

    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1) {
        ngx_http_fn_process_fail("prctl(PR_SET_PDEATHSIG)", NULL);
    }

    /* the supervisor may have died before; ngx_pid is still its pid */

    if (getppid() != ngx_pid) {
        _exit(127);
    }

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
        ngx_http_fn_process_fail("prctl(PR_SET_NO_NEW_PRIVS)", NULL);
    }

    (void) execve(function->argv[0], function->argv, launch->env);

    ngx_http_fn_process_fail("execve(\"%s\")", function->argv[0]);
}


/* PROTOCOL 1.1; 0 is /dev/null already */

static void
ngx_http_fn_process_descriptors(int listener, int (*fds)[2])
{
    int  control, out, err;

    /* out of the way first: each may be where another has to go */

    err = fcntl(fds[NGX_HTTP_FN_STDERR][1], F_DUPFD, 5);
    out = fcntl(fds[NGX_HTTP_FN_STDOUT][1], F_DUPFD, 5);
    control = fcntl(fds[NGX_HTTP_FN_CONTROL][1], F_DUPFD, 5);
    listener = fcntl(listener, F_DUPFD, 5);

    if (dup2(err, 2) == -1
        || dup2(out, 1) == -1
        || dup2(listener, 3) == -1
        || dup2(control, 4) == -1)
    {
        ngx_http_fn_process_fail("dup2()", NULL);
    }

    ngx_http_fn_process_close_range(5, -1);
}


static void
ngx_http_fn_process_limits(ngx_http_fn_launch_t *launch)
{
    ngx_http_fn_function_t  *function;

    function = launch->function;

    ngx_http_fn_process_limit(RLIMIT_CORE, 0, "setrlimit(RLIMIT_CORE)");

    if (function->limit_memory) {
        ngx_http_fn_process_limit(RLIMIT_DATA, function->limit_memory,
                                  "setrlimit(RLIMIT_DATA)");
    }

    if (function->limit_files) {
        ngx_http_fn_process_limit(RLIMIT_NOFILE, function->limit_files,
                                  "setrlimit(RLIMIT_NOFILE)");
        return;
    }

    /* the keeper has raised its own */

    if (setrlimit(RLIMIT_NOFILE, &launch->files) == -1) {
        ngx_http_fn_process_fail("setrlimit(RLIMIT_NOFILE)", NULL);
    }
}


static void
ngx_http_fn_process_limit(int resource, rlim_t value, const char *what)
{
    struct rlimit  rlmt;

    rlmt.rlim_cur = value;
    rlmt.rlim_max = value;

    if (setrlimit(resource, &rlmt) == -1) {
        ngx_http_fn_process_fail(what, NULL);
    }
}


static void
ngx_http_fn_process_groups(ngx_http_fn_function_t *function)
{
    if (geteuid() != 0) {
        return;
    }

    if (function->user.len == 0) {
        if (setgroups(0, NULL) == -1) {
            ngx_http_fn_process_fail("setgroups()", NULL);
        }

        return;
    }

    if (initgroups((char *) function->user.data, function->gid) == -1) {
        ngx_http_fn_process_fail("initgroups()", NULL);
    }
}


static void
ngx_http_fn_process_user(ngx_http_fn_function_t *function)
{
    uid_t  uid, euid, suid;

    if (geteuid() != 0) {
        return;
    }

    if (setresgid(function->gid, function->gid, function->gid) == -1) {
        ngx_http_fn_process_fail("setresgid()", NULL);
    }

    if (setresuid(function->uid, function->uid, function->uid) == -1) {
        ngx_http_fn_process_fail("setresuid()", NULL);
    }

    if (getresuid(&uid, &euid, &suid) == -1
        || uid != function->uid || euid != uid || suid != uid
        || (uid != 0 && setuid(0) != -1))
    {
        ngx_http_fn_process_fail("giving up root", NULL);
    }
}


static void
ngx_http_fn_process_fail(const char *what, const char *name)
{
    u_char     *p, *last, buf[NGX_MAX_ERROR_STR];
    ngx_err_t   err;

    err = ngx_errno;

    last = buf + sizeof(buf) - 1;

    p = ngx_slprintf(buf, last, what, name);
    p = ngx_slprintf(p, last, " failed");
    p = ngx_log_errno(p, last, err);
    *p++ = LF;

    (void) ngx_write_fd(2, buf, p - buf);

    _exit(127);
}


void
ngx_http_fn_process_stop(ngx_http_fn_process_t *p)
{
    int  fd;

    p->stopping = 1;

    fd = p->streams[NGX_HTTP_FN_CONTROL].source.fd;

    if (fd != -1) {
        (void) send(fd, NGX_HTTP_FN_STOP, sizeof(NGX_HTTP_FN_STOP) - 1,
                    MSG_NOSIGNAL|MSG_DONTWAIT);
    }
}


void
ngx_http_fn_process_kill(ngx_http_fn_process_t *p)
{
    p->killed = 1;
    p->deadline = 0;

    /* the group is there only after its setsid() */

    (void) kill(p->pid, SIGKILL);
    (void) kill(-p->pid, SIGKILL);
}


ssize_t
ngx_http_fn_process_read(ngx_http_fn_stream_t *stream)
{
    ssize_t  n;

    n = read(stream->source.fd, stream->buf + stream->len,
             sizeof(stream->buf) - stream->len);

    if (n == -1) {
        return (ngx_errno == NGX_EAGAIN || ngx_errno == NGX_EINTR) ? NGX_AGAIN
                                                                   : 0;
    }

    stream->len += n;

    return n;
}


void
ngx_http_fn_process_close(ngx_http_fn_process_t *p)
{
    ngx_uint_t  i;

    for (i = 0; i < 3; i++) {
        ngx_http_fn_source_close(&p->streams[i].source);
    }
}


void
ngx_http_fn_process_children(void (*handler)(ngx_pid_t pid, void *data),
    void *data)
{
    int        fd;
    u_char     buf[1024], *p;
    ssize_t    n;
    ngx_pid_t  pid;

    fd = open("/proc/thread-self/children", O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return;
    }

    pid = 0;

    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        for (p = buf; p < buf + n; p++) {

            if (*p >= '0' && *p <= '9') {
                pid = pid * 10 + (*p - '0');
                continue;
            }

            if (pid) {
                handler(pid, data);
            }

            pid = 0;
        }
    }

    (void) close(fd);
}


void
ngx_http_fn_process_kill_children(ngx_msec_t timer)
{
    uint64_t   end;
    ngx_pid_t  pid;

    end = ngx_http_fn_slot_now() + timer;

    for ( ;; ) {

        /* the children of who dies become ours, so it takes several rounds */

        ngx_http_fn_process_children(ngx_http_fn_process_kill_child, NULL);

        do {
            pid = waitpid(-1, NULL, WNOHANG);
        } while (pid > 0);

        if (pid == -1 || ngx_http_fn_slot_now() >= end) {
            return;
        }

        ngx_msleep(5);
    }
}


static void
ngx_http_fn_process_kill_child(ngx_pid_t pid, void *data)
{
    (void) kill(pid, SIGKILL);
}


void
ngx_http_fn_process_signals(void)
{
    int       signo;
    sigset_t  set;

    for (signo = 1; signo < NSIG; signo++) {
        (void) signal(signo, SIG_DFL);
    }

    sigemptyset(&set);

    (void) sigprocmask(SIG_SETMASK, &set, NULL);
}


/* last -1 means all; the loop is for old kernels, and seccomp filters */

void
ngx_http_fn_process_close_range(int first, int last)
{
    int            fd;
    struct rlimit  rlmt;

    if (first > last && last != -1) {
        return;
    }

#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, (unsigned) last, 0) == 0) {
        return;
    }
#endif

    if (last == -1) {
        last = (getrlimit(RLIMIT_NOFILE, &rlmt) == 0)
                   ? (int) ngx_min(rlmt.rlim_cur, 65536) : 65536;
    }

    for (fd = first; fd <= last; fd++) {
        (void) close(fd);
    }
}
