/* What the files of the chunk share among themselves. */
#ifndef SYNC_CHUNK_CHUNK_IMPL_H
#define SYNC_CHUNK_CHUNK_IMPL_H

#include "record/pieces/item_pieces.h"
#include "sync/chunk/chunk.h"

/* Moves, asserted against the header's drawing; frees the slot. */
void chunk_move(struct chunk *c, enum chunk_state to);

/* The embedding slot; each has no effect when that is so already. A chunk that
 * wants one gets it before new chunks do. */
void chunk_take_slot(struct chunk *c);
void chunk_want_slot(struct chunk *c);
void chunk_free_slot(struct chunk *c);

/* Goes on from where it is; called when what it waited for has come. */
void chunk_step(struct chunk *c);

/* The range under way is settled; the next one starts with fresh tries. */
void chunk_next_range(struct chunk *c);

/* Says that a call of this chunk is tried again. */
void chunk_note_retry(
    const struct chunk *c, enum call_kind call, const struct err *err);

/* Waits in state `wait` when *err is worth another try. */
bool chunk_retry(struct chunk *c, const struct err *err, enum call_kind call,
    enum chunk_state wait);

/* The end: DONE, and the page hears of it. *err may be c->err itself. */
void chunk_end(struct chunk *c);
void chunk_fail(struct chunk *c, const struct err *err);
void chunk_fail_no_memory(struct chunk *c);

/* An item was refused alone; `words`: what another one would be told, too, if
 * the fault is not theirs (chunk_verdict.c). */
void chunk_blame(struct chunk *c, struct page_item *m, const struct err *err,
    const char *words);

/*
 * One more item was refused alone by the database: false when they are too many
 * for it to be theirs. The chunk has failed then, and the run ends.
 */
bool chunk_blame_row(
    struct chunk *c, struct page_item *m, const struct err *err);

/* Everything was tried: the blamed items fail, or, when no item is at fault,
 * the chunk does (false). */
bool chunk_judge(struct chunk *c);

/* Collects the texts to embed and plans the requests (chunk_embed.c). */
int chunk_collect(struct chunk *c);

/*
 * Passing failures (chunk_doubt.c). chunk_doubt(): the range under way has
 * failed in such a way. chunk_prove(): it was refused before anything had been
 * embedded. chunk_witnessed(): how the witness ended. chunk_step_doubt(): what
 * has to be done before, or instead of, another request; false: nothing.
 * chunk_note_pass(): a request of so many texts has succeeded.
 */
bool chunk_is_passing(int code);

/* Puts a text in at that index (chunk_embed.c); ERR_NOMEM. */
int chunk_embed_add_text(
    struct chunk *c, size_t at, struct str text, size_t member);

/*
 * What is sent for a text (chunk_sent.c): an upper bound of its tokens; those
 * that it has whatever it is cut to; the text itself, which lives until
 * c->sent is freed. ERR_NOMEM.
 */
int chunk_sent_init(struct chunk *c);
size_t chunk_sent_tokens(const struct chunk *c, size_t at);
size_t chunk_sent_title_tokens(const struct chunk *c, size_t at);
int chunk_sent_text(struct chunk *c, size_t at, struct str *out);

/* The pieces of a member's text; ERR_NOMEM. */
int chunk_sent_cut(struct chunk *c, size_t member, struct item_pieces *out);

/*
 * chunk_cut.c. A text that was too long by itself becomes two, which are tried
 * next; false: it cannot be cut.
 */
bool chunk_cut_range(struct chunk *c);

/*
 * The provider said that one of the texts is too long, and perhaps how much so:
 * the others of its item are made of the same. True: there is something to cut,
 * and the range is to be tried again.
 */
bool chunk_note_too_long(struct chunk *c);

/* Before a range is sent: cuts what is as long as what was too long. */
void chunk_cut_long(struct chunk *c);

void chunk_doubt(struct chunk *c, const struct err *err);
void chunk_prove(struct chunk *c, const struct err *err);
void chunk_witnessed(struct chunk *c, const struct err *err);
bool chunk_step_doubt(struct chunk *c);
void chunk_note_pass(struct chunk *c, size_t texts);
bool chunk_has_suspect(const struct chunk *c);

/* A request failed permanently, for any reason; narrows the range or fails. */
void chunk_embed_refused(struct chunk *c, const struct err *err);

/* Halves the range under way; its parts get one try each. */
void chunk_halve(struct chunk *c);

/* Sends a text that belongs to no item; chunk_witnessed() gets the outcome. */
void chunk_send_witness(struct chunk *c);

/* No further request: stores the items that have their vectors, if there are
 * any, and ends with *err. */
void chunk_stop_embedding(struct chunk *c, const struct err *err);

/* EMBED and READY, STORE: does what is next (chunk_embed.c, chunk_store.c). */
void chunk_step_embed(struct chunk *c);
void chunk_step_ready(struct chunk *c);
void chunk_step_store(struct chunk *c);

/* Fills c->store with the rows of the members of c->range that are still
 * open (chunk_rows.c); ERR_NOMEM. */
int chunk_rows(struct chunk *c);

#endif
