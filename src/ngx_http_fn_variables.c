
#include "ngx_http_fn_variables.h"
#include "ngx_http_fn_handler.h"


static ngx_int_t ngx_http_fn_variables_name(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_fn_variables_runtime(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_fn_variables_process(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_fn_variables_queue_time(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_fn_variables_time(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_fn_variables_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);

static ngx_http_fn_ctx_t *ngx_http_fn_variables_ctx(ngx_http_request_t *r,
    ngx_http_variable_value_t *v);
static ngx_int_t ngx_http_fn_variables_text(ngx_http_variable_value_t *v,
    const ngx_str_t *text);
static ngx_int_t ngx_http_fn_variables_msec(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_msec_t ms);


static ngx_http_variable_t  ngx_http_fn_variables[] = {

    { ngx_string("fn_name"), NULL, ngx_http_fn_variables_name, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("fn_runtime"), NULL, ngx_http_fn_variables_runtime, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("fn_process"), NULL, ngx_http_fn_variables_process, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("fn_queue_time"), NULL, ngx_http_fn_variables_queue_time, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("fn_time"), NULL, ngx_http_fn_variables_time, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("fn_status"), NULL, ngx_http_fn_variables_status, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


/* by ngx_http_fn_counter_e */

static const ngx_str_t  ngx_http_fn_variables_statuses[] = {
    ngx_string("ok"),
    ngx_string("failed"),
    ngx_string("died"),
    ngx_string("broke"),
    ngx_string("queue_full"),
    ngx_string("queue_timeout"),
    ngx_string("not_ready"),
    ngx_string("timeout"),
    ngx_string("aborted")
};


ngx_int_t
ngx_http_fn_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_fn_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_variables_name(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_fn_ctx_t       *ctx;
    ngx_http_fn_loc_conf_t  *flcf;

    ctx = ngx_http_fn_variables_ctx(r, v);
    if (ctx == NULL) {
        return NGX_OK;
    }

    if (ctx->function) {
        return ngx_http_fn_variables_text(v, &ctx->function->name);
    }

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_fn_module);

    return ngx_http_fn_variables_text(v, &flcf->name);
}


static ngx_int_t
ngx_http_fn_variables_runtime(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_fn_ctx_t  *ctx;

    static const ngx_str_t  pass = ngx_string("pass");

    ctx = ngx_http_fn_variables_ctx(r, v);
    if (ctx == NULL) {
        return NGX_OK;
    }

    return ngx_http_fn_variables_text(v, ctx->function
                                         ? &ctx->function->lang->name : &pass);
}


static ngx_int_t
ngx_http_fn_variables_process(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char             *p;
    ngx_http_fn_ctx_t  *ctx;

    static const ngx_str_t  none = ngx_string("-");

    ctx = ngx_http_fn_variables_ctx(r, v);
    if (ctx == NULL) {
        return NGX_OK;
    }

    if (ctx->process == 0) {
        return ngx_http_fn_variables_text(v, &none);
    }

    p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;
    v->len = ngx_sprintf(p, "%ui", ctx->process) - p;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_variables_queue_time(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_fn_ctx_t  *ctx;

    ctx = ngx_http_fn_variables_ctx(r, v);
    if (ctx == NULL) {
        return NGX_OK;
    }

    return ngx_http_fn_variables_msec(r, v, ctx->queue_time);
}


static ngx_int_t
ngx_http_fn_variables_time(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_fn_ctx_t  *ctx;

    ctx = ngx_http_fn_variables_ctx(r, v);
    if (ctx == NULL) {
        return NGX_OK;
    }

    return ngx_http_fn_variables_msec(r, v, ngx_current_msec - ctx->arrived);
}


static ngx_int_t
ngx_http_fn_variables_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_fn_ctx_t  *ctx;

    ctx = ngx_http_fn_variables_ctx(r, v);
    if (ctx == NULL) {
        return NGX_OK;
    }

    return ngx_http_fn_variables_text(v,
                               &ngx_http_fn_variables_statuses[ctx->status]);
}


static ngx_http_fn_ctx_t *
ngx_http_fn_variables_ctx(ngx_http_request_t *r, ngx_http_variable_value_t *v)
{
    ngx_http_fn_ctx_t  *ctx;

    ctx = ngx_http_fn_handler_ctx(r);

    if (ctx == NULL) {
        v->not_found = 1;
    }

    return ctx;
}


static ngx_int_t
ngx_http_fn_variables_text(ngx_http_variable_value_t *v, const ngx_str_t *text)
{
    v->data = text->data;
    v->len = text->len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* seconds with three places, as $request_time */

static ngx_int_t
ngx_http_fn_variables_msec(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    ngx_msec_t ms)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;
    v->len = ngx_sprintf(p, "%T.%03M", (time_t) ms / 1000, ms % 1000) - p;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
