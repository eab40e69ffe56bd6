/* What an answer says about further pages: has_more, total, limit. */
#include "record/envelope_impl.h"

#include "base/text.h"
#include <strings.h>

/* A whole number in text form, as normalized_fields has it. */
static bool envelope_paging_text_int(struct str text, int64_t *out)
{
    int64_t value = 0;

    if (text.len == 0 || text.len > 18)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        value = value * 10 + (text.p[i] - '0');
    }
    *out = value;
    return true;
}

static bool envelope_paging_is_word(struct str text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.p, word, text.len) == 0;
}

enum truth { TRUTH_ABSENT, TRUTH_NO, TRUTH_YES, TRUTH_ODD };

static enum truth envelope_paging_text_truth(struct str text)
{
    static const char *const yes[] = {"true", "1", "yes"};
    static const char *const no[] = {"false", "0", "no"};

    text = text_trim(text);
    if (text.len == 0 || envelope_paging_is_word(text, "none") ||
        envelope_paging_is_word(text, "null"))
        return TRUTH_ABSENT;
    for (int i = 0; i < 3; i++) {
        if (envelope_paging_is_word(text, yes[i]))
            return TRUTH_YES;
        if (envelope_paging_is_word(text, no[i]))
            return TRUTH_NO;
    }
    return TRUTH_ODD;
}

static enum truth envelope_paging_json_truth(yyjson_val *v)
{
    int64_t number;

    if (v == NULL || yyjson_is_null(v))
        return TRUTH_ABSENT;
    if (yyjson_is_bool(v))
        return yyjson_is_true(v) ? TRUTH_YES : TRUTH_NO;
    if (yyjson_is_str(v))
        return envelope_paging_text_truth(json_str(v));
    if (json_int(v, &number) && (number == 0 || number == 1))
        return number == 1 ? TRUTH_YES : TRUTH_NO;
    return TRUTH_ODD;
}

/* The first line of a value, for a message. */
static struct str envelope_paging_odd_text(
    const struct envelope_reader *r, yyjson_val *v)
{
    struct buf text;
    struct str copy;

    if (yyjson_is_ctn(v))
        return str_of(yyjson_get_type_desc(v));
    buf_init(&text, 1 << 20);
    json_write(&text, v, NULL);
    copy = arena_dup(r->a, envelope_first_line(buf_view(&text)));
    buf_free(&text);
    return copy;
}

/* Takes what a place says; false when that decides nothing. */
static bool envelope_paging_take_truth(
    const struct envelope_reader *r, enum truth truth)
{
    r->view->has_more_known = truth == TRUTH_YES || truth == TRUTH_NO;
    r->view->has_more = truth == TRUTH_YES;
    return r->view->has_more_known;
}

/* The first place that says it so that it is understood. */
static void envelope_paging_find_has_more(
    const struct envelope_reader *r, yyjson_val *const *places, size_t n)
{
    struct page_view *view = r->view;
    struct str field = envelope_field_of(r->envelope, "has_more");

    for (size_t i = 0; i < n; i++) {
        yyjson_val *v = json_member(places[i], "has_more");
        enum truth truth = envelope_paging_json_truth(v);

        if (envelope_paging_take_truth(r, truth))
            return;
        if (truth == TRUTH_ODD && view->has_more_odd.len == 0)
            view->has_more_odd = envelope_paging_odd_text(r, v);
    }
    if (!envelope_paging_take_truth(r, envelope_paging_text_truth(field)) &&
        envelope_paging_text_truth(field) == TRUTH_ODD &&
        view->has_more_odd.len == 0)
        view->has_more_odd = envelope_shown(r, field);
}

/* The first of the places that says how many; `least` is what makes sense. */
static int64_t envelope_paging_find_number(const struct envelope_reader *r,
    yyjson_val *const *places, size_t n, const char *name, int64_t least)
{
    int64_t value;

    for (size_t i = 0; i < n; i++) {
        if (json_int(json_member(places[i], name), &value) && value >= least)
            return value;
    }
    if (envelope_paging_text_int(
            envelope_field_of(r->envelope, name), &value) &&
        value >= least)
        return value;
    return -1;
}

/* A single item says nothing about pages. */
void envelope_read_paging(const struct envelope_reader *r)
{
    struct page_view *view = r->view;
    yyjson_val *places[] = {json_member(r->root, "data"),
        json_member(r->root, "metadata"), json_member(r->result, "data"),
        r->result, json_member(r->result, "metadata"), r->root};
    size_t n = sizeof(places) / sizeof(*places);

    for (size_t i = 0; i < n; i++) {
        if (places[i] == view->items)
            places[i] = NULL;
    }
    envelope_paging_find_has_more(r, places, n);
    view->total = envelope_paging_find_number(r, places, n, "total", 0);
    view->limit = envelope_paging_find_number(r, places, n, "limit", 1);
}
