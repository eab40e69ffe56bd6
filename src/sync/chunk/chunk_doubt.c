/*
 * Failures that may pass: a 5xx, a time-out, a reset. Whose are they?
 *
 * Happy path: the range is tried once more after a wait, and succeeds.
 *
 * A range that fails again while other requests succeed is halved; its parts
 * get one try each. A text that fails alone becomes a suspect: the rest of the
 * chunk goes first, then it is tried again: soon, after SUSPECT_GAP_BASES, and
 * on until it succeeds or embed_record_convicts() says that chance does not
 * explain it. Each failure counts only with a success of another request
 * before and after it; where there is none, a witness is asked. A convicted
 * text is set aside: its item is a dead letter of a passing kind.
 *
 * When the witness fails too, it is an outage: the witness is repeated until
 * it succeeds, and what had failed meanwhile starts afresh. After OUTAGE_BASES
 * without any success the run ends (ERR_UNAVAILABLE).
 *
 * The first request of a run is one text. Refused, it may be the text's fault
 * or that of the settings: the witness tells.
 *
 * Cancel and close: chunk.c. chunk_release() ends the waits.
 */
#include "sync/chunk/chunk_impl.h"

#include "base/log.h"
#include "base/text.h"

enum { BACKOFF_TRIES = 6 }; /* of the exponential growth of waits */

bool chunk_is_passing(int code)
{
    return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT;
}

static size_t chunk_doubt_range_size(const struct chunk *c)
{
    return c->range.hi - c->range.lo;
}

static uint64_t doubt_now_ms(const struct chunk *c)
{
    return c->p->ports->now_ms(c->p->ports->world);
}

static uint64_t chunk_doubt_bases_ms(const struct chunk *c, uint64_t bases)
{
    return bases * (uint64_t)c->p->retries.base_ms;
}

/* Waiting */

static void on_doubt_waited(struct op *op)
{
    struct chunk *c = container_of(op, struct chunk, retry.timer.op);

    chunk_step(c);
}

static void doubt_wait(
    struct chunk *c, enum chunk_state state, uint64_t delay_ms)
{
    const struct ports *ports = c->p->ports;

    op_init(&c->retry.timer.op, on_doubt_waited);
    ports->timer(ports->world, &c->retry.timer, delay_ms);
    chunk_move(c, state);
}

static void doubt_back_off(struct chunk *c, const struct err *err)
{
    uint64_t random = c->p->ports->random(c->p->ports->world);

    if (c->retry.tries < BACKOFF_TRIES)
        c->retry.tries++;
    chunk_note_retry(c, CALL_EMBED, err);
    doubt_wait(c, CHUNK_EMBED_WAIT,
        retry_delay_ms(c->p->retries.base_ms, c->retry.tries,
            err->retry_after_ms, random));
}

/* Suspects */

static bool chunk_doubt_is_suspect(const struct chunk *c, size_t i)
{
    const struct chunk_text *t = &c->texts[i];

    return t->alone > 0 && t->vector == NULL &&
           c->members[t->member]->reason == NULL;
}

static struct chunk_text *chunk_doubt_first_suspect(const struct chunk *c)
{
    struct chunk_text *first = NULL;

    for (size_t i = 0; i < c->ntexts; i++)
        if (chunk_doubt_is_suspect(c, i) &&
            (first == NULL || c->texts[i].due_ms < first->due_ms))
            first = &c->texts[i];
    return first;
}

bool chunk_has_suspect(const struct chunk *c)
{
    return chunk_doubt_first_suspect(c) != NULL;
}

/* `streak`: the request before failed as well, whatever its chunk. */
static void chunk_doubt_failed_alone(
    struct chunk *c, const struct err *err, bool streak)
{
    struct chunk_text *t = &c->texts[c->range.lo];
    uint64_t now = doubt_now_ms(c);
    struct str why =
        arena_dup(c->members[t->member]->page->arena, str_of(err->msg));

    if (t->alone++ == 0)
        t->first_ms = now;
    t->due_ms = t->alone == 2
                    ? t->first_ms + chunk_doubt_bases_ms(c, SUSPECT_GAP_BASES)
                    : now + chunk_doubt_bases_ms(c, t->alone);
    t->passed = c->p->embed.passed;
    t->why = why.p == NULL ? err_name(err->code) : why.p;
    c->trial.passed = t->passed;
    c->trial.witnessing = streak || c->p->embed.passed == 0;
    chunk_next_range(c);
}

static bool chunk_doubt_is_convicted(
    const struct chunk *c, const struct chunk_text *t)
{
    return doubt_now_ms(c) - t->first_ms >=
               chunk_doubt_bases_ms(c, SUSPECT_GAP_BASES) &&
           embed_record_convicts(&c->p->embed, t->alone, c->trial.own);
}

