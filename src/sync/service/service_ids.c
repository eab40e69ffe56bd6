/*
 * Items without an id. While a service has shown none with one, its dead
 * letters for want of an id are not told page by page: if it stays like that,
 * the schema is wrong, and one error says what to put into it. That error
 * comes every time, known letters or not.
 */
#include "sync/service/service_impl.h"

#include "record/item_id.h"

static void ids_keep_advice(struct service_ids *ids,
    const struct schema *schema, const struct page_item *it)
{
    struct buf advice;

    buf_init(&advice, 4 * ERR_MSG_BYTES);
    item_id_advise(schema, it->value, &advice);
    err_set(&ids->advice, ERR_INVALID, "%.*s", (int)advice.len,
        advice.len > 0 ? advice.data : "");
    buf_free(&advice);
}

bool service_ids_note(struct service *s, const struct page *page)
{
    struct service_ids *ids = &s->busy->ids;
    bool all = true;

    for (size_t i = 0; page->items != NULL && i < page->view.n; i++) {
        const struct page_item *it = &page->items[i];

        if (it->item.content_id.len > 0)
            ids->with++;
        else if (it->item.no_id && ids->without++ == 0)
            ids_keep_advice(ids, s->schema, it);
        all = all && (it->reason == NULL || it->item.no_id);
    }
    if (!all || ids->with > 0)
        return false;
    ids->untold += page_new_letters(page);
    return true;
}

/* Not a part of the pass, that others or an earlier life have begun, and not
 * just what has changed. */
static bool service_ids_are_all(const struct service *s)
{
    return s->ctx.since == NULL && s->busy->claim->first_page == 1;
}

void service_ids_report(struct service *s)
{
    struct service_ids *ids = &s->busy->ids;
    struct err err;

    if (ids->without > 0 && ids->with == 0 && service_ids_are_all(s))
        err_set(&err, ERR_INVALID, "none of %llu items has a content id: %s",
            (unsigned long long)ids->without, ids->advice.msg);
    else if (ids->untold > 0)
        err_set(&err, ERR_INVALID,
            "%llu items have no content id and are dead letters",
            (unsigned long long)ids->untold);
    else
        return;
    service_error(s, 0, &err);
}
