/*
 * A static embedding model, as the model2vec family publishes them: a table
 * with a row a token. A text's vector is the mean of its tokens' rows.
 *
 *   model.safetensors   "embeddings"; optionally "mapping" (token to row) and
 *                       "weights" (of a token)
 *   tokenizer.json      see wordpiece.h
 *   config.json         "normalize": false leaves the vectors' length as it is
 */
#ifndef EMBED_STATIC_MODEL_H
#define EMBED_STATIC_MODEL_H

#include "embed/static/wordpiece.h"

struct static_model;

/*
 * Opens the folder; the table stays mapped. ERR_CONFIG says which file is
 * wrong and why; ERR_NOMEM. Reads every byte once, for the digest.
 */
int static_model_open(
    struct static_model **m, const char *folder, struct err *err);

/* NULL is fine. */
void static_model_close(struct static_model *m);

/* Length of its vectors. */
int static_model_dimensions(const struct static_model *m);

/* "static-" and a digest of the three files: models of one name make the same
 * vectors. Lives as long as the model. */
const char *static_model_name(const struct static_model *m);

/* Working memory, kept from text to text. All zeroes to begin with. */
struct static_work {
    struct wordpiece_work tokens;
    float *sums;   /* owned */
    double *total; /* owned */
};

/*
 * Fills vector[dimensions]. ERR_PROTOCOL: the model knows no word of the text,
 * so that no vector can say anything about it. ERR_NOMEM.
 */
int static_model_embed(const struct static_model *m, struct static_work *work,
    struct str text, float *vector, struct err *err);

void static_work_free(struct static_work *work);

#endif
