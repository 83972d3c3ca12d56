#ifndef FN_ENVIRON_H_INCLUDED
#define FN_ENVIRON_H_INCLUDED

#define HIDDEN  __attribute__((visibility("hidden")))

const char *const *fn_environ_wait(void);

#endif /* FN_ENVIRON_H_INCLUDED */
