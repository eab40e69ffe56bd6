/*
 * Searching what was stored: by vector (search_vector.c), by words
 * (search_text.c). Both find pieces; ops/search folds pieces into items and
 * fuses the two.
 */
#ifndef DB_SEARCH_SEARCH_H
#define DB_SEARCH_SEARCH_H

#include "db/store/store.h"

enum { SEARCH_FIELDS = 16 };

/* What a piece must be to be found. All borrowed. */
struct search_filter {
    const char *tenant;
    const char *service; /* the schema's service_name; NULL: all */
    const char *names[SEARCH_FIELDS], *values[SEARCH_FIELDS]; /* of metadata */
    size_t nfields;
    const char *since, *until; /* updated_at, ISO with a zone; NULL: open */
};

struct search_hit {
    struct str service; /* the microservice's name; "" if it has none */
    struct str content_id;
    int chunk_index;
    double score;       /* by vector: cosine, -1 .. 1; by text: > 0 */
    double similarity;  /* cosine; NAN: there was no vector to compare with */
    bool phrase;        /* by text: the words stand there in a row */
    struct str title;   /* metadata.title, else "" */
    struct str preview; /* by vector the first 200 characters of the text, by
                           text what stands around the words */
};

/* The stored pieces nearest to a vector. */
struct search_vector_req {
    struct op op;
    struct arena *arena; /* the answer's memory; the caller's */
    const struct search_filter *filter;
    const float *vector;
    int dimensions;
    int limit; /* hits, > 0 */
    /* Out: nearest first. */
    struct search_hit *hits;
    size_t nhits;
};

void search_vectors(struct store *s, struct search_vector_req *req);

/*
 * The language of a service's texts: the name of a text search configuration
 * of PostgreSQL ("english"). Services that are not listed have "simple", which
 * takes words as they are.
 */
struct search_language {
    const char *service; /* the schema's service_name */
    const char *name;
};

/* What is known before texts are searched. */
enum search_index {
    SEARCH_INDEXED,  /* the full-text index answers */
    SEARCH_EXACT,    /* there is none: every text is read */
    SEARCH_TOO_LARGE /* there is none, and the table is larger than `most` */
};

enum search_text_stage {
    TEXT_STAGE_LOOK,     /* for the index, and at the query in its languages */
    TEXT_STAGE_NO_INDEX, /* at the query in the services' languages */
    TEXT_STAGE_FIND
};

/* The stored pieces that hold the words of a text. */
struct search_text_req {
    struct op op;
    struct arena *arena; /* the answer's memory; the caller's */
    const struct search_filter *filter;
    struct str text;
    const struct search_language *languages; /* where there is no index */
    size_t nlanguages;
    const float *vector; /* for the hits' similarity; NULL: none is told */
    int dimensions;
    int limit;    /* hits, > 0 */
    int passages; /* so many hits have a passage around the words */
    int64_t most; /* rows to read at most where there is no index; 0: all */
    /* Out: best first. None when the text has no word, or it is too large. */
    struct search_hit *hits;
    size_t nhits;
    enum search_index index;
    enum search_text_stage stage; /* the search's own */
};

void search_texts(struct store *s, struct search_text_req *req);

#endif
