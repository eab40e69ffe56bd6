#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock/cron.h"

static void reads(const char *text, const char *expected)
{
    struct cron cron;
    struct err err;
    struct buf got;

    buf_init(&got, 4096);
    if (cron_parse(text, &cron, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    cron_describe(&cron, &got);
    assert_string_equal(got.data, expected);
    buf_free(&got);
}

static void times_of_day(void **state)
{
    reads("0 2 * * *", "At 02:00 every day");
    reads("30 2,14 * * *", "At 02:30 and 14:30 every day");
    reads("15 30 2 * * *", "At 02:30:15 every day");
    reads("0 30 2 * * *", "At 02:30 every day");
    reads("@daily", "At 00:00 every day");
}

static void repetitions(void **state)
{
    reads("* * * * *", "Every minute");
    reads("* * * * * *", "Every second");
    reads("*/15 * * * *", "Every 15 minutes");
    reads("*/10 * * * * *", "Every 10 seconds");
    reads("5-10 * * * * *", "At seconds 5 to 10, every minute");
    reads("@hourly", "At minute 0, every hour");
    reads("*/7 * * * *",
        "At minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56, every hour");
    reads("0 */2 * * *", "At minute 0, in every 2nd hour");
    reads("*/5 9-17 * * *", "Every 5 minutes, in hours 9 to 17");
    reads("* 3 * * *", "Every minute, in hour 3");
    reads("1,2 */3 * * *", "At minutes 1 and 2, in every 3rd hour");
    reads("30 5 * * * *", "At second 30, at minute 5, every hour");
    reads("* */2 * * * *", "Every second, in every 2nd minute");
}

static void days(void **state)
{
    reads("0 2 1,15 * *", "At 02:00 on days 1 and 15 of the month");
    reads("0 2 3 * *", "At 02:00 on day 3 of the month");
    reads("0 2 L * *", "At 02:00 on the last day of the month");
    reads("0 2 L-3 * ?", "At 02:00 3 days before the last day of the month");
    reads("0 2 L-1 * *", "At 02:00 1 day before the last day of the month");
    reads("0 2 LW * *", "At 02:00 on the last working day of the month");
    reads("0 2 15W * *",
        "At 02:00 on the working day nearest to day 15 of the month");
    reads("0 2 1,L * *",
        "At 02:00 on day 1 of the month and on the last day of the month");
    reads("*/5 * 1 * *", "Every 5 minutes, on day 1 of the month");
}

static void weekdays(void **state)
{
    reads("0 2 * * MON-FRI", "At 02:00 on Monday to Friday");
    reads("0 2 ? * FRI-MON", "At 02:00 on Sunday, Monday, Friday and Saturday");
    reads("0 2 * * 7", "At 02:00 on Sunday");
    reads("0 2 * * 5L", "At 02:00 on the last Friday of the month");
    reads("0 2 * * MON#2", "At 02:00 on the second Monday of the month");
    reads("0 2 * * 1,SAT#5",
        "At 02:00 on Monday and on the fifth Saturday of the month");
}

static void days_and_weekdays(void **state)
{
    reads("0 2 13 * FRI", "At 02:00 on day 13 of the month, or on Friday");
    reads("0 2 13 * */5",
        "At 02:00 on day 13 of the month, but only on Sunday and Friday");
}

static void months(void **state)
{
    reads("0 2 * 1 *", "At 02:00 every day, in January");
    reads("0 2 * NOV-FEB *",
        "At 02:00 every day, in January, February, November and December");
    reads(
        "0 2 1 6-9 *", "At 02:00 on day 1 of the month, in June to September");
    reads("@yearly", "At 00:00 on day 1 of the month, in January");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_of_day),
        cmocka_unit_test(repetitions),
        cmocka_unit_test(days),
        cmocka_unit_test(weekdays),
        cmocka_unit_test(days_and_weekdays),
        cmocka_unit_test(months),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
