/*
 * Stored items that a trigger of the table changed: no error, for the trigger
 * is somebody's wish, but readers see what it made of them. The first few are
 * kept by name, the others are only counted (struct counts).
 */
#ifndef SYNC_PAGE_ALTERED_H
#define SYNC_PAGE_ALTERED_H

#include "sync/page/page.h"

enum { ALTERED_NAMED = 8, ALTERED_ID_CHARS = 64, ALTERED_NAME_BYTES = 288 };

/* Of a service; begins zeroed. */
struct altered {
    int named;
    size_t len;
    char names[ALTERED_NAMED * (ALTERED_NAME_BYTES + sizeof("; "))];
};

/* Adds those of a page that has ended. */
void altered_note(struct altered *a, const struct page *page);

/* The sentence about them, of which there are n; false: there are none. */
bool altered_say(const struct altered *a, uint64_t n, struct err *out);

#endif
