/* What items declare, in memory: a link each, whose target is the number of the
 * item in its source, so that it says which one of an id it is of. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

static void links_drop(struct sim_links *l, int service, const char *id)
{
    for (size_t i = 0; i < l->n;) {
        if (l->links[i].service == service && strcmp(l->links[i].id, id) == 0)
            l->links[i] = l->links[--l->n];
        else
            i++;
    }
}

static void links_put(
    struct sim_links *l, int service, const struct item_link *from)
{
    struct sim_link *link;

    if (l->n == l->size) {
        l->size = l->size * 2 + 64;
        l->links = realloc(l->links, l->size * sizeof(*l->links));
        if (l->links == NULL)
            abort();
    }
    link = &l->links[l->n++];
    link->service = service;
    snprintf(link->id, sizeof(link->id), "%.*s", STR_ARG(from->content_id));
    snprintf(link->target, sizeof(link->target), "%.*s", STR_ARG(from->target));
}

static bool is_linked_of(const struct checkpoint_req *req, struct str id)
{
    for (size_t i = 0; i < req->nlinked; i++)
        if (str_eq(req->linked[i], id))
            return true;
    return false;
}

void links_take(
    struct sim_links *l, int service, const struct checkpoint_req *req)
{
    char id[sizeof(l->links->id)];

    CHECK(req->declares == (req->next_page > 0));
    for (size_t i = 0; i < req->nlinked; i++) {
        snprintf(id, sizeof(id), "%.*s", STR_ARG(req->linked[i]));
        links_drop(l, service, id);
    }
    for (size_t i = 0; i < req->nlinks; i++) {
        CHECK(is_linked_of(req, req->links[i].content_id));
        links_put(l, service, &req->links[i]);
    }
}

/* The only one of an id; NULL: it has none. */
static const struct sim_link *link_of(
    const struct sim_links *l, int service, const char *id)
{
    const struct sim_link *found = NULL;

    for (size_t i = 0; i < l->n; i++) {
        if (l->links[i].service != service || strcmp(l->links[i].id, id) != 0)
            continue;
        CHECK(found == NULL);
        found = &l->links[i];
    }
    return found;
}

/* One that a process stored ahead of its page, and then ended: the next one, of
 * a run that is resumed or that several share, may meet a later item of its id,
 * which fails, before it compares this one. It has no link then until the later
 * one is mended. */
static bool may_lack_its_link(const struct world *w, const struct sim_row *row)
{
    const struct letters *l = &w->shared->letters;
    bool has_next = w->resumes || w->shared->n > 1;

    for (size_t i = 0; has_next && i < l->n; i++) {
        const struct sim_letter *letter = &l->letters[i];

        if (letter->open && letter->service == row->service &&
            letter->seq > row->seq && strcmp(letter->id, row->id) == 0)
            return true;
    }
    return false;
}

void check_links(const struct world *w)
{
    const struct database *db = &w->shared->db;

    for (size_t i = 0; i < db->n; i++) {
        const struct sim_row *row = &db->rows[i];
        const struct sim_link *link;

        if (row->chunk_index > 0 || row->written == NULL)
            continue;
        link = link_of(&w->shared->links, row->service, row->id);
        CHECK(link == NULL ? may_lack_its_link(w, row)
                           : atoi(link->target) == row->seq);
    }
}

void links_free(struct sim_links *l)
{
    free(l->links);
}
