/* The items that every field of an expression may hold. */
#include "clock/cron_impl.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

enum { WHAT_BYTES = 200, NAME_LETTERS = 3 };

int cron_unreadable(struct cron_reader *r, size_t at, const char *fmt, ...)
{
    char what[WHAT_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    return err_set(r->err, ERR_INVALID,
        "%s field, character %zu: %s; allowed: %s", r->field->name, at + 1,
        what, r->field->allowed);
}

/* Reports the character at r->at as not allowed. */
static int cron_field_misplaced(struct cron_reader *r)
{
    unsigned char c = (unsigned char)r->text[r->at];

    if (r->at == r->end)
        return cron_unreadable(r, r->at, "a value is missing");
    if (isprint(c))
        return cron_unreadable(r, r->at, "\"%c\" is not allowed here", c);
    return cron_unreadable(r, r->at, "byte 0x%02X is not allowed here", c);
}

bool cron_take(struct cron_reader *r, char c)
{
    if (r->at == r->end || toupper((unsigned char)r->text[r->at]) != c)
        return false;
    r->at++;
    return true;
}

static bool cron_field_is_digit(const struct cron_reader *r)
{
    return r->at < r->end && isdigit((unsigned char)r->text[r->at]);
}

int cron_read_number(struct cron_reader *r, int least, int most)
{
    size_t from = r->at;
    int value = 0;

    if (!cron_field_is_digit(r))
        return cron_field_misplaced(r);
    for (; cron_field_is_digit(r); r->at++)
        value = value > most ? value : value * 10 + (r->text[r->at] - '0');
    if (value < least || value > most)
        return cron_unreadable(r, from, "%.*s is outside %d-%d",
            (int)(r->at - from > 20 ? 20 : r->at - from), r->text + from, least,
            most);
    return value;
}

/* Letters in a row; an L that ends four of them is not part of the name. */
static size_t cron_field_name_length(const struct cron_reader *r)
{
    size_t len = 0;

    while (r->at + len < r->end && isalpha((unsigned char)r->text[r->at + len]))
        len++;
    if (len == NAME_LETTERS + 1 && toupper(r->text[r->at + len - 1]) == 'L')
        len--;
    return len;
}

int cron_read_value(struct cron_reader *r)
{
    size_t len = cron_field_name_length(r);
    const char *names = r->field->names;

    if (len == 0 || names == NULL)
        return cron_field_is_digit(r) || len == 0
                   ? cron_read_number(r, r->field->least, r->field->accepted)
                   : cron_field_misplaced(r);
    for (int value = r->field->least; *names != '\0'; value++) {
        if (len == NAME_LETTERS &&
            strncasecmp(r->text + r->at, names, NAME_LETTERS) == 0) {
            r->at += len;
            return value;
        }
        names += NAME_LETTERS;
    }
    return cron_unreadable(r, r->at, "\"%.*s\" is not a %s",
        (int)(len > 20 ? 20 : len), r->text + r->at, r->field->name);
}

static int cron_field_read_step(struct cron_reader *r, struct cron_item *item)
{
    int size = r->field->most - r->field->least + 1;

    item->step = 1;
    item->stepped = cron_take(r, '/');
    if (!item->stepped)
        return 0;
    item->step = cron_read_number(r, 1, size);
    return item->step < 0 ? item->step : 0;
}

static int cron_field_read_common(struct cron_reader *r, struct cron_item *item)
{
    bool range = false;

    *item = (struct cron_item){.from = r->field->least,
        .to = r->field->most,
        .star = cron_take(r, '*')};
    if (!item->star) {
        item->from = item->to = cron_read_value(r);
        if (item->from < 0)
            return item->from;
        range = cron_take(r, '-');
        if (range)
            item->to = cron_read_value(r);
        if (item->to < 0)
            return item->to;
    }
    if (cron_field_read_step(r, item) < 0)
        return r->err->code;
    if (item->stepped && !range)
        item->to = r->field->most;
    return 0;
}

/* A weekday's 7 goes round to 0 as all that runs past the end does. */
static void cron_field_add(
    const struct cron_field *field, const struct cron_item *item, uint64_t *set)
{
    int size = field->most - field->least + 1;
    int to = item->to < item->from ? item->to + size : item->to;

    for (int value = item->from; value <= to; value += item->step)
        *set |= UINT64_C(1) << (field->least + (value - field->least) % size);
}

static int cron_field_read_item(
    struct cron_reader *r, struct cron *cron, uint64_t *set, bool *follows)
{
    int own = r->field->special != NULL ? r->field->special(r, cron) : 0;
    struct cron_item item;

    if (own < 0)
        return own;
    if (own == 0) {
        if (cron_field_read_common(r, &item) < 0)
            return r->err->code;
        cron_field_add(r->field, &item, set);
        *follows = *follows || item.star || item.stepped;
    }
    return r->at == r->end || r->text[r->at] == ',' ? 0
                                                    : cron_field_misplaced(r);
}

/* A ? stands alone and leaves the field free. */
static int cron_field_read_question(struct cron_reader *r, uint64_t *set)
{
    const struct cron_item all = {
        .from = r->field->least, .to = r->field->most, .step = 1};

    if (!r->field->question)
        return cron_field_misplaced(r);
    cron_field_add(r->field, &all, set);
    r->at++;
    return r->at == r->end ? 0 : cron_field_misplaced(r);
}

int cron_read_field(struct cron_reader *r, struct cron *cron, uint64_t *set,
    bool *star, bool *follows)
{
    *star = r->text[r->at] == '*' || r->text[r->at] == '?';
    *follows = false;
    if (r->text[r->at] == '?')
        return cron_field_read_question(r, set);
    do {
        if (cron_field_read_item(r, cron, set, follows) < 0)
            return r->err->code;
    } while (cron_take(r, ','));
    return 0;
}
