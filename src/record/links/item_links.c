#include "record/links/item_links.h"

#include "base/err.h"
#include "record/item.h"
#include "record/item_id.h"

/* One link of one item. All borrowed. */
struct link_walk {
    struct item_links *out;
    const struct schema_link *link;
    struct str content_id;
    struct arena *a;
    struct buf *scratch;
};

static struct item_link *link_new(struct item_links *l, struct arena *a)
{
    size_t max = l->max == 0 ? 16 : l->max * 2;
    struct item_link *more;

    if (l->n < l->max)
        return &l->links[l->n++];
    more = arena_calloc(a, max, sizeof(*more));
    if (more == NULL)
        return NULL;
    if (l->n > 0)
        memcpy(more, l->links, l->n * sizeof(*more));
    l->links = more;
    l->max = max;
    return &l->links[l->n++];
}

static int link_add_scalar(struct link_walk *w, yyjson_val *v)
{
    struct item_link *link;
    struct str target;

    buf_reset(w->scratch);
    item_id_write_value(w->scratch, v);
    if (w->scratch->error != 0 || w->scratch->len == 0 ||
        w->scratch->len > CONTENT_ID_BYTES)
        return w->scratch->error == ERR_NOMEM ? ERR_NOMEM : 0;
    target = arena_dup(w->a, buf_view(w->scratch));
    link = link_new(w->out, w->a);
    if (target.p == NULL || link == NULL)
        return ERR_NOMEM;
    *link = (struct item_link){
        w->content_id, str_of(w->link->type), str_of(w->link->service), target};
    return 0;
}

static int link_add_value(struct link_walk *w, yyjson_val *v)
{
    size_t i, n;
    yyjson_val *element;

    if (v == NULL || yyjson_is_null(v) || yyjson_is_obj(v))
        return 0;
    if (!yyjson_is_arr(v))
        return link_add_scalar(w, v);
    yyjson_arr_foreach(v, i, n, element)
    {
        if (!yyjson_is_ctn(element) && !yyjson_is_null(element) &&
            link_add_scalar(w, element) < 0)
            return ERR_NOMEM;
    }
    return 0;
}

/* From the path's segment `at` on. No deeper than the path is long. */
static int link_follow(struct link_walk *w, yyjson_val *v, size_t at)
{
    const struct schema_id_part *from = &w->link->from;
    yyjson_val *next =
        v == NULL || at == from->npath ? NULL : item_id_step(v, from->path[at]);
    size_t i, n;
    yyjson_val *element;

    if (at == from->npath)
        return link_add_value(w, v);
    if (next != NULL || !yyjson_is_arr(v))
        return next == NULL ? 0 : link_follow(w, next, at + 1);
    yyjson_arr_foreach(v, i, n, element)
    {
        if (!yyjson_is_arr(element) && link_follow(w, element, at) < 0)
            return ERR_NOMEM;
    }
    return 0;
}

static int link_collect(struct link_walk *w, const struct schema *schema,
    yyjson_val *item, yyjson_val **values)
{
    const struct schema_id_part *from = &w->link->from;
    yyjson_val *v = from->field >= 0 ? values[from->field] : NULL;
    const size_t *first;

    if (from->npath == 0 || (v != NULL && !yyjson_is_null(v)))
        return link_add_value(w, v);
    first = strmap_get(&schema->index, from->path[0]);
    return first != NULL ? link_follow(w, values[*first], 1)
                         : link_follow(w, item, 0);
}

int item_links_add(struct item_links *l, const struct schema *schema,
    yyjson_val *item, struct str content_id, struct arena *a,
    struct buf *scratch)
{
    struct arena passing;
    yyjson_val **values;
    int rc;

    arena_init(&passing, 0);
    rc = item_values(schema, item, &passing, &values);
    for (size_t i = 0; rc == 0 && i < schema->nlinks; i++) {
        struct link_walk w = {l, &schema->links[i], content_id, a, scratch};

        rc = link_collect(&w, schema, item, values);
    }
    arena_free(&passing);
    return rc == ERR_NOMEM ? rc : 0;
}
