/*
 * The deterministic simulation: the whole pipeline on in-memory ports, with a
 * simulated clock and seeded faults.
 *
 *   sim [--seeds N] [--from SEED] [--every-step] [--verbose]
 *
 * Each seed is a world of its own: its services, items, sizes, limits and
 * faults are drawn from it. In each world three runs follow one another:
 *
 *   1. with the faults, perhaps stopped or canceled on the way;
 *   2. without faults: everything must be stored, exactly and with the right
 *      vectors;
 *   3. over the same data: nothing may be embedded and nothing written, not
 *      even poison, which is known by now.
 *
 * In worlds with poison four more: half of the dead letters are to be tried
 * again, and are, once; then with another model, which tries all of them; and
 * over mended data, which resolves them.
 *
 * And once more in a world that crashes, and for a third of the seeds in one
 * that is told to stop, at a step drawn from the seed (with --every-step: at
 * each of its steps in turn) and is started again: the rows must be those of a
 * world that was never disturbed, and at most the chunks that were in flight
 * may be embedded once more. And in one whose database is away for minutes,
 * from an instant drawn: the run waits and goes on, and nothing is embedded
 * once more.
 *
 * And in some whose embedder fails as embedders do (embedder.c).
 *
 * And in one with another program that changes stored rows (writer.c).
 *
 * And in one that is planned before each run: the plan tells what the run does
 * (plan.c).
 *
 * And in one with budgets of tokens: no request crosses one, and a run that was
 * stopped is resumed until all is stored (budgets.c).
 *
 * And in one where all goes well, whose chunks are counted (filling.c).
 *
 * And in one whose sources lose items, some of whose services delete what is
 * gone (deletes.c). And in one whose sources do not page as they should
 * (sources.c).
 */
#include "sim.h"

#include "base/log.h"
#include "sync/pipeline.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t current_seed;
static bool verbose, every_step;

void sim_check(bool ok, const char *promise, const char *file, int line)
{
    if (ok)
        return;
    fprintf(stderr, "seed %llu: broken at %s:%d: %s\n",
        (unsigned long long)current_seed, file, line, promise);
    fprintf(stderr, "again: sim --from %llu --seeds 1 --verbose%s\n",
        (unsigned long long)current_seed, every_step ? " --every-step" : "");
    abort();
}

/* The schemas all services share: id, text, seq. */

static struct schema_field fields[] = {
    {{"id", 2}, {"id", 2}, FIELD_STRING},
    {{"text", 4}, {"text", 4}, FIELD_TEXT},
    {{"seq", 3}, {"seq", 3}, FIELD_INTEGER},
};
static struct schema_id_part id_parts[] = {{.field = 0}};
static struct schema_link links[] = {{{.field = 2}, "service-0", "of"}};

void make_schemas(struct schema_set *set, int n)
{
    arena_init(&set->arena, 0);
    set->n = (size_t)n;
    set->fallback = NULL;
    set->schemas = arena_calloc(&set->arena, set->n, sizeof(*set->schemas));
    for (int i = 0; i < n; i++) {
        char name[32];
        struct schema *s = arena_calloc(&set->arena, 1, sizeof(*s));

        snprintf(name, sizeof(name), "service-%d", i);
        s->stem = s->service_name = arena_dup(&set->arena, str_of(name)).p;
        snprintf(name, sizeof(name), "alias-%d", i);
        s->aliases = arena_calloc(&set->arena, 1, sizeof(*s->aliases));
        s->aliases[s->naliases++] = arena_dup(&set->arena, str_of(name)).p;
        s->version = "1.0.0";
        s->fields = fields;
        s->nfields = 3;
        s->id_parts = id_parts;
        s->nid_parts = 1;
        s->links = links;
        s->nlinks = 1;
        s->title_field = 2; /* all pieces of a text tell it */
        s->url_field = -1;
        s->pieces.overlap = sim_overlap(i);
        set->schemas[i] = s;
    }
}

/* Drawing a world */

