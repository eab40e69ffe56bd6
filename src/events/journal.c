#include "events/journal.h"

#include <stdio.h>
#include <stdlib.h>

struct journal {
    struct list readers; /* of struct journal_reader.link */
    /* A ring; entry n stands at n % JOURNAL_ENTRIES. */
    struct journal_entry entries[JOURNAL_ENTRIES];
    uint64_t oldest, newest; /* numbers; none: oldest > newest */
    size_t bytes;            /* of the kept entries' data */
};

struct journal *journal_new(void)
{
    struct journal *j = calloc(1, sizeof(*j));

    if (j == NULL)
        abort();
    list_init(&j->readers);
    j->oldest = 1;
    return j;
}

static struct journal_entry *journal_at(struct journal *j, uint64_t number)
{
    return &j->entries[number % JOURNAL_ENTRIES];
}

static void journal_forget_oldest(struct journal *j)
{
    struct journal_entry *e = journal_at(j, j->oldest++);

    j->bytes -= e->data.len;
    free((char *)e->data.p);
    e->data = (struct str){NULL, 0};
}

void journal_free(struct journal *j)
{
    while (j != NULL && j->oldest <= j->newest)
        journal_forget_oldest(j);
    free(j);
}

static void journal_make_room(struct journal *j, size_t len)
{
    while (j->oldest <= j->newest &&
           (j->newest - j->oldest + 1 >= JOURNAL_ENTRIES ||
               j->bytes + len > JOURNAL_BYTES))
        journal_forget_oldest(j);
}

/* One that leaves in its callback may be freed by it. */
static void journal_tell(struct journal *j, const struct journal_entry *e)
{
    struct list *i = j->readers.next, *next;

    for (; i != &j->readers; i = next) {
        struct journal_reader *r = container_of(i, struct journal_reader, link);

        next = i->next;
        r->on_entry(r->arg, e);
    }
}

void journal_add(
    struct journal *j, const char *kind, const char *run_id, struct str data)
{
    struct journal_entry *e;
    char *copy;

    if (data.len > JOURNAL_BYTES / 4)
        return;
    copy = malloc(data.len + 1);
    if (copy == NULL)
        abort();
    memcpy(copy, data.p, data.len);
    copy[data.len] = '\0';
    journal_make_room(j, data.len);
    e = journal_at(j, ++j->newest);
    *e = (struct journal_entry){
        .number = j->newest, .kind = kind, .data = {copy, data.len}};
    snprintf(e->run_id, sizeof(e->run_id), "%s", run_id == NULL ? "" : run_id);
    j->bytes += data.len;
    journal_tell(j, e);
}

uint64_t journal_newest(const struct journal *j)
{
    return j->newest;
}

bool journal_join(struct journal *j, struct journal_reader *r, uint64_t after)
{
    bool whole = after <= j->newest && after + 1 >= j->oldest;

    list_push(&j->readers, &r->link);
    for (uint64_t n = after + 1; whole && n <= j->newest; n++)
        if (!r->on_entry(r->arg, journal_at(j, n)))
            break;
    return whole;
}

void journal_leave(struct journal_reader *r)
{
    if (r->link.next == NULL)
        return;
    list_remove(&r->link);
    r->link = (struct list){NULL, NULL};
}
