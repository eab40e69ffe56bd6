/*
 * Compares the next fires with those found by trying every minute, and the
 * zones with the files they come from:
 *
 *     clock_oracle zones
 *     clock_oracle later
 *     clock_oracle transitions [EVERY]
 *     clock_oracle random [COUNT [SEED]]
 *
 * `later` goes on from 2038 to 2200, beyond what the files list, with zdump.
 * `transitions` takes every transition of every zone; with EVERY, only each
 * EVERYth of the expressions is tried at each. `random` takes COUNT triples of
 * an expression, a zone and an instant from 1970 to 2037. Exits with 1 when
 * anything differs.
 */
#define _GNU_SOURCE
#include "clock/cron.h"
#include "clock/zone_names.h"
#include "naive.h"
#include "random_cron.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define END_S INT64_C(2145916800) /* 2038-01-01, where the files end */
#define HORIZON_S (INT64_C(9) * 366 * 86400)

enum { SHOWN_MAX = 20, EXPRESSION_BYTES = 512, JOBS = 8 };

struct oracle {
    struct tzif *files;
    struct zone **zones; /* of files[i]; NULL until it is needed */
    size_t n;
    uint64_t ntriples, nfires, ngaps, nrepeats, nnever, ndifferences;
};

static void differs(struct oracle *o, const char *zone, const char *text,
    int64_t after, const char *what)
{
    if (o->ndifferences++ < SHOWN_MAX)
        printf("%s  %s  after %" PRId64 ": %s\n", zone, text, after, what);
}

static struct zone *open_zone(struct oracle *o, size_t i)
{
    struct err err = {0};

    if (o->zones[i] == NULL)
        o->zones[i] = zone_open(o->files[i].name, &err);
    if (o->zones[i] == NULL) {
        printf("%s\n", err.msg);
        exit(1);
    }
    return o->zones[i];
}

static bool same(const struct naive_fire *expected, const struct cron_fire *got)
{
    return got->at_ms == expected->at * 1000 &&
           got->nominal_ms == expected->nominal * 1000 &&
           got->in_gap == expected->gap && got->repeats == expected->twice;
}

static void report(struct oracle *o, const struct tzif *file, const char *text,
    int64_t after, const struct naive_fire *expected,
    const struct cron_fire *got)
{
    char what[256];

    snprintf(what, sizeof(what),
        "expected %" PRId64 " nominal %" PRId64 "%s%s, got %" PRId64
        " nominal %" PRId64 "%s%s",
        expected->at, expected->nominal, expected->gap ? " gap" : "",
        expected->twice ? " twice" : "", got->at_ms / 1000,
        got->nominal_ms / 1000, got->in_gap ? " gap" : "",
        got->repeats ? " twice" : "");
    differs(o, file->name, text, after, what);
}

/* `fires` fires in a row, as far as the horizon. */
static void check_triple(
    struct oracle *o, size_t zone, const char *text, int64_t after, int fires)
{
    const struct tzif *file = &o->files[zone];
    struct naive naive;
    struct cron cron;
    struct err err = {0};

    o->ntriples++;
    naive_read(&naive, text);
    if (cron_parse(text, &cron, &err) < 0 &&
        strstr(err.msg, "never fire") == NULL) {
        differs(o, file->name, text, after, err.msg);
        return;
    }
    for (; fires > 0; fires--) {
        int64_t until = after + HORIZON_S < END_S ? after + HORIZON_S : END_S;
        struct naive_fire expected = {0};
        struct cron_fire got = {0};
        bool some = naive_next(&naive, file, after, until, &expected);
        bool any = err.code == 0 &&
                   cron_next(&cron, open_zone(o, zone), after * 1000, &got);

        if (!some) {
            o->nnever++;
            if (any && got.at_ms <= until * 1000)
                differs(o, file->name, text, after, "a fire out of nothing");
            return;
        }
        if (!any || !same(&expected, &got))
            report(o, file, text, after, &expected, &got);
        o->nfires++;
        o->ngaps += expected.gap;
        o->nrepeats += expected.twice;
        after = expected.at;
    }
}

/* --- random ------------------------------------------------------------- */

/* Half of them within two days of a transition; *hour is its wall hour. */
static int64_t random_instant(
    struct random *r, const struct tzif *file, int *hour)
{
    size_t first = tzif_find(file, 0) + 1;
    int64_t at, wall;
    size_t i;

