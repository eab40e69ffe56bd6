#define _GNU_SOURCE
#include "naive.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAY = 86400, FARTHEST = 27 * 3600 };

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
    "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekdays[] = {
    "sun", "mon", "tue", "wed", "thu", "fri", "sat"};

/* A number, or the place of a name; moves *p past it. */
static int value_of(const char **p)
{
    if (isdigit((unsigned char)**p))
        return (int)strtol(*p, (char **)p, 10);
    for (int i = 0; i < 12; i++) {
        if (strncasecmp(*p, months[i], 3) == 0) {
            *p += 3;
            return i + 1;
        }
    }
    for (int i = 0; i < 7; i++) {
        if (strncasecmp(*p, weekdays[i], 3) == 0) {
            *p += 3;
            return i;
        }
    }
    abort();
}

/* Walks the values of an item one by one, round the end where it must. */
static bool item_has(const char *item, int value, int least, int most)
{
    int at = least, to = most, step = 1;
    bool range = true;

    if (*item == '*' || *item == '?') {
        item++;
    } else {
        at = to = value_of(&item);
        range = *item == '-';
        if (range) {
            item++;
            to = value_of(&item);
        }
    }
    if (*item == '/') {
        step = atoi(item + 1);
        if (!range)
            to = most;
    }
    if (most == 6 && to == 7)
        to = at == 0 ? 6 : 0;
    if (most == 6 && at == 7)
        at = 0;
    for (int i = 0;; i++) {
        if (at == value && i % step == 0)
            return true;
        if (at == to)
            return false;
        at = at == most ? least : at + 1;
    }
}

/* The i-th item of a comma separated field; false: there are fewer. */
static bool item_at(const char *field, int i, char item[64])
{
    for (; i > 0; i--) {
        field = strchr(field, ',');
        if (field == NULL)
            return false;
        field++;
    }
    snprintf(item, 64, "%.*s", (int)strcspn(field, ","), field);
    return true;
}

static bool field_has(const char *field, int value, int least, int most)
{
    char item[64];

    for (int i = 0; item_at(field, i, item); i++) {
        if (item_has(item, value, least, most))
            return true;
    }
    return false;
}

static bool has_step_or_star(const char *field)
{
    return strpbrk(field, "*/") != NULL;
}

static bool is_free(const char *field)
{
    return field[0] == '*' || field[0] == '?';
}

void naive_read(struct naive *e, const char *text)
{
    char *const f[] = {e->fields[0], e->fields[1], e->fields[2], e->fields[3],
        e->fields[4], e->fields[5]};

    if (sscanf(text, "%63s %63s %63s %63s %63s %63s", f[0], f[1], f[2], f[3],
            f[4], f[5]) == 5) {
        memmove(f[1], f[0], sizeof(e->fields) - sizeof(e->fields[0]));
        strcpy(f[0], "0");
    }
    for (int i = 0; i < 60; i++) {
        e->second[i] = field_has(f[0], i, 0, 59);
        e->minute[i] = field_has(f[1], i, 0, 59);
    }
    for (int i = 0; i < 24; i++)
        e->hour[i] = field_has(f[2], i, 0, 23);
    for (int i = 1; i <= 12; i++)
        e->month[i] = field_has(f[4], i, 1, 12);
    e->by_clock = has_step_or_star(f[2]);
    e->either_day = !is_free(f[3]) && !is_free(f[5]);
}

static struct tm date_of(int64_t wall)
{
    time_t t = (time_t)wall;
    struct tm tm;

    gmtime_r(&t, &tm);
    return tm;
}

/* The last day of the month of tm. */
static int last_day(const struct tm *tm)
{
    struct tm next = {
        .tm_year = tm->tm_year, .tm_mon = tm->tm_mon + 1, .tm_mday = 0};

    timegm(&next);
    return next.tm_mday;
}

/* Is that day of the month of tm there, and from Monday to Friday? */
static bool works(const struct tm *tm, int day)
{
    int weekday = ((tm->tm_wday + day - tm->tm_mday) % 7 + 7) % 7;

    return day >= 1 && day <= last_day(tm) && weekday >= 1 && weekday <= 5;
}

static int nearest_working_day(const struct tm *tm, int day)
{
    if (day > last_day(tm))
        return 0;
    for (int distance = 0;; distance++) {
        if (works(tm, day - distance))
            return day - distance;
        if (works(tm, day + distance))
            return day + distance;
    }
}

static int last_working_day(const struct tm *tm)
{
    int day = last_day(tm);

    while (!works(tm, day))
        day--;
    return day;
}

