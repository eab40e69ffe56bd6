#define _GNU_SOURCE /* memmem */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

uint64_t sim_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint64_t draw(struct world *w, uint64_t below)
{
    return sim_random(&w->random) % below;
}

void sim_vector(struct str text, float out[SIM_DIMENSIONS])
{
    struct str trimmed = text_trim(text);
    uint8_t digest[SHA256_BYTES];

    sha256_of(trimmed, digest);
    for (int i = 0; i < SIM_DIMENSIONS; i++)
        out[i] = (float)(digest[i] + 1);
}

size_t sim_overlap(int service)
{
    return service % 2 == 0 ? 0 : SIM_OVERLAP;
}

void sim_piece_vector(
    int service, struct str before, struct str piece, float out[SIM_DIMENSIONS])
{
    const struct piece_context context = {.overlap = sim_overlap(service)};
    struct buf sent;

    buf_init(&sent, 1 << 20);
    piece_sent_write(&sent, &context, before, piece);
    sim_vector(buf_view(&sent), out);
    buf_free(&sent);
}

/* Events: a request that is due at an instant. */

struct event {
    struct list link;
    uint64_t due_ms;
    struct world *w;
    struct op *op; /* the request's; borrowed */
    void (*take_effect)(struct world *w, struct op *op, struct err *err);
    int *outstanding;      /* a counter of the world's; NULL: none */
    struct sim_sent *sent; /* owned; a request that costs tokens, or NULL */
    bool after_crash;      /* asked for by a process that is no more */
    bool taken;            /* it has had its effect */
    bool answered;         /* the caller knows, but cannot read it yet */
    struct err err;        /* what that was */
};

static void take_effect(struct event *e)
{
    struct world *w = e->w;
    bool canceled = e->op->err.code != 0;

    if (e->taken)
        return;
    e->taken = true;
    /* A canceled request may or may not have taken effect. */
    if (e->take_effect != NULL && e->after_crash)
        err_set(&e->err, ERR_UNAVAILABLE, "crashed");
    else if (e->take_effect != NULL && (!canceled || draw(w, 2) == 0))
        e->take_effect(w, e->op, &e->err);
}

/* A refusal costs nothing, what broke off may have cost something; nobody
 * knows, so that it counts as what was held for it. */
static void settle_sent(struct event *e)
{
    struct sim_sent *sent = e->sent;
    struct world *w = e->w;
    uint64_t held = sent->hold.tokens, billed = held / 4 + draw(w, held);
    bool known = e->err.code == 0 && e->op->err.code == 0;
    bool refused = e->err.code == ERR_REFUSED || e->err.code == ERR_BUSY ||
                   e->err.code == ERR_AUTH || e->err.code == ERR_TOO_LONG;

    billed = refused ? 0 : billed < held ? billed : held;
    if (!e->after_crash && !w->crashed)
        w->on_billed(w, sent, billed);
    w->gate->settle(
        w->gate->arg, &sent->hold, known || refused ? billed : held);
    free(sent);
}

static void complete(struct event *e)
{
    take_effect(e);
    if (e->outstanding != NULL)
        --*e->outstanding;
    list_remove(&e->link);
    if (e->sent != NULL)
        settle_sent(e);
    op_finish(e->op, &e->err);
    free(e);
}

static struct event *event_of(struct world *w, const struct op *op)
{
    list_for_each (at, &w->shared->events) {
        struct event *e = container_of(at, struct event, link);

        if (e->op == op)
            return e;
    }
    return NULL;
}

/* The world a request is pending in, for cancel functions. */
static struct world *world_of(struct op *op)
{
    return container_of(op->queue, struct world, ready);
}

static void cancel_event(struct op *op)
{
    complete(event_of(world_of(op), op));
}

/* In the order in which events are due. */
static void put_in(struct event *e)
{
    struct list *events = &e->w->shared->events, *at = events;

    while (at->prev != events &&
           container_of(at->prev, struct event, link)->due_ms > e->due_ms)
        at = at->prev;
    list_push(at, &e->link);
}

/* Of a request that has begun. */
static struct event *add_event(struct world *w, struct op *op,
    uint64_t delay_ms,
    void (*effect)(struct world *w, struct op *op, struct err *err),
    int *outstanding)
{
    struct event *e = calloc(1, sizeof(*e));

    if (e == NULL)
        abort();
    *e = (struct event){.due_ms = w->shared->clock_ms + delay_ms,
        .w = w,
        .op = op,
        .take_effect = effect,
        .outstanding = outstanding,
        .after_crash = w->crashed};
    if (outstanding != NULL)
        ++*outstanding;
    put_in(e);
    return e;
}

static void schedule(struct world *w, struct op *op, uint64_t delay_ms,
    void (*effect)(struct world *w, struct op *op, struct err *err),
    int *outstanding)
{
    add_event(w, op, delay_ms, effect, outstanding);
    op_begin(op, &w->ready, cancel_event);
}

void world_schedule(struct world *w, struct op *op, uint64_t delay_ms,
    void (*effect)(struct world *w, struct op *op, struct err *err))
{
    schedule(w, op, delay_ms, effect, NULL);
}

static uint64_t latency(struct world *w)
{
    return 1 + draw(w, (uint64_t)w->faults.latency_ms);
}

