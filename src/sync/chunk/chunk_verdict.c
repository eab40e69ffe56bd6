/*
 * Whose fault is a refusal? An item that is refused alone is the culprit, as a
 * rule. When nothing of its chunk goes through and all say the same, it is what
 * they have in common: the request's model, or the database's table.
 */
#include "sync/chunk/chunk_impl.h"

#include <stdio.h>

static void suspect(
    struct chunk_verdict *v, const struct err *err, const char *words)
{
    if (v->refused++ == 0) {
        v->first = *err;
        snprintf(v->words, sizeof(v->words), "%s", words);
        v->same_words = true;
    } else if (strcmp(v->words, words) != 0) {
        v->same_words = false;
    }
}

void chunk_blame(struct chunk *c, struct page_item *m, const struct err *err,
    const char *words)
{
    struct str reason = arena_dup(&c->page->arena, str_of(err->msg));

    if (!m->failed_before)
        suspect(&c->verdict, err, words);
    m->reason = reason.p == NULL ? err_name(err->code) : reason.p;
    m->refused = err->code != ERR_PROTOCOL; /* garbage may be a bad moment */
}

static bool is_nobodys_fault(const struct chunk_verdict *v)
{
    return v->passed == 0 && v->refused >= 2 && v->same_words;
}

bool chunk_judge(struct chunk *c)
{
    struct err err = c->verdict.first;

    if (is_nobodys_fault(&c->verdict)) {
        c->p->all_refused = true;
        err.code = ERR_CONFIG;
        err_wrap(&err, "every item of the chunk was refused alike");
        chunk_fail(c, &err);
        return false;
    }
    for (size_t i = 0; i < c->nmembers; i++)
        if (c->members[i]->outcome == ITEM_OPEN &&
            c->members[i]->reason != NULL)
            c->members[i]->outcome = ITEM_FAILED;
    c->verdict = (struct chunk_verdict){.passed = 0};
    return true;
}
