
/* What a function's processes are started with: arguments and environment. */


#include "ngx_http_fn_command.h"
#include "ngx_http_fn_function.h"
#include "ngx_http_fn_log.h"


#define NGX_HTTP_FN_ENV_MAX  8192      /* a token of nginx.conf has 4096 */


static ngx_int_t ngx_http_fn_command_interpreter(ngx_conf_t *cf,
    ngx_http_fn_function_t *fn, ngx_http_fn_loc_conf_t *flcf,
    ngx_array_t *argv);
static ngx_int_t ngx_http_fn_command_setenv(ngx_conf_t *cf,
    ngx_array_t *env, const char *fmt, ...);


ngx_int_t
ngx_http_fn_command_argv(ngx_conf_t *cf, ngx_http_fn_function_t *fn,
    ngx_http_fn_loc_conf_t *flcf)
{
    char         *program, **arg;
    size_t        len;
    ngx_str_t    *value;
    ngx_uint_t    i;
    ngx_array_t   argv;

    if (ngx_array_init(&argv, cf->pool, 8, sizeof(char *)) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_fn_command_interpreter(cf, fn, flcf, &argv) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; fn->lang->options[i]; i++) {
        arg = ngx_array_push(&argv);
        if (arg == NULL) {
            return NGX_ERROR;
        }

        *arg = fn->lang->options[i];
    }

    if (fn->lang->program) {
        len = sizeof(NGX_HTTP_FN_RUNTIMES "/") + ngx_strlen(fn->lang->program);

        program = ngx_pnalloc(cf->pool, len);
        arg = ngx_array_push(&argv);
        if (program == NULL || arg == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_sprintf((u_char *) program, NGX_HTTP_FN_RUNTIMES "/%s%Z",
                           fn->lang->program);
        *arg = program;

        if (ngx_http_fn_function_access(cf, fn, program, R_OK) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    arg = argv.elts;

    if (ngx_http_fn_function_access(cf, fn, arg[0], X_OK) != NGX_OK) {
        return NGX_ERROR;
    }

    if (fn->lang->arguments && flcf->arguments) {
        arg = ngx_array_push(&argv);
        if (arg == NULL) {
            return NGX_ERROR;
        }

        *arg = "--";
        value = flcf->arguments->elts;

        for (i = 0; i < flcf->arguments->nelts; i++) {
            arg = ngx_array_push(&argv);
            if (arg == NULL) {
                return NGX_ERROR;
            }

            *arg = (char *) value[i].data;
        }
    }

    arg = ngx_array_push(&argv);
    if (arg == NULL) {
        return NGX_ERROR;
    }

    *arg = NULL;
    fn->argv = argv.elts;

    return NGX_OK;
}


/* fn_command, or what is usual for the language */

static ngx_int_t
ngx_http_fn_command_interpreter(ngx_conf_t *cf, ngx_http_fn_function_t *fn,
    ngx_http_fn_loc_conf_t *flcf, ngx_array_t *argv)
{
    char                   *name, **arg;
    ngx_str_t              *value;
    ngx_uint_t              i, n;
    ngx_http_fn_command_t  *command;

    n = flcf->commands ? flcf->commands->nelts : 0;
    command = flcf->commands ? flcf->commands->elts : NULL;

    for (i = 0; i < n && command[i].lang != fn->lang; i++) { /* void */ }

    if (i == n && fn->lang->command == NULL) {
        return NGX_OK;
    }

    arg = ngx_array_push(argv);
    if (arg == NULL) {
        return NGX_ERROR;
    }

    value = (i < n) ? command[i].argv.elts : NULL;
    name = value ? (char *) value[0].data : fn->lang->command;

    *arg = ngx_http_fn_command_search(cf->pool, name);

    if (*arg == NULL) {
        ngx_http_fn_function_error(cf, fn, 0,
                                   "interpreter \"%s\" of runtime \"%V\" not "
                                   "found, install it or set \"fn_command\"",
                                   name, &fn->lang->name);
        return NGX_ERROR;
    }

    for (n = 1; value && n < command[i].argv.nelts; n++) {
        arg = ngx_array_push(argv);
        if (arg == NULL) {
            return NGX_ERROR;
        }

        *arg = (char *) value[n].data;
    }

    return NGX_OK;
}


char *
ngx_http_fn_command_search(ngx_pool_t *pool, char *name)
{
    char    *path, *next, *file;
    size_t   len;

    if (name[0] == '/') {
        return access(name, X_OK) == 0 ? name : NULL;
    }

    len = sizeof(NGX_HTTP_FN_SEARCH_PATH) + ngx_strlen(name) + 1;

    file = ngx_pnalloc(pool, len);
    if (file == NULL) {
        return NULL;
    }

    for (path = NGX_HTTP_FN_SEARCH_PATH; path; path = next) {

        next = strchr(path, ':');
        len = next ? (size_t) (next - path) : ngx_strlen(path);
        next = next ? next + 1 : NULL;

        (void) ngx_sprintf((u_char *) file, "%*s/%s%Z", len, path, name);

        if (access(file, X_OK) == 0) {
            return file;
        }
    }

    return NULL;
}


/* PROTOCOL 1.2 */

ngx_int_t
ngx_http_fn_command_env(ngx_conf_t *cf, ngx_http_fn_function_t *fn,
    ngx_http_fn_loc_conf_t *flcf)
{
    char                     **var, *colon;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_array_t                env;
    ngx_http_fn_main_conf_t   *fmcf;

    if (ngx_array_init(&env, cf->pool, 24, sizeof(char *)) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; flcf->env && i < flcf->env->nelts; i++) {
        value = flcf->env->elts;

        if (ngx_http_fn_command_setenv(cf, &env, "%V%Z", &value[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    colon = fn->entry.len ? ":" : "";

    if (ngx_http_fn_command_setenv(cf, &env, "PATH=%s%Z",
                                    NGX_HTTP_FN_SEARCH_PATH)
        || ngx_http_fn_command_setenv(cf, &env, "LANG=C.UTF-8%Z")
        || ngx_http_fn_command_setenv(cf, &env, "FN_PROTOCOL=1%Z")
        || ngx_http_fn_command_setenv(cf, &env, "FN_NAME=%V%Z", &fn->name)
        || ngx_http_fn_command_setenv(cf, &env, "FN_TARGET=%V%Z",
                                       &fn->target)
        || ngx_http_fn_command_setenv(cf, &env, "FN_CONCURRENCY=%ui%Z",
                                       fn->concurrency)
        || ngx_http_fn_command_setenv(cf, &env, "FN_LOG_LEVEL=%V%Z",
                                       ngx_http_fn_log_level(flcf->log_level))
        || ngx_http_fn_command_setenv(cf, &env, "FN_LINE_MAX=%uz%Z",
                                       flcf->upstream.buffer_size)
        || ngx_http_fn_command_setenv(cf, &env,
                                       "NUCLIO_FUNCTION_NAME=%V%Z",
                                       &fn->name)
        || ngx_http_fn_command_setenv(cf, &env,
                                       "NUCLIO_FUNCTION_HANDLER=%V%s%V%Z",
                                       &fn->target, colon, &fn->entry)
        || ngx_http_fn_command_setenv(cf, &env, "NUCLIO_HANDLER=%V%s%V%Z",
                                       &fn->target, colon, &fn->entry))
    {
        return NGX_ERROR;
    }

    if (fn->native && fn->lang->command
        && ngx_http_fn_command_setenv(cf, &env, "FN_COMMAND=%s%Z",
                                      fn->argv[0]))
    {
        return NGX_ERROR;
    }

    if (fn->entry.len
        && ngx_http_fn_command_setenv(cf, &env, "FN_ENTRY=%V%Z", &fn->entry))
    {
        return NGX_ERROR;
    }

    if (flcf->arguments_header
        && ngx_http_fn_command_setenv(cf, &env, "FN_ARGUMENTS_HEADER=1%Z"))
    {
        return NGX_ERROR;
    }

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_fn_module);

    if (fmcf->call.len
        && ngx_http_fn_command_setenv(cf, &env, "FN_CALL=%V%Z", &fmcf->call))
    {
        return NGX_ERROR;
    }

    var = ngx_array_push(&env);
    if (var == NULL) {
        return NGX_ERROR;
    }

    *var = NULL;
    fn->env = env.elts;

    return NGX_OK;
}


char **
ngx_http_fn_command_slot_env(ngx_pool_t *pool, ngx_http_fn_function_t *fn,
    ngx_uint_t n)
{
    char        **env;
    u_char       *p;
    ngx_uint_t    nenv;

    for (nenv = 0; fn->env[nenv]; nenv++) { /* void */ }

    env = ngx_palloc(pool, (nenv + 2) * sizeof(char *));
    p = ngx_pnalloc(pool, sizeof("FN_SLOT=") + NGX_INT_T_LEN);

    if (env == NULL || p == NULL) {
        return NULL;
    }

    ngx_memcpy(env, fn->env, nenv * sizeof(char *));

    env[nenv] = (char *) p;
    env[nenv + 1] = NULL;

    (void) ngx_sprintf(p, "FN_SLOT=%ui%Z", n);

    return env;
}


/* the first of a name counts, so that fn_env may replace all */

static ngx_int_t
ngx_http_fn_command_setenv(ngx_conf_t *cf, ngx_array_t *env,
    const char *fmt, ...)
{
    char        **var;
    u_char       *p, buf[NGX_HTTP_FN_ENV_MAX];
    size_t        len;
    va_list       args;
    ngx_uint_t    i;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + sizeof(buf) - 1, fmt, args);
    va_end(args);

    *p = '\0';

    p = (u_char *) ngx_strchr(buf, '=');
    len = p + 1 - buf;

    var = env->elts;

    for (i = 0; i < env->nelts; i++) {
        if (ngx_strncmp(var[i], buf, len) == 0) {
            return NGX_OK;
        }
    }

    len = ngx_strlen(buf) + 1;

    var = ngx_array_push(env);
    p = ngx_pnalloc(cf->pool, len);
    if (var == NULL || p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, buf, len);
    *var = (char *) p;

    return NGX_OK;
}
