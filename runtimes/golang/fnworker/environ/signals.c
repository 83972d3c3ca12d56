/*
 * The signals of a process that is nginx's, and whose functions may have a Go
 * runtime each.  Go calls the sigaction() below in place of libc's.
 */

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "environ.h"

#define SIGNALS  (SIGURG + 1)

typedef void (*action_t)(int, siginfo_t *, void *);


/* libc's, under the name that is not replaced here */
int __sigaction(int signo, const struct sigaction *action,
    struct sigaction *old);

/* of the package that has this one's C; weak, as cgo links each alone */
extern int fn_worker_elsewhere(void) __attribute__((weak));

static action_t          go[SIGNALS];
static struct sigaction  other[SIGNALS];


/*
 * SIGURG, by which a runtime stops a goroutine, is for all: each looks whether
 * the thread is one of its own.  A fault while the thread runs nothing of this
 * runtime is not Go's: without another that takes it, it ends the worker as it
 * would without Go.
 */

static void
shared(int signo, siginfo_t *info, void *ucontext)
{
    int                      err = errno;
    struct sigaction  *chain = &other[signo];

    if (signo == SIGURG || !fn_worker_elsewhere()) {
        go[signo](signo, info, ucontext);

        if (signo != SIGURG) {
            return;
        }
    }

    if (chain->sa_flags & SA_SIGINFO) {
        chain->sa_sigaction(signo, info, ucontext);

    } else if (signo != SIGURG) {
        __sigaction(signo, chain, NULL);    /* and it happens again */
    }

    errno = err;
}


static int
share(int signo, const struct sigaction *action, struct sigaction *old)
{
    struct sigaction  now, mine;

    if (__sigaction(signo, NULL, &now) == -1) {
        return -1;
    }

    if (old) {
        *old = now;
    }

    if (now.sa_sigaction != shared) {
        other[signo] = now;
    }

    go[signo] = action->sa_sigaction;

    mine = *action;
    mine.sa_sigaction = shared;

    return __sigaction(signo, &mine, NULL);
}


static int
is_shared(int signo)
{
    return signo == SIGURG || signo == SIGSEGV || signo == SIGBUS
           || signo == SIGFPE;
}


static int
is_nginx(int signo)
{
    switch (signo) {

    case SIGHUP:
    case SIGINT:
    case SIGQUIT:
    case SIGUSR1:
    case SIGUSR2:
    case SIGPIPE:
    case SIGALRM:
    case SIGTERM:
    case SIGCHLD:
    case SIGWINCH:
    case SIGIO:
    case SIGSYS:
        return 1;
    }

    return 0;
}


/*
 * nginx's signals stay nginx's, whatever os/signal is told.  That their handlers
 * run on the alternate stack may be said: a goroutine's is too small for them.
 */

HIDDEN int
sigaction(int signo, const struct sigaction *action, struct sigaction *old)
{
    struct sigaction  now;

    if (action == NULL) {
        return __sigaction(signo, NULL, old);
    }

    if (is_shared(signo) && (action->sa_flags & SA_SIGINFO)) {
        return share(signo, action, old);
    }

    if (is_nginx(signo)) {

        if (__sigaction(signo, NULL, &now) == -1) {
            return -1;
        }

        if (now.sa_handler != action->sa_handler) {

            if (old) {
                *old = now;
            }

            return 0;
        }
    }

    return __sigaction(signo, action, old);
}
