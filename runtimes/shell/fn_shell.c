/* The start: PROTOCOL 1. */

#include "fn_shell.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>


#define LISTEN_FD         3
#define CONTROL_FD        4

#define CONCURRENCY_MAX   1024
#define CONTENT_TYPE_MAX  256
#define LINE_MAX_LEAST    1024


static void start_signals(void);
static void start_descriptors(void);
static void start_config(char **argv);
static int start_number(const char *name, int value, int min, int max);
static void start_content_type(void);
static void start_ready(void);
static void start_failed(const char *subject, const char *what);
static void listen_on(const char *address);
static int listen_unix(const char *path);
static int listen_tcp(char *address);


config_t  config;

static int          listener = LISTEN_FD;
static int          control = CONTROL_FD;   /* -1: --listen */
static int          signals;
static int          local = 1;
static const char  *socket_path;            /* made by --listen */


int
main(int argc, char **argv)
{
    char  **arguments;

    arguments = argv + 1;

    if (argc > 1 && strcmp(argv[1], "--listen") == 0) {
        control = -1;
        arguments += (argc > 2) ? 2 : 1;
    }

    start_descriptors();
    start_signals();
    start_config(arguments);

    if (control == -1) {
        listen_on(argv[2]);
    }

    if (fcntl(listener, F_SETFL, O_NONBLOCK) == -1) {
        start_failed("descriptor 3", "is not a socket");
    }

    start_ready();
    serve(listener, control, signals, local);

    if (socket_path != NULL) {
        (void) unlink(socket_path);
    }

    return 0;
}


/* server.c reads two of them; all others are as they are by default */

static void
start_signals(void)
{
    int       i;
    sigset_t  set;

    for (i = 1; i < NSIG; i++) {
        (void) signal(i, SIG_DFL);
    }

    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGXFSZ, SIG_IGN);

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    (void) sigprocmask(SIG_SETMASK, &set, NULL);

    signals = signalfd(-1, &set, SFD_CLOEXEC|SFD_NONBLOCK);

    if (signals == -1) {
        start_failed("signalfd()", "failed");
    }
}


static void
start_descriptors(void)
{
    /* 0, 1 and 2 are open, so that no pipe gets such a number */

    do {
        config.null = open("/dev/null", O_RDWR|O_CLOEXEC);
    } while (config.null != -1 && config.null <= STDERR_FILENO
             && fcntl(config.null, F_SETFD, 0) != -1);

    if (config.null == -1) {
        start_failed("/dev/null", "can't be opened");
    }

    if (control != -1) {
        (void) fcntl(listener, F_SETFD, FD_CLOEXEC);

        if (fcntl(control, F_SETFD, FD_CLOEXEC) == -1) {
            control = -1;
            start_failed("descriptors 3 and 4", "are not open, and there is "
                         "no --listen ADDRESS");
        }
    }
}


static void
start_config(char **argv)
{
    const char   *target, *error, *protocol, *header;
    extern char **environ;

    target = getenv("FN_TARGET");
    protocol = getenv("FN_PROTOCOL");
    header = getenv("FN_ARGUMENTS_HEADER");

    if (target == NULL) {
        start_failed("FN_TARGET", "is not set");
    }

    if (protocol != NULL && strcmp(protocol, "1") != 0) {
        start_failed("FN_PROTOCOL", "is not 1");
    }

    if (command_find(target, &error) == -1) {
        start_failed(target, error);
    }

    start_content_type();
    (void) start_number("FN_LINE_MAX", 16384, LINE_MAX_LEAST, 1 << 30);

    config.arguments = argv;
    config.arguments_header = (header != NULL && strcmp(header, "1") == 0);
    config.concurrency = start_number("FN_CONCURRENCY", 1, 1, CONCURRENCY_MAX);

    if (command_environment(environ) == -1
        || job_init(config.concurrency) == -1)
    {
        start_failed("memory", "is not enough");
    }
}


