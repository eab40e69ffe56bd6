/*
 * Whose fault is a refusal? An item that is refused alone is the culprit, as a
 * rule. When nothing of its chunk goes through and all say the same, it is what
 * they have in common: the request's model, or the database's table. And so is
 * the table when more rows of a service are refused in a run than rows can be
 * bad, each for a reason of its own.
 */
#include "sync/chunk/chunk_impl.h"

#include <stdio.h>

enum { CHUNK_ROWS_LEAST = 50, CHUNK_ROWS_PERCENT = 1 };

static void chunk_verdict_suspect(
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
    struct str reason = arena_dup(m->page->arena, str_of(err->msg));

    if (!m->failed_before)
        chunk_verdict_suspect(&c->verdict, err, words);
    m->reason = reason.p == NULL ? err_name(err->code) : reason.p;
    m->refused = err->code != ERR_PROTOCOL; /* garbage may be a bad moment */
}

/* As many may be refused in a run; beyond it the table is at fault. */
static bool chunk_verdict_too_many_rows(const struct row_faults *rows)
{
    uint64_t share = rows->received * CHUNK_ROWS_PERCENT / 100;

    return rows->refused >
           (share > CHUNK_ROWS_LEAST ? share : CHUNK_ROWS_LEAST);
}

bool chunk_blame_row(struct chunk *c, struct page_item *m, const struct err *e)
{
    struct row_faults *rows = c->group->rows;
    struct err err = *e;

    chunk_blame(c, m, e, c->store.fault);
    if (!m->failed_before)
        rows->refused++;
    if (!chunk_verdict_too_many_rows(rows))
        return true;
    c->p->all_refused = true;
    err.code = ERR_CONFIG;
    err_wrap(&err,
        "the table is at fault: the database refused %llu of the service's "
        "rows, the last one for this",
        (unsigned long long)rows->refused);
    c->unstorable = true;
    chunk_fail(c, &err);
    return false;
}

static bool chunk_verdict_is_nobodys_fault(const struct chunk_verdict *v)
{
    return v->passed == 0 && v->refused >= 2 && v->same_words;
}

bool chunk_judge(struct chunk *c)
{
    struct err err = c->verdict.first;

    if (chunk_verdict_is_nobodys_fault(&c->verdict)) {
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
