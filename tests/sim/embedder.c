/*
 * Embedders that fail in passing ways: for some texts always, for large
 * requests always, one request in three at random, or all for some minutes.
 * What can be stored is stored, only what fails by itself is set aside, and
 * no text is paid for twice.
 */
#include "sim.h"

#include "sync/embed/embed_record.h"

#include <stdlib.h>

struct embedder_world {
    struct world w;
    struct schema_set schemas;
    struct run_options options;
    struct run_req req;
};

static void draw_world(uint64_t *r, struct source *s, struct run_options *o)
{
    draw_source(r, s);
    s->services = 1;
    s->items = PICK(r, 1, 7, 40, 97);
    s->id_space = s->items * 1000 + 1;
    s->long_text = s->poison = s->bad_data = s->no_id = 0;
    draw_options(r, o);
    o->max_tokens = 8191;
}

static void run_world(struct embedder_world *e, const struct source *s,
    const struct faults *f, uint64_t seed)
{
    e->req = (struct run_req){.run = NULL};
    make_schemas(&e->schemas, s->services);
    world_init(&e->w, s, f, &e->options, seed);
    run_until(&e->w, &e->schemas, &e->req, 0);
    check_counts(&e->req);
    check_rows(&e->w);
}

static void end_world(struct embedder_world *e)
{
    run_req_clear(&e->req);
    world_free(&e->w);
    arena_free(&e->schemas.arena);
}

/* Everything stored, nothing set aside, each text paid for once. */
static void check_undisturbed(struct embedder_world *e)
{
    CHECK(e->req.result.status == RUN_SUCCESS);
    check_all_stored(&e->w, &e->req);
    CHECK(e->w.shared->letters.n == 0);
    CHECK(e->w.texts_embedded == e->req.result.counts.stored);
}

static int cursed_items(const struct source *s)
{
    struct sim_item item;
    int n = 0;

    for (int seq = 0; seq < s->items; seq++) {
        source_item(s, 0, seq, &item);
        n += item.cursed;
    }
    return n;
}

static size_t open_letters(const struct letters *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++)
        n += l->letters[i].open;
    return n;
}

/* What the source no longer sends is tried when it is due, from what was kept:
 * in vain while it fails, and until all of it is stored. */
static void letters_are_tried_again(struct embedder_world *e)
{
    const struct letters *l = &e->w.shared->letters;
    size_t letters = open_letters(l);

    e->w.faults.quiet = true;
    letters_ripen(&e->w.shared->letters);
    run_req_clear(&e->req);
    run_until(&e->w, &e->schemas, &e->req, 0);
    CHECK(e->req.result.status == RUN_SUCCESS);
    CHECK(e->w.texts_embedded == 0 && open_letters(l) == letters);
    CHECK(letters == 0 || e->w.embed_requests > 0);
    e->w.faults.cured = true;
    letters_ripen(&e->w.shared->letters);
    run_req_clear(&e->req);
    run_until(&e->w, &e->schemas, &e->req, 0);
    check_counts(&e->req);
    CHECK(e->req.result.status == RUN_SUCCESS && open_letters(l) == 0);
    CHECK(e->w.texts_embedded == letters);
    CHECK(e->req.result.counts.stored == letters);
    check_rows(&e->w);
}

/* An id that comes several times, some of them failing: what was kept of an
 * earlier item never comes over a later one, and the last one is not lost. */
static void the_last_one_stays(struct embedder_world *e, uint64_t seed)
{
    uint64_t r = seed ^ 0x5EC04D;
    struct faults faults = {.latency_ms = 10, .other_answers = -1};
    struct source source;

    draw_world(&r, &source, &e->options);
    source.cursed = PICK(&r, 100, 300);
    source.id_space = source.items / 2 + 1;
    run_world(e, &source, &faults, seed);
    /* Neither an outage nor a source that repeats itself. */
    if (e->req.result.counts.received == (uint64_t)source.items &&
        !run_result_is_outage(&e->req.result)) {
        e->w.faults.quiet = e->w.faults.cured = true;
        letters_ripen(&e->w.shared->letters);
        run_req_clear(&e->req);
        run_until(&e->w, &e->schemas, &e->req, 0);
        check_counts(&e->req);
        check_rows(&e->w);
        check_last_stored(&e->w);
    }
    end_world(e);
}

