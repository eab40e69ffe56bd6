/*
 * Two readings of a date, as JavaScript has them. The first is the standard's
 * ISO form, YYYY-MM-DDThh:mm:ss.fffZ. Where a text is not one, up to the T,
 * the second goes on from there: it takes numbers, month names, AM and PM,
 * zones and offsets in nearly any order, and decides in the end which number
 * is the day, the month and the year. What a number is follows from what
 * stands behind it (10: is an hour or a minute) and from what came before.
 */
#include "record/js_date.h"

#include "base/text.h"
#include "record/js_date_impl.h"
#include <math.h>

#define MS_A_MINUTE INT64_C(60000)
#define MS_A_DAY INT64_C(86400000)

/* Date reaches this far on both sides of 1970; years in a text end sooner
 * than an offset could matter. */
#define DATE_LIMIT_MS 8.64e15
enum { YEAR_LIMIT = 1000000 };

enum { HOUR, MINUTE, SECOND, MILLISECOND, CLOCK_PARTS };
enum { DATE_PARTS = 3 };

/* What has been read so far. */
struct date_parts {
    int date[DATE_PARTS]; /* numbers of the date, as they came */
    int ndate;
    int month; /* 1 .. 12 of a name, 0: none was named */
    bool iso;  /* date is year, month, day, and the year is meant as it is */
    int clock[CLOCK_PARTS];
    int nclock;
    int meridiem;    /* 0 for AM, 12 for PM, -1: neither */
    int sign;        /* of the offset, 0: it has none */
    int64_t hour;    /* of the offset, -1: none */
    int64_t minute;  /* of the offset, -1: none */
    bool has_number; /* behind a number a word must mean something */
    struct date_scanner in;
};

enum date_reading {
    DATE_READ, /* to the end */
    DATE_WRONG,
    DATE_OTHER_FORM, /* not ISO: the second reading goes on */
};

static bool date_between(int64_t n, int64_t least, int64_t most)
{
    return n >= least && n <= most;
}

static bool date_add_number(struct date_parts *d, int n)
{
    if (d->ndate == DATE_PARTS)
        return false;
    d->date[d->ndate++] = n;
    return true;
}

static bool date_add_clock(struct date_parts *d, int n)
{
    if (d->nclock == CLOCK_PARTS)
        return false;
    d->clock[d->nclock++] = n;
    return true;
}

/* The parts of the clock that were not given are 0. */
static void date_end_clock(struct date_parts *d)
{
    while (d->nclock < CLOCK_PARTS)
        d->clock[d->nclock++] = 0;
}

static void date_set_offset(
    struct date_parts *d, int sign, int64_t hour, int64_t minute)
{
    d->sign = sign;
    d->hour = hour;
    d->minute = minute;
}

/* A fraction of a second: its first three digits. Of a number that begins
 * with zeros and has over nine digits V8 takes the digits behind the zeros. */
static int date_fraction_ms(struct date_token number)
{
    int digits = number.length < 9 ? number.length : 9;
    int ms = number.value;

    for (; digits < 3; digits++)
        ms *= 10;
    for (; digits > 3; digits--)
        ms /= 10;
    return ms;
}

/* ---- The standard's form ---- */

/* Takes a number of exactly two digits between least and most. */
static bool date_iso_two(
    struct date_scanner *in, int least, int most, int *value)
{
    struct date_token t = in->next;

    if (t.kind != DATE_NUMBER || t.length != 2 ||
        !date_between(t.value, least, most))
        return false;
    *value = date_scan(in).value;
    return true;
}

/* YYYY or +-YYYYYY. A sign that does not begin a year is taken all the same,
 * and so is the number of -000000, which is no year. */
static bool date_iso_year(struct date_parts *d)
{
    int sign = date_scan_symbol(&d->in, '-') ? -1 : 1;
    bool is_signed = sign < 0 || date_scan_symbol(&d->in, '+');
    struct date_token t = d->in.next;

    if (t.kind != DATE_NUMBER || t.length != (is_signed ? 6 : 4))
        return false;
    date_scan(&d->in);
    if (sign < 0 && t.value == 0)
        return false;
    return date_add_number(d, sign * t.value);
}