/* Does this request go wrong? Then *err says how. */
static bool goes_wrong(struct world *w, int rate, struct err *err)
{
    static const int codes[] = {ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_BUSY};

    if ((int)draw(w, 1000) >= rate)
        return false;
    err_set(err, codes[draw(w, 3)], "a simulated fault");
    if (err->code == ERR_BUSY)
        err->retry_after_ms = (uint32_t)draw(w, 2000);
    return true;
}

/* The same for what the database is asked. */
bool database_fails(struct world *w, int rate, struct err *err)
{
    if (w->shared->clock_ms < w->faults.away_from_ms ||
        w->shared->clock_ms >= w->faults.away_to_ms)
        return goes_wrong(w, rate, err);
    err_set(err, ERR_UNAVAILABLE, "away");
    return true;
}

int world_service(const char *name)
{
    return atoi(name + strlen("service-"));
}

struct sim_work *world_work(struct world *w, const struct scope *scope)
{
    return &w->works[world_service(scope->service)];
}

void world_begin_work(struct sim_work *work)
{
    work->begun = true;
    work->ncheckpointed = work->npages;
    work->nwrites = 0;
    work->largest = work->first = 0;
    work->looked = false;
    work->nfailed = 0;
    work->told = -1;
    work->fenced = 0;
}

void world_end_work(struct sim_work *work)
{
    work->begun = false;
    work->token = 0;
}

/* Pages */

static int open_pages_of(const struct sim_work *work)
{
    int n = 0;

    for (int i = work->ncheckpointed; i < work->npages; i++)
        n += work->pages[i].bytes > 0;
    return n;
}

/* JSON of the pages that were handed out and are not checkpointed. */
static size_t open_bytes(const struct sim_work *work)
{
    size_t bytes = 0;

    for (int i = work->ncheckpointed; i < work->npages; i++)
        bytes += work->pages[i].bytes;
    return bytes;
}

static int open_pages(const struct world *w)
{
    int n = 0;

    for (int k = 0; k < SIM_SERVICES; k++)
        n += w->works[k].begun ? open_pages_of(&w->works[k]) : 0;
    return n;
}

/* In the order of the source: by the first item, as it was asked for; where the
 * source gives less than that, by number. */
static int64_t place_of(const struct world *w, int page, int limit)
{
    if (page == 0)
        return INT64_MAX;
    return w->source.manner == LOWERS ? page : (int64_t)(page - 1) * limit;
}

/* Whatever is answered first. */
static void hand_out(struct world *w, const struct open_page *out)
{
    struct sim_work *work = &w->works[out->service];
    struct open_page *page = &work->pages[work->npages++];

    CHECK(work->npages < SIM_PAGES);
    for (; page > &work->pages[work->ncheckpointed] &&
           place_of(w, page[-1].page, page[-1].limit) >
               place_of(w, out->page, out->limit);
         page--)
        page[0] = page[-1];
    *page = *out;
    work->largest = out->bytes > work->largest ? out->bytes : work->largest;
    work->first = work->first == 0 ? out->bytes : work->first;
    CHECK(open_pages(w) <= WINDOW_PAGES);
}

static void repeat_or_misdirect(
    struct world *w, int service, struct page_req *req, int *page)
{
    static struct envelope_field other = {
        {"successful_service", 18}, {"service-99", 10}};

    if (w->faults.repeat_page > 0 && *page > w->faults.repeat_page)
        *page = w->faults.repeat_page;
    if (w->faults.other_answers == service) {
        req->envelope.fields = &other;
        req->envelope.nfields = 1;
    }
}

static void give_page(struct world *w, struct op *op, struct err *err)
{
    struct page_req *req = container_of(op, struct page_req, op);
    int service = world_service(req->service), page = req->page, lo = 0, n;
    struct sim_work *work = &w->works[service];
    int64_t total = -1;
    struct buf text;

    w->fetch_requests++;
    if (service < w->faults.dead) {
        err_set(err, ERR_UNAVAILABLE, "dead");
        return;
    }
    /* A page without items is not. */
    if (w->faults.too_large > 0 && req->limit > w->faults.too_large &&
        req->page * req->limit > w->faults.large_from &&
        (req->page - 1) * req->limit < w->source.items) {
        err_set(err, ERR_TOO_LARGE, "the answer is larger than the limit");
        return;
    }
    if (goes_wrong(w, w->faults.fetch, err))
        return;
    repeat_or_misdirect(w, service, req, &page);
    buf_init(&text, 1 << 26);
    if (w->faults.quiet) {
        buf_puts(&text, "{\"data\":[]}");
        n = 0;
    } else if ((int)draw(w, 1000) < w->faults.fetch) {
        buf_puts(&text, draw(w, 2) ? "{\"success\":false,\"error\":\"down\"}"
                                   : "{\"data\":[{\"id\":");
        n = -1;
    } else {
        n = source_page(
            &w->source, service, page, req->limit, &lo, &total, &text);
    }
    req->envelope.json = arena_dup(req->arena, buf_view(&text));
    if (n >= 0 && req->envelope.nfields == 0 && op->err.code == 0) {
        work->told = total > work->told ? total : work->told;
        hand_out(w, &(struct open_page){.service = service,
                        .lo = lo,
                        .hi = lo + n,
                        .page = req->page,
                        .limit = req->limit,
                        .bytes = text.len});
    }
    buf_free(&text);
}

