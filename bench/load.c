/*
 * The client: sends one request over a number of connections to 127.0.0.1,
 * and says how long the answers took.
 *
 *     load PORT CONNECTIONS SECONDS FILE PID [RATE]
 *
 * FILE is the request as it is sent.  Without RATE each connection sends the
 * next request when it has been answered, and each request counts once.  With
 * RATE so many requests a second are due, at equal distances; the time of one
 * begins when it is due, even if its connection was busy then.
 *
 * "cpu_us" is what PID computed for a request, once there were as many answers
 * as connections: making these is not part of it.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECOND  1000000000LL
#define HEAD    4096
#define EVENTS  256

typedef struct {
    int       fd;
    int       busy;
    int       owed;         /* requests that are due and not sent */
    int64_t   due;          /* when the next one is, with a rate */
    int64_t   start;
    size_t    sent;
    size_t    head;         /* bytes of the answer's head in buf */
    int       chunked;
    int       last;         /* the server closes the connection behind it */
    int64_t   left;         /* of the body; -1 before its length is known */
    char      buf[HEAD];
    char      tail[5];      /* the last bytes of a chunked body */
} client_t;

static struct sockaddr_in  address;
static const char         *request;
static size_t              request_len;
static client_t           *clients;
static int                 number;
static int                 poll_fd;
static int64_t             interval;    /* of one connection; 0: no rate */

static int64_t            *times;
static size_t              count, room;
static uint64_t            failed, broken;

static clockid_t           server;      /* processor time of PID */
static int64_t             server_start;
static size_t              server_count;


static int64_t
read_clock(clockid_t clock)
{
    struct timespec  ts = { 0, 0 };

    clock_gettime(clock, &ts);

    return ts.tv_sec * SECOND + ts.tv_nsec;
}


static int64_t
now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}


static void
die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}


static void
client_open(client_t *c)
{
    int                 on = 1;
    struct epoll_event  ev;

    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (c->fd == -1
        || connect(c->fd, (struct sockaddr *) &address, sizeof(address)) == -1)
    {
        die("connect");
    }

    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(c->fd, F_SETFL, O_NONBLOCK);

    ev.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    ev.data.ptr = c;

    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &ev) == -1) {
        die("epoll_ctl");
    }
}


static void
client_write(client_t *c)
{
    ssize_t  n;

    while (c->busy && c->sent < request_len) {
        n = send(c->fd, request + c->sent, request_len - c->sent,
                 MSG_NOSIGNAL);

        if (n <= 0) {
            break;      /* what is wrong is seen when it is read */
        }

        c->sent += n;
    }
}


static void
client_start(client_t *c)
{
    if (interval) {
        c->start = c->due;
        c->due += interval;

    } else {
        c->start = now();
    }

    c->busy = 1;
    c->sent = 0;
    c->head = 0;
    c->left = -1;
    c->chunked = 0;
    c->last = 0;
    memset(c->tail, 0, sizeof(c->tail));

    client_write(c);
}


static void
client_done(client_t *c)
{
    if (count == room) {
        room = room ? room * 2 : 65536;
        times = realloc(times, room * sizeof(int64_t));

        if (times == NULL) {
            die("realloc");
        }
    }

    times[count++] = now() - c->start;

    if (count == (size_t) number) {
        server_start = read_clock(server);
        server_count = count;
    }

    failed += (strncmp(c->buf + 8, " 2", 2) != 0);
    c->busy = 0;

    if (c->last) {
        close(c->fd);
        client_open(c);
    }
}


static void
client_next(client_t *c)
{
    if (interval == 0) {
        client_start(c);

    } else if (c->owed) {
        c->owed--;
        client_start(c);
    }
}


static void
client_again(client_t *c)
{
    close(c->fd);
    client_open(c);

    if (c->busy) {
        broken++;
        c->busy = 0;
        client_next(c);
    }
}


/* the last bytes of a chunked body tell its end */
static void
client_chunks(client_t *c, const char *data, size_t len)
{
    size_t  n;

    n = sizeof(c->tail);

    if (len < n) {
        memmove(c->tail, c->tail + len, n - len);
        memcpy(c->tail + n - len, data, len);

    } else {
        memcpy(c->tail, data + len - n, n);
    }

    if (memcmp(c->tail, "0\r\n\r\n", n) == 0) {
        c->left = 0;
    }
}


static void
client_body(client_t *c, const char *data, size_t len)
{
    if (c->chunked) {
        client_chunks(c, data, len);

    } else {
        c->left -= (int64_t) len;
    }
}


/* adds to the head; what is behind it is body.  0: the head makes no sense */
static int
client_head(client_t *c, const char *data, size_t len)
{
    char    *end, *length;
    size_t   n, size;

    n = HEAD - 1 - c->head < len ? HEAD - 1 - c->head : len;
    memcpy(c->buf + c->head, data, n);
    c->buf[c->head + n] = '\0';

    end = strstr(c->buf, "\r\n\r\n");

    if (end == NULL) {
        c->head += n;
        return c->head < HEAD - 1;
    }

    end[2] = '\0';
    c->last = (strcasestr(c->buf, "\r\nconnection: close\r\n") != NULL);
    size = (size_t) (end + 4 - c->buf) - c->head;
    length = strcasestr(c->buf, "\r\ncontent-length:");

    if (length) {
        c->left = strtoll(length + 17, NULL, 10);

    } else {
        c->chunked = 1;
        c->left = 1;
    }

    client_body(c, data + size, len - size);

    return 1;
}