/* YYYY, YYYY-MM or YYYY-MM-DD. */
static bool date_iso_date(struct date_parts *d)
{
    static const int most[DATE_PARTS] = {0, 12, 31};
    int n;

    if (!date_iso_year(d))
        return false;
    while (d->ndate < DATE_PARTS && date_scan_symbol(&d->in, '-')) {
        if (!date_iso_two(&d->in, 1, most[d->ndate], &n))
            return false;
        date_add_number(d, n);
    }
    return true;
}

/* hh:mm, hh:mm:ss or hh:mm:ss.fraction; of the hour 24 only midnight. */
static bool date_iso_clock(struct date_parts *d)
{
    struct date_scanner *in = &d->in;
    int hour, minute, second = 0, most;

    if (!date_iso_two(in, 0, 24, &hour) || !date_scan_symbol(in, ':'))
        return false;
    most = hour == 24 ? 0 : 59;
    if (!date_iso_two(in, 0, most, &minute))
        return false;
    date_add_clock(d, hour);
    date_add_clock(d, minute);
    if (!date_scan_symbol(in, ':'))
        return true;
    if (!date_iso_two(in, 0, most, &second))
        return false;
    date_add_clock(d, second);
    if (!date_scan_symbol(in, '.'))
        return true;
    if (in->next.kind != DATE_NUMBER || (hour == 24 && in->next.value > 0))
        return false;
    return date_add_clock(d, date_fraction_ms(date_scan(in)));
}

/* Nothing, Z, +-hh:mm or +-hhmm. */
static bool date_iso_offset(struct date_parts *d)
{
    struct date_scanner *in = &d->in;
    int sign = 1, hour, minute;

    if (in->next.kind == DATE_ZONE && in->next.length == 1) {
        date_scan(in);
        return true;
    }
    if (date_scan_symbol(in, '-'))
        sign = -1;
    else if (!date_scan_symbol(in, '+'))
        return true;
    if (in->next.kind == DATE_NUMBER && in->next.length == 4) {
        int both = date_scan(in).value;

        hour = both / 100;
        minute = both % 100;
    } else if (!date_iso_two(in, 0, 99, &hour) || !date_scan_symbol(in, ':') ||
               !date_iso_two(in, 0, 99, &minute)) {
        return false;
    }
    date_set_offset(d, sign, hour, minute);
    return hour < 24 && minute < 60;
}

/* The T decides: in front of it all else may still follow, behind it not. */
static enum date_reading date_read_iso(struct date_parts *d)
{
    if (!date_iso_date(d))
        return DATE_OTHER_FORM;
    if (d->in.next.kind == DATE_T) {
        date_scan(&d->in);
        if (!date_iso_clock(d) || !date_iso_offset(d))
            return DATE_WRONG;
        if (d->in.next.kind != DATE_END)
            return DATE_WRONG;
    } else if (d->in.next.kind != DATE_END) {
        return DATE_OTHER_FORM;
    }
    d->iso = true;
    return DATE_READ;
}

/* ---- All other forms ---- */

/* Whether a number that no colon follows ends the clock. */
static bool date_fits_clock(const struct date_parts *d, int n)
{
    switch (d->nclock) {
    case MINUTE:
    case SECOND:
        return date_between(n, 0, 59);
    case MILLISECOND:
        return date_between(n, 0, 999);
    default:
        return false;
    }
}

/* Whether it is the minutes of an offset whose hours a colon follows. */
static bool date_fits_offset(const struct date_parts *d, int n)
{
    return d->hour >= 0 && d->minute < 0 && date_between(n, 0, 59);
}

/* A number and a colon, or two: hours, minutes, or seconds before more. */
static bool date_read_clock_part(struct date_parts *d, int n)
{
    if (date_scan_symbol(&d->in, ':'))
        return d->nclock == 0 && date_add_clock(d, n) && date_add_clock(d, 0);
    if (!date_add_clock(d, n))
        return false;
    date_scan_symbol(&d->in, '.');
    return true;
}

/* The last number of the clock, a point and a fraction. */
static bool date_read_fraction(struct date_parts *d, int n)
{
    date_add_clock(d, n);
    if (d->in.next.kind != DATE_NUMBER)
        return false;
    date_add_clock(d, date_fraction_ms(date_scan(&d->in))); /* a fifth: none */
    date_end_clock(d);
    return true;
}