static void chunk_doubt_too_many_set_aside(
    struct chunk *c, const struct chunk_text *t)
{
    struct err err;

    err_set(&err, ERR_UNAVAILABLE,
        "%llu of %llu texts keep failing alone: the embedder is at fault, "
        "not they, and the run's dead letters of that kind are withdrawn; the "
        "last: %s",
        (unsigned long long)c->p->embed.set_aside + 1,
        (unsigned long long)c->p->embed.texts, t->why);
    c->p->embed.at_fault = true;
    c->p->fatal = c->p->fatal.code == 0 ? err : c->p->fatal;
    chunk_stop_embedding(c, &err);
}

static void chunk_doubt_set_aside(struct chunk *c, const struct chunk_text *t)
{
    struct page_item *m = c->members[t->member];

    if (!c->group->known && !embed_record_may_set_aside(&c->p->embed)) {
        chunk_doubt_too_many_set_aside(c, t);
        return;
    }
    c->p->embed.set_aside += !c->group->known;
    m->reason = t->why;
    m->passing = true;
    chunk_next_range(c);
}

/* Asks a witness, convicts, waits, or makes the suspect the next range; false
 * in the last case. */
static bool chunk_doubt_step_suspect(struct chunk *c, struct chunk_text *t)
{
    uint64_t now = doubt_now_ms(c);

    if (c->p->embed.passed == t->passed) {
        c->trial.passed = t->passed;
        c->trial.witnessing = true;
        return false;
    }
    if (chunk_doubt_is_convicted(c, t)) {
        chunk_doubt_set_aside(c, t);
        return true;
    }
    if (now < t->due_ms) {
        doubt_wait(c, CHUNK_SUSPECT_WAIT, t->due_ms - now);
        return true;
    }
    c->range.lo = (size_t)(t - c->texts);
    c->range.hi = c->range.lo + 1;
    c->range.doubted = true;
    return false;
}

/* Ranges */

/* May the range be tried again as it is? */
static bool chunk_doubt_may_repeat(const struct chunk *c)
{
    return c->trial.failures < (c->range.doubted ? 1 : 2);
}

/* The range under way has failed often enough: is it to blame? */
static void chunk_doubt_weigh(struct chunk *c)
{
    if (c->p->embed.passed == c->trial.passed) {
        c->trial.witnessing = true;
        chunk_step(c);
        return;
    }
    chunk_halve(c);
}

void chunk_doubt(struct chunk *c, const struct err *err)
{
    bool streak = c->p->embed.failing_since_ms != 0;

    embed_record_fail(&c->p->embed, chunk_doubt_range_size(c),
        c->trial.failures > 0, doubt_now_ms(c));
    c->trial.own++;
    if (c->trial.failures++ == 0)
        c->trial.passed = c->p->embed.passed;
    c->trial.err = *err;
    if (c->released)
        chunk_stop_embedding(c, err);
    else if (chunk_doubt_range_size(c) == 1)
        chunk_doubt_failed_alone(c, err, streak);
    else if (chunk_doubt_may_repeat(c))
        doubt_back_off(c, err);
    else
        chunk_doubt_weigh(c);
}

/* The first success proves the settings: other chunks may start. */
void chunk_note_pass(struct chunk *c, size_t texts)
{
    bool first = !c->p->embed.proven;

    embed_record_pass(&c->p->embed, texts);
    if (first)
        c->group->kick(c->group->arg);
}

/* The witness */

static void chunk_doubt_say_outage(struct chunk *c, const struct err *err)
{
    int64_t wall_ms = c->p->ports->wall_ms(c->p->ports->world);
    uint64_t waited_ms = doubt_now_ms(c) - c->p->embed.failing_since_ms;
    char until[ISO_BYTES];

    if (c->trial.outage)
        return;
    c->trial.outage = true;
    iso_from_ms(
        wall_ms + (int64_t)(chunk_doubt_bases_ms(c, OUTAGE_BASES) - waited_ms),
        until);
    log_warn(&(struct log_ctx){.run = c->p->run_id,
                 .service = c->group->service,
                 .page = chunk_page(c)},
        "the embedder embeds nothing at the moment; waiting for it until %s: "
        "%s",
        until, err->msg);
}

static void chunk_doubt_outage(struct chunk *c, const struct err *why)
{
    uint64_t since = c->p->embed.failing_since_ms;
    uint64_t waited_ms = doubt_now_ms(c) - since;
    struct err err = *why;

    if (waited_ms < chunk_doubt_bases_ms(c, OUTAGE_BASES)) {
        chunk_doubt_say_outage(c, why);
        doubt_back_off(c, why);
        return;
    }
    err.code = ERR_UNAVAILABLE;
    err_wrap(&err, "the embedder has embedded nothing for %llu s",
        (unsigned long long)(waited_ms / 1000));
    c->p->fatal = c->p->fatal.code == 0 ? err : c->p->fatal;
    chunk_stop_embedding(c, &err);
}

