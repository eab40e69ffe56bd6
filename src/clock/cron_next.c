/*
 * The next fire. Two kinds of jobs see the wall clock differently:
 *
 * One that follows the clock fires at every instant whose wall time matches.
 * Its search goes from one stretch of constant offset to the next.
 *
 * One of fixed hours fires, for each matching wall time, at the first instant
 * at which the wall clock has come to it or past it. That is the time itself
 * on most days, its first occurrence where it is shown twice, and the end of
 * the gap where it is skipped. Only times above the highest that the clock
 * has shown so far are still to come, so one search of the calendar is enough.
 */
#include "clock/calendar.h"
#include "clock/cron_impl.h"

enum { CALENDAR_YEARS = 41 }; /* 29 February on a Sunday: 40 years at most */

#define YEAR_S INT64_C(31556952)
#define AFTER_LEAST_S INT64_C(-62135596800) /* 0001-01-01 */
#define AFTER_MOST_S INT64_C(253402300799)  /* 9999-12-31T23:59:59 */

/* Wall time and instant are never further apart than half of this. */
enum { REACH_S = 2 * ZONE_OFFSET_MAX_S };

/* The least value in the set that is at least `from`; -1: none. */
static int next_in(uint64_t set, int from)
{
    uint64_t rest = from > 63 ? 0 : set >> from << from;

    return rest == 0 ? -1 : __builtin_ctzll(rest);
}

/* The first matching second of a day at or after `from_s`; -1: none. */
static int next_of_day(const struct cron *cron, int from_s)
{
    int hour = from_s / 3600, minute = from_s / 60 % 60;
    int second = next_in(cron->seconds, from_s % 60);
    int h, m;

    if (second < 0)
        minute++;
    m = next_in(cron->minutes, minute);
    if (m != minute || second < 0)
        second = next_in(cron->seconds, 0);
    if (m < 0)
        hour++;
    h = next_in(cron->hours, hour);
    if (h < 0)
        return -1;
    if (h != hour || m < 0) {
        m = next_in(cron->minutes, 0);
        second = next_in(cron->seconds, 0);
    }
    return h * 3600 + m * 60 + second;
}

/* The first matching day of a month from day `from` on; -1: none. */
static int next_day(const struct cron *cron, struct civil_date month, int from)
{
    int first;

    if (!(cron->months >> month.month & 1))
        return -1;
    month.day = 1;
    first = calendar_weekday(calendar_days(month));
    return next_in(
        cron_days(cron, first, calendar_month_days(month.year, month.month)),
        from);
}

bool cron_next_wall(const struct cron *cron, int64_t wall_s, int64_t *out)
{
    int64_t days = calendar_floor_div(wall_s, DAY_S);
    int second = next_of_day(cron, (int)(wall_s - days * DAY_S));
    struct civil_date date = calendar_date(days);
    int64_t last_year = date.year + CALENDAR_YEARS;
    int from = second < 0 ? date.day + 1 : date.day;
    int day = next_day(cron, date, from);

    if (day != date.day)
        second = next_of_day(cron, 0);
    while (day < 0) {
        if (++date.month > 12) {
            date.month = 1;
            if (++date.year > last_year)
                return false;
        }
        day = next_day(cron, date, 1);
    }
    date.day = day;
    *out = calendar_days(date) * DAY_S + second;
    return true;
}

static void cron_next_set_fire(
    struct cron_fire *out, int64_t at_s, int64_t wall_s, int64_t nominal_s)
{
    *out = (struct cron_fire){.at_ms = at_s * 1000,
        .wall_ms = wall_s * 1000,
        .nominal_ms = nominal_s * 1000,
        .in_gap = wall_s != nominal_s};
}

/* The highest wall time shown up to and including an instant. */
static int64_t cron_next_highest_wall(const struct zone *zone, int64_t at_s)
{
    struct zone_span span = zone_at(zone, at_s);
    int64_t highest = at_s + span.offset_s;

    while (span.from_s > at_s - REACH_S) {
        span = zone_at(zone, span.from_s - 1);
        if (span.until_s - 1 + span.offset_s > highest)
            highest = span.until_s - 1 + span.offset_s;
    }
    return highest;
}

/* Is the wall time shown again in a stretch after this one? */
static bool cron_next_comes_again(
    const struct zone *zone, struct zone_span span, int64_t wall_s)
{
    int64_t reach_s = span.until_s + REACH_S;

    while (span.until_s < reach_s && span.until_s < ZONE_FOREVER_S) {
        span = zone_at(zone, span.until_s);
        if (wall_s >= span.from_s + span.offset_s &&
            wall_s < span.until_s + span.offset_s)
            return true;
    }
    return false;
}

static bool next_fixed(const struct cron *cron, const struct zone *zone,
    int64_t after_s, struct cron_fire *out)
{
    struct zone_span span;
    int64_t nominal_s, at_s;

    if (!cron_next_wall(
            cron, cron_next_highest_wall(zone, after_s) + 1, &nominal_s))
        return false;
    span = zone_at(zone, nominal_s - ZONE_OFFSET_MAX_S);
    while (span.until_s - 1 + span.offset_s < nominal_s)
        span = zone_at(zone, span.until_s);
    at_s = nominal_s - span.offset_s;
    if (at_s < span.from_s)
        at_s = span.from_s;
    cron_next_set_fire(out, at_s, at_s + span.offset_s, nominal_s);
    out->repeats = !out->in_gap && cron_next_comes_again(zone, span, nominal_s);
    return true;
}

/*
 * Where to look next, when the first wall time to match after the instant
 * from_s was wall_s, beyond the end of its stretch. Instants more than a reach
 * after from_s and before wall_s show wall times between the two, so they can
 * be passed over, whatever their offsets.
 */
static int64_t cron_next_pass_over(
    struct zone_span span, int64_t from_s, int64_t wall_s)
{
    int64_t far_s = wall_s - ZONE_OFFSET_MAX_S;

    if (span.until_s - from_s > REACH_S && far_s > span.until_s)
        return far_s;
    return span.until_s;
}

static bool next_by_clock(const struct cron *cron, const struct zone *zone,
    int64_t after_s, struct cron_fire *out)
{
    int64_t last_s = after_s + CRON_HORIZON_YEARS * YEAR_S;
    int64_t at_s = after_s + 1, wall_s;

    while (at_s <= last_s) {
        struct zone_span span = zone_at(zone, at_s);

        if (!cron_next_wall(cron, at_s + span.offset_s, &wall_s))
            return false;
        if (wall_s - span.offset_s < span.until_s) {
            cron_next_set_fire(out, wall_s - span.offset_s, wall_s, wall_s);
            return true;
        }
        at_s = cron_next_pass_over(span, at_s, wall_s);
    }
    return false;
}

bool cron_next(const struct cron *cron, const struct zone *zone,
    int64_t after_ms, struct cron_fire *out)
{
    int64_t after_s = calendar_floor_div(after_ms, 1000);

    if (after_s < AFTER_LEAST_S || after_s > AFTER_MOST_S)
        return false;
    return cron->follows_clock ? next_by_clock(cron, zone, after_s, out)
                               : next_fixed(cron, zone, after_s, out);
}
