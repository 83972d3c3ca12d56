
#include "ngx_http_fn_embed.h"
#include "ngx_http_fn_child.h"


static ngx_int_t ngx_http_fn_embed_build(ngx_conf_t *cf,
    ngx_http_fn_function_t *fn, ngx_http_fn_loc_conf_t *flcf,
    ngx_str_t *reason);
static ngx_int_t ngx_http_fn_embed_exec(void *data, int fd);


ngx_int_t
ngx_http_fn_embed_object(ngx_conf_t *cf, ngx_http_fn_function_t *fn,
    ngx_http_fn_loc_conf_t *flcf, ngx_str_t *reason)
{
    size_t   len;
    u_char  *p;

    len = NGX_HTTP_FN_CHILD_ANSWER;

    reason->data = ngx_pnalloc(cf->pool, len);
    if (reason->data == NULL) {
        ngx_str_set(reason, "no memory");
        return NGX_ERROR;
    }

    if (fn->lang->builds) {
        return ngx_http_fn_embed_build(cf, fn, flcf, reason);
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        ngx_str_set(reason, "no memory");
        return NGX_ERROR;
    }

    fn->object.data = p;
    fn->object.len = ngx_snprintf(p, len, NGX_HTTP_FN_RUNTIMES "/%s%Z",
                                  fn->lang->embed)
                     - p - 1;

    if (access((char *) p, R_OK) == 0) {
        return NGX_OK;
    }

    ngx_http_fn_child_answer(reason, "\"%V\" not found, runtime \"%V\" was "
                             "not built for \"in_worker\"", &fn->object,
                             &fn->lang->name);

    return NGX_ERROR;
}


/* the runtime's program makes it, and says where it is */

static ngx_int_t
ngx_http_fn_embed_build(ngx_conf_t *cf, ngx_http_fn_function_t *fn,
    ngx_http_fn_loc_conf_t *flcf, ngx_str_t *reason)
{
    size_t                len;
    u_char               *p;
    ngx_str_t             answer;
    ngx_http_fn_child_t   child;

    ngx_memzero(&child, sizeof(ngx_http_fn_child_t));

    child.main = ngx_http_fn_embed_exec;
    child.data = fn;
    child.uid = fn->uid;
    child.gid = fn->gid;
    child.seconds = flcf->start_timeout / 1000 + 1;

    len = sizeof("building \"\"") + fn->target.len;

    child.what = ngx_pnalloc(cf->pool, len);
    if (child.what == NULL) {
        ngx_str_set(reason, "no memory");
        return NGX_ERROR;
    }

    (void) ngx_sprintf((u_char *) child.what, "building \"%V\"%Z",
                       &fn->target);

    answer = *reason;

    if (ngx_http_fn_child_run(&child, &answer) != NGX_OK) {
        *reason = answer;
        return NGX_ERROR;
    }

    p = ngx_strlchr(answer.data, answer.data + answer.len, LF);

    if (p == NULL || answer.data[0] != '/') {
        ngx_http_fn_child_answer(reason, "%s named no file", child.what);
        return NGX_ERROR;
    }

    *p = '\0';

    fn->object.data = answer.data;
    fn->object.len = p - answer.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_embed_exec(void *data, int fd)
{
    ngx_http_fn_function_t *fn = data;

    char        *argv[NGX_HTTP_FN_OPTIONS + 32];
    ngx_uint_t   i;

    for (i = 0; fn->argv[i] && i < sizeof(argv) / sizeof(char *) - 2; i++) {
        argv[i] = fn->argv[i];
    }

    argv[i] = "--in-worker";
    argv[i + 1] = NULL;

    if (dup2(fd, STDOUT_FILENO) != -1 && close(fd) != -1) {
        (void) execve(argv[0], argv, fn->env);
    }

    return NGX_ERROR;
}