static void answer_page(struct world *w, struct op *op, struct err *err)
{
    const struct page_req *req = container_of(op, struct page_req, op);
    struct sim_work *work = &w->works[world_service(req->service)];
    int npages = work->npages;

    give_page(w, op, err);
    if (work->npages > npages)
        return;
    CHECK(work->nfailed < SIM_FAILED);
    work->failed[work->nfailed++] =
        (struct open_page){.page = req->page, .limit = req->limit};
}

/* With another limit, what comes behind was asked for too early. */
static void forget_discarded(
    const struct world *w, struct sim_work *work, const struct page_req *req)
{
    while (work->npages > work->ncheckpointed) {
        const struct open_page *last = &work->pages[work->npages - 1];

        if (last->limit == req->limit || place_of(w, last->page, last->limit) <
                                             place_of(w, req->page, req->limit))
            return;
        work->npages--;
    }
}

/* What the process must expect of a page of the service at least: of several at
 * once the largest may be among them, but it knows the first one, once it looks
 * for what it has; before that the service has its share. */
static size_t least_expected(const struct world *w, const struct sim_work *work)
{
    return work->looked
               ? work->first
               : w->options->window_bytes / (size_t)w->options->parallel;
}

/* What a service takes of the window at least. */
static size_t bytes_for_sure(const struct world *w, const struct sim_work *work)
{
    size_t least = least_expected(w, work);
    size_t bytes = (size_t)work->fetching * least;

    for (int i = work->ncheckpointed; i < work->npages; i++)
        bytes += work->pages[i].bytes < least ? work->pages[i].bytes : least;
    return bytes;
}

/* Pages may have been given of which it will hear later. */
static bool is_frozen(const struct world *w)
{
    return w->shared->clock_ms >= w->frozen_from_ms &&
           w->shared->clock_ms <= w->frozen_until_ms;
}

static bool is_first_page(const struct world *w)
{
    for (int k = 0; k < SIM_SERVICES; k++)
        if (w->works[k].begun &&
            (w->works[k].fetching > 0 || open_pages_of(&w->works[k]) > 0))
            return false;
    return true;
}

/*
 * One page always may, of all services'; a page is larger in memory than as
 * JSON. Each that is outstanding has the room of its service's largest so far.
 */
static void check_room(const struct world *w, const struct sim_work *work)
{
    size_t others = 0, own = bytes_for_sure(w, work);

    if (is_first_page(w) || is_frozen(w))
        return;
    for (int k = 0; k < SIM_SERVICES; k++)
        if (w->works[k].begun && &w->works[k] != work)
            others += bytes_for_sure(w, &w->works[k]);
    CHECK(others + own + least_expected(w, work) <= w->options->window_bytes);
    if (w->options->fetches == 1)
        CHECK(others + open_bytes(work) + work->largest <=
              w->options->window_bytes);
}

/* Beside others only what has been announced, and the proof that it is all. */
static void check_early(const struct world *w, const struct sim_work *work,
    const struct page_req *req)
{
    CHECK(work->fetching < w->options->fetches);
    if (work->fetching == 0)
        return;
    CHECK(work->told > 0 && work->first > 0);
    CHECK(w->source.manner == LOWERS ||
          (int64_t)(req->page - 1) * req->limit <= work->told);
}

/* Then it has its room since it was tried first, whatever others have taken
 * that turned out to be more than was expected of it. */
static bool is_tried_again(struct sim_work *work, const struct page_req *req)
{
    for (int i = 0; i < work->nfailed; i++)
        if (work->failed[i].page == req->page &&
            work->failed[i].limit == req->limit) {
            work->failed[i] = work->failed[--work->nfailed];
            return true;
        }
    return false;
}

static void port_fetch(void *world, struct page_req *req)
{
    struct world *w = world;
    int service = world_service(req->service);
    struct sim_work *work = &w->works[service];

    work->looked = work->looked || work->first > 0;
    check_early(w, work, req);
    forget_discarded(w, work, req);
    if (!is_tried_again(work, req) || w->options->parallel == 1)
        check_room(w, work);
    if (w->deadly_read && service == 0 &&
        w->deadly >= (req->page - 1) * req->limit &&
        w->deadly < req->page * req->limit)
        w->dies = true;
    schedule(w, &req->op, latency(w), answer_page, &work->fetching);
}

static void answer_due(struct world *w, struct op *op, struct err *err)
{
    struct due_letters_req *req = container_of(op, struct due_letters_req, op);
    int service = world_service(req->scope->service);
    const struct sim_letter *letter;
    struct buf text;

    if (database_fails(w, w->faults.ledger, err))
        return;
    letter = letters_due(&w->shared->letters, service, req);
    if (letter == NULL)
        return;
    CHECK(letter->payload != NULL);
    req->n = 1;
    req->digests = arena_calloc(req->arena, 1, SHA256_BYTES);
    memcpy(req->digests[0], letter->digest, SHA256_BYTES);
    buf_init(&text, 1 << 26);
    buf_printf(&text, "{\"data\":[%s]}", letter->payload);
    req->json = arena_dup(req->arena, buf_view(&text));
    hand_out(w, &(struct open_page){.service = service,
                    .lo = letter->seq,
                    .hi = letter->seq + 1,
                    .bytes = text.len,
                    .letters = true});
    buf_free(&text);
}

