/*
 * Pulls all pages one after another, as a sync does, and goes as far with them
 * as is said; prints how long it took.
 *
 *   bench_pull TARGET ITEMS LIMIT pull|parse|render [SCHEMA]
 *
 * pull    the bytes are there
 * parse   ... and the items found in them
 * render  ... and each one's text, metadata and hashes made
 */
#include "coordinator.pb-c.h"
#include "corpus.h"
#include "route.h"
#include "record/envelope.h"
#include "record/item.h"
#include "util.h"
#include <string.h>

enum step { PULL, PARSE, RENDER };

enum { SCRATCH_BYTES = 1 << 20, PROBLEM_BYTES = 4096, DIMENSIONS = 1536 };

static const struct schema *schema;
static struct buf scratch;

static void render(yyjson_val *value, struct arena *a)
{
    static const struct embedding_id id = {"openai", "bench", DIMENSIONS};
    struct item item;
    struct item_hashes hashes;
    struct err err;

    err_clear(&err);
    if (item_render(schema, value, a, &scratch, &item, &err) < 0)
        die("item: %s", err.msg);
    item_hash(&item, schema, &id, 1, CUT_LAST_THIRD, NULL, &hashes);
}

static size_t take(const Rag__V1__RouteResponse *m, enum step step)
{
    struct envelope answer = {.json = str_of(m->envelope_json)};
    struct page_view view;
    struct arena a;
    struct err err;

    arena_init(&a, 0);
    err_clear(&err);
    if (envelope_read(&answer, BENCH_SERVICE, schema, &a, &view, &err) < 0)
        die("page: %s", err.msg);
    for (size_t i = 0; step == RENDER && i < view.n; i++)
        render(page_view_item(&view, i), &a);
    arena_free(&a);
    return view.n;
}

static size_t page(
    struct route_client *c, unsigned number, unsigned limit, enum step step)
{
    size_t len, items = 0;
    uint8_t *bytes = route_page(c, number, limit, &len);
    Rag__V1__RouteResponse *m;

    if (step > PULL) {
        m = must(rag__v1__route_response__unpack(NULL, len, bytes));
        items = take(m, step);
        rag__v1__route_response__free_unpacked(m, NULL);
    }
    free(bytes);
    return items;
}

int main(int argc, char **argv)
{
    struct route_client c;
    struct arena a;
    struct buf problems;
    unsigned items, limit, received = 0;
    enum step step;
    double start;

    if (argc < 6)
        die("usage: bench_pull TARGET ITEMS LIMIT pull|parse|render SCHEMA");
    items = number_of(argv[2]);
    limit = number_of(argv[3]);
    step = argv[4][0] == 'r' ? RENDER : argv[4][1] == 'a' ? PARSE : PULL;
    arena_init(&a, 0);
    buf_init(&problems, PROBLEM_BYTES);
    buf_init(&scratch, SCRATCH_BYTES);
    if (schema_load_file(&a, argv[5], (struct schema **)&schema, &problems) < 0)
        die("%s", problems.data);
    route_open(&c, argv[1]);
    page(&c, 1, limit, PULL); /* connects */
    start = seconds();
    for (unsigned n = 0; n < items / limit; n++)
        received += (unsigned)page(&c, n + 1, limit, step);
    if (step > PULL && received != items)
        die("%u items instead of %u", received, items);
    printf("%.6f\n", seconds() - start);
    route_close(&c);
    buf_free(&scratch);
    buf_free(&problems);
    arena_free(&a);
    return 0;
}