void draw_source(uint64_t *r, struct source *s)
{
    *s = (struct source){.seed = sim_random(r),
        .services = PICK(r, 1, 1, 2, 3),
        .items = PICK(r, 0, 1, 7, 40, 97, 160),
        .long_text = PICK(r, 0, 0, 5, 50),
        .poison = PICK(r, 0, 0, 0, 20, 300),
        .bad_data = PICK(r, 0, 0, 0, 20),
        .no_id = PICK(r, 0, 0, 30)};
    s->twice = (int)(s->seed % 4);
    s->id_space = s->items * PICK(r, 1, 100, 100) + 1;
}

static void draw_faults(uint64_t *r, struct faults *f)
{
    *f = (struct faults){.fetch = PICK(r, 0, 0, 50, 400),
        .embed = PICK(r, 0, 0, 20, 300),
        .store = PICK(r, 0, 0, 20, 300),
        .ledger = PICK(r, 0, 0, 0, 200),
        .lost_ack = PICK(r, 0, 50, 100),
        .latency_ms = PICK(r, 1, 10, 100),
        .fatal_embed = PICK(r, 0, 0, 0, 0, 0, 3),
        .bad_request = PICK(r, 0, 0, 0, 0, 0, 0, 0, 1),
        .bad_table = PICK(r, 0, 0, 0, 0, 0, 0, 0, 1),
        .too_large = PICK(r, 0, 0, 0, 4, 9),
        .large_from = PICK(r, 0, 20, 50),
        .repeat_page = PICK(r, 0, 0, 0, 0, 2),
        .other_answers = PICK(r, -1, -1, -1, 0),
        .stop_at_step = draw(r, 4) == 0 ? (int)draw(r, 800) : 0,
        .cancel_at_step = draw(r, 6) == 0 ? (int)draw(r, 900) : 0};
    if (f->too_large > 0)
        f->repeat_page = 0; /* its number means another range by then */
}

void draw_options(uint64_t *r, struct run_options *o)
{
    *o = (struct run_options){
        .spec = {.trigger = "cli", .kind = "batch", .tenant = "tenant"},
        .embedding = {"sim", "model", SIM_DIMENSIONS},
        .limit = PICK(r, 1, 5, 12, 30, 1000),
        .chunk_size = PICK(r, 1, 3, 10, 50),
        .workers = PICK(r, 1, 2, 5),
        .max_pages = 10000,
        .max_item_bytes = 1 << 20,
        .chunk_bytes = (size_t)PICK(r, 1, 300, 1 << 20, 1 << 20),
        .store_bytes = (size_t)PICK(r, 1, 500, 4000, 1 << 20),
        .window_bytes = (size_t)PICK(r, 1, 30000, 1 << 24),
        .loop_bytes = (size_t)PICK(r, 0, 1000, 1 << 20),
        .kept_bytes = (size_t)PICK(r, 0, 500, 1 << 20),
        .max_tokens = PICK(r, 100, 400, 8191),
        .fetches = PICK(r, 1, 1 + (int)draw(r, 16)),
        .parallel = PICK(r, 1, 2, 4),
        .retries = {5, 50}};
}

/* Small pages that have nothing but known ids are what a source looks like that
 * repeats itself: the smaller they are the rarer ids come twice. */
void spread_ids(struct source *s, int limit)
{
    int least = limit == 1 ? 100 : limit < 12 ? 3 : 1;

    if (s->id_space < s->items * least + 1)
        s->twice = (int)(s->seed % 4);
    s->id_space = s->items * least + 1;
}

/* Running */

static void on_run(struct op *op)
{
}

/* Returns the number of steps. `crash_at`: the process ends then; 0: never. */
int run_until(struct world *w, const struct schema_set *schemas,
    struct run_req *req, int crash_at)
{
    int steps = 0;

