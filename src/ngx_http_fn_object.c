
/*
 * Nothing is ever loaded into the master: its constructors would run as root,
 * and its threads would stay.  While the configuration is read, a child opens
 * the object and says how that went.
 */


#include "ngx_http_fn_object.h"

#include <dlfcn.h>


#define NGX_HTTP_FN_OBJECT_SECONDS  5       /* to load one */


static ngx_int_t ngx_http_fn_object_check_file(ngx_str_t *file,
    ngx_str_t *reason);
static ngx_int_t ngx_http_fn_object_check_child(void *data, int fd);


ngx_int_t
ngx_http_fn_object_check(ngx_pool_t *pool, ngx_str_t *file, ngx_str_t *symbol,
    uid_t uid, gid_t gid, ngx_str_t *reason)
{
    size_t               size;
    ngx_str_t           *args[2];
    ngx_http_fn_child_t  child;

    reason->len = 0;
    reason->data = ngx_pnalloc(pool, NGX_HTTP_FN_CHILD_ANSWER);
    if (reason->data == NULL) {
        ngx_str_set(reason, "no memory");
        return NGX_ERROR;
    }

    if (ngx_http_fn_object_check_file(file, reason) != NGX_OK) {
        return NGX_ERROR;
    }

    args[0] = file;
    args[1] = symbol;

    ngx_memzero(&child, sizeof(ngx_http_fn_child_t));

    child.main = ngx_http_fn_object_check_child;
    child.data = args;
    child.uid = uid;
    child.gid = gid;
    child.seconds = NGX_HTTP_FN_OBJECT_SECONDS;

    size = sizeof("loading \"\"") + file->len;

    child.what = ngx_pnalloc(pool, size);
    if (child.what == NULL) {
        ngx_str_set(reason, "no memory");
        return NGX_ERROR;
    }

    (void) ngx_snprintf((u_char *) child.what, size, "loading \"%V\"%Z", file);

    return ngx_http_fn_child_run(&child, reason);
}


static ngx_int_t
ngx_http_fn_object_check_file(ngx_str_t *file, ngx_str_t *reason)
{
    ngx_err_t        err;
    ngx_file_info_t  fi;

    if (ngx_file_info(file->data, &fi) == NGX_FILE_ERROR) {
        err = ngx_errno;
        ngx_http_fn_child_answer(reason, "stat(\"%V\") failed (%d: %s)",
                                 file, err, strerror(err));
        return NGX_ERROR;
    }

    if (!ngx_is_file(&fi)) {
        ngx_http_fn_child_answer(reason, "\"%V\" is not a file", file);
        return NGX_ERROR;
    }

    if (ngx_file_access(&fi) & S_IWOTH) {
        ngx_http_fn_child_answer(reason, "\"%V\" may be written by everybody,"
                                 " take that permission away", file);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_fn_object_check_child(void *data, int fd)
{
    ngx_int_t             rc;
    ngx_str_t           **args, reason;
    ngx_http_fn_object_t  object;
    u_char                buf[NGX_HTTP_FN_OBJECT_REASON];

    args = data;

    reason.data = buf;

    rc = ngx_http_fn_object_open(&object, args[0], args[1], &reason);

    if (rc == NGX_OK) {
        ngx_str_set(&reason, "loaded");
    }

    return (write(fd, reason.data, reason.len) == (ssize_t) reason.len)
           ? rc : NGX_ERROR;
}


ngx_int_t
ngx_http_fn_object_open(ngx_http_fn_object_t *object, ngx_str_t *file,
    ngx_str_t *symbol, ngx_str_t *reason)
{
    void            *handle;
    const char      *name;
    const uint32_t  *abi;

    handle = dlopen((char *) file->data, RTLD_NOW|RTLD_LOCAL);
    if (handle == NULL) {
        ngx_http_fn_child_answer(reason, "dlopen() failed (%s)", dlerror());
        return NGX_ERROR;
    }

    abi = dlsym(handle, "fn_abi");
    if (abi == NULL) {
        ngx_http_fn_child_answer(reason, "\"%V\" is no native handler, its "
                                 "source must say FN_MODULE", file);
        return NGX_ERROR;
    }

    /* later ones only added to it */

    if (*abi < 1 || *abi > FN_ABI) {
        ngx_http_fn_child_answer(reason, "\"%V\" was built for ABI %uD, "
                                 "this module has %d, build it again",
                                 file, *abi, FN_ABI);
        return NGX_ERROR;
    }

    name = symbol->len ? (char *) symbol->data : "handler";

    object->handler = (fn_handler_t) dlsym(handle, name);
    if (object->handler == NULL) {
        ngx_http_fn_child_answer(reason, "\"%V\" has no function \"%s\"",
                                 file, name);
        return NGX_ERROR;
    }

    object->init = (fn_init_t) dlsym(handle, "fn_init");
    object->exit = (fn_exit_t) dlsym(handle, "fn_exit");

    return NGX_OK;
}
