#include "random_cron.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

uint64_t random_next(struct random *r)
{
    uint64_t z = r->state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

int64_t random_within(struct random *r, int64_t least, int64_t most)
{
    return least + (int64_t)(random_next(r) % (uint64_t)(most - least + 1));
}

static bool one_in(struct random *r, int n)
{
    return random_next(r) % (uint64_t)n == 0;
}

/* A value, now and then by its name in some case. */
static void put_value(struct random *r, char *out, int least, int most)
{
    static const char *const months[] = {"JAN", "feb", "Mar", "APR", "may",
        "Jun", "JUL", "aug", "Sep", "OCT", "nov", "Dec"};
    static const char *const weekdays[] = {
        "SUN", "mon", "Tue", "WED", "thu", "Fri", "SAT"};
    int value = (int)random_within(r, least, most);

    if (most == 12 && one_in(r, 3))
        strcat(out, months[value - 1]);
    else if (most == 7 && value < 7 && one_in(r, 2))
        strcat(out, weekdays[value]);
    else
        sprintf(out + strlen(out), one_in(r, 9) ? "%02d" : "%d", value);
}

static void put_step(struct random *r, char *out, int size)
{
    sprintf(out + strlen(out), "/%d", (int)random_within(r, 1, size));
}

static void put_item(struct random *r, char *out, int least, int most)
{
    int size = most - least + (most == 7 ? 0 : 1);

    put_value(r, out, least, most);
    if (one_in(r, 3)) {
        strcat(out, "-");
        put_value(r, out, least, most);
    }
    if (one_in(r, 6))
        put_step(r, out, size);
}

static void put_special_day(struct random *r, char *out)
{
    char *end = out + strlen(out);

    switch (random_next(r) % 4) {
    case 0:
        strcpy(end, "L");
        break;
    case 1:
        sprintf(end, "L-%d", (int)random_within(r, 1, 30));
        break;
    case 2:
        strcpy(end, one_in(r, 2) ? "LW" : "lw");
        break;
    default:
        sprintf(end, "%dW", (int)random_within(r, 1, 31));
    }
}

static void put_special_weekday(struct random *r, char *out)
{
    if (one_in(r, 6)) {
        strcat(out, "L");
        return;
    }
    put_value(r, out, 0, 7);
    if (one_in(r, 2))
        strcat(out, "L");
    else
        sprintf(out + strlen(out), "#%d", (int)random_within(r, 1, 5));
}

/* Up to three items; most 31 and 7 tell the fields of days. */
static void put_list(struct random *r, char *out, int least, int most)
{
    int n = (int)random_within(r, 1, 3);

    for (int i = 0; i < n; i++) {
        strcat(out, i > 0 ? "," : "");
        if (most == 31 && one_in(r, 4))
            put_special_day(r, out);
        else if (most == 7 && one_in(r, 4))
            put_special_weekday(r, out);
        else
            put_item(r, out, least, most);
    }
}

/* free_in: how often, one in so many, a field is * or has a step on it. */
static void put_field(
    struct random *r, char *out, int least, int most, int free_in)
{
    strcat(out, out[0] != '\0' ? " " : "");
    if (!one_in(r, free_in)) {
        put_list(r, out, least, most);
        return;
    }
    if ((most == 31 || most == 7) && one_in(r, 4)) {
        strcat(out, "?");
        return;
    }
    strcat(out, "*");
    if (one_in(r, 3))
        put_step(r, out, most == 7 ? 7 : most - least + 1);
}

/* Fixed hours around the one given. */
static void put_hours_near(struct random *r, char *out, int hour)
{
    int from = (hour + (int)random_within(r, 22, 25)) % 24;

    sprintf(out + strlen(out), " %d", from);
    if (one_in(r, 2))
        sprintf(out + strlen(out), one_in(r, 2) ? "-%d" : ",%d",
            (from + (int)random_within(r, 0, 3)) % 24);
}

void random_cron(struct random *r, int hour, char *out, size_t size)
{
    char text[512] = "";

    if (one_in(r, 5))
        put_field(r, text, 0, 59, 4);
    put_field(r, text, 0, 59, 4);
    if (hour >= 0 && one_in(r, 2))
        put_hours_near(r, text, hour);
    else
        put_field(r, text, 0, 23, 3);
    if (one_in(r, 2)) {
        strcat(text, " * * *");
    } else {
        put_field(r, text, 1, 31, 2);
        put_field(r, text, 1, 12, 2);
        put_field(r, text, 0, 7, 2);
    }
    snprintf(out, size, "%s", text);
}
