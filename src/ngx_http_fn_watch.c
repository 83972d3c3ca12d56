
/*
 * The target, if it is a directory, or else its directory is watched, as
 * editors and deployments replace files.  What counts there is the target and
 * what is code of its language (the modules that it imports): a handler may
 * write data next to its code.
 */


#include "ngx_http_fn_watch.h"

#include <sys/inotify.h>


#define NGX_HTTP_FN_WATCH_MASK                                               \
    (IN_CLOSE_WRITE|IN_CREATE|IN_DELETE|IN_MOVED_FROM|IN_MOVED_TO            \
     |IN_DELETE_SELF|IN_MOVE_SELF|IN_ONLYDIR)

#define NGX_HTTP_FN_WATCH_SETTLE  200   /* ms without another change */
#define NGX_HTTP_FN_WATCH_RETRY   1000  /* ms until a lost directory is tried */


static void ngx_http_fn_watch_add(ngx_http_fn_crew_t *crew);
static void ngx_http_fn_watch_handler(void *data);
static void ngx_http_fn_watch_event(ngx_http_fn_supervisor_t *sv,
    struct inotify_event *ie);
static ngx_uint_t ngx_http_fn_watch_match(ngx_http_fn_function_t *fn,
    struct inotify_event *ie);
static ngx_uint_t ngx_http_fn_watch_suffix(char *suffixes, char *suffix);


ngx_int_t
ngx_http_fn_watch_init(ngx_http_fn_supervisor_t *sv)
{
    ngx_uint_t           i;
    ngx_http_fn_crew_t  *crew;

    sv->inotify.fd = inotify_init1(IN_NONBLOCK|IN_CLOEXEC);

    if (sv->inotify.fd == -1) {
        ngx_log_error(NGX_LOG_ALERT, sv->cycle->log, ngx_errno,
                      "inotify_init1() failed");
        return NGX_ERROR;
    }

    sv->inotify.handler = ngx_http_fn_watch_handler;
    sv->inotify.data = sv;

    if (ngx_http_fn_source_add(&sv->inotify, sv->epoll, sv->cycle->log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < sv->ncrews; i++) {
        crew = &sv->crews[i];

        if (!crew->function->watch || crew->function->target.data[0] != '/') {
            continue;
        }

        ngx_http_fn_watch_add(crew);

        if (crew->wd == -1) {
            ngx_log_error(NGX_LOG_ERR, sv->cycle->log, ngx_errno,
                          "inotify_add_watch() failed for \"%V\"",
                          &crew->function->target);
        }
    }

    return NGX_OK;
}


static void
ngx_http_fn_watch_add(ngx_http_fn_crew_t *crew)
{
    int      fd;
    u_char  *p, *slash, path[NGX_MAX_PATH];

    fd = crew->supervisor->inotify.fd;

    p = ngx_cpystrn(path, crew->function->target.data, sizeof(path));

    /* IN_ONLYDIR: what is no directory is refused */

    crew->wd = inotify_add_watch(fd, (char *) path, NGX_HTTP_FN_WATCH_MASK);

    if (crew->wd == -1) {

        for (slash = p; slash > path + 1 && *slash != '/'; slash--) {
            /* void */
        }

        *slash = '\0';

        crew->wd = inotify_add_watch(fd, (char *) path,
                                     NGX_HTTP_FN_WATCH_MASK);
    }

    if (crew->wd == -1) {
        crew->due = crew->supervisor->now + NGX_HTTP_FN_WATCH_RETRY;
    }
}


static void
ngx_http_fn_watch_handler(void *data)
{
    ngx_http_fn_supervisor_t  *sv = data;

    u_char                *p;
    ssize_t                n;
    struct inotify_event  *ie;

    union {
        struct inotify_event  ie;
        u_char                bytes[4096];
    } buf;

    n = read(sv->inotify.fd, buf.bytes, sizeof(buf.bytes));

    for (p = buf.bytes; p < buf.bytes + n; p += sizeof(*ie) + ie->len) {
        ie = (struct inotify_event *) p;
        ngx_http_fn_watch_event(sv, ie);
    }
}


static void
ngx_http_fn_watch_event(ngx_http_fn_supervisor_t *sv,
    struct inotify_event *ie)
{
    ngx_uint_t           i;
    ngx_http_fn_crew_t  *crew;

    for (i = 0; i < sv->ncrews; i++) {
        crew = &sv->crews[i];

        if (crew->wd == -1) {
            continue;
        }

        if (ie->mask & IN_Q_OVERFLOW) {
            crew->due = sv->now + NGX_HTTP_FN_WATCH_SETTLE;
            continue;
        }

        if (crew->wd != ie->wd) {
            continue;
        }

        if (ie->mask & (IN_IGNORED|IN_DELETE_SELF|IN_MOVE_SELF)) {

            /* the name may come back with another directory */

            (void) inotify_rm_watch(sv->inotify.fd, ie->wd);
            crew->wd = -1;
            crew->due = sv->now + NGX_HTTP_FN_WATCH_RETRY;
            continue;
        }

        if (ngx_http_fn_watch_match(crew->function, ie)) {
            crew->due = sv->now + NGX_HTTP_FN_WATCH_SETTLE;
        }
    }
}


static ngx_uint_t
ngx_http_fn_watch_match(ngx_http_fn_function_t *fn, struct inotify_event *ie)
{
    char  *name, *suffix;

    if (ie->len == 0) {
        return 0;
    }

    name = strrchr((char *) fn->target.data, '/') + 1;

    if (ngx_strcmp(ie->name, name) == 0) {
        return 1;
    }

    /* a volume of Kubernetes is changed by its link "..data" */

    if (ngx_strcmp(ie->name, "..data") == 0) {
        return 1;
    }

    if (ie->name[0] == '.' || (ie->mask & IN_ISDIR)) {
        return 0;
    }

    suffix = strrchr(ie->name, '.');

    return (suffix
            && (ngx_http_fn_watch_suffix(strrchr(name, '.'), suffix)
                || ngx_http_fn_watch_suffix(fn->lang->sources, suffix)));
}


/* suffixes: NULL, or one after the other, ".js.mjs" */

static ngx_uint_t
ngx_http_fn_watch_suffix(char *suffixes, char *suffix)
{
    char    *p;
    size_t   len;

    len = ngx_strlen(suffix);

    for (p = suffixes; p; p = strchr(p + 1, '.')) {
        if (ngx_strncmp(p, suffix, len) == 0
            && (p[len] == '.' || p[len] == '\0'))
        {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_fn_watch_changed(ngx_http_fn_crew_t *crew)
{
    if (crew->due == 0) {
        return 0;
    }

    if (crew->supervisor->now < crew->due) {
        ngx_http_fn_supervisor_at(crew->supervisor, crew->due);
        return 0;
    }

    crew->due = 0;

    /* a directory may have come back, or become one */

    ngx_http_fn_watch_add(crew);

    if (crew->wd == -1) {
        ngx_http_fn_supervisor_at(crew->supervisor, crew->due);
        return 0;
    }

    return 1;
}
