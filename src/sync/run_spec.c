#include "sync/run_spec.h"

#include "base/err.h"

static int run_spec_copy_text(struct arena *arena, const char **text)
{
    if (*text == NULL)
        return 0;
    *text = arena_dup(arena, str_of(*text)).p;
    return *text == NULL ? ERR_NOMEM : 0;
}

static int run_spec_copy_services(struct arena *arena, struct run_spec *spec)
{
    const char **names =
        arena_calloc(arena, spec->nservices, sizeof(*spec->services));

    if (names == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < spec->nservices; i++) {
        names[i] = spec->services[i];
        if (run_spec_copy_text(arena, &names[i]) < 0)
            return ERR_NOMEM;
    }
    spec->services = names;
    return 0;
}

int run_spec_copy(
    struct run_spec *to, struct arena *arena, const struct run_spec *from)
{
    *to = *from;
    if (run_spec_copy_text(arena, &to->trigger) < 0 ||
        run_spec_copy_text(arena, &to->run_id) < 0 ||
        run_spec_copy_text(arena, &to->kind) < 0 ||
        run_spec_copy_text(arena, &to->tenant) < 0 ||
        run_spec_copy_text(arena, &to->source) < 0 ||
        run_spec_copy_text(arena, &to->schedule) < 0 ||
        run_spec_copy_text(arena, &to->traceparent) < 0 ||
        run_spec_copy_text(arena, &to->since) < 0)
        return ERR_NOMEM;
    return run_spec_copy_services(arena, to);
}
