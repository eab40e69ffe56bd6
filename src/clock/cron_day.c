/* Which days of a month an expression means. */
#include "clock/calendar.h"
#include "clock/cron_impl.h"

#include <assert.h>
#include <ctype.h>

enum { SATURDAY = 6, NTH_MAX = 5, LAST_MAX = 30, FEWEST_DAYS = 28 };

/* "L", "L-3", "LW" or "15W". */
int cron_special_day(struct cron_reader *r, struct cron *cron)
{
    size_t from = r->at;
    int n = 0;

    if (cron_take(r, 'L')) {
        if (cron_take(r, 'W')) {
            cron->near_days |= 1;
            return 1;
        }
        if (cron_take(r, '-'))
            n = cron_read_number(r, 1, LAST_MAX);
        if (n < 0)
            return n;
        cron->last_days |= UINT32_C(1) << n;
        return 1;
    }
    if (r->at == r->end || !isdigit((unsigned char)r->text[r->at]))
        return 0;
    n = cron_read_value(r);
    if (n < 0)
        return n;
    if (cron_take(r, 'W')) {
        cron->near_days |= UINT32_C(1) << n;
        return 1;
    }
    r->at = from;
    return 0;
}

/* "L" (Saturday), "5L" or "MON#2". */
int cron_special_weekday(struct cron_reader *r, struct cron *cron)
{
    size_t from = r->at;
    int weekday, n;

    if (cron_take(r, 'L')) {
        cron->weekdays |= 1 << SATURDAY;
        return 1;
    }
    if (r->at < r->end && r->text[r->at] == '*')
        return 0;
    weekday = cron_read_value(r);
    if (weekday < 0)
        return weekday;
    weekday %= 7;
    if (cron_take(r, 'L')) {
        cron->last_weekdays |= UINT32_C(1) << weekday;
        return 1;
    }
    if (!cron_take(r, '#')) {
        r->at = from;
        return 0;
    }
    n = cron_read_number(r, 1, NTH_MAX);
    if (n < 0)
        return n;
    cron->nth_weekdays |= UINT64_C(1) << (7 * (n - 1) + weekday);
    return n > 0;
}

/* The days whose weekday is in the set, bit d for day d, up to day 35. */
static uint64_t days_of_weekdays(uint32_t weekdays, int first)
{
    uint64_t week = ((weekdays >> first) | (weekdays << (7 - first))) & 0x7F;

    return (week * UINT64_C(0x10204081)) << 1;
}

/* The weekday (Monday to Friday) nearest to a day, within its month. */
static int cron_day_nearest_weekday(int day, int first, int ndays)
{
    int weekday = (first + day - 1) % 7;

    if (weekday == SATURDAY)
        return day == 1 ? day + 2 : day - 1;
    if (weekday == 0)
        return day == ndays ? day - 2 : day + 1;
    return day;
}

static uint64_t special_days(const struct cron *cron, int first, int ndays)
{
    uint64_t days = 0;

    assert(ndays >= FEWEST_DAYS);
    for (int n = 0; n < ndays; n++) {
        if (cron->last_days >> n & 1)
            days |= UINT64_C(1) << (ndays - n);
        if (cron->near_days >> (n + 1) & 1)
            days |= UINT64_C(1)
                    << cron_day_nearest_weekday(n + 1, first, ndays);
    }
    if (cron->near_days & 1)
        days |= UINT64_C(1) << cron_day_nearest_weekday(ndays, first, ndays);
    return days;
}

static uint64_t cron_day_special_weekdays(
    const struct cron *cron, int first, int ndays)
{
    uint64_t last_week = UINT64_C(0x7F) << (ndays - 6);
    uint64_t days = days_of_weekdays(cron->last_weekdays, first) & last_week;

    assert(ndays >= FEWEST_DAYS);
    for (int n = 0; n < NTH_MAX; n++)
        days |= days_of_weekdays(cron->nth_weekdays >> (7 * n) & 0x7F, first) &
                UINT64_C(0xFE) << (7 * n);
    return days;
}

uint32_t cron_days(const struct cron *cron, int first, int ndays)
{
    uint64_t month = (UINT64_C(2) << ndays) - 2;
    uint64_t days = cron->days;
    uint64_t weekdays = days_of_weekdays(cron->weekdays, first);

    if ((cron->last_days | cron->near_days) != 0)
        days |= special_days(cron, first, ndays);
    if ((cron->last_weekdays | cron->nth_weekdays) != 0)
        weekdays |= cron_day_special_weekdays(cron, first, ndays);
    if (cron->any_day || cron->any_weekday)
        return (uint32_t)(days & weekdays & month);
    return (uint32_t)((days | weekdays) & month);
}

/* A month of any year may begin on any day of the week. */
bool cron_can_fire(const struct cron *cron)
{
    for (int month = 1; month <= 12; month++) {
        int most = calendar_month_days(2000, month);
        int least = calendar_month_days(2001, month);

        for (int first = 0; first < 7 && cron->months >> month & 1; first++) {
            if (cron_days(cron, first, least) != 0 ||
                cron_days(cron, first, most) != 0)
                return true;
        }
    }
    return false;
}
