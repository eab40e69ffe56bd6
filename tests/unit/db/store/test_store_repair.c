/* What the look-up tells of rows that another program, or a trigger, has
 * changed since they were written. */
#include "unit/db/pg_world.h"

static const float written[DIMENSIONS] = {0.5f, -2, 0.25f};

/* Item i in two pieces; `keep`: the vector that is there. */
static void store_item(struct world *w, int repairs, bool keep)
{
    struct store_row rows[2];
    struct store_req req = {.scope = &w->scope,
        .rows = rows,
        .nrows = 2,
        .dimensions = DIMENSIONS,
        .stored_at_ms = 1766448000123};

    for (int k = 0; k < 2; k++)
        rows[k] = (struct store_row){.content_id = STR("i"),
            .content_text = keep ? STR("t\xc3\xa9xt ") : STR("t\xc3\xa9xt"),
            .metadata = STR("{}"),
            .chunk_index = k,
            .repairs = repairs,
            .vector = keep ? NULL : written};
    op_init(&req.op, db_done);
    store_write(&w->store, &req);
    expect_op(w, &req.op, 0);
}

/* Of the second piece; the first one is never touched. */
static struct stored_row look(struct world *w)
{
    struct str id = STR("i");
    struct lookup_req req = {
        .arena = &w->arena, .scope = &w->scope, .ids = &id, .n = 1};

    op_init(&req.op, db_done);
    store_lookup(&w->store, &req);
    expect_op(w, &req.op, 0);
    assert_int_equal(req.nrows, 2);
    return req.rows[1];
}

#define FUNCTION(body)                                                  \
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN" \
    " " body " RETURN NEW; END $f$;"
#define BEFORE(body)                                                         \
    FUNCTION(body)                                                           \
    "CREATE TRIGGER t BEFORE INSERT OR UPDATE ON vector_embeddings FOR EACH" \
    " ROW EXECUTE FUNCTION f();"
#define AFTER(what, body)                                         \
    FUNCTION(body)                                                \
    "CREATE " what " AFTER INSERT OR UPDATE ON vector_embeddings" \
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN"            \
    " (pg_trigger_depth() = 0) EXECUTE FUNCTION f();"

#define TOUCHES "NEW.updated_at := NEW.updated_at + interval '1 s';"
#define SHOUTS "NEW.content_text := upper(NEW.content_text);"
#define LATER "updated_at = updated_at + interval '1 min'"
#define CHANGE(what) \
    "UPDATE vector_embeddings SET " what " WHERE chunk_index = 1"

/* What is there before the item is stored, what happens to it afterwards, and
 * whether it is another one then. */
static const struct {
    const char *name, *before, *change;
    bool altered;
} scenes[] = {
    {"nothing", "", "", false},
    {"a new time alone", "", CHANGE(LATER), false},
    {"another text", "", CHANGE("content_text = 'x', " LATER), true},
    {"another vector", "", CHANGE("embedding = '[1,2,3]', " LATER), true},
    {"no vector", "", CHANGE("embedding = NULL, " LATER), true},
    {"nearly the same vector", "",
        CHANGE("embedding = '[0.5,-2,0.250001]', " LATER), true},
    {"the same text again", "",
        CHANGE("content_text = content_text || '', embedding = '[0.5,-2,0.25]',"
               " " LATER),
        false},
    {"a blank more", "", CHANGE("content_text = content_text || ' ', " LATER),
        true},
    {"an earlier time", "",
        CHANGE("content_text = 'x', updated_at = '2000-01-01'"), true},
    {"a row from before the columns", "",
        CHANGE("content_text = 'x', written_at = NULL, vector_hash = "
               "NULL, " LATER),
        false},
    {"times with a zone",
        "ALTER TABLE vector_embeddings ALTER updated_at TYPE timestamptz(3),"
        " ALTER written_at TYPE timestamptz(3)",
        "", false},
    {"times with a zone, another text",
        "ALTER TABLE vector_embeddings ALTER updated_at TYPE timestamptz(3),"
        " ALTER written_at TYPE timestamptz(3)",
        CHANGE("content_text = 'x', updated_at = now() + interval '1 min'"),
        true},
    {"a trigger that touches", BEFORE(TOUCHES), "", false},
    {"a trigger that touches, another text", BEFORE(TOUCHES),
        CHANGE("content_text = 'x'"), true},
    {"a trigger that changes the text", BEFORE(SHOUTS TOUCHES), "", false},
    {"the same, and another text", BEFORE(SHOUTS TOUCHES),
        CHANGE("content_text = 'x'"), true},
    {"a trigger that changes it each time anew",
        BEFORE("NEW.content_text := NEW.content_text || '!';" TOUCHES), "",
        false},
    {"the same, and another change",
        BEFORE("NEW.content_text := NEW.content_text || '!';" TOUCHES),
        CHANGE("repairs = 0"), true},
    {"a trigger that changes the vector",
        BEFORE("NEW.embedding := '[1,2,3]';" TOUCHES), "", false},
    {"a trigger at the commit",
        AFTER("CONSTRAINT TRIGGER t",
            "UPDATE vector_embeddings SET content_text = 'y', " LATER
            " WHERE id = NEW.id;"),
        "", false},
    {"a trigger that refuses a second change",
        BEFORE("IF TG_OP = 'UPDATE' THEN RAISE 'no'; END IF;" SHOUTS), "",
        false},
    {"a trigger that is off",
        BEFORE(SHOUTS) "ALTER TABLE vector_embeddings DISABLE TRIGGER t", "",
        false},
};

