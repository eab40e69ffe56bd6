#include "embed/embedder_local.h"

#include "base/crypto.h"
#include "embed/builtin/text_features.h"
#include "embed/builtin/text_fold.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DIMENSIONS = 1536, MOST = 64 };

struct world {
    struct loop loop;
    struct embedder_local *embedder;
    struct embed_req req;
    struct str texts[MOST];
    float *vectors;
    int called;
};

static void world_open(struct world *w)
{
    struct err err;

    memset(w, 0, sizeof(*w));
    assert_int_equal(loop_init(&w->loop, &err), 0);
    w->embedder = embedder_local_new(&w->loop, NULL);
}

static void world_close(struct world *w)
{
    struct err err;

    loop_run(&w->loop);
    embedder_local_free(w->embedder);
    free(w->vectors);
    assert_int_equal(loop_close(&w->loop, &err), 0);
}

static void on_embedded(struct op *op)
{
    container_of(op, struct world, req.op)->called++;
}

static void submit(struct world *w, size_t n, int dimensions)
{
    free(w->vectors);
    w->vectors = calloc(n * (size_t)dimensions, sizeof(float));
    w->called = 0;
    op_init(&w->req.op, on_embedded);
    w->req.texts = w->texts;
    w->req.n = n;
    w->req.dimensions = dimensions;
    w->req.vectors = w->vectors;
    embedder_local_send(w->embedder, &w->req);
    assert_int_equal(w->called, 0);
}

