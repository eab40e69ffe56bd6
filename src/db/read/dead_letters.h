/*
 * Dead letters outside a checkpoint: finding them during a lookup, and marking
 * them to be tried again.
 */
#ifndef DB_READ_DEAD_LETTERS_H
#define DB_READ_DEAD_LETTERS_H

#include "db/call.h"
#include "sync/ports.h"

/* What reasons that differ in numbers alone have in common. */
#define LETTER_KIND "regexp_replace(reason, '[0-9]+', '#', 'g')"

/* Adds the statement that finds the open letters of `ids`, a text array. */
void dead_letters_add(
    struct call *c, const struct scope *scope, struct pg_param ids);

/* Reads its result into req->letters; ERR_NOMEM. */
int dead_letters_take(const struct pg_result *r, struct lookup_req *req);

/* ports.due_letters. */
void dead_letters_due(
    struct pg_pool *pool, struct loop *loop, struct due_letters_req *req);

/* Marks open letters so that the next run that meets them tries them. */
struct retry_letters_req {
    struct op op;
    struct arena *arena; /* the answer's memory; the caller's */
    const char *tenant;
    const char **services; /* registered or schemas' names; 0: all */
    size_t nservices;
    const char **ids; /* content ids; 0: all */
    size_t nids;
    const char *kind; /* of their reason (LETTER_KIND); NULL: any */
    /* Out. */
    uint64_t letters;   /* how many */
    const char **names; /* their services: registered names, sorted */
    size_t nnames;
};

void dead_letters_retry(
    struct pg_pool *pool, struct loop *loop, struct retry_letters_req *req);

#endif
