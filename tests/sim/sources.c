/*
 * Sources whose pages do not agree with what they say: they end early, repeat
 * themselves, shift, grow and shrink while they are read. A pass is complete
 * exactly when it should be, a sweep comes after no other, a source that would
 * never end is left after few pages, and nothing is paid for twice. The same
 * holds when the process crashes on the way and goes on.
 */
#include "sim.h"

#include "record/pass/pass.h"

#include <stdio.h>
#include <stdlib.h>

struct sources {
    struct world w;
    bool complete; /* what the passes of the run at hand have to be */
};

/* Full pages that come again and again. */
static bool is_stuck(const struct source *s, int limit)
{
    switch (s->manner) {
    case IGNORES_PAGE:
        return s->items >= limit;
    case CYCLES:
        return s->items >= limit;
    case CLAMPED:
        return s->items > 0 && s->items % limit == 0;
    default:
        return false;
    }
}

static bool falls_short(const struct source *s)
{
    return s->manner == ENDS_EARLY && s->shown < s->items;
}

static void apply_nothing(struct world *w, struct op *op, struct err *err)
{
}

static void port_sources_sweep(void *world, struct sweep_req *req)
{
    struct world *w = world;

    CHECK(container_of(w, struct sources, w)->complete);
    world_schedule(w, &req->op, 1, apply_nothing);
}

/* One that goes on after its last page meets a page that no other process asks
 * for: a source that shifts has got more items by then, and says so. */
static bool may_fall_short(const struct sources *s, const struct pass_end *pass)
{
    return s->w.resumes && s->w.source.manner == SHIFTS && pass->shortfall > 0;
}

static void check_passes(const struct sources *s, const struct run_req *req)
{
    for (size_t i = 0; i < req->result.nservices; i++) {
        const struct service_result *r = &req->result.services[i];

        CHECK(r->pass.complete == s->complete || may_fall_short(s, &r->pass));
        CHECK(!r->success || s->complete || r->pass.shortfall > 0);
    }
}

/* Everything that was shown; how often does not matter. */
static void check_shown(const struct world *w, int limit)
{
    int shown = w->source.items;

    if (w->source.manner == ENDS_EARLY)
        shown = w->source.shown;
    else if (w->source.manner == IGNORES_PAGE && limit < shown)
        shown = limit;
    else if (w->source.manner == CYCLES && limit <= shown)
        shown -= shown % limit;
    else if (w->source.manner == SHRINKS)
        return; /* which ones are gone depends on the limit */
    for (int service = 0; service < w->source.services; service++)
        check_first_items(w, service, shown);
}

/* Pages of a whole round, and those that it takes to see that it repeats. */
static int most_fetches(const struct source *s, int limit, int fetches)
{
    int kept = s->manner == LOWERS ? s->lowered : limit;
    int pages = (2 * s->items + kept - 1) / kept + 2;

    return s->services * (pages + PASS_STALE_ANY + 1 + fetches);
}

/* One run without a fault; returns whether it was a success. */
static bool run_sources(struct sources *s, const struct schema_set *schemas)
{
    struct run_req req = {.run = NULL};
    int limit = s->w.options->limit;
    bool success;

    s->complete = !is_stuck(&s->w.source, limit) && !falls_short(&s->w.source);
    s->w.resumes = false;
    run_until(&s->w, schemas, &req, 0);
    check_counts(&req);
    check_rows(&s->w);
    check_passes(s, &req);
    check_shown(&s->w, limit);
    CHECK(s->w.fetch_requests <=
          most_fetches(&s->w.source, limit, s->w.options->fetches));
    success = req.result.status == RUN_SUCCESS;
    run_req_clear(&req);
    return success;
}

/* Short of its total: an error once, then told, until it is much shorter. */
static void run_short(struct sources *s, const struct schema_set *schemas)
{
    int items = s->w.source.items;

    s->w.source.shown = items - items / 3;
    CHECK(run_sources(s, schemas) == s->complete);
    CHECK(run_sources(s, schemas));
    CHECK(s->w.embed_requests == 0);
    s->w.source.shown = items / 4;
    CHECK(run_sources(s, schemas) == (items == 0));
    CHECK(run_sources(s, schemas));
    s->w.source.shown = items;
    CHECK(run_sources(s, schemas));
    s->w.source.shown = items - items / 3;
    CHECK(run_sources(s, schemas) == s->complete);
}

static void run_manner(struct sources *s, const struct schema_set *schemas)
{
    bool good = !is_stuck(&s->w.source, s->w.options->limit);

    CHECK(run_sources(s, schemas) == good);
    if (s->w.source.manner != SHIFTS && good) /* it has items more than once */
        CHECK(s->w.texts_embedded <=
              (uint64_t)(s->w.source.items * s->w.source.services));
    CHECK(run_sources(s, schemas) == good);
    if (s->w.source.manner != SHIFTS && good)
        CHECK(s->w.embed_requests == 0 && s->w.shared->db.writes == 0);
}

/* Crashes on the way and goes on: what was announced still holds. */
static void run_crashing(
    struct sources *s, const struct schema_set *schemas, uint64_t *r)
{
    struct run_req req = {.run = NULL};
    int steps;

    s->complete = !is_stuck(&s->w.source, s->w.options->limit) &&
                  !falls_short(&s->w.source);
    steps = 1 + (int)draw(r, 400);
    s->w.resumes = false;
    run_until(&s->w, schemas, &req, steps);
    run_req_clear(&req);
    s->w.resumes = true;
    run_until(&s->w, schemas, &req, 0);
    check_counts(&req);
    check_rows(&s->w);
    if (s->w.shared->ledger.closed > 0)
        check_passes(s, &req);
    check_shown(&s->w, s->w.options->limit);
    run_req_clear(&req);
}

static struct sources *sources_open(const struct source *source,
    const struct faults *none, const struct run_options *options, uint64_t seed)
{
    struct sources *s = calloc(1, sizeof(*s));

    if (s == NULL)
        abort();
    world_init(&s->w, source, none, options, seed);
    s->w.ports.sweep = port_sources_sweep;
    return s;
}

static void sources_close(struct sources *s)
{
    world_free(&s->w);
    free(s);
}

void simulate_sources(uint64_t seed)
{
    uint64_t r = seed ^ 0x50C4CE5;
    struct source source;
    struct faults none = {.latency_ms = 5, .other_answers = -1};
    struct run_options options;
    struct schema_set schemas;
    struct sources *s;

    draw_source(&r, &source);
    draw_options(&r, &options);
    source.poison = source.bad_data = source.no_id = source.long_text = 0;
    source.unique = true;
    if (source.items == 0) /* it has nothing to shift, repeat or hold back */
        source.items = 1;
    source.manner = (enum manner)(1 + draw(&r, MANNERS - 1));
    source.shown = source.items;
    source.lowered = (options.limit + 1) / 2;
    make_schemas(&schemas, source.services);
    for (int i = 0; i < source.services; i++)
        schemas.schemas[i]->delete_missing = true;
    s = sources_open(&source, &none, &options, seed);
    if (source.manner == ENDS_EARLY)
        run_short(s, &schemas);
    else
        run_manner(s, &schemas);
    sources_close(s);
    source.shown = source.items - source.items / 3;
    s = sources_open(&source, &none, &options, seed);
    run_crashing(s, &schemas, &r);
    sources_close(s);
    arena_free(&schemas.arena);
}
