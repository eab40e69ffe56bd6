/* Dead letters: the checkpoint's, what a look-up finds, what a retry does. */
#include "unit/db/pg_world.h"

#include "db/read/dead_letters.h"

static const char *ask(struct world *w, const char *sql)
{
    return db_text(&w->db, sql);
}

static struct dead_letter letter(const char *id, uint8_t digest)
{
    struct dead_letter d = {.content_id = str_of(id),
        .reason = "why \xff",
        .payload = STR("{\"a\":1}"),
        .refused = true};

    memset(d.digest, digest, SHA256_BYTES);
    return d;
}

static const struct counts some = {.received = 10, .stored = 7, .failed = 3};

static void checkpoint(struct world *w, struct checkpoint_req *req, int code)
{
    req->scope = &w->scope;
    req->next_page = 2;
    req->limit = 10;
    req->counts = &some;
    op_init(&req->op, db_done);
    ledger_checkpoint(&w->ledger, req);
    expect_op(w, &req->op, code);
}

/* Returns how many were known. */
static uint64_t send_letters(
    struct world *w, const struct dead_letter *letters, size_t n, int code)
{
    struct checkpoint_req req = {.letters = letters, .nletters = n};

    checkpoint(w, &req, code);
    return req.known_letters;
}

static void heal(struct world *w, const char *id)
{
    struct str resolved = str_of(id);
    struct checkpoint_req req = {.resolved = &resolved, .nresolved = 1};

    checkpoint(w, &req, 0);
}

/* Ends the run; the same service in another one. */
static void next_run(struct world *w)
{
    uint8_t fingerprint[SHA256_BYTES];

    memcpy(fingerprint, w->scope.fingerprint, sizeof(fingerprint));
    run_succeeds(w, &w->ledger);
    run_begin(w, &w->ledger, &test_params, 0);
    service_begin(w, &w->ledger, 0, 0);
    memcpy(w->scope.fingerprint, fingerprint, sizeof(fingerprint));
}

/* "item:first byte of the digest:known", in no order but the ids'. */
static const char *look_up(struct world *w, const char *a, const char *b)
{
    static char out[256];
    struct str ids[] = {str_of(a), str_of(b)};
    struct lookup_req req = {.arena = &w->arena,
        .scope = &w->scope,
        .ids = ids,
        .n = 2,
        .with_letters = true};
    size_t len = 0;

    op_init(&req.op, db_done);
    store_lookup(&w->store, &req);
    expect_op(w, &req.op, 0);
    out[0] = '\0';
    for (size_t i = 0; i < req.nletters; i++)
        len += (size_t)snprintf(out + len, sizeof(out) - len, "%s%u:%d:%d",
            i > 0 ? " " : "", req.letters[i].item, req.letters[i].digest[0],
            req.letters[i].known);
    return out;
}

static bool has_letters(struct world *w)
{
    open_service(w, NULL);
    return w->opened.has_letters;
}

static void they_are_known_to_the_next_run(void **state)
{
    struct world *w = *state;
    struct dead_letter letters[] = {
        letter("x", 1), letter("", 2), letter("x", 1)};
    struct dead_letter later[] = {letter("x", 1), letter("y", 3)};

    NEED_SERVER();
    assert_int_equal(send_letters(w, letters, 3, 0), 0);
    next_run(w);
    assert_int_equal(send_letters(w, later, 2, 0), 1);
    assert_string_equal(
        ask(w, "SELECT string_agg(concat_ws('|', content_id, service,"
               " registered, reason, payload, model, times, refused), ' '"
               " ORDER BY digest) FROM batch_sync_dead_letters"),
        "x|backend-a|svc-a|why \xef\xbf\xbd|{\"a\":1}|m|2|t "
        "backend-a|svc-a|why \xef\xbf\xbd|{\"a\":1}|m|1|t "
        "y|backend-a|svc-a|why \xef\xbf\xbd|{\"a\":1}|m|1|t");
}

/* A run that is resumed hears of what it has done to be no success. */
static void an_interrupted_run_remembers_new_ones(void **state)
{
    struct world *w = *state;
    struct dead_letter d[] = {letter("x", 1), letter("y", 2)};

    NEED_SERVER();
    send_letters(w, d, 1, 0);
    next_run(w);
    assert_int_equal(w->service.letters, 0);
    send_letters(w, d, 2, 0);
    service_begin(w, &w->ledger, 0, 0); /* taken up again */
    assert_int_equal(w->service.letters, 1);
}

