
#include "ngx_http_fn_conf.h"
#include "ngx_http_fn_dispatch.h"
#include "ngx_http_fn_handler.h"
#include "ngx_http_fn_lang.h"
#include "ngx_http_fn_status.h"


static ngx_uint_t ngx_http_fn_conf_taken(ngx_conf_t *cf);
static char *ngx_http_fn_conf_content(ngx_conf_t *cf,
    ngx_http_handler_pt handler);
static char *ngx_http_fn_conf_target(ngx_conf_t *cf,
    ngx_http_fn_loc_conf_t *flcf, ngx_str_t *value);
static char *ngx_http_fn_conf_parameter(ngx_conf_t *cf,
    ngx_http_fn_loc_conf_t *flcf, ngx_str_t *value);
static char *ngx_http_fn_conf_time(ngx_conf_t *cf, ngx_str_t *value,
    char *name, ngx_msec_t *time);


char *
ngx_http_fn_conf_handler(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_fn_loc_conf_t *flcf = conf;

    char        *rv;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (ngx_http_fn_conf_taken(cf)) {
        return "is duplicate";
    }

    value = cf->args->elts;

    flcf->conf_file = cf->conf_file->file.name.data;
    flcf->conf_line = cf->conf_file->line;

    rv = ngx_http_fn_conf_target(cf, flcf, &value[1]);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_fn_conf_parameter(cf, flcf, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (flcf->lang->native) {
        flcf->in_worker = 1;
    }

    if (flcf->in_worker && !flcf->lang->native && !flcf->lang->builds
        && flcf->lang->embed == NULL)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "runtime \"%V\" does not run \"in_worker\"",
                           &flcf->lang->name);
        return NGX_CONF_ERROR;
    }

    if (flcf->threads && !flcf->in_worker) {
        return "takes \"threads\" with native handlers and \"in_worker\" "
               "only";
    }

    return ngx_http_fn_conf_content(cf, ngx_http_fn_handler);
}


/* a location has one content handler, of this module or another */

static ngx_uint_t
ngx_http_fn_conf_taken(ngx_conf_t *cf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    return clcf->handler != NULL;
}


static char *
ngx_http_fn_conf_content(ngx_conf_t *cf, ngx_http_handler_pt handler)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    clcf->handler = handler;

    if (clcf->name.len && clcf->name.data[clcf->name.len - 1] == '/') {
        clcf->auto_redirect = 1;
    }

    return NGX_CONF_OK;
}


/* RUNTIME:TARGET[:ENTRY] */

static char *
ngx_http_fn_conf_target(ngx_conf_t *cf, ngx_http_fn_loc_conf_t *flcf,
    ngx_str_t *value)
{
    u_char     *p, *last;
    ngx_str_t   name;

    last = value->data + value->len;

    p = ngx_strlchr(value->data, last, ':');
    if (p == NULL) {
        return "takes RUNTIME:TARGET[:ENTRY]";
    }

    name.data = value->data;
    name.len = p - value->data;

    flcf->lang = ngx_http_fn_lang_find(&name);

    if (flcf->lang == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown runtime \"%V\"",
                           &name);
        return NGX_CONF_ERROR;
    }

    flcf->target.data = p + 1;
    flcf->target.len = last - flcf->target.data;

    p = ngx_strlchr(flcf->target.data, last, ':');

    if (p) {
        flcf->target.len = p - flcf->target.data;
        flcf->entry.data = p + 1;
        flcf->entry.len = last - flcf->entry.data;

        *p = '\0';

        p = ngx_strlchr(flcf->entry.data, last, ':');

        if (p && flcf->lang->colon) {
            p = ngx_strlchr(p + 1, last, ':');
        }

        if (p || flcf->entry.len == 0) {
            return "takes RUNTIME:TARGET[:ENTRY]";
        }
    }

    if (flcf->target.len == 0) {
        return "takes RUNTIME:TARGET[:ENTRY]";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_fn_conf_parameter(ngx_conf_t *cf, ngx_http_fn_loc_conf_t *flcf,
    ngx_str_t *value)
{
    if (ngx_strncmp(value->data, "name=", 5) == 0 && value->len > 5) {
        flcf->name.data = value->data + 5;
        flcf->name.len = value->len - 5;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "in_worker") == 0) {
        flcf->in_worker = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "threads") == 0) {
        flcf->threads = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "threads=", 8) == 0 && value->len > 8) {
        flcf->threads = 1;
        flcf->thread_pool.data = value->data + 8;
        flcf->thread_pool.len = value->len - 8;
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       value);

    return NGX_CONF_ERROR;
}


