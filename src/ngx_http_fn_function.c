
/*
 * A function is made when its location has been merged.  All that nginx can
 * know beforehand is checked here, so that "nginx -t" finds it: the target,
 * the interpreter, and that the function's user may read and run them.
 */


#include "ngx_http_fn_conf.h"
#include "ngx_http_fn_child.h"
#include "ngx_http_fn_command.h"
#include "ngx_http_fn_dispatch.h"
#include "ngx_http_fn_embed.h"
#include "ngx_http_fn_function.h"
#include "ngx_http_fn_native.h"
#include "ngx_http_fn_object.h"




static ngx_int_t ngx_http_fn_function_name(ngx_conf_t *cf,
    ngx_http_fn_function_t *fn, ngx_http_fn_loc_conf_t *flcf);
static ngx_uint_t ngx_http_fn_function_name_char(u_char ch);
static ngx_int_t ngx_http_fn_function_user(ngx_conf_t *cf,
    ngx_http_fn_function_t *fn, ngx_http_fn_loc_conf_t *flcf);
static ngx_int_t ngx_http_fn_function_target(ngx_conf_t *cf,
    ngx_http_fn_function_t *fn);
static ngx_int_t ngx_http_fn_function_in_worker(ngx_conf_t *cf,
    ngx_http_fn_function_t *fn, ngx_http_fn_loc_conf_t *flcf);
static ngx_int_t ngx_http_fn_function_object(ngx_conf_t *cf,
    ngx_http_fn_function_t *fn, ngx_http_fn_loc_conf_t *flcf);
static ngx_int_t ngx_http_fn_function_access_child(void *data, int fd);