/* What may follow the last number of the clock. */
static bool date_ends_clock(const struct date_scanner *in)
{
    return in->next.kind == DATE_END || in->next.kind == DATE_SPACE ||
           (in->next.kind == DATE_ZONE && in->next.length == 1) ||
           date_at_symbol(in, '+') || date_at_symbol(in, '-');
}

static bool date_read_number(struct date_parts *d, int n)
{
    d->has_number = true;
    if (date_scan_symbol(&d->in, ':'))
        return date_read_clock_part(d, n);
    if (date_scan_symbol(&d->in, '.') && date_fits_clock(d, n))
        return date_read_fraction(d, n);
    if (date_fits_offset(d, n)) {
        d->minute = n;
        return true;
    }
    if (date_fits_clock(d, n)) {
        date_add_clock(d, n);
        date_end_clock(d);
        return date_ends_clock(&d->in);
    }
    if (!date_add_number(d, n))
        return false;
    date_scan_symbol(&d->in, '-');
    return true;
}

/* Words say nothing in front of the first number, unless they touch it. */
static bool date_read_word(struct date_parts *d, struct date_token t)
{
    if (t.kind == DATE_MERIDIEM && d->nclock > 0) {
        d->meridiem = t.value;
    } else if (t.kind == DATE_MONTH) {
        d->month = t.value;
        date_scan_symbol(&d->in, '-');
    } else if (t.kind == DATE_ZONE && d->has_number) {
        date_set_offset(
            d, t.value < 0 ? -1 : 1, t.value < 0 ? -t.value : t.value, 0);
    } else {
        return !d->has_number && d->in.next.kind != DATE_NUMBER;
    }
    return true;
}

/* Behind a clock or UTC: +h, +hh, +hmm, +hhmm, or +h: and minutes. */
static bool date_read_offset(struct date_parts *d, int sign)
{
    struct date_token t = {.length = 0};

    if (d->in.next.kind == DATE_NUMBER)
        t = date_scan(&d->in);
    d->has_number = true;
    if (date_at_symbol(&d->in, ':'))
        date_set_offset(d, sign, t.value, -1);
    else if (t.length == 1 || t.length == 2)
        date_set_offset(d, sign, t.value, 0);
    else if (t.length == 3 || t.length == 4)
        date_set_offset(d, sign, t.value / 100, t.value % 100);
    else
        return false;
    return true;
}

static bool date_read_symbol(struct date_parts *d, int symbol)
{
    bool is_sign = symbol == '+' || symbol == '-';
    bool is_utc = d->hour == 0 && d->minute == 0;

    if (is_sign && (is_utc || d->nclock > 0))
        return date_read_offset(d, symbol == '+' ? 1 : -1);
    return !d->has_number || (!is_sign && symbol != ')');
}

static bool date_read_token(struct date_parts *d, struct date_token t)
{
    switch (t.kind) {
    case DATE_NUMBER:
        return date_read_number(d, t.value);
    case DATE_MONTH:
    case DATE_MERIDIEM:
    case DATE_ZONE:
    case DATE_T:
    case DATE_WORD:
        return date_read_word(d, t);
    case DATE_SYMBOL:
        return date_read_symbol(d, t.value);
    default:
        return true;
    }
}

static bool date_read_any(struct date_parts *d)
{
    d->has_number = d->ndate > 0;
    while (d->in.next.kind != DATE_END)
        if (!date_read_token(d, date_scan(&d->in)))
            return false;
    return true;
}

/* ---- What was meant ---- */

/* Which number is what: a month's name, or a first number that no day has,
 * tells; else the month comes first. Numbers that are missing are 1. */
static bool date_find_day(
    const struct date_parts *d, int *year, int *month, int *day)
{
    int n[DATE_PARTS] = {1, 1, 1};
    bool year_first;

    if (d->ndate == 0)
        return false;
    memcpy(n, d->date, (size_t)d->ndate * sizeof(*n));
    year_first = d->iso || !date_between(n[0], 1, 31);
    if (d->month != 0) {
        *month = d->month;
        *day = year_first ? n[1] : n[0];
        *year = year_first ? n[0] : n[1];
        return date_between(*day, 1, 31);
    }
    *year = year_first ? n[0] : n[2];
    *month = year_first ? n[1] : n[0];
    *day = year_first ? n[2] : n[1];
    return date_between(*month, 1, 12) && date_between(*day, 1, 31);
}

