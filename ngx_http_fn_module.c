
/*
 * Functions served by nginx: the directives, their inheritance, and the hooks
 * of the module.  src/README says where everything else is.
 */


#include "ngx_http_fn.h"
#include "ngx_http_fn_conf.h"
#include "ngx_http_fn_handler.h"
#include "ngx_http_fn_peer.h"
#include "ngx_http_fn_slot.h"
#include "ngx_http_fn_supervisor.h"
#include "ngx_http_fn_variables.h"
#include "ngx_http_fn_worker.h"


static ngx_int_t ngx_http_fn_preconfiguration(ngx_conf_t *cf);
static void *ngx_http_fn_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_fn_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_fn_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_fn_merge_handler(ngx_conf_t *cf,
    ngx_http_fn_loc_conf_t *prev, ngx_http_fn_loc_conf_t *conf);
static ngx_int_t ngx_http_fn_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_fn_init_process(ngx_cycle_t *cycle);
static void ngx_http_fn_exit_process(ngx_cycle_t *cycle);


static ngx_conf_num_bounds_t  ngx_http_fn_processes_bounds = {
    ngx_conf_check_num_bounds, 1, 1024
};


static ngx_conf_num_bounds_t  ngx_http_fn_concurrency_bounds = {
    ngx_conf_check_num_bounds, 1, 1024
};


static ngx_conf_post_t  ngx_http_fn_not_zero = {
    ngx_http_fn_conf_not_zero
};


static ngx_conf_enum_t  ngx_http_fn_log_levels[] = {
    { ngx_string("debug"), NGX_LOG_DEBUG },
    { ngx_string("info"), NGX_LOG_INFO },
    { ngx_string("warn"), NGX_LOG_WARN },
    { ngx_string("error"), NGX_LOG_ERR },
    { ngx_null_string, 0 }
};


