/*
 * Dead letters of a page. An item that cannot be stored becomes one, known by
 * the item's digest. While it stays as it is, and what is made of it too, it
 * is not tried again: it fails as soon as the look-up has found its letter.
 * When an item with that id is stored after all, its letters are resolved.
 */
#include "sync/page/page_impl.h"

#include "base/text.h"

/* Of the letters of a page, beside those that are tried again from there. */
enum { PAYLOADS_BYTES = 4 * 1024 * 1024 };

/* An item that was kept stays the letter's that it was kept in. */
static void page_letters_item_digest(const struct page *page,
    const struct page_item *it, uint8_t out[SHA256_BYTES])
{
    struct sha256 digest;

    if (page->letters != NULL) {
        memcpy(out, page->letters[it - page->items], SHA256_BYTES);
        return;
    }
    sha256_init(&digest);
    json_digest(&digest, it->value);
    sha256_end(&digest, out);
}

/* Skipping */

static bool page_letters_is_same_item(const struct page *page,
    const struct page_item *it, const struct open_letter *letter)
{
    uint8_t digest[SHA256_BYTES];

    page_letters_item_digest(page, it, digest);
    return memcmp(digest, letter->digest, SHA256_BYTES) == 0;
}

void page_skip_known(struct page *page)
{
    const struct lookup_req *lookup = &page->busy->lookup;

    for (size_t i = 0; i < lookup->nletters; i++) {
        const struct open_letter *letter = &lookup->letters[i];
        struct page_item *it = page->busy->open[letter->item];

        it->has_letter = true;
        if (!page_letters_is_same_item(page, it, letter))
            continue;
        it->failed_before = true;
        if (!letter->known || it->outcome != ITEM_OPEN)
            continue;
        it->outcome = ITEM_FAILED;
        it->suppressed = true;
        it->reason = "failed before and has not changed";
        it->change = CHANGE_NONE;
    }
}

#define ENDED_THE_PROCESS "ended the process 3 times"

void page_set_aside(struct page *page)
{
    for (size_t i = 0; i < page->busy->lookup.n; i++) {
        struct page_item *it = page->busy->open[i];

        if (it->outcome != ITEM_OPEN || it->change == CHANGE_NONE)
            continue;
        it->outcome = ITEM_FAILED;
        it->refused = true;
        it->reason = ENDED_THE_PROCESS;
        it->change = CHANGE_NONE;
        return;
    }
}

/* Nothing is known of it but where it is. */
static int write_unread_letter(struct page *page, struct dead_letter *letter)
{
    struct buf text;
    struct sha256 digest;

    buf_init(&text, PAYLOAD_BYTES);
    buf_printf(&text, "{\"page\":%d,\"limit\":1}", page->number);
    *letter = (struct dead_letter){
        .reason = ENDED_THE_PROCESS ", whenever it was read",
        .payload = arena_dup(&page->busy->passing, buf_view(&text))};
    sha256_init(&digest);
    sha256_add_field(&digest, STR("a page that was not read"));
    sha256_add_field(&digest, buf_view(&text));
    sha256_end(&digest, letter->digest);
    buf_free(&text);
    return letter->payload.p == NULL ? ERR_NOMEM : 0;
}

/* What a page has to say */

/*
 * One that was tried, if there is one. Skipped ones can be new to the run, too:
 * it was stopped after their letters were written, and is resumed.
 */
const struct page_item *page_first_failure(const struct page *page)
{
    const struct page_item *suppressed = NULL;

    for (size_t i = 0; i < page->view.n; i++) {
        const struct page_item *it = &page->items[i];

        if (it->reason != NULL && !it->suppressed)
            return it;
        if (it->reason != NULL && suppressed == NULL)
            suppressed = it;
    }
    return suppressed;
}

uint64_t page_new_letters(const struct page *page)
{
    return page->busy->checkpoint.nletters -
           page->busy->checkpoint.known_letters;
}

/*
 * Only what was tried: what has no id or text, or is known, needs no embedder
 * or database to be seen for what it is.
 */