    world_begin_run(w);
    req->options = *w->options;
    op_init(&req->op, on_run);
    run_submit(&w->ports, schemas, req);
    while (world_step(w)) {
        if (++steps == w->faults.stop_at_step)
            run_stop(req);
        if (steps == w->faults.cancel_at_step)
            op_cancel(&req->op);
        if (steps == crash_at || (w->dies && !w->crashed)) {
            w->crashed = true;
            w->crashed_ms = w->shared->clock_ms;
            op_cancel(&req->op); /* only to give its memory back */
        }
        CHECK(steps < 2000000);
    }
    CHECK(!op_pending(&req->op));
    CHECK(w->embedding == 0);
    for (int i = 0; i < SIM_SERVICES; i++)
        CHECK(w->works[i].fetching == 0);
    if (verbose)
        printf("  run: %s, %d steps, %llu received, %llu stored, %llu "
               "unchanged, %llu failed, %d requests\n",
            run_status_name(req->result.status), steps,
            (unsigned long long)req->result.counts.received,
            (unsigned long long)req->result.counts.stored,
            (unsigned long long)req->result.counts.unchanged,
            (unsigned long long)req->result.counts.failed, w->embed_requests);
    return steps;
}

static void run_once(
    struct world *w, const struct schema_set *schemas, struct run_req *req)
{
    run_until(w, schemas, req, 0);
}

/* Checking the end */

void check_counts(const struct run_req *req)
{
    for (size_t i = 0; i < req->result.nservices; i++) {
        const struct service_result *s = &req->result.services[i];
        const struct counts *c = &s->counts;

        CHECK(c->received == c->stored + c->unchanged + c->tombstones +
                                 c->failed + c->collisions);
        CHECK(c->altered <= c->stored);
        CHECK(s->altered == NULL || c->altered > 0);
        CHECK(s->success == (s->errors_total == 0));
        CHECK(!s->success || c->failed == c->known_failures);
        CHECK(c->repaired <= c->stored && c->contested <= c->unchanged);
    }
}

/* Of each id, the last item that has it: that one must be stored. */
static int *last_items(const struct source *s, int service, bool *repeats)
{
    int *last = calloc(
        (size_t)(s->id_space * (1 + s->renamed) + s->items), sizeof(*last));

    if (last == NULL)
        abort();
    for (int seq = 0; seq < s->items; seq++) {
        struct sim_item item;

        source_id(s, service, seq, &item);
        if (item.id[0] == '\0')
            continue;
        *repeats = *repeats || last[item.number] != 0;
        last[item.number] = seq + 1;
    }
    return last;
}

static const struct sim_row *piece(
    const struct world *w, int service, const char *id, int k)
{
    for (size_t i = 0; i < w->shared->db.n; i++)
        if (w->shared->db.rows[i].service == service &&
            w->shared->db.rows[i].chunk_index == k &&
            strcmp(w->shared->db.rows[i].id, id) == 0)
            return &w->shared->db.rows[i];
    return NULL;
}

static void check_item(
    const struct world *w, int service, int seq, const int *last)
{
    struct sim_item item;
    struct buf expected, stored;
    const struct sim_row *row;

    source_item(&w->source, service, seq, &item);
    if (item.id[0] == '\0' || item.poison || item.bad_data ||
        (item.cursed && !w->faults.cured) || last[item.number] != seq + 1)
        return;
    buf_init(&expected, 8192);
    buf_init(&stored, 8192);
    buf_printf(&expected, "id: %s\n\ntext: %s", item.id, item.text);
    if (seq != 0)
        buf_printf(&expected, "\n\nseq: %d", seq);
    for (int k = 0; (row = piece(w, service, item.id, k)) != NULL; k++) {
        CHECK(row->seq == seq);
        buf_puts(&stored, row->text);
    }
    CHECK(str_eq(buf_view(&expected), buf_view(&stored)));
    buf_free(&expected);
    buf_free(&stored);
}

/* The first n items of a service whose ids are unique. */
void check_first_items(const struct world *w, int service, int n)
{
    bool repeats = false;
    int *last = last_items(&w->source, service, &repeats);

    CHECK(!repeats);
    for (int seq = 0; seq < n; seq++)
        check_item(w, service, seq, last);
    free(last);
}

/* A piece overlaps the one before, if a run that ended in an item's middle, or
 * an item that was refused there, has got as far as that: what is stored before
 * may be of another text of that id. */
