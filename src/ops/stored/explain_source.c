#include "ops/stored/explain.h"

enum { EXPLAIN_ITEM_BYTES = 64 * 1024 * 1024 };

static struct explain_source *explain_source_of(struct source_walk *w)
{
    return container_of(w, struct explain_source, walk);
}

static void explain_source_take(
    struct explain_source *s, yyjson_val *value, struct buf *scratch)
{
    struct source_walk *w = &s->walk;

    s->found = true;
    s->page = w->page;
    err_clear(&s->broken);
    item_render(w->schema, value, s->arena, scratch, &s->item, &s->broken);
}

/* Of two items of one page with the same id, the later one counts. */
static void explain_source_look(struct explain_source *s)
{
    struct source_walk *w = &s->walk;
    struct buf scratch;
    struct item item;
    struct err err;

    buf_init(&scratch, EXPLAIN_ITEM_BYTES);
    for (size_t i = 0; i < w->view.n; i++) {
        yyjson_val *value = page_view_item(&w->view, i);

        item_identify(w->schema, value, &w->arena, &scratch, &item, &err);
        if (str_eq(item.content_id, str_of(s->id)))
            explain_source_take(s, value, &scratch);
    }
    buf_free(&scratch);
}

static void on_explain_source_page(struct source_walk *w)
{
    struct explain_source *s = explain_source_of(w);

    explain_source_look(s);
    if (!s->found) {
        source_walk_next(w);
        return;
    }
    w->items += w->view.n;
    source_walk_stop(w);
}

void explain_ask_source(const struct ops *ops, struct explain_source *s)
{
    struct source_walk *w = &s->walk;
    struct err err;

    s->found = false;
    w->ops = ops;
    if (w->tenant == NULL)
        w->tenant = ops->config->sync.tenant;
    w->schema = schema_find(ops->schemas, s->arena, w->service);
    w->most_pages = EXPLAIN_PAGES;
    w->on_page = on_explain_source_page;
    if (w->schema != NULL) {
        source_walk_begin(w);
        return;
    }
    err_set(&err, ERR_CONFIG, "no schema for service %s", w->service);
    op_fail(&w->op, ops->ports->queue, &err);
}
