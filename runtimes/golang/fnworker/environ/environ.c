/*
 * What is nginx's in a process that Go believes to be its own: the environment
 * and the signals.  Go calls the functions below in place of libc's.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#include "environ.h"

#define HIDDEN  __attribute__((visibility("hidden")))


static pthread_mutex_t     mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t      given = PTHREAD_COND_INITIALIZER;
static const char *const  *environment;

static void  (*go_urgent)(int, siginfo_t *, void *);
static void  (*other_urgent)(int, siginfo_t *, void *);


/* from nginx, when it knows for which function the object was loaded */

HIDDEN void
fn_environ_give(const char *const *vars)
{
    pthread_mutex_lock(&mutex);

    if (environment == NULL) {
        environment = vars;
        pthread_cond_broadcast(&given);
    }

    pthread_mutex_unlock(&mutex);
}


/* from Go, before the packages of the function are initialized */

const char *const *
fn_environ_wait(void)
{
    pthread_mutex_lock(&mutex);

    while (environment == NULL) {
        pthread_cond_wait(&given, &mutex);
    }

    pthread_mutex_unlock(&mutex);

    return environment;
}


/* os.Setenv() is for this function alone: C has nginx's environment */

HIDDEN int
setenv(const char *name, const char *value, int replace)
{
    (void) name;
    (void) value;
    (void) replace;

    return 0;
}


HIDDEN int
unsetenv(const char *name)
{
    (void) name;

    return 0;
}


/* one signal for the runtimes of all functions: each looks whose thread it is */

static void
urgent(int signo, siginfo_t *info, void *ucontext)
{
    int  err = errno;

    if (other_urgent) {
        other_urgent(signo, info, ucontext);
    }

    go_urgent(signo, info, ucontext);

    errno = err;
}


static int
take_urgent(const struct sigaction *action, struct sigaction *old)
{
    struct sigaction  now, chain;

    if (__sigaction(SIGURG, NULL, &now) == -1) {
        return -1;
    }

    if (old) {
        *old = now;
    }

    if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction != urgent) {
        other_urgent = now.sa_sigaction;
    }

    go_urgent = action->sa_sigaction;

    chain = *action;
    chain.sa_sigaction = urgent;

    return __sigaction(SIGURG, &chain, NULL);
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

    if (signo == SIGURG && (action->sa_flags & SA_SIGINFO)) {
        return take_urgent(action, old);
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
