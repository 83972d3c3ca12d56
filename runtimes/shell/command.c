/*
 * What is executed: argument vector, environment, the program's start.  What
 * comes from a request gets here as whole strings and never passes a shell.
 */

#include "fn_shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


#define DEFAULT_PATH  "/usr/local/bin:/usr/bin:/bin"

/* of the request, in arguments and environment */
#define REQUEST_MAX   65536


static int command_search(const char *name);
static int command_executable(const char *path);
static void command_arguments(job_t *job);
static void command_event(job_t *job);
static void command_set(job_t *job, const char *name, json_t *value);
static void command_set_string(job_t *job, const char *name,
    const char *value);
static void command_timestamp(job_t *job);
static int command_run(job_t *job, int output, int errors);
static int command_exec(job_t *job, pid_t parent, const int *fds);


/* what the target is: a program, a script for sh, or a command on PATH */

int
command_find(const char *target, const char **error)
{
    struct stat  st;

    config.target = target;

    if (target[0] != '/') {
        *error = (strchr(target, '/') != NULL) ? "is not an absolute path"
                                               : "is not found on PATH";
        return command_search(target);
    }

    if (stat(target, &st) == -1 || !S_ISREG(st.st_mode)
        || access(target, R_OK) == -1)
    {
        *error = "is not a file that can be read";
        return -1;
    }

    if (command_executable(target)) {
        config.path = target;
    }

    return 0;
}


static int
command_search(const char *name)
{
    char        *path;
    size_t       len;
    const char  *p;

    if (*name == '\0' || strchr(name, '/') != NULL) {
        return -1;
    }

    p = getenv("PATH");

    for (p = p ? p : DEFAULT_PATH; ; p += len + 1) {
        len = strcspn(p, ":");

        /* an empty or relative entry would be the working directory */

        if (*p == '/') {
            if (asprintf(&path, "%.*s/%s", (int) len, p, name) == -1) {
                return -1;
            }

            if (command_executable(path)) {
                config.path = path;
                return 0;
            }

            free(path);
        }

        if (p[len] == '\0') {
            return -1;
        }
    }
}


static int
command_executable(const char *path)
{
    struct stat  st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode)
           && access(path, X_OK) == 0;
}


/* every program gets what the configuration added; FN_* is for this runtime */

int
command_environment(void)
{
    size_t  i;

    for (i = 0; environ[i] != NULL; i++) { /* void */ }

    config.env = calloc(i + 1, sizeof(char *));

    if (config.env == NULL) {
        return -1;
    }

    for (i = 0; environ[i] != NULL; i++) {

        if (strncmp(environ[i], "FN_", 3) != 0
            && strncmp(environ[i], "NUCLIO_EVENT_", 13) != 0
            && strncmp(environ[i], "NUCLIO_TRIGGER_", 15) != 0)
        {
            config.env[config.nenv++] = environ[i];
        }
    }

    return 0;
}


/* starts the program, or refuses the event */

void
command_start(job_t *job)
{
    int  err, output[2], errors[2];

    command_arguments(job);
    command_event(job);

    if (job->request > REQUEST_MAX) {
        job_refuse(job, 431, "the request is too long for arguments and "
                   "environment");
    }

    if (pipe2(output, O_CLOEXEC) == -1) {
        job_refuse(job, 503, "no descriptors for a program");
    }

    job->pipes[JOB_OUTPUT] = output[0];

    if (pipe2(errors, O_CLOEXEC) == -1) {
        close(output[1]);
        job_refuse(job, 503, "no descriptors for a program");
    }

    job->pipes[JOB_ERRORS] = errors[0];

    err = command_run(job, output[1], errors[1]);

    close(output[1]);
    close(errors[1]);

    if (err != 0) {
        job->started = 0;
        job_refuse(job, (err == EAGAIN || err == ENOMEM) ? 503 : 500,
                   strerror(err));
    }
}


/*
 * "sh" and the target, of which a program gets the latter; the arguments, for
 * which a client's stand in if that is allowed.
 */

static void
command_arguments(job_t *job)
{
    char    *p, **arg;
    size_t   i, n;
    buf_t   *text;
    json_t  *header;

    text = &job->arguments;
    header = event_header(job, "X-Nuclio-Arguments");
    (void) event_bytes(header, config.arguments_header ? text : NULL);

    for (i = 0, n = 4; i < text->len; i++) {

        if ((unsigned char) text->data[i] < ' ' || text->data[i] == 127) {
            job_refuse(job, 400, "X-Nuclio-Arguments has a control character");
        }

        n += (text->data[i] == ' ');
    }

    for (i = 0; config.arguments[i] != NULL; i++) { /* void */ }

    job->argv = calloc(n + i, sizeof(char *));

    if (job->argv == NULL) {
        job_end(job, 1);
    }

    job->argv[0] = "sh";
    job->argv[1] = (char *) config.target;
    arg = job->argv + 2;

    if (text->len == 0) {
        memcpy(arg, config.arguments, i * sizeof(char *));
        return;
    }

    job->request = text->len;
    buf_add(text, "", 1);

    for (p = text->data; p != NULL; /* void */ ) {
        *arg++ = strsep(&p, " ");
    }
}