/* A text that always fails is a dead letter; its neighbours are stored. */
static void some_texts_fail(struct embedder_world *e, uint64_t seed)
{
    uint64_t r = seed ^ 0xC0453D;
    struct faults faults = {.latency_ms = 10, .other_answers = -1};
    struct source source;
    bool repeats = true;
    int cursed;

    draw_world(&r, &source, &e->options);
    source.cursed = PICK(&r, 20, 100, 1000);
    cursed = cursed_items(&source);
    run_world(e, &source, &faults, seed);
    if (cursed > SET_ASIDE_LEAST) {
        CHECK(e->req.result.status != RUN_SUCCESS);
        CHECK(run_result_is_outage(&e->req.result));
        CHECK(e->w.shared->letters.n == 0);
    } else {
        repeats = check_all_stored(&e->w, &e->req);
        CHECK(e->w.shared->letters.n == (size_t)cursed ||
              (repeats && e->w.shared->letters.n < (size_t)cursed));
    }
    CHECK(e->w.texts_embedded == e->req.result.counts.stored);
    if (!repeats) {
        run_req_clear(&e->req);
        run_until(&e->w, &e->schemas, &e->req, 0);
        CHECK(e->req.result.status == RUN_SUCCESS);
        CHECK(e->w.embed_requests == 0 && e->w.shared->db.writes == 0);
        letters_are_tried_again(e);
    }
    end_world(e);
}

static void large_requests_fail(struct embedder_world *e, uint64_t seed)
{
    uint64_t r = seed ^ 0x1A46E;
    struct faults faults = {.latency_ms = 10, .other_answers = -1};
    struct source source;
    int whole, least;

    draw_world(&r, &source, &e->options);
    faults.most_texts = PICK(&r, 1, 4, 20);
    e->options.chunk_bytes = 1 << 20; /* chunks are of chunk_size */
    run_world(e, &source, &faults, seed);
    check_undisturbed(e);
    whole = e->options.limit < e->options.chunk_size ? e->options.limit
                                                     : e->options.chunk_size;
    least = source.items / whole + source.items / faults.most_texts + 2;
    /* And those of the chunks under way while the size is found out. */
    CHECK(e->w.embed_requests <= 4 * least + 16 * e->options.workers);
    end_world(e);
}

/* One request in three fails, whatever it holds: chance is no evidence. */
static void requests_fail_at_random(struct embedder_world *e, uint64_t seed)
{
    uint64_t r = seed ^ 0xF1A95;
    struct faults faults = {
        .latency_ms = 10, .other_answers = -1, .flaps = 333};
    struct source source;

    draw_world(&r, &source, &e->options);
    run_world(e, &source, &faults, seed);
    check_undisturbed(e);
    end_world(e);
}

static void all_requests_fail_for_a_while(
    struct embedder_world *e, uint64_t seed)
{
    uint64_t r = seed ^ 0xDEAF;
    struct faults faults = {.latency_ms = 10, .other_answers = -1};
    struct source source;
    uint64_t patience_ms;

    draw_world(&r, &source, &e->options);
    patience_ms = (uint64_t)e->options.retries.base_ms * OUTAGE_BASES;
    faults.deaf_from_ms = draw(&r, 3000);
    faults.deaf_to_ms = faults.deaf_from_ms + patience_ms / 2;
    run_world(e, &source, &faults, seed);
    check_undisturbed(e);
    end_world(e);
    faults.deaf_from_ms = 0;
    faults.deaf_to_ms = patience_ms * 100;
    run_world(e, &source, &faults, seed);
    CHECK(e->req.result.status == RUN_FAILED);
    CHECK(e->req.result.services[0].errors[0].code == ERR_UNAVAILABLE);
    CHECK(e->w.texts_embedded == 0 && e->w.shared->letters.n == 0);
    CHECK(e->w.shared->clock_ms < 2 * patience_ms);
    end_world(e);
}

void simulate_embedder(uint64_t seed)
{
    struct embedder_world *e = calloc(1, sizeof(*e));

    if (e == NULL)
        abort();
    some_texts_fail(e, seed);
    the_last_one_stays(e, seed);
    large_requests_fail(e, seed);
    requests_fail_at_random(e, seed);
    all_requests_fail_for_a_while(e, seed);
    free(e);
}
