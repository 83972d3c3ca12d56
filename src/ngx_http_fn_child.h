
/* what is tried in a child: it may crash or hang, or needs another user */


#ifndef _NGX_HTTP_FN_CHILD_H_INCLUDED_
#define _NGX_HTTP_FN_CHILD_H_INCLUDED_


#include "ngx_http_fn.h"


#define NGX_HTTP_FN_CHILD_ANSWER  1024      /* bytes */


typedef struct {

    /*
     * In the child: nothing is open but the standard descriptors and fd.  To
     * succeed it writes an answer of at least one byte, in one piece, and
     * returns NGX_OK; a text is the reason why not, then it returns NGX_ERROR.
     */
    ngx_int_t              (*main)(void *data, int fd);
    void                    *data;
    char                    *what;      /* in a text: "loading \"x.so\"" */
    char                    *user;      /* for its groups, or NULL: none */
    uid_t                    uid;       /* when nginx is root, as gid */
    gid_t                    gid;
    ngx_uint_t               seconds;   /* then it is killed */
} ngx_http_fn_child_t;


/*
 * Waits for it.  answer->data has NGX_HTTP_FN_CHILD_ANSWER bytes: with
 * NGX_ERROR it is filled with the reason.
 */
ngx_int_t ngx_http_fn_child_run(ngx_http_fn_child_t *child, ngx_str_t *answer);

/* writes to answer, of that size */
void ngx_http_fn_child_answer(ngx_str_t *answer, const char *fmt, ...);


#endif /* _NGX_HTTP_FN_CHILD_H_INCLUDED_ */
