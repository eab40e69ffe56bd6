#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clock/cron.h"

static struct cron parse(const char *text)
{
    struct cron cron;
    struct err err = {0};

    if (cron_parse(text, &cron, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return cron;
}

static uint64_t bits(const int *values)
{
    uint64_t set = 0;

    for (; *values >= 0; values++)
        set |= UINT64_C(1) << *values;
    return set;
}

#define SET(...) bits((const int[]){__VA_ARGS__, -1})
#define UP_TO(n) ((UINT64_C(2) << (n)) - 1)

static void fields_become_sets(void **state)
{
    struct cron c = parse("5 4 3 2 1");

    assert_int_equal(c.seconds, SET(0));
    assert_int_equal(c.minutes, SET(5));
    assert_int_equal(c.hours, SET(4));
    assert_int_equal(c.days, SET(3));
    assert_int_equal(c.months, SET(2));
    assert_int_equal(c.weekdays, SET(1));
    assert_false(c.has_seconds || c.any_day || c.any_weekday);
    c = parse("6 5 4 3 2 1");
    assert_int_equal(c.seconds, SET(6));
    assert_int_equal(c.minutes, SET(5));
    assert_true(c.has_seconds);
    c = parse(" \t* * * * * * \n");
    assert_int_equal(c.seconds, UP_TO(59));
    assert_int_equal(c.minutes, UP_TO(59));
    assert_int_equal(c.hours, UP_TO(23));
    assert_int_equal(c.days, UP_TO(31) - 1);
    assert_int_equal(c.months, UP_TO(12) - 1);
    assert_int_equal(c.weekdays, UP_TO(6));
    assert_true(c.any_day && c.any_weekday);
}

static void lists_ranges_and_steps(void **state)
{
    assert_int_equal(parse("1,5,59 * * * *").minutes, SET(1, 5, 59));
    assert_int_equal(parse("1-3,7 * * * *").minutes, SET(1, 2, 3, 7));
    assert_int_equal(parse("*/20 * * * *").minutes, SET(0, 20, 40));
    assert_int_equal(parse("5/20 * * * *").minutes, SET(5, 25, 45));
    assert_int_equal(parse("10-30/10 * * * *").minutes, SET(10, 20, 30));
    assert_int_equal(parse("*/60 * * * *").minutes, SET(0));
    assert_int_equal(parse("07 * * * *").minutes, SET(7));
    assert_int_equal(parse("0 0 */10 * *").days, SET(1, 11, 21, 31));
}

static void ranges_may_wrap(void **state)
{
    assert_int_equal(parse("0 22-2 * * *").hours, SET(22, 23, 0, 1, 2));
    assert_int_equal(parse("0 22-4/2 * * *").hours, SET(22, 0, 2, 4));
    assert_int_equal(parse("0 0 30-2 * *").days, SET(30, 31, 1, 2));
    assert_int_equal(parse("0 0 * NOV-FEB *").months, SET(11, 12, 1, 2));
    assert_int_equal(parse("0 0 * * FRI-MON").weekdays, SET(5, 6, 0, 1));
    assert_int_equal(parse("58-1 * * * *").minutes, SET(58, 59, 0, 1));
}

static void sunday_is_0_and_7(void **state)
{
    assert_int_equal(parse("0 0 * * 0").weekdays, SET(0));
    assert_int_equal(parse("0 0 * * 7").weekdays, SET(0));
    assert_int_equal(parse("0 0 * * 5-7").weekdays, SET(5, 6, 0));
    assert_int_equal(parse("0 0 * * 7-2").weekdays, SET(0, 1, 2));
    assert_int_equal(parse("0 0 * * 0-7").weekdays, UP_TO(6));
    assert_int_equal(parse("0 0 * * 1-7/2").weekdays, SET(1, 3, 5, 0));
    assert_int_equal(parse("0 0 * * 7#1").nth_weekdays, SET(0));
    assert_int_equal(parse("0 0 * * 7L").last_weekdays, SET(0));
}

static void names_in_any_case(void **state)
{
    assert_int_equal(parse("0 0 * jan,Feb,DEC *").months, SET(1, 2, 12));
    assert_int_equal(parse("0 0 * * sun,Wed,SAT").weekdays, SET(0, 3, 6));
    assert_int_equal(parse("0 0 * * mon-FRI/2").weekdays, SET(1, 3, 5));
}

static void items_of_days(void **state)
{
    assert_int_equal(parse("0 0 L * *").last_days, SET(0));
    assert_int_equal(parse("0 0 l-3,L-30 * *").last_days, SET(3, 30));
    assert_int_equal(parse("0 0 LW * *").near_days, SET(0));
    assert_int_equal(parse("0 0 15W,1w * *").near_days, SET(1, 15));
    assert_int_equal(parse("0 0 15W,3,L * *").days, SET(3));
    assert_int_equal(parse("0 0 * * L").weekdays, SET(6));
    assert_int_equal(parse("0 0 * * 5L,monL").last_weekdays, SET(5, 1));
    assert_int_equal(parse("0 0 * * MON#2,6#5").nth_weekdays, SET(8, 34));
}

static void star_and_question_mark_leave_a_field_free(void **state)
{
    assert_true(parse("0 0 ? * MON").any_day);
    assert_int_equal(parse("0 0 ? * MON").days, UP_TO(31) - 1);
    assert_int_equal(parse("0 0 1 * ?").weekdays, UP_TO(6));
    assert_true(parse("0 0 */2 * MON").any_day);
    assert_true(parse("0 0 *,3 * MON").any_day);
    assert_false(parse("0 0 1-31 * MON").any_day);
    assert_false(parse("0 0 3,* * MON").any_day);
    assert_true(parse("0 0 1 * ?").any_weekday);
    assert_null(cron_warning(&(struct cron){.any_day = true}));
    assert_null(cron_warning(&(struct cron){.any_weekday = true}));
    assert_non_null(strstr(cron_warning(&(struct cron){0}), "either"));
}

static void hours_tell_the_kind_of_job(void **state)
{
    assert_false(parse("0 2 * * *").follows_clock);
    assert_false(parse("*/5 1-3,7 * * *").follows_clock);
    assert_false(parse("0 0-23 * * *").follows_clock);
    assert_true(parse("0 * * * *").follows_clock);
    assert_true(parse("0 */2 * * *").follows_clock);
    assert_true(parse("0 1-5/2 * * *").follows_clock);
    assert_true(parse("0 3,8/4 * * *").follows_clock);
}

static void short_names(void **state)
{
    static const char *const pairs[][2] = {{"@hourly", "0 * * * *"},
        {"@daily", "0 0 * * *"}, {"@midnight", "0 0 * * *"},
        {"@weekly", "0 0 * * 0"}, {"@monthly", "0 0 1 * *"},
        {"@yearly", "0 0 1 1 *"}, {" @ANNUALLY ", "0 0 1 1 *"}};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct cron a = parse(pairs[i][0]), b = parse(pairs[i][1]);

        assert_memory_equal(&a, &b, sizeof(a));
    }
}

static void refuse(const char *text, const char *message)
{
    struct cron cron;
    struct err err = {0};

    assert_int_equal(cron_parse(text, &cron, &err), ERR_INVALID);
    if (strstr(err.msg, message) == NULL)
        fail_msg("%s: %s", text, err.msg);
}

static void errors_name_field_character_and_what_is_allowed(void **state)
{
    refuse("60 * * * *", "minute field, character 1: 60 is outside 0-59; "
                         "allowed: 0-59, *, lists");
    refuse("60 * * * * *", "second field, character 1: 60 is outside");
    refuse("0 24 * * *", "hour field, character 3: 24 is outside 0-23");
    refuse("0 0 0 * *", "day of month field, character 5: 0 is outside");
    refuse("0 0 32W * *", "day of month field, character 5: 32 is outside");
    refuse("0 0 * 13 *", "month field, character 7: 13 is outside 1-12");
    refuse("0 0 * * 8", "day of week field, character 9: 8 is outside 0-7");
    refuse("0 0 * * 99999999999999999999", "is outside 0-7");
    refuse("0 0 * * FRIDAY", "character 9: \"FRIDAY\" is not a day of week");
    refuse("0 0 * Januar *", "character 7: \"Januar\" is not a month");
    refuse("x * * * *", "minute field, character 1: \"x\" is not allowed here");
    refuse("0 0 LX * *", "day of month field, character 6: \"X\" is not");
    refuse("0 L * * *", "hour field, character 3: \"L\" is not allowed");
    refuse("0 0 15W-17 * *", "character 8: \"-\" is not allowed");
    refuse("0 0 * * MON#", "character 13: a value is missing");
    refuse("0 0 * * MON#6", "character 13: 6 is outside 1-5");
    refuse("0 0 * * MON#0", "character 13: 0 is outside 1-5");
    refuse("0 0 * * #2", "character 9: \"#\" is not allowed here");
    refuse("0 0 L-31 * *", "character 7: 31 is outside 1-30");
    refuse("0 0 L-0 * *", "character 7: 0 is outside 1-30");
    refuse("0 0 W * *", "character 5: \"W\" is not allowed here");
    refuse("1, * * * *", "character 3: a value is missing");
    refuse(",1 * * * *", "character 1: \",\" is not allowed here");
    refuse("1,,2 * * * *", "character 3: \",\" is not allowed here");
    refuse("1- * * * *", "character 3: a value is missing");
    refuse("1-2-3 * * * *", "character 4: \"-\" is not allowed here");
    refuse("-1 * * * *", "character 1: \"-\" is not allowed here");
    refuse("*/0 * * * *", "character 3: 0 is outside 1-60");
    refuse("*/61 * * * *", "character 3: 61 is outside 1-60");
    refuse("0 */25 * * *", "character 5: 25 is outside 1-24");
    refuse("*/ * * * *", "character 3: a value is missing");
    refuse("*5 * * * *", "character 2: \"5\" is not allowed here");
    refuse("1/2/3 * * * *", "character 4: \"/\" is not allowed here");
    refuse("? * * * *", "character 1: \"?\" is not allowed here");
    refuse("0 0 ?,1 * *", "character 6: \",\" is not allowed here");
    refuse("0 0 1,? * *", "character 7: \"?\" is not allowed here");
    refuse("\xC3\xA9 * * * *", "byte 0xC3 is not allowed here");
    refuse("1.5 * * * *", "character 2: \".\" is not allowed here");
}

static void errors_of_the_whole(void **state)
{
    char text[CRON_TEXT_BYTES + 1];

    refuse("", "0 fields; expected 5 (minute, hour");
    refuse("* * * *", "4 fields; expected 5");
    refuse("*", "1 field; expected 5");
    refuse("* * * * * * *", "7 fields; expected 5");
    refuse("@dayly", "did you mean @daily?");
    refuse("@", "allowed: @hourly");
    refuse("@reboot", "\"@reboot\" is not a schedule");
    refuse("@daily 5", "\"@daily 5\" is not a schedule");
    memset(text, '*', sizeof(text));
    text[CRON_TEXT_BYTES] = '\0';
    refuse(text, "shorter than 512");
}

static void what_can_never_fire_is_refused(void **state)
{
    refuse("0 0 30 2 *", "\"0 0 30 2 *\" can never fire");
    refuse("0 0 31 2,4,6,9,11 *", "can never fire");
    refuse("0 0 31W 4 *", "can never fire");
    refuse("0 0 L-30 2,4 ?", "can never fire");
    refuse("0 0 L-29 2 *", "can never fire");
    refuse("0 0 30 2 */2", "can never fire");
    parse("0 0 29 2 *");
    parse("0 0 29 2 */7");
    parse("0 0 L-28 2 *");
    parse("0 0 * 2 MON#5");
    parse("0 0 30 2 MON"); /* Mondays of February */
    parse("0 0 31 4,5 *");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_become_sets),
        cmocka_unit_test(lists_ranges_and_steps),
        cmocka_unit_test(ranges_may_wrap),
        cmocka_unit_test(sunday_is_0_and_7),
        cmocka_unit_test(names_in_any_case),
        cmocka_unit_test(items_of_days),
        cmocka_unit_test(star_and_question_mark_leave_a_field_free),
        cmocka_unit_test(hours_tell_the_kind_of_job),
        cmocka_unit_test(short_names),
        cmocka_unit_test(errors_name_field_character_and_what_is_allowed),
        cmocka_unit_test(errors_of_the_whole),
        cmocka_unit_test(what_can_never_fire_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