static void port_due_letters(void *world, struct due_letters_req *req)
{
    req->n = 0;
    schedule(world, &req->op, latency(world), answer_due, NULL);
}

/* Embedding */

static bool contains(struct str text, const char *word)
{
    return memmem(text.p, text.len, word, strlen(word)) != NULL;
}

/* In its own words, as a rule: alike ones would be the request's fault. */
static int refuse_poison(
    struct world *w, const struct embed_req *req, size_t i, struct err *err)
{
    w->poison_requests++;
    w->refused_alone += req->n == 1;
    if (w->faults.alike)
        return err_set(err, ERR_REFUSED, "400: poison");
    return err_set(
        err, ERR_REFUSED, "400: poison: %.*s", STR_ARG(req->texts[i]));
}

static bool is_deaf(const struct world *w, const struct embed_req *req)
{
    const struct faults *f = &w->faults;
    uint64_t now = w->shared->clock_ms;

    return (f->most_texts > 0 && req->n > (size_t)f->most_texts) ||
           (now >= f->deaf_from_ms && now < f->deaf_to_ms);
}

static int judge_texts(
    struct world *w, const struct embed_req *req, struct err *err)
{
    if (w->faults.fatal_embed > 0 && w->embed_requests >= w->faults.fatal_embed)
        return err_set(err, ERR_AUTH, "401: bad key");
    if (w->embed_requests <= w->faults.mute)
        return err_set(err, ERR_UNAVAILABLE, "mute");
    if (is_deaf(w, req) || (int)draw(w, 1000) < w->faults.flaps)
        return err_set(err, ERR_TIMEOUT, "no answer in time");
    if (w->faults.bad_request)
        return err_set(err, ERR_REFUSED, "400: no such dimensions");
    if (goes_wrong(w, w->faults.embed, err))
        return err->code;
    /* Three such answers before any good one are a wrong setting. */
    if ((int)draw(w, 1000) < w->faults.embed &&
        w->texts_embedded + w->witnesses > 0)
        return err_set(err, ERR_PROTOCOL, "a wrong count");
    for (size_t i = 0; i < req->n; i++) {
        if (!w->faults.cured && contains(req->texts[i], "CURSED"))
            return err_set(err, ERR_UNAVAILABLE, "500: NaN");
        if (contains(req->texts[i], "POISON"))
            return refuse_poison(w, req, i, err);
        if (!w->faults.roomy &&
            text_tokens(req->texts[i]) > (size_t)w->options->max_tokens * 3 / 4)
            return err_set(err, ERR_TOO_LONG, "400: too long");
    }
    return 0;
}

/* A word that is no item's: the run asks whether the embedder embeds at all. */
static bool is_witness(const struct embed_req *req)
{
    return req->n == 1 && req->texts[0].len < 13 &&
           memchr(req->texts[0].p, ' ', req->texts[0].len) == NULL;
}

/* Some providers say which text it was, and how long it may be. */
static void tell_length(struct world *w, struct embed_req *req)
{
    size_t most = (size_t)w->options->max_tokens * 3 / 4, i = 0;

    req->culprit = 0;
    req->over = 0;
    while (text_tokens(req->texts[i]) <= most)
        i++;
    if (draw(w, 3) == 0)
        return;
    req->over =
        draw(w, 2) == 0 ? 1 : (double)text_tokens(req->texts[i]) / (double)most;
    if (draw(w, 2) == 0)
        req->culprit = i + 1;
}

int world_service_of_text(struct str text)
{
    static const char word[] = "text: service ";
    const char *at = memmem(text.p, text.len, word, strlen(word));

    return at == NULL ? -1 : atoi(at + strlen(word));
}

/*
 * No text is paid for twice, but for what an owner that has ended had not
 * stored yet, and what the database has refused when the source repeats it.
 * (Pieces of long texts may be alike.)
 */
static struct sim_text *find_text(struct world *w, struct str text)
{
    uint8_t digest[SHA256_BYTES];
    uint64_t key;

    sha256_of(text_trim(text), digest);
    memcpy(&key, digest, sizeof(key));
    for (int i = 0; i < w->ntexts; i++)
        if (w->texts[i].key == key)
            return &w->texts[i];
    CHECK(w->ntexts < SIM_TEXTS);
    w->texts[w->ntexts] = (struct sim_text){.key = key};
    return &w->texts[w->ntexts++];
}

static void note_text_paid(struct world *w, struct str text)
{
    struct sim_text *t;
    int claim;

    if (w->source.long_text > 0 || w->faults.bad_table ||
        contains(text, "BADDATA"))
        return;
    t = find_text(w, text);
    claim = w->works[world_service_of_text(text)].claim;
    CHECK(t->claim != claim);
    CHECK(!t->committed || w->id_repeats);
    t->claim = claim;
    w->tokens_billed += text_tokens(text);
    w->tokens_unique += t->paid ? 0 : text_tokens(text);
    t->paid = true;
}

