/*
 * fn_shell: the shell runtime.  It runs a script or a command once per event.
 *
 *   fn_shell.c    start: environment, listening socket
 *   server.c      poll loop: connections, control socket
 *   job.c         an event, in a thread of its own
 *   event.c       how it comes in
 *   command.c     argument vector, environment, the program's start
 *   reply.c       reply lines
 *
 * For every event the server starts a thread.  It reads the event from the
 * connection, runs the program, writes the reply and ends, in job_end(): it may
 * wait wherever it likes, and give up wherever it is.  All that it has is in
 * its job_t, which the server frees.
 */

#ifndef FN_SHELL_H_INCLUDED
#define FN_SHELL_H_INCLUDED

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>


#define READ_MAX    65536       /* bytes of a read */
#define JOB_ERRORS  0
#define JOB_OUTPUT  1


typedef struct {
    char           *data;
    size_t          len;
    size_t          size;
} buf_t;


typedef struct {
    int             fd;             /* the connection */
    jmp_buf         end;            /* where job_end() goes */
    unsigned        broken:1;       /* it is of no more use */
    unsigned        stream:1;
    volatile pid_t  pid;            /* the program; 0: none, or it has ended */
    int             pidfd;          /* or -1 */

    json_t         *event;          /* its line */
    const char     *id;
    int             input;          /* its body, or -1 */

    char          **argv;
    char          **env;            /* its own strings from config.nenv on */
    size_t          nenv;
    size_t          request;        /* bytes of the request in both */

    int             pipes[2];       /* JOB_ERRORS, JOB_OUTPUT; -1: closed */
    int             status;         /* as of wait() */
    int64_t         started;        /* microseconds; 0: not yet */
    int64_t         exited;

    buf_t           line;           /* of the event */
    buf_t           arguments;      /* of the event, each ended by a zero */
    buf_t           output;         /* while it isn't a stream */
    buf_t           mixed;          /* output and errors as they came */
    buf_t           log;            /* a line of errors without its end */
    buf_t           wire;           /* what is sent */
    size_t          errors_len;     /* of errors in "mixed" */
    char            data[READ_MAX];
} job_t;


/* read-only after the start */
typedef struct {
    const char     *target;         /* its name, the path of a script */
    const char     *path;           /* what is executed; NULL: sh, target */
    char          **arguments;      /* by default */
    char          **env;            /* what every program gets */
    size_t          nenv;
    const char     *content_type;
    size_t          log_max;        /* bytes of a log record's message */
    int             concurrency;
    unsigned        arguments_header:1;
    unsigned        tcp:1;
} config_t;

extern config_t  config;


/* command.c */
int command_find(const char *target, const char **error);
int command_environment(void);
void command_start(job_t *job);

/* event.c */
int event_read(job_t *job);
int event_expired(job_t *job);
json_t *event_header(job_t *job, const char *name);
int event_bytes(json_t *string, buf_t *buf);

/* job.c */
job_t *job_start(int fd, int done);
void job_refuse(job_t *job, int status, const char *why)
    __attribute__((noreturn));
void job_end(job_t *job, int broken) __attribute__((noreturn));
void job_kill(job_t *job);
void job_free(job_t *job);

/* reply.c */
void buf_add(buf_t *buf, const void *data, size_t len);
json_t *reply_text(const char *data, size_t len);
void reply(job_t *job, const buf_t *data, const char *fmt, ...);
int64_t monotonic_us(void);

/* server.c */
void serve(int listener, int control);


#endif /* FN_SHELL_H_INCLUDED */