static bool date_find_clock(struct date_parts *d, int64_t *ms)
{
    int *c = d->clock;

    date_end_clock(d);
    if (d->meridiem >= 0) {
        if (!date_between(c[HOUR], 0, 12))
            return false;
        c[HOUR] = c[HOUR] % 12 + d->meridiem;
    }
    if (!date_between(c[HOUR], 0, 24) || !date_between(c[MINUTE], 0, 59) ||
        !date_between(c[SECOND], 0, 59) ||
        !date_between(c[MILLISECOND], 0, 999))
        return false;
    *ms = (c[HOUR] * INT64_C(60) + c[MINUTE]) * MS_A_MINUTE +
          c[SECOND] * INT64_C(1000) + c[MILLISECOND];
    return *ms <= MS_A_DAY;
}

/* V8 counts an offset's seconds in 32 bits, which some texts overflow. */
static bool date_find_offset(const struct date_parts *d, int64_t *ms)
{
    uint32_t seconds = (uint32_t)(d->hour > 0 ? d->hour * 3600 : 0) +
                       (uint32_t)(d->minute > 0 ? d->minute * 60 : 0);

    *ms = d->sign * (int64_t)seconds * 1000;
    return seconds <= INT32_MAX;
}

static bool date_find_instant(struct date_parts *d, int64_t *epoch_ms)
{
    int year, month, day;
    int64_t clock_ms, offset_ms;

    if (!date_find_day(d, &year, &month, &day) ||
        !date_find_clock(d, &clock_ms) || !date_find_offset(d, &offset_ms))
        return false;
    if (!d->iso && date_between(year, 0, 99))
        year += year < 50 ? 2000 : 1900;
    if (!date_between(year, -YEAR_LIMIT, YEAR_LIMIT))
        return false;
    return js_date_clip(
        (double)(civil_to_ms(year, month, day) + clock_ms - offset_ms),
        epoch_ms);
}

/* ---- The usual form ---- */

/* So many digits, as a number; < 0: one is none. */
static int date_digits(const char *at, int n)
{
    int value = 0;

    for (int i = 0; i < n; i++) {
        if (at[i] < '0' || at[i] > '9')
            return -1;
        value = 10 * value + at[i] - '0';
    }
    return value;
}

/* YYYY-MM-DDThh:mm:ss.fffZ, with or without the fraction, which is what nearly
 * all dates look like; what is not exactly that is read token by token. */
static bool date_read_usual(struct str text, int64_t *epoch_ms)
{
    const char *c = text.p;
    int year, month, day, ms = 0;
    int64_t hour, minute, second;

    if ((text.len != 20 && text.len != 24) || c[4] != '-' || c[7] != '-' ||
        c[10] != 'T' || c[13] != ':' || c[16] != ':' || c[text.len - 1] != 'Z')
        return false;
    if (text.len == 24)
        ms = c[19] == '.' ? date_digits(c + 20, 3) : -1;
    year = date_digits(c, 4);
    month = date_digits(c + 5, 2);
    day = date_digits(c + 8, 2);
    hour = date_digits(c + 11, 2);
    minute = date_digits(c + 14, 2);
    second = date_digits(c + 17, 2);
    if (year < 0 || !date_between(month, 1, 12) || !date_between(day, 1, 31) ||
        !date_between(hour, 0, 23) || !date_between(minute, 0, 59) ||
        !date_between(second, 0, 59) || ms < 0)
        return false;
    *epoch_ms = civil_to_ms(year, month, day) +
                (hour * 60 + minute) * MS_A_MINUTE + second * 1000 + ms;
    return true;
}

bool js_date_parse(struct str text, int64_t *epoch_ms)
{
    struct date_parts d = {.meridiem = -1, .hour = -1, .minute = -1};
    enum date_reading reading;

    if (date_read_usual(text, epoch_ms))
        return true;
    date_scan_begin(&d.in, text);
    reading = date_read_iso(&d);
    if (reading == DATE_OTHER_FORM && !date_read_any(&d))
        reading = DATE_WRONG;
    return reading != DATE_WRONG && date_find_instant(&d, epoch_ms);
}

bool js_date_clip(double ms, int64_t *epoch_ms)
{
    if (!(fabs(ms) <= DATE_LIMIT_MS))
        return false;
    *epoch_ms = (int64_t)ms;
    return true;
}