static void note_texts_committed(struct world *w, const struct store_req *req)
{
    for (size_t i = 0; i < req->nrows && w->source.long_text == 0; i++)
        if (req->rows[i].vector != NULL)
            find_text(w, req->rows[i].content_text)->committed = true;
}

static void answer_embed(struct world *w, struct op *op, struct err *err)
{
    struct embed_req *req = container_of(op, struct embed_req, op);

    w->embed_requests++;
    if (judge_texts(w, req, err) < 0) {
        if (err->code == ERR_TOO_LONG)
            tell_length(w, req);
        return;
    }
    for (size_t i = 0; i < req->n; i++)
        sim_vector(req->texts[i], req->vectors + i * SIM_DIMENSIONS);
    if (is_witness(req)) {
        w->witnesses++;
    } else {
        w->texts_embedded += req->n;
        for (size_t i = 0; i < req->n; i++) {
            w->tokens_sent += text_tokens(req->texts[i]);
            note_text_paid(w, req->texts[i]);
        }
    }
    w->shared->proven = true;
}

static void answer_recall(struct world *w, struct op *op, struct err *err)
{
    struct recall_req *req = container_of(op, struct recall_req, op);

    if (!database_fails(w, w->faults.ledger, err))
        req->proven = w->shared->proven;
}

static void port_recall(void *world, struct recall_req *req)
{
    schedule(world, &req->op, latency(world), answer_recall, NULL);
}

/* A provider is through with a request before its answer has been read, which
 * may turn out not to make sense. */
static bool is_to_be_read(struct event *e)
{
    struct world *w = e->w;

    if (e->take_effect != answer_embed || e->answered || e->op->err.code != 0 ||
        draw(w, 2) == 0)
        return false;
    take_effect(e);
    if (e->err.code != 0 && e->err.code != ERR_PROTOCOL)
        return false;
    e->answered = true;
    --*e->outstanding;
    e->outstanding = NULL;
    list_remove(&e->link);
    e->due_ms += draw(w, 3);
    put_in(e);
    container_of(e->op, struct embed_req, op)
        ->answered(container_of(e->op, struct embed_req, op));
    return true;
}

static bool answer_is_unread(const struct world *w)
{
    list_for_each (at, &w->shared->events) {
        const struct event *e = container_of(at, struct event, link);

        if (e->w == w && e->answered)
            return true;
    }
    return false;
}

static bool has_deadly(const struct world *w, const struct embed_req *req)
{
    struct sim_item item;

    source_item(&w->source, 0, w->deadly, &item);
    for (size_t i = 0; i < req->n; i++)
        if (contains(req->texts[i], item.text))
            return true;
    return false;
}

static void on_admitted(struct op *op)
{
    struct sim_sent *sent = container_of(op, struct sim_sent, hold.op);
    struct world *w = sent->w;
    struct embed_req *req = sent->req;
    struct err err = op->err;

    w->embedding--;
    if (err.code == 0 && req->op.err.code == 0 && !w->crashed) {
        w->on_sent(w, sent);
        add_event(w, &req->op, latency(w), answer_embed, &w->embedding)->sent =
            sent;
        req->op.cancel_fn = cancel_event;
        return;
    }
    if (err.code == 0)
        w->gate->settle(w->gate->arg, &sent->hold, 0);
    free(sent);
    op_finish(&req->op, &err);
}

static void ask_gate(struct world *w, struct embed_req *req)
{
    struct sim_sent *sent = calloc(1, sizeof(*sent));

    if (sent == NULL)
        abort();
    *sent = (struct sim_sent){.w = w, .req = req};
    sent->hold.run = req->run;
    for (size_t i = 0; i < req->n; i++)
        sent->hold.tokens += 2 * text_tokens(req->texts[i]);
    op_begin(&req->op, &w->ready, NULL); /* it ends when its turn comes */
    op_init(&sent->hold.op, on_admitted);
    w->embedding++;
    w->gate->ask(w->gate->arg, &sent->hold);
}

static void port_embed(void *world, struct embed_req *req)
{
    struct world *w = world;

    w->early_requests += answer_is_unread(w);
    CHECK(w->embedding < w->options->workers);
    CHECK(req->n > 0 && req->dimensions == SIM_DIMENSIONS);
    for (size_t i = 0; i < req->n; i++)
        CHECK(text_trim(req->texts[i]).len > 0);
    if (w->on_embed != NULL && !is_witness(req))
        w->on_embed(w, req);
    if (!w->deadly_read && w->deadly >= 0)
        w->dies = w->dies || has_deadly(w, req);
    if (w->gate != NULL)
        ask_gate(w, req);
    else
        schedule(w, &req->op, latency(w), answer_embed, &w->embedding);
}

/* The store */

static int seq_of(const struct store_row *row)
{
    return atoi(strstr(row->metadata.p, "\"title\":") + 8);
}

/* Of an id that comes once. */
static int find_seq(const struct world *w, int service, struct str id)
{
    struct sim_item item;

    for (int seq = 0; seq < w->source.items; seq++) {
        source_id(&w->source, service, seq, &item);
        if (str_eq(str_of(item.id), id))
            return seq;
    }
    CHECK(false && "the id is the source's");
    return -1;
}