bool page_clear_blame(struct page *page)
{
    bool any = false;

    for (size_t i = 0; i < page->view.n; i++) {
        struct page_item *it = &page->items[i];

        if (it->reason == NULL || it->change == CHANGE_NONE)
            continue;
        it->reason = NULL;
        any = true;
    }
    return any;
}

/* Writing */

/* Pages are checkpointed in the source's order: this one's items are later than
 * those whose letters are there. */
static bool page_letters_is_resolved(
    const struct page *page, const struct page_item *it)
{
    return (it->has_letter || page->ctx->made_letters) &&
           (it->outcome == ITEM_STORED || it->outcome == ITEM_UNCHANGED);
}

/*
 * Of an item that may pass all of it, for it is tried again from there. Of the
 * others what shows a person which it is, and no more than `most`: an item may
 * have megabytes, and a page nothing but such letters.
 */
static int page_letters_write_payload(struct page *page,
    const struct page_item *it, size_t most, struct str *payload)
{
    struct buf text;

    if (it->passing)
        most = TEXT_BYTES;
    buf_init(&text, most + 1); /* a byte more shows where to cut */
    text.cuts = true;
    json_write(&text, it->value, NULL);
    *payload = arena_dup(&page->busy->passing, utf8_cut(buf_view(&text), most));
    buf_free(&text);
    return payload->p == NULL ? ERR_NOMEM : 0;
}

static int write_letter(struct page *page, const struct page_item *it,
    size_t most, struct dead_letter *letter)
{
    *letter = (struct dead_letter){.content_id = it->item.content_id,
        .reason = it->reason,
        .refused = it->refused,
        .passing = it->passing,
        .suppressed = it->suppressed,
        .payload = STR("")};
    page_letters_item_digest(page, it, letter->digest);
    if (it->suppressed)
        return 0;
    return page_letters_write_payload(page, it, most, &letter->payload);
}

/* For the pages behind this one. */
void page_note_letters(struct page *page)
{
    for (size_t i = 0; i < page->view.n; i++)
        if (page->items[i].reason != NULL && page->items[i].passing)
            page->ctx->made_letters = true;
}

/* Each letter may have its share of the room that those before it have left. */
static int page_letters_write_all(
    struct page *page, struct dead_letter *letters, size_t n)
{
    struct checkpoint_req *req = &page->busy->checkpoint;
    size_t room = PAYLOADS_BYTES;

    for (size_t i = 0; i < page->view.n; i++) {
        const struct page_item *it = &page->items[i];
        struct dead_letter *letter = &letters[req->nletters];
        size_t most = PAYLOAD_BYTES;

        if (it->reason == NULL)
            continue;
        if (room / (n - req->nletters) < most)
            most = room / (n - req->nletters);
        if (write_letter(page, it, most, letter) < 0)
            return ERR_NOMEM;
        req->nletters++;
        room -= it->passing ? 0 : letter->payload.len;
    }
    return 0;
}

static void page_letters_note_resolved(struct page *page, struct str *resolved)
{
    struct checkpoint_req *req = &page->busy->checkpoint;

    for (size_t i = 0; i < page->view.n; i++)
        if (page_letters_is_resolved(page, &page->items[i]))
            resolved[req->nresolved++] = page->items[i].item.content_id;
}

int page_write_letters(struct page *page)
{
    struct checkpoint_req *req = &page->busy->checkpoint;
    struct arena *passing = &page->busy->passing;
    struct dead_letter *letters;
    struct str *resolved;
    size_t nletters = page->unread, nresolved = 0;

    for (size_t i = 0; i < page->view.n; i++) {
        nletters += page->items[i].reason != NULL;
        nresolved += page_letters_is_resolved(page, &page->items[i]);
    }
    letters = arena_calloc(passing, nletters, sizeof(*letters));
    resolved = arena_calloc(passing, nresolved, sizeof(*resolved));
    if (letters == NULL || resolved == NULL)
        return ERR_NOMEM;
    req->letters = letters;
    req->resolved = resolved;
    if (page->unread)
        return write_unread_letter(page, &letters[req->nletters++]);
    page_letters_note_resolved(page, resolved);
    return page_letters_write_all(page, letters, nletters);
}
