/* An expression read aloud: the time of day, then the days, then the months. */
#include "clock/cron_impl.h"

#include <ctype.h>

enum {
    SENTENCE_BYTES = 4096,
    TIMES_MAX = 4 /* up to this many times of day are listed */
};

/* A run of values without a hole. */
struct run {
    int from, to;
};

struct unit {
    const char *one;
    int size;
};

static const struct unit units[] = {
    {"second", 60}, {"minute", 60}, {"hour", 24}};

static const char *const weekday_names[] = {"Sunday", "Monday", "Tuesday",
    "Wednesday", "Thursday", "Friday", "Saturday"};

static const char *const month_names[] = {NULL, "January", "February", "March",
    "April", "May", "June", "July", "August", "September", "October",
    "November", "December"};

static const char *const ordinals[] = {
    "first", "second", "third", "fourth", "fifth"};

/* The run at or after `from`, or its first value alone when it is of two. */
static bool cron_describe_next_run(uint64_t set, int from, struct run *run)
{
    while (from < 64 && !(set >> from & 1))
        from++;
    if (from >= 64)
        return false;
    run->from = run->to = from;
    while (run->to < 63 && set >> (run->to + 1) & 1)
        run->to++;
    if (run->to == from + 1)
        run->to = from;
    return true;
}

static int cron_describe_count_runs(uint64_t set)
{
    struct run run = {.to = -1};
    int n = 0;

    while (cron_describe_next_run(set, run.to + 1, &run))
        n++;
    return n;
}

/* What stands before the i-th of n: "", ", " or " and ". */
static void cron_describe_separate(struct buf *out, int i, int n)
{
    if (i > 0)
        buf_puts(out, i == n - 1 ? " and " : ", ");
}

static void cron_describe_put_value(
    struct buf *out, int value, const char *const *names)
{
    if (names != NULL)
        buf_puts(out, names[value]);
    else
        buf_printf(out, "%d", value);
}

/* "1, 2 and 5 to 7", by name where there are names. */
static void cron_describe_put_set(
    struct buf *out, uint64_t set, const char *const *names)
{
    struct run run = {.to = -1};
    int n = cron_describe_count_runs(set);

    for (int i = 0; cron_describe_next_run(set, run.to + 1, &run); i++) {
        cron_describe_separate(out, i, n);
        cron_describe_put_value(out, run.from, names);
        if (run.to > run.from) {
            buf_puts(out, " to ");
            cron_describe_put_value(out, run.to, names);
        }
    }
}

/* The n of "every n-th from 0", where n divides the whole; 0: no such set. */
static int cron_describe_step_of(uint64_t set, int size)
{
    for (int step = 1; step < size; step++) {
        uint64_t every = 0;

        for (int value = 0; value < size; value += step)
            every |= UINT64_C(1) << value;
        if (every == set)
            return size % step == 0 ? step : 0;
    }
    return 0;
}

static const char *cron_describe_ordinal_suffix(int n)
{
    static const char *const suffixes[] = {"th", "st", "nd", "rd"};

    return n % 10 < 4 && n / 10 != 1 ? suffixes[n % 10] : "th";
}

/* Starts or continues the description of one unit of time. */
static void cron_describe_put_unit(
    struct buf *out, uint64_t set, const struct unit *unit, bool first)
{
    int step = cron_describe_step_of(set, unit->size);
    const char *plural =
        cron_describe_count_runs(set) > 1 || (set & (set - 1)) ? "s" : "";

    if (!first)
        buf_puts(out, ", ");
    if (step == 1)
        buf_printf(out, "every %s", unit->one);
    else if (step > 0 && first)
        buf_printf(out, "every %d %ss", step, unit->one);
    else if (step > 0)
        buf_printf(out, "in every %d%s %s", step,
            cron_describe_ordinal_suffix(step), unit->one);
    else
        buf_printf(
            out, "%s %s%s ", unit->size == 24 ? "in" : "at", unit->one, plural);
    if (step == 0)
        cron_describe_put_set(out, set, NULL);
}

/* Times of day one by one: "at 02:00 and 14:30". */
static void cron_describe_put_times(
    struct buf *out, const struct cron *cron, int n)
{
    int told = 0;

    buf_puts(out, "at ");
    for (int at = 0; at < 24 * 3600; at++) {
        if (!(cron->hours >> at / 3600 & 1) ||
            !(cron->minutes >> at / 60 % 60 & 1) ||
            !(cron->seconds >> at % 60 & 1))
            continue;
        cron_describe_separate(out, told++, n);
        buf_printf(out, "%02d:%02d", at / 3600, at / 60 % 60);
        if (cron->seconds != 1)
            buf_printf(out, ":%02d", at % 60);
    }
}