static struct str id_at(const struct store_req *req, size_t i)
{
    return i < req->nrows ? req->rows[i].content_id
                          : req->trims[i - req->nrows].content_id;
}

static int seq_at(const struct world *w, const struct store_req *req, size_t i)
{
    return i < req->nrows
               ? seq_of(&req->rows[i])
               : find_seq(w, world_service(req->scope->service), id_at(req, i));
}

static void apply_store(struct world *w, struct op *op, struct err *err);

/* Is another write of this id of the service under way? */
static bool is_flying(struct world *w, const char *service,
    const struct store_req *self, struct str id)
{
    list_for_each (at, &w->shared->events) {
        const struct event *e = container_of(at, struct event, link);
        const struct store_req *req = container_of(e->op, struct store_req, op);

        if (e->w != w || e->take_effect != apply_store || req == self ||
            strcmp(req->scope->service, service) != 0)
            continue;
        for (size_t i = 0; i < req->nrows + req->ntrims; i++)
            if (str_eq(id_at(req, i), id))
                return true;
    }
    return false;
}

/* Nothing that is stored for an id was sent before what is there. */
static void note_write(struct sim_work *work, struct str id, int seq)
{
    struct sim_write *write = work->writes;

    while (
        write < &work->writes[work->nwrites] && !str_eq(str_of(write->id), id))
        write++;
    if (write == &work->writes[work->nwrites]) {
        CHECK(++work->nwrites <= SIM_WRITES);
        snprintf(write->id, sizeof(write->id), "%.*s", STR_ARG(id));
        write->seq = seq;
    }
    CHECK(seq >= write->seq || work->pages[work->npages - 1].letters);
    write->seq = seq;
}

/* Two writes of one id never overlap, and never overtake each other. */
static void check_order(struct world *w, const struct store_req *req)
{
    for (size_t i = 0; i < req->nrows + req->ntrims; i++) {
        CHECK(!is_flying(w, req->scope->service, req, id_at(req, i)));
        if (i < req->nrows || !w->id_repeats)
            note_write(
                world_work(w, req->scope), id_at(req, i), seq_at(w, req, i));
    }
}

/* The piece before is in the request, or was in one that is to come: of that,
 * check_rows() hears. */
static void check_sent_vector(
    int service, const struct store_req *req, size_t i)
{
    const struct store_row *row = &req->rows[i];
    struct str before = {NULL, 0};
    float expected[SIM_DIMENSIONS];

    if (row->chunk_index > 0 && sim_overlap(service) > 0) {
        if (i == 0 || !str_eq(row[-1].content_id, row->content_id))
            return;
        before = row[-1].content_text;
    }
    sim_piece_vector(service, before, row->content_text, expected);
    CHECK(memcmp(row->vector, expected, sizeof(expected)) == 0);
}

static void check_sent_rows(int service, const struct store_req *req)
{
    for (size_t i = 0; i < req->nrows; i++) {
        const struct store_row *row = &req->rows[i];

        if (row->vector != NULL)
            check_sent_vector(service, req, i);
        for (size_t k = 0; k < i; k++)
            CHECK(row->chunk_index != req->rows[k].chunk_index ||
                  !str_eq(row->content_id, req->rows[k].content_id));
    }
}

static bool is_letter(
    const struct checkpoint_req *req, const struct sim_item *item)
{
    for (size_t i = 0; i < req->nletters; i++)
        if (str_eq(req->letters[i].content_id, str_of(item->id)))
            return true;
    return false;
}

/* Another one of the id comes later, on a page that was handed out; where the
 * source repeats itself, perhaps the same. */
static bool is_replaced(const struct world *w, const struct open_page *page,
    int seq, const char *id)
{
    const struct sim_work *work = &w->works[page->service];
    struct sim_item item;

    for (const struct open_page *p = page; p < &work->pages[work->npages]; p++)
        for (int k = p->lo; k < p->hi; k++) {
            source_id(&w->source, p->service, k, &item);
            if ((k > seq || p > page) && strcmp(item.id, id) == 0)
                return true;
        }
    return false;
}

static bool is_stored_as(
    const struct world *w, int service, int seq, const struct sim_item *item)
{
    const struct database *db = &w->shared->db;

    for (size_t i = 0; i < db->n; i++)
        if (db->rows[i].service == service && db->rows[i].seq == seq &&
            db->rows[i].chunk_index == 0 &&
            strcmp(db->rows[i].id, item->id) == 0)
            return true;
    return false;
}

/* A page that repeats another as the end of the source is left out: its items
 * that could not be stored are dead letters of the other, or have no id. */
static bool is_repeat(const struct world *w, const struct open_page *page,
    int seq, const struct sim_item *item)
{
    for (const struct open_page *p = w->works[page->service].pages; p < page;
         p++)
        if (p->lo == page->lo)
            return item->id[0] == '\0' ||
                   letters_has(&w->shared->letters, p->service, seq);
    return false;
}

/* No checkpoint before its rows: each item of the page is stored, a dead
 * letter, or replaced by a later one. */
