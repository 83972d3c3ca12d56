/* Counts the lines, words and bytes of the body, however long it is. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fn.h"

FN_MODULE


typedef struct {
    uint64_t  lines;
    uint64_t  words;
    uint64_t  bytes;
    int       in_word;
} count_t;


static int
is_space(char ch)
{
    return ch == ' ' || (ch >= '\t' && ch <= '\r');
}


static void
count(count_t *c, const char *data, size_t len)
{
    size_t  i;
    int     space;

    for (i = 0; i < len; i++) {
        space = is_space(data[i]);

        c->lines += (data[i] == '\n');
        c->words += (!space && !c->in_word);
        c->in_word = !space;
    }

    c->bytes += len;
}


int
handler(fn_context_t *context, const fn_event_t *event,
    fn_response_t *response)
{
    char     buf[65536];
    ssize_t  n;
    count_t  c;

    (void) context;

    memset(&c, 0, sizeof(count_t));

    while ((n = fn_body_read(event, (int64_t) c.bytes, buf, sizeof(buf))) > 0) {
        count(&c, buf, (size_t) n);
    }

    if (n != 0
        || fn_add_header(response, "Content-Type", "application/json")
           != FN_OK)
    {
        return FN_ERROR;
    }

    n = snprintf(buf, sizeof(buf), "{\"lines\":%" PRIu64 ",\"words\":%" PRIu64
                 ",\"bytes\":%" PRIu64 "}", c.lines, c.words, c.bytes);

    return fn_write(response, buf, (size_t) n);
}