    *hour = -1;
    if (first >= file->n || random_next(r) % 2 == 0)
        return random_within(r, 0, END_S - 1);
    i = (size_t)random_within(r, (int64_t)first, (int64_t)file->n - 1);
    at = file->from[i];
    wall = at + file->offset[i - 1];
    *hour = (int)((wall % 86400 + 86400) % 86400 / 3600);
    if (random_next(r) % 2 == 0)
        return at + random_within(r, -6 * 3600, 3 * 3600);
    return at + random_within(r, -2 * 86400, 2 * 86400);
}

static void check_random(struct oracle *o, uint64_t count, uint64_t seed)
{
    struct random r = {.state = seed};

    for (uint64_t k = 0; k < count; k++) {
        size_t zone = (size_t)random_within(&r, 0, (int64_t)o->n - 1);
        char text[EXPRESSION_BYTES];
        int hour;
        int64_t after = random_instant(&r, &o->files[zone], &hour);

        random_cron(&r, hour, text, sizeof(text));
        check_triple(o, zone, text, after, 3);
    }
}

/* --- transitions -------------------------------------------------------- */

static bool is_link(const struct oracle *o, size_t zone)
{
    for (size_t i = 0; i < zone; i++) {
        if (o->files[i].digest == o->files[zone].digest)
            return true;
    }
    return false;
}

/* Jobs that a change of the clock at that wall time may touch. */
static void write_jobs(char jobs[JOBS][64], int64_t wall)
{
    int of_day = (int)((wall % 86400 + 86400) % 86400);
    int hour = of_day / 3600, minute = of_day / 60 % 60;

    snprintf(jobs[0], 64, "%d %d * * *", (minute + 15) % 60,
        (hour + (minute + 15) / 60) % 24);
    snprintf(jobs[1], 64, "*/20 * * * *");
    snprintf(jobs[2], 64, "%d %d * * *", minute, hour);
    snprintf(jobs[3], 64, "30 */2 * * *");
    snprintf(
        jobs[4], 64, "0,30 %d-%d * * *", (hour + 22) % 24, (hour + 2) % 24);
    snprintf(jobs[5], 64, "59 59 %d * * *", (hour + 23) % 24);
    snprintf(jobs[6], 64, "0 0 * * *");
    snprintf(jobs[7], 64, "17 %d/3 * * *", hour % 3);
}

/* From well before the transition, and from each of its sides. */
static void check_transition(
    struct oracle *o, size_t zone, size_t i, const char *job)
{
    const struct tzif *file = &o->files[zone];
    int64_t at = file->from[i];
    int64_t by = llabs(file->offset[i] - file->offset[i - 1]);

    check_triple(o, zone, job, at - by - 4 * 3600, 6);
    check_triple(o, zone, job, at - 1, 1);
    check_triple(o, zone, job, at, 1);
    check_triple(o, zone, job, at + by / 4, 2);
    check_triple(o, zone, job, at + by - 1, 1);
}

static void check_transitions(struct oracle *o, int every)
{
    char jobs[JOBS][64];
    uint64_t at = 0;

    for (size_t zone = 0; zone < o->n; zone++) {
        const struct tzif *file = &o->files[zone];

        for (size_t i = 1; i < file->n && !is_link(o, zone); i++, at++) {
            int64_t back = file->offset[i - 1] - file->offset[i];

            write_jobs(jobs,
                file->from[i] + file->offset[i - 1] - (back > 0 ? back : 0));
            for (int k = 0; k < JOBS; k++) {
                if ((at + (uint64_t)k) % (uint64_t)every == 0)
                    check_transition(o, zone, i, jobs[k]);
            }
        }
    }
    printf("%" PRIu64 " transitions, ", at);
}

/* --- zones -------------------------------------------------------------- */

struct listing {
    const struct oracle *o;
    size_t n;
};

static void list_name(void *arg, const char *name)
{
    struct listing *listing = arg;

    for (size_t i = 0; i < listing->o->n; i++) {
        if (strcmp(listing->o->files[i].name, name) == 0) {
            listing->n++;
            return;
        }
    }
    printf("%s is no zone\n", name);
    listing->n += listing->o->n + 1;
}

static void check_offset(struct oracle *o, size_t zone, int64_t at)
{
    const struct tzif *file = &o->files[zone];
    int64_t expected = file->offset[tzif_find(file, at)];
    int64_t got = zone_at(open_zone(o, zone), at).offset_s;
    char what[128];

    if (expected == got)
        return;
    snprintf(what, sizeof(what), "offset %" PRId64 ", expected %" PRId64, got,
        expected);
    differs(o, file->name, "", at, what);
}