void world_check_settled(struct world *w, const struct checkpoint_req *req)
{
    const struct sim_work *work = world_work(w, req->scope);
    const struct open_page *page = &work->pages[work->ncheckpointed];
    struct sim_item item;

    for (int seq = page->lo; seq < page->hi && !page->letters; seq++) {
        source_id(&w->source, page->service, seq, &item);
        CHECK(!is_flying(w, req->scope->service, NULL, str_of(item.id)) ||
              is_replaced(w, page, seq, item.id));
        CHECK(is_letter(req, &item) || (req->deletes && item.tombstone) ||
              is_stored_as(w, page->service, seq, &item) ||
              is_replaced(w, page, seq, item.id) ||
              is_repeat(w, page, seq, &item));
    }
}

/* The error goes on about the row; poisons have faults of their own, as the
 * embedder's have. */
static bool refuses_rows(
    struct world *w, struct store_req *req, struct err *err)
{
    for (size_t i = 0; i < req->nrows; i++) {
        const struct store_row *row = &req->rows[i];
        bool bad = contains(row->content_text, "BADDATA");

        if (!bad && !w->faults.bad_table)
            continue;
        err_set(err, ERR_DATA, "refused: %.*s", STR_ARG(row->content_id));
        if (w->faults.bad_table)
            strcpy(req->fault, "23502 must not be null");
        else
            snprintf(req->fault, sizeof(req->fault), "22021 invalid%.99s",
                w->faults.alike ? "" : err->msg);
        return true;
    }
    return false;
}

/* A trigger of the table changes the text of some. */
static void alter_rows(const struct store_req *req)
{
    for (size_t i = 0; i < req->nrows; i++)
        if (seq_of(&req->rows[i]) % 7 == 0)
            *req->rows[i].altered |= ALTERED_TEXT;
}

static void apply_store(struct world *w, struct op *op, struct err *err)
{
    struct store_req *req = container_of(op, struct store_req, op);
    int service = world_service(req->scope->service);
    struct err refusal;
    bool wrong;

    if (!ledger_has(w, req->scope)) {
        /* Who is fenced sends no more than what was under way. */
        CHECK(++w->works[service].fenced <= 2 * w->options->workers);
        err_set(err, ERR_FENCED, "another owner has taken over the service");
        return;
    }
    wrong = database_fails(w, w->faults.store, err);

    check_sent_rows(service, req);
    if (!wrong && refuses_rows(w, req, err))
        return;
    if (wrong && (int)draw(w, 100) >= w->faults.lost_ack)
        return;
    if (wrong && refuses_rows(w, req, &refusal))
        return;
    database_apply(&w->shared->db, service, req, w->shared->clock_ms);
    note_texts_committed(w, req);
    if (w->on_store != NULL)
        w->on_store(w, req);
    alter_rows(req);
    req->written = req->nrows;
}

static void port_store(void *world, struct store_req *req)
{
    struct world *w = world;

    CHECK(req->nrows + req->ntrims > 0);
    if (!w->crashed)
        check_order(w, req);
    check_sent_rows(world_service(req->scope->service), req);
    schedule(w, &req->op,
        w->faults.store_ms > 0 ? (uint64_t)w->faults.store_ms : latency(w),
        apply_store, &w->storing);
    CHECK(w->storing <= 2 * w->options->workers);
}

static void answer_lookup(struct world *w, struct op *op, struct err *err)
{
    struct lookup_req *req = container_of(op, struct lookup_req, op);
    int service = world_service(req->scope->service);

    if (database_fails(w, w->faults.store, err))
        return;
    database_lookup(&w->shared->db, service, req, w->shared->clock_ms);
    if (req->with_letters)
        letters_lookup(&w->shared->letters, service, req);
}

static void port_lookup(void *world, struct lookup_req *req)
{
    struct world *w = world;

    world_work(w, req->scope)->looked = true;
    schedule(w, &req->op, latency(w), answer_lookup, NULL);
}

static void maybe_fault(struct world *w, struct op *op, struct err *err)
{
    database_fails(w, w->faults.ledger, err);
}

static void port_store_open(void *world, struct store_open_req *req)
{
    struct world *w = world;

    strcpy(req->microservice_id, "microservice");
    req->has_letters =
        letters_any(&w->shared->letters, world_service(req->service));
    schedule(w, &req->op, latency(w), maybe_fault, NULL);
}

static void list(struct world *w, struct op *op, struct err *err)
{
    struct services_req *req = container_of(op, struct services_req, op);
    static char names[16][32], twice[16][32];

    req->names = arena_calloc(req->arena, 32, sizeof(*req->names));
    for (int i = 0; i < w->source.services; i++) {
        snprintf(names[i], sizeof(names[i]), "service-%d", i);
        req->names[i] = names[i];
    }
    req->n = (size_t)w->source.services;
    for (int i = 0; i < w->source.twice && i < w->source.services; i++) {
        snprintf(twice[i], sizeof(twice[i]), "%s-%d",
            i % 2 == 0 ? "service" : "alias", i);
        req->names[req->n++] = twice[i];
    }
    req->source = "env";
}

static void port_list(void *world, struct services_req *req)
{
    schedule(world, &req->op, 1, list, NULL);
}

/* Time */

static void apply_work(struct world *w, struct op *op, struct err *err)
{
    struct work_req *req = container_of(op, struct work_req, op);

    req->work(req);
}