static void check_row(const struct world *w, const struct sim_row *row)
{
    const struct sim_row *before = NULL;
    float expected[SIM_DIMENSIONS];

    if (row->chunk_index > 0 && sim_overlap(row->service) > 0) {
        before = piece(w, row->service, row->id, row->chunk_index - 1);
        if (before == NULL || memcmp(before->embed_hash, row->embed_hash,
                                  sizeof(row->embed_hash)) != 0)
            return;
    }
    sim_piece_vector(row->service, str_of(before == NULL ? NULL : before->text),
        str_of(row->text), expected);
    CHECK(memcmp(row->vector, expected, sizeof(expected)) == 0);
}

void check_rows(const struct world *w)
{
    for (size_t i = 0; i < w->shared->db.n; i++)
        check_row(w, &w->shared->db.rows[i]);
}

bool check_last_stored(const struct world *w)
{
    const struct source *s = &w->source;
    bool repeats = false;

    for (int service = 0; service < s->services; service++) {
        int *last = last_items(s, service, &repeats);

        for (int seq = 0; seq < s->items; seq++)
            check_item(w, service, seq, last);
        free(last);
    }
    return repeats;
}

/* Returns whether an id comes twice: each run writes it anew then. */
bool check_all_stored(const struct world *w, const struct run_req *req)
{
    const struct source *s = &w->source;

    CHECK(req->result.counts.received ==
          (uint64_t)s->services * (uint64_t)s->items);
    return check_last_stored(w);
}

static int distinct_ids(const struct world *w, const struct open_page *page)
{
    struct sim_item a, b;
    int n = 0;

    for (int i = page->lo; i < page->hi; i++) {
        bool last = true;

        source_id(&w->source, page->service, i, &a);
        for (int k = i + 1; k < page->hi; k++) {
            source_id(&w->source, page->service, k, &b);
            last = last && strcmp(a.id, b.id) != 0;
        }
        n += last && a.id[0] != '\0';
    }
    return n;
}

/*
 * Who refuses everything is found out by any chunk of two items: then none of
 * the page is to blame, not even one that had a chunk to itself. A page's only
 * item cannot tell.
 */
static void check_nobody_blamed(const struct world *w)
{
    const struct faults *f = &w->faults;
    bool any_two = w->options->chunk_size > 1 &&
                   w->options->chunk_bytes > 2 * sizeof(struct sim_item);

    if (!any_two || f->fatal_embed > 0 || f->stop_at_step > 0 ||
        f->cancel_at_step > 0)
        return;
    for (int k = 0; k < w->source.services; k++)
        for (int i = 0; i < w->works[k].npages; i++) {
            const struct open_page *page = &w->works[k].pages[i];

            CHECK(letters_refused(&w->shared->letters, k, page->lo, page->hi) ==
                      0 ||
                  distinct_ids(w, page) == 1);
        }
}

/* What is known, good or bad, is left alone. */
void check_nothing_new(const struct world *w, const struct run_req *req)
{
    CHECK(w->embed_requests == 0);
    CHECK(w->shared->db.writes == 0);
    CHECK(req->result.status == RUN_SUCCESS);
    CHECK(req->result.counts.failed == req->result.counts.known_failures);
}

/* So many poisons are tried, down to the last text; then they are known. */
static void run_and_try(
    struct world *w, const struct schema_set *schemas, int poisons)
{
    struct run_req req = {.run = NULL};

    run_once(w, schemas, &req);
    check_counts(&req);
    CHECK(w->refused_alone == poisons);
    CHECK(poisons == 0 ? w->poison_requests == 0
                       : req.result.status == RUN_PARTIAL ||
                             req.result.status == RUN_FAILED);
    run_req_clear(&req);
    run_once(w, schemas, &req);
    check_nothing_new(w, &req);
    run_req_clear(&req);
}

/* No repeats, no faults, everything known. */
static void simulate_poison(
    struct world *w, const struct schema_set *schemas, uint64_t random)
{
    struct run_options options = *w->options;
    const struct run_options *before = w->options;
    struct run_req req = {.run = NULL};

    w->faults.alike = true; /* not the request's fault all the same */
    run_and_try(w, schemas, letters_retry(&w->shared->letters, 2, random));
    options.embedding.model = "another";
    w->options = &options;
    run_and_try(w, schemas, letters_poison(&w->shared->letters));
    w->source.poison = w->source.bad_data = 0;
    run_once(w, schemas, &req);
    check_counts(&req);
    check_all_stored(w, &req);
    for (int service = 0; service < w->source.services; service++)
        CHECK(!letters_any(&w->shared->letters, service));
    run_req_clear(&req);
    w->options = before;
}