/* The first answer got lost: what was new then is new still. */
static void sending_them_twice_makes_none_known(void **state)
{
    struct world *w = *state;
    struct dead_letter d[] = {letter("x", 1), letter("y", 2)};

    NEED_SERVER();
    send_letters(w, d, 1, 0);
    next_run(w);
    assert_int_equal(send_letters(w, d, 2, 0), 1);
    assert_int_equal(send_letters(w, d, 2, 0), 1);
}

static void another_recipe_makes_them_new(void **state)
{
    struct world *w = *state;
    struct dead_letter d = letter("x", 1);

    NEED_SERVER();
    send_letters(w, &d, 1, 0);
    next_run(w);
    assert_string_equal(look_up(w, "a", "x"), "1:1:1");
    w->scope.fingerprint[0]++;
    assert_string_equal(look_up(w, "a", "x"), "1:1:0");
    assert_int_equal(send_letters(w, &d, 1, 0), 0);
    assert_string_equal(look_up(w, "a", "x"), "1:1:1");
}

/* They say nothing of how they came about. */
static void old_ones_are_tried_again(void **state)
{
    struct world *w = *state;
    struct dead_letter d = letter("x", 1);

    NEED_SERVER();
    send_letters(w, &d, 1, 0);
    db_exec(&w->db, "UPDATE batch_sync_dead_letters SET recipe = NULL,"
                    " registered = NULL, refused = false, known_since = NULL");
    next_run(w);
    assert_string_equal(look_up(w, "x", "a"), "0:1:0");
    assert_int_equal(send_letters(w, &d, 1, 0), 0);
}

/* An answer that is garbage may have been a bad moment: tried, but known. */
static void only_what_was_refused_is_skipped(void **state)
{
    struct world *w = *state;
    struct dead_letter d = letter("x", 1);

    NEED_SERVER();
    d.refused = false;
    send_letters(w, &d, 1, 0);
    next_run(w);
    assert_string_equal(look_up(w, "x", "a"), "0:1:0");
    assert_int_equal(send_letters(w, &d, 1, 0), 1);
}

static void looks_up_open_ones_of_the_service(void **state)
{
    struct world *w = *state;
    struct dead_letter d[] = {letter("x", 1), letter("y", 2), letter("", 3)};

    NEED_SERVER();
    assert_false(has_letters(w));
    send_letters(w, d + 2, 1, 0); /* without an id it is not found anyway */
    assert_false(has_letters(w));
    send_letters(w, d, 3, 0);
    assert_true(has_letters(w));
    w->scope.service = "backend-b";
    assert_string_equal(look_up(w, "x", "y"), "");
    w->scope.service = "backend-a";
    w->scope.tenant = "t2";
    assert_string_equal(look_up(w, "x", "y"), "");
    w->scope.tenant = "t1";
    next_run(w);
    heal(w, "x");
    assert_string_equal(look_up(w, "x", "y"), "1:2:1");
    heal(w, "y");
    assert_false(has_letters(w));
}

static void skipped_ones_keep_what_they_say(void **state)
{
    struct world *w = *state;
    struct dead_letter d = letter("x", 1);

    NEED_SERVER();
    send_letters(w, &d, 1, 0);
    next_run(w);
    d.suppressed = true;
    d.reason = "failed before";
    d.payload = STR("");
    assert_int_equal(send_letters(w, &d, 1, 0), 1);
    assert_string_equal(ask(w, "SELECT concat_ws('|', reason, payload, times,"
                               " last_seen > first_seen, resolved_at)"
                               " FROM batch_sync_dead_letters"),
        "why \xef\xbf\xbd|{\"a\":1}|2|t");
}

/* What may do better later is left alone for an hour, then two, ... */
static void a_passing_failure_has_a_pause(void **state)
{
    struct world *w = *state;
    struct dead_letter d = letter("x", 1);
    static const char pause_sql[] =
        "SELECT round(extract(epoch FROM next_try - last_seen) / 3600)"
        " FROM batch_sync_dead_letters";

    NEED_SERVER();
    d.refused = false;
    d.passing = true;
    send_letters(w, &d, 1, 0);
    assert_string_equal(look_up(w, "x", "y"), "0:1:1");
    assert_string_equal(ask(w, pause_sql), "1");
    ask(w, "UPDATE batch_sync_dead_letters SET next_try = now()"
           " RETURNING 1");
    assert_string_equal(look_up(w, "x", "y"), "0:1:0");
    next_run(w);
    send_letters(w, &d, 1, 0);
    assert_string_equal(ask(w, pause_sql), "2");
    for (int i = 0; i < 9; i++)
        send_letters(w, &d, 1, 0);
    assert_string_equal(ask(w, pause_sql), "168");
}

