
#include "ngx_http_fn_lang.h"


static const ngx_http_fn_lang_t  ngx_http_fn_langs[] = {

    /* name, command, program, native, file, arguments */

    { ngx_string("native"), NULL, NULL, 1, 1, 0 },
    { ngx_string("python"), "python3", "python", 0, 1, 0 },
    { ngx_string("shell"), NULL, "shell/fn_shell", 0, 0, 1 },

    { ngx_null_string, NULL, NULL, 0, 0, 0 }
};


const ngx_http_fn_lang_t *
ngx_http_fn_lang_find(ngx_str_t *name)
{
    const ngx_http_fn_lang_t  *lang;

    for (lang = ngx_http_fn_langs; lang->name.len; lang++) {
        if (lang->name.len == name->len
            && ngx_strncmp(lang->name.data, name->data, name->len) == 0)
        {
            return lang;
        }
    }

    return NULL;
}