static double dot(const float *a, const float *b, int dimensions)
{
    double sum = 0;

    for (int i = 0; i < dimensions; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void embed(const char *text, int dimensions, float *vector)
{
    struct text_features f = {.points = NULL};

    assert_int_equal(
        text_features_embed(&f, str_of(text), dimensions, vector), 0);
    text_features_free(&f);
}

static double similarity(const char *a, const char *b)
{
    float x[DIMENSIONS], y[DIMENSIONS];

    embed(a, DIMENSIONS, x);
    embed(b, DIMENSIONS, y);
    return dot(x, y, DIMENSIONS);
}

/* The text, another that says the same, and one about something else. */
struct triple {
    const char *text, *like, *unlike;
};

static const struct triple triples[] = {
    {"The students learn how to program in Python and test their programs.",
        "Pupils are learning Python programming and testing of programs.",
        "The price of fresh fish rose sharply at the harbour this week."},
    {"Die Prüfung in Mathematik wurde von allen Studierenden bestanden.",
        "Alle Studierenden haben die Mathematikprüfung bestanden.",
        "Der Zug nach Hamburg fährt heute zwanzig Minuten später ab."},
    {"הסטודנטים לומדים לתכנת בפייתון ולבדוק את התוכניות שלהם",
        "סטודנט לומד תכנות בפייתון ובודק תוכניות",
        "מחיר הדגים הטריים בשוק הנמל עלה השבוע"},
    {"الطلاب يتعلمون البرمجة في الجامعة", "يتعلم الطالب البرمجة كل يوم",
        "ارتفع سعر السمك في السوق"},
    {"学生们学习如何用Python编程", "这些学生正在学习编程",
        "本周港口市场的鲜鱼价格大幅上涨"},
    {"Студенты изучают программирование и тесты",
        "Студент изучает основы программирования",
        "Цена на свежую рыбу выросла"},
};

static void finds_like_texts_more_similar_than_others(void **state)
{
    for (size_t i = 0; i < sizeof(triples) / sizeof(*triples); i++) {
        const struct triple *t = &triples[i];
        double like = similarity(t->text, t->like);
        double unlike = similarity(t->text, t->unlike);

        if (like < 0.2 || unlike > 0.15)
            fail_msg("%s: %.2f, but %.2f", t->text, like, unlike);
    }
}

static const char *const courses[] = {
    "course: Introduction to Databases\n\ndescription: Tables, keys, queries "
    "and indexes; students design a small relational database and learn to "
    "ask it questions in SQL. No prerequisites, takes six weeks.",
    "course: Watercolour Painting\n\ndescription: Paper, brushes, pigments "
    "and light; participants paint a small landscape and learn to mix "
    "colours. No prerequisites, takes six weeks.",
    "Kurs: Datenschutz im Büro\n\nBeschreibung: Was ist erlaubt, was nicht, "
    "und wie werden personenbezogene Daten gelöscht? Sechs Wochen.",
    "קורס: מבוא לבינה מלאכותית\n\nתיאור: רשתות נוירונים, למידה מפוקחת "
    "והערכה של מודלים. ללא דרישות קדם, שישה שבועות."};

static void lets_a_short_query_find_a_longer_text(void **state)
{
    static const struct {
        const char *query;
        int course;
    } cases[] = {{"sql database", 0}, {"DATABASES", 0}, {"painting", 1},
        {"paint landscapes", 1}, {"datenschutz", 2}, {"Daten löschen", 2},
        {"בינה מלאכותית", 3}, {"מודל", 3}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (int k = 0; k < 4; k++)
            if (k != cases[i].course &&
                similarity(cases[i].query, courses[cases[i].course]) <
                    similarity(cases[i].query, courses[k]) + 0.02)
                fail_msg("\"%s\" finds course %d", cases[i].query, k);
}

static void digest_vector(struct sha256 *sha, const char *text, int size)
{
    float v[2 * DIMENSIONS];

    embed(text, size, v);
    for (int i = 0; i < size; i++) {
        uint32_t bits;
        uint8_t bytes[4];

        memcpy(&bits, &v[i], sizeof(bits));
        for (int k = 0; k < 4; k++)
            bytes[k] = (uint8_t)(bits >> (8 * k));
        sha256_add(sha, bytes, sizeof(bytes));
    }
}

/*
 * Stored vectors are compared with new ones: a change here needs a new
 * EMBEDDER_BUILTIN_MODEL.
 */
static void is_the_same_for_ever(void **state)
{
    static const int sizes[] = {1, 3, 256, 1536, 3072};
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    struct sha256 sha;

    assert_string_equal(EMBEDDER_BUILTIN_MODEL, "builtin-1");
    sha256_init(&sha);
    for (size_t i = 0; i < sizeof(triples) / sizeof(*triples); i++)
        for (int k = 0; k < 5; k++)
            digest_vector(&sha, triples[i].text, sizes[k]);
    digest_vector(&sha, "Grüße: x2 x2 x2 \xFF... 🎉!", 64);
    digest_vector(&sha, "...", 64);
    sha256_end(&sha, digest);
    hex_encode(digest, sizeof(digest), hex);
    assert_string_equal(hex,
        "68839b5f55cebad18b45636f126064508b510cf2f139ed709293dc8227aed12a");
}

static void makes_unit_vectors_of_anything(void **state)
{
    static const char *const texts[] = {"a", "...", "?!", "\xFF\xFE", "🎉", "́",
        "  x  ", "word word word word", "ﬁ", "\xE2\x82"};
    static const int sizes[] = {1, 2, 3, 8, 256, 1536};
    float v[DIMENSIONS];

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        for (int k = 0; k < 6; k++) {
            embed(texts[i], sizes[k], v);
            assert_true(fabs(dot(v, v, sizes[k]) - 1) < 1e-5);
        }
    assert_true(fabs(similarity("...", "?!")) < 0.5);
}

static void ignores_case_points_and_punctuation(void **state)
{
    assert_true(similarity("ÄRGER Über ŽIŽKOV", "ärger, über: žižkov!") > 0.99);
    assert_true(similarity("ΟΔΥΣΣΕΥΣ", "οδυσσευς") > 0.99);
    assert_true(similarity("ЁЛКА Њ", "ёлка њ") > 0.99);
    assert_true(similarity("שָׁלוֹם", "שלום") > 0.99);
    assert_true(similarity("ＡＢＣ", "ａｂｃ") > 0.99);
    assert_true(similarity("don\xE2\x80\x99t", "don't") > 0.99);
}

static void folds_letter_by_letter(void **state)
{
    static const int32_t pairs[][2] = {{'A', 'a'}, {'z', 'z'}, {'[', '['},
        {0xC0, 0xE0}, {0xD7, 0xD7}, {0xDF, 0xDF}, {0x100, 0x101},
        {0x101, 0x101}, {0x139, 0x13A}, {0x13A, 0x13A}, {0x147, 0x148},
        {0x149, 0x149}, {0x178, 0xFF}, {0x17D, 0x17E}, {0x17F, 0x17F},
        {0x386, 0x3AC}, {0x388, 0x3AD}, {0x38C, 0x3CC}, {0x38F, 0x3CE},
        {0x3A9, 0x3C9}, {0x3AB, 0x3CB}, {0x400, 0x450}, {0x42F, 0x44F},
        {0x4C0, 0x4C0}, {0x4C1, 0x4C2}, {0x4CD, 0x4CE}, {0x460, 0x461},
        {0x1E9E, 0xDF}, {0x1EA0, 0x1EA1}, {0x5D0, 0x5D0}, {0x5DD, 0x5DE},
        {0x5E5, 0x5E6}, {0x4E00, 0x4E00}};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
        assert_int_equal(text_fold(pairs[i][0]), pairs[i][1]);
}

static void answers_by_request(void **state)
{
    struct world w;
    float one[DIMENSIONS];

    world_open(&w);
    for (int i = 0; i < 4; i++)
        w.texts[i] = str_of(courses[i]);
    submit(&w, 4, DIMENSIONS);
    loop_run(&w.loop);
    assert_int_equal(w.called, 1);
    assert_int_equal(w.req.op.err.code, 0);
    for (int i = 0; i < 4; i++) {
        embed(courses[i], DIMENSIONS, one);
        assert_memory_equal(w.vectors + i * DIMENSIONS, one, sizeof(one));
    }
    world_close(&w);
}

/* About 25 KB, the longest a text gets. */
static char *long_text(size_t *len)
{
    char *text = malloc(26000);
    size_t at = 0;

    for (unsigned i = 0; at < 25000; i++)
        at += (size_t)snprintf(text + at, 32, "%x ", i * 2654435761u);
    *len = at;
    return text;
}

static void count_turn(uv_prepare_t *handle)
{
    ++*(int *)handle->data;
}

static void gives_the_loop_its_turn_in_between(void **state)
{
    struct world w;
    uv_prepare_t prepare;
    int turns = 0;
    size_t len;
    char *text = long_text(&len);

    world_open(&w);
    uv_prepare_init(&w.loop.uv, &prepare);
    prepare.data = &turns;
    uv_prepare_start(&prepare, count_turn);
    uv_unref((uv_handle_t *)&prepare);
    for (int i = 0; i < 50; i++)
        w.texts[i] = (struct str){text, len};
    submit(&w, 50, 256);
    loop_run(&w.loop);
    assert_int_equal(w.called, 1);
    assert_true(turns > 10);
    uv_close((uv_handle_t *)&prepare, NULL);
    world_close(&w);
    free(text);
}

static void cancels_between_turns(void **state)
{
    struct world w;
    size_t len;
    char *text = long_text(&len);

    world_open(&w);
    for (int i = 0; i < 50; i++)
        w.texts[i] = (struct str){text, len};
    submit(&w, 50, 256);
    uv_run(&w.loop.uv, UV_RUN_NOWAIT);
    op_cancel(&w.req.op);
    assert_int_equal(w.called, 0);
    loop_run(&w.loop);
    assert_int_equal(w.called, 1);
    assert_int_equal(w.req.op.err.code, ERR_CANCELED);
    world_close(&w);
    free(text);
}

/* Under a sanitizer the budget means nothing; it is generous elsewhere. */
static void is_quick(void **state)
{
    struct text_features f = {.points = NULL};
    float v[DIMENSIONS];
    size_t len;
    char *text = long_text(&len);
    uint64_t best = UINT64_MAX;

    for (int round = 0; round < 10; round++) {
        uint64_t from = uv_hrtime();

        for (size_t i = 0; i < 50; i++)
            text_features_embed(
                &f, (struct str){text + i * 400, 400}, DIMENSIONS, v);
        if (uv_hrtime() - from < best)
            best = uv_hrtime() - from;
    }
    text_features_free(&f);
    free(text);
    print_message("50 texts of 400 characters: %.2f ms\n", (double)best / 1e6);
    assert_true(best < 50000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_like_texts_more_similar_than_others),
        cmocka_unit_test(lets_a_short_query_find_a_longer_text),
        cmocka_unit_test(is_the_same_for_ever),
        cmocka_unit_test(makes_unit_vectors_of_anything),
        cmocka_unit_test(ignores_case_points_and_punctuation),
        cmocka_unit_test(folds_letter_by_letter),
        cmocka_unit_test(answers_by_request),
        cmocka_unit_test(gives_the_loop_its_turn_in_between),
        cmocka_unit_test(cancels_between_turns),
        cmocka_unit_test(is_quick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
