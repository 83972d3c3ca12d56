
#include "stubs.h"


typedef struct stubs_block_s  stubs_block_t;

struct stubs_block_s {
    stubs_block_t  *next;
    u_char          data[];
};


ngx_int_t              stubs_allocs = -1;

static stubs_block_t  *stubs_pool;


/* a block each, so that the tools see who reads beyond his own */

void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    stubs_block_t  *block;

    if (stubs_allocs == 0) {
        return NULL;
    }

    if (stubs_allocs > 0) {
        stubs_allocs--;
    }

    block = malloc(sizeof(stubs_block_t) + size);
    if (block == NULL) {
        return NULL;
    }

    block->next = stubs_pool;
    stubs_pool = block;

    return block->data;
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


void
stubs_pool_free(void)
{
    stubs_block_t  *next;

    for ( /* void */ ; stubs_pool; stubs_pool = next) {
        next = stubs_pool->next;
        free(stubs_pool);
    }
}


ngx_int_t
ngx_strcasecmp(u_char *s1, u_char *s2)
{
    return strcasecmp((char *) s1, (char *) s2);
}


ngx_int_t
ngx_strncasecmp(u_char *s1, u_char *s2, size_t n)
{
    return strncasecmp((char *) s1, (char *) s2, n);
}
