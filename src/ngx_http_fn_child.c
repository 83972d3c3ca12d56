
#include "ngx_http_fn_child.h"

#include <grp.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>


static void ngx_http_fn_child_main(ngx_http_fn_child_t *child, int fd);
static ngx_int_t ngx_http_fn_child_become(ngx_http_fn_child_t *child);
static ngx_int_t ngx_http_fn_child_wait(ngx_http_fn_child_t *child,
    ngx_pid_t pid, int fd, ngx_str_t *answer);
static size_t ngx_http_fn_child_read(ngx_http_fn_child_t *child, int fd,
    u_char *buf);


/*
 * SIGCHLD is blocked, so that nginx's handler doesn't take the child's status
 * from waitpid() here.
 */

ngx_int_t
ngx_http_fn_child_run(ngx_http_fn_child_t *child, ngx_str_t *answer)
{
    int        fds[2];
    sigset_t   set, old;
    ngx_int_t  rc;
    ngx_pid_t  pid;

    if (pipe(fds) == -1) {
        ngx_http_fn_child_answer(answer, "pipe() failed (%d)", ngx_errno);
        return NGX_ERROR;
    }

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &set, &old);

    pid = fork();

    if (pid == 0) {
        ngx_http_fn_child_main(child, fds[1]);
    }

    (void) close(fds[1]);

    if (pid == -1) {
        ngx_http_fn_child_answer(answer, "fork() failed (%d)", ngx_errno);
        rc = NGX_ERROR;

    } else {
        rc = ngx_http_fn_child_wait(child, pid, fds[0], answer);
    }

    (void) close(fds[0]);
    (void) sigprocmask(SIG_SETMASK, &old, NULL);

    return rc;
}


/* never returns; what nginx has open, and its signals, are left behind */

static void
ngx_http_fn_child_main(ngx_http_fn_child_t *child, int fd)
{
    int       n;
    sigset_t  set;

    for (n = 1; n < NSIG; n++) {
        (void) signal(n, SIG_DFL);
    }

    sigemptyset(&set);
    (void) sigprocmask(SIG_SETMASK, &set, NULL);

    (void) setsid();
    (void) alarm(child->seconds);

    if (fd != 3) {
        (void) dup2(fd, 3);
    }

    (void) syscall(SYS_close_range, 4, ~0U, 0);

    if (ngx_http_fn_child_become(child) != NGX_OK) {
        _exit(1);
    }

    _exit(child->main(child->data, 3) == NGX_OK ? 0 : 1);
}


static ngx_int_t
ngx_http_fn_child_become(ngx_http_fn_child_t *child)
{
    int        rc;
    u_char     buf[NGX_HTTP_FN_CHILD_ANSWER];
    ngx_str_t  reason;

    if (geteuid() != 0) {
        return NGX_OK;
    }

    rc = child->user ? initgroups(child->user, child->gid)
                     : setgroups(0, NULL);

    if (rc == 0 && setgid(child->gid) == 0 && setuid(child->uid) == 0) {
        return NGX_OK;
    }

    reason.data = buf;

    ngx_http_fn_child_answer(&reason, "setuid(%d) failed (%d)",
                             (int) child->uid, ngx_errno);

    (void) !write(3, reason.data, reason.len);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_fn_child_wait(ngx_http_fn_child_t *child, ngx_pid_t pid, int fd,
    ngx_str_t *answer)
{
    int        status;
    ngx_pid_t  rc;

    answer->len = ngx_http_fn_child_read(child, fd, answer->data);

    if (answer->len == 0) {
        (void) kill(-pid, SIGKILL);
        (void) kill(pid, SIGKILL);      /* before its setsid() */
    }

    do {
        status = 0;
        rc = waitpid(pid, &status, 0);
    } while (rc == -1 && ngx_errno == NGX_EINTR);

    if (answer->len) {
        return (rc == pid && status == 0) ? NGX_OK : NGX_ERROR;
    }

    if (rc == pid && WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM
        && WTERMSIG(status) != SIGKILL)
    {
        ngx_http_fn_child_answer(answer, "%s ended with signal %d",
                                 child->what, WTERMSIG(status));

    } else if (rc == pid && WIFEXITED(status)) {
        ngx_http_fn_child_answer(answer, "%s ended the process with code %d",
                                 child->what, WEXITSTATUS(status));

    } else {
        ngx_http_fn_child_answer(answer, "%s took longer than %ui seconds",
                                 child->what, child->seconds);
    }

    return NGX_ERROR;
}


/*
 * Not until the end of file: what it has started may hold the pipe.  The text
 * is shorter than PIPE_BUF, and comes in one piece.
 */

static size_t
ngx_http_fn_child_read(ngx_http_fn_child_t *child, int fd, u_char *buf)
{
    int            n;
    ssize_t        len;
    struct pollfd  pfd;

    pfd.fd = fd;
    pfd.events = POLLIN;

    do {
        n = poll(&pfd, 1, (child->seconds + 1) * 1000);
    } while (n == -1 && ngx_errno == NGX_EINTR);

    if (n <= 0) {
        return 0;
    }

    len = read(fd, buf, NGX_HTTP_FN_CHILD_ANSWER);

    return (len > 0) ? len : 0;
}


void
ngx_http_fn_child_answer(ngx_str_t *answer, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(answer->data, answer->data + NGX_HTTP_FN_CHILD_ANSWER,
                      fmt, args);
    va_end(args);

    answer->len = p - answer->data;
}
