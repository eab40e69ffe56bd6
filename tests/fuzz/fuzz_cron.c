/*
 * A line of any bytes as an expression, then a few that choose a zone and an
 * instant: fires that keep what the expression says, or a fault that can be
 * shown.
 */
#include "fuzz.h"

#include "clock/calendar.h"
#include "clock/cron.h"

enum { FIRES = 8, INSTANTS_S = INT32_MAX };

/* An ordinary year's clock; one that jumps to and fro; one a day apart. */
static struct zone *make_zone(unsigned kind)
{
    const int64_t ordinary_s[] = {0, 1774746000, 1792890000, 1806195600};
    const int32_t ordinary[] = {3600, 7200, 3600, 7200};
    const int64_t wild_s[] = {0, 1700000000, 1700000100, 1700010000};
    const int32_t wild[] = {-43200, 93600, -93600, 12345};
    const int64_t far_s[] = {0, 1325239200, 1600000000, 1600003600};
    const int32_t far[] = {-36000, 50400, 48600, 50400};

    switch (kind % 4) {
    case 0:
        return zone_new("Some/Where", ordinary_s, ordinary, 4);
    case 1:
        return zone_new("Wild", wild_s, wild, 4);
    case 2:
        return zone_new("Far", far_s, far, 4);
    default:
        return zone_new("UTC", ordinary_s, (int32_t[]){0}, 1);
    }
}

/* The nominal time is one that the sets hold; days only where that is all. */
static void check_nominal(const struct cron *cron, int64_t nominal_ms)
{
    int64_t s = nominal_ms / 1000;
    int64_t day = calendar_floor_div(s, DAY_S);
    int of_day = (int)(s - day * DAY_S);
    struct civil_date date = calendar_date(day);

    require(calendar_days(date) == day);
    require(cron->seconds >> of_day % 60 & 1);
    require(cron->minutes >> of_day / 60 % 60 & 1);
    require(cron->hours >> of_day / 3600 & 1);
    require(cron->months >> date.month & 1);
    if (cron->any_weekday && (cron->last_days | cron->near_days) == 0)
        require(cron->days >> date.day & 1);
    if (cron->any_day && (cron->last_weekdays | cron->nth_weekdays) == 0)
        require(cron->weekdays >> calendar_weekday(day) & 1);
}

static void check_fires(
    const struct cron *cron, const struct zone *zone, int64_t after_ms)
{
    struct cron_fire fire, again;

    for (int i = 0; i < FIRES && cron_next(cron, zone, after_ms, &fire); i++) {
        struct zone_span span = zone_at(zone, fire.at_ms / 1000);

        require(fire.at_ms > after_ms && fire.at_ms % 1000 == 0);
        require(fire.wall_ms == fire.at_ms + span.offset_s * INT64_C(1000));
        require(fire.in_gap == (fire.wall_ms != fire.nominal_ms));
        require(!fire.in_gap || span.from_s * 1000 == fire.at_ms);
        require(!cron->follows_clock || !(fire.in_gap || fire.repeats));
        check_nominal(cron, fire.nominal_ms);
        require(cron_next(cron, zone, fire.at_ms - 1, &again));
        require(again.at_ms == fire.at_ms);
        after_ms = fire.at_ms;
    }
}

static void check_words(const struct cron *cron)
{
    struct buf words;

    buf_init(&words, 1 << 16);
    cron_describe(cron, &words);
    require(words.error == 0 && words.len > 0);
    require(memchr(words.data, '\n', words.len) == NULL);
    require(utf8_valid(buf_view(&words)));
    buf_free(&words);
}

static void check_fault(const struct err *err)
{
    require(err->code == ERR_INVALID && err->msg[0] != '\0');
    require(utf8_valid(str_of(err->msg)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t len = newline != NULL ? (size_t)(newline - data) : size;
    uint64_t number = 0;
    char *text = malloc(len + 1);
    struct err err = {0};
    struct cron cron;
    struct zone *zone;

    require(text != NULL);
    memcpy(text, data, len);
    text[len] = '\0';
    for (size_t i = len + 1; i < size && i < len + 9; i++)
        number = number * 131 + data[i];
    if (cron_parse(text, &cron, &err) < 0) {
        check_fault(&err);
    } else {
        zone = make_zone((unsigned)(number % 4));
        check_words(&cron);
        check_fires(&cron, zone, (int64_t)(number % INSTANTS_S) * 1000);
        zone_close(zone);
    }
    free(text);
    return 0;
}
