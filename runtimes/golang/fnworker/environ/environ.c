/* The environment of a function in nginx's process. */

#include <pthread.h>
#include <stddef.h>

#include "environ.h"


static pthread_mutex_t     mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t      given = PTHREAD_COND_INITIALIZER;
static const char *const  *environment;


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