static void clean(struct world *w)
{
    db_exec(&w->db,
        "DELETE FROM vector_embeddings;"
        "DROP FUNCTION IF EXISTS f() CASCADE;"
        "ALTER TABLE vector_embeddings ALTER updated_at TYPE timestamp(3),"
        " ALTER written_at TYPE timestamp(3)");
}

static void tells_what_was_changed(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
        clean(w);
        if (scenes[i].before[0] != '\0')
            db_exec(&w->db, scenes[i].before);
        store_item(w, 0, false);
        if (scenes[i].change[0] != '\0')
            db_exec(&w->db, scenes[i].change);
        if (look(w).altered != scenes[i].altered)
            fail_msg("%s: altered is %d", scenes[i].name, !scenes[i].altered);
    }
}

/* The hash is what anyone can compute from the row. */
#define HASHED                                                              \
    "SELECT count(*) FROM vector_embeddings WHERE length(vector_hash) = 16" \
    " AND written_at = updated_at AND vector_hash ="                        \
    " substr(sha256(convert_to(content_text, 'UTF8')), 1, 8)"               \
    " || substr(sha256(public.vector_send(embedding)), 1, 8)"

static void a_row_has_the_hash_of_what_is_there(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    store_item(w, 0, false);
    assert_string_equal(db_text(&w->db, HASHED), "2");
    store_item(w, 0, true);
    assert_string_equal(db_text(&w->db, HASHED), "2");
    assert_string_equal(
        db_text(&w->db, "SELECT string_agg(DISTINCT content_text, '|')"
                        " FROM vector_embeddings"),
        "t\xc3\xa9xt ");
}

/* The vector that it keeps is taken as it is. */
static void a_row_from_before_gets_its_hash(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    store_item(w, 0, false);
    db_exec(&w->db, "UPDATE vector_embeddings SET written_at = NULL,"
                    " vector_hash = NULL");
    store_item(w, 0, true);
    assert_string_equal(db_text(&w->db, HASHED), "2");
}

/* Changed between the look-up and the write of its metadata alone. */
static void a_change_meanwhile_is_not_covered_up(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    store_item(w, 0, false);
    db_exec(&w->db, CHANGE("embedding = '[1,2,3]', " LATER));
    store_item(w, 0, true);
    assert_true(look(w).altered);
    store_item(w, 1, false);
    assert_false(look(w).altered);
}

static void repairs_count_for_a_week(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    store_item(w, 0, false);
    assert_int_equal(look(w).repairs, 0);
    store_item(w, 2, false);
    assert_int_equal(look(w).repairs, 2);
    db_exec(&w->db, "UPDATE vector_embeddings SET written_at ="
                    " written_at - interval '6 days 23 h'");
    assert_int_equal(look(w).repairs, 2);
    assert_false(look(w).altered);
    db_exec(&w->db, "UPDATE vector_embeddings SET written_at ="
                    " written_at - interval '2 h'");
    assert_int_equal(look(w).repairs, 0);
    store_item(w, 0, false);
    assert_string_equal(
        db_text(&w->db, "SELECT max(repairs) FROM vector_embeddings"), "0");
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_what_was_changed),
        TEST(a_row_has_the_hash_of_what_is_there),
        TEST(a_row_from_before_gets_its_hash),
        TEST(a_change_meanwhile_is_not_covered_up),
        TEST(repairs_count_for_a_week),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
