/* The event: PROTOCOL 3 and 4. */

#include "fn_shell.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>


#define EVENT_LINE_MAX   262144         /* PROTOCOL 3.3 */

/* larger bodies go to a file */
#define BODY_MEMORY_MAX  1048576


static void event_read_line(job_t *job);
static size_t event_recv(job_t *job, size_t len, int flags);
static int event_check(job_t *job, json_int_t *length);
static int event_check_headers(json_t *headers);
static int event_body(job_t *job, json_int_t length);
static int event_body_open(json_int_t length);
static int event_body_write(int fd, const char *data, size_t len);


/* the whole event; -1: its body can't be kept */

int
event_read(job_t *job)
{
    json_int_t  length;

    event_read_line(job);

    job->event = json_loadb(job->line.data, job->line.len,
                            JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL, NULL);

    if (event_check(job, &length) == -1) {
        job_end(job, 1);
    }

    return (length != 0) ? event_body(job, length) : 0;
}


/* what follows the line stays in the socket */

static void
event_read_line(job_t *job)
{
    char    *lf;
    size_t   n;

    do {
        n = event_recv(job, READ_MAX, MSG_PEEK);
        lf = memchr(job->data, '\n', n);

        if (lf != NULL) {
            n = lf + 1 - job->data;
        }

        n = event_recv(job, n, 0);
        buf_add(&job->line, job->data, n);

        if (job->line.len > EVENT_LINE_MAX) {
            job_end(job, 1);
        }

    } while (lf == NULL);
}


/* at least one byte */

static size_t
event_recv(job_t *job, size_t len, int flags)
{
    ssize_t  n;

    n = recv(job->fd, job->data, len, flags);

    if (n <= 0) {
        job_end(job, 1);
    }

    return n;
}


/* -1: the line breaks the protocol */

static int
event_check(job_t *job, json_int_t *length)
{
    size_t       n;
    double       timestamp;
    json_t      *id, *path, *query, *headers;
    json_int_t   start_by;
    const char  *method, *addr, *kind, *name;

    query = NULL;
    headers = NULL;
    *length = 0;

    /* "type": an event has none, so any is one that isn't known */

    if (json_object_get(job->event, "type") != NULL
        || json_unpack(job->event, "{s:o, s:s, s:o, s?o, s?o, s?F, s?s, "
                       "s?{s?s, s?s}, s?I, s?I}",
                       "id", &id, "method", &method, "path", &path,
                       "query", &query, "headers", &headers,
                       "timestamp", &timestamp, "remote_addr", &addr,
                       "trigger", "kind", &kind, "name", &name,
                       "start_by", &start_by, "body_length", length)
           == -1)
    {
        return -1;
    }

    job->id = json_string_value(id);

    if (job->id == NULL || *length < 0
        || event_bytes(path, NULL) == -1
        || event_bytes(query, NULL) == -1
        || (headers != NULL && event_check_headers(headers) == -1))
    {
        return -1;
    }

    n = strspn(job->id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "abcdefghijklmnopqrstuvwxyz0123456789-_");

    return (n >= 1 && n <= 64 && n == json_string_length(id)) ? 0 : -1;
}


static int
event_check_headers(json_t *headers)
{
    size_t       i;
    json_t      *value, *one;
    const char  *name;

    if (!json_is_object(headers)) {
        return -1;
    }

    json_object_foreach(headers, name, value) {

        one = json_string(name);
        i = event_bytes(one, NULL);
        json_decref(one);

        if (i != 0 || (!json_is_array(value)
                       && event_bytes(value, NULL) == -1))
        {
            return -1;
        }

        json_array_foreach(value, i, one) {
            if (event_bytes(one, NULL) == -1) {
                return -1;
            }
        }
    }

    return 0;
}


/*
 * Adds the bytes of a byte string (3.5), none for NULL.  -1: it is no string,
 * or has a code point above 255.
 */

int
event_bytes(json_t *string, buf_t *buf)
{
    size_t                i, len;
    unsigned char         ch;
    const unsigned char  *p;

    if (string != NULL && !json_is_string(string)) {
        return -1;
    }

    p = (const unsigned char *) json_string_value(string);
    len = json_string_length(string);

    for (i = 0; i < len; i++) {
        ch = p[i];

        if (ch >= 0xc4) {
            return -1;
        }

        /* jansson checked the UTF-8: 0xc2 and 0xc3 have one byte more */

        if (ch >= 0x80) {
            ch = (unsigned char) ((ch & 0x03) << 6 | (p[++i] & 0x3f));
        }

        if (buf != NULL) {
            buf_add(buf, &ch, 1);
        }
    }

    return 0;
}


/* PROTOCOL 4.3 */

int
event_expired(job_t *job)
{
    json_t  *start_by;

    start_by = json_object_get(job->event, "start_by");

    return start_by != NULL
           && monotonic_us() / 1000 > json_integer_value(start_by);
}


/* the last value of a header, as nuclio has it; NULL when there is none */

json_t *
event_header(job_t *job, const char *name)
{
    json_t  *value;

    value = json_object_get(json_object_get(job->event, "headers"), name);

    if (json_is_array(value)) {
        value = json_array_get(value, json_array_size(value) - 1);
    }

    return value;
}


/* it is read to its end in any case */

static int
event_body(job_t *job, json_int_t length)
{
    int     rc;
    size_t  n;

    job->input = event_body_open(length);
    rc = (job->input != -1) ? 0 : -1;

    while (length != 0) {
        n = READ_MAX;

        if (length < (json_int_t) n) {
            n = length;
        }

        n = event_recv(job, n, 0);
        length -= n;

        if (rc == 0) {
            rc = event_body_write(job->input, job->data, n);
        }
    }

    (void) lseek(job->input, 0, SEEK_SET);

    return rc;
}


/* a file without a name: the program's standard input */

static int
event_body_open(json_int_t length)
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


static int
event_body_write(int fd, const char *data, size_t len)
{
    ssize_t  n;

    for ( /* void */ ; len != 0; data += n, len -= n) {
        n = write(fd, data, len);

        if (n == -1) {
            return -1;
        }
    }

    return 0;
}
