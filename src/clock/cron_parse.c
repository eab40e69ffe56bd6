/* An expression as a whole: its fields, its short names, and whether it can
 * fire at all. */
#include "clock/cron_impl.h"

#include "base/str.h"
#include "base/text.h"
#include <string.h>
#include <strings.h>

enum { FIELDS_MAX = 6 };

static const char blanks[] = " \t\r\n";

#define LISTS "lists (1,2), ranges (1-5) and steps (*/5)"

static const struct cron_field fields[FIELDS_MAX] = {
    {.name = "second",
        .allowed = "0-59, *, " LISTS,
        .most = 59,
        .accepted = 59},
    {.name = "minute",
        .allowed = "0-59, *, " LISTS,
        .most = 59,
        .accepted = 59},
    {.name = "hour", .allowed = "0-23, *, " LISTS, .most = 23, .accepted = 23},
    {.name = "day of month",
        .allowed = "1-31, *, ?, L, L-1 to L-30, 1W to 31W, LW, " LISTS,
        .least = 1,
        .most = 31,
        .accepted = 31,
        .special = cron_special_day,
        .question = true},
    {.name = "month",
        .allowed = "1-12, JAN-DEC, *, " LISTS,
        .least = 1,
        .most = 12,
        .accepted = 12,
        .names = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
    {.name = "day of week",
        .allowed = "0-7, SUN-SAT, *, ?, L, 0L to 7L, 1#1 to 7#5, " LISTS,
        .most = 6,
        .accepted = 7,
        .names = "SUNMONTUEWEDTHUFRISAT",
        .special = cron_special_weekday,
        .question = true},
};

static const struct {
    const char *name, *text;
} short_names[] = {
    {"@hourly", "0 * * * *"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"},
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};

enum { NSHORT_NAMES = sizeof(short_names) / sizeof(short_names[0]) };

/* How much of a name a message shows: plain letters and signs, not too many. */
static int cron_parse_showable(struct str name)
{
    size_t len = 0;

    while (
        len < name.len && len < 40 && name.p[len] >= ' ' && name.p[len] <= '~')
        len++;
    return (int)len;
}

/* What a short name stands for; NULL with *err set. */
static const char *cron_parse_long_form(struct str name, struct err *err)
{
    const char *nearest = NULL;
    size_t least = SIZE_MAX, distance;

    for (size_t i = 0; i < NSHORT_NAMES; i++) {
        struct str known = str_of(short_names[i].name);

        if (name.len == known.len &&
            strncasecmp(name.p, known.p, name.len) == 0)
            return short_names[i].text;
        distance = edit_distance(name, known);
        if (distance < least) {
            least = distance;
            nearest = known.p;
        }
    }
    err_set(err, ERR_INVALID,
        "character 1: \"%.*s\" is not a schedule; allowed: @hourly, @daily, "
        "@midnight, @weekly, @monthly, @yearly, @annually; did you mean %s?",
        cron_parse_showable(name), name.p, nearest);
    return NULL;
}

/* Where the fields begin and end; returns how many there are. */
static size_t cron_parse_split(
    const char *text, struct cron_reader parts[FIELDS_MAX])
{
    size_t n = 0, at = strspn(text, blanks), len;

    for (; text[at] != '\0'; at += len + strspn(text + at + len, blanks)) {
        len = strcspn(text + at, blanks);
        if (n < FIELDS_MAX)
            parts[n] =
                (struct cron_reader){.text = text, .at = at, .end = at + len};
        n++;
    }
    return n;
}

static int cron_parse_read_fields(
    struct cron_reader *parts, size_t n, struct cron *cron, struct err *err)
{
    uint64_t sets[FIELDS_MAX] = {1}; /* without a seconds field: second 0 */
    bool stars[FIELDS_MAX] = {false}, follows[FIELDS_MAX] = {false};
    size_t first = FIELDS_MAX - n;

    for (size_t i = first; i < FIELDS_MAX; i++) {
        struct cron_reader *r = &parts[i - first];

        sets[i] = 0;
        r->field = &fields[i];
        r->err = err;
        if (cron_read_field(r, cron, &sets[i], &stars[i], &follows[i]) < 0)
            return err->code;
    }
    cron->has_seconds = first == 0;
    cron->seconds = sets[0];
    cron->minutes = sets[1];
    cron->hours = (uint32_t)sets[2];
    cron->days = (uint32_t)sets[3];
    cron->months = (uint32_t)sets[4];
    cron->weekdays |= (uint32_t)sets[5];
    cron->follows_clock = follows[2];
    cron->any_day = stars[3];
    cron->any_weekday = stars[5];
    return 0;
}

int cron_parse(const char *text, struct cron *out, struct err *err)
{
    struct cron_reader parts[FIELDS_MAX];
    struct str trimmed = text_trim(str_of(text));
    size_t n;

    *out = (struct cron){.has_seconds = false};
    if (strlen(text) >= CRON_TEXT_BYTES)
        return err_set(err, ERR_INVALID,
            "the expression is %zu bytes long; it must be shorter than %d",
            strlen(text), CRON_TEXT_BYTES);
    if (trimmed.len > 0 && trimmed.p[0] == '@') {
        text = cron_parse_long_form(trimmed, err);
        if (text == NULL)
            return err->code;
    }
    n = cron_parse_split(text, parts);
    if (n != FIELDS_MAX && n != FIELDS_MAX - 1)
        return err_set(err, ERR_INVALID,
            "%zu field%s; expected 5 (minute, hour, day of month, month, day "
            "of week), 6 with seconds first, or a name such as @daily",
            n, n == 1 ? "" : "s");
    if (cron_parse_read_fields(parts, n, out, err) < 0)
        return err->code;
    if (!cron_can_fire(out))
        return err_set(err, ERR_INVALID,
            "\"%.*s\" can never fire: none of its months has such a day",
            STR_ARG(trimmed));
    return 0;
}

const char *cron_warning(const struct cron *cron)
{
    if (cron->any_day || cron->any_weekday)
        return NULL;
    return "day of month and day of week are both restricted: it fires on days "
           "that match either of them (node-cron requires both)";
}
