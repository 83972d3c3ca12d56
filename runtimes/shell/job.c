/* An event, in a thread of its own: what the program writes, and its end. */

#include "fn_shell.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>


/* how long output is waited for after the program's exit, microseconds */
#define EXIT_GRACE  100000

#define OUTPUT_MAX  65536       /* what is longer becomes a stream */
#define ERRORS_MAX  8192        /* of them, in the text of a failure */

#define FAILED      "Failed to run shell command.\nError: "

/* the poll array; the pipes first, as in job_t */
#define POLL_EXIT   2
#define POLL_PEER   3

/* milliseconds between two looks at the program, without pidfd_open() */
#define POLL_PAUSE  5


static void *job_run(void *data);
static void job_event(job_t *job);
static void job_wait(job_t *job);
static void job_events(job_t *job, struct pollfd *pfds);
static void job_rest(job_t *job);
static size_t job_read(job_t *job, int pipe, size_t limit);
static void job_output(job_t *job, const char *data, size_t len);
static void job_errors(job_t *job, const char *data, size_t len);
static void job_log(job_t *job, const char *data, size_t len);
static size_t job_log_cut(const char *data, size_t len);
static void job_log_line(job_t *job, const char *data, size_t len);
static void job_finish(job_t *job);
static void job_failed(job_t *job);
static void job_body(job_t *job, int status, const char *type);


static int  done;               /* where jobs go at their end */

/* the words of Go, and so of nuclio */
static const char  *signals[] = {
    "", "hangup", "interrupt", "quit", "illegal instruction",
    "trace/breakpoint trap", "aborted", "bus error",
    "floating point exception", "killed", "user defined signal 1",
    "segmentation fault", "user defined signal 2", "broken pipe",
    "alarm clock", "terminated"
};


/* NULL: no memory or no thread for it */

job_t *
job_start(int fd, int done_fd)
{
    job_t           *job;
    pthread_t        thread;
    pthread_attr_t   attr;

    job = malloc(sizeof(job_t));

    if (job == NULL) {
        return NULL;
    }

    memset(job, 0, offsetof(job_t, data));

    done = done_fd;
    job->fd = fd;
    job->input = -1;
    job->pidfd = -1;
    job->pipes[JOB_ERRORS] = -1;
    job->pipes[JOB_OUTPUT] = -1;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);

    if (pthread_create(&thread, &attr, job_run, job) != 0) {
        free(job);
        return NULL;
    }

    return job;
}


static void *
job_run(void *data)
{
    job_t  *job;

    job = data;

    if (setjmp(job->end) == 0) {
        job_event(job);
    }

    /* the server frees it now */

    (void) !write(done, &job, sizeof(job_t *));

    return NULL;
}


static void
job_event(job_t *job)
{
    int  rc;

    rc = event_read(job);

    if (event_expired(job)) {
        reply(job, NULL, "{s:s, s:s}", "type", "expired", "id", job->id);
        job_end(job, 0);
    }

    if (rc == -1) {
        job_refuse(job, 503, "no place to keep the body");
    }

    command_start(job);
    job_wait(job);
    job_finish(job);
}


/* the event can't be run */

void
job_refuse(job_t *job, int status, const char *why)
{
    reply(job, NULL, "{s:s, s:s, s:s, s:i, s:s}", "type", "error",
          "id", job->id,
          "error", (status < 500) ? "RequestError" : "StartError",
          "status", status, "message", why);
    job_end(job, 0);
}


void
job_end(job_t *job, int broken)
{
    if (job->pid != 0) {
        job_kill(job);
        (void) waitpid(job->pid, NULL, 0);
    }

    job->broken = broken;
    longjmp(job->end, 1);
}


void
job_kill(job_t *job)
{
    /* a vfork() that is a fork(): its group may not be there yet */

    if (job->pid != 0 && kill(-job->pid, SIGKILL) == -1) {
        (void) kill(job->pid, SIGKILL);
    }
}


