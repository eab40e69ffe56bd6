#include "db/store/store_part.h"

#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>

static int part_compare_rows(const void *a, const void *b)
{
    const struct store_row *x = *(const struct store_row *const *)a;
    const struct store_row *y = *(const struct store_row *const *)b;
    size_t len = x->content_id.len < y->content_id.len ? x->content_id.len
                                                       : y->content_id.len;
    int order = memcmp(x->content_id.p, y->content_id.p, len);

    if (order == 0 && x->content_id.len != y->content_id.len)
        order = x->content_id.len < y->content_id.len ? -1 : 1;
    if (order == 0)
        order = (x->chunk_index > y->chunk_index) -
                (x->chunk_index < y->chunk_index);
    return order;
}

int part_init(struct part *p, struct arena *a, const struct store_req *req,
    bool with_vector)
{
    *p = (struct part){.n = 0};
    p->rows = arena_alloc(a, req->nrows * sizeof(p->rows[0]));
    if (p->rows == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < req->nrows; i++) {
        const struct store_row *row = &req->rows[i];

        if ((row->vector != NULL) != with_vector)
            continue;
        p->rows[p->n++] = row;
        p->id_bytes += row->content_id.len;
        p->text_bytes += row->content_text.len;
        p->meta_bytes += row->metadata.len;
    }
    if (p->n > 0)
        qsort(p->rows, p->n, sizeof(p->rows[0]), part_compare_rows);
    return 0;
}

void part_stored_at(char out[STORED_AT_BYTES], int64_t ms)
{
    char iso[ISO_BYTES];

    iso_from_ms(ms, iso);
    snprintf(out, STORED_AT_BYTES, ",\"_stored_at\":\"%s\"}", iso);
}

struct part_json part_json(struct str object, const char *tail)
{
    struct part_json json = {.tail = tail};
    size_t len = object.len;

    while (len > 0 && object.p[len - 1] != '}')
        len--;
    len -= len > 0;
    if (len > 0 && object.p[len - 1] == '{') /* {}: no comma */
        json.tail++;
    json.object = (struct str){object.p, len};
    json.bytes = 1 + len + strlen(json.tail);
    return json;
}

void part_json_put(uint8_t *at, const struct part_json *json)
{
    *at++ = 1;
    memcpy(at, json->object.p, json->object.len);
    memcpy(
        at + json->object.len, json->tail, json->bytes - 1 - json->object.len);
}

void part_id_time(char out[ID_TIME_BYTES], int64_t ms)
{
    snprintf(out, ID_TIME_BYTES, "%08x-%04x-7", (unsigned)(ms >> 16),
        (unsigned)(ms & 0xffff));
}
