/*
 * A job is a place where an event runs: its child, and what the child writes.
 *
 *   FREE -> LINE -> BODY -> RUN -> REPLY -> FREE
 *                            |
 *                            +-> KILLED -> FREE      the peer has gone
 */

#include "fn_shell.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>


/* how long output is waited for after the child's exit, microseconds */
#define EXIT_GRACE     100000

#define LOG_LINE_MAX   4095


static void job_kill(job_t *job);
static void job_poll_one(job_t *job, struct pollfd *pfds);
static void job_event(job_t *job, struct pollfd *pfds);
static void job_read_output(job_t *job);
static void job_output(job_t *job, const char *data, size_t len);
static void job_read_errors(job_t *job);
static void job_log(job_t *job, const char *data, size_t len);
static void job_log_line(job_t *job);
static void job_too_late(job_t *job);
static void job_finish(job_t *job);
static void job_status_text(int status, char *text, size_t size);
static void job_close(int *fd);


static job_t  *jobs;
static char    scratch[65536];

/* the words of Go, and so of nuclio */
static const char  *signals[] = {
    "", "hangup", "interrupt", "quit", "illegal instruction",
    "trace/breakpoint trap", "aborted", "bus error",
    "floating point exception", "killed", "user defined signal 1",
    "segmentation fault", "user defined signal 2", "broken pipe",
    "alarm clock", "terminated"
};


int
job_init(int n)
{
    int  i;

    jobs = calloc(n, sizeof(job_t));

    if (jobs == NULL) {
        return -1;
    }

    for (i = 0; i < n; i++) {
        jobs[i].input = -1;
        jobs[i].output = -1;
        jobs[i].errors = -1;
    }

    return 0;
}


/* a free place, or NULL */

job_t *
job_take(conn_t *conn)
{
    int  i;

    for (i = 0; i < config.concurrency; i++) {

        if (jobs[i].state == JOB_FREE) {
            jobs[i].state = JOB_LINE;
            jobs[i].conn = conn;
            return &jobs[i];
        }
    }

    return NULL;
}


/* is there a free place? */

int
job_free(void)
{
    int  i;

    for (i = 0; i < config.concurrency; i++) {
        if (jobs[i].state == JOB_FREE) {
            return 1;
        }
    }

    return 0;
}


int
job_busy(void)
{
    int  i;

    for (i = 0; i < config.concurrency; i++) {
        if (jobs[i].state != JOB_FREE) {
            return 1;
        }
    }

    return 0;
}


/* the event is whole */

void
job_run(job_t *job)
{
    job->state = JOB_REPLY;

    /* PROTOCOL 4.3 */

    if (job->event.leased && monotonic_us() / 1000 > job->event.start_by) {
        reply_expired(job);
        return;
    }

    if (job->failure == NULL) {
        command_start(job);
    }

    if (job->failure != NULL) {
        reply_error(job, (job->failure_status < 500) ? "RequestError"
                                                     : "StartError",
                    job->failure, job->failure_status);
        return;
    }

    job->state = JOB_RUN;
    job_close(&job->input);
}


/* the peer has gone */

void
job_abort(job_t *job)
{
    if (job->pid == 0) {
        job_release(job);
        return;
    }

    job_kill(job);

    job->conn = NULL;
    job->state = JOB_KILLED;

    job_close(&job->output);
    job_close(&job->errors);
}


void
job_release(job_t *job)
{
    job_close(&job->input);
    job_close(&job->output);
    job_close(&job->errors);

    event_free(&job->event);

    buf_reset(&job->line);
    buf_reset(&job->wire);
    buf_reset(&job->collected);
    buf_reset(&job->mixed);
    buf_reset(&job->log);

    job->conn = NULL;
    job->state = JOB_FREE;
    job->input_left = 0;
    job->status = 0;
    job->started = 0;
    job->exited = 0;
    job->output_left = 0;
    job->errors_len = 0;
    job->failure = NULL;
    job->stream = 0;
    job->late = 0;
}


static void
job_kill(job_t *job)
{
    /* a vfork() that is a fork(): its group may not be there yet */

    if (kill(-job->pid, SIGKILL) == -1) {
        (void) kill(job->pid, SIGKILL);
    }
}


void
job_kill_all(void)
{
    int  i;

    for (i = 0; i < config.concurrency; i++) {
        if (jobs[i].pid != 0) {
            job_kill(&jobs[i]);
        }
    }
}


/* some child has ended, or several have */

void
job_reap(void)
{
    int     i;
    job_t  *job;

    for (i = 0; i < config.concurrency; i++) {
        job = &jobs[i];

        if (job->pid == 0 || waitpid(job->pid, &job->status, WNOHANG) <= 0) {
            continue;
        }

        job->pid = 0;
        job->exited = monotonic_us();

        if (job->state == JOB_KILLED) {
            job_release(job);
        }
    }
}


/*
 * Fills JOB_POLL_N entries per job, and returns the longest time to sleep in
 * milliseconds, or -1.  stderr stands before stdout: poll() asks for them in
 * this order, so when it reports stderr, it reports what the child wrote to
 * stdout before as well.
 */

int
job_poll(struct pollfd *pfds, int64_t now)
{
    int      i, timeout, left;
    job_t   *job;

    timeout = -1;

    for (i = 0; i < config.concurrency; i++, pfds += JOB_POLL_N) {
        job = &jobs[i];

        job_poll_one(job, pfds);

        if (job->state != JOB_RUN || job->exited == 0 || job->late) {
            continue;
        }

        left = (int) ((job->exited + EXIT_GRACE - now) / 1000) + 1;

        if (left < 0) {
            left = 0;
        }

        if (timeout == -1 || left < timeout) {
            timeout = left;
        }
    }

    return timeout;
}


