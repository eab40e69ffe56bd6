/*
 * An arena: bump allocation in blocks, freed all at once. A page and a chunk
 * each own one. What lives in an arena may borrow from its parent's arena,
 * because a parent outlives its children.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"
#include <stddef.h>

struct arena_block;
struct arena_cleanup;

struct arena {
    struct arena_block *head;       /* owned; newest block first */
    struct arena_cleanup *cleanups; /* owned; run newest first */
    size_t used_bytes;              /* taken from the system */
    size_t cap_bytes;               /* most that may be taken */
};

/* `cap_bytes` bounds what the arena may take from the system; 0: no bound. */
void arena_init(struct arena *a, size_t cap_bytes);

/* Runs the cleanups and frees everything; the arena is as after init. */
void arena_free(struct arena *a);

/*
 * `size` bytes aligned to 16, not zeroed; NULL when the cap or the system's
 * memory is reached (sizes here follow the input, so callers return an error).
 */
void *arena_alloc(struct arena *a, size_t size);

/* `n` zeroed elements of `size` bytes; NULL as above, or on overflow. */
void *arena_calloc(struct arena *a, size_t n, size_t size);

/* A NUL-terminated copy; {NULL, 0} as above. */
struct str arena_dup(struct arena *a, struct str s);

/* Bytes that may still be taken. */
static inline size_t arena_room(const struct arena *a)
{
    return a->cap_bytes - a->used_bytes;
}

/* Takes over memory of malloc(), which counts as its own and goes with it; < 0
 * (freed at once) as above. */
int arena_adopt(struct arena *a, void *ptr, size_t size);

/* Calls fn(ptr) when the arena is freed; < 0 (not registered) as above. */
int arena_defer(struct arena *a, void (*fn)(void *ptr), void *ptr);

#endif
