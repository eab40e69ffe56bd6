/*
 * Schemas: a JSON file per service that says which fields an item has, in
 * which order, and how they are labelled. Loaded once at start-up; every
 * fault names file, line and key, and all faults are reported at once.
 */
#ifndef RECORD_SCHEMA_H
#define RECORD_SCHEMA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/strmap.h"

enum field_type {
    FIELD_STRING,
    FIELD_TEXT,
    FIELD_NUMBER,
    FIELD_INTEGER,
    FIELD_BOOLEAN,
    FIELD_DATE,
    FIELD_DATETIME,
    FIELD_OBJECT,
    FIELD_ARRAY
};

const char *schema_type_name(enum field_type type);

struct schema_field {
    struct str name;
    struct str label; /* first word of its description, else the name */
    enum field_type type;
};

/* A part of the id: a field, or where that has no value (or there is no such
 * field) what the path leads to in the item. */
struct schema_id_part {
    long field; /* index into fields; -1: a path alone */
    struct str *path;
    size_t npath; /* 0: no path */
};

/* A declared link: what a field holds, or a path leads to, is the id of an item
 * of a service. */
struct schema_link {
    struct schema_id_part from;
    const char *service; /* as its rows have it, once the set is loaded */
    const char *type;    /* of the edge */
};

/* A record is a tombstone when what its key, or the path, leads to equals the
 * value (deletes/tombstone.h). */
struct schema_deleted_when {
    struct str field;   /* as it stands in the schema */
    struct str *path;   /* the same, taken apart */
    size_t npath;       /* 0: it is a name alone */
    yyjson_val *equals; /* a scalar; in the schema's arena */
};

/* What later pieces of a long text are sent with (pieces/piece_sent.h). */
struct schema_pieces {
    bool prefix;         /* the item's title */
    size_t overlap;      /* so many tokens of the piece before */
    size_t overlap_line; /* of the key; 0: not there */
};

/* Where a schema stands, for the faults that concern two files. */
struct schema_place {
    const char *path;
    size_t name_line, aliases_line; /* of the keys; 0: not there */
};

/* Fields stand in JavaScript's order of data_structure's keys. */
struct schema {
    struct schema_place place;
    const char *stem;         /* file name without .json */
    const char *service_name; /* goes into rows */
    const char *description;  /* NULL: none */
    const char *version;      /* "1.0.0" when the file has none */
    struct schema_field *fields;
    size_t nfields;                  /* >= 1 */
    struct strmap index;             /* field name -> index into fields */
    struct schema_id_part *id_parts; /* the first field, unless given */
    size_t nid_parts;                /* 0: the id is a hash of the item */
    struct schema_link *links;
    size_t nlinks;
    const char **aliases;
    size_t naliases;
    long title_field; /* index into fields; -1: none */
    long url_field;
    const char *language; /* a text search configuration of PostgreSQL's;
                             "simple" when the file has none */
    bool delete_missing;
    struct schema_deleted_when *deleted_when; /* NULL: no record says so */
    bool ignores_total;                       /* "total": "ignore" */
    struct schema_pieces pieces;
};

/* The field that becomes `title` in the metadata; -1: none. */
long schema_title(const struct schema *schema);

static inline bool schema_has_piece_context(const struct schema *schema)
{
    return schema->pieces.prefix || schema->pieces.overlap > 0;
}

struct schema_set {
    struct arena arena; /* owns all below */
    struct schema **schemas;
    size_t n;
    struct schema *fallback; /* _default.json; NULL: none */
};

/*
 * Reads *.json of `dir`, in the order of their names. Faults go to *problems,
 * a line each ("FILE:LINE: key "x": ..."); < 0 (ERR_CONFIG) when there are
 * any, or when there is no schema at all. schema_set_free() in every case.
 */
int schema_set_load(
    struct schema_set *set, const char *dir, struct buf *problems);
void schema_set_free(struct schema_set *set);

/*
 * One file; as above. The schema lives in the arena; *out is NULL when the
 * file is marked "_status": "pending".
 */
int schema_load_file(struct arena *a, const char *path, struct schema **out,
    struct buf *problems);

/* The same of a text; `path` is what faults and the stem are named after. */
int schema_parse(struct arena *a, const char *path, struct str text,
    struct schema **out, struct buf *problems);

/* Is `name` one of those the registered service goes by? */
bool schema_is_named(const struct schema *schema, struct str name);

/*
 * The schema of a registered service: by service_name, then aliases, then
 * file stem, then _default.json (a copy in `a` that carries the registered
 * name); NULL when there is none, or no memory.
 */
const struct schema *schema_find(
    const struct schema_set *set, struct arena *a, const char *service);

#endif