char *
ngx_http_fn_conf_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_fn_loc_conf_t *flcf = conf;

    ngx_url_t   u;
    ngx_str_t  *value;

    if (ngx_http_fn_conf_taken(cf)) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = value[1];
    u.no_resolve = 1;

    flcf->upstream.upstream = ngx_http_upstream_add(cf, &u, 0);
    if (flcf->upstream.upstream == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_fn_conf_content(cf, ngx_http_fn_handler);
}


char *
ngx_http_fn_conf_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_fn_loc_conf_t *flcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    static ngx_conf_enum_t  formats[] = {
        { ngx_string("json"), NGX_HTTP_FN_STATUS_JSON },
        { ngx_string("html"), NGX_HTTP_FN_STATUS_HTML },
        { ngx_string("prometheus"), NGX_HTTP_FN_STATUS_PROMETHEUS },
        { ngx_null_string, 0 }
    };

    if (ngx_http_fn_conf_taken(cf)) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 1) {
        flcf->status_format = NGX_HTTP_FN_STATUS_JSON;
        return ngx_http_fn_conf_content(cf, ngx_http_fn_status_handler);
    }

    for (i = 0; formats[i].name.len; i++) {
        if (ngx_strcmp(value[1].data, formats[i].name.data) == 0) {
            flcf->status_format = formats[i].value;
            return ngx_http_fn_conf_content(cf, ngx_http_fn_status_handler);
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\"",
                       &value[1]);

    return NGX_CONF_ERROR;
}


char *
ngx_http_fn_conf_call(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_fn_main_conf_t    *fmcf;
    ngx_http_core_srv_conf_t  **server;

    if (ngx_http_fn_conf_taken(cf)) {
        return "is duplicate";
    }

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_fn_module);

    if (fmcf->call_servers == NULL) {
        fmcf->call_servers = ngx_array_create(cf->pool, 1, sizeof(void *));
        if (fmcf->call_servers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    server = ngx_array_push(fmcf->call_servers);
    if (server == NULL) {
        return NGX_CONF_ERROR;
    }

    *server = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);

    return ngx_http_fn_conf_content(cf, ngx_http_fn_dispatch_handler);
}


char *
ngx_http_fn_conf_prefetch(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_fn_loc_conf_t *flcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (flcf->prefetch != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "auto") == 0) {
        flcf->prefetch = NGX_HTTP_FN_AHEAD_AUTO;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "off") == 0) {
        flcf->prefetch = 0;
        return NGX_CONF_OK;
    }

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > NGX_HTTP_FN_AHEAD_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\", it must be \"auto\", "
                           "\"off\" or a number from 1 to %d",
                           &value[1], NGX_HTTP_FN_AHEAD_MAX);
        return NGX_CONF_ERROR;
    }

    flcf->prefetch = n;

    return NGX_CONF_OK;
}


char *
ngx_http_fn_conf_queue(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_fn_loc_conf_t *flcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (flcf->queue != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid number \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    flcf->queue = n;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    return ngx_http_fn_conf_time(cf, &value[2], "timeout=",
                                 &flcf->queue_timeout);
}


char *
ngx_http_fn_conf_crash_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_fn_loc_conf_t *flcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (flcf->crash_limit != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n == NGX_ERROR || n > NGX_HTTP_FN_CRASHES_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\", it must be a number from 0 "
                           "to %d", &value[1], NGX_HTTP_FN_CRASHES_MAX);
        return NGX_CONF_ERROR;
    }

    flcf->crash_limit = n;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    return ngx_http_fn_conf_time(cf, &value[2], "within=",
                                 &flcf->crash_time);
}


/* the parameter NAME=TIME, which is not 0 */