ngx_int_t
ngx_http_fn_conf_function(ngx_conf_t *cf, ngx_http_fn_loc_conf_t *flcf)
{
    ngx_http_conf_ctx_t       *ctx;
    ngx_http_fn_function_t    *fn, **fnp;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_fn_main_conf_t   *fmcf;

    fn = ngx_pcalloc(cf->pool, sizeof(ngx_http_fn_function_t));
    if (fn == NULL) {
        return NGX_ERROR;
    }

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_fn_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    fn->lang = flcf->lang;
    fn->target = flcf->target;
    fn->entry = flcf->entry;
    fn->conf_file = flcf->conf_file;
    fn->conf_line = flcf->conf_line;
    fn->log = clcf->error_log;
    ctx = cf->ctx;

    fn->srv_conf = ctx->srv_conf;
    fn->loc_conf = ctx->loc_conf;
    fn->worker = fmcf->worker;
    fn->index = fmcf->functions.nelts;

    if (ngx_http_fn_function_name(cf, fn, flcf) != NGX_OK
        || ngx_http_fn_function_user(cf, fn, flcf) != NGX_OK
        || ngx_http_fn_function_target(cf, fn) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (flcf->in_worker) {
        if (ngx_http_fn_function_in_worker(cf, fn, flcf) != NGX_OK) {
            return NGX_ERROR;
        }

        goto done;
    }

    fn->limit_memory = flcf->limit_memory;
    fn->limit_files = flcf->limit_files;
    fn->limit_requests = flcf->limit_requests;
    fn->processes = flcf->processes;
    fn->concurrency = flcf->concurrency;
    fn->prefetch = flcf->prefetch;
    fn->nplaces = flcf->concurrency + NGX_HTTP_FN_AHEAD_MAX;
    fn->queue = flcf->queue;
    fn->queue_timeout = flcf->queue_timeout;
    fn->timeout = flcf->timeout;
    fn->start_timeout = flcf->start_timeout;
    fn->stop_timeout = flcf->stop_timeout;
    fn->watch = flcf->watch;

    if (ngx_http_fn_command_argv(cf, fn, flcf) != NGX_OK) {
        return NGX_ERROR;
    }

done:

    fnp = ngx_array_push(&fmcf->functions);
    if (fnp == NULL) {
        return NGX_ERROR;
    }

    *fnp = fn;

    flcf->function = fn;
    flcf->name = fn->name;

    return NGX_OK;
}


ngx_int_t
ngx_http_fn_conf_functions(ngx_conf_t *cf)
{
    ngx_uint_t                 i;
    ngx_http_fn_function_t   **fn;
    ngx_http_fn_loc_conf_t    *flcf;
    ngx_http_fn_main_conf_t   *fmcf;

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_fn_module);

    if (ngx_http_fn_dispatch_address(cf, &fmcf->call) != NGX_OK) {
        return NGX_ERROR;
    }

    fn = fmcf->functions.elts;

    for (i = 0; i < fmcf->functions.nelts; i++) {

        flcf = fn[i]->loc_conf[ngx_http_fn_module.ctx_index];

        if (ngx_http_fn_command_env(cf, fn[i], flcf) != NGX_OK) {
            return NGX_ERROR;
        }

        if (fn[i]->native
            && ngx_http_fn_function_object(cf, fn[i], flcf) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_function_name(ngx_conf_t *cf, ngx_http_fn_function_t *fn,
    ngx_http_fn_loc_conf_t *flcf)
{
    u_char                   *p;
    ngx_str_t                 name;
    ngx_uint_t                n;
    ngx_http_fn_main_conf_t  *fmcf;

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_fn_module);

    if (flcf->name.len) {
        fn->name = flcf->name;

        for (n = 0; n < fn->name.len; n++) {
            if (!ngx_http_fn_function_name_char(fn->name.data[n])) {
                ngx_http_fn_function_error(cf, fn, 0,
                                           "invalid function name \"%V\", it "
                                           "may have letters, digits, \"-\", "
                                           "\"_\" and \".\"", &fn->name);
                return NGX_ERROR;
            }
        }

        if (ngx_http_fn_function_find(fmcf, &fn->name)) {
            ngx_http_fn_function_error(cf, fn, 0,
                                       "duplicate function name \"%V\"",
                                       &fn->name);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if (ngx_http_fn_conf_name(cf, flcf, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    fn->name = name;

    for (n = 2; ngx_http_fn_function_find(fmcf, &fn->name); n++) {
        p = ngx_pnalloc(cf->pool, name.len + 1 + NGX_INT_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        fn->name.data = p;
        fn->name.len = ngx_sprintf(p, "%V-%ui", &name, n) - p;
    }

    return NGX_OK;
}


/* "/a/b" is "a-b"; what has no such name is named by its target */

ngx_int_t
ngx_http_fn_conf_name(ngx_conf_t *cf, ngx_http_fn_loc_conf_t *flcf,
    ngx_str_t *name)
{
    u_char                    *p, *last;
    ngx_str_t                  from;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    from = clcf->name;

    while (from.len && from.data[from.len - 1] == '/') {
        from.len--;
    }

    while (from.len && (from.data[0] == '/' || from.data[0] == '@')) {
        from.data++;
        from.len--;
    }

#if (NGX_PCRE)
    if (clcf->regex) {
        from.len = 0;
    }
#endif

    if (from.len == 0) {
        from = flcf->target;
        last = from.data + from.len;

        for (p = last; p > from.data && p[-1] != '/'; p--) { /* void */ }

        from.data = p;
        p = ngx_strlchr(p, last, '.');
        from.len = (p && p != from.data ? p : last) - from.data;
    }

    name->len = from.len;
    name->data = ngx_pnalloc(cf->pool, from.len);
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(name->data, from.data, from.len);

    for (p = name->data; p < name->data + name->len; p++) {
        if (!ngx_http_fn_function_name_char(*p)) {
            *p = '-';
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_fn_function_name_char(u_char ch)
{
    return (ch >= 'a' && ch <= 'z')
           || (ch >= 'A' && ch <= 'Z')
           || (ch >= '0' && ch <= '9')
           || ch == '-' || ch == '_' || ch == '.';
}


ngx_http_fn_function_t *
ngx_http_fn_function_find(ngx_http_fn_main_conf_t *fmcf, ngx_str_t *name)
{
    ngx_uint_t                i;
    ngx_http_fn_function_t  **fn;

    fn = fmcf->functions.elts;

    for (i = 0; i < fmcf->functions.nelts; i++) {
        if (fn[i]->name.len == name->len
            && ngx_strncmp(fn[i]->name.data, name->data, name->len) == 0)
        {
            return fn[i];
        }
    }

    return NULL;
}


/*
 * Who runs as the workers' user can read their memory, other clients'
 * requests and keys included, and end them: so it is another user by default.
 */

static ngx_int_t
ngx_http_fn_function_user(ngx_conf_t *cf, ngx_http_fn_function_t *fn,
    ngx_http_fn_loc_conf_t *flcf)
{
    struct passwd    *pwd;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    if (geteuid() != 0) {
        fn->uid = geteuid();
        fn->gid = getegid();

        if (flcf->user.data) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "the \"fn_user\" directive makes sense only "
                               "if the master process runs with super-user "
                               "privileges, ignored");
        }

        return NGX_OK;
    }

    if (flcf->in_worker) {
        fn->uid = ccf->user;
        fn->gid = ccf->group;

        if (fn->uid == (uid_t) NGX_CONF_UNSET_UINT) {
            pwd = getpwnam(NGX_USER);
            fn->uid = pwd ? pwd->pw_uid : 65534;
            fn->gid = pwd ? pwd->pw_gid : 65534;
        }

        return NGX_OK;
    }

    fn->user = flcf->user;
    fn->uid = flcf->uid;
    fn->gid = flcf->gid;

    if (fn->user.data == NULL) {
        ngx_str_set(&fn->user, "nobody");

        pwd = getpwnam((char *) fn->user.data);

        if (pwd == NULL) {
            ngx_http_fn_function_error(cf, fn, 0, "there is no user "
                                       "\"nobody\", set \"fn_user\"");
            return NGX_ERROR;
        }

        fn->uid = pwd->pw_uid;
        fn->gid = pwd->pw_gid;
    }

    return NGX_OK;
}


/*
 * Who runs as the workers' user can read their memory, other clients' requests
 * and keys included.  "user" may stand behind http {}, so it is tested here.
 */

void
ngx_http_fn_conf_users(ngx_cycle_t *cycle, ngx_http_fn_main_conf_t *fmcf)
{
    ngx_uint_t                 i;
    ngx_core_conf_t           *ccf;
    ngx_http_fn_function_t   **fn;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    fn = fmcf->functions.elts;

    for (i = 0; i < fmcf->functions.nelts; i++) {
        if (fn[i]->user.len && fn[i]->uid != 0
            && fn[i]->uid == (uid_t) ccf->user)
        {
            ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                          "fn \"%V\" runs as \"%V\", as the nginx workers "
                          "do, and can read their memory: set \"fn_user\" "
                          "or \"user\"", &fn[i]->name, &fn[i]->user);
        }
    }
}


static ngx_int_t
ngx_http_fn_function_target(ngx_conf_t *cf, ngx_http_fn_function_t *fn)
{
    char       *command;
    ngx_str_t   name;

    name = fn->target;

    if (ngx_conf_full_name(cf->cycle, &fn->target, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (access((char *) fn->target.data, F_OK) == 0) {
        return ngx_http_fn_function_access(cf, fn, (char *) fn->target.data,
                                           R_OK);
    }

    if (fn->lang->file
        || ngx_strlchr(name.data, name.data + name.len, '/') != NULL)
    {
        ngx_http_fn_function_error(cf, fn, ngx_errno,
                                   "file \"%V\" not found", &fn->target);
        return NGX_ERROR;
    }

    /* a command instead of a file */

    command = ngx_http_fn_command_search(cf->pool, (char *) name.data);

    if (command == NULL) {
        ngx_http_fn_function_error(cf, fn, 0,
                                   "\"%V\" is neither a file nor a command "
                                   "in \"" NGX_HTTP_FN_SEARCH_PATH "\"",
                                   &name);
        return NGX_ERROR;
    }

    fn->target = name;

    return NGX_OK;
}


/* what loads it is looked at when its environment is known */

static ngx_int_t
ngx_http_fn_function_in_worker(ngx_conf_t *cf, ngx_http_fn_function_t *fn,
    ngx_http_fn_loc_conf_t *flcf)
{
    ngx_conf_file_t     conf_file, *saved;
    ngx_thread_pool_t  *tp;

    if (!fn->lang->native
        && ngx_http_fn_command_argv(cf, fn, flcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    fn->concurrency = 1;
    fn->block_warn = flcf->block_warn;
    fn->crash_limit = flcf->crash_limit;
    fn->crash_time = flcf->crash_time;
    fn->threads = flcf->threads;

    tp = NULL;

    if (flcf->threads) {

        /* nginx says later that it doesn't know the pool, and where */

        conf_file = *cf->conf_file;
        conf_file.file.name.data = fn->conf_file;
        conf_file.line = fn->conf_line;

        saved = cf->conf_file;
        cf->conf_file = &conf_file;

        tp = ngx_thread_pool_add(cf, flcf->thread_pool.len
                                     ? &flcf->thread_pool : NULL);

        cf->conf_file = saved;

        if (tp == NULL) {
            return NGX_ERROR;
        }
    }

    return ngx_http_fn_native_create(cf, fn, tp);
}


static ngx_int_t
ngx_http_fn_function_object(ngx_conf_t *cf, ngx_http_fn_function_t *fn,
    ngx_http_fn_loc_conf_t *flcf)
{
    ngx_str_t  reason;

    ngx_str_set(&fn->symbol, "handler");

    if (fn->lang->native) {
        fn->object = fn->target;

        if (fn->entry.len) {
            fn->symbol = fn->entry;
        }

    } else if (ngx_http_fn_embed_object(cf, fn, flcf, &reason) != NGX_OK) {
        goto failed;
    }

    if (ngx_http_fn_object_check(cf->pool, &fn->object, &fn->symbol, fn->uid,
                                 fn->gid, &reason)
        == NGX_OK)
    {
        return NGX_OK;
    }

failed:

    ngx_http_fn_function_error(cf, fn, 0, "%V", &reason);

    return NGX_ERROR;
}


typedef struct {
    char       *file;
    int         mode;
} ngx_http_fn_function_access_t;


/* asked by a child that is the function's user: root may read everything */

ngx_int_t
ngx_http_fn_function_access(ngx_conf_t *cf, ngx_http_fn_function_t *fn,
    char *file, int mode)
{
    u_char                         buf[NGX_HTTP_FN_CHILD_ANSWER];
    ngx_err_t                      err;
    ngx_str_t                      answer;
    ngx_http_fn_child_t            child;
    ngx_http_fn_function_access_t  access_to;

    answer.data = buf;

    access_to.file = file;
    access_to.mode = mode;

    ngx_memzero(&child, sizeof(ngx_http_fn_child_t));

    child.main = ngx_http_fn_function_access_child;
    child.data = &access_to;
    child.what = "access()";
    child.user = (char *) fn->user.data;
    child.uid = fn->uid;
    child.gid = fn->gid;
    child.seconds = 60;

    if (fn->user.data == NULL) {
        err = access(file, mode) == -1 ? ngx_errno : 0;

    } else if (ngx_http_fn_child_run(&child, &answer) == NGX_OK) {
        ngx_memcpy(&err, answer.data, sizeof(ngx_err_t));

    } else {
        ngx_http_fn_function_error(cf, fn, 0, "%V", &answer);
        return NGX_ERROR;
    }

    if (err == 0) {
        return NGX_OK;
    }

    ngx_http_fn_function_error(cf, fn, err,
                               "\"%s\" is not %s for user \"%V\" (\"fn_user\")",
                               file, mode == X_OK ? "executable" : "readable",
                               &fn->user);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_fn_function_access_child(void *data, int fd)
{
    ngx_http_fn_function_access_t *to = data;

    ngx_err_t  err;

    err = access(to->file, to->mode) == -1 ? ngx_errno : 0;

    return (write(fd, &err, sizeof(ngx_err_t)) == sizeof(ngx_err_t))
           ? NGX_OK : NGX_ERROR;
}


/* says where the function was configured: a merge has no line of its own */

void
ngx_http_fn_function_error(ngx_conf_t *cf, ngx_http_fn_function_t *fn,
    ngx_err_t err, const char *fmt, ...)
{
    u_char   *p, buf[NGX_MAX_CONF_ERRSTR];
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + sizeof(buf), fmt, args);
    va_end(args);

    ngx_log_error(NGX_LOG_EMERG, cf->log, err, "%*s in %s:%ui",
                  (size_t) (p - buf), buf, fn->conf_file, fn->conf_line);
}