static void simulate(uint64_t seed)
{
    uint64_t r = seed;
    struct source source;
    struct faults faults, none = {.latency_ms = 10, .other_answers = -1};
    struct run_options options;
    struct schema_set schemas;
    struct run_req req = {.run = NULL};
    struct world *w = malloc(sizeof(*w));
    bool repeats;

    if (w == NULL)
        abort();

    draw_source(&r, &source);
    draw_faults(&r, &faults);
    draw_options(&r, &options);
    source.lies = PICK(&r, 0, 0, -50, 50, 300);
    spread_ids(&source, faults.too_large > 0 ? 1 : options.limit);
    if (faults.bad_table)
        source.poison = 0; /* what is left of a chunk may be one item */
    make_schemas(&schemas, source.services);
    world_init(w, &source, &faults, &options, seed);

    run_once(w, &schemas, &req);
    check_counts(&req);
    check_rows(w);
    run_req_clear(&req);
    if (faults.bad_request || faults.bad_table) {
        check_nobody_blamed(w);
        letters_retry(&w->shared->letters, 1, 0);
    }

    none.too_large = faults.too_large; /* no fault: smaller pages do */
    none.large_from = faults.large_from;
    w->faults = none;
    w->source.lies = 0;
    w->source.version = (int)draw(&r, 2);
    run_once(w, &schemas, &req);
    check_counts(&req);
    check_rows(w);
    check_all_stored(w, &req);
    run_req_clear(&req);

    run_once(w, &schemas, &req);
    check_counts(&req);
    repeats = check_all_stored(w, &req);
    if (!repeats)
        check_nothing_new(w, &req);
    run_req_clear(&req);
    if (!repeats && w->shared->letters.n > 0)
        simulate_poison(w, &schemas, sim_random(&r));

    world_free(w);
    free(w);
    arena_free(&schemas.arena);
}

/* Crashes */

static bool same_row(const struct sim_row *a, const struct sim_row *b)
{
    return a->seq == b->seq && strcmp(a->text, b->text) == 0 &&
           strcmp(a->metadata, b->metadata) == 0 &&
           memcmp(a->vector, b->vector, sizeof(a->vector)) == 0 &&
           memcmp(a->embed_hash, b->embed_hash, SHA256_BYTES) == 0 &&
           memcmp(a->row_hash, b->row_hash, SHA256_BYTES) == 0;
}

/*
 * Of three items with one id the second gives way to the third while both wait
 * for the first. Whether they do is a matter of time; it shows when the third
 * is refused, so that the row is the first one's or the second one's.
 */
static bool is_matter_of_time(const struct source *s, const struct sim_row *row)
{
    bool refused = false;
    int n = 0;

    for (int seq = 0; seq < s->items; seq++) {
        struct sim_item item;

        source_id(s, row->service, seq, &item);
        if (strcmp(item.id, row->id) != 0)
            continue;
        refused = refused || item.poison || item.bad_data || item.cursed;
        n++;
    }
    return refused && n > 2;
}

static size_t count_certain_rows(const struct world *w)
{
    const struct database *db = &w->shared->db;
    size_t n = 0;

    for (size_t i = 0; i < db->n; i++)
        n += !is_matter_of_time(&w->source, &db->rows[i]);
    return n;
}

void check_same_rows(const struct world *a, const struct world *b)
{
    CHECK(count_certain_rows(a) == count_certain_rows(b));
    for (size_t i = 0; i < a->shared->db.n; i++) {
        const struct sim_row *row = &a->shared->db.rows[i];
        const struct sim_row *other =
            piece(b, row->service, row->id, row->chunk_index);

        if (other == NULL || !same_row(row, other))
            CHECK(is_matter_of_time(&a->source, row));
    }
    check_links(a);
    check_links(b);
}

