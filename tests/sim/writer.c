/*
 * Another program writes into the stored rows: it changes texts, vectors, both,
 * or only the time of a row, and adds pieces. A full run that succeeds leaves
 * nothing of that behind, and pays once for each piece that is another one;
 * what was only touched, or has a piece too many, costs nothing. The second
 * time too; the third time items are contested: they stay as they are, and cost
 * nothing, until the last repair is a week ago. With faults, and with a crash
 * on the way, the rows end up the same.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

/* What it does to an item. */
enum way { NOTHING, TOUCH, TEXT, VECTOR, BOTH, PIECE, TEXT_AND_PIECE, WAYS };

struct writer {
    struct world w, undisturbed;
    struct run_options options;
    struct schema_set schemas;
    /* Of the changes at hand: items to be repaired, those of them whose text or
     * vector is another one, and the texts that have to be embedded. */
    uint64_t items, altered, texts;
};

static const struct faults none = {.latency_ms = 5, .other_answers = -1};

static int count_pieces(const struct database *db, int service, const char *id)
{
    int n = 0;

    for (size_t i = 0; i < db->n; i++)
        n += db->rows[i].service == service && strcmp(db->rows[i].id, id) == 0;
    return n;
}

static struct sim_row *find_piece(
    struct database *db, int service, const char *id, int chunk_index)
{
    for (size_t i = 0; i < db->n; i++)
        if (db->rows[i].service == service &&
            db->rows[i].chunk_index == chunk_index &&
            strcmp(db->rows[i].id, id) == 0)
            return &db->rows[i];
    CHECK(false && "the row is there");
    return NULL;
}

/* What a repair of one piece costs: all of an item that the embedder found too
 * long is cut, and embedded, as if it were new. */
static int price_of(struct writer *x, int service, const char *id, int pieces)
{
    struct buf text;
    struct arena a;
    struct str *parts;
    long n;

    buf_init(&text, 65536);
    for (int k = 0; k < pieces; k++)
        buf_puts(&text, find_piece(&x->w.shared->db, service, id, k)->written);
    arena_init(&a, 0);
    n = text_split(&a, buf_view(&text),
        &(struct text_cut){(size_t)x->options.max_tokens,
            (size_t)x->options.max_tokens - sim_overlap(service),
            CUT_LAST_THIRD},
        &parts);
    arena_free(&a);
    buf_free(&text);
    return n == pieces ? 1 : pieces;
}

static void change_item(struct writer *x, int service, const char *id,
    enum way way, uint64_t *random)
{
    struct database *db = &x->w.shared->db;
    int n = count_pieces(db, service, id);
    int at = (int)draw(random, (uint64_t)n);
    bool text = way == TEXT || way == BOTH || way == TEXT_AND_PIECE;
    bool vector = way == VECTOR || way == BOTH;

    if (way != NOTHING)
        database_change(find_piece(db, service, id, at), text, vector);
    if (way == PIECE || way == TEXT_AND_PIECE)
        database_add(db, service, id, n + (int)draw(random, 2));
    x->items += way > TOUCH;
    x->altered += text || vector;
    if (text || vector)
        x->texts += (uint64_t)price_of(x, service, id, n);
}

/* Of the items, those that belong to `group` of two. The same `seed`: the same
 * items, and what happens to them. */
static void change_items(struct writer *x, uint64_t seed, int group)
{
    for (int service = 0; service < x->w.source.services; service++)
        for (int seq = 0; seq < x->w.source.items; seq++) {
            struct sim_item item;
            enum way way;

            source_item(&x->w.source, service, seq, &item);
            way = (enum way)draw(&seed, WAYS);
            if (seq % 2 == group)
                change_item(x, service, item.id, way, &seed);
        }
}

static void begin_changes(struct writer *x)
{
    x->items = x->altered = x->texts = 0;
}

static void run_repair(struct writer *x, struct run_req *req)
{
    *req = (struct run_req){.run = NULL};
    run_until(&x->w, &x->schemas, req, 0);
    check_counts(req);
}

