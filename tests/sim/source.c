/* Items and pages as pure functions of the seed. */
#include "world.h"

#include <stdio.h>

static uint64_t draw(const struct source *s, int service, int seq, int what)
{
    uint64_t state = s->seed * 1000003u + (uint64_t)service * 7919u +
                     (uint64_t)seq * 104729u + (uint64_t)what * 1299709u;

    return sim_random(&state);
}

static void add_words(struct buf *out, uint64_t random, int n)
{
    static const char *const words[] = {"page", "item", "vector", "שלום",
        "loop", "graph", "größe", "日本語", "queue", "lease"};

    for (int i = 0; i < n; i++) {
        buf_puts(out, words[random % 10]);
        buf_puts(out, i % 9 == 8 ? ".\n\n" : " ");
        random = random / 10 + (uint64_t)i * 31;
    }
}

void source_id(
    const struct source *s, int service, int seq, struct sim_item *out)
{
    uint64_t d = draw(s, service, seq, 1);
    uint64_t flags = draw(s, service, seq, 2);

    out->number = s->unique ? seq : (int)(d % (uint64_t)s->id_space);
    out->tombstone = draw(s, service, seq, 300 + s->renamed) % 1000 <
                     (uint64_t)s->tombstones;
    out->poison = (int)(flags % 1000) < s->poison;
    out->bad_data = !out->poison && (int)(flags / 1000 % 1000) < s->bad_data;
    out->cursed = !out->poison && !out->bad_data &&
                  draw(s, service, seq, 5) % 1000 < (uint64_t)s->cursed;
    if (s->renamed > 0 && draw(s, service, seq, 90 + s->renamed) % 8 == 0)
        out->number += s->id_space * s->renamed;
    if (seq > 0 && (int)(flags / 1000000 % 1000) < s->no_id)
        out->id[0] = '\0';
    else
        snprintf(out->id, sizeof(out->id), "id-%d", out->number);
}

void source_item(
    const struct source *s, int service, int seq, struct sim_item *out)
{
    uint64_t d = draw(s, service, seq, 1);
    bool changed =
        s->version > 0 && draw(s, service, seq, 3 + s->version) % 10 == 0;
    bool blanks; /* nothing but blanks at the end has changed */
    struct buf text;

    source_id(s, service, seq, out);
    blanks = changed && draw(s, service, seq, 4) % 2 == 0;
    buf_init(&text, sizeof(out->text) - 1);
    buf_printf(&text, "service %d seq %d version %d %s%s%s", service, seq,
        changed && !blanks ? s->version : 0, out->poison ? "POISON " : "",
        out->bad_data ? "BADDATA " : "", out->cursed ? "CURSED " : "");
    add_words(&text, d, (int)(d / 7 % 100) < s->long_text ? 90 : 6);
    buf_puts(&text, blanks ? "  " : "");
    snprintf(out->text, sizeof(out->text), "%s", text.data);
    buf_free(&text);
}

static void add_item(
    const struct source *s, int service, int seq, struct buf *out)
{
    struct sim_item item;

    source_item(s, service, seq, &item);
    buf_puts(out, "{\"id\":");
    if (item.id[0] == '\0')
        buf_puts(out, "null");
    else
        buf_json_str(out, str_of(item.id));
    buf_puts(out, ",\"text\":");
    buf_json_str(out, str_of(item.text));
    buf_printf(out, ",\"seq\":%d,\"ignored\":[1,2]", seq);
    buf_puts(out, item.tombstone ? ",\"deleted\":true}" : "}");
}

static void add_items(
    const struct source *s, int service, int lo, int hi, struct buf *out)
{
    buf_char(out, '[');
    for (int seq = lo; seq < hi; seq++) {
        if (seq > lo)
            buf_char(out, ',');
        add_item(s, service, seq, out);
    }
    buf_char(out, ']');
}

int source_limit(const struct source *s, int page, int limit)
{
    int from = 2 + (int)(s->seed % 2);

    return s->manner == LOWERS && page == from && limit > s->lowered
               ? s->lowered
               : limit;
}

/* Of a source that does not page right: which items are on the page. */
static void find_range(
    const struct source *s, int page, int limit, int *lo, int *hi)
{
    int shown = s->manner == ENDS_EARLY ? s->shown : s->items;
    int last = (shown + limit - 1) / limit, full = shown / limit;
    int64_t from;

    if (s->manner == SHRINKS)
        shown -= (page - 1) * (1 + limit / 4);
    if (s->manner == CLAMPED && page > last && last > 0)
        page = last;
    else if (s->manner == IGNORES_PAGE)
        page = 1;
    else if (s->manner == CYCLES && full > 0)
        page = 1 + (page - 1) % full;
    from =
        (int64_t)(page - 1) * (s->manner == SHIFTS ? limit - limit / 3 : limit);
    shown = shown < 0 ? 0 : shown;
    *lo = from > shown ? shown : (int)from;
    *hi = *lo + limit > shown ? shown : *lo + limit;
}

/* What it calls its total; -1: it says nothing. */
static int total_of(const struct source *s, int page, int limit, int lo, int hi)
{
    int left = s->items - (page - 1) * (1 + limit / 4);

    switch (s->manner) {
    case ENDS_EARLY: /* an empty page does not say it again */
        return page == 1 || hi > lo ? s->items : -1;
    case GROWS:
        return hi + (s->items - hi + 1) / 2;
    case SHRINKS:
        return left < 0 ? 0 : left;
    case SHIFTS:
        return s->items + (page - 1) * (limit / 3);
    case LOWERS:
        return s->items;
    default:
        return -1;
    }
}

static void add_page(const struct source *s, int service, int total,
    const char *beside, int lo, int hi, struct buf *out)
{
    buf_puts(out, "{\"data\":{\"items\":");
    add_items(s, service, lo, hi, out);
    if (total >= 0)
        buf_printf(out, ",\"total\":%d", total);
    buf_printf(out, "%s}}", beside);
}

int source_page(const struct source *s, int service, int page, int limit,
    int *lo, int64_t *total, struct buf *out)
{
    int hi, kept = source_limit(s, page, limit);
    char says[32] = "";

    find_range(s, page, kept, lo, &hi);
    *total = total_of(s, page, kept, *lo, hi);
    if (s->manner == LOWERS)
        snprintf(says, sizeof(says), ",\"limit\":%d", kept);
    if (s->manner != HONEST) {
        add_page(s, service, (int)*total, says, *lo, hi, out);
        return hi - *lo;
    }
    switch (draw(s, service, 0, 99) % 4) {
    case 0:
        add_page(s, service, -1,
            hi < s->items ? ",\"has_more\":true" : ",\"has_more\":false", *lo,
            hi, out);
        break;
    case 1:
        *total = s->items + s->items * s->lies / 100;
        buf_puts(out, "{\"successfulResult\":");
        add_page(s, service, (int)*total, "", *lo, hi, out);
        buf_char(out, '}');
        break;
    case 2:
        buf_puts(out, "{\"data\":");
        add_items(s, service, *lo, hi, out);
        buf_char(out, '}');
        break;
    default:
        add_items(s, service, *lo, hi, out);
    }
    return hi - *lo;
}
