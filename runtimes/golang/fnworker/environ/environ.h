#ifndef FN_ENVIRON_H_INCLUDED
#define FN_ENVIRON_H_INCLUDED

#include <signal.h>

/* libc's, under the name that is not replaced here */
int __sigaction(int signo, const struct sigaction *action,
    struct sigaction *old);

const char *const *fn_environ_wait(void);

#endif /* FN_ENVIRON_H_INCLUDED */
