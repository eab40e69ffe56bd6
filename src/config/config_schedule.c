/* The schedules: that they can be read, whatever the command. */
#include "config/config_table.h"

#include "base/text.h"
#include "clock/cron.h"
#include <stdlib.h>

bool config_next_schedule(
    struct str *lines, struct str *name, struct str *expression)
{
    struct str line;
    const char *equals;

    do {
        *name = STR("");
        if (!text_next_line(lines, &line))
            return false;
        line = text_trim(line);
    } while (line.len == 0);
    *name = line;
    equals = memchr(line.p, '=', line.len);
    if (equals == NULL)
        return false;
    *expression = text_trim(
        (struct str){equals + 1, line.len - (size_t)(equals - line.p) - 1});
    if (equals == line.p)
        return false;
    *name = text_trim((struct str){line.p, (size_t)(equals - line.p)});
    return true;
}

/* Does a line before this one name the same? */
static bool schedule_is_second(struct str all, struct str name)
{
    struct str other, expression;

    while (config_next_schedule(&all, &other, &expression) && other.p != name.p)
        if (str_eq(other, name))
            return true;
    return false;
}

static void schedule_check_line(
    struct config_reading *r, struct str all, struct str name, struct str expr)
{
    const struct config_key *key = config_key_named("BATCH_SYNC_SCHEDULES");
    char *text = config_copy(expr);
    struct cron cron;
    struct err err;

    if (cron_parse(text, &cron, &err) < 0)
        config_fault(r, key, name,
            "%s; must be name=expression, a cron expression of 5 fields, or 6 "
            "with seconds first",
            err.msg);
    else if (schedule_is_second(all, name))
        config_fault(r, key, name, "must be named once");
    free(text);
}

static void check_own_schedules(struct config_reading *r)
{
    const struct config_key *key = config_key_named("BATCH_SYNC_SCHEDULES");
    const char *own = r->raw->c.schedule.own;
    struct str all = str_of(own == NULL ? "" : own), lines = all;
    struct str name, expression;
    int n = 0;

    while (config_next_schedule(&lines, &name, &expression)) {
        schedule_check_line(r, all, name, expression);
        n++;
    }
    if (name.len > 0)
        config_fault(r, key, name, "must be lines of the form name=expression");
    if (n > CONFIG_SCHEDULES)
        config_fault(
            r, key, STR(""), "must be at most %d lines", CONFIG_SCHEDULES);
}

/* A wrong schedule stops every command, for all wrong values are listed. */
void config_derive_schedule(struct config_reading *r)
{
    const struct config_schedule *c = &r->raw->c.schedule;
    struct zone *zone;
    struct cron cron;
    struct err err;

    if (cron_parse(c->cron, &cron, &err) < 0)
        config_fault(r, config_key_named("BATCH_SYNC_SCHEDULE"),
            str_of(c->cron),
            "%s; must be a cron expression of 5 fields, or 6 with seconds "
            "first",
            err.msg);
    if (c->verify != NULL && cron_parse(c->verify, &cron, &err) < 0)
        config_fault(r, config_key_named("BATCH_SYNC_VERIFY_SCHEDULE"),
            str_of(c->verify),
            "%s; must be a cron expression of 5 fields, or 6 with seconds "
            "first",
            err.msg);
    zone = zone_open(c->timezone, &err);
    if (zone == NULL)
        config_fault(r, config_key_named("BATCH_SYNC_TIMEZONE"),
            str_of(c->timezone),
            "%s; must be an IANA name such as Europe/Berlin", err.msg);
    zone_close(zone);
    check_own_schedules(r);
    r->raw->c.schedule.queues = r->raw->if_running == 1;
}
