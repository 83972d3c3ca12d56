/*
 * What is executed: argument vector, environment, child process.  What comes
 * from a request gets here as whole strings and never passes a shell.
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


typedef struct {
    char          **argv;
    char          **env;
    int             fds[3];
    pid_t           parent;
    volatile int    error;          /* of execve(), set by the child */
} command_child_t;


static int command_native(const char *path);
static int command_search(const char *name);
static int command_executable(const char *path);
static int command_arguments(job_t *job, size_t *n);
static int command_event(job_t *job, size_t *n);
static int command_refuse(job_t *job, int status, const char *failure);
static int command_add(job_t *job, const char *name, json_t *value);
static void command_add_string(const char *string);
static void command_timestamp(job_t *job);
static char **command_vectors(size_t nargs, size_t nenv, char ***env);
static int command_pipes(job_t *job, int *output, int *errors);
static void command_run(job_t *job, command_child_t *child);
static pid_t command_fork(command_child_t *child);
static void command_child(command_child_t *child);


static buf_t  strings;              /* of one event, each ended by a zero */


/* what the target is: a program, a script for sh, or a command on PATH */

int
command_find(const char *target, const char **error)
{
    struct stat  st;

    if (target[0] != '/') {
        *error = (strchr(target, '/') != NULL) ? "is not an absolute path"
                                               : "is not found on PATH";
        config.name[0] = target;
        return command_search(target);
    }

    if (stat(target, &st) == -1 || !S_ISREG(st.st_mode)
        || access(target, R_OK) == -1)
    {
        *error = "is not a file that can be read";
        return -1;
    }

    if (command_executable(target) && command_native(target)) {
        config.path = target;
        config.name[0] = target;
        return 0;
    }

    config.path = "/bin/sh";
    config.name[0] = "sh";
    config.name[1] = target;

    return 0;
}


/* the kernel knows how to run it: "#!" or a binary */

static int
command_native(const char *path)
{
    int   fd;
    char  magic[4] = "";

    fd = open(path, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        return 0;
    }

    if (read(fd, magic, 4) < 2) {
        magic[0] = '\0';
    }

    close(fd);

    return memcmp(magic, "#!", 2) == 0 || memcmp(magic, "\177ELF", 4) == 0;
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

    if (p == NULL) {
        p = DEFAULT_PATH;
    }

    for ( ;; ) {
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

        p += len + 1;
    }
}


static int
command_executable(const char *path)
{
    struct stat  st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode)
           && access(path, X_OK) == 0;
}


/* every child gets what the configuration added; FN_* is for this runtime */

int
command_environment(char **env)
{
    size_t  n;

    for (n = 0; env[n] != NULL; n++) { /* void */ }

    config.env = calloc(n + 1, sizeof(char *));

    if (config.env == NULL) {
        return -1;
    }

    for ( /* void */ ; *env != NULL; env++) {

        if (strncmp(*env, "FN_", 3) != 0
            && strncmp(*env, "NUCLIO_EVENT_", 13) != 0
            && strncmp(*env, "NUCLIO_TRIGGER_", 15) != 0)
        {
            config.env[config.nenv++] = *env;
        }
    }

    return 0;
}


/* starts the job's child, or sets job->failure */

void
command_start(job_t *job)
{
    int              output, errors;
    size_t           nargs, nenv;
    command_child_t  child;

    buf_reset(&strings);

    if (command_arguments(job, &nargs) == -1
        || command_event(job, &nenv) == -1)
    {
        return;
    }

    if (strings.len > STRINGS_MAX) {
        command_refuse(job, 431, "the request is too long for arguments and "
                       "environment");
        return;
    }

    child.argv = command_vectors(nargs, nenv, &child.env);

    if (child.argv == NULL || command_pipes(job, &output, &errors) == -1) {
        free(child.argv);
        command_refuse(job, 503, "no descriptors or no memory for a child");
        return;
    }

    child.fds[0] = (job->input != -1) ? job->input : config.null;
    child.fds[1] = output;
    child.fds[2] = errors;

    command_run(job, &child);

    free(child.argv);
    close(output);
    close(errors);
}


/* a client's arguments in place of the configured ones, if that is allowed */

static int
command_arguments(job_t *job, size_t *n)
{
    size_t   i;
    json_t  *header;

    *n = 0;
    header = event_header(&job->event, "X-Nuclio-Arguments");

    if (!config.arguments_header || json_string_length(header) == 0) {
        return 0;
    }

    (void) event_bytes(header, &strings);

    for (i = 0; i < strings.len; i++) {

        if ((unsigned char) strings.data[i] < ' ' || strings.data[i] == 127) {
            return command_refuse(job, 400, "X-Nuclio-Arguments has a control "
                                  "character");
        }

        if (strings.data[i] == ' ') {
            strings.data[i] = '\0';
            (*n)++;
        }
    }

    buf_add(&strings, "", 1);
    (*n)++;

    return 0;
}


/* nuclio's variables, all of them */