static int
start_number(const char *name, int value, int min, int max)
{
    long         n;
    char        *end;
    const char  *text;

    text = getenv(name);

    if (text == NULL) {
        return value;
    }

    errno = 0;
    n = strtol(text, &end, 10);

    if (errno != 0 || end == text || *end != '\0' || n < min || n > max) {
        start_failed(name, "has an invalid value");
    }

    return (int) n;
}


static void
start_content_type(void)
{
    size_t       i;
    const char  *value;

    value = getenv("FN_CONTENT_TYPE");

    if (value == NULL) {
        value = "text/plain; charset=utf-8";
    }

    for (i = 0; value[i] != '\0'; i++) {
        if (value[i] < ' ' || value[i] > '~') {
            start_failed("FN_CONTENT_TYPE", "is not printable ASCII");
        }
    }

    if (i == 0 || i > CONTENT_TYPE_MAX) {
        start_failed("FN_CONTENT_TYPE", "is empty or too long");
    }

    buf_json(&config.content_type, value);
}


static void
start_ready(void)
{
    ssize_t  len;

    static const char  line[] = "{\"type\":\"ready\",\"protocol\":1}\n";

    if (control == -1) {
        return;
    }

    len = sizeof(line) - 1;

    if (send(control, line, len, MSG_NOSIGNAL) != len) {
        exit(1);
    }
}


static void
start_failed(const char *subject, const char *what)
{
    char   text[1024];
    buf_t  line = { NULL, 0, 0, 0 };

    snprintf(text, sizeof(text), "\"%.900s\" %s", subject, what);

    if (control == -1) {
        fprintf(stderr, "fn_shell: %s\n", text);
        exit(1);
    }

    buf_printf(&line, "{\"type\":\"error\",\"error\":\"StartError\","
               "\"message\":");
    buf_json(&line, text);
    buf_add(&line, "}\n", 2);

    (void) send(control, line.data, line.len, MSG_NOSIGNAL);

    exit(1);
}


static void
listen_on(const char *address)
{
    int    fd;
    char  *copy;

    if (address == NULL) {
        start_failed("--listen", "needs an address");
    }

    local = (strncmp(address, "unix:", 5) == 0);

    if (local) {
        fd = listen_unix(address + 5);

    } else {
        copy = strdup(address);
        fd = (copy != NULL) ? listen_tcp(copy) : -1;
        free(copy);
    }

    if (fd == -1 || listen(fd, 511) == -1) {
        start_failed(address, "can't be listened on");
    }

    listener = fd;
}


static int
listen_unix(const char *path)
{
    int                 fd;
    struct stat         st;
    struct sockaddr_un  addr;

    if (*path == '\0' || strlen(path) >= sizeof(addr.sun_path)) {
        return -1;
    }

    memset(&addr, 0, sizeof(addr));
    addr.sun_family = AF_UNIX;
    strcpy(addr.sun_path, path);

    fd = socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return -1;
    }

    /* left over by one that was killed */

    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        (void) unlink(path);
    }

    if (bind(fd, (struct sockaddr *) &addr, sizeof(addr)) == -1) {
        close(fd);
        return -1;
    }

    socket_path = path;

    return fd;
}


/* HOST:PORT, with an IPv6 address in brackets */

static int
listen_tcp(char *address)
{
    int               fd, on;
    char             *port, *host;
    struct addrinfo  *info, hints;

    port = strrchr(address, ':');
    host = address;

    if (port == NULL || port == address) {
        return -1;
    }

    *port++ = '\0';

    if (host[0] == '[' && port[-2] == ']') {
        port[-2] = '\0';
        host++;
    }

    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;

    if (getaddrinfo(host, port, &hints, &info) != 0) {
        return -1;
    }

    on = 1;
    fd = socket(info->ai_family, SOCK_STREAM|SOCK_CLOEXEC, 0);

    if (fd != -1
        && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1
            || bind(fd, info->ai_addr, info->ai_addrlen) == -1))
    {
        close(fd);
        fd = -1;
    }

    freeaddrinfo(info);

    return fd;
}