static void port_work(void *world, struct work_req *req)
{
    schedule(world, &req->op, 1, apply_work, NULL);
}

static void port_timer(void *world, struct timer_req *req, uint64_t delay_ms)
{
    schedule(world, &req->op, delay_ms, NULL, NULL);
}

static uint64_t port_now(void *world)
{
    return ((struct world *)world)->shared->clock_ms;
}

static int64_t port_wall(void *world)
{
    return 1766448000000 + (int64_t)port_now(world);
}

/* A page that has failed is not checkpointed, and holds nothing either. */
static void port_event(void *world, const struct run_event *event)
{
    struct world *w = world;
    struct sim_work *work;

    if (event->kind != EVENT_PAGE_DONE)
        return;
    work = &w->works[world_service(event->service)];
    for (int i = work->ncheckpointed; i < work->npages; i++)
        if (work->pages[i].page <= event->page)
            work->pages[i].bytes = 0;
}

static uint64_t port_random(void *world)
{
    return sim_random(&((struct world *)world)->random);
}

static void no_wake(struct op_queue *q)
{
}

static void set_up(struct world *w, struct shared *shared, uint64_t seed)
{
    w->shared = shared;
    w->process = shared->n;
    w->random = seed;
    shared->processes[shared->n++] = w;
    op_queue_init(&w->ready, no_wake);
    w->ports = (struct ports){.world = w,
        .queue = &w->ready,
        .list_services = port_list,
        .fetch_page = port_fetch,
        .recall = port_recall,
        .embed = port_embed,
        .store_open = port_store_open,
        .lookup = port_lookup,
        .due_letters = port_due_letters,
        .store = port_store,
        .work = port_work,
        .timer = port_timer,
        .now_ms = port_now,
        .wall_ms = port_wall,
        .random = port_random,
        .event = port_event};
    ledger_ports(w);
}

void world_init(struct world *w, const struct source *source,
    const struct faults *faults, const struct run_options *options,
    uint64_t seed)
{
    *w = (struct world){
        .source = *source, .faults = *faults, .options = options, .deadly = -1};
    list_init(&w->own.events);
    for (int i = 0; i < SIM_SERVICES; i++)
        w->own.short_before[i] = -1;
    set_up(w, &w->own, seed);
}

void world_add(struct world *w, struct world *first, uint64_t seed)
{
    *w = (struct world){.source = first->source,
        .faults = first->faults,
        .options = first->options,
        .deadly = -1};
    set_up(w, first->shared, seed);
}

static bool repeats_ids(const struct source *s)
{
    int ids = s->id_space * (1 + s->renamed) + s->items;
    bool *met = calloc((size_t)ids, sizeof(*met)), repeats = false;

    if (met == NULL)
        abort();
    for (int service = 0; service < s->services; service++) {
        memset(met, 0, (size_t)ids);
        for (int seq = 0; seq < s->items; seq++) {
            struct sim_item item;

            source_id(s, service, seq, &item);
            repeats = repeats || (item.id[0] != '\0' && met[item.number]);
            met[item.number] = met[item.number] || item.id[0] != '\0';
        }
    }
    free(met);
    return repeats;
}

void world_join_run(struct world *w)
{
    CHECK(list_empty(&w->ready.ready));
    w->id_repeats = repeats_ids(&w->source);
    w->life = ++w->shared->lives;
    for (int i = 0; i < SIM_SERVICES; i++) {
        world_end_work(&w->works[i]);
        w->works[i].npages = w->works[i].ncheckpointed = 0;
    }
    if (!w->resumes)
        w->ntexts = 0;
    w->crashed = w->dies = false;
    w->embed_requests = w->fetch_requests = 0;
    w->texts_embedded = w->tokens_sent = 0;
    w->witnesses = 0;
    w->poison_requests = w->refused_alone = 0;
}

void world_begin_run(struct world *w)
{
    world_join_run(w);
    w->shared->db.writes = 0;
}

/* What a frozen process asked for is done, but it hears of it later. */
static bool keep_back(struct event *e)
{
    struct world *w = e->w;

    if (e->due_ms >= w->frozen_until_ms || e->due_ms < w->frozen_from_ms)
        return false;
    take_effect(e);
    list_remove(&e->link);
    e->due_ms = w->frozen_until_ms;
    put_in(e);
    return true;
}

bool world_step(struct world *w)
{
    struct shared *shared = w->shared;
    struct event *e;

    for (int i = 0; i < shared->n; i++) {
        struct world *process = shared->processes[i];

        CHECK(process->embedding <= w->options->workers);
        if (op_queue_run_one(&process->ready) ||
            (process->gate != NULL && op_queue_run_one(process->gate_queue)))
            return true;
    }
    if (list_empty(&shared->events))
        return false;
    e = container_of(shared->events.next, struct event, link);
    shared->clock_ms = e->due_ms;
    if (!keep_back(e) && !is_to_be_read(e))
        complete(e);
    return true;
}

void world_free(struct world *w)
{
    CHECK(list_empty(&w->ready.ready));
    if (w->shared != &w->own)
        return;
    CHECK(list_empty(&w->shared->events));
    database_free(&w->shared->db);
    letters_free(&w->shared->letters);
    links_free(&w->shared->links);
}
