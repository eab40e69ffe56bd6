#define _GNU_SOURCE /* memmem */
/*
 * Chunks are filled across the borders of pages, and none is sent in part but
 * for a reason: the source has been read to its end, or the oldest page that is
 * not checkpointed waits for one of its items, so that nothing more can be
 * read. Then it is sent at once: where all goes well and a page takes
 * milliseconds nothing stands still for the two seconds that a chunk may wait.
 */
#include "sim.h"

#include <stdlib.h>

struct filling {
    struct world w;
    struct schema_set schemas;
    struct run_options options;
    uint64_t moved_ms; /* when something was last sent, or stored */
};

static void note_move(struct world *w)
{
    struct filling *f = container_of(w, struct filling, w);

    CHECK(w->shared->clock_ms - f->moved_ms < 1000);
    f->moved_ms = w->shared->clock_ms;
}

static int seq_of_text(struct str text)
{
    const char *seq = memmem(text.p, text.len, "seq ", 4);

    CHECK(seq != NULL);
    return atoi(seq + strlen("seq "));
}

static bool has_any_of(const struct embed_req *req, const struct open_page *of)
{
    for (size_t i = 0; i < req->n; i++) {
        int seq = seq_of_text(req->texts[i]);

        if (seq >= of->lo && seq < of->hi)
            return true;
    }
    return false;
}

static bool is_read_to_the_end(const struct world *w, const struct sim_work *of)
{
    return of->npages > 0 && of->pages[of->npages - 1].hi == w->source.items;
}

static void on_embed(struct world *w, const struct embed_req *req)
{
    const struct sim_work *work =
        &w->works[world_service_of_text(req->texts[0])];

    note_move(w);
    CHECK(req->n <= (size_t)w->options->chunk_size);
    if (req->n == (size_t)w->options->chunk_size || is_read_to_the_end(w, work))
        return;
    CHECK(work->ncheckpointed < work->npages);
    CHECK(has_any_of(req, &work->pages[work->ncheckpointed]));
}

static void on_store(struct world *w, const struct store_req *req)
{
    note_move(w);
}

static void on_checkpoint(struct world *w, const struct checkpoint_req *req)
{
    note_move(w);
}

static void draw_world(struct filling *f, uint64_t *r, struct source *s)
{
    draw_source(r, s);
    s->items = PICK(r, 40, 97, 160);
    s->unique = true;
    s->long_text = s->poison = s->bad_data = s->no_id = s->twice = 0;
    draw_options(r, &f->options);
    f->options.limit = PICK(r, 2, 3, 5, 10);
    f->options.chunk_bytes = 1 << 20; /* they are full by their number */
    f->options.store_bytes = 1 << 20; /* and stored in one go */
    f->options.max_tokens = 8191;
    spread_ids(s, f->options.limit);
}

/* Fifteen pages behind the oldest one always fill a chunk, and are all its
 * service's? */
static bool is_never_held_up(const struct filling *f)
{
    return f->options.window_bytes == 1 << 24 &&
           (f->options.parallel == 1 || f->w.source.services == 1) &&
           f->options.chunk_size <= (WINDOW_PAGES - 1) * f->options.limit;
}

static void run_and_check(struct filling *f, bool all_changed)
{
    struct run_req req = {.run = NULL};
    int chunks =
        (f->w.source.items + f->options.chunk_size - 1) / f->options.chunk_size;

    f->moved_ms = f->w.shared->clock_ms;
    run_until(&f->w, &f->schemas, &req, 0);
    check_counts(&req);
    CHECK(req.result.status == RUN_SUCCESS);
    if (all_changed && is_never_held_up(f))
        CHECK(f->w.embed_requests == chunks * (int)req.result.nservices);
    run_req_clear(&req);
}

void simulate_filling(uint64_t seed)
{
    struct filling *f = calloc(1, sizeof(*f));
    uint64_t r = seed ^ 0xF1111;
    struct faults faults = {
        .other_answers = -1, .roomy = true, .latency_ms = PICK(&r, 1, 4)};
    struct source source;

    if (f == NULL)
        abort();
    faults.store_ms = PICK(&r, 0, 20, 50);
    draw_world(f, &r, &source);
    make_schemas(&f->schemas, source.services);
    world_init(&f->w, &source, &faults, &f->options, seed);
    f->w.shared->proven = true; /* no request is there to find that out */
    f->w.on_embed = on_embed;
    f->w.on_store = on_store;
    f->w.on_checkpoint = on_checkpoint;
    run_and_check(f, true);
    for (int version = 1; version <= 2; version++) {
        f->w.source.version = version;
        run_and_check(f, false);
    }
    world_free(&f->w);
    arena_free(&f->schemas.arena);
    free(f);
}
