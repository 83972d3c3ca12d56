/*
 * fork() as handlers get it.  CPython's own is refused in other interpreters
 * than the main one, and where there are any it never comes back in a child
 * of that (3.11).  ../fn_runtime/guard.py calls what is registered for forks.
 */

#include "fn_python.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


static PyObject *fork_call(PyObject *module, PyObject *none);
static void fork_signals(void);
static void fork_descriptors(void);
static int fork_is_of_nginx(int fd);


static PyMethodDef  fork_method = { "fork", fork_call, METH_NOARGS, NULL };


PyObject *
fn_python_fork(void)
{
    return PyCFunction_New(&fork_method, NULL);
}


static PyObject *
fork_call(PyObject *module, PyObject *none)
{
    int       error;
    pid_t     pid;
    sigset_t  all, old;

    /* what is sent to the child must not meet nginx's handlers */

    sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);

    pid = fork();
    error = errno;

    if (pid == 0) {
        fork_signals();
        fork_descriptors();
        sigemptyset(&old);
    }

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (pid == -1) {
        errno = error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }

    return PyLong_FromLong(pid);
}


/* nginx's handlers would keep the child from ending */

static void
fork_signals(void)
{
    size_t  i;

    static const int  signals[] = {
        SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM,
        SIGIO, SIGSYS
    };

    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        (void) signal(signals[i], SIG_DFL);
    }
}


/* a child that lives longer than nginx must not hold its address */

static void
fork_descriptors(void)
{
    int             fd;
    DIR            *dir;
    struct dirent  *entry;

    dir = opendir("/proc/self/fd");

    if (dir == NULL) {
        return;
    }

    while ((entry = readdir(dir))) {
        fd = atoi(entry->d_name);

        if (fd > 2 && fd != dirfd(dir) && fork_is_of_nginx(fd)) {
            (void) close(fd);
        }
    }

    (void) closedir(dir);
}


/* Python's are closed by exec(), nginx's sockets, epoll and eventfds are not */

static int
fork_is_of_nginx(int fd)
{
    struct stat  st;

    return (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0
           && fstat(fd, &st) == 0
           && (S_ISSOCK(st.st_mode) || (st.st_mode & S_IFMT) == 0);
}