static char *
ngx_http_fn_conf_time(ngx_conf_t *cf, ngx_str_t *value, char *name,
    ngx_msec_t *time)
{
    size_t     len;
    ngx_int_t  n;
    ngx_str_t  s;

    len = ngx_strlen(name);

    if (ngx_strncmp(value->data, name, len) == 0) {
        s.data = value->data + len;
        s.len = value->len - len;

        n = ngx_parse_time(&s, 0);

        if (n != NGX_ERROR && n != 0) {
            *time = n;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       value);

    return NGX_CONF_ERROR;
}


char *
ngx_http_fn_conf_env(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_fn_loc_conf_t *flcf = conf;

    u_char      *p;
    ngx_str_t   *value, *env;
    ngx_uint_t   i;

    static ngx_str_t  reserved[] = {
        ngx_string("FN_PROTOCOL"),
        ngx_string("FN_NAME"),
        ngx_string("FN_TARGET"),
        ngx_string("FN_ENTRY"),
        ngx_string("FN_SLOT"),
        ngx_string("FN_CONCURRENCY"),
        ngx_string("FN_LOG_LEVEL"),
        ngx_string("FN_LINE_MAX"),
        ngx_string("FN_ARGUMENTS_HEADER"),
        ngx_string("FN_CALL"),
        ngx_string("FN_COMMAND"),
        ngx_null_string
    };

    value = cf->args->elts;

    p = ngx_strlchr(value[1].data, value[1].data + value[1].len, '=');

    if (p == NULL || p == value[1].data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\", it must be NAME=VALUE",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (flcf->env == NGX_CONF_UNSET_PTR) {
        flcf->env = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
        if (flcf->env == NGX_CONF_UNSET_PTR) {
            return NGX_CONF_ERROR;
        }
    }

    for (i = 0; reserved[i].len; i++) {
        if ((size_t) (p - value[1].data) == reserved[i].len
            && ngx_strncmp(value[1].data, reserved[i].data, reserved[i].len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "variable \"%V\" is set by nginx",
                               &reserved[i]);
            return NGX_CONF_ERROR;
        }
    }

    env = ngx_array_push(flcf->env);
    if (env == NULL) {
        return NGX_CONF_ERROR;
    }

    *env = value[1];

    return NGX_CONF_OK;
}


char *
ngx_http_fn_conf_user(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_fn_loc_conf_t *flcf = conf;

    char           *group;
    ngx_str_t      *value;
    struct group   *grp;
    struct passwd  *pwd;

    if (flcf->user.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ngx_set_errno(0);
    pwd = getpwnam((char *) value[1].data);

    if (pwd == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "getpwnam(\"%V\") failed", &value[1]);
        return NGX_CONF_ERROR;
    }

    flcf->user = value[1];
    flcf->uid = pwd->pw_uid;
    flcf->gid = pwd->pw_gid;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    group = (char *) value[2].data;

    ngx_set_errno(0);
    grp = getgrnam(group);

    if (grp == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "getgrnam(\"%s\") failed", group);
        return NGX_CONF_ERROR;
    }

    flcf->gid = grp->gr_gid;

    return NGX_CONF_OK;
}


char *
ngx_http_fn_conf_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_fn_loc_conf_t *flcf = conf;

    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    if (flcf->limit_memory != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    flcf->limit_memory = 0;
    flcf->limit_requests = 0;
    flcf->limit_files = 0;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        s.data = (u_char *) ngx_strchr(value[i].data, '=');
        if (s.data == NULL) {
            goto invalid;
        }

        s.data++;
        s.len = value[i].data + value[i].len - s.data;

        if (ngx_strncmp(value[i].data, "memory=", 7) == 0) {
            n = (ngx_int_t) ngx_parse_offset(&s);     /* "1g" too */
            flcf->limit_memory = n;

        } else if (ngx_strncmp(value[i].data, "requests=", 9) == 0) {
            n = ngx_atoi(s.data, s.len);
            flcf->limit_requests = n;

        } else if (ngx_strncmp(value[i].data, "files=", 6) == 0) {
            n = ngx_atoi(s.data, s.len);
            flcf->limit_files = n;

        } else {
            goto invalid;
        }

        if (n <= 0) {
            goto invalid;
        }
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       &value[i]);

    return NGX_CONF_ERROR;
}