/* Returns whether the words leave open on which days. */
static bool cron_describe_put_time_of_day(
    struct buf *out, const struct cron *cron)
{
    const uint64_t sets[] = {cron->seconds, cron->minutes, cron->hours};
    int n = __builtin_popcountll(sets[0]) * __builtin_popcountll(sets[1]) *
            __builtin_popcountll(sets[2]);
    bool first = true, every = false;

    if (n <= TIMES_MAX) {
        cron_describe_put_times(out, cron, n);
        return true;
    }
    for (int i = cron->seconds == 1; i < 3; i++) {
        bool all = cron_describe_step_of(sets[i], units[i].size) == 1;

        if (!all || !every)
            cron_describe_put_unit(out, sets[i], &units[i], first);
        every = every || all ||
                (first && cron_describe_step_of(sets[i], units[i].size) > 0);
        first = false;
    }
    return false;
}

/* The days of the month, joined by "and". */
static void cron_describe_put_days(struct buf *out, const struct cron *cron)
{
    const char *and = "";

    if (cron->days != 0) {
        buf_printf(out, "on day%s ", cron->days & (cron->days - 1) ? "s" : "");
        cron_describe_put_set(out, cron->days, NULL);
        buf_puts(out, " of the month");
        and = " and ";
    }
    for (int n = 0; n < 32; n++) {
        if (!(cron->last_days >> n & 1))
            continue;
        if (n > 0)
            buf_printf(out, "%s%d day%s before the last day of the month", and,
                n, n > 1 ? "s" : "");
        else
            buf_printf(out, "%son the last day of the month", and);
        and = " and ";
    }
    for (int day = 0; day < 32; day++) {
        if (!(cron->near_days >> day & 1))
            continue;
        if (day == 0)
            buf_printf(out, "%son the last working day of the month", and);
        else
            buf_printf(out,
                "%son the working day nearest to day %d of the month", and,
                day);
        and = " and ";
    }
}

/* The days of the week, joined by "and". */
static void cron_describe_put_weekdays(struct buf *out, const struct cron *cron)
{
    const char *and = "";

    if (cron->weekdays != 0) {
        buf_puts(out, "on ");
        cron_describe_put_set(out, cron->weekdays, weekday_names);
        and = " and ";
    }
    for (int i = 0; i < 35; i++) {
        if (!(cron->nth_weekdays >> i & 1))
            continue;
        buf_printf(out, "%son the %s %s of the month", and, ordinals[i / 7],
            weekday_names[i % 7]);
        and = " and ";
    }
    for (int weekday = 0; weekday < 7; weekday++) {
        if (!(cron->last_weekdays >> weekday & 1))
            continue;
        buf_printf(
            out, "%son the last %s of the month", and, weekday_names[weekday]);
        and = " and ";
    }
}

static void cron_describe_put_dates(
    struct buf *out, const struct cron *cron, bool open)
{
    bool all_days = cron->days == 0xFFFFFFFE;
    bool all_weekdays = cron->weekdays == 0x7F;
    bool both = cron->any_day || cron->any_weekday;

    if (all_days && all_weekdays) {
        buf_puts(out, open ? " every day" : "");
    } else if (both && all_weekdays) {
        buf_puts(out, open ? " " : ", ");
        cron_describe_put_days(out, cron);
    } else if (both && all_days) {
        buf_puts(out, open ? " " : ", ");
        cron_describe_put_weekdays(out, cron);
    } else {
        buf_puts(out, open ? " " : ", ");
        cron_describe_put_days(out, cron);
        buf_puts(out, both ? ", but only " : ", or ");
        cron_describe_put_weekdays(out, cron);
    }
    if (cron->months != 0x1FFE) {
        buf_puts(out, ", in ");
        cron_describe_put_set(out, cron->months, month_names);
    }
}

void cron_describe(const struct cron *cron, struct buf *out)
{
    struct buf sentence;

    buf_init(&sentence, SENTENCE_BYTES);
    cron_describe_put_dates(
        &sentence, cron, cron_describe_put_time_of_day(&sentence, cron));
    if (sentence.len > 0)
        sentence.data[0] = (char)toupper((unsigned char)sentence.data[0]);
    buf_str(out, buf_view(&sentence));
    buf_free(&sentence);
}
