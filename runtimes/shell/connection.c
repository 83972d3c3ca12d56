/*
 * A connection of nginx.  Without a job it is idle, and nothing is read from
 * it until there is a place for an event (PROTOCOL 4.4).
 */

#include "fn_shell.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>


#define EVENT_LINE_MAX     262144       /* PROTOCOL 3.3 */

/* larger bodies go to a file */
#define BODY_MEMORY_MAX    1048576

/* pieces of a body in a row, before others get their turn */
#define BODY_READS         16


static void conn_read(conn_t *conn);
static int conn_read_line(conn_t *conn, job_t *job);
static int conn_line(conn_t *conn, job_t *job);
static int conn_read_body(conn_t *conn, job_t *job);
static ssize_t conn_recv(conn_t *conn, void *data, size_t len, int flags);
static void conn_flush(conn_t *conn);
static int body_open(int64_t length);
static void body_write(job_t *job, const char *data, size_t len);


static char  scratch[65536];


conn_t *
conn_create(int fd, int local)
{
    int      on;
    conn_t  *conn;

    conn = calloc(1, sizeof(conn_t));

    if (conn == NULL) {
        return NULL;
    }

    conn->fd = fd;
    conn->hangup = POLLHUP;

    /* TCP can't tell a peer that has gone from one that only ended its side */

    if (!local) {
        on = 1;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        conn->hangup |= POLLRDHUP;
    }

    return conn;
}


void
conn_poll(conn_t *conn, struct pollfd *pfd, int begin)
{
    job_t  *job;

    job = conn->job;

    pfd->fd = conn->fd;
    pfd->events = 0;

    if (job == NULL) {
        pfd->events = begin ? POLLIN : 0;

    } else if (job->state == JOB_LINE || job->state == JOB_BODY) {
        pfd->events = POLLIN;

    } else {
        pfd->events = conn->hangup & POLLRDHUP;

        if (job->wire.pos < job->wire.len) {
            pfd->events |= POLLOUT;
        }
    }
}


void
conn_event(conn_t *conn, struct pollfd *pfd, int stopping)
{
    job_t  *job;

    if (conn->fd == -1) {
        return;
    }

    job = conn->job;

    if ((pfd->revents & (POLLERR|POLLNVAL|conn->hangup))
        || (stopping && job == NULL))
    {
        conn_close(conn);
        return;
    }

    if (job == NULL || job->state == JOB_LINE || job->state == JOB_BODY) {
        if (pfd->revents & POLLIN) {
            conn_read(conn);
        }

        return;
    }

    conn_flush(conn);
}


void
conn_close(conn_t *conn)
{
    if (conn->job != NULL) {
        job_abort(conn->job);
        conn->job = NULL;
    }

    if (conn->fd != -1) {
        close(conn->fd);
        conn->fd = -1;
    }
}


static void
conn_read(conn_t *conn)
{
    job_t  *job;

    job = conn->job;

    if (job == NULL) {
        job = job_take(conn);

        if (job == NULL) {
            return;
        }

        conn->job = job;
    }

    if (job->state == JOB_LINE && conn_read_line(conn, job) == -1) {
        return;
    }

    if (job->input_left != 0 && conn_read_body(conn, job) == -1) {
        return;
    }

    job_run(job);
    conn_flush(conn);
}


/*
 * What follows the line stays in the socket.  -1: there is more to come, or
 * the connection is closed.
 */

static int
conn_read_line(conn_t *conn, job_t *job)
{
    char     *lf;
    ssize_t   n;

    for ( ;; ) {
        n = conn_recv(conn, scratch, sizeof(scratch), MSG_PEEK);

        if (n == -1) {
            if (conn->job != NULL && job->line.len == 0) {
                conn->job = NULL;
                job_release(job);
            }

            return -1;
        }

        lf = memchr(scratch, '\n', n);

        if (lf != NULL) {
            n = lf + 1 - scratch;
        }

        n = conn_recv(conn, scratch, n, 0);

        if (n == -1) {
            return -1;
        }

        buf_add(&job->line, scratch, n);

        if (job->line.len > EVENT_LINE_MAX) {
            conn_close(conn);
            return -1;
        }

        if (lf != NULL) {
            return conn_line(conn, job);
        }
    }
}


static int
conn_line(conn_t *conn, job_t *job)
{
    if (event_parse(&job->event, job->line.data, job->line.len - 1) == -1) {
        conn_close(conn);
        return -1;
    }

    buf_reset(&job->line);

    job->state = JOB_BODY;
    job->input_left = job->event.body_length;

    if (job->input_left != 0) {
        job->input = body_open(job->input_left);

        if (job->input == -1) {
            job->failure = "no place to keep the body";
            job->failure_status = 503;
        }
    }

    return 0;
}


static int
conn_read_body(conn_t *conn, job_t *job)
{
    int      i;
    size_t   size;
    ssize_t  n;

    for (i = 0; i < BODY_READS; i++) {
        size = sizeof(scratch);

        if (job->input_left < (int64_t) size) {
            size = job->input_left;
        }

        n = conn_recv(conn, scratch, size, 0);

        if (n == -1) {
            return -1;
        }

        if (job->failure == NULL) {
            body_write(job, scratch, n);
        }

        job->input_left -= n;

        if (job->input_left == 0) {
            (void) lseek(job->input, 0, SEEK_SET);
            return 0;
        }
    }

    return -1;
}


/* at least one byte; -1: nothing yet, or the connection is closed */

static ssize_t
conn_recv(conn_t *conn, void *data, size_t len, int flags)
{
    ssize_t  n;

    do {
        n = recv(conn->fd, data, len, flags);
    } while (n == -1 && errno == EINTR);

    if (n > 0) {
        return n;
    }

    if (n == 0 || errno != EAGAIN) {
        conn_close(conn);
    }

    return -1;
}


static void
conn_flush(conn_t *conn)
{
    job_t    *job;
    buf_t    *wire;
    ssize_t   n;

    job = conn->job;
    wire = &job->wire;

    while (wire->pos < wire->len) {
        n = send(conn->fd, wire->data + wire->pos, wire->len - wire->pos,
                 MSG_NOSIGNAL);

        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }

            if (errno != EAGAIN) {
                conn_close(conn);
            }

            return;
        }

        wire->pos += n;
    }

    wire->pos = 0;
    wire->len = 0;

    if (job->state == JOB_REPLY) {
        conn->job = NULL;
        job_release(job);
    }
}


/* a file without a name: the child's standard input */

static int
body_open(int64_t length)
{
    int          fd;
    char        *name;
    const char  *dir;

    if (length <= BODY_MEMORY_MAX) {
        return memfd_create("body", MFD_CLOEXEC);
    }

    dir = getenv("TMPDIR");

    if (dir == NULL || *dir == '\0') {
        dir = "/tmp";
    }

    fd = open(dir, O_TMPFILE|O_RDWR|O_CLOEXEC|O_EXCL, 0600);

    if (fd != -1) {
        return fd;
    }

    /* a file system without O_TMPFILE */

    if (asprintf(&name, "%s/fn_shell.XXXXXX", dir) == -1) {
        return -1;
    }

    fd = mkostemp(name, O_CLOEXEC);

    if (fd != -1) {
        (void) unlink(name);
    }

    free(name);

    return fd;
}


static void
body_write(job_t *job, const char *data, size_t len)
{
    ssize_t  n;

    while (len != 0) {
        n = write(job->input, data, len);

        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }

            job->failure = "no place to keep the body";
            job->failure_status = 503;
            return;
        }

        data += n;
        len -= n;
    }
}
