/* The stored rows, in memory. */
#include "world.h"

#include <stdlib.h>

static bool same_key(
    const struct sim_row *row, int service, struct str id, int chunk_index)
{
    return row->service == service && row->chunk_index == chunk_index &&
           str_eq(str_of(row->id), id);
}

static struct sim_row *find(
    const struct database *db, int service, struct str id, int chunk_index)
{
    for (size_t i = 0; i < db->n; i++)
        if (same_key(&db->rows[i], service, id, chunk_index))
            return &db->rows[i];
    return NULL;
}

static struct sim_row *add(struct database *db)
{
    if (db->n == db->size) {
        db->size = db->size * 2 + 64;
        db->rows = realloc(db->rows, db->size * sizeof(*db->rows));
        if (db->rows == NULL)
            abort();
    }
    db->rows[db->n] = (struct sim_row){.service = 0};
    return &db->rows[db->n++];
}

static char *keep(char *old, struct str s)
{
    char *copy = malloc(s.len + 1);

    if (copy == NULL)
        abort();
    memcpy(copy, s.p, s.len);
    copy[s.len] = '\0';
    free(old);
    return copy;
}

static int seq_of(const char *metadata)
{
    const char *at = strstr(metadata, "\"title\":");

    CHECK(at != NULL);
    return atoi(at + 8);
}

/* A row that keeps its vector keeps the mark of another writer, too. */
static void note_written(
    struct sim_row *row, const struct store_row *in, uint64_t now_ms)
{
    row->written = keep(row->written, in->content_text);
    row->repairs = in->repairs;
    row->touched = row->touched && in->vector == NULL;
    if (in->vector != NULL)
        memcpy(row->written_vector, in->vector, sizeof(row->vector));
    if (!row->touched)
        row->written_ms = now_ms;
}

static void apply_row(struct database *db, int service,
    const struct store_row *in, uint64_t now_ms)
{
    struct sim_row *row = find(db, service, in->content_id, in->chunk_index);

    if (in->vector == NULL) {
        CHECK(row != NULL);
    } else {
        if (row == NULL) {
            row = add(db);
            row->service = service;
            row->chunk_index = in->chunk_index;
            memcpy(row->id, in->content_id.p, in->content_id.len);
        }
        memcpy(row->vector, in->vector, sizeof(row->vector));
    }
    row->text = keep(row->text, in->content_text);
    row->metadata = keep(row->metadata, in->metadata);
    row->seq = seq_of(row->metadata);
    memcpy(row->embed_hash, in->embed_hash, SHA256_BYTES);
    memcpy(row->row_hash, in->row_hash, SHA256_BYTES);
    note_written(row, in, now_ms);
    db->writes++;
}

static void free_row(struct sim_row *row)
{
    free(row->text);
    free(row->metadata);
    free(row->written);
}

static void apply_trim(
    struct database *db, int service, const struct store_trim *trim)
{
    for (size_t i = 0; i < db->n;) {
        struct sim_row *row = &db->rows[i];

        if (row->service == service && row->chunk_index >= trim->from &&
            str_eq(str_of(row->id), trim->content_id)) {
            free_row(row);
            *row = db->rows[--db->n];
            db->writes++;
        } else {
            i++;
        }
    }
}

void database_apply(struct database *db, int service,
    const struct store_req *req, uint64_t now_ms)
{
    for (size_t i = 0; i < req->nrows; i++)
        apply_row(db, service, &req->rows[i], now_ms);
    for (size_t i = 0; i < req->ntrims; i++)
        apply_trim(db, service, &req->trims[i]);
}

void database_change(struct sim_row *row, bool text, bool vector)
{
    if (text)
        row->text = keep(row->text, STR("another program's text"));
    if (vector)
        row->vector[0] += 1;
    row->touched = true;
}

void database_add(
    struct database *db, int service, const char *id, int chunk_index)
{
    struct sim_row *row = add(db);

    row->service = service;
    row->chunk_index = chunk_index;
    strcpy(row->id, id);
    row->text = keep(NULL, STR("another program's piece"));
    row->metadata = keep(NULL, STR("{}"));
}

bool database_is_altered(const struct sim_row *row)
{
    return row->written != NULL && row->touched &&
           (strcmp(row->text, row->written) != 0 ||
               memcmp(row->vector, row->written_vector, sizeof(row->vector)) !=
                   0);
}

enum { REST_MS = REPAIR_DAYS * 24 * 3600 * 1000 };

static void take(struct stored_row *out, const struct sim_row *row, size_t i,
    uint64_t now_ms)
{
    out->item = (uint32_t)i;
    out->chunk_index = row->chunk_index;
    out->hashed = row->written != NULL;
    out->altered = database_is_altered(row);
    if (out->hashed) {
        uint8_t hash[SHA256_BYTES];

        sha256_of(str_of(row->written), hash);
        memcpy(out->text_hash, hash, TEXT_HASH_BYTES);
    }
    out->repairs = row->written_ms + REST_MS > now_ms ? row->repairs : 0;
    memcpy(out->embed_hash, row->embed_hash, SHA256_BYTES);
    memcpy(out->row_hash, row->row_hash, SHA256_BYTES);
}

static size_t count_rows(const struct database *db, int service, struct str id)
{
    size_t n = 0;

    for (size_t i = 0; i < db->n; i++)
        n += db->rows[i].service == service &&
             str_eq(str_of(db->rows[i].id), id);
    return n;
}

int database_lookup(const struct database *db, int service,
    struct lookup_req *req, uint64_t now_ms)
{
    req->rows = arena_calloc(req->arena, db->n + 1, sizeof(*req->rows));
    req->nrows = 0;
    if (req->rows == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < req->n; i++) {
        size_t left = count_rows(db, service, req->ids[i]);

        for (int k = 0; left > 0; k++) { /* there may be gaps */
            const struct sim_row *row = find(db, service, req->ids[i], k);

            if (row == NULL)
                continue;
            take(&req->rows[req->nrows++], row, i, now_ms);
            left--;
        }
    }
    return 0;
}

void database_free(struct database *db)
{
    for (size_t i = 0; i < db->n; i++)
        free_row(&db->rows[i]);
    free(db->rows);
    *db = (struct database){.n = 0};
}
