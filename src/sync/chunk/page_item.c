#include "sync/chunk/page_item.h"

int page_item_make(struct page_item *it, const struct schema *schema,
    struct arena *a, struct buf *scratch)
{
    struct item made;
    struct err err;
    int rc;

    if (!it->lean)
        return 0;
    rc = item_render(schema, it->value, a, scratch, &made, &err);
    if (rc < 0)
        return rc;
    it->item.content_text = made.content_text;
    it->item.metadata = made.metadata;
    return 0;
}

void page_item_forget(struct page_item *it)
{
    if (it->lean)
        it->item.content_text.p = it->item.metadata.p = NULL;
}
