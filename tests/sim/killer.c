/*
 * An item that ends the process whenever its text is embedded, or whenever its
 * page is read. The run ends all the same, after so many processes: that item
 * is a dead letter, everything else is stored, and the next run is none the
 * worse for one that is known.
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_LIVES = 24 };

struct killer_world {
    struct world w;
    struct schema_set schemas;
    struct run_options options;
    uint64_t stored, failed; /* of the last process */
};

/* One process; true: it was ended. */
static bool live(struct killer_world *k)
{
    struct run_req req = {.run = NULL};

    run_until(&k->w, &k->schemas, &req, 0);
    check_rows(&k->w);
    if (!k->w.crashed)
        check_counts(&req);
    k->stored = req.result.counts.stored + req.result.counts.unchanged;
    k->failed = req.result.counts.failed;
    run_req_clear(&req);
    k->w.resumes = true;
    return k->w.crashed;
}

/* How many processes it took until the run had ended. */
static int run_to_its_end(struct killer_world *k)
{
    int lives = 1;

    k->w.resumes = false;
    while (live(k)) {
        k->w.shared->clock_ms += 2 * SIM_LEASE_MS;
        CHECK(++lives <= MOST_LIVES);
    }
    return lives;
}

static bool is_stored(const struct world *w, int service, int seq)
{
    struct sim_item item;

    source_item(&w->source, service, seq, &item);
    for (size_t i = 0; i < w->shared->db.n; i++)
        if (w->shared->db.rows[i].service == service &&
            strcmp(w->shared->db.rows[i].id, item.id) == 0)
            return true;
    return false;
}

static void check_all_but_one(const struct world *w)
{
    for (int service = 0; service < w->source.services; service++)
        for (int seq = 0; seq < w->source.items; seq++)
            CHECK(is_stored(w, service, seq) ==
                  !(service == 0 && seq == w->deadly));
    CHECK(w->shared->letters.n == 1);
}

static void draw_killer(struct killer_world *k, uint64_t seed)
{
    static const struct faults none = {.latency_ms = 5, .other_answers = -1};
    uint64_t r = seed ^ 0xDEAD1;
    struct source source;

    draw_source(&r, &source);
    source.services = 1 + (int)draw(&r, 2);
    source.items = PICK(&r, 1, 7, 40, 97);
    source.unique = true;
    source.long_text = source.poison = source.bad_data = source.no_id = 0;
    draw_options(&r, &k->options);
    k->options.limit = PICK(&r, 1, 5, 64, 100, 1000);
    k->options.max_tokens = 8191;
    make_schemas(&k->schemas, source.services);
    world_init(&k->w, &source, &none, &k->options, seed);
    k->w.deadly = (int)draw(&r, (uint64_t)source.items);
    k->w.deadly_read = draw(&r, 2) == 0;
}

void simulate_killer(uint64_t seed)
{
    struct killer_world *k = calloc(1, sizeof(*k));
    bool was_read;

    if (k == NULL)
        abort();
    draw_killer(k, seed);
    was_read = k->w.deadly_read;
    CHECK(run_to_its_end(k) > 3);
    check_all_but_one(&k->w);
    CHECK(k->failed == 1);
    /* Known by its content, it is not tried again. */
    if (!was_read) {
        CHECK(run_to_its_end(k) == 1);
        check_all_but_one(&k->w);
        CHECK(k->w.embed_requests == 0);
    }
    world_free(&k->w);
    arena_free(&k->schemas.arena);
    free(k);
}
