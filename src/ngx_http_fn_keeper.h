
/* the keeper: holds the listening sockets, forks the supervisor again */


#ifndef _NGX_HTTP_FN_KEEPER_H_INCLUDED_
#define _NGX_HTTP_FN_KEEPER_H_INCLUDED_


#include "ngx_http_fn.h"
#include "ngx_http_fn_supervisor.h"


/* the process of the keeper; lifeline is the read end */
void ngx_http_fn_keeper_run(ngx_cycle_t *cycle, ngx_http_fn_main_conf_t *fmcf,
    int lifeline);

/* the address of a slot; NGX_ERROR if it is too long */
ngx_int_t ngx_http_fn_keeper_address(ngx_http_fn_function_t *function,
    ngx_uint_t n, struct sockaddr_un *addr);

/* opens log files again that were moved away, as USR1 does in nginx */
void ngx_http_fn_keeper_reopen(ngx_http_fn_supervisor_t *sv);

/* removes the sockets and their directory */
void ngx_http_fn_keeper_clean(ngx_http_fn_supervisor_t *sv);


#endif /* _NGX_HTTP_FN_KEEPER_H_INCLUDED_ */
