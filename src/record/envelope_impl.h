/* What the files of the envelope share among themselves. */
#ifndef RECORD_ENVELOPE_IMPL_H
#define RECORD_ENVELOPE_IMPL_H

#include "record/envelope.h"

/* An answer that is being understood. All borrowed. */
struct envelope_reader {
    const struct envelope *envelope;
    const char *service;
    const struct schema *schema; /* may be NULL */
    yyjson_val *root;
    yyjson_val *result; /* successfulResult; may be NULL or null */
    struct json_flaws flaws;
    struct arena *a;
    struct page_view *view;
    struct err *err;
};

/* A normalized field, trimmed; len 0 when there is none of that name. */
struct str envelope_field_of(const struct envelope *e, const char *name);

/* The first line of what a source says, bounded, for a message. */
struct str envelope_first_line(struct str text);

/* The same of a text that need not be UTF-8; lives in the arena. */
struct str envelope_shown(const struct envelope_reader *r, struct str text);

/* What the answer says about further pages (envelope_paging.c). */
void envelope_read_paging(const struct envelope_reader *r);

/*
 * Mends items that cannot be read as they are, and notes why (ERR_NOMEM); says
 * where a page that is not JSON breaks (envelope_flaws.c).
 */
int envelope_mend_items(const struct envelope_reader *r);
int envelope_set_broken(const struct envelope_reader *r, const struct err *why);

#endif
