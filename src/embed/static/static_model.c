#include "embed/static/static_model.h"

#include "base/crypto.h"
#include "base/io/file.h"
#include "base/io/file_map.h"
#include "base/json.h"
#include "embed/static/tensor_sum.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATH_BYTES = 4096,
    TOKENIZER_BYTES = 64 << 20,
    CONFIG_BYTES = 1 << 20,
    NAME_BYTES = 40,     /* "static-" and half of a digest */
    DIMENSIONS = 16000,  /* at most, as of any vector here */
    ADDED_AS_FLOATS = 64 /* rows, until their sum is kept as doubles */
};

struct static_model {
    struct str table; /* model.safetensors, mapped */
    struct wordpiece *tokens;
    struct tensor rows, mapping, weights; /* the latter two: data may be NULL */
    bool normalize;
    char name[NAME_BYTES];
};

struct opening {
    struct static_model *m;
    const char *folder;
    struct sha256 digest;
    struct err *err;
};

static int static_path(
    struct opening *o, const char *name, char path[PATH_BYTES])
{
    int n = snprintf(path, PATH_BYTES, "%s/%s", o->folder, name);

    if (n < 0 || n >= PATH_BYTES)
        return err_set(o->err, ERR_CONFIG, "the path is too long");
    return 0;
}

static void static_digest(struct opening *o, struct str file)
{
    sha256_add_field(&o->digest, file);
}

/* A small file: fn() reads it. */
static int static_read(struct opening *o, const char *name, size_t cap,
    int (*fn)(struct opening *o, struct str file))
{
    char path[PATH_BYTES];
    struct buf file;
    int rc;

    buf_init(&file, cap);
    rc = static_path(o, name, path);
    if (rc == 0)
        rc = file_read(path, &file, NULL, o->err);
    if (rc == 0) {
        static_digest(o, buf_view(&file));
        rc = fn(o, buf_view(&file));
    }
    buf_free(&file);
    return rc < 0 ? err_wrap(o->err, "%s", name) : 0;
}

static int static_read_tokenizer(struct opening *o, struct str file)
{
    return wordpiece_load(&o->m->tokens, file, o->err);
}

static int static_read_config(struct opening *o, struct str file)
{
    struct arena a;
    yyjson_val *root, *normalize;

    arena_init(&a, 8 * CONFIG_BYTES);
    if (json_parse(&a, file, &root, NULL, o->err) == 0) {
        normalize = json_member(root, "normalize");
        o->m->normalize =
            !yyjson_is_bool(normalize) || yyjson_get_bool(normalize);
    }
    arena_free(&a);
    return o->err->code;
}

/* --- the table --- */

/* One of the two that need not be there: a value a token. */
static int static_find_extra(
    struct opening *o, const char *name, struct tensor *t)
{
    struct err none = {0};

    if (safetensors_find(o->m->table, name, t, &none) == ERR_NOT_FOUND) {
        t->data = NULL;
        return 0;
    }
    if (none.code != 0) {
        *o->err = none;
        return none.code;
    }
    if (t->columns != 1 || t->rows < wordpiece_tokens(o->m->tokens))
        return err_set(o->err, ERR_INVALID,
            "\"%s\" has %zu values where the tokenizer has %zu tokens", name,
            t->rows * t->columns, wordpiece_tokens(o->m->tokens));
    return 0;
}

static bool static_mapping_fits(const struct static_model *m)
{
    for (size_t i = 0; i < m->mapping.rows; i++) {
        double row = tensor_number(&m->mapping, i, 0);

        if (!(row >= 0 && row < (double)m->rows.rows))
            return false;
    }
    return true;
}

static int static_check_table(struct opening *o)
{
    struct static_model *m = o->m;

    if (m->rows.columns > DIMENSIONS)
        return err_set(o->err, ERR_INVALID,
            "its vectors have %zu dimensions; at most %d can be stored",
            m->rows.columns, DIMENSIONS);
    if (m->mapping.data != NULL && !static_mapping_fits(m))
        return err_set(
            o->err, ERR_INVALID, "\"mapping\" names rows that are not there");
    if (m->mapping.data == NULL && m->rows.rows < wordpiece_tokens(m->tokens))
        return err_set(o->err, ERR_INVALID,
            "\"embeddings\" has %zu rows where the tokenizer has %zu tokens",
            m->rows.rows, wordpiece_tokens(m->tokens));
    return 0;
}

