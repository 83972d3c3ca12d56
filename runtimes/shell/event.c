/* The event line: PROTOCOL 3 and 4. */

#include "fn_shell.h"

#include <string.h>


#define EVENT_DEPTH_MAX  32


typedef int (*event_check_pt)(json_t *value);


static int event_depth(const char *line, size_t len);
static int event_check_fields(json_t *json);
static int event_check_id(json_t *value);
static int event_check_text(json_t *value);
static int event_check_bytes(json_t *value);
static int event_check_headers(json_t *value);
static int event_check_number(json_t *value);
static int event_check_integer(json_t *value);
static int event_check_length(json_t *value);
static int event_check_trigger(json_t *value);


static const struct {
    const char      *name;
    event_check_pt   check;
    unsigned         required;
} event_fields[] = {
    { "id",          event_check_id,      1 },
    { "method",      event_check_text,    1 },
    { "path",        event_check_bytes,   1 },
    { "query",       event_check_bytes,   0 },
    { "headers",     event_check_headers, 0 },
    { "timestamp",   event_check_number,  0 },
    { "remote_addr", event_check_text,    0 },
    { "trigger",     event_check_trigger, 0 },
    { "start_by",    event_check_integer, 0 },
    { "body_length", event_check_length,  0 },
    { NULL,          NULL,                0 }
};


/* -1: the line breaks the protocol */

int
event_parse(event_t *event, const char *line, size_t len)
{
    json_t  *json, *start_by;

    memset(event, 0, sizeof(event_t));

    if (event_depth(line, len) > EVENT_DEPTH_MAX) {
        return -1;
    }

    json = json_loadb(line, len, JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL, NULL);

    if (!json_is_object(json) || event_check_fields(json) == -1) {
        json_decref(json);
        return -1;
    }

    start_by = json_object_get(json, "start_by");

    event->json = json;
    event->id = json_string_value(json_object_get(json, "id"));
    event->headers = json_object_get(json, "headers");
    event->body_length =
                     json_integer_value(json_object_get(json, "body_length"));
    event->start_by = json_integer_value(start_by);
    event->leased = (start_by != NULL);

    return 0;
}


void
event_free(event_t *event)
{
    json_decref(event->json);
    memset(event, 0, sizeof(event_t));
}


/* the last value of a header, as nuclio has it; NULL when there is none */

json_t *
event_header(event_t *event, const char *name)
{
    json_t  *value;

    value = json_object_get(event->headers, name);

    if (json_is_array(value)) {
        value = json_array_get(value, json_array_size(value) - 1);
    }

    return value;
}


/* adds the bytes of a byte string (3.5); -1: it has a code point above 255 */

int
event_bytes(json_t *string, buf_t *buf)
{
    size_t                i, len;
    unsigned char         ch;
    const unsigned char  *p;

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


/* before the parser, which recurses */

static int
event_depth(const char *line, size_t len)
{
    int     depth, max, quoted;
    size_t  i;

    depth = 0;
    max = 0;
    quoted = 0;

    for (i = 0; i < len; i++) {

        if (quoted) {
            if (line[i] == '\\') {
                i++;

            } else if (line[i] == '"') {
                quoted = 0;
            }

            continue;
        }

        switch (line[i]) {

        case '"':
            quoted = 1;
            break;

        case '{':
        case '[':
            if (++depth > max) {
                max = depth;
            }
            break;

        case '}':
        case ']':
            depth--;
            break;
        }
    }

    return max;
}


static int
event_check_fields(json_t *json)
{
    int      i;
    json_t  *value;

    /* an event has no type: any is one that isn't known */

    if (json_object_get(json, "type") != NULL) {
        return -1;
    }

    for (i = 0; event_fields[i].name != NULL; i++) {
        value = json_object_get(json, event_fields[i].name);

        if (value == NULL) {
            if (event_fields[i].required) {
                return -1;
            }

            continue;
        }

        if (event_fields[i].check(value) == -1) {
            return -1;
        }
    }

    return 0;
}


static int
event_check_id(json_t *value)
{
    size_t       len;
    const char  *id;

    id = json_string_value(value);

    if (id == NULL) {
        return -1;
    }

    len = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                     "abcdefghijklmnopqrstuvwxyz0123456789-_");

    return (len >= 1 && len <= 64 && len == json_string_length(value)) ? 0 : -1;
}


static int
event_check_text(json_t *value)
{
    return json_is_string(value) ? 0 : -1;
}


static int
event_check_bytes(json_t *value)
{
    return json_is_string(value) ? event_bytes(value, NULL) : -1;
}


static int
event_check_headers(json_t *value)
{
    size_t       i;
    json_t      *header, *name;
    const char  *key;

    if (!json_is_object(value)) {
        return -1;
    }

    json_object_foreach(value, key, header) {
        name = json_string(key);

        if (name == NULL || event_bytes(name, NULL) == -1) {
            json_decref(name);
            return -1;
        }

        json_decref(name);

        if (!json_is_array(header)) {
            if (event_check_bytes(header) == -1) {
                return -1;
            }

            continue;
        }

        for (i = 0; i < json_array_size(header); i++) {
            if (event_check_bytes(json_array_get(header, i)) == -1) {
                return -1;
            }
        }
    }

    return 0;
}


static int
event_check_number(json_t *value)
{
    return json_is_number(value) ? 0 : -1;
}


static int
event_check_integer(json_t *value)
{
    return json_is_integer(value) ? 0 : -1;
}


static int
event_check_length(json_t *value)
{
    return (json_is_integer(value) && json_integer_value(value) >= 0) ? 0 : -1;
}


static int
event_check_trigger(json_t *value)
{
    json_t  *kind, *name;

    kind = json_object_get(value, "kind");
    name = json_object_get(value, "name");

    return (json_is_object(value)
            && (kind == NULL || json_is_string(kind))
            && (name == NULL || json_is_string(name))) ? 0 : -1;
}