static void a_passing_failure_keeps_its_payload_whole(void **state)
{
    struct world *w = *state;
    struct dead_letter d[] = {letter("x", 1), letter("y", 2)};
    static char large[100001];

    NEED_SERVER();
    memset(large, 'a', sizeof(large) - 1);
    d[0].payload = d[1].payload = str_of(large);
    d[0].passing = true;
    d[0].refused = false;
    send_letters(w, d, 2, 0);
    assert_string_equal(
        ask(w, "SELECT string_agg(length(payload)::text, ' ' ORDER BY"
               " content_id) FROM batch_sync_dead_letters"),
        "100000 65536");
}

static void an_id_that_is_stored_resolves_its_letters(void **state)
{
    struct world *w = *state;
    struct dead_letter d[] = {letter("x", 1), letter("x", 2), letter("y", 3)};

    NEED_SERVER();
    send_letters(w, d, 3, 0);
    heal(w, "x"); /* met by this run: two items share the id */
    assert_string_equal(look_up(w, "y", "y"), "0:3:1 1:3:1");
    assert_string_equal(
        ask(w, "SELECT count(resolved_at) FROM batch_sync_dead_letters"), "0");
    next_run(w);
    heal(w, "x");
    assert_string_equal(
        ask(w, "SELECT string_agg(encode(digest, 'hex'), ' ') FROM"
               " (SELECT substr(digest, 1, 1) AS digest"
               " FROM batch_sync_dead_letters WHERE resolved_at IS NOT NULL"
               " ORDER BY 1) d"),
        "01 02");
    assert_int_equal(send_letters(w, d, 1, 0), 0); /* new once more */
}

static const char *superseded(struct world *w)
{
    return ask(w,
        "SELECT string_agg(get_byte(digest, 0)::text, ' ' ORDER BY digest)"
        " FROM batch_sync_dead_letters WHERE superseded");
}

/* The first digest byte of those that are due. */
static const char *due(struct world *w)
{
    static char out[64];
    struct due_letters_req req = {
        .arena = &w->arena, .scope = &w->scope, .limit = 10};
    size_t len = 0;

    op_init(&req.op, db_done);
    dead_letters_due(w->db.pool, &w->db.loop, &req);
    expect_op(w, &req.op, 0);
    out[0] = '\0';
    for (size_t i = 0; i < req.n; i++)
        len += (size_t)snprintf(out + len, sizeof(out) - len, "%s%d",
            i > 0 ? " " : "", req.digests[i][0]);
    return out;
}

/* Of an id that comes twice, what was kept of the first is never the last. */
static void a_later_item_supersedes_what_was_kept(void **state)
{
    struct world *w = *state;
    struct dead_letter d[] = {letter("x", 1), letter("y", 2), letter("y", 3)};

    NEED_SERVER();
    for (int i = 0; i < 3; i++) {
        d[i].passing = true;
        d[i].refused = false;
        send_letters(w, &d[i], 1, 0); /* each on a page of its own */
    }
    assert_string_equal(superseded(w), "2");
    heal(w, "x"); /* the item of a later page */
    assert_string_equal(superseded(w), "1 2");
    db_exec(&w->db, "UPDATE batch_sync_dead_letters SET next_try = now()");
    assert_string_equal(due(w), "3");
    next_run(w);
    send_letters(w, &d[0], 1, 0); /* now it is the last one that came */
    d[1].suppressed = true;
    send_letters(w, &d[1], 1, 0);
    assert_string_equal(superseded(w), "3");
}

