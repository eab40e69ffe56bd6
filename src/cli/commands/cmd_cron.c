/* What the scheduler would do, without running anything. */
#include "cli/cli.h"

#include "base/text.h"
#include "clock/calendar.h"
#include "clock/cron.h"
#include <stdlib.h>
#include <time.h>

enum { COUNT = 5, COUNT_MAX = 100000, SENTENCE_BYTES = 4096 };

static const struct arg_option options[] = {
    {"tz", "ZONE", "the IANA time zone of the expression (UTC)"},
    {"from", "ISO", "only fires after this instant (now)"},
    {"count", "N", "how many (5)"},
    {"verbose", NULL, "add a description, local times and notes"},
    {"json", NULL, "print one JSON object, with all of that"},
    {NULL, NULL, NULL},
};

struct preview {
    struct cron cron;
    struct zone *zone; /* owned */
    int64_t from_ms;
    int count;
};

static int cron_read_from(struct preview *p, const char *from, struct err *err)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    p->from_ms = now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
    if (from != NULL && !iso_to_ms(str_of(from), &p->from_ms))
        return err_set(err, ERR_USAGE,
            "--from %s must be an instant such as 2026-03-29T00:00:00Z", from);
    return 0;
}

static int cron_read_arguments(
    struct preview *p, const struct args *args, struct err *err)
{
    const char *tz = args_value(args, "tz");

    *p = (struct preview){.count = COUNT};
    if (args_int(args, "count", 1, COUNT_MAX, &p->count, err) < 0 ||
        cron_read_from(p, args_value(args, "from"), err) < 0)
        return err->code;
    if (cron_parse(args->words[0], &p->cron, err) < 0)
        return err->code = ERR_USAGE;
    p->zone = zone_open(tz != NULL ? tz : "UTC", err);
    if (p->zone == NULL) {
        err_wrap(err, "--tz");
        return err->code = ERR_USAGE;
    }
    return 0;
}

static void cron_print_reading(struct cli *cli, const struct preview *p)
{
    struct buf sentence;

    buf_init(&sentence, SENTENCE_BYTES);
    cron_describe(&p->cron, &sentence);
    fprintf(cli->console.out, "%.*s, %s\n", STR_ARG(buf_view(&sentence)),
        zone_name(p->zone));
    buf_free(&sentence);
}

/* "Sun 2026-03-29 03:00:00 +02:00", with notes. */
static void cron_print_local(struct cli *cli, const struct cron_fire *fire)
{
    static const char weekdays[] = "SunMonTueWedThuFriSat";
    int64_t day = calendar_floor_div(fire->wall_ms, DAY_S * INT64_C(1000));
    int offset_s = (int)((fire->wall_ms - fire->at_ms) / 1000);
    int size_s = abs(offset_s);
    char iso[ISO_BYTES];

    iso_from_ms(fire->wall_ms, iso);
    fprintf(cli->console.out, "  %.3s %.10s %.8s %c%02d:%02d",
        weekdays + (size_t)3 * (size_t)calendar_weekday(day), iso, iso + 11,
        offset_s < 0 ? '-' : '+', size_s / 3600, size_s / 60 % 60);
    if (size_s % 60 != 0)
        fprintf(cli->console.out, ":%02d", size_s % 60);
    if (fire->in_gap)
        fputs("  (gap)", cli->console.out);
    if (fire->repeats)
        fputs("  (second occurrence skipped)", cli->console.out);
}

static json_t *cron_fire_json(const struct cron_fire *fire)
{
    char at[ISO_BYTES], wall[ISO_BYTES];

    iso_from_ms(fire->at_ms, at);
    iso_from_ms(fire->wall_ms, wall);
    return json_pack("{s:s, s:s%, s:b, s:b}", "at", at, "local", wall,
        (size_t)19, "gap", fire->in_gap, "secondOccurrenceSkipped",
        fire->repeats);
}

static json_t *cron_preview_json(
    const struct preview *p, const char *expression)
{
    int64_t after_ms = p->from_ms;
    json_t *fires = json_array();
    struct cron_fire fire;
    struct buf sentence;
    json_t *answer;

    while (json_array_size(fires) < (size_t)p->count &&
           cron_next(&p->cron, p->zone, after_ms, &fire)) {
        json_array_append_new(fires, cron_fire_json(&fire));
        after_ms = fire.at_ms;
    }
    buf_init(&sentence, SENTENCE_BYTES);
    cron_describe(&p->cron, &sentence);
    answer = json_pack("{s:s, s:s, s:s%, s:s?, s:o}", "expression", expression,
        "timezone", zone_name(p->zone), "reading", sentence.data, sentence.len,
        "warning", cron_warning(&p->cron), "fires", fires);
    buf_free(&sentence);
    return answer;
}

static int cron_print_json(struct cli *cli, const struct preview *p)
{
    json_t *answer = cron_preview_json(p, cli->args.words[0]);
    size_t n = json_array_size(json_object_get(answer, "fires"));

    cli_print_json(cli, answer);
    return n == (size_t)p->count ? EXIT_DONE : EXIT_FAILED;
}

/* Returns how many there were. */
static int cron_print_fires(
    struct cli *cli, const struct preview *p, bool verbose)
{
    int64_t after_ms = p->from_ms;
    struct cron_fire fire;
    int n;

    for (n = 0; n < p->count; n++) {
        char iso[ISO_BYTES];

        if (!cron_next(&p->cron, p->zone, after_ms, &fire))
            break;
        iso_from_ms(fire.at_ms, iso);
        fputs(iso, cli->console.out);
        if (verbose)
            cron_print_local(cli, &fire);
        fputc('\n', cli->console.out);
        after_ms = fire.at_ms;
    }
    return n;
}

static int cron_preview(struct cli *cli, const struct preview *p)
{
    const char *warning = cron_warning(&p->cron);
    bool verbose = args_has(&cli->args, "verbose");

    if (args_has(&cli->args, "json"))
        return cron_print_json(cli, p);
    if (warning != NULL)
        fprintf(cli->console.err, "batchsync: cron: %s\n", warning);
    if (verbose)
        cron_print_reading(cli, p);
    if (cron_print_fires(cli, p, verbose) == p->count)
        return EXIT_DONE;
    fprintf(cli->console.err,
        "batchsync: cron: no further fire within %d years\n",
        CRON_HORIZON_YEARS);
    return EXIT_FAILED;
}

static int cron_run(struct cli *cli)
{
    struct err err = {0};
    struct preview p;
    int code;

    if (cron_read_arguments(&p, &cli->args, &err) < 0) {
        err_wrap(&err, "cron");
        code = console_fail(&cli->console, &err);
    } else {
        code = cron_preview(cli, &p);
    }
    zone_close(p.zone);
    return code;
}

const struct command cmd_cron = {
    .name = "cron",
    .usage =
        "\"EXPR\" [--tz ZONE] [--from ISO] [--count N] [--verbose | --json]",
    .summary = "show when a cron expression fires next",
    .details =
        "Five fields (minute, hour, day of month, month, day of week), six "
        "with seconds\nfirst, or a name such as @daily. Prints one UTC "
        "instant a line. Needs no\nconfiguration and no network.\n",
    .options = options,
    .words = 1,
    .run = cron_run,
};
