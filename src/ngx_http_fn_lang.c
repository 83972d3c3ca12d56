
#include "ngx_http_fn_lang.h"


/*
 * name, command, its options, program, sources;
 * embed, native, builds, file, colon, arguments
 */

static const ngx_http_fn_lang_t  ngx_http_fn_langs[] = {

    { ngx_string("native"), NULL, { NULL }, NULL, ".so",
      NULL, 1, 0, 1, 0, 0 },

    { ngx_string("python"), "python3", { NULL }, "python", ".py",
      "embed/fn_python.so", 0, 0, 1, 0, 0 },

    { ngx_string("pypy"), "pypy3", { NULL }, "python", ".py",
      "embed/fn_pypy.so", 0, 0, 1, 0, 0 },

    { ngx_string("nodejs"), "node", { NULL }, "nodejs", ".js.mjs.cjs",
      NULL, 0, 0, 1, 0, 0 },

    { ngx_string("golang"), NULL, { NULL }, "golang/fn_golang", ".go.mod",
      NULL, 0, 1, 1, 0, 0 },

    { ngx_string("java"), "java", { "-jar" }, "java/fn_java.jar",
      ".java.class.jar", NULL, 0, 0, 1, 0, 0 },

    { ngx_string("dotnetcore"), "dotnet", { NULL },
      "dotnetcore/fn_dotnet.dll", ".cs.csproj.dll", NULL, 0, 0, 1, 1, 0 },

    { ngx_string("ruby"), "ruby", { NULL }, "ruby/main.rb", ".rb",
      NULL, 0, 0, 1, 0, 0 },

    { ngx_string("shell"), NULL, { NULL }, "shell/fn_shell", ".sh",
      NULL, 0, 0, 0, 0, 1 },

    { ngx_null_string, NULL, { NULL }, NULL, NULL, NULL, 0, 0, 0, 0, 0 }
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
