/*
 * What a request's rows become on their way to the database, whichever way
 * they go: their order, their metadata's form, how their ids begin.
 */
#ifndef DB_STORE_STORE_PART_H
#define DB_STORE_STORE_PART_H

#include "base/arena.h"
#include "sync/ports.h"

/* Rows of a request, in the order in which every writer takes them: two that
 * write the same ones wait for each other, and never in a circle. */
struct part {
    const struct store_row **rows; /* in the arena; the request's */
    size_t n;
    size_t id_bytes, text_bytes, meta_bytes; /* of all */
};

/* Those with a vector, or those without. ERR_NOMEM. */
int part_init(struct part *p, struct arena *a, const struct store_req *req,
    bool with_vector);

enum { STORED_AT_BYTES = 64, ID_TIME_BYTES = 16 };

/* The last member of a row's metadata and the closing brace. */
void part_stored_at(char out[STORED_AT_BYTES], int64_t ms);

/*
 * jsonb in its binary form: a 1 and the text, `object` with the tail in the
 * place of its closing brace. No hash has the tail in it.
 */
struct part_json {
    struct str object; /* without the brace; borrowed */
    const char *tail;  /* borrowed */
    size_t bytes;      /* of all */
};

struct part_json part_json(struct str object, const char *tail);
void part_json_put(uint8_t *at, const struct part_json *json);

/*
 * How the ids of new rows begin: a UUID of version 7 up to its random bits, so
 * that they are added where the newest are in their index, not all over it.
 */
void part_id_time(char out[ID_TIME_BYTES], int64_t ms);

#endif