void check_same_pages(
    const struct world *a, const struct world *b, uint32_t more)
{
    const struct sim_ledger *one = &a->shared->ledger;
    const struct sim_ledger *other = &b->shared->ledger;

    CHECK(one->nservices == other->nservices);
    for (int i = 0; i < one->nservices; i++) {
        const struct service_result *s = &one->services[i].result;
        const struct service_result *t = &other->services[i].result;

        CHECK(t->pages >= s->pages && t->pages <= s->pages + more);
        CHECK(s->counts.received == t->counts.received);
    }
}

/* What the ledger has counted is what was read, however often it was told. */
static void check_pages(const struct world *w)
{
    const struct sim_ledger *ledger = &w->shared->ledger;

    for (int i = 0; i < ledger->nservices; i++)
        CHECK(
            (int)ledger->services[i].result.pages == w->works[i].ncheckpointed);
}

/*
 * Items that a later one of their service replaces: the one may be stored and
 * the page of the other not be checkpointed, so that both are written again.
 */
uint64_t count_replaced(const struct source *s)
{
    uint64_t n = 0;

    for (int service = 0; service < s->services; service++) {
        bool repeats = false;
        int *last = last_items(s, service, &repeats);
        struct sim_item item;

        for (int seq = 0; seq < s->items; seq++) {
            source_id(s, service, seq, &item);
            n += item.id[0] != '\0' && last[item.number] != seq + 1;
        }
        free(last);
    }
    return n;
}

/* What was paid for, of all worlds of a kind. */
static struct bill {
    uint64_t billed, unique; /* tokens */
} whole, interrupted;

static void bill_add(struct bill *bill, const struct world *w)
{
    bill->billed += w->tokens_billed;
    bill->unique += w->tokens_unique;
}

static double bill_ratio(const struct bill *bill)
{
    return bill->unique == 0 ? 1 : (double)bill->billed / (double)bill->unique;
}

/* Crashes, or is told to stop, at that step, and starts again. */
static void end_at(uint64_t seed, const struct source *source,
    const struct faults *faults, const struct run_options *options,
    const struct schema_set *schemas, const struct world *undisturbed, int step,
    bool stops)
{
    struct run_req req = {.run = NULL};
    struct world *w = malloc(sizeof(*w));
    const struct sim_ledger *ledger;
    uint64_t texts, slack;
    bool goes_on;

    if (w == NULL)
        abort();
    world_init(w, source, faults, options, seed);
    ledger = &w->shared->ledger;
    w->faults.stop_at_step = stops ? step : 0;
    run_until(w, schemas, &req, stops ? 0 : step);
    CHECK(w->crashed == !stops);
    w->resumes = true;
    w->faults.stop_at_step = 0;
    /* If not, the run had ended, and what comes next is another one. */
    goes_on = ledger->running || ledger->interrupted;
    texts = w->texts_embedded;
    run_req_clear(&req);
    check_rows(w);
    run_once(w, schemas, &req);
    check_counts(&req);
    run_req_clear(&req);
    check_same_rows(undisturbed, w);
    check_same_pages(undisturbed, w, 1);
    texts += w->texts_embedded;
    slack = (uint64_t)(2 * options->workers * options->chunk_size);
    slack += 2 * count_replaced(source); /* before and after */
    if (source->long_text > 0 || source->bad_data > 0)
        slack *= 8; /* pieces; refused items, embedded with their page */
    if (goes_on && source->poison == 0 && faults->embed == 0)
        CHECK(texts <= undisturbed->texts_embedded + slack);
    bill_add(&interrupted, w);
    world_free(w);
    free(w);
}

static void crash_at(uint64_t seed, const struct source *source,
    const struct faults *faults, const struct run_options *options,
    const struct schema_set *schemas, const struct world *undisturbed, int step)
{
    end_at(seed, source, faults, options, schemas, undisturbed, step, false);
    if (seed % 3 == 0)
        end_at(seed, source, faults, options, schemas, undisturbed, step, true);
}