static void
client_read(client_t *c, int end)
{
    char     data[65536];
    ssize_t  n;

    for ( ;; ) {
        n = recv(c->fd, data, sizeof(data), 0);

        if (n == -1 && errno == EAGAIN) {
            return;
        }

        if (n <= 0 || !c->busy) {
            client_again(c);
            return;
        }

        if (c->left == -1) {
            if (!client_head(c, data, (size_t) n)) {
                client_again(c);
                return;
            }

        } else {
            client_body(c, data, (size_t) n);
        }

        if (c->left == 0) {
            client_done(c);
            client_next(c);

        } else if (c->left < -1) {
            client_again(c);
            return;
        }

        if (n < (ssize_t) sizeof(data) && !end) {
            return;
        }
    }
}


/* starts what is due; gives the time until the next is */
static int64_t
due(int64_t begin, uint64_t *sequence)
{
    client_t  *c;
    int64_t    time, wait;

    time = now();

    for ( ;; ) {
        wait = begin + (int64_t) *sequence * (interval / number) - time;

        if (wait > 0) {
            return wait;
        }

        c = &clients[(*sequence)++ % number];

        if (c->busy) {
            c->owed++;

        } else {
            client_start(c);
        }
    }
}


static void
run(int64_t length)
{
    int                  i, n;
    int64_t              begin, end, wait;
    uint64_t             sequence;
    client_t            *c;
    struct timespec      ts;
    struct epoll_event   events[EVENTS];

    begin = now();
    end = begin + length;
    sequence = 0;
    wait = SECOND / 10;

    for (i = 0; i < number; i++) {
        clients[i].due = begin + i * (interval / number);

        if (interval == 0) {
            client_start(&clients[i]);
        }
    }

    while (now() < end) {
        if (interval) {
            wait = due(begin, &sequence);
        }

        ts.tv_sec = wait / SECOND;
        ts.tv_nsec = wait % SECOND;
        n = epoll_pwait2(poll_fd, events, EVENTS, &ts, NULL);

        for (i = 0; i < n; i++) {
            c = events[i].data.ptr;

            if (events[i].events & EPOLLOUT) {
                client_write(c);
            }

            if (events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) {
                client_read(c, events[i].events & EPOLLRDHUP);
            }
        }
    }
}


static int
compare(const void *one, const void *two)
{
    int64_t  a = *(const int64_t *) one, b = *(const int64_t *) two;

    return (a > b) - (a < b);
}


static double
percentile(double share)
{
    return count ? times[(size_t) (share * (count - 1) + 0.5)] / 1000.0 : 0;
}


static void
map(const char *name)
{
    int          fd;
    struct stat  st;

    fd = open(name, O_RDONLY);

    if (fd == -1 || fstat(fd, &st) == -1) {
        die(name);
    }

    request_len = st.st_size;
    request = mmap(NULL, request_len, PROT_READ, MAP_PRIVATE | MAP_POPULATE,
                   fd, 0);

    if (request == MAP_FAILED) {
        die(name);
    }
}


int
main(int argc, char **argv)
{
    int      i;
    double   seconds, cpu_us = 0;
    int64_t  length, begin, cpu;

    if (argc < 6) {
        fprintf(stderr, "load PORT CONNECTIONS SECONDS FILE PID [RATE]\n");
        return 2;
    }

    prctl(PR_SET_TIMERSLACK, 1);

    address.sin_family = AF_INET;
    address.sin_port = htons(atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    number = atoi(argv[2]);
    length = atof(argv[3]) * SECOND;
    interval = argc > 6 ? number * SECOND / atof(argv[6]) : 0;
    map(argv[4]);

    if (clock_getcpuclockid(atoi(argv[5]), &server) != 0) {
        die(argv[5]);
    }

    poll_fd = epoll_create1(0);
    clients = calloc(number, sizeof(client_t));

    if (poll_fd == -1 || clients == NULL) {
        die("start");
    }

    for (i = 0; i < number; i++) {
        client_open(&clients[i]);
    }

    begin = now();
    run(length);
    seconds = (double) (now() - begin) / SECOND;
    cpu = read_clock(server) - server_start;

    if (count > server_count && server_count) {
        cpu_us = cpu / 1000.0 / (count - server_count);
    }

    qsort(times, count, sizeof(int64_t), compare);

    printf("{\"requests\":%zu,\"seconds\":%.6f,\"rate\":%.1f,"
           "\"failed\":%" PRIu64 ",\"broken\":%" PRIu64 ",\"p50\":%.1f,"
           "\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,\"cpu_us\":%.2f}\n",
           count, seconds, count / seconds, failed, broken, percentile(0.5),
           percentile(0.99), percentile(0.999), percentile(1),
           cpu_us);

    return 0;
}
