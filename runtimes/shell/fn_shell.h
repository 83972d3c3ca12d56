/*
 * fn_shell: the shell runtime.  It runs a script or a command once per event.
 *
 *   fn_shell.c    start: environment, listening socket
 *   server.c      poll loop, control socket
 *   connection.c  the socket of nginx: an event comes in, a reply goes out
 *   event.c       the event line
 *   job.c         a place where an event runs: its child and its output
 *   command.c     argument vector, environment, child process
 *   reply.c       reply lines, and the buffer they are written to
 */

#ifndef FN_SHELL_H_INCLUDED
#define FN_SHELL_H_INCLUDED

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>


#define OUTPUT_MAX   65536  /* of stdout; what is longer becomes a stream */
#define ERRORS_MAX   8192   /* of stderr, in the text of a failure */
#define STRINGS_MAX  65536  /* of the request, in argv and environment */
#define JOB_POLL_N   2      /* descriptors of a job in the poll array */


typedef struct {
    char           *data;
    size_t          pos;            /* what lies before it was sent */
    size_t          len;
    size_t          size;
} buf_t;


typedef struct {
    json_t         *json;           /* owns what the pointers point to */
    const char     *id;
    json_t         *headers;        /* NULL: none */
    int64_t         body_length;
    int64_t         start_by;
    unsigned        leased:1;       /* there is a start_by */
} event_t;


typedef struct conn_s  conn_t;

typedef enum {
    JOB_FREE = 0,
    JOB_LINE,                       /* the event's line comes in */
    JOB_BODY,                       /* the event's body comes in */
    JOB_RUN,
    JOB_REPLY,                      /* the rest of the reply is in "wire" */
    JOB_KILLED                      /* conn is NULL; the child was killed */
} job_state_e;

/* a place; there are FN_CONCURRENCY of them, their buffers are kept */
typedef struct {
    conn_t         *conn;
    job_state_e     state;
    event_t         event;
    buf_t           line;
    buf_t           wire;           /* bytes of the reply */

    int             input;          /* body: memfd or unlinked file, or -1 */
    int64_t         input_left;

    pid_t           pid;            /* 0: none, or it was waited for */
    int             output;         /* pipes, or -1 */
    int             errors;
    int             status;         /* as of wait() */
    int64_t         started;        /* microseconds */
    int64_t         exited;         /* 0: it runs */
    int64_t         output_left;    /* once "late" is set */

    buf_t           collected;      /* stdout, while it isn't a stream */
    buf_t           mixed;          /* stdout and stderr as they came */
    buf_t           log;            /* a line of stderr without its end */
    size_t          errors_len;     /* of stderr in "mixed" */

    const char     *failure;        /* why the event can't be run, or NULL */
    int             failure_status;

    unsigned        stream:1;
    unsigned        late:1;         /* exited long ago, pipes still open */
} job_t;


struct conn_s {
    int             fd;             /* -1: closed, freed by the poll loop */
    job_t          *job;            /* NULL: no event has begun */
    short           hangup;         /* what says that the peer has gone */
};


/* read-only after the start */
typedef struct {
    const char     *path;           /* what is executed */
    const char     *name[3];        /* argv up to the arguments */
    char          **arguments;      /* by default */
    char          **env;            /* what every child gets */
    size_t          nenv;
    buf_t           content_type;   /* a JSON string */
    int             null;           /* /dev/null */
    int             concurrency;
    unsigned        arguments_header:1;
} config_t;

extern config_t  config;


/* command.c */
int command_find(const char *target, const char **error);
int command_environment(char **env);
void command_start(job_t *job);

/* connection.c */
conn_t *conn_create(int fd, int local);
void conn_poll(conn_t *conn, struct pollfd *pfd, int begin);
void conn_event(conn_t *conn, struct pollfd *pfd, int stopping);
void conn_close(conn_t *conn);

/* event.c */
int event_parse(event_t *event, const char *line, size_t len);
void event_free(event_t *event);
json_t *event_header(event_t *event, const char *name);
int event_bytes(json_t *string, buf_t *buf);

/* job.c */
int job_init(int n);
job_t *job_take(conn_t *conn);
int job_free(void);
int job_busy(void);
void job_run(job_t *job);
void job_abort(job_t *job);
void job_release(job_t *job);
void job_kill_all(void);
void job_reap(void);
int job_poll(struct pollfd *pfds, int64_t now);
void job_events(struct pollfd *pfds);

/* reply.c */
void buf_add(buf_t *buf, const void *data, size_t len);
void buf_printf(buf_t *buf, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_json(buf_t *buf, const char *text);
void buf_reset(buf_t *buf);
void reply_body(job_t *job, int status, const buf_t *body);
void reply_stream(job_t *job);
void reply_chunk(job_t *job, const void *data, size_t len);
void reply_end(job_t *job);
void reply_expired(job_t *job);
void reply_error(job_t *job, const char *name, const char *text, int status);

int64_t monotonic_us(void);

/* server.c */
void serve(int listener, int control, int signals, int local);


#endif /* FN_SHELL_H_INCLUDED */
