/* The start: PROTOCOL 1. */

#include "fn_shell.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>


#define LISTEN_FD         3
#define CONTROL_FD        4

#define CONCURRENCY_MAX   1024
#define CONTENT_TYPE_MAX  256
#define LINE_MAX_LEAST    1024
#define LOG_MAX           1024

#define READY  "{\"type\":\"ready\",\"protocol\":1}\n"


static void start_descriptors(void);
static void start_config(void);
static int start_number(const char *name, int value, int min, int max);
static const char *start_content_type(void);
static void start_failed(const char *subject, const char *what);
static int listen_on(const char *address);
static socklen_t listen_unix(const char *path, struct sockaddr_un *addr);
static socklen_t listen_tcp(const char *address, struct sockaddr *addr);


config_t  config;

static int          listener = LISTEN_FD;
static int          control = CONTROL_FD;   /* -1: --listen */
static const char  *socket_path;            /* made by --listen */


int
main(int argc, char **argv)
{
    const char  *address;

    address = NULL;
    argv++;

    if (argc > 1 && strcmp(*argv, "--listen") == 0) {
        control = -1;
        address = *++argv;

        if (address == NULL) {
            start_failed("--listen", "needs an address");
        }

        argv++;
    }

    start_descriptors();

    if (*argv != NULL && strcmp(*argv++, "--") != 0) {
        start_failed(argv[-1], "is no option; arguments stand after \"--\"");
    }

    config.arguments = argv;

    start_config();

    if (address != NULL) {
        listener = listen_on(address);
    }

    if (listener == -1 || fcntl(listener, F_SETFL, O_NONBLOCK) == -1) {
        start_failed(address ? address : "descriptor 3",
                     "can't be listened on");
    }

    if (control != -1
        && send(control, READY, sizeof(READY) - 1, MSG_NOSIGNAL) == -1)
    {
        return 1;
    }

    serve(listener, control);

    if (socket_path != NULL) {
        (void) unlink(socket_path);
    }

    return 0;
}


static void
start_descriptors(void)
{
    int  fd;

    if (control != -1) {
        (void) fcntl(listener, F_SETFD, FD_CLOEXEC);

        if (fcntl(control, F_SETFD, FD_CLOEXEC) == -1) {
            control = -1;
            start_failed("descriptors 3 and 4", "are not open, and there is "
                         "no --listen ADDRESS");
        }
    }

    /* 0, 1 and 2 are open, so that no pipe gets such a number */

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd != -1 && fd <= STDERR_FILENO);

    close(fd);
}


static void
start_config(void)
{
    const char  *target, *error, *protocol, *header;

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

    /* a byte needs six at most in a JSON string */

    config.log_max = (start_number("FN_LINE_MAX", 16384, LINE_MAX_LEAST,
                                   1 << 30) - 64) / 6;

    if (config.log_max > LOG_MAX) {
        config.log_max = LOG_MAX;
    }

    config.content_type = start_content_type();
    config.arguments_header = (header != NULL && strcmp(header, "1") == 0);
    config.concurrency = start_number("FN_CONCURRENCY", 1, 1, CONCURRENCY_MAX);

    if (command_environment() == -1) {
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


static const char *
start_content_type(void)
{
    size_t       n;
    const char  *value;

    value = getenv("FN_CONTENT_TYPE");

    if (value == NULL) {
        return "text/plain; charset=utf-8";
    }

    for (n = 0; value[n] >= ' ' && value[n] <= '~'; n++) { /* void */ }

    if (value[n] != '\0' || n == 0 || n > CONTENT_TYPE_MAX) {
        start_failed("FN_CONTENT_TYPE", "has an invalid value");
    }

    return value;
}


static void
start_failed(const char *subject, const char *what)
{
    int    n;
    char   text[1024], line[4096];
    char  *json;

    n = snprintf(text, sizeof(text), "\"%.600s\" %s", subject, what);

    if (control == -1) {
        fprintf(stderr, "fn_shell: %s\n", text);
        exit(1);
    }

    json = json_dumps(json_pack("{s:s, s:s, s:o}", "type", "error",
                                "error", "StartError",
                                "message", reply_text(text, n)),
                      JSON_COMPACT);

    if (json != NULL) {
        n = snprintf(line, sizeof(line), "%s\n", json);
        (void) send(control, line, n, MSG_NOSIGNAL);
    }

    exit(1);
}


static int
listen_on(const char *address)
{
    int        fd, on;
    socklen_t  len;

    union {
        struct sockaddr          any;
        struct sockaddr_un       un;
        struct sockaddr_storage  storage;
    } addr;

    on = 1;
    memset(&addr, 0, sizeof(addr));
    config.tcp = (strncmp(address, "unix:", 5) != 0);

    len = config.tcp ? listen_tcp(address, &addr.any)
                     : listen_unix(address + 5, &addr.un);

    if (len == 0) {
        return -1;
    }

    fd = socket(addr.any.sa_family, SOCK_STREAM|SOCK_CLOEXEC, 0);

    if (fd == -1
        || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1
        || bind(fd, &addr.any, len) == -1
        || listen(fd, 511) == -1)
    {
        return -1;
    }

    if (!config.tcp) {
        socket_path = address + 5;
    }

    return fd;
}


static socklen_t
listen_unix(const char *path, struct sockaddr_un *addr)
{
    struct stat  st;

    if (*path == '\0' || strlen(path) >= sizeof(addr->sun_path)) {
        return 0;
    }

    addr->sun_family = AF_UNIX;
    strcpy(addr->sun_path, path);

    /* left over by one that was killed */

    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        (void) unlink(path);
    }

    return sizeof(struct sockaddr_un);
}


/* HOST:PORT, with an IPv6 address in brackets */

static socklen_t
listen_tcp(const char *address, struct sockaddr *addr)
{
    char             *host, *port;
    socklen_t         len;
    struct addrinfo  *info, hints;

    host = strdup(address);
    port = (host != NULL) ? strrchr(host, ':') : NULL;

    if (port == NULL || port == host) {
        return 0;
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
        return 0;
    }

    len = info->ai_addrlen;
    memcpy(addr, info->ai_addr, len);
    freeaddrinfo(info);

    return len;
}