static int static_read_table(struct opening *o)
{
    static const char name[] = "model.safetensors";
    char path[PATH_BYTES];
    struct static_model *m = o->m;

    if (static_path(o, name, path) < 0 || file_map(path, &m->table, o->err) < 0)
        return err_wrap(o->err, "%s", name);
    static_digest(o, m->table);
    if (safetensors_find(m->table, "embeddings", &m->rows, o->err) < 0 ||
        static_find_extra(o, "mapping", &m->mapping) < 0 ||
        static_find_extra(o, "weights", &m->weights) < 0 ||
        static_check_table(o) < 0)
        return err_wrap(o->err, "%s", name);
    return 0;
}

static void static_set_name(struct opening *o)
{
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];

    sha256_end(&o->digest, digest);
    hex_encode(digest, sizeof(digest), hex);
    snprintf(o->m->name, sizeof(o->m->name), "static-%.32s", hex);
}

int static_model_open(
    struct static_model **m, const char *folder, struct err *err)
{
    struct opening o = {
        .m = calloc(1, sizeof(*o.m)), .folder = folder, .err = err};

    *m = NULL;
    if (o.m == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a static model");
    err_clear(err);
    sha256_init(&o.digest);
    if (static_read(&o, "config.json", CONFIG_BYTES, static_read_config) < 0 ||
        static_read(
            &o, "tokenizer.json", TOKENIZER_BYTES, static_read_tokenizer) < 0 ||
        static_read_table(&o) < 0) {
        static_model_close(o.m);
        if (err->code != ERR_NOMEM)
            err->code = ERR_CONFIG;
        return err_wrap(err, "the model in %s", folder);
    }
    static_set_name(&o);
    *m = o.m;
    return 0;
}

void static_model_close(struct static_model *m)
{
    if (m == NULL)
        return;
    wordpiece_free(m->tokens);
    file_unmap(m->table);
    free(m);
}

int static_model_dimensions(const struct static_model *m)
{
    return (int)m->rows.columns;
}

const char *static_model_name(const struct static_model *m)
{
    return m->name;
}

/* --- a text --- */

static int static_make_room(const struct static_model *m, struct static_work *w)
{
    if (w->sums == NULL)
        w->sums = malloc(m->rows.columns * sizeof(*w->sums));
    if (w->total == NULL)
        w->total = malloc(m->rows.columns * sizeof(*w->total));
    return w->sums == NULL || w->total == NULL ? ERR_NOMEM : 0;
}

static struct tensor_term static_term(const struct static_model *m, uint32_t id)
{
    struct tensor_term term = {id, 1};

    if (m->mapping.data != NULL)
        term.row = (size_t)tensor_number(&m->mapping, id, 0);
    if (m->weights.data != NULL)
        term.weight = (float)tensor_number(&m->weights, id, 0);
    return term;
}

/* Floats are fast and lose digits when many are added up. */
static void static_add_up(const struct static_model *m, struct static_work *w)
{
    struct tensor_term terms[ADDED_AS_FLOATS];
    size_t columns = m->rows.columns;

    memset(w->total, 0, columns * sizeof(*w->total));
    for (size_t i = 0; i < w->tokens.n;) {
        size_t n = 0;

        for (; n < ADDED_AS_FLOATS && i < w->tokens.n; i++)
            terms[n++] = static_term(m, w->tokens.ids[i]);
        tensor_sum(&m->rows, terms, n, w->sums);
        for (size_t c = 0; c < columns; c++)
            w->total[c] += w->sums[c];
    }
}

static void static_finish(
    const struct static_model *m, const struct static_work *w, float *vector)
{
    double squares = 0, scale = 1 / (double)w->tokens.n;

    for (size_t c = 0; c < m->rows.columns; c++)
        squares += w->total[c] * w->total[c];
    if (m->normalize && squares > 0)
        scale = 1 / sqrt(squares);
    for (size_t c = 0; c < m->rows.columns; c++)
        vector[c] = (float)(w->total[c] * scale);
}

int static_model_embed(const struct static_model *m, struct static_work *work,
    struct str text, float *vector, struct err *err)
{
    if (static_make_room(m, work) < 0 ||
        wordpiece_encode(m->tokens, &work->tokens, text) < 0)
        return err_set(
            err, ERR_NOMEM, "no memory to embed a text of %zu bytes", text.len);
    if (work->tokens.n == 0) {
        memset(vector, 0, m->rows.columns * sizeof(*vector));
        return err_set(err, ERR_PROTOCOL,
            "the static model knows no word of the text: does it know its "
            "language?");
    }
    static_add_up(m, work);
    static_finish(m, work, vector);
    return 0;
}

void static_work_free(struct static_work *work)
{
    wordpiece_work_free(&work->tokens);
    free(work->sums);
    free(work->total);
    *work = (struct static_work){0};
}
