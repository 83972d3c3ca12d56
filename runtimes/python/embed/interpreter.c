/* The interpreter of the worker, and those of its functions. */

#include "fn_python.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>


static int interpreter_start(fn_context_t *context, const char *command);
static int interpreter_check(fn_context_t *context, const char *command);
static int interpreter_version(const char *command, int *major, int *minor);
static int interpreter_configure(fn_context_t *context, const char *command);
static void interpreter_global(void);
static void interpreter_log(fn_context_t *context, const char *message);


/* of this worker, with the command that it was started for */
static PyInterpreterState  *interpreter;
static char                *interpreter_command;


PyThreadState *
fn_python_interpreter(fn_context_t *context, int is_main)
{
    const char     *command;
    PyThreadState  *tstate, *sub;

    command = fn_getenv(context, "FN_COMMAND");

    if (command == NULL) {
        interpreter_log(context, "FN_COMMAND is not set");
        return NULL;
    }

    if (interpreter == NULL) {
        if (interpreter_start(context, command) != FN_OK) {
            return NULL;
        }

        tstate = PyThreadState_Get();

    } else {
        if (interpreter_check(context, command) != FN_OK) {
            return NULL;
        }

        tstate = fn_python_enter(interpreter);
    }

    if (tstate == NULL || is_main) {
        return tstate;
    }

    sub = Py_NewInterpreter();

    if (sub == NULL) {
        interpreter_log(context, "Py_NewInterpreter() failed");
        (void) PyThreadState_Swap(tstate);
        (void) PyEval_SaveThread();
    }

    return sub;
}


/* a state of this thread, which has none there */

PyThreadState *
fn_python_enter(PyInterpreterState *interp)
{
    PyThreadState  *tstate;

    tstate = PyThreadState_New(interp);

    if (tstate) {
        PyEval_RestoreThread(tstate);
    }

    return tstate;
}


static int
interpreter_start(fn_context_t *context, const char *command)
{
    int   major, minor;
    char  text[512];

    if (interpreter_version(command, &major, &minor)
        && (major != PY_MAJOR_VERSION || minor != PY_MINOR_VERSION))
    {
        (void) snprintf(text, sizeof(text), "\"%.300s\" is Python %d.%d, and "
                        "the one in the worker is Python %d.%d: change "
                        "fn_command, or leave in_worker out", command, major,
                        minor, PY_MAJOR_VERSION, PY_MINOR_VERSION);
        interpreter_log(context, text);
        return FN_ERROR;
    }

    interpreter_command = strdup(command);

    if (interpreter_command == NULL) {
        interpreter_log(context, "no memory");
        return FN_ERROR;
    }

    interpreter_global();

    if (interpreter_configure(context, command) != FN_OK) {
        return FN_ERROR;
    }

    interpreter = PyInterpreterState_Get();

    return FN_OK;
}


static int
interpreter_check(fn_context_t *context, const char *command)
{
    char  text[1024];

    if (strcmp(command, interpreter_command) == 0) {
        return FN_OK;
    }

    (void) snprintf(text, sizeof(text), "the Python in the worker was started "
                    "for another function as \"%.300s\", it can't be "
                    "\"%.300s\" too: use one fn_command for all functions "
                    "with in_worker", interpreter_command, command);
    interpreter_log(context, text);

    return FN_ERROR;
}


/* as far as files tell: pyvenv.cfg of a virtualenv, or the name of the binary.
   0: they don't */

static int
interpreter_version(const char *command, int *major, int *minor)
{
    int          found;
    FILE        *file;
    char         path[PATH_MAX + 16], line[256];
    const char  *name;

    name = strrchr(command, '/');

    if (name == NULL || name - command >= PATH_MAX) {
        return 0;
    }

    (void) sprintf(path, "%.*s/../pyvenv.cfg", (int) (name - command), command);

    found = 0;
    file = fopen(path, "re");

    while (file && !found && fgets(line, sizeof(line), file)) {
        found = sscanf(line, "version = %d.%d", major, minor) == 2
                || sscanf(line, "version_info = %d.%d", major, minor) == 2;
    }

    if (file) {
        (void) fclose(file);
        return found;
    }

    return realpath(command, path)
           && sscanf(strrchr(path, '/'), "/python%d.%d", major, minor) == 2;
}


/* nothing of nginx's environment, signals and streams is used or changed */

static int
interpreter_configure(fn_context_t *context, const char *command)
{
    char         text[512];
    PyConfig     config;
    PyStatus     status;
    PyPreConfig  preconfig;

    PyPreConfig_InitIsolatedConfig(&preconfig);
    preconfig.utf8_mode = 1;

    status = Py_PreInitialize(&preconfig);

    if (!PyStatus_Exception(status)) {
        PyConfig_InitIsolatedConfig(&config);
        config.write_bytecode = 0;

        status = PyConfig_SetBytesString(&config, &config.program_name,
                                         command);

        if (!PyStatus_Exception(status)) {
            status = Py_InitializeFromConfig(&config);
        }

        PyConfig_Clear(&config);
    }

    if (!PyStatus_Exception(status)) {
        return FN_OK;
    }

    (void) snprintf(text, sizeof(text), "Python could not start: %.300s",
                    status.err_msg ? status.err_msg : "it ended");
    interpreter_log(context, text);

    return FN_ERROR;
}


/* extension modules expect to find the interpreter's symbols */

static void
interpreter_global(void)
{
    Dl_info  info;

    if (dladdr((void *) Py_InitializeFromConfig, &info)) {
        (void) dlopen(info.dli_fname, RTLD_NOW|RTLD_GLOBAL|RTLD_NOLOAD);
    }
}


static void
interpreter_log(fn_context_t *context, const char *message)
{
    fn_log(context, NULL, FN_LOG_ERROR, message);
}