/* One run, and one more that has nothing to do. */
static void check_repaired(struct writer *x)
{
    struct run_req req;

    run_repair(x, &req);
    CHECK(req.result.status == RUN_SUCCESS);
    CHECK(req.result.counts.repaired == x->items);
    CHECK(req.result.counts.contested == 0);
    CHECK(x->w.texts_embedded == x->texts);
    check_same_rows(&x->undisturbed, &x->w);
    run_req_clear(&req);
    run_repair(x, &req);
    check_nothing_new(&x->w, &req);
    CHECK(req.result.counts.repaired == 0);
    run_req_clear(&req);
}

static void check_left_alone(struct writer *x, uint64_t items)
{
    struct run_req req;

    run_repair(x, &req);
    check_nothing_new(&x->w, &req);
    CHECK(req.result.counts.contested == items);
    run_req_clear(&req);
}

/* Changes the same items once more, and others for the first time. */
static void contest(struct writer *x, uint64_t seed)
{
    struct run_req req;
    uint64_t contested;

    begin_changes(x);
    change_items(x, seed, 0);
    contested = x->altered;
    x->texts = 0;
    change_items(x, seed, 1);
    run_repair(x, &req);
    CHECK(req.result.counts.contested == contested);
    CHECK(req.result.counts.repaired == x->items - contested);
    CHECK(x->w.texts_embedded == x->texts);
    run_req_clear(&req);
    check_left_alone(x, contested);
    x->w.shared->clock_ms += (uint64_t)REPAIR_DAYS * 24 * 3600 * 1000;
    run_repair(x, &req);
    CHECK(req.result.counts.repaired == contested);
    check_same_rows(&x->undisturbed, &x->w);
    run_req_clear(&req);
}

/* A database and a ledger that fail, and perhaps a crash. */
static void disturb(struct writer *x, uint64_t *r)
{
    struct run_req req = {.run = NULL};
    int crash_at = draw(r, 2) == 0 ? 1 + (int)draw(r, 300) : 0;
    uint64_t texts;

    x->w.shared->clock_ms += (uint64_t)REPAIR_DAYS * 24 * 3600 * 1000;
    begin_changes(x);
    change_items(x, sim_random(r), 0);
    change_items(x, sim_random(r), 1);
    x->w.faults.store = PICK(r, 0, 50, 100);
    x->w.faults.ledger = PICK(r, 0, 50);
    x->w.faults.lost_ack = 50;
    run_until(&x->w, &x->schemas, &req, crash_at);
    texts = x->w.texts_embedded;
    run_req_clear(&req);
    x->w.resumes = x->w.crashed;
    x->w.faults = none;
    run_repair(x, &req);
    texts += x->w.texts_embedded;
    CHECK(req.result.status == RUN_SUCCESS);
    run_req_clear(&req);
    check_same_rows(&x->undisturbed, &x->w);
    CHECK(texts >= x->texts);
    CHECK(crash_at > 0 || texts == x->texts);
}

static void draw_writer(struct writer *x, uint64_t *r, uint64_t seed)
{
    struct source source;

    draw_source(r, &source);
    source.items = PICK(r, 1, 7, 40, 97);
    source.unique = true;
    source.poison = source.bad_data = source.no_id = 0;
    draw_options(r, &x->options);
    spread_ids(&source, x->options.limit);
    x->options.retries.tries = 12; /* what passes does pass */
    make_schemas(&x->schemas, source.services);
    world_init(&x->w, &source, &none, &x->options, seed);
    world_init(&x->undisturbed, &source, &none, &x->options, seed);
}

void simulate_writer(uint64_t seed)
{
    struct writer *x = calloc(1, sizeof(*x));
    struct run_req req = {.run = NULL};
    uint64_t r = seed ^ 0xF0E1, same;

    if (x == NULL)
        abort();
    draw_writer(x, &r, seed);
    same = sim_random(&r);
    run_until(&x->undisturbed, &x->schemas, &req, 0);
    run_req_clear(&req);
    run_until(&x->w, &x->schemas, &req, 0);
    run_req_clear(&req);
    for (int i = 0; i < REPAIRS_MOST; i++) {
        begin_changes(x);
        change_items(x, same, 0);
        check_repaired(x);
    }
    contest(x, same);
    disturb(x, &r);
    world_free(&x->w);
    world_free(&x->undisturbed);
    arena_free(&x->schemas.arena);
    free(x);
}