static int
command_event(job_t *job, size_t *n)
{
    size_t   i, start;
    json_t  *json, *kind;

    json = job->event.json;
    kind = json_object_get(json_object_get(json, "trigger"), "kind");
    start = strings.len;

    command_add_string("NUCLIO_TRIGGER_CLASS=sync");

    if (kind == NULL) {
        command_add_string("NUCLIO_TRIGGER_KIND=http");

    } else if (command_add(job, "NUCLIO_TRIGGER_KIND", kind) == -1) {
        return -1;
    }

    if (command_add(job, "NUCLIO_EVENT_ID", json_object_get(json, "id")) == -1
        || command_add(job, "NUCLIO_EVENT_CONTENT_TYPE",
                       event_header(&job->event, "Content-Type")) == -1)
    {
        return -1;
    }

    command_timestamp(job);

    if (command_add(job, "NUCLIO_EVENT_PATH",
                    json_object_get(json, "path")) == -1
        || command_add(job, "NUCLIO_EVENT_METHOD",
                       json_object_get(json, "method")) == -1)
    {
        return -1;
    }

    command_add_string("NUCLIO_EVENT_URL=");
    command_add_string("NUCLIO_EVENT_SHARD_ID=-1");
    command_add_string("NUCLIO_EVENT_NUM_SHARDS=0");
    command_add_string("NUCLIO_EVENT_TYPE=");
    command_add_string("NUCLIO_EVENT_TYPE_VERSION=");
    command_add_string("NUCLIO_EVENT_VERSION=");

    for (*n = 0, i = start; i < strings.len; i++) {
        *n += (strings.data[i] == '\0');
    }

    return 0;
}


static int
command_refuse(job_t *job, int status, const char *failure)
{
    job->failure = failure;
    job->failure_status = status;

    return -1;
}


/* adds NAME=VALUE; a method is ASCII, so all values are taken as bytes */

static int
command_add(job_t *job, const char *name, json_t *value)
{
    size_t  start;

    buf_printf(&strings, "%s=", name);
    start = strings.len;

    if (value != NULL && event_bytes(value, &strings) == -1) {
        return command_refuse(job, 400, "a value of the request is not bytes");
    }

    if (strings.len == start) {
        buf_add(&strings, "", 1);
        return 0;
    }

    if (memchr(strings.data + start, '\0', strings.len - start) != NULL) {
        return command_refuse(job, 400, "a value of the request has a zero "
                              "byte");
    }

    buf_add(&strings, "", 1);

    /* a function definition, to a bash that wasn't mended */

    if (strncmp(strings.data + start, "() {", 4) == 0) {
        return command_refuse(job, 400, "a value of the request begins with "
                              "\"() {\"");
    }

    return 0;
}


static void
command_add_string(const char *string)
{
    buf_add(&strings, string, strlen(string) + 1);
}


static void
command_timestamp(job_t *job)
{
    char       text[64];
    double     value;
    time_t     sec;
    json_t    *timestamp;
    struct tm  tm;

    timestamp = json_object_get(job->event.json, "timestamp");
    value = json_number_value(timestamp);

    /* years of four digits */

    if (value >= 0 && value < 253402300800.0) {
        sec = (timestamp != NULL) ? (time_t) value : time(NULL);

    } else {
        sec = 0;
    }

    gmtime_r(&sec, &tm);
    strftime(text, sizeof(text), "NUCLIO_EVENT_TIMESTAMP=%Y-%m-%dT%H:%M:%SZ",
             &tm);

    command_add_string(text);
}


/* argv and the environment, in one piece; "strings" has both in this order */

static char **
command_vectors(size_t nargs, size_t nenv, char ***env)
{
    char    **vector, **v, *p;
    size_t    i, nname, ndefault;

    nname = (config.name[1] != NULL) ? 2 : 1;
    ndefault = 0;

    if (nargs == 0) {
        while (config.arguments[ndefault] != NULL) {
            ndefault++;
        }
    }

    vector = calloc(nname + ndefault + nargs + config.nenv + nenv + 2,
                    sizeof(char *));

    if (vector == NULL) {
        return NULL;
    }

    v = vector;
    memcpy(v, config.name, nname * sizeof(char *));
    v += nname;
    memcpy(v, config.arguments, ndefault * sizeof(char *));
    v += ndefault;

    for (i = 0, p = strings.data; i < nargs; i++, p += strlen(p) + 1) {
        *v++ = p;
    }

    *env = ++v;
    memcpy(v, config.env, config.nenv * sizeof(char *));
    v += config.nenv;

    for (i = 0; i < nenv; i++, p += strlen(p) + 1) {
        *v++ = p;
    }

    return vector;
}


static int
command_pipes(job_t *job, int *output, int *errors)
{
    int  out[2], err[2];

    if (pipe2(out, O_CLOEXEC) == -1) {
        return -1;
    }

    if (pipe2(err, O_CLOEXEC) == -1) {
        close(out[0]);
        close(out[1]);
        return -1;
    }

    (void) fcntl(out[0], F_SETFL, O_NONBLOCK);
    (void) fcntl(err[0], F_SETFL, O_NONBLOCK);

    job->output = out[0];
    job->errors = err[0];
    *output = out[1];
    *errors = err[1];

    return 0;
}


static void
command_run(job_t *job, command_child_t *child)
{
    child->parent = getpid();
    child->error = 0;

    job->started = monotonic_us();
    job->pid = command_fork(child);

    if (job->pid == -1) {
        job->pid = 0;
        job->started = 0;
        command_refuse(job, 503, "vfork() failed");
        return;
    }

    if (child->error != 0) {
        (void) waitpid(job->pid, &job->status, 0);
        job->pid = 0;
        job->started = 0;
        command_refuse(job, 500, strerror(child->error));
    }
}


/* the child borrows the memory and this thread until execve() */

static pid_t
command_fork(command_child_t *child)
{
    pid_t  pid;

    pid = vfork();

    if (pid == 0) {
        command_child(child);
        _exit(127);
    }

    return pid;
}


static void
command_child(command_child_t *child)
{
    int       i;
    sigset_t  none;

    /* a group of its own, to be killed as a whole; and with this process */

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);

    if (getppid() != child->parent) {
        return;
    }

    for (i = 0; i < 3; i++) {
        if (dup2(child->fds[i], i) == -1) {
            child->error = errno;
            return;
        }
    }

    (void) syscall(SYS_close_range, 3, ~0U, 0);

    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    execve(config.path, child->argv, child->env);
    child->error = errno;
}