char *
ngx_http_fn_conf_command(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_fn_loc_conf_t *flcf = conf;

    ngx_str_t                 *value, *arg;
    ngx_uint_t                 i;
    ngx_http_fn_command_t     *command;
    const ngx_http_fn_lang_t  *lang;

    value = cf->args->elts;

    if (flcf->commands == NGX_CONF_UNSET_PTR) {
        flcf->commands = ngx_array_create(cf->pool, 2,
                                          sizeof(ngx_http_fn_command_t));
        if (flcf->commands == NGX_CONF_UNSET_PTR) {
            return NGX_CONF_ERROR;
        }
    }

    lang = ngx_http_fn_lang_find(&value[1]);

    if (lang == NULL || lang->native) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "runtime \"%V\" is unknown or takes no command",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    command = flcf->commands->elts;

    for (i = 0; i < flcf->commands->nelts; i++) {
        if (command[i].lang == lang) {
            return "is duplicate";
        }
    }

    command = ngx_array_push(flcf->commands);
    if (command == NULL) {
        return NGX_CONF_ERROR;
    }

    command->lang = lang;

    if (ngx_array_init(&command->argv, cf->pool, 4, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        arg = ngx_array_push(&command->argv);
        if (arg == NULL) {
            return NGX_CONF_ERROR;
        }

        *arg = value[i];
    }

    return NGX_CONF_OK;
}


char *
ngx_http_fn_conf_arguments(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_fn_loc_conf_t *flcf = conf;

    ngx_str_t   *value, *arg;
    ngx_uint_t   i;

    if (flcf->arguments != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    flcf->arguments = ngx_array_create(cf->pool, cf->args->nelts,
                                       sizeof(ngx_str_t));
    if (flcf->arguments == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        arg = ngx_array_push(flcf->arguments);
        if (arg == NULL) {
            return NGX_CONF_ERROR;
        }

        *arg = value[i];
    }

    return NGX_CONF_OK;
}


char *
ngx_http_fn_conf_not_zero(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t  *time = data;

    if (*time == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "value must not be 0");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_fn_conf_upstream(ngx_conf_t *cf, ngx_http_fn_loc_conf_t *prev,
    ngx_http_fn_loc_conf_t *conf)
{
    ngx_hash_init_t            hash;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_upstream_conf_t  *u;

    static ngx_str_t  hidden[] = { ngx_null_string };

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    u = &conf->upstream;

    ngx_conf_merge_msec_value(u->connect_timeout,
                              prev->upstream.connect_timeout, 5000);
    ngx_conf_merge_value(u->buffering, prev->upstream.buffering, 1);
    ngx_conf_merge_size_value(u->buffer_size, prev->upstream.buffer_size,
                              16384);
    ngx_conf_merge_bufs_value(u->bufs, prev->upstream.bufs, 8, 16384);
    ngx_conf_merge_bitmask_value(u->next_upstream,
                                 prev->upstream.next_upstream,
                                 (NGX_CONF_BITMASK_SET
                                  |NGX_HTTP_UPSTREAM_FT_ERROR
                                  |NGX_HTTP_UPSTREAM_FT_TIMEOUT));

    if (u->buffer_size < 1024) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"fn_buffer_size\" must be at least 1k");
        return NGX_ERROR;
    }

    if (u->bufs.num < 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "there must be at least 2 \"fn_buffers\"");
        return NGX_ERROR;
    }

    if (u->next_upstream & NGX_HTTP_UPSTREAM_FT_OFF) {
        u->next_upstream = NGX_CONF_BITMASK_SET | NGX_HTTP_UPSTREAM_FT_OFF;
    }

    /* fn_timeout has a timer of its own, which comes first */

    u->send_timeout = conf->timeout + 5000;
    u->read_timeout = conf->timeout + 5000;

    /* what a slow client has not read yet must not hold a process */

    u->busy_buffers_size = 2 * ngx_max(u->buffer_size, u->bufs.size);
    u->max_temp_file_size = 1024 * 1024 * 1024;
    u->temp_file_write_size = u->busy_buffers_size;
    u->temp_path = clcf->client_body_temp_path;

    u->pass_request_headers = 1;
    u->pass_request_body = 1;
    ngx_str_set(&u->module, "fn");

    hash.max_size = 512;
    hash.bucket_size = ngx_align(64, ngx_cacheline_size);
    hash.name = "fn_headers_hash";

    return ngx_http_upstream_hide_headers_hash(cf, u, &prev->upstream,
                                               hidden, &hash);
}
