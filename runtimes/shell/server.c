/* The poll loop and the control socket: PROTOCOL 2 and 3.1. */

#include "fn_shell.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>


#define CONTROL_LINE_MAX  4096

/* the poll array: listening socket, control socket, signals, jobs, others */
#define POLL_LISTEN       0
#define POLL_CONTROL      1
#define POLL_SIGNAL       2
#define POLL_JOBS         3

/* no descriptors: how long nothing is accepted, microseconds */
#define ACCEPT_PAUSE      100000


static size_t serve_poll(int *timeout);
static void serve_connections(size_t n);
static void serve_accept(void);
static int serve_add(int fd);
static void serve_signal(void);
static void serve_control(void);
static void serve_control_line(const char *line, size_t len);
static void serve_stop(void);


static struct pollfd  *pfds;
static conn_t        **conns;
static size_t          nconns, conns_size, first;
static int             listener, control, signals;      /* or -1 */
static int             local, stopping;
static int64_t         accept_at;       /* 0: at any time */
static buf_t           control_line;


void
serve(int listen_fd, int control_fd, int signal_fd, int is_local)
{
    int     timeout;
    size_t  n;

    listener = listen_fd;
    control = control_fd;
    local = is_local;
    signals = signal_fd;

    while (!stopping || job_busy()) {
        n = serve_poll(&timeout);

        if (poll(pfds, n, timeout) == -1) {
            if (errno == EINTR) {
                continue;
            }

            exit(1);
        }

        if (pfds[POLL_SIGNAL].revents != 0) {
            serve_signal();
        }

        job_events(pfds + POLL_JOBS);
        serve_connections(n);

        if (pfds[POLL_LISTEN].revents != 0) {
            serve_accept();
        }

        if (pfds[POLL_CONTROL].revents != 0) {
            serve_control();
        }
    }
}


static size_t
serve_poll(int *timeout)
{
    int             begin;
    size_t          i, n;
    int64_t         now;
    struct pollfd  *p;

    n = POLL_JOBS + JOB_POLL_N * (size_t) config.concurrency + nconns;
    p = realloc(pfds, n * sizeof(struct pollfd));

    if (p == NULL) {
        exit(1);
    }

    pfds = p;
    now = monotonic_us();
    *timeout = job_poll(pfds + POLL_JOBS, now);

    if (accept_at != 0 && now >= accept_at) {
        accept_at = 0;
    }

    if (accept_at != 0 && *timeout == -1) {
        *timeout = ACCEPT_PAUSE / 1000;
    }

    p[POLL_LISTEN].fd = (accept_at == 0) ? listener : -1;
    p[POLL_CONTROL].fd = control;
    p[POLL_SIGNAL].fd = signals;

    for (i = 0; i < POLL_JOBS; i++) {
        p[i].events = POLLIN;
    }

    begin = (!stopping && job_free());

    for (i = 0; i < nconns; i++) {
        conn_poll(conns[i], &p[n - nconns + i], begin);
    }

    return n;
}


/* a free place goes round: from behind the one that took the last */

static void
serve_connections(size_t n)
{
    job_t          *job;
    size_t          i, k, left, start;
    struct pollfd  *p;

    p = pfds + n - nconns;
    start = first;

    for (i = 0; i < nconns; i++) {
        k = (start + i) % nconns;
        job = conns[k]->job;

        conn_event(conns[k], &p[k], stopping);

        if (conns[k]->job != NULL && job == NULL) {
            first = k + 1;
        }
    }

    left = 0;

    for (i = 0; i < nconns; i++) {

        if (conns[i]->fd == -1) {
            free(conns[i]);

        } else {
            conns[left++] = conns[i];
        }
    }

    nconns = left;
}


static void
serve_accept(void)
{
    int  fd;

    for ( ;; ) {
        fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK|SOCK_CLOEXEC);

        if (fd != -1) {
            if (serve_add(fd) == -1) {
                close(fd);
            }

            continue;
        }

        if (errno == EINTR || errno == ECONNABORTED) {
            continue;
        }

        if (errno != EAGAIN) {
            accept_at = monotonic_us() + ACCEPT_PAUSE;
        }

        return;
    }
}


static int
serve_add(int fd)
{
    size_t    size;
    conn_t  **p;

    if (nconns == conns_size) {
        size = (conns_size != 0) ? conns_size * 2 : 16;
        p = realloc(conns, size * sizeof(conn_t *));

        if (p == NULL) {
            return -1;
        }

        conns = p;
        conns_size = size;
    }

    conns[nconns] = conn_create(fd, local);

    if (conns[nconns] == NULL) {
        return -1;
    }

    nconns++;

    return 0;
}


static void
serve_signal(void)
{
    struct signalfd_siginfo  info;

    while (read(signals, &info, sizeof(info)) == sizeof(info)) {

        if (info.ssi_signo == SIGCHLD) {
            job_reap();

        } else {
            serve_stop();
        }
    }
}


static void
serve_control(void)
{
    char     data[512], *lf;
    ssize_t  n;

    n = recv(control, data, sizeof(data), MSG_DONTWAIT);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {

        /* PROTOCOL 2.4 */

        job_kill_all();
        exit(0);
    }

    buf_add(&control_line, data, n);

    while ((lf = memchr(control_line.data, '\n', control_line.len)) != NULL) {
        n = lf + 1 - control_line.data;
        serve_control_line(control_line.data, n - 1);

        control_line.len -= n;
        memmove(control_line.data, lf + 1, control_line.len);
    }

    if (control_line.len >= CONTROL_LINE_MAX) {
        job_kill_all();
        exit(1);
    }
}


static void
serve_control_line(const char *line, size_t len)
{
    json_t      *json;
    const char  *type;

    json = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    type = json_string_value(json_object_get(json, "type"));

    if (type == NULL || strcmp(type, "stop") != 0) {
        fputs("fn_shell: unknown line on the control socket\n", stderr);
        job_kill_all();
        exit(1);
    }

    json_decref(json);
    serve_stop();
}


/* connections without an event are closed by conn_event() */

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

    for (i = 0; i < nconns; i++) {
        if (conns[i]->job == NULL) {
            conn_close(conns[i]);
        }
    }
}
