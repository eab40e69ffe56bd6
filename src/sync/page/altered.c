#include "sync/page/altered.h"

#include <stdio.h>

static size_t altered_name(const struct page_item *it, char *out, size_t size)
{
    static const char *const parts[] = {"text", "metadata", "vector"};
    struct str id = it->item.content_id;
    size_t cut = utf8_prefix(id, ALTERED_ID_CHARS);
    const char *between = " (";
    int len = snprintf(out, size, "%.*s", (int)cut, id.p);

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if ((it->altered & 1U << i) == 0)
            continue;
        len +=
            snprintf(out + len, size - (size_t)len, "%s%s", between, parts[i]);
        between = ", ";
    }
    len += snprintf(out + len, size - (size_t)len, ")");
    return (size_t)len;
}

static void altered_add(struct altered *a, const struct page_item *it)
{
    char name[ALTERED_NAME_BYTES];
    size_t len = altered_name(it, name, sizeof(name));

    if (a->named == ALTERED_NAMED)
        return;
    snprintf(a->names + a->len, sizeof(a->names) - a->len, "%s%s",
        a->named > 0 ? "; " : "", name);
    a->len += len + (a->named > 0 ? strlen("; ") : 0);
    a->named++;
}

void altered_note(struct altered *a, const struct page *page)
{
    for (size_t i = 0; page->items != NULL && i < page->view.n; i++)
        if (page->items[i].altered != 0 &&
            page->items[i].outcome == ITEM_STORED)
            altered_add(a, &page->items[i]);
}

bool altered_say(const struct altered *a, uint64_t n, struct err *out)
{
    if (a->named == 0)
        return false;
    err_set(out, ERR_DATA,
        "a trigger of vector_embeddings changed %llu %s as %s stored%s: %s",
        (unsigned long long)n, n == 1 ? "item" : "items",
        n == 1 ? "it was" : "they were",
        n > (uint64_t)a->named ? ", among them" : "", a->names);
    return true;
}
