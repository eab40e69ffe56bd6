/* How long finding the next fire takes: nanoseconds a call, by expression. */
#include "clock/cron.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FROM_MS INT64_C(1790000000000)  /* 2026 */
#define UNTIL_MS INT64_C(4000000000000) /* 2096 */

enum { CALLS = 200000, OPENINGS = 100 };

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
    printf("%-20s %8.0f ns to open\n", name, (now_ns() - from_ns) / OPENINGS);
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
    printf("%-20s %8.0f ns a call\n", text, (now_ns() - from_ns) / CALLS);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "Europe/Berlin";
    struct zone *zone = must_open(name);

    time_opening(name);
    for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++)
        time_expression(expressions[i], zone);
    zone_close(zone);
    return 0;
}