void
job_free(job_t *job)
{
    int     i;
    size_t  n;

    int  fds[] = { job->input, job->pidfd, job->pipes[0], job->pipes[1] };

    for (i = 0; i < 4; i++) {
        if (fds[i] != -1) {
            close(fds[i]);
        }
    }

    for (n = config.nenv; n < job->nenv; n++) {
        free(job->env[n]);
    }

    json_decref(job->event);
    free(job->argv);
    free(job->env);
    free(job->line.data);
    free(job->arguments.data);
    free(job->output.data);
    free(job->mixed.data);
    free(job->log.data);
    free(job->wire.data);
    free(job);
}


/*
 * Until the program has ended, and nobody holds its pipes or time is over.
 * stderr stands before stdout: poll() asks for them in this order, so when it
 * reports stderr, it reports what was written to stdout before as well.
 */

static void
job_wait(job_t *job)
{
    int            timeout;
    struct pollfd  pfds[4];

    while (job->pid != 0 || job->pipes[0] != -1 || job->pipes[1] != -1) {
        pfds[JOB_ERRORS].fd = job->pipes[JOB_ERRORS];
        pfds[JOB_OUTPUT].fd = job->pipes[JOB_OUTPUT];
        pfds[POLL_EXIT].fd = (job->pid != 0) ? job->pidfd : -1;
        pfds[POLL_PEER].fd = job->fd;

        pfds[JOB_ERRORS].events = POLLIN;
        pfds[JOB_OUTPUT].events = POLLIN;
        pfds[POLL_EXIT].events = POLLIN;

        /* TCP can't tell a peer that has gone from one that ended its side */

        pfds[POLL_PEER].events = config.tcp ? POLLRDHUP : 0;

        timeout = (job->pidfd == -1) ? POLL_PAUSE : -1;

        if (job->pid == 0) {
            timeout = (job->exited + EXIT_GRACE - monotonic_us()) / 1000 + 1;

            if (timeout <= 0) {
                job_rest(job);
                return;
            }
        }

        if (poll(pfds, 4, timeout) > 0) {
            job_events(job, pfds);
        }

        if (job->pid != 0 && waitpid(job->pid, &job->status, WNOHANG) > 0) {
            job->pid = 0;
            job->exited = monotonic_us();
        }
    }
}


static void
job_events(job_t *job, struct pollfd *pfds)
{
    if (pfds[POLL_PEER].revents != 0) {
        job_end(job, 1);
    }

    if (pfds[JOB_OUTPUT].revents != 0) {
        (void) job_read(job, JOB_OUTPUT, READ_MAX);
    }

    if (pfds[JOB_ERRORS].revents != 0) {
        (void) job_read(job, JOB_ERRORS, READ_MAX);
    }
}


/* others hold the pipes: what is in them by now counts, and no more */

static void
job_rest(job_t *job)
{
    int     i, left;
    size_t  n;

    for (i = JOB_OUTPUT; i >= JOB_ERRORS; i--) {

        if (job->pipes[i] == -1
            || ioctl(job->pipes[i], FIONREAD, &left) == -1)
        {
            continue;
        }

        for ( /* void */ ; left > 0; left -= n) {
            n = job_read(job, i, left);

            if (n == 0) {
                break;
            }
        }
    }
}


/* a slow client slows down the program: what was read is sent first */

static size_t
job_read(job_t *job, int pipe, size_t limit)
{
    ssize_t  n;

    n = read(job->pipes[pipe], job->data,
             (limit < READ_MAX) ? limit : READ_MAX);

    if (n <= 0) {
        close(job->pipes[pipe]);
        job->pipes[pipe] = -1;
        return 0;
    }

    if (pipe == JOB_OUTPUT) {
        job_output(job, job->data, n);

    } else {
        job_errors(job, job->data, n);
    }

    return n;
}


