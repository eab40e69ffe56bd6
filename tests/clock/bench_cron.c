/*
 * How long finding the next fire takes: nanoseconds a call, by expression, and
 * the slowest of many random ones.
 */
#include "clock/cron.h"
#include "random_cron.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FROM_MS INT64_C(1790000000000)  /* 2026 */
#define UNTIL_MS INT64_C(4000000000000) /* 2096 */

enum { CALLS = 200000, OPENINGS = 100, RANDOM = 100000, TRIES = 3 };

static const char *const expressions[] = {
    "* * * * * *",
    "*/5 * * * *",
    "0 2 * * *",
    "30 2 * * MON-FRI",
    "30 2 * * MON#2",
    "0 0 15W,LW * *",
    "0 0 29 2 *",
    "0 0 29 2 */7",
    "30 2/24 29 3 */7",
};

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct zone *must_open(const char *name)
{
    struct err err;
    struct zone *zone = zone_open(name, &err);

    if (zone == NULL) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    return zone;
}

static void time_opening(const char *name)
{
    double from_ns = now_ns();

    for (int i = 0; i < OPENINGS; i++)
        zone_close(must_open(name));
    printf("%-20s %8.0f ns to open\n", name,
        (now_ns() - from_ns) / (double)OPENINGS);
}

/* From fire to fire, and from the beginning when the years are through. */
static void time_expression(const char *text, const struct zone *zone)
{
    int64_t after_ms = FROM_MS;
    struct cron_fire fire;
    struct cron cron;
    struct err err;
    double from_ns;

    if (cron_parse(text, &cron, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    from_ns = now_ns();
    for (int i = 0; i < CALLS; i++) {
        bool found = cron_next(&cron, zone, after_ms, &fire);

        after_ms = found && fire.at_ms < UNTIL_MS ? fire.at_ms : FROM_MS;
    }
    printf(
        "%-20s %8.0f ns a call\n", text, (now_ns() - from_ns) / (double)CALLS);
}

/* The best of a few tries: what the machine does meanwhile is left out. */
static double time_once(
    const struct cron *cron, const struct zone *zone, int64_t after_ms)
{
    double best_ns = 1e18;

    for (int i = 0; i < TRIES; i++) {
        struct cron_fire fire;
        double from_ns = now_ns(), ns;

        cron_next(cron, zone, after_ms, &fire);
        ns = now_ns() - from_ns;
        best_ns = ns < best_ns ? ns : best_ns;
    }
    return best_ns;
}

static void time_random(const struct zone *zone)
{
    struct random r = {.state = 1};
    char text[512], worst[512] = "";
    double worst_ns = 0;

    for (int i = 0; i < RANDOM; i++) {
        int64_t after_ms = random_within(&r, FROM_MS, UNTIL_MS);
        struct cron cron;
        struct err err;
        double ns;

        random_cron(&r, 2, text, sizeof(text));
        if (cron_parse(text, &cron, &err) < 0)
            continue;
        ns = time_once(&cron, zone, after_ms);
        if (ns <= worst_ns)
            continue;
        worst_ns = ns;
        snprintf(worst, sizeof(worst), "%s", text);
    }
    printf("%-20s %8.0f ns, the slowest of %d: %s\n", "random", worst_ns,
        RANDOM, worst);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "Europe/Berlin";
    struct zone *zone = must_open(name);

    time_opening(name);
    for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++)
        time_expression(expressions[i], zone);
    time_random(zone);
    zone_close(zone);
    return 0;
}
