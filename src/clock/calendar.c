#include "clock/calendar.h"

#include <stdbool.h>

/* Days of 400 years, the calendar's period; years count from 1 March. */
enum { ERA_DAYS = 146097, EPOCH_DAY = 719468, EPOCH_WEEKDAY = 4 };

int64_t calendar_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t calendar_days(struct civil_date date)
{
    int64_t y = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = calendar_floor_div(y, 400);
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * ((date.month + 9) % 12) + 2) / 5 + date.day - 1;

    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           EPOCH_DAY;
}

struct civil_date calendar_date(int64_t days)
{
    int64_t shifted = days + EPOCH_DAY;
    int64_t era = calendar_floor_div(shifted, ERA_DAYS);
    int of_era = (int)(shifted - era * ERA_DAYS);
    int y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int of_year = of_era - (365 * y + y / 4 - y / 100);
    int m = (5 * of_year + 2) / 153;
    struct civil_date date = {.month = m < 10 ? m + 3 : m - 9,
        .day = of_year - (153 * m + 2) / 5 + 1};

    date.year = y + era * 400 + (date.month <= 2);
    return date;
}

int calendar_weekday(int64_t days)
{
    int weekday = (int)((days + EPOCH_WEEKDAY) % 7);

    return weekday < 0 ? weekday + 7 : weekday;
}

static bool calendar_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int calendar_month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && calendar_is_leap(year));
}