/* The database is away for five minutes from that instant on. */
static void database_away(uint64_t seed, const struct source *source,
    const struct run_options *options, const struct schema_set *schemas,
    const struct world *undisturbed, uint64_t from_ms)
{
    struct faults faults = {.latency_ms = 10,
        .other_answers = -1,
        .away_from_ms = from_ms,
        .away_to_ms = from_ms + 5 * 60 * 1000};
    struct run_req req = {.run = NULL};
    struct world *w = malloc(sizeof(*w));
    uint64_t replaced = count_replaced(source);

    if (w == NULL)
        abort();
    if (source->long_text > 0)
        replaced *= 8; /* pieces */
    world_init(w, source, &faults, options, seed);
    run_once(w, schemas, &req);
    check_counts(&req);
    check_same_rows(undisturbed, w);
    if (source->poison == 0) /* one of three with one id gives way or not */
        CHECK(w->texts_embedded <= undisturbed->texts_embedded + replaced &&
              w->texts_embedded + replaced >= undisturbed->texts_embedded);
    if (source->poison == 0 && source->bad_data == 0 && source->no_id == 0)
        CHECK(req.result.status == RUN_SUCCESS);
    run_req_clear(&req);
    world_free(w);
    free(w);
}

static void simulate_crash(uint64_t seed)
{
    uint64_t r = seed ^ 0xC0FFEE;
    struct source source;
    struct faults faults;
    struct run_options options;
    struct schema_set schemas;
    struct run_req req = {.run = NULL};
    struct world *w = malloc(sizeof(*w));
    int steps;

    if (w == NULL)
        abort();
    draw_source(&r, &source);
    if (!every_step) /* several processes have more to share */
        source.services = PICK(&r, 1, 2, 3, 6);
    draw_options(&r, &options);
    spread_ids(&source, options.limit);
    /* An item of several transactions that is refused in a late one keeps the
     * pieces of the earlier ones; which, depends on where it was interrupted.
     */
    if (source.bad_data > 0)
        options.store_bytes = 1 << 20;
    options.retries.tries = 12; /* what passes does pass */
    faults = (struct faults){.embed = PICK(&r, 0, 0, 50),
        .store = PICK(&r, 0, 50),
        .ledger = PICK(&r, 0, 50),
        .lost_ack = 50,
        .latency_ms = PICK(&r, 1, 10, 100),
        .other_answers = -1};
    make_schemas(&schemas, source.services);
    world_init(w, &source, &faults, &options, seed);
    steps = run_until(w, &schemas, &req, 0);
    check_pages(w);
    CHECK(w->tokens_billed == w->tokens_unique);
    bill_add(&whole, w);
    run_req_clear(&req);
    if (every_step)
        for (int step = 1; step <= steps; step++)
            crash_at(seed, &source, &faults, &options, &schemas, w, step);
    else
        crash_at(seed, &source, &faults, &options, &schemas, w,
            1 + (int)draw(&r, (uint64_t)steps));
    simulate_replicas(seed, w, &schemas, steps);
    options.retries.tries = 5;
    database_away(seed, &source, &options, &schemas, w,
        1 + draw(&r, w->shared->clock_ms));
    world_free(w);
    free(w);
    arena_free(&schemas.arena);
}

/*
 * A slot is free as soon as the provider has answered, before that is read:
 * with a database that takes its time, as many chunks again are embedded
 * meanwhile, and no more.
 */
static void a_free_slot_is_taken_at_once(void)
{
    struct source source = {.seed = 1, .services = 1, .items = 40};
    struct faults faults = {
        .latency_ms = 1, .store_ms = 100000, .other_answers = -1};
    struct run_options options;
    struct schema_set schemas;
    struct run_req req = {.run = NULL};
    struct world *w = malloc(sizeof(*w));
    uint64_t r = 1;
    int embedded = 0;

    if (w == NULL)
        abort();
    draw_options(&r, &options);
    options.limit = 1000;
    options.chunk_size = 1;
    options.workers = 2;
    source.id_space = 1000000;
    make_schemas(&schemas, 1);
    world_init(w, &source, &faults, &options, 1);
    world_begin_run(w);
    req.options = options;
    op_init(&req.op, on_run);
    run_submit(&w->ports, &schemas, &req);
    while (world_step(w))
        if (w->shared->clock_ms < 50000)
            embedded = w->embed_requests;
    CHECK(embedded == 2 * options.workers);
    CHECK(w->early_requests > 0);
    run_req_clear(&req);
    world_free(w);
    free(w);
    arena_free(&schemas.arena);
}