/* Every stretch of the file, at both of its ends. */
static void check_zones(struct oracle *o)
{
    struct listing listing = {.o = o};

    zone_names_each(list_name, &listing);
    if (listing.n != o->n)
        differs(o, "names", "", (int64_t)listing.n, "not those of the files");
    for (size_t zone = 0; zone < o->n; zone++) {
        const struct tzif *file = &o->files[zone];

        check_offset(o, zone, file->n > 1 ? file->from[1] - 86400 : 0);
        for (size_t i = 1; i < file->n; i++) {
            check_offset(o, zone, file->from[i] - 1);
            check_offset(o, zone, file->from[i]);
            o->nfires++;
        }
        o->ntriples++;
    }
    printf("%zu zones, %" PRIu64 " transitions", o->n, o->nfires);
}

/* --- later -------------------------------------------------------------- */

/* "NAME  Sun Mar 28 00:59:59 2038 UT = ... gmtoff=3600" */
static bool read_zdump(const char *line, int64_t *at, int64_t *offset)
{
    const char *gmtoff = strstr(line, "gmtoff=");
    struct tm tm = {0};

    line += strcspn(line, " ");
    if (gmtoff == NULL ||
        strptime(line, "%n%a %b %d %H:%M:%S %Y UT", &tm) == NULL)
        return false;
    *at = timegm(&tm);
    *offset = strtoll(gmtoff + strlen("gmtoff="), NULL, 10);
    return *at >= END_S;
}

/* Returns how many offsets of the zone are others than zdump's. */
static uint64_t check_later(struct oracle *o, size_t zone)
{
    char line[256];
    uint64_t differences = 0;
    int64_t at, offset;
    FILE *f;

    snprintf(
        line, sizeof(line), "zdump -v -c 2038,2200 %s", o->files[zone].name);
    f = popen(line, "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (!read_zdump(line, &at, &offset))
            continue;
        o->nfires++;
        differences += zone_at(open_zone(o, zone), at).offset_s != offset;
    }
    if (f != NULL)
        pclose(f);
    return differences;
}

/* The zone library reads the rule of this one wrongly: docs/calendar.md. */
static bool is_known(const struct oracle *o, size_t zone)
{
    struct tzif dublin;
    bool known;

    if (!tzif_read(&dublin, "Europe/Dublin"))
        return false;
    known = dublin.digest == o->files[zone].digest;
    tzif_free(&dublin);
    return known;
}

static void check_all_later(struct oracle *o)
{
    for (size_t zone = 0; zone < o->n; zone++) {
        uint64_t differences = is_link(o, zone) ? 0 : check_later(o, zone);
        bool known = differences > 0 && is_known(o, zone);

        if (differences > 0)
            printf("%s: %" PRIu64 " others than zdump's%s\n",
                o->files[zone].name, differences, known ? ", as known" : "");
        o->ndifferences += known ? 0 : differences;
    }
    if (o->nfires == 0)
        differs(o, "zdump", "", END_S, "it tells nothing");
    printf("%" PRIu64 " offsets after 2037", o->nfires);
}

static int usage(void)
{
    fputs("usage: clock_oracle zones | later | transitions [EVERY] | "
          "random [COUNT [SEED]]\n",
        stderr);
    return 64;
}

static int run(struct oracle *o, int argc, char **argv)
{
    clock_t start = clock();
    const char *mode = argc > 1 ? argv[1] : "";
    uint64_t number = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;

    if (strcmp(mode, "zones") == 0)
        check_zones(o);
    else if (strcmp(mode, "later") == 0)
        check_all_later(o);
    else if (strcmp(mode, "transitions") == 0)
        check_transitions(o, number > 0 ? (int)number : 1);
    else if (strcmp(mode, "random") == 0)
        check_random(o, number > 0 ? number : 20000, seed);
    else
        return usage();
    if (o->ntriples > 0 && strcmp(mode, "zones") != 0)
        printf("%" PRIu64 " triples, %" PRIu64 " fires, of which %" PRIu64
               " in gaps and %" PRIu64 " shown twice; %" PRIu64
               " ended without one",
            o->ntriples, o->nfires, o->ngaps, o->nrepeats, o->nnever);
    printf("; %" PRIu64 " differences, %.1f s\n", o->ndifferences,
        (double)(clock() - start) / CLOCKS_PER_SEC);
    return o->ndifferences > 0;
}

int main(int argc, char **argv)
{
    struct oracle o = {0};
    int code;

    o.files = tzif_read_all(&o.n);
    if (o.n == 0) {
        fputs("no zone data in " TZIF_DIRECTORY "\n", stderr);
        return 1;
    }
    o.zones = calloc(o.n, sizeof(*o.zones));
    if (o.zones == NULL)
        abort();
    code = run(&o, argc, argv);
    for (size_t i = 0; i < o.n; i++)
        zone_close(o.zones[i]);
    free(o.zones);
    tzif_free_all(o.files, o.n);
    return code;
}
