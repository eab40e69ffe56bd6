/* Times to come back, in the forms that headers, members and sentences have. */
#define _GNU_SOURCE /* strcasestr */
#include "embed/answer/embed_words.h"

#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { NUMBER_BYTES = 24 };

static const double WAIT_MOST_MS = 40.0 * 24 * 3600 * 1000;

static const struct unit {
    const char *name;
    double ms;
} units[] = {
    {"ms", 1},
    {"millisecond", 1},
    {"milliseconds", 1},
    {"s", 1e3},
    {"sec", 1e3},
    {"secs", 1e3},
    {"second", 1e3},
    {"seconds", 1e3},
    {"m", 6e4},
    {"min", 6e4},
    {"mins", 6e4},
    {"minute", 6e4},
    {"minutes", 6e4},
    {"h", 36e5},
    {"hr", 36e5},
    {"hour", 36e5},
    {"hours", 36e5},
    {"d", 864e5},
    {"day", 864e5},
    {"days", 864e5},
};

static bool wait_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool wait_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A number of digits and a point at the front; false: there is none. */
static bool embed_wait_take_number(struct str *s, double *out)
{
    char z[NUMBER_BYTES];
    size_t len = 0;

    while (len < s->len && len < sizeof(z) - 1 &&
           (wait_is_digit(s->p[len]) ||
               (s->p[len] == '.' && len > 0 && len + 1 < s->len &&
                   wait_is_digit(s->p[len + 1]))))
        len++;
    if (len == 0)
        return false;
    memcpy(z, s->p, len);
    z[len] = '\0';
    *out = strtod(z, NULL);
    *s = (struct str){s->p + len, s->len - len};
    return true;
}

/* The milliseconds of a unit at the front; 0: it is none. */
static double embed_wait_take_unit(struct str *s)
{
    struct str rest = *s;
    size_t len = 0;

    while (rest.len > 0 && rest.p[0] == ' ')
        rest = (struct str){rest.p + 1, rest.len - 1};
    while (len < rest.len && wait_is_letter(rest.p[len]))
        len++;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].name) != len ||
            strncasecmp(units[i].name, rest.p, len) != 0)
            continue;
        *s = (struct str){rest.p + len, rest.len - len};
        return units[i].ms;
    }
    return 0;
}

static uint64_t wait_capped(double ms)
{
    return ms <= 0             ? 0
           : ms > WAIT_MOST_MS ? (uint64_t)WAIT_MOST_MS
                               : (uint64_t)ceil(ms);
}

/* hh:mm:ss, or mm:ss; `first` stood before the first colon. */
static double wait_clock_ms(double first, struct str s)
{
    double value = first, next;

    while (s.len > 1 && s.p[0] == ':') {
        s = (struct str){s.p + 1, s.len - 1};
        if (!embed_wait_take_number(&s, &next))
            return 0;
        value = value * 60 + next;
    }
    return value * 1e3;
}

uint64_t embed_duration_ms(struct str s, unsigned bare_ms)
{
    double total = 0, number, unit;

    s = text_trim(s);
    if (!embed_wait_take_number(&s, &number))
        return 0;
    if (s.len > 0 && s.p[0] == ':')
        return wait_capped(wait_clock_ms(number, s));
    for (;;) {
        unit = embed_wait_take_unit(&s);
        if (unit == 0)
            return wait_capped(total > 0 ? total : number * bare_ms);
        total += number * unit;
        while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == ','))
            s = (struct str){s.p + 1, s.len - 1};
        if (!embed_wait_take_number(&s, &number))
            return wait_capped(total);
    }
}

uint64_t embed_wait_in_words(const char *message)
{
    static const struct {
        const char *words;
        unsigned bare_ms;
    } leads[] = {{" in ", 0}, {"after ", 1000}, {"wait ", 1000},
        {" in about ", 0}, {"wait for ", 1000}, {" in ~", 0},
        {"retry_after=", 1000}, {"retry_after: ", 1000}};

    for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
        const char *at = message;

        while ((at = strcasestr(at, leads[i].words)) != NULL) {
            uint64_t ms;

            at += strlen(leads[i].words);
            ms = embed_duration_ms(str_of(at), leads[i].bare_ms);
            if (ms > 0)
                return ms;
        }
    }
    return 0;
}

uint64_t embed_reset_ms(struct str s, int64_t now_ms)
{
    struct str rest = text_trim(s);
    double number = 0;
    int64_t instant;

    if (iso_to_ms(rest, &instant))
        return wait_capped((double)(instant - now_ms));
    if (embed_wait_take_number(&rest, &number) && text_trim(rest).len == 0) {
        if (number > 1e12)
            return wait_capped(number - (double)now_ms);
        if (number > 1e9)
            return wait_capped(number * 1e3 - (double)now_ms);
    }
    return embed_duration_ms(s, 1000);
}
