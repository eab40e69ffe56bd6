#include "cli/args.h"

#include "base/text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 16 };

static const struct arg_option help_option = {"help", NULL, NULL};

const char *args_nearest(const char *word, const char *const *names, size_t n)
{
    size_t len = strlen(word);
    size_t best = len / 3 < 2 ? 2 : len / 3;
    const char *found = NULL;

    for (size_t i = 0; i < n; i++) {
        size_t distance = edit_distance(str_of(word), str_of(names[i]));

        if (len > 0 && strncmp(names[i], word, len) == 0)
            distance = 0;
        if (distance > best || (found != NULL && distance == best))
            continue;
        best = distance;
        found = names[i];
    }
    return found;
}

static int args_unknown_option(
    const struct arg_option *options, struct str name, struct err *err)
{
    const char *names[OPTIONS_MAX];
    char word[64];
    size_t n = 0;
    const char *near;

    for (; options[n].name != NULL && n + 1 < OPTIONS_MAX; n++)
        names[n] = options[n].name;
    names[n++] = help_option.name;
    snprintf(word, sizeof(word), "%.*s", STR_ARG(name));
    near = args_nearest(word, names, n);
    if (near == NULL)
        return err_set(err, ERR_USAGE, "unknown option --%s", word);
    return err_set(
        err, ERR_USAGE, "unknown option --%s; did you mean --%s?", word, near);
}

static const struct arg_option *args_find_option(
    const struct arg_option *options, struct str name)
{
    if (str_eq(name, STR("help")))
        return &help_option;
    for (const struct arg_option *o = options; o->name != NULL; o++) {
        if (str_eq(name, str_of(o->name)))
            return o;
    }
    return NULL;
}

/* Reads the option at argv[*at], which begins with "--", and moves past it. */
static int args_parse_option(struct args *a, const struct arg_option *options,
    int argc, char **argv, int *at, struct err *err)
{
    const char *text = argv[(*at)++] + 2;
    const char *equals = strchr(text, '=');
    struct str name = {text, equals ? (size_t)(equals - text) : strlen(text)};
    const struct arg_option *option = args_find_option(options, name);
    const char *value = equals != NULL ? equals + 1 : NULL;

    if (option == NULL)
        return args_unknown_option(options, name, err);
    if (option->value == NULL && value != NULL)
        return err_set(err, ERR_USAGE, "--%s takes no value", option->name);
    if (option->value != NULL && value == NULL) {
        if (*at == argc)
            return err_set(err, ERR_USAGE, "--%s needs a value: --%s %s",
                option->name, option->name, option->value);
        value = argv[(*at)++];
    }
    if (value != NULL && *value == '\0')
        return err_set(err, ERR_USAGE, "--%s is empty", option->name);
    a->given[a->ngiven++] = (struct arg_given){option->name, value};
    return 0;
}

int args_parse(struct args *a, const struct arg_option *options, int argc,
    char **argv, struct err *err)
{
    bool words_only = false;

    *a = (struct args){.ngiven = 0};
    a->given = calloc((size_t)argc + 1, sizeof(*a->given));
    a->words = calloc((size_t)argc + 1, sizeof(*a->words));
    if (a->given == NULL || a->words == NULL)
        abort();
    for (int i = 0; i < argc;) {
        if (words_only || argv[i][0] != '-' || argv[i][1] == '\0') {
            a->words[a->nwords++] = argv[i++];
        } else if (strcmp(argv[i], "--") == 0) {
            words_only = true;
            i++;
        } else if (strcmp(argv[i], "-h") == 0) {
            a->given[a->ngiven++] = (struct arg_given){"help", NULL};
            i++;
        } else if (argv[i][1] != '-') {
            return err_set(err, ERR_USAGE, "unknown option %s", argv[i]);
        } else if (args_parse_option(a, options, argc, argv, &i, err) < 0) {
            return err->code;
        }
    }
    return 0;
}

void args_free(struct args *a)
{
    free(a->given);
    free(a->words);
    *a = (struct args){.ngiven = 0};
}

bool args_has(const struct args *a, const char *name)
{
    for (size_t i = 0; i < a->ngiven; i++) {
        if (strcmp(a->given[i].name, name) == 0)
            return true;
    }
    return false;
}

const char *args_value(const struct args *a, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < a->ngiven; i++) {
        if (strcmp(a->given[i].name, name) == 0)
            value = a->given[i].value;
    }
    return value;
}

static bool args_among(const char *value, const char **values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(values[i], value) == 0)
            return true;
    }
    return false;
}

size_t args_values(const struct args *a, const char *name, const char **out)
{
    size_t n = 0;

    for (size_t i = 0; i < a->ngiven; i++) {
        if (strcmp(a->given[i].name, name) == 0 &&
            !args_among(a->given[i].value, out, n))
            out[n++] = a->given[i].value;
    }
    return n;
}

int args_int(const struct args *a, const char *name, int least, int most,
    int *out, struct err *err)
{
    const char *value = args_value(a, name);
    char *end;
    long number;

    if (value == NULL)
        return 0;
    errno = 0;
    number = strtol(value, &end, 10);
    if (errno != 0 || *end != '\0' || number < least || number > most)
        return err_set(err, ERR_USAGE,
            "--%s %s must be a whole number from %d to %d", name, value, least,
            most);
    *out = (int)number;
    return 0;
}