static void
job_poll_one(job_t *job, struct pollfd *pfds)
{
    int  i;

    for (i = 0; i < JOB_POLL_N; i++) {
        pfds[i].fd = -1;
        pfds[i].events = POLLIN;
    }

    if (job->state != JOB_RUN) {
        return;
    }

    pfds[0].fd = job->errors;

    /* a slow client slows down the child */

    if (job->wire.pos == job->wire.len) {
        pfds[1].fd = job->output;
    }
}


void
job_events(struct pollfd *pfds)
{
    int  i;

    for (i = 0; i < config.concurrency; i++, pfds += JOB_POLL_N) {
        if (jobs[i].state == JOB_RUN) {
            job_event(&jobs[i], pfds);
        }
    }
}


static void
job_event(job_t *job, struct pollfd *pfds)
{
    if (pfds[1].revents != 0) {
        job_read_output(job);
    }

    if (pfds[0].revents != 0) {
        job_read_errors(job);
    }

    if (job->exited == 0) {
        return;
    }

    if (!job->late && monotonic_us() >= job->exited + EXIT_GRACE) {
        job_too_late(job);
    }

    if (job->output == -1 && job->errors == -1) {
        job_finish(job);
    }
}


static void
job_read_output(job_t *job)
{
    size_t   size;
    ssize_t  n;

    size = sizeof(scratch);

    if (job->late && job->output_left < (int64_t) size) {
        size = job->output_left;
    }

    n = read(job->output, scratch, size);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {
        job_close(&job->output);
        return;
    }

    if (job->late) {
        job->output_left -= n;

        if (job->output_left == 0) {
            job_close(&job->output);
        }
    }

    job_output(job, scratch, n);
}


static void
job_output(job_t *job, const char *data, size_t len)
{
    if (!job->stream && job->collected.len + len <= OUTPUT_MAX) {
        buf_add(&job->collected, data, len);
        buf_add(&job->mixed, data, len);
        return;
    }

    if (!job->stream) {
        job->stream = 1;
        reply_stream(job);

        if (job->collected.len != 0) {
            reply_chunk(job, job->collected.data, job->collected.len);
        }
    }

    reply_chunk(job, data, len);
}


static void
job_read_errors(job_t *job)
{
    size_t   keep;
    ssize_t  n;

    n = read(job->errors, scratch, sizeof(scratch));

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {
        job_close(&job->errors);
        return;
    }

    job_log(job, scratch, n);

    keep = ERRORS_MAX - job->errors_len;

    if (keep > (size_t) n) {
        keep = n;
    }

    buf_add(&job->mixed, scratch, keep);
    job->errors_len += keep;
}


/* whole lines, so that those of two children don't mix */

static void
job_log(job_t *job, const char *data, size_t len)
{
    size_t       n;
    const char  *lf;

    while (len != 0) {
        n = LOG_LINE_MAX - job->log.len;

        if (n > len) {
            n = len;
        }

        lf = memchr(data, '\n', n);

        if (lf != NULL) {
            n = lf - data;
        }

        buf_add(&job->log, data, n);

        if (lf != NULL || job->log.len == LOG_LINE_MAX) {
            job_log_line(job);
        }

        n += (lf != NULL);
        data += n;
        len -= n;
    }
}


static void
job_log_line(job_t *job)
{
    size_t   pos;
    ssize_t  n;

    buf_add(&job->log, "\n", 1);

    for (pos = 0; pos < job->log.len; pos += n) {
        n = write(STDERR_FILENO, job->log.data + pos, job->log.len - pos);

        if (n == -1) {
            if (errno != EINTR) {
                break;
            }

            n = 0;
        }
    }

    buf_reset(&job->log);
}


/* others hold the pipes: what is in them by now counts, and no more */

static void
job_too_late(job_t *job)
{
    int  n;

    job->late = 1;
    n = 0;

    if (job->output != -1) {
        (void) ioctl(job->output, FIONREAD, &n);
        job->output_left = n;

        if (n == 0) {
            job_close(&job->output);
        }
    }

    if (job->errors != -1) {
        job_read_errors(job);
        job_close(&job->errors);
    }
}


static void
job_finish(job_t *job)
{
    char  text[64];

    if (job->log.len != 0) {
        job_log_line(job);
    }

    job->state = JOB_REPLY;

    if (job->status == 0) {

        if (job->stream) {
            reply_end(job);

        } else {
            reply_body(job, 200, &job->collected);
        }

        return;
    }

    job_status_text(job->status, text, sizeof(text));

    if (job->stream) {
        reply_error(job, "ExitError", text, 500);
        return;
    }

    buf_reset(&job->collected);
    buf_printf(&job->collected, "Failed to run shell command.\n"
               "Error: %s\nOutput:", text);
    buf_add(&job->collected, job->mixed.data, job->mixed.len);

    reply_body(job, 500, &job->collected);
}


static void
job_status_text(int status, char *text, size_t size)
{
    int  sig;

    if (WIFEXITED(status)) {
        snprintf(text, size, "exit status %d", WEXITSTATUS(status));
        return;
    }

    sig = WTERMSIG(status);

    if (sig < (int) (sizeof(signals) / sizeof(signals[0]))) {
        snprintf(text, size, "signal: %s%s", signals[sig],
                 WCOREDUMP(status) ? " (core dumped)" : "");

    } else {
        snprintf(text, size, "signal: signal %d%s", sig,
                 WCOREDUMP(status) ? " (core dumped)" : "");
    }
}


static void
job_close(int *fd)
{
    if (*fd != -1) {
        close(*fd);
        *fd = -1;
    }
}
