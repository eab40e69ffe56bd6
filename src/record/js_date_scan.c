/* Splits a date into the tokens that JavaScript's engine V8 sees in it. */
#include "record/js_date_impl.h"

#include "base/text.h"
#include <limits.h>

/* Digits of a number that count; further ones are read and dropped. */
enum { NUMBER_DIGITS = 9 };

/* A word is looked up by so many letters. */
enum { WORD_LETTERS = 3 };

static const struct word {
    char letters[WORD_LETTERS + 1];
    enum date_token_kind kind;
    int value;
} words[] = {{"jan", DATE_MONTH, 1}, {"feb", DATE_MONTH, 2},
    {"mar", DATE_MONTH, 3}, {"apr", DATE_MONTH, 4}, {"may", DATE_MONTH, 5},
    {"jun", DATE_MONTH, 6}, {"jul", DATE_MONTH, 7}, {"aug", DATE_MONTH, 8},
    {"sep", DATE_MONTH, 9}, {"oct", DATE_MONTH, 10}, {"nov", DATE_MONTH, 11},
    {"dec", DATE_MONTH, 12}, {"am", DATE_MERIDIEM, 0},
    {"pm", DATE_MERIDIEM, 12}, {"ut", DATE_ZONE, 0}, {"utc", DATE_ZONE, 0},
    {"z", DATE_ZONE, 0}, {"gmt", DATE_ZONE, 0}, {"est", DATE_ZONE, -5},
    {"edt", DATE_ZONE, -4}, {"cst", DATE_ZONE, -6}, {"cdt", DATE_ZONE, -5},
    {"mst", DATE_ZONE, -7}, {"mdt", DATE_ZONE, -6}, {"pst", DATE_ZONE, -8},
    {"pdt", DATE_ZONE, -7}, {"t", DATE_T, 0}};

/* The character in front, 0 at the end; *after is where the next begins. */
static int32_t date_scan_char(const struct date_scanner *s, size_t *after)
{
    int32_t c;

    *after = s->at;
    if (s->at >= s->text.len)
        return 0;
    c = utf8_next(s->text, after);
    return c < 0 ? 0xFFFD : c;
}

static bool date_scan_is_space(int32_t c)
{
    return (c >= '\t' && c <= '\r') || c == ' ' || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F ||
           c == 0x3000 || c == 0xFEFF;
}

static bool date_scan_is_digit(int32_t c)
{
    return c >= '0' && c <= '9';
}

/* Whatever is not below the capital A is a letter, foreign scripts too. */
static bool date_scan_is_letter(int32_t c)
{
    return c >= 'A' && !date_scan_is_space(c);
}

static struct date_token date_scan_number(struct date_scanner *s)
{
    struct date_token t = {.kind = DATE_NUMBER};
    int digits = 0;
    size_t after;

    for (int32_t c; date_scan_is_digit(c = date_scan_char(s, &after));
         s->at = after) {
        if (digits > 0 || c != '0')
            digits++;
        if (digits > 0 && digits <= NUMBER_DIGITS)
            t.value = t.value * 10 + (c - '0');
        if (t.length < INT_MAX)
            t.length++;
    }
    return t;
}

/* Months are known by how a word begins, all else by the whole word. */
static bool date_scan_is_word(const struct word *w, const char *letters, int n)
{
    return memcmp(w->letters, letters, WORD_LETTERS) == 0 &&
           (n <= WORD_LETTERS || w->kind == DATE_MONTH);
}

static struct date_token date_scan_word(struct date_scanner *s)
{
    struct date_token t = {.kind = DATE_WORD};
    char letters[WORD_LETTERS] = {0};
    size_t after;

    for (int32_t c; date_scan_is_letter(c = date_scan_char(s, &after));
         s->at = after) {
        if (t.length < WORD_LETTERS)
            letters[t.length] = c < 0x80 ? (char)(c | 0x20) : '?';
        if (t.length < INT_MAX)
            t.length++;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (!date_scan_is_word(&words[i], letters, t.length))
            continue;
        t.kind = words[i].kind;
        t.value = words[i].value;
        break;
    }
    return t;
}

/* Up to the parenthesis that closes the one in front, or to the end. */
static struct date_token date_scan_parentheses(struct date_scanner *s)
{
    int64_t open = 0;
    size_t after;
    int32_t c;

    do {
        c = date_scan_char(s, &after);
        open += (c == '(') - (c == ')');
        if (c != 0)
            s->at = after;
    } while (open > 0 && c != 0);
    return (struct date_token){.kind = DATE_OTHER};
}

/* A token of one character. */
static struct date_token date_scan_single(int32_t c)
{
    if (c == '+' || c == '-' || c == ':' || c == '.' || c == ')')
        return (struct date_token){.kind = DATE_SYMBOL, .value = c};
    if (date_scan_is_space(c))
        return (struct date_token){.kind = DATE_SPACE};
    return (struct date_token){.kind = DATE_OTHER};
}

static struct date_token date_scan_read(struct date_scanner *s)
{
    size_t after;
    int32_t c = date_scan_char(s, &after);

    if (c == 0)
        return (struct date_token){.kind = DATE_END};
    if (date_scan_is_digit(c))
        return date_scan_number(s);
    if (date_scan_is_letter(c))
        return date_scan_word(s);
    if (c == '(')
        return date_scan_parentheses(s);
    s->at = after;
    return date_scan_single(c);
}

void date_scan_begin(struct date_scanner *s, struct str text)
{
    s->text = text;
    s->at = 0;
    s->next = date_scan_read(s);
}

struct date_token date_scan(struct date_scanner *s)
{
    struct date_token taken = s->next;

    s->next = date_scan_read(s);
    return taken;
}

bool date_scan_symbol(struct date_scanner *s, char symbol)
{
    bool found = date_at_symbol(s, symbol);

    if (found)
        date_scan(s);
    return found;
}
