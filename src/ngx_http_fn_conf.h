
/* what the generic setters of nginx can't do, and the making of functions */


#ifndef _NGX_HTTP_FN_CONF_H_INCLUDED_
#define _NGX_HTTP_FN_CONF_H_INCLUDED_


#include "ngx_http_fn.h"


char *ngx_http_fn_conf_handler(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_fn_conf_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_fn_conf_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_fn_conf_call(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_fn_conf_prefetch(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_fn_conf_queue(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_fn_conf_crash_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_fn_conf_env(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_fn_conf_user(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_fn_conf_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_fn_conf_command(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_fn_conf_not_zero(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_fn_conf_arguments(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * The name of a function that was given none: its location's, "a-b" for
 * "/a/b", or what its target suggests.
 */
ngx_int_t ngx_http_fn_conf_name(ngx_conf_t *cf, ngx_http_fn_loc_conf_t *flcf,
    ngx_str_t *name);

/*
 * The function of a location whose settings have been merged: checks its
 * files and the user's access to them, and adds it to fmcf->functions.
 */
ngx_int_t ngx_http_fn_conf_function(ngx_conf_t *cf,
    ngx_http_fn_loc_conf_t *flcf);

/* when all servers are known: what the processes are told of them */
ngx_int_t ngx_http_fn_conf_functions(ngx_conf_t *cf);

/* the merge of conf->upstream */
ngx_int_t ngx_http_fn_conf_upstream(ngx_conf_t *cf,
    ngx_http_fn_loc_conf_t *prev, ngx_http_fn_loc_conf_t *conf);

/* warns of functions that run as the workers' user, which is known by now */
void ngx_http_fn_conf_users(ngx_cycle_t *cycle, ngx_http_fn_main_conf_t *fmcf);


#endif /* _NGX_HTTP_FN_CONF_H_INCLUDED_ */