static ngx_conf_bitmask_t  ngx_http_fn_next_masks[] = {
    { ngx_string("error"), NGX_HTTP_UPSTREAM_FT_ERROR },
    { ngx_string("timeout"), NGX_HTTP_UPSTREAM_FT_TIMEOUT },
    { ngx_string("invalid_header"), NGX_HTTP_UPSTREAM_FT_INVALID_HEADER },
    { ngx_string("non_idempotent"), NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT },
    { ngx_string("http_500"), NGX_HTTP_UPSTREAM_FT_HTTP_500 },
    { ngx_string("http_503"), NGX_HTTP_UPSTREAM_FT_HTTP_503 },
    { ngx_string("http_403"), NGX_HTTP_UPSTREAM_FT_HTTP_403 },
    { ngx_string("http_404"), NGX_HTTP_UPSTREAM_FT_HTTP_404 },
    { ngx_string("http_429"), NGX_HTTP_UPSTREAM_FT_HTTP_429 },
    { ngx_string("off"), NGX_HTTP_UPSTREAM_FT_OFF },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_fn_commands[] = {

    { ngx_string("fn_handler"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF|NGX_HTTP_LMT_CONF|NGX_CONF_1MORE,
      ngx_http_fn_conf_handler,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("fn_pass"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF|NGX_HTTP_LMT_CONF|NGX_CONF_TAKE1,
      ngx_http_fn_conf_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("fn_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_fn_conf_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("fn_call"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_fn_conf_call,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("fn_processes"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, processes),
      &ngx_http_fn_processes_bounds },

    { ngx_string("fn_concurrency"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, concurrency),
      &ngx_http_fn_concurrency_bounds },

    { ngx_string("fn_prefetch"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_fn_conf_prefetch,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("fn_queue"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_fn_conf_queue,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("fn_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, timeout),
      &ngx_http_fn_not_zero },

    { ngx_string("fn_connect_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, upstream.connect_timeout),
      &ngx_http_fn_not_zero },

    { ngx_string("fn_start_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, start_timeout),
      &ngx_http_fn_not_zero },

    { ngx_string("fn_stop_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, stop_timeout),
      NULL },

    { ngx_string("fn_env"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_fn_conf_env,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("fn_user"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_fn_conf_user,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("fn_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_fn_conf_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("fn_command"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_http_fn_conf_command,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("fn_watch"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, watch),
      NULL },

    { ngx_string("fn_arguments"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_fn_conf_arguments,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("fn_arguments_header"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, arguments_header),
      NULL },

    { ngx_string("fn_debug"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, debug),
      NULL },

    { ngx_string("fn_log_level"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, log_level),
      &ngx_http_fn_log_levels },

    { ngx_string("fn_logs_header"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, logs_header),
      NULL },

    { ngx_string("fn_block_warn"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, block_warn),
      NULL },

    { ngx_string("fn_crash_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_fn_conf_crash_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("fn_buffering"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, upstream.buffering),
      NULL },

    { ngx_string("fn_buffer_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, upstream.buffer_size),
      NULL },

    { ngx_string("fn_buffers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_conf_set_bufs_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, upstream.bufs),
      NULL },

    { ngx_string("fn_next"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_fn_loc_conf_t, upstream.next_upstream),
      &ngx_http_fn_next_masks },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_fn_module_ctx = {
    ngx_http_fn_preconfiguration,          /* preconfiguration */
    ngx_http_fn_conf_functions,            /* postconfiguration */

    ngx_http_fn_create_main_conf,          /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_fn_create_loc_conf,           /* create location configuration */
    ngx_http_fn_merge_loc_conf             /* merge location configuration */
};


ngx_module_t  ngx_http_fn_module = {
    NGX_MODULE_V1,
    &ngx_http_fn_module_ctx,               /* module context */
    ngx_http_fn_commands,                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_fn_init_module,               /* init module */
    ngx_http_fn_init_process,              /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_fn_exit_process,              /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_fn_preconfiguration(ngx_conf_t *cf)
{
    ngx_str_t                 name = ngx_string("request_id");
    ngx_http_fn_main_conf_t  *fmcf;

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_fn_module);

    fmcf->request_id = ngx_http_get_variable_index(cf, &name);

    if (fmcf->request_id == NGX_ERROR) {
        return NGX_ERROR;
    }

    return ngx_http_fn_variables_add(cf);
}


static void *
ngx_http_fn_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_fn_main_conf_t  *fmcf;

    fmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_fn_main_conf_t));
    if (fmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&fmcf->functions, cf->pool, 8,
                       sizeof(ngx_http_fn_function_t *))
        != NGX_OK)
    {
        return NULL;
    }

    fmcf->worker = ngx_pcalloc(cf->pool, sizeof(ngx_http_fn_worker_t));
    if (fmcf->worker == NULL) {
        return NULL;
    }

    fmcf->worker->lifeline = -1;

    return fmcf;
}


static void *
ngx_http_fn_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_fn_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_fn_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->upstream.* but what follows
     *     conf->upstream.next_upstream = 0;
     *     conf->failed = {};
     *     conf->slots = {};
     *     conf->function = NULL;
     *     conf->name = { 0, NULL };
     *     conf->lang = NULL;
     *     conf->target, entry, thread_pool, user = { 0, NULL };
     *     conf->threads = 0;
     *     conf->in_worker = 0;
     */

    conf->upstream.connect_timeout = NGX_CONF_UNSET_MSEC;
    conf->upstream.buffering = NGX_CONF_UNSET;
    conf->upstream.buffer_size = NGX_CONF_UNSET_SIZE;
    conf->upstream.hide_headers = NGX_CONF_UNSET_PTR;
    conf->upstream.pass_headers = NGX_CONF_UNSET_PTR;

    conf->processes = NGX_CONF_UNSET_UINT;
    conf->concurrency = NGX_CONF_UNSET_UINT;
    conf->prefetch = NGX_CONF_UNSET;
    conf->queue = NGX_CONF_UNSET_UINT;
    conf->queue_timeout = NGX_CONF_UNSET_MSEC;
    conf->timeout = NGX_CONF_UNSET_MSEC;
    conf->start_timeout = NGX_CONF_UNSET_MSEC;
    conf->stop_timeout = NGX_CONF_UNSET_MSEC;
    conf->env = NGX_CONF_UNSET_PTR;
    conf->commands = NGX_CONF_UNSET_PTR;
    conf->arguments = NGX_CONF_UNSET_PTR;
    conf->arguments_header = NGX_CONF_UNSET;
    conf->limit_memory = NGX_CONF_UNSET_SIZE;
    conf->limit_files = NGX_CONF_UNSET_UINT;
    conf->limit_requests = NGX_CONF_UNSET_UINT;
    conf->watch = NGX_CONF_UNSET;
    conf->debug = NGX_CONF_UNSET;
    conf->log_level = NGX_CONF_UNSET_UINT;
    conf->logs_header = NGX_CONF_UNSET;
    conf->block_warn = NGX_CONF_UNSET_MSEC;
    conf->crash_limit = NGX_CONF_UNSET_UINT;
    conf->crash_time = NGX_CONF_UNSET_MSEC;

    return conf;
}


static char *
ngx_http_fn_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_fn_loc_conf_t *prev = parent;
    ngx_http_fn_loc_conf_t *conf = child;

    ngx_conf_merge_uint_value(conf->processes, prev->processes, 1);
    ngx_conf_merge_uint_value(conf->concurrency, prev->concurrency, 1);
    ngx_conf_merge_value(conf->prefetch, prev->prefetch,
                         NGX_HTTP_FN_AHEAD_AUTO);

    ngx_conf_merge_msec_value(conf->queue_timeout,
                              (conf->queue == NGX_CONF_UNSET_UINT)
                              ? prev->queue_timeout : NGX_CONF_UNSET_MSEC,
                              10000);
    ngx_conf_merge_uint_value(conf->queue, prev->queue, 128);

    ngx_conf_merge_msec_value(conf->timeout, prev->timeout, 60000);
    ngx_conf_merge_msec_value(conf->start_timeout, prev->start_timeout, 30000);
    ngx_conf_merge_msec_value(conf->stop_timeout, prev->stop_timeout, 500);

    ngx_conf_merge_ptr_value(conf->env, prev->env, NULL);
    ngx_conf_merge_ptr_value(conf->commands, prev->commands, NULL);
    ngx_conf_merge_ptr_value(conf->arguments, prev->arguments, NULL);
    ngx_conf_merge_value(conf->arguments_header, prev->arguments_header, 0);

    if (conf->user.data == NULL) {
        conf->user = prev->user;
        conf->uid = prev->uid;
        conf->gid = prev->gid;
    }

    ngx_conf_merge_size_value(conf->limit_memory, prev->limit_memory, 0);
    ngx_conf_merge_uint_value(conf->limit_files, prev->limit_files, 0);
    ngx_conf_merge_uint_value(conf->limit_requests, prev->limit_requests, 0);

    ngx_conf_merge_value(conf->watch, prev->watch, 0);
    ngx_conf_merge_value(conf->debug, prev->debug, 0);
    ngx_conf_merge_uint_value(conf->log_level, prev->log_level, NGX_LOG_INFO);
    ngx_conf_merge_value(conf->logs_header, prev->logs_header, 0);

    ngx_conf_merge_msec_value(conf->block_warn, prev->block_warn, 100);
    ngx_conf_merge_msec_value(conf->crash_time,
                              (conf->crash_limit == NGX_CONF_UNSET_UINT)
                              ? prev->crash_time : NGX_CONF_UNSET_MSEC,
                              10000);
    ngx_conf_merge_uint_value(conf->crash_limit, prev->crash_limit, 5);

    if (ngx_http_fn_conf_upstream(cf, prev, conf) != NGX_OK
        || ngx_http_fn_merge_handler(cf, prev, conf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_fn_merge_handler(ngx_conf_t *cf, ngx_http_fn_loc_conf_t *prev,
    ngx_http_fn_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* "if" and "limit_except" blocks serve what their location serves */

    if (clcf->noname && conf->lang == NULL && conf->upstream.upstream == NULL
        && clcf->handler == NULL)
    {
        conf->function = prev->function;
        conf->name = prev->name;
        conf->upstream.upstream = prev->upstream.upstream;

        if (clcf->lmt_excpt && conf->upstream.upstream) {
            clcf->handler = ngx_http_fn_handler;
        }
    }

    if (conf->lang) {
        if (ngx_http_fn_conf_function(cf, conf) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_str_set(&conf->slots.host, "fn");
        conf->slots.peer.init = ngx_http_fn_peer_init;
        conf->upstream.upstream = &conf->slots;

    } else if (conf->upstream.upstream && conf->name.len == 0
               && ngx_http_fn_conf_name(cf, conf, &conf->name) != NGX_OK)
    {
        return NGX_ERROR;
    }

    conf->failed = conf->upstream;
    conf->failed.intercept_errors = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_init_module(ngx_cycle_t *cycle)
{
    ngx_http_fn_main_conf_t  *fmcf;

    fmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_fn_module);

    if (fmcf == NULL || fmcf->functions.nelts == 0) {
        return NGX_OK;
    }

    ngx_http_fn_conf_users(cycle, fmcf);

    /* NGX_ERROR would end a master that reloads: the functions say 503 */

    if (!ngx_test_config && ngx_http_fn_zone_create(cycle, fmcf) == NGX_OK) {
        (void) ngx_http_fn_supervisor_start(cycle, fmcf);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_init_process(ngx_cycle_t *cycle)
{
    ngx_http_fn_main_conf_t  *fmcf;

    fmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_fn_module);

    /* the cache manager comes here, too, as worker 0 */

    if (fmcf && (ngx_process == NGX_PROCESS_WORKER
                 || ngx_process == NGX_PROCESS_SINGLE))
    {
        ngx_http_fn_worker_init(cycle, fmcf);
    }

    /* after NGX_ERROR nginx would never start a worker again */

    return NGX_OK;
}


static void
ngx_http_fn_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_fn_main_conf_t  *fmcf;

    fmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_fn_module);

    if (fmcf) {
        ngx_http_fn_worker_exit(cycle, fmcf);
    }
}