/* nuclio's variables, all of them */

static void
command_event(job_t *job)
{
    size_t   i;
    json_t  *kind, *json;

    static const char  *fixed[] = {
        "TRIGGER_CLASS", "sync",
        "EVENT_URL", "",
        "EVENT_SHARD_ID", "-1",
        "EVENT_NUM_SHARDS", "0",
        "EVENT_TYPE", "",
        "EVENT_TYPE_VERSION", "",
        "EVENT_VERSION", "",
        NULL
    };

    job->env = calloc(config.nenv + 16, sizeof(char *));

    if (job->env == NULL) {
        job_end(job, 1);
    }

    memcpy(job->env, config.env, config.nenv * sizeof(char *));
    job->nenv = config.nenv;

    for (i = 0; fixed[i] != NULL; i += 2) {
        command_set_string(job, fixed[i], fixed[i + 1]);
    }

    json = job->event;
    kind = json_object_get(json_object_get(json, "trigger"), "kind");

    if (kind != NULL) {
        command_set(job, "TRIGGER_KIND", kind);

    } else {
        command_set_string(job, "TRIGGER_KIND", "http");
    }

    command_set(job, "EVENT_ID", json_object_get(json, "id"));
    command_set(job, "EVENT_CONTENT_TYPE", event_header(job, "Content-Type"));
    command_set(job, "EVENT_PATH", json_object_get(json, "path"));
    command_set(job, "EVENT_METHOD", json_object_get(json, "method"));

    command_timestamp(job);
}


/* a method is ASCII, so all values are taken as bytes */

static void
command_set(job_t *job, const char *name, json_t *value)
{
    buf_t  *text;

    text = &job->line;      /* which was read */
    text->len = 0;

    if (event_bytes(value, text) == -1) {
        job_refuse(job, 400, "a value of the request is not bytes");
    }

    job->request += text->len;
    buf_add(text, "", 1);

    if (strlen(text->data) != text->len - 1) {
        job_refuse(job, 400, "a value of the request has a zero byte");
    }

    /* a function definition, to a bash that wasn't mended */

    if (strncmp(text->data, "() {", 4) == 0) {
        job_refuse(job, 400, "a value of the request begins with \"() {\"");
    }

    command_set_string(job, name, text->data);
}


static void
command_set_string(job_t *job, const char *name, const char *value)
{
    if (asprintf(&job->env[job->nenv++], "NUCLIO_%s=%s", name, value) == -1) {
        job->env[--job->nenv] = NULL;
        job_end(job, 1);
    }
}


static void
command_timestamp(job_t *job)
{
    char       text[64];
    double     value;
    time_t     sec;
    json_t    *timestamp;
    struct tm  tm;

    timestamp = json_object_get(job->event, "timestamp");
    value = (timestamp != NULL) ? json_number_value(timestamp) : time(NULL);

    /* years of four digits */

    sec = (value >= 0 && value < 253402300800.0) ? (time_t) value : 0;

    gmtime_r(&sec, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);

    command_set_string(job, "EVENT_TIMESTAMP", text);
}


/* 0, or why it can't be started */

static int
command_run(job_t *job, int output, int errors)
{
    int           fds[3];
    pid_t         pid, parent;
    volatile int  err;

    fds[0] = job->input;
    fds[1] = output;
    fds[2] = errors;

    err = 0;
    parent = getpid();
    job->started = monotonic_us();

    pid = vfork();

    if (pid == -1) {
        return errno;
    }

    if (pid == 0) {

        /* it borrows the memory and this thread until execve() */

        err = command_exec(job, parent, fds);
        _exit(127);
    }

    if (err != 0) {
        (void) waitpid(pid, NULL, 0);
        return err;
    }

    job->pid = pid;
    job->pidfd = syscall(SYS_pidfd_open, pid, 0);

    return 0;
}


static int
command_exec(job_t *job, pid_t parent, const int *fds)
{
    int       i, fd;
    sigset_t  none;

    /* a group of its own, to be killed as a whole; and with this process */

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);

    if (getppid() != parent) {
        return ESRCH;
    }

    for (i = 0; i < 3; i++) {
        fd = (fds[i] != -1) ? fds[i] : open("/dev/null", O_RDONLY|O_CLOEXEC);

        if (dup2(fd, i) == -1) {
            return errno;
        }
    }

    (void) syscall(SYS_close_range, 3, ~0U, 0);

    signal(SIGXFSZ, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    if (config.path != NULL) {
        execve(config.path, job->argv + 1, job->env);

        /* the kernel doesn't know what it is: so it is a script */

        if (errno != ENOEXEC || config.path != config.target) {
            return errno;
        }
    }

    execve("/bin/sh", job->argv, job->env);

    return errno;
}
