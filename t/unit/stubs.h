
/* what the codec needs of nginx, without nginx */


#ifndef _STUBS_H_INCLUDED_
#define _STUBS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* so many allocations succeed; -1: all */
extern ngx_int_t  stubs_allocs;

/* frees what was allocated, from whatever pool */
void stubs_pool_free(void);


#endif /* _STUBS_H_INCLUDED_ */
