/*
 * The poll loop: PROTOCOL 2 and 3.1.  A connection with an event is left to
 * its job.  As long as all places are taken, nothing is read (PROTOCOL 4.4).
 */

#include "fn_shell.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>


#define CONTROL_LINE_MAX  4096

/* the poll array */
#define POLL_LISTEN       0
#define POLL_CONTROL      1
#define POLL_SIGNAL       2
#define POLL_DONE         3
#define POLL_CONNS        4

/* no descriptors, no threads: how long nothing is begun, milliseconds */
#define PAUSE             100


typedef struct {
    int             fd;             /* -1: closed */
    job_t          *job;            /* its event, or NULL */
} conn_t;


static void serve_init(void);
static int serve_wait(void);
static void serve_conns(void);
static void serve_accept(void);
static int serve_room(void);
static void serve_done(void);
static void serve_control(void);
static void serve_stop(void);
static void serve_exit(int status);


static struct pollfd  *pfds;
static conn_t         *conns;       /* the one that waits longest is first */
static size_t          nconns, conns_size;
static int             listener, control;       /* or -1 */
static int             signals;     /* signalfd */
static int             done[2];     /* pipe: pointers to jobs that have ended */
static int             running, paused, stopping;


void
serve(int listen_fd, int control_fd)
{
    listener = listen_fd;
    control = control_fd;

    serve_init();

    while (!stopping || running != 0) {

        if (serve_wait() == -1) {
            continue;
        }

        serve_conns();

        if (pfds[POLL_DONE].revents != 0) {
            serve_done();
        }

        if (pfds[POLL_SIGNAL].revents != 0) {
            serve_stop();
        }

        if (pfds[POLL_LISTEN].revents != 0) {
            serve_accept();
        }

        if (pfds[POLL_CONTROL].revents != 0) {
            serve_control();
        }
    }
}


/* of the signals two stop; all others are as they are by default */

static void
serve_init(void)
{
    int       i;
    sigset_t  set;

    for (i = 1; i < NSIG; i++) {
        (void) signal(i, SIG_DFL);
    }

    (void) signal(SIGXFSZ, SIG_IGN);

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    (void) sigprocmask(SIG_SETMASK, &set, NULL);

    signals = signalfd(-1, &set, SFD_CLOEXEC);

    if (signals == -1 || pipe2(done, O_CLOEXEC) == -1 || serve_room() == -1) {
        exit(1);
    }

    json_object_seed(0);
}


static int
serve_wait(void)
{
    int     begin, n;
    size_t  i;

    for (i = 0, n = 0; i < nconns; i++) {
        if (conns[i].fd != -1) {
            conns[n++] = conns[i];
        }
    }

    nconns = n;
    begin = (running < config.concurrency && !paused);

    pfds[POLL_LISTEN].fd = paused ? -1 : listener;
    pfds[POLL_CONTROL].fd = control;
    pfds[POLL_SIGNAL].fd = stopping ? -1 : signals;
    pfds[POLL_DONE].fd = done[0];

    for (i = 0; i < POLL_CONNS; i++) {
        pfds[i].events = POLLIN;
    }

    for (i = 0; i < nconns; i++) {
        pfds[POLL_CONNS + i].fd = (conns[i].job == NULL) ? conns[i].fd
                                                       : -1;
        pfds[POLL_CONNS + i].events = (begin ? POLLIN : 0)
                                      | (config.tcp ? POLLRDHUP : 0);
    }

    n = poll(pfds, POLL_CONNS + nconns, paused ? PAUSE : -1);
    paused = 0;

    return n;
}


static void
serve_conns(void)
{
    short   revents;
    size_t  i;

    for (i = 0; i < nconns; i++) {
        revents = pfds[POLL_CONNS + i].revents;

        if (revents & ~POLLIN) {
            close(conns[i].fd);
            conns[i].fd = -1;

        } else if (revents && running < config.concurrency) {
            conns[i].job = job_start(conns[i].fd, done[1]);
            paused |= (conns[i].job == NULL);
            running += (conns[i].job != NULL);
        }
    }
}


static void
serve_accept(void)
{
    int  fd, on;

    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd == -1) {
        paused = (errno != EAGAIN && errno != ECONNABORTED);
        return;
    }

    if (serve_room() == -1) {
        close(fd);
        return;
    }

    if (config.tcp) {
        on = 1;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }

    conns[nconns].fd = fd;
    conns[nconns++].job = NULL;
}


/* for one connection more */

static int
serve_room(void)
{
    void    *p;
    size_t   size;

    if (nconns < conns_size) {
        return 0;
    }

    size = conns_size * 2 + 16;
    p = realloc(conns, size * sizeof(conn_t));

    if (p == NULL) {
        return -1;
    }

    conns = p;
    p = realloc(pfds, (POLL_CONNS + size) * sizeof(struct pollfd));

    if (p == NULL) {
        return -1;
    }

    pfds = p;
    conns_size = size;

    return 0;
}


/* its connection goes to the end of the row */

static void
serve_done(void)
{
    size_t   i;
    job_t   *job;
    conn_t   conn;

    if (read(done[0], &job, sizeof(job)) != sizeof(job)) {
        return;
    }

    for (i = 0; conns[i].job != job; i++) { /* void */ }

    conn.fd = conns[i].fd;
    conn.job = NULL;
    running--;

    if (job->broken || stopping) {
        close(conn.fd);
        conn.fd = -1;
    }

    memmove(&conns[i], &conns[i + 1], (nconns - i - 1) * sizeof(conn_t));
    conns[nconns - 1] = conn;

    job_free(job);
}


static void
serve_control(void)
{
    char        *lf;
    json_t      *json;
    ssize_t      n;
    const char  *type;

    static char    line[CONTROL_LINE_MAX];
    static size_t  len;

    n = recv(control, line + len, sizeof(line) - len, MSG_DONTWAIT);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {

        /* PROTOCOL 2.4; a line that is too long leaves no room, and is here */

        serve_exit(len == sizeof(line));
    }

    len += n;

    while ((lf = memchr(line, '\n', len)) != NULL) {
        json = json_loadb(line, lf - line, JSON_REJECT_DUPLICATES, NULL);
        type = json_string_value(json_object_get(json, "type"));

        if (type == NULL || strcmp(type, "stop") != 0) {
            fputs("fn_shell: unknown line on the control socket\n", stderr);
            serve_exit(1);
        }

        json_decref(json);
        serve_stop();

        len -= lf + 1 - line;
        memmove(line, lf + 1, len);
    }
}


static void
serve_stop(void)
{
    size_t  i;

    if (stopping) {
        return;
    }

    stopping = 1;

    close(listener);
    listener = -1;
    pfds[POLL_LISTEN].revents = 0;

    for (i = 0; i < nconns; i++) {
        if (conns[i].job == NULL && conns[i].fd != -1) {
            close(conns[i].fd);
            conns[i].fd = -1;
        }
    }
}


static void
serve_exit(int status)
{
    size_t  i;

    for (i = 0; i < nconns; i++) {
        if (conns[i].job != NULL) {
            job_kill(conns[i].job);
        }
    }

    _exit(status);
}
