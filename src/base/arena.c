#include "base/arena.h"

#include "base/err.h"
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#endif
#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { ALIGN = 16, BLOCK_BYTES = 32 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* bytes of data */
    size_t used;
    _Alignas(ALIGN) unsigned char data[];
};

struct arena_cleanup {
    struct arena_cleanup *next;
    void (*fn)(void *ptr);
    void *ptr;
};

void arena_init(struct arena *a, size_t cap_bytes)
{
    *a = (struct arena){.cap_bytes = cap_bytes == 0 ? SIZE_MAX : cap_bytes};
}

void arena_free(struct arena *a)
{
    struct arena_block *next;

    for (struct arena_cleanup *c = a->cleanups; c != NULL; c = c->next)
        c->fn(c->ptr);
    for (struct arena_block *b = a->head; b != NULL; b = next) {
        next = b->next;
        ASAN_UNPOISON_MEMORY_REGION(b->data, b->size);
        free(b);
    }
    arena_init(a, a->cap_bytes);
}

/* Never inlined: GCC 14 takes the poisoning of fresh memory for a read of it.
 */
static void arena_poison(struct arena_block *b) __attribute__((noinline));

static void arena_poison(struct arena_block *b)
{
    ASAN_POISON_MEMORY_REGION(b->data, b->size);
}

static struct arena_block *arena_block_new(struct arena *a, size_t size)
{
    size_t bytes = sizeof(struct arena_block) + size;
    struct arena_block *b;

    if (bytes < size || bytes > a->cap_bytes ||
        a->used_bytes > a->cap_bytes - bytes)
        return NULL;
    b = malloc(bytes);
    if (b == NULL)
        return NULL;
    b->size = size;
    b->used = 0;
    a->used_bytes += bytes;
    arena_poison(b);
    return b;
}

/*
 * A request that would waste much of a fresh block gets a block of its own,
 * kept behind the head so that the head's free space stays in use.
 */
static struct arena_block *arena_block_for(struct arena *a, size_t size)
{
    struct arena_block *b = a->head;
    bool own = size > BLOCK_BYTES / 4;

    if (b != NULL && b->size - b->used >= size)
        return b;
    b = arena_block_new(a, own ? size : BLOCK_BYTES);
    if (b == NULL)
        return NULL;
    if (own && a->head != NULL) {
        b->next = a->head->next;
        a->head->next = b;
    } else {
        b->next = a->head;
        a->head = b;
    }
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_block *b;
    size_t rounded = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    void *p;

    if (rounded < size)
        return NULL;
    if (rounded == 0)
        rounded = ALIGN;
    b = arena_block_for(a, rounded);
    if (b == NULL)
        return NULL;
    p = b->data + b->used;
    b->used += rounded;
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    return p;
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
    void *p;

    if (size != 0 && n > SIZE_MAX / size)
        return NULL;
    p = arena_alloc(a, n * size);
    if (p != NULL)
        memset(p, 0, n * size);
    return p;
}

struct str arena_dup(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.len + 1);

    if (p == NULL)
        return (struct str){NULL, 0};
    if (s.len > 0)
        memcpy(p, s.p, s.len);
    p[s.len] = '\0';
    return (struct str){p, s.len};
}

int arena_defer(struct arena *a, void (*fn)(void *ptr), void *ptr)
{
    struct arena_cleanup *c = arena_alloc(a, sizeof(*c));

    if (c == NULL)
        return ERR_NOMEM;
    *c = (struct arena_cleanup){.next = a->cleanups, .fn = fn, .ptr = ptr};
    a->cleanups = c;
    return 0;
}

int arena_adopt(struct arena *a, void *ptr, size_t size)
{
    if (size > a->cap_bytes - a->used_bytes || arena_defer(a, free, ptr) < 0) {
        free(ptr);
        return ERR_NOMEM;
    }
    a->used_bytes += size;
    return 0;
}
