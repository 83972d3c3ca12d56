
/*
 * What a runtime may send, in pieces of any size.  The input is the bytes of
 * a reply (runtimes/vectors, "reply").  However they are cut, the reader says
 * the same, and nothing that it lets through breaks PROTOCOL 5 and 6.
 *
 * With FUZZ_REPLAY it is a program that runs the files named to it, once.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_fn_proto.h"
#include "stubs.h"


#define FUZZ_LINE_MAX  4096


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t fuzz_run(const uint8_t *data, size_t size, uint32_t seed);
static uint64_t fuzz_message(ngx_http_fn_reply_t *reply,
    ngx_http_fn_reply_e rc, uint64_t hash);
static void fuzz_response(ngx_http_fn_reply_t *reply);
static uint64_t fuzz_hash(uint64_t hash, const void *data, size_t len);
static uint64_t fuzz_hash_str(uint64_t hash, ngx_str_t *s);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t  seed;
    uint64_t  whole;

    seed = (uint32_t) fuzz_hash(0, data, size);
    whole = fuzz_run(data, size, 0);

    if (fuzz_run(data, size, seed | 1) != whole
        || fuzz_run(data, size, 1) != whole)
    {
        abort();
    }

    return 0;
}


/* seed: 0 one piece, 1 byte by byte, else pieces by chance */

static uint64_t
fuzz_run(const uint8_t *data, size_t size, uint32_t seed)
{
    size_t                len, rest;
    u_char               *piece, *pos;
    uint64_t              hash;
    ngx_http_fn_reply_e   rc;
    ngx_http_fn_reply_t   reply;

    ngx_memzero(&reply, sizeof(ngx_http_fn_reply_t));
    ngx_str_set(&reply.id, "0123456789abcdef0123456789abcdef");

    reply.line_max = FUZZ_LINE_MAX;
    reply.lease = size & 1;

    hash = 0;
    rc = NGX_HTTP_FN_REPLY_AGAIN;

    for (rest = size; rest && rc == NGX_HTTP_FN_REPLY_AGAIN; rest -= len) {

        len = rest;

        if (seed) {
            len = (seed == 1) ? 1 : ngx_min(rest, 1 + (seed >> 16) % 64);
            seed = (seed == 1) ? 1 : (seed * 1103515245 + 12345) | 2;
        }

        piece = malloc(len);
        ngx_memcpy(piece, data + size - rest, len);
        pos = piece;

        do {
            rc = ngx_http_fn_reply_read(&reply, &pos, piece + len);
            hash = fuzz_message(&reply, rc, hash);

        } while (rc != NGX_HTTP_FN_REPLY_AGAIN
                 && rc != NGX_HTTP_FN_REPLY_DONE
                 && rc != NGX_HTTP_FN_REPLY_INVALID);

        if (rc == NGX_HTTP_FN_REPLY_AGAIN && pos != piece + len) {
            abort();
        }

        if (rc == NGX_HTTP_FN_REPLY_DONE) {
            len = pos - piece;
            hash = fuzz_hash(hash, &(size_t) { rest - len }, sizeof(size_t));
        }

        free(piece);
    }

    ngx_http_fn_reply_free(&reply);
    stubs_pool_free();

    return hash;
}


static uint64_t
fuzz_message(ngx_http_fn_reply_t *reply, ngx_http_fn_reply_e rc, uint64_t hash)
{
    ngx_uint_t  i;

    if (rc == NGX_HTTP_FN_REPLY_AGAIN) {
        return hash;
    }

    /* where a body is cut doesn't count */

    if (rc == NGX_HTTP_FN_REPLY_DATA) {
        return fuzz_hash(hash, reply->data.data, reply->data.len);
    }

    hash = fuzz_hash(hash, &rc, sizeof(ngx_http_fn_reply_e));

    switch (rc) {

    case NGX_HTTP_FN_REPLY_INVALID:
        return fuzz_hash(hash, reply->reason, strlen(reply->reason));

    case NGX_HTTP_FN_REPLY_LOG:
        hash = fuzz_hash(hash, &reply->level, sizeof(ngx_uint_t));
        hash = fuzz_hash_str(hash, &reply->message);
        return fuzz_hash_str(hash, &reply->with);

    case NGX_HTTP_FN_REPLY_ERROR:
        hash = fuzz_hash_str(hash, &reply->error);
        hash = fuzz_hash_str(hash, &reply->message);
        hash = fuzz_hash_str(hash, &reply->stack);
        return fuzz_hash(hash, &reply->status, sizeof(ngx_uint_t));

    case NGX_HTTP_FN_REPLY_RESPONSE:
        fuzz_response(reply);

        for (i = 0; i < reply->nheaders; i++) {
            hash = fuzz_hash_str(hash, &reply->headers[i].name);
            hash = fuzz_hash_str(hash, &reply->headers[i].value);
        }

        hash = fuzz_hash_str(hash, &reply->data);
        hash = fuzz_hash(hash, &reply->body_length, sizeof(off_t));
        return fuzz_hash(hash, &reply->status, sizeof(ngx_uint_t));

    default:
        return hash;
    }
}


static void
fuzz_response(ngx_http_fn_reply_t *reply)
{
    ngx_uint_t             i;
    ngx_http_fn_header_t  *h;

    if (reply->status < 200
        || reply->status > 599
        || reply->body_length < (reply->stream ? -1 : 0)
        || (reply->data.len && reply->body_length != 0)
        || reply->duration < -1
        || reply->nheaders > NGX_HTTP_FN_HEADERS_MAX)
    {
        abort();
    }

    for (i = 0; i < reply->nheaders; i++) {
        h = &reply->headers[i];

        if (ngx_http_fn_header_check(&h->name, &h->value)
            || ngx_http_fn_header_managed(&h->name))
        {
            abort();
        }
    }
}


static uint64_t
fuzz_hash(uint64_t hash, const void *data, size_t len)
{
    const u_char  *p;

    for (p = data; len; len--) {
        hash = (hash ^ *p++) * 1099511628211ULL + 1;
    }

    return hash;
}


static uint64_t
fuzz_hash_str(uint64_t hash, ngx_str_t *s)
{
    hash = fuzz_hash(hash, &s->len, sizeof(size_t));

    return fuzz_hash(hash, s->data, s->len);
}


#ifdef FUZZ_REPLAY

int
main(int argc, char **argv)
{
    int              i;
    FILE            *file;
    size_t           size;
    static uint8_t   data[1 << 20];

    for (i = 1; i < argc; i++) {
        file = fopen(argv[i], "rb");
        if (file == NULL) {
            perror(argv[i]);
            return 1;
        }

        size = fread(data, 1, sizeof(data), file);
        fclose(file);

        LLVMFuzzerTestOneInput(data, size);
    }

    printf("%d files\n", argc - 1);

    return 0;
}

#endif
