#include "ops/asked.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The index of the text among the words; ERR_INVALID. */
static int asked_word(
    const char *text, const char *const *words, size_t n, struct err *err)
{
    char list[160] = "";
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        const char *between = i == 0 ? "" : i + 1 == n ? " or " : ", ";

        if (strcmp(text, words[i]) == 0)
            return (int)i;
        len += (size_t)snprintf(
            list + len, sizeof(list) - len, "%s%s", between, words[i]);
    }
    return err_set(err, ERR_INVALID, "must be %s", list);
}

int asked_run_status(const char *text, struct err *err)
{
    static const char *const words[] = {"running", "success", "partial",
        "failed", "canceled", "interrupted", "abandoned", "budget"};

    if (text == NULL)
        return 0;
    return asked_word(text, words, sizeof(words) / sizeof(*words), err) < 0
               ? err->code
               : 0;
}

int asked_fire_outcome(const char *text, struct err *err)
{
    static const char *const words[] = {
        "skipped", "replaced", "paused", "failed"};

    if (text == NULL)
        return 0;
    return asked_word(text, words, sizeof(words) / sizeof(*words), err) < 0
               ? err->code
               : 0;
}

int asked_letters(
    const char *text, enum history_letters *letters, struct err *err)
{
    static const char *const words[] = {"open", "resolved", "all"};
    static const enum history_letters values[] = {
        LETTERS_OPEN, LETTERS_RESOLVED, LETTERS_ALL};
    int at = text == NULL ? 0 : asked_word(text, words, 3, err);

    if (at < 0)
        return at;
    *letters = values[at];
    return 0;
}

int asked_limit(const char *text, int *limit, struct err *err)
{
    char *end;
    long n;

    if (text == NULL)
        return 0;
    n = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || n < 1 || n > HISTORY_MOST)
        return err_set(err, ERR_INVALID, "must be a whole number from 1 to %d",
            HISTORY_MOST);
    *limit = (int)n;
    return 0;
}

int asked_subject(struct err *err, const char *format, ...)
{
    char subject[ERR_MSG_BYTES];
    struct err predicate = *err;
    va_list args;

    va_start(args, format);
    vsnprintf(subject, sizeof(subject), format, args);
    va_end(args);
    return err_set(err, predicate.code, "%s %s", subject, predicate.msg);
}