static void
job_output(job_t *job, const char *data, size_t len)
{
    if (!job->stream && job->output.len + len <= OUTPUT_MAX) {
        buf_add(&job->output, data, len);
        buf_add(&job->mixed, data, len);
        return;
    }

    if (!job->stream) {
        job->stream = 1;
        reply(job, NULL, "{s:s, s:s, s:i, s:{s:s}, s:b}", "type", "response",
              "id", job->id, "status", 200, "headers",
              "Content-Type", config.content_type, "stream", 1);
    }

    buf_add(&job->output, data, len);

    reply(job, &job->output, "{s:s, s:I}", "type", "chunk",
          "length", (json_int_t) job->output.len);

    job->output.len = 0;
}


static void
job_errors(job_t *job, const char *data, size_t len)
{
    size_t  keep;

    job_log(job, data, len);

    keep = ERRORS_MAX - job->errors_len;

    if (keep > len) {
        keep = len;
    }

    buf_add(&job->mixed, data, keep);
    job->errors_len += keep;
}


/* a record per line; a long one is several */

static void
job_log(job_t *job, const char *data, size_t len)
{
    size_t       n;
    const char  *p, *lf, *last;

    buf_add(&job->log, data, len);

    p = job->log.data;
    last = p + job->log.len;

    while (p < last) {
        lf = memchr(p, '\n', last - p);
        n = (lf ? lf : last) - p;

        if (n > config.log_max) {
            n = job_log_cut(p, config.log_max);
            lf = NULL;

        } else if (lf == NULL) {
            break;
        }

        job_log_line(job, p, n);
        p += n + (lf != NULL);
    }

    job->log.len = last - p;
    memmove(job->log.data, p, job->log.len);
}


/* not within a character */

static size_t
job_log_cut(const char *data, size_t len)
{
    size_t  n;

    for (n = len; n > len - 4; n--) {
        if ((data[n] & 0xc0) != 0x80) {
            return n;
        }
    }

    return len;
}


static void
job_log_line(job_t *job, const char *data, size_t len)
{
    if (len != 0 && data[len - 1] == '\r') {
        len--;
    }

    if (len != 0) {
        reply(job, NULL, "{s:s, s:s, s:o}", "type", "log", "level", "error",
              "message", reply_text(data, len));
    }
}


static void
job_finish(job_t *job)
{
    job_log_line(job, job->log.data, job->log.len);

    if (job->status != 0) {
        job_failed(job);

    } else if (job->stream) {
        reply(job, NULL, "{s:s}", "type", "end");

    } else {
        job_body(job, 200, config.content_type);
    }
}


static void
job_failed(job_t *job)
{
    int          n, sig;
    char         text[64];
    const char  *core;

    sig = WTERMSIG(job->status);
    core = WCOREDUMP(job->status) ? " (core dumped)" : "";

    if (WIFEXITED(job->status)) {
        n = snprintf(text, sizeof(text), "exit status %d",
                     WEXITSTATUS(job->status));

    } else if (sig < (int) (sizeof(signals) / sizeof(signals[0]))) {
        n = snprintf(text, sizeof(text), "signal: %s%s", signals[sig], core);

    } else {
        n = snprintf(text, sizeof(text), "signal: signal %d%s", sig, core);
    }

    if (job->stream) {
        reply(job, NULL, "{s:s, s:s, s:s, s:i, s:s, s:I}", "type", "error",
              "id", job->id, "error", "ExitError", "status", 500,
              "message", text, "duration_us",
              (json_int_t) (job->exited - job->started));
        return;
    }

    job->output.len = 0;
    buf_add(&job->output, FAILED, sizeof(FAILED) - 1);
    buf_add(&job->output, text, n);
    buf_add(&job->output, "\nOutput:", 8);
    buf_add(&job->output, job->mixed.data, job->mixed.len);

    job_body(job, 500, "text/plain; charset=utf-8");
}


static void
job_body(job_t *job, int status, const char *type)
{
    reply(job, &job->output, "{s:s, s:s, s:i, s:{s:s}, s:I, s:I}",
          "type", "response", "id", job->id, "status", status,
          "headers", "Content-Type", type,
          "body_length", (json_int_t) job->output.len,
          "duration_us", (json_int_t) (job->exited - job->started));
}