/*
 * A coordinator that does not answer costs at most its budget of retries, and
 * nothing of the embedder's.
 */
static void the_budgets_of_retries_are_apart(void)
{
    struct source source = {.seed = 1, .services = 15, .items = 40};
    struct faults faults = {
        .latency_ms = 10, .dead = 13, .mute = 4, .other_answers = -1};
    struct run_options options;
    struct schema_set schemas;
    struct run_req req = {.run = NULL};
    struct world *w = malloc(sizeof(*w));
    uint64_t r = 1;
    int budget;

    if (w == NULL)
        abort();
    draw_options(&r, &options);
    options.limit = 1000;
    options.chunk_size = 1;
    budget = RETRY_BUDGET_FACTOR * options.retries.tries;
    source.id_space = 1000000;
    make_schemas(&schemas, source.services);
    world_init(w, &source, &faults, &options, 1);
    run_once(w, &schemas, &req);
    check_counts(&req);
    CHECK(w->fetch_requests <=
          faults.dead + budget + 2 * (source.services - faults.dead));
    for (int i = 0; i < source.services; i++)
        CHECK(req.result.services[i].success == (i >= faults.dead));
    run_req_clear(&req);
    world_free(w);
    free(w);
    arena_free(&schemas.arena);
}

/* 51 items, the last of which has a chunk to itself, and two services. */
static void nobody_is_blamed_for_what_befalls_all(bool table)
{
    struct source source = {.seed = 1, .services = 2, .items = 51};
    struct faults faults = {.latency_ms = 10,
        .bad_request = !table,
        .bad_table = table,
        .other_answers = -1};
    struct run_options options;
    struct schema_set schemas;
    struct run_req req = {.run = NULL};
    struct world *w = malloc(sizeof(*w));
    uint64_t r = 1;

    if (w == NULL)
        abort();
    draw_options(&r, &options);
    options.limit = 1000;
    options.chunk_size = 50;
    options.workers = 2; /* both chunks at once */
    source.id_space = 1000000;
    make_schemas(&schemas, source.services);
    world_init(w, &source, &faults, &options, 1);
    run_once(w, &schemas, &req);
    check_counts(&req);
    CHECK(req.result.status == RUN_FAILED);
    CHECK(w->works[1].npages == 0); /* the second never begins */
    CHECK(req.result.services[0].counts.failed == 51);
    CHECK(w->shared->letters.n == 0 && w->shared->db.n == 0);
    run_req_clear(&req);
    world_free(w);
    free(w);
    arena_free(&schemas.arena);
}

int main(int argc, char **argv)
{
    uint64_t from = 1, seeds = 200;

    log_init(stderr, LOG_ERROR + 1);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0)
            verbose = true;
        else if (strcmp(argv[i], "--every-step") == 0)
            every_step = true;
        else if (i + 1 < argc && strcmp(argv[i], "--seeds") == 0)
            seeds = strtoull(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--from") == 0)
            from = strtoull(argv[++i], NULL, 10);
        else
            return 64;
    }
    a_free_slot_is_taken_at_once();
    the_budgets_of_retries_are_apart();
    nobody_is_blamed_for_what_befalls_all(false);
    nobody_is_blamed_for_what_befalls_all(true);
    for (uint64_t i = 0; i < seeds; i++) {
        current_seed = from + i;
        if (verbose)
            printf("seed %llu\n", (unsigned long long)current_seed);
        simulate(current_seed);
        simulate_crash(current_seed);
        simulate_deletes(current_seed);
        simulate_sources(current_seed);
        simulate_embedder(current_seed);
        simulate_killer(current_seed);
        simulate_writer(current_seed);
        simulate_plan(current_seed);
        simulate_budgets(current_seed);
        simulate_filling(current_seed);
    }
    printf("%llu worlds: nothing lost, nothing twice, no wrong vector\n"
           "tokens billed over unique ones: %.2f, and %.2f where a process "
           "ends in the middle\n",
        (unsigned long long)seeds, bill_ratio(&whole),
        bill_ratio(&interrupted));
    return 0;
}
