/* The tokens that js_date.c reads a date from. */
#ifndef RECORD_JS_DATE_IMPL_H
#define RECORD_JS_DATE_IMPL_H

#include "base/str.h"
#include <stdbool.h>

enum date_token_kind {
    DATE_END, /* of the text, or a NUL character */
    DATE_NUMBER,
    DATE_MONTH,    /* value: 1 .. 12; any word that begins like one */
    DATE_MERIDIEM, /* value: 0 for am, 12 for pm */
    DATE_ZONE,     /* value: hours from UTC */
    DATE_T,        /* the letter t alone */
    DATE_WORD,     /* any other */
    DATE_SPACE,
    DATE_SYMBOL, /* value: one of + - : . ) */
    DATE_OTHER,  /* a character without meaning, or text in parentheses */
};

struct date_token {
    enum date_token_kind kind;
    int value;
    int length; /* digits of a number, leading zeros included; letters */
};

/* What is left to read; `next` is the token in front. */
struct date_scanner {
    struct str text; /* borrowed from the caller */
    size_t at;
    struct date_token next;
};

void date_scan_begin(struct date_scanner *s, struct str text);

/* Takes the token in front. */
struct date_token date_scan(struct date_scanner *s);

/* Whether the token in front is this symbol. */
static inline bool date_at_symbol(const struct date_scanner *s, char symbol)
{
    return s->next.kind == DATE_SYMBOL && s->next.value == symbol;
}

/* Takes the token in front if it is this symbol. */
bool date_scan_symbol(struct date_scanner *s, char symbol);

#endif