static bool day_item_has(const char *item, const struct tm *tm)
{
    if (strcasecmp(item, "LW") == 0)
        return tm->tm_mday == last_working_day(tm);
    if (toupper(item[0]) == 'L')
        return tm->tm_mday ==
               last_day(tm) - (item[1] == '-' ? atoi(item + 2) : 0);
    if (toupper(item[strlen(item) - 1]) == 'W')
        return tm->tm_mday == nearest_working_day(tm, atoi(item));
    return item_has(item, tm->tm_mday, 1, 31);
}

static bool weekday_item_has(const char *item, const struct tm *tm)
{
    const char *p = item;
    int weekday;

    if (strcasecmp(item, "L") == 0)
        return tm->tm_wday == 6;
    if (*p == '*' || *p == '?')
        return item_has(item, tm->tm_wday, 0, 6);
    weekday = value_of(&p) % 7;
    if (toupper(*p) == 'L')
        return tm->tm_wday == weekday && tm->tm_mday + 7 > last_day(tm);
    if (*p == '#')
        return tm->tm_wday == weekday && (tm->tm_mday + 6) / 7 == atoi(p + 1);
    return item_has(item, tm->tm_wday, 0, 6);
}

static bool any_item(const char *field, const struct tm *tm,
    bool (*has)(const char *, const struct tm *))
{
    char item[64];

    for (int i = 0; item_at(field, i, item); i++) {
        if (has(item, tm))
            return true;
    }
    return false;
}

static bool day_matches(const struct naive *e, int64_t wall)
{
    struct tm tm = date_of(wall);
    bool day = any_item(e->fields[3], &tm, day_item_has);
    bool weekday = any_item(e->fields[5], &tm, weekday_item_has);

    if (!e->month[tm.tm_mon + 1])
        return false;
    return e->either_day ? day || weekday : day && weekday;
}

/*
 * The first matching second in [wall, end), minute by minute; days that do not
 * match are left at once.
 */
static bool first_match(
    const struct naive *e, int64_t wall, int64_t end, int64_t *out)
{
    int64_t day = INT64_MIN;

    while (wall < end) {
        int64_t of_day = ((wall % DAY) + DAY) % DAY;

        if (wall - of_day != day) {
            day = wall - of_day;
            if (!day_matches(e, wall)) {
                wall = day + DAY;
                continue;
            }
        }
        if (!e->hour[of_day / 3600] || !e->minute[of_day / 60 % 60]) {
            wall += 60 - of_day % 60;
            continue;
        }
        if (e->second[of_day % 60]) {
            *out = wall;
            return true;
        }
        wall++;
    }
    return false;
}

static bool next_by_clock(const struct naive *e, const struct tzif *z,
    int64_t after, int64_t until, struct naive_fire *out)
{
    int64_t at = after + 1;

    for (size_t i = tzif_find(z, at); i < z->n && at <= until; i++) {
        int64_t end = tzif_until(z, i) <= until ? tzif_until(z, i) : until + 1;
        int64_t wall;

        if (first_match(e, at + z->offset[i], end + z->offset[i], &wall)) {
            *out = (struct naive_fire){wall - z->offset[i], wall, false, false};
            return true;
        }
        at = end;
    }
    return false;
}

/* When the zone's clock shows a wall time, or when the gap around it ends. */
static struct naive_fire shown(const struct tzif *z, int64_t wall)
{
    struct naive_fire fire = {INT64_MAX, wall, false, false};
    size_t i = tzif_find(z, wall - FARTHEST);

    for (size_t k = i; k < z->n && z->from[k] <= wall + FARTHEST; k++) {
        int64_t at = wall - z->offset[k];

        if (at < z->from[k] || at >= tzif_until(z, k))
            continue;
        fire.twice = fire.at != INT64_MAX;
        fire.at = fire.twice ? fire.at : at;
    }
    for (size_t k = i + 1; fire.at == INT64_MAX && k < z->n; k++) {
        if (wall < z->from[k] + z->offset[k] &&
            wall >= z->from[k] + z->offset[k - 1]) {
            fire.at = z->from[k];
            fire.gap = true;
        }
    }
    return fire;
}

/* Wall times far enough before the instant have all been shown by then, and
 * those far enough after the best answer come later than it. */
static bool next_fixed(const struct naive *e, const struct tzif *z,
    int64_t after, int64_t until, struct naive_fire *out)
{
    int64_t wall = after - FARTHEST, end = until + FARTHEST;

    out->at = INT64_MAX;
    for (; first_match(e, wall, end, &wall); wall++) {
        struct naive_fire fire = shown(z, wall);

        if (fire.at <= after || fire.at >= out->at)
            continue;
        *out = fire;
        if (end > fire.at + FARTHEST)
            end = fire.at + FARTHEST;
    }
    return out->at <= until;
}

bool naive_next(const struct naive *e, const struct tzif *z, int64_t after,
    int64_t until, struct naive_fire *out)
{
    return e->by_clock ? next_by_clock(e, z, after, until, out)
                       : next_fixed(e, z, after, until, out);
}
