/*
 * Answers questions line by line, for comparisons in other languages:
 *
 *     EXPRESSION <tab> ZONE <tab> AFTER_MS <tab> COUNT
 *
 * is answered by the instants of the next fires in milliseconds, separated by
 * blanks, or by "error: " and the reason.
 */
#include "clock/cron.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTION_BYTES = 1024 };

struct question {
    char *text, *zone; /* borrowed */
    int64_t after_ms;
    int count;
};

static bool split(char *line, struct question *q)
{
    char *save;
    char *after, *count;

    line[strcspn(line, "\n")] = '\0';
    q->text = strtok_r(line, "\t", &save);
    q->zone = strtok_r(NULL, "\t", &save);
    after = strtok_r(NULL, "\t", &save);
    count = strtok_r(NULL, "\t", &save);
    if (count == NULL)
        return false;
    q->after_ms = strtoll(after, NULL, 10);
    q->count = (int)strtol(count, NULL, 10);
    return true;
}

static void answer(const struct question *q, const struct zone *zone)
{
    int64_t after_ms = q->after_ms;
    struct cron_fire fire;
    struct cron cron;
    struct err err;

    if (cron_parse(q->text, &cron, &err) < 0) {
        printf("error: %s\n", err.msg);
        return;
    }
    for (int i = 0; i < q->count && cron_next(&cron, zone, after_ms, &fire);
         i++) {
        printf("%s%" PRId64, i > 0 ? " " : "", fire.at_ms);
        after_ms = fire.at_ms;
    }
    putchar('\n');
}

int main(void)
{
    char line[QUESTION_BYTES];
    struct zone *zone = NULL;
    struct question q;
    struct err err;

    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (!split(line, &q))
            return 64;
        if (zone == NULL || strcmp(zone_name(zone), q.zone) != 0) {
            zone_close(zone);
            zone = zone_open(q.zone, &err);
        }
        if (zone != NULL)
            answer(&q, zone);
        else
            printf("error: %s\n", err.msg);
    }
    zone_close(zone);
    return 0;
}