static void a_fenced_checkpoint_writes_nothing(void **state)
{
    struct world *w = *state;
    struct dead_letter d[] = {letter("x", 1), letter("y", 2)};
    struct str id = STR("x");
    struct checkpoint_req req = {
        .letters = d, .nletters = 2, .resolved = &id, .nresolved = 1};

    NEED_SERVER();
    send_letters(w, d, 1, 0);
    next_run(w);
    d[0].suppressed = true;
    w->scope.token = "another";
    checkpoint(w, &req, ERR_FENCED);
    assert_string_equal(
        ask(w, "SELECT string_agg(content_id || times"
               " || (resolved_at IS NULL), ' ') FROM batch_sync_dead_letters"),
        "x1true");
}

static void payloads_are_cut(void **state)
{
    enum { N = 70000 };
    static char text[N];
    struct world *w = *state;
    struct dead_letter d = letter("x", 1);

    NEED_SERVER();
    memset(text, 'a', N);
    memcpy(text + 65535, "\xc3\xa9", 2); /* astride the border */
    text[100] = '\0';
    d.payload = (struct str){text, N};
    send_letters(w, &d, 1, 0);
    assert_string_equal(
        ask(w, "SELECT octet_length(payload) FROM batch_sync_dead_letters"),
        "65534");
}

/* "letters: names" */
static const char *retry(
    struct world *w, const char *tenant, const char *service, const char *id)
{
    static char out[256];
    struct retry_letters_req req = {.arena = &w->arena,
        .tenant = tenant,
        .services = &service,
        .nservices = service != NULL,
        .ids = &id,
        .nids = id != NULL};
    size_t len;

    op_init(&req.op, db_done);
    dead_letters_retry(w->db.pool, &w->db.loop, &req);
    expect_op(w, &req.op, 0);
    len = (size_t)snprintf(
        out, sizeof(out), "%llu:", (unsigned long long)req.letters);
    for (size_t i = 0; i < req.nnames; i++)
        len +=
            (size_t)snprintf(out + len, sizeof(out) - len, " %s", req.names[i]);
    return out;
}

static void a_retry_makes_them_unknown(void **state)
{
    struct world *w = *state;
    struct dead_letter d[] = {letter("x", 1), letter("y", 2)};

    NEED_SERVER();
    send_letters(w, d, 2, 0);
    next_run(w);
    assert_string_equal(retry(w, "t1", NULL, "x"), "1: svc-a");
    assert_string_equal(look_up(w, "x", "y"), "0:1:0 1:2:1");
    assert_int_equal(send_letters(w, d, 2, 0), 1);
    assert_string_equal(look_up(w, "x", "y"), "0:1:1 1:2:1");
}

static void a_retry_takes_what_is_asked_for(void **state)
{
    struct world *w = *state;
    struct dead_letter d[] = {letter("x", 1), letter("y", 2)};

    NEED_SERVER();
    assert_string_equal(retry(w, "t1", NULL, NULL), "0:");
    send_letters(w, d, 2, 0);
    w->scope.service = "backend-b";
    send_letters(w, d, 1, 0);
    db_exec(&w->db, "UPDATE batch_sync_dead_letters SET registered = NULL"
                    " WHERE service = 'backend-b'");
    assert_string_equal(retry(w, "t1", NULL, NULL), "3: backend-b svc-a");
    assert_string_equal(retry(w, "t1", "svc-a", NULL), "2: svc-a");
    assert_string_equal(retry(w, "t1", "backend-a", "x"), "1: svc-a");
    assert_string_equal(retry(w, "t1", "backend-b", "y"), "0:");
    assert_string_equal(retry(w, "t2", NULL, NULL), "0:");
    db_exec(&w->db, "UPDATE batch_sync_dead_letters SET resolved_at = now()");
    assert_string_equal(retry(w, "t1", NULL, NULL), "0:");
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_are_known_to_the_next_run),
        TEST(an_interrupted_run_remembers_new_ones),
        TEST(sending_them_twice_makes_none_known),
        TEST(another_recipe_makes_them_new),
        TEST(old_ones_are_tried_again),
        TEST(only_what_was_refused_is_skipped),
        TEST(looks_up_open_ones_of_the_service),
        TEST(skipped_ones_keep_what_they_say),
        TEST(a_passing_failure_has_a_pause),
        TEST(a_passing_failure_keeps_its_payload_whole),
        TEST(an_id_that_is_stored_resolves_its_letters),
        TEST(a_later_item_supersedes_what_was_kept),
        TEST(a_fenced_checkpoint_writes_nothing),
        TEST(payloads_are_cut),
        TEST(a_retry_makes_them_unknown),
        TEST(a_retry_takes_what_is_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
