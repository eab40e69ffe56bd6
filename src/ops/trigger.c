#include "ops/trigger.h"

#include "daemon/runner.h"
#include "source/service_list.h"
#include <string.h>

void trigger_ask_init(struct trigger_ask *ask, const char *trigger)
{
    *ask = (struct trigger_ask){.spec = {.trigger = trigger, .kind = "batch"}};
}

int trigger_ask_since(
    struct trigger_ask *ask, const char *text, struct err *err)
{
    int64_t ms;

    if (!iso_to_ms(str_of(text), &ms))
        return err_set(err, ERR_INVALID,
            "must be a date or a time such as 2026-01-31 or "
            "2026-01-31T08:30:00Z");
    iso_from_ms(ms, ask->since);
    ask->spec.since = ask->since;
    ask->spec.kind = "incremental";
    return 0;
}

int trigger_ask_kind(struct trigger_ask *ask, const char *text, struct err *err)
{
    static const char *const kinds[] = {"batch", "daily", "incremental"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(text, kinds[i]) == 0) {
            ask->spec.kind = kinds[i];
            return 0;
        }
    }
    return err_set(
        err, ERR_INVALID, "must be \"batch\", \"daily\" or \"incremental\"");
}

static int trigger_check_name(const char *name, struct err *err)
{
    struct str text = str_of(name);

    if (text_trim(text).len == 0 || text.len > SERVICE_NAME_BYTES ||
        !utf8_valid(text))
        return err_set(err, ERR_INVALID,
            "must be a name of 1 to %d bytes of UTF-8", SERVICE_NAME_BYTES);
    if (!utf8_visible(text))
        return err_set(err, ERR_INVALID,
            "must be a name without control characters, and without invisible "
            "ones");
    if (strchr(name, ',') != NULL)
        return err_set(err, ERR_INVALID,
            "must be one name, and %s holds a comma; pass each name on its own",
            name);
    return 0;
}

int trigger_ask_services(
    struct trigger_ask *ask, const char **names, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (trigger_check_name(names[i], err) < 0)
            return err->code;
    ask->spec.services = names;
    ask->spec.nservices = n;
    return 0;
}

int trigger_check_enabled(const struct config *config, struct err *err)
{
    const char *reason = runner_disabled(config);

    return reason == NULL ? 0 : err_set(err, ERR_DISABLED, "%s", reason);
}

bool trigger_is_refused(const struct err *err)
{
    return err->code == ERR_ALREADY_RUNNING || err->code == ERR_DISABLED;
}
