
/*
 * Nothing is ever loaded into the master: its constructors would run as root,
 * and its threads would stay.  While the configuration is read, a child opens
 * the object and says over a pipe how that went.
 */


#include "ngx_http_fn_object.h"

#include <dlfcn.h>
#include <poll.h>
#include <sys/syscall.h>


#define NGX_HTTP_FN_OBJECT_SECONDS  5       /* to load one */


static ngx_int_t ngx_http_fn_object_check_file(ngx_str_t *file,
    ngx_str_t *reason);
static ngx_int_t ngx_http_fn_object_check_fork(ngx_str_t *file,
    ngx_str_t *symbol, uid_t uid, gid_t gid, ngx_str_t *reason);
static void ngx_http_fn_object_check_child(int fd, ngx_str_t *file,
    ngx_str_t *symbol, uid_t uid, gid_t gid);
static void ngx_http_fn_object_check_isolate(int fd);
static ngx_int_t ngx_http_fn_object_check_wait(ngx_pid_t pid, int fd,
    ngx_str_t *file, ngx_str_t *reason);
static size_t ngx_http_fn_object_check_read(int fd, u_char *buf, size_t size);
static void ngx_http_fn_object_reason(ngx_str_t *reason, const char *fmt, ...);


ngx_int_t
ngx_http_fn_object_check(ngx_pool_t *pool, ngx_str_t *file, ngx_str_t *symbol,
    uid_t uid, gid_t gid, ngx_str_t *reason)
{
    reason->len = 0;
    reason->data = ngx_pnalloc(pool, NGX_HTTP_FN_OBJECT_REASON);
    if (reason->data == NULL) {
        ngx_str_set(reason, "no memory");
        return NGX_ERROR;
    }

    if (ngx_http_fn_object_check_file(file, reason) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_fn_object_check_fork(file, symbol, uid, gid, reason);
}


static ngx_int_t
ngx_http_fn_object_check_file(ngx_str_t *file, ngx_str_t *reason)
{
    ngx_err_t        err;
    ngx_file_info_t  fi;

    if (ngx_file_info(file->data, &fi) == NGX_FILE_ERROR) {
        err = ngx_errno;
        ngx_http_fn_object_reason(reason, "stat(\"%V\") failed (%d: %s)",
                                  file, err, strerror(err));
        return NGX_ERROR;
    }

    if (!ngx_is_file(&fi)) {
        ngx_http_fn_object_reason(reason, "\"%V\" is not a file", file);
        return NGX_ERROR;
    }

    if (ngx_file_access(&fi) & S_IWOTH) {
        ngx_http_fn_object_reason(reason, "\"%V\" may be written by everybody,"
                                  " take that permission away", file);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * SIGCHLD is blocked, so that nginx's handler doesn't take the child's status
 * from waitpid() here.
 */

static ngx_int_t
ngx_http_fn_object_check_fork(ngx_str_t *file, ngx_str_t *symbol, uid_t uid,
    gid_t gid, ngx_str_t *reason)
{
    int        fds[2];
    sigset_t   set, old;
    ngx_int_t  rc;
    ngx_pid_t  pid;

    if (pipe(fds) == -1) {
        ngx_http_fn_object_reason(reason, "pipe() failed (%d)", ngx_errno);
        return NGX_ERROR;
    }

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &set, &old);

    pid = fork();

    if (pid == 0) {
        ngx_http_fn_object_check_child(fds[1], file, symbol, uid, gid);
    }

    (void) close(fds[1]);

    if (pid == -1) {
        ngx_http_fn_object_reason(reason, "fork() failed (%d)", ngx_errno);
        rc = NGX_ERROR;

    } else {
        rc = ngx_http_fn_object_check_wait(pid, fds[0], file, reason);
    }

    (void) close(fds[0]);
    (void) sigprocmask(SIG_SETMASK, &old, NULL);

    return rc;
}


/* writes a byte when all is well, or the reason, and never returns */

static void
ngx_http_fn_object_check_child(int fd, ngx_str_t *file, ngx_str_t *symbol,
    uid_t uid, gid_t gid)
{
    ngx_str_t             reason;
    ngx_http_fn_object_t  object;
    u_char                buf[NGX_HTTP_FN_OBJECT_REASON];

    ngx_http_fn_object_check_isolate(fd);

    reason.data = buf;
    reason.len = 0;

    if (geteuid() == 0
        && (setgroups(0, NULL) == -1
            || setgid(gid) == -1
            || setuid(uid) == -1))
    {
        ngx_http_fn_object_reason(&reason, "setuid(%d) failed (%d)",
                                  (int) uid, ngx_errno);

    } else if (ngx_http_fn_object_open(&object, file, symbol, &reason)
               == NGX_OK)
    {
        reason.len = 1;
        reason.data[0] = '\0';
    }

    if (write(3, reason.data, reason.len) == -1) {
        _exit(1);
    }

    _exit(0);
}


/* fd becomes 3; what else nginx has open, and its signals, are left behind */

static void
ngx_http_fn_object_check_isolate(int fd)
{
    int       n;
    sigset_t  set;

    for (n = 1; n < NSIG; n++) {
        (void) signal(n, SIG_DFL);
    }

    sigemptyset(&set);
    (void) sigprocmask(SIG_SETMASK, &set, NULL);

    (void) alarm(NGX_HTTP_FN_OBJECT_SECONDS);

    if (fd != 3) {
        (void) dup2(fd, 3);
    }

    (void) syscall(SYS_close_range, 4, ~0U, 0);
}


static ngx_int_t
ngx_http_fn_object_check_wait(ngx_pid_t pid, int fd, ngx_str_t *file,
    ngx_str_t *reason)
{
    int        status;
    ngx_pid_t  rc;

    reason->len = ngx_http_fn_object_check_read(fd, reason->data,
                                                NGX_HTTP_FN_OBJECT_REASON);

    if (reason->len == 0) {
        (void) kill(pid, SIGKILL);
    }

    do {
        status = 0;
        rc = waitpid(pid, &status, 0);
    } while (rc == -1 && ngx_errno == NGX_EINTR);

    if (reason->len == 1 && reason->data[0] == '\0') {
        return NGX_OK;
    }

    if (reason->len) {
        return NGX_ERROR;
    }

    if (rc == pid && WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM
        && WTERMSIG(status) != SIGKILL)
    {
        ngx_http_fn_object_reason(reason,
                                  "loading \"%V\" ended with signal %d", file,
                                  WTERMSIG(status));

    } else if (rc == pid && WIFEXITED(status)) {
        ngx_http_fn_object_reason(reason,
                                  "loading \"%V\" ended the process with "
                                  "code %d", file, WEXITSTATUS(status));

    } else {
        ngx_http_fn_object_reason(reason,
                                  "loading \"%V\" took longer than %d seconds",
                                  file, NGX_HTTP_FN_OBJECT_SECONDS);
    }

    return NGX_ERROR;
}


/*
 * Not until the end of file: what the object has started may hold the pipe.
 * The text is shorter than PIPE_BUF, and comes in one piece.
 */

static size_t
ngx_http_fn_object_check_read(int fd, u_char *buf, size_t size)
{
    int            n;
    ssize_t        len;
    struct pollfd  pfd;

    pfd.fd = fd;
    pfd.events = POLLIN;

    do {
        n = poll(&pfd, 1, (NGX_HTTP_FN_OBJECT_SECONDS + 1) * 1000);
    } while (n == -1 && ngx_errno == NGX_EINTR);

    if (n <= 0) {
        return 0;
    }

    len = read(fd, buf, size);

    return (len > 0) ? len : 0;
}


ngx_int_t
ngx_http_fn_object_open(ngx_http_fn_object_t *object, ngx_str_t *file,
    ngx_str_t *symbol, ngx_str_t *reason)
{
    void            *handle;
    const char      *name;
    const uint32_t  *abi;

    handle = dlopen((char *) file->data, RTLD_NOW|RTLD_LOCAL);
    if (handle == NULL) {
        ngx_http_fn_object_reason(reason, "dlopen() failed (%s)", dlerror());
        return NGX_ERROR;
    }

    abi = dlsym(handle, "fn_abi");
    if (abi == NULL) {
        ngx_http_fn_object_reason(reason, "\"%V\" is no native handler, its "
                                  "source must say FN_MODULE", file);
        return NGX_ERROR;
    }

    /* later ones only added to it */

    if (*abi < 1 || *abi > FN_ABI) {
        ngx_http_fn_object_reason(reason, "\"%V\" was built for ABI %uD, "
                                  "this module has %d, build it again",
                                  file, *abi, FN_ABI);
        return NGX_ERROR;
    }

    name = symbol->len ? (char *) symbol->data : "handler";

    object->handler = (fn_handler_t) dlsym(handle, name);
    if (object->handler == NULL) {
        ngx_http_fn_object_reason(reason, "\"%V\" has no function \"%s\"",
                                  file, name);
        return NGX_ERROR;
    }

    object->init = (fn_init_t) dlsym(handle, "fn_init");
    object->exit = (fn_exit_t) dlsym(handle, "fn_exit");

    return NGX_OK;
}


/* reason->data has NGX_HTTP_FN_OBJECT_REASON bytes */

static void
ngx_http_fn_object_reason(ngx_str_t *reason, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(reason->data, reason->data + NGX_HTTP_FN_OBJECT_REASON,
                      fmt, args);
    va_end(args);

    reason->len = p - reason->data;
}
