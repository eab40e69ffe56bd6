/*
 * A JSON file whose faults know their line: the text is parsed in place in a
 * copy, so that a pointer into the document is an offset in the file.
 */
#ifndef RECORD_SCHEMA_FILE_H
#define RECORD_SCHEMA_FILE_H

#include "base/json.h"

struct schema_file {
    const char *path;     /* borrowed */
    struct str text;      /* as it stands in the file; borrowed */
    const char *copy;     /* in the arena; the document's strings */
    yyjson_doc *doc;      /* owned */
    yyjson_val *root;     /* an object */
    struct buf *problems; /* borrowed; where faults go */
    size_t faults;
};

/* A member of the root. */
struct schema_member {
    const char *name;
    const char *at;    /* its key in the document; NULL: not there */
    yyjson_val *value; /* NULL: not there */
};

/*
 * Parses the text; the root must be an object. The document's strings are
 * NUL-terminated and outlive schema_file_close(), which is needed in any
 * case. ERR_CONFIG is reported as a fault; ERR_NOMEM.
 */
int schema_file_open(struct schema_file *f, struct arena *a, const char *path,
    struct str text, struct buf *problems);
void schema_file_close(struct schema_file *f);

/* The line of a place in the document, from 1. */
size_t schema_file_line(const struct schema_file *f, const char *at);

/* Reports "PATH:LINE: key "x": ..." (key.len 0: without the key). */
void schema_fault(struct schema_file *f, const char *at, struct str key,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Are there so many faults that further ones are not reported? */
bool schema_faults_full(const struct schema_file *f);

/* The last member of that name; null is as good as absent. */
bool schema_member_find(
    const struct schema_file *f, const char *name, struct schema_member *out);

/* A string without NUL characters? Reports what it is otherwise. */
bool schema_is_text(
    struct schema_file *f, const char *at, struct str key, yyjson_val *v);

/* An array of at least `least` elements? Reports it otherwise. */
bool schema_is_list(
    struct schema_file *f, const struct schema_member *m, size_t least);

/* An optional string; NULL when it is absent, empty or wrong (reported). */
const char *schema_read_string(struct schema_file *f, const char *name);

/* An optional boolean; *out stays when it is absent or wrong (reported). */
void schema_read_bool(struct schema_file *f, const char *name, bool *out);

struct schema;

/* The index of the field that the member's value `v` names; -1 when it is
 * wrong (reported). */
long schema_field_of(struct schema_file *file, const struct schema *s,
    const struct schema_member *m, yyjson_val *v);

struct schema_id_part;

/*
 * What the value `v` of a member names: a field, or what a path leads to.
 * ERR_INVALID when it is wrong (reported); ERR_NOMEM.
 */
int schema_read_part(struct arena *a, struct schema_file *file,
    const struct schema *s, const struct schema_member *m, yyjson_val *v,
    struct schema_id_part *out);

/* Is the value a name of a service: not empty, and not too long for a key?
 * Reports it otherwise. */
bool schema_is_name(
    struct schema_file *f, const char *at, const char *key, yyjson_val *v);

/* Reads "links" (links/schema_links.c), behind the fields. ERR_NOMEM; faults
 * are reported. */
int schema_read_links(
    struct arena *a, struct schema_file *file, struct schema *s);

/* Reads "piece_prefix" and "piece_overlap" (pieces/schema_pieces.c), behind the
 * title; faults are reported. */
void schema_read_pieces(struct schema_file *file, struct schema *s);

/* Reads "language" (schema_language.c); faults are reported. */
void schema_read_language(struct schema_file *file, struct schema *s);

/*
 * The path that the value `v` of a member is; npath 0: it is a name alone.
 * ERR_INVALID when it is wrong (reported); ERR_NOMEM.
 */
int schema_read_path(struct arena *a, struct schema_file *file,
    const struct schema_member *m, yyjson_val *v, struct schema_id_part *out);

/* Reads "deleted_when" (deletes/schema_deletes.c), behind the id. ERR_NOMEM;
 * faults are reported. */
int schema_read_deletes(
    struct arena *a, struct schema_file *file, struct schema *s);

/*
 * What the id's parts are: reads id_fields and "id", behind the fields.
 * ERR_NOMEM; faults are reported.
 */
int schema_read_id(struct arena *a, struct schema_file *file, struct schema *s);

#endif