/* The failures before it say nothing: the provider was away. */
static void chunk_doubt_outage_over(struct chunk *c)
{
    c->trial.outage = false;
    c->trial.failures = 0;
    for (size_t i = 0; i < c->ntexts; i++)
        if (chunk_doubt_is_suspect(c, i) &&
            c->texts[i].passed + 1 >= c->p->embed.passed) {
            c->texts[i].alone = 0;
            ranges_push(&c->ranges, (struct range){i, i + 1, .doubted = true});
        }
}

static void chunk_doubt_refuse_all(struct chunk *c, const struct err *err)
{
    struct err fatal = *err;

    if (fatal.code == ERR_REFUSED || fatal.code == ERR_PROTOCOL)
        fatal.code = ERR_CONFIG;
    err_wrap(&fatal, "every request is refused alike");
    c->p->all_refused = true;
    c->p->fatal = c->p->fatal.code == 0 ? fatal : c->p->fatal;
    chunk_stop_embedding(c, &fatal);
}

static void chunk_doubt_witness_failed(struct chunk *c, const struct err *err)
{
    bool garbage = err->code == ERR_PROTOCOL;

    if (chunk_is_passing(err->code) || (garbage && c->p->embed.passed > 0)) {
        embed_record_fail(&c->p->embed, 1, false, doubt_now_ms(c));
        if (c->released)
            chunk_stop_embedding(c, err);
        else
            chunk_doubt_outage(c, err);
    } else if (err->code == ERR_BUSY &&
               chunk_retry(c, err, CALL_EMBED, CHUNK_EMBED_WAIT)) {
        return; /* and asked again */
    } else if (garbage && !c->trial.garbage) {
        c->trial.garbage = true;
        doubt_back_off(c, err);
    } else if (err_is_fatal(err->code) || err->code == ERR_BUSY) {
        chunk_stop_embedding(c, err);
    } else {
        chunk_doubt_refuse_all(c, err);
    }
}

void chunk_witnessed(struct chunk *c, const struct err *err)
{
    struct err refusal = c->trial.err;

    if (c->canceled) {
        chunk_step(c);
        return;
    }
    if (err->code != 0) {
        chunk_doubt_witness_failed(c, err);
        return;
    }
    c->trial.witnessing = c->trial.garbage = false;
    chunk_note_pass(c, 1);
    if (c->trial.outage)
        chunk_doubt_outage_over(c);
    if (c->trial.proving) {
        c->trial.proving = false;
        chunk_embed_refused(c, &refusal);
        return;
    }
    chunk_step(c);
}

void chunk_prove(struct chunk *c, const struct err *err)
{
    c->trial.proving = c->trial.witnessing = true;
    c->trial.err = *err;
    chunk_step(c);
}

/* What comes before the next request */

static void chunk_doubt_give_up_waiting(struct chunk *c)
{
    struct err err = c->p->fatal.code != 0 ? c->p->fatal : c->trial.err;

    if (err.code == 0)
        err_set(&err, ERR_CANCELED, "stopped before everything was embedded");
    chunk_stop_embedding(c, &err);
}

static bool chunk_doubt_is_doubting(const struct chunk *c)
{
    return c->trial.witnessing ||
           (c->trial.failures > 0 && c->range.lo < c->range.hi);
}

bool chunk_step_doubt(struct chunk *c)
{
    struct chunk_text *suspect = NULL;

    if (c->range.lo == c->range.hi && c->ranges.n == 0)
        suspect = chunk_doubt_first_suspect(c);
    if (c->released && (suspect != NULL || chunk_doubt_is_doubting(c))) {
        chunk_doubt_give_up_waiting(c);
        return true;
    }
    if (suspect != NULL && !c->trial.witnessing &&
        chunk_doubt_step_suspect(c, suspect))
        return true;
    if (c->trial.failures > 0 && !chunk_doubt_may_repeat(c) &&
        !c->trial.witnessing) {
        chunk_doubt_weigh(c);
        return true;
    }
    if (!c->trial.witnessing)
        return false;
    if (!c->trial.proving && c->p->embed.passed > c->trial.passed) {
        c->trial.witnessing = false; /* another request has told meanwhile */
        if (c->trial.outage)
            chunk_doubt_outage_over(c);
        chunk_step(c);
        return true;
    }
    if (c->wants_slot && !pipeline_has_slot(c->p))
        return true; /* until chunk_resume() */
    chunk_take_slot(c);
    chunk_send_witness(c);
    return true;
}
