/*
 * Dates: the proleptic Gregorian calendar in UTC, and the ISO-8601 forms that
 * JavaScript's Date reads. Like there, a day the month does not have (up to
 * 31) runs over into the next month, and 24:00 is the next day's midnight.
 */
#include "base/text.h"

#include <stdio.h>

#define MS_A_DAY INT64_C(86400000)
/* JavaScript's Date reaches this far on both sides of 1970. */
#define MS_LIMIT INT64_C(8640000000000000)

/* Days of 400 years, the calendar's period; years count from 1 March. */
enum { ERA_DAYS = 146097, EPOCH_DAY = 719468 };

static int64_t text_iso_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days from 1970-01-01; month 1 .. 12, day may be past the month's end. */
static int64_t text_iso_days_from_civil(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = text_iso_floor_div(y, 400);
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           EPOCH_DAY;
}

int64_t civil_to_ms(int64_t year, int month, int day)
{
    return text_iso_days_from_civil(year, month, day) * MS_A_DAY;
}

void civil_from_ms(int64_t epoch_ms, int64_t *year, int *month, int *day)
{
    int64_t days = text_iso_floor_div(epoch_ms, MS_A_DAY) + EPOCH_DAY;
    int64_t era = text_iso_floor_div(days, ERA_DAYS);
    int64_t d = days - era * ERA_DAYS;
    int64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
    int64_t of_year = d - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;

    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = y + era * 400 + (*month <= 2);
}

static char *text_iso_put_number(char *at, int64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + digits;
}

static char *text_iso_put_after(char *at, char mark, int64_t value, int digits)
{
    *at = mark;
    return text_iso_put_number(at + 1, value, digits);
}

void iso_from_ms(int64_t epoch_ms, char out[ISO_BYTES])
{
    int64_t ms = (epoch_ms % MS_A_DAY + MS_A_DAY) % MS_A_DAY;
    int64_t year;
    int month, day;
    char *at;

    civil_from_ms(epoch_ms, &year, &month, &day);
    if (year >= 0 && year <= 9999)
        at = text_iso_put_number(out, year, 4);
    else
        at = out + snprintf(out, ISO_BYTES, "%c%06lld", year < 0 ? '-' : '+',
                       (long long)(year < 0 ? -year : year));
    at = text_iso_put_after(at, '-', month, 2);
    at = text_iso_put_after(at, '-', day, 2);
    at = text_iso_put_after(at, 'T', ms / 3600000, 2);
    at = text_iso_put_after(at, ':', ms / 60000 % 60, 2);
    at = text_iso_put_after(at, ':', ms / 1000 % 60, 2);
    at = text_iso_put_after(at, '.', ms % 1000, 3);
    memcpy(at, "Z", 2);
}

/* What is left to read. */
struct reader {
    const char *p, *end;
};

static bool iso_take(struct reader *r, char c)
{
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool iso_is_digit(const struct reader *r)
{
    return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

/* Exactly `digits` digits, of a value between least and most. */
static bool iso_number(
    struct reader *r, int digits, int least, int most, int *value)
{
    *value = 0;
    for (; digits > 0; digits--) {
        if (!iso_is_digit(r))
            return false;
        *value = *value * 10 + (*r->p++ - '0');
    }
    return *value >= least && *value <= most;
}

/* YYYY or +-YYYYYY; -000000 is invalid. */
static bool text_iso_read_year(struct reader *r, int64_t *year)
{
    bool minus = iso_take(r, '-');
    int value;

    if (!minus && !iso_take(r, '+')) {
        if (!iso_number(r, 4, 0, 9999, &value))
            return false;
    } else if (!iso_number(r, 6, minus ? 1 : 0, 999999, &value)) {
        return false;
    }
    *year = minus ? -value : value;
    return true;
}

/* YYYY, YYYY-MM or YYYY-MM-DD; *full says that it was the last. */
static bool text_iso_read_date(struct reader *r, int64_t *days, bool *full)
{
    int month = 1, day = 1;
    int64_t year;

    *full = false;
    if (!text_iso_read_year(r, &year))
        return false;
    if (iso_take(r, '-')) {
        if (!iso_number(r, 2, 1, 12, &month))
            return false;
        *full = iso_take(r, '-');
        if (*full && !iso_number(r, 2, 1, 31, &day))
            return false;
    }
    *days = text_iso_days_from_civil(year, month, day);
    return true;
}

/* Any number of digits after the point; those past the third are dropped. */
static bool text_iso_read_fraction(struct reader *r, int *ms)
{
    int scale = 100;

    *ms = 0;
    if (!iso_is_digit(r))
        return false;
    for (; iso_is_digit(r); r->p++, scale /= 10)
        *ms += (*r->p - '0') * scale;
    return true;
}

/* hh:mm, hh:mm:ss or hh:mm:ss.fraction */
static bool text_iso_read_clock(struct reader *r, int64_t *clock_ms)
{
    int hour, minute, second = 0, ms = 0;

    if (!iso_number(r, 2, 0, 24, &hour) || !iso_take(r, ':') ||
        !iso_number(r, 2, 0, 59, &minute))
        return false;
    if (iso_take(r, ':')) {
        if (!iso_number(r, 2, 0, 59, &second))
            return false;
        if (iso_take(r, '.') && !text_iso_read_fraction(r, &ms))
            return false;
    }
    *clock_ms = ((hour * 60 + minute) * INT64_C(60) + second) * 1000 + ms;
    return *clock_ms <= MS_A_DAY;
}

/*
 * Nothing (UTC), Z, +-hh:mm or +-hhmm; +-hh alone only as databases print it,
 * after a time set off by a space.
 */
static bool text_iso_read_offset(
    struct reader *r, bool spaced, int64_t *offset_ms)
{
    int hours, minutes = 0, sign;

    *offset_ms = 0;
    if (r->p == r->end || iso_take(r, 'Z') || iso_take(r, 'z'))
        return true;
    sign = iso_take(r, '-') ? -1 : 1;
    if (sign > 0 && !iso_take(r, '+'))
        return false;
    if (!iso_number(r, 2, 0, 23, &hours))
        return false;
    if (iso_take(r, ':') || iso_is_digit(r) || !spaced)
        if (!iso_number(r, 2, 0, 59, &minutes))
            return false;
    *offset_ms = sign * (hours * INT64_C(60) + minutes) * 60000;
    return true;
}

bool iso_to_ms(struct str s, int64_t *epoch_ms)
{
    struct reader r = {s.p, s.p + s.len};
    int64_t days, clock_ms = 0, offset_ms = 0, ms;
    bool full, spaced;

    if (s.len == 0 || !text_iso_read_date(&r, &days, &full))
        return false;
    if (r.p != r.end) {
        spaced = full && iso_take(&r, ' ');
        if (!spaced && !iso_take(&r, 'T') && !iso_take(&r, 't'))
            return false;
        if (!text_iso_read_clock(&r, &clock_ms) ||
            !text_iso_read_offset(&r, spaced, &offset_ms))
            return false;
    }
    ms = days * MS_A_DAY + clock_ms - offset_ms;
    if (r.p != r.end || ms > MS_LIMIT || ms < -MS_LIMIT)
        return false;
    *epoch_ms = ms;
    return true;
}
