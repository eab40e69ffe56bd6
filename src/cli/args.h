/*
 * Options over a table: "--name value", "--name=value", "--switch", "--" ends
 * them; everything else is a word. "--help" and "-h" are always known.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

struct arg_option {
    const char *name;  /* without the dashes; NULL ends a table */
    const char *value; /* what to call its value; NULL: a switch */
    const char *help;  /* one line */
};

struct arg_given {
    const char *name;  /* of the table, or "help" */
    const char *value; /* borrowed from argv; NULL for a switch */
};

struct args {
    struct arg_given *given; /* owned; in the order they came */
    size_t ngiven;
    const char **words; /* owned array of borrowed strings */
    size_t nwords;
};

/*
 * Reads argv[0 .. argc). ERR_USAGE names the option that is unknown, with the
 * nearest known one, or that lacks its value. args_free() in every case.
 */
int args_parse(struct args *a, const struct arg_option *options, int argc,
    char **argv, struct err *err);
void args_free(struct args *a);

bool args_has(const struct args *a, const char *name);

/* The value given last; NULL when there is none. */
const char *args_value(const struct args *a, const char *name);

/* All values of a repeated option, each once, in order; `out` has room for
 * a->ngiven. Returns how many. */
size_t args_values(const struct args *a, const char *name, const char **out);

/* A whole number in [least, most]; *out stays as it is when not given.
 * ERR_USAGE otherwise. */
int args_int(const struct args *a, const char *name, int least, int most,
    int *out, struct err *err);

/* Which of `n` names `word` probably means; NULL: none is near. */
const char *args_nearest(const char *word, const char *const *names, size_t n);

#endif
