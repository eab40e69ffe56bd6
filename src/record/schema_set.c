/* The directory of schemas, and which of them a service goes by. */
#include "record/schema.h"

#include "base/err.h"
#include "base/io/file.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_BYTES = 1024 * 1024 };

static int schema_set_problem(
    struct buf *problems, const char *path, const char *what)
{
    buf_printf(problems, "%s: %s\n", path, what);
    return ERR_CONFIG;
}

int schema_load_file(struct arena *a, const char *path, struct schema **out,
    struct buf *problems)
{
    struct buf text; /* the schema copies what it keeps */
    struct err err;
    int rc;

    *out = NULL;
    buf_init(&text, FILE_BYTES);
    rc = file_read(path, &text, NULL, &err);
    if (rc == ERR_CONFIG)
        schema_set_problem(problems, path, err.msg);
    if (rc == 0)
        rc = schema_parse(a, path, buf_view(&text), out, problems);
    buf_free(&text);
    return rc;
}

static bool schema_set_has_suffix(const char *name, const char *suffix)
{
    size_t len = strlen(name), end = strlen(suffix);

    return len > end && strcmp(name + len - end, suffix) == 0;
}

/* Cases stand beside the schemas (review/schema_cases.h). */
static int is_schema_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.' &&
           schema_set_has_suffix(entry->d_name, ".json") &&
           !schema_set_has_suffix(entry->d_name, ".cases.json");
}

static int schema_set_by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Loads one file of the directory into the next place of the set. */
static int schema_set_load_entry(struct schema_set *set, const char *dir,
    const char *name, struct buf *problems)
{
    struct schema *schema = NULL;
    struct buf path;
    int rc;

    buf_init(&path, 64 * 1024);
    buf_printf(&path, "%s/%s", dir, name);
    rc = path.error;
    if (rc == 0)
        rc = schema_load_file(&set->arena, path.data, &schema, problems);
    buf_free(&path);
    if (rc < 0 || schema == NULL)
        return rc;
    if (strcmp(schema->stem, "_default") == 0)
        set->fallback = schema;
    else
        set->schemas[set->n++] = schema;
    return 0;
}

static int schema_set_load_entries(struct schema_set *set, const char *dir,
    struct dirent **entries, size_t n, struct buf *problems)
{
    int rc, worst = 0;

    set->schemas = arena_calloc(&set->arena, n, sizeof(*set->schemas));
    if (set->schemas == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        rc = schema_set_load_entry(set, dir, entries[i]->d_name, problems);
        if (rc < 0 && rc != ERR_CONFIG)
            return rc;
        if (rc < 0)
            worst = rc;
    }
    return worst;
}

/* Takes a name for schemas[i]; another schema that has it is a fault. */
static int schemas_claim(struct schema_set *set, struct strmap *names, size_t i,
    const char *name, size_t line, struct buf *problems)
{
    const struct schema *s = set->schemas[i];
    bool found;
    size_t *owner = strmap_put(names, str_of(name), &found);

    if (!found)
        *owner = i;
    if (*owner == i)
        return 0;
    buf_printf(problems, "%s:%zu: key \"%s\": \"%s\" is named by %s, too\n",
        s->place.path, line,
        name == s->service_name ? "service_name" : "aliases", name,
        set->schemas[*owner]->place.path);
    return ERR_CONFIG;
}

static int schema_set_claim_all(struct schema_set *set, struct strmap *names,
    size_t i, struct buf *problems)
{
    const struct schema *s = set->schemas[i];
    int rc = schemas_claim(
        set, names, i, s->service_name, s->place.name_line, problems);

    for (size_t k = 0; k < s->naliases; k++) {
        if (schemas_claim(set, names, i, s->aliases[k], s->place.aliases_line,
                problems) < 0)
            rc = ERR_CONFIG;
    }
    return rc;
}

static int schemas_check_names(struct schema_set *set, struct buf *problems)
{
    struct strmap names;
    size_t n = 0;
    int rc = 0;

    for (size_t i = 0; i < set->n; i++)
        n += 1 + set->schemas[i]->naliases;
    if (strmap_init(&names, &set->arena, n) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < set->n; i++) {
        if (schema_set_claim_all(set, &names, i, problems) < 0)
            rc = ERR_CONFIG;
    }
    return rc;
}

static bool schema_set_has_alias(const struct schema *s, struct str name)
{
    for (size_t i = 0; i < s->naliases; i++) {
        if (str_eq(name, str_of(s->aliases[i])))
            return true;
    }
    return false;
}

static const struct schema *schema_by_name(
    const struct schema_set *set, const char *service)
{
    for (size_t i = 0; i < set->n; i++) {
        if (strcmp(set->schemas[i]->service_name, service) == 0)
            return set->schemas[i];
    }
    for (size_t i = 0; i < set->n; i++) {
        if (schema_set_has_alias(set->schemas[i], str_of(service)))
            return set->schemas[i];
    }
    for (size_t i = 0; i < set->n; i++) {
        if (strcmp(set->schemas[i]->stem, service) == 0)
            return set->schemas[i];
    }
    return NULL;
}

/* A link names its service as anyone may; rows have the schema's own name. One
 * without a schema here is taken at its word. */
static void schema_resolve_links(const struct schema_set *set, struct schema *s)
{
    for (size_t i = 0; i < s->nlinks; i++) {
        const struct schema *to = schema_by_name(set, s->links[i].service);

        if (to != NULL)
            s->links[i].service = to->service_name;
    }
}

int schema_set_load(
    struct schema_set *set, const char *dir, struct buf *problems)
{
    struct dirent **entries;
    int n, rc, names;

    *set = (struct schema_set){0};
    arena_init(&set->arena, 0);
    n = scandir(dir, &entries, is_schema_file, schema_set_by_name);
    if (n < 0)
        return schema_set_problem(problems, dir, strerror(errno));
    rc = schema_set_load_entries(set, dir, entries, (size_t)n, problems);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    if (rc < 0 && rc != ERR_CONFIG)
        return rc;
    if (rc == 0 && set->n == 0 && set->fallback == NULL)
        return schema_set_problem(problems, dir, "no schema files (*.json)");
    for (size_t i = 0; rc == 0 && i < set->n; i++)
        schema_resolve_links(set, set->schemas[i]);
    if (rc == 0 && set->fallback != NULL)
        schema_resolve_links(set, set->fallback);
    names = schemas_check_names(set, problems);
    return rc < 0 ? rc : names;
}

void schema_set_free(struct schema_set *set)
{
    arena_free(&set->arena);
    *set = (struct schema_set){0};
}

bool schema_is_named(const struct schema *schema, struct str name)
{
    return str_eq(name, str_of(schema->service_name)) ||
           schema_set_has_alias(schema, name) ||
           str_eq(name, str_of(schema->stem));
}

/* _default.json under the registered name; its own aliases are ignored. */
static const struct schema *schema_set_fallback_for(
    const struct schema *fallback, struct arena *a, const char *service)
{
    struct schema *s = arena_alloc(a, sizeof(*s));

    if (s == NULL)
        return NULL;
    *s = *fallback;
    s->naliases = 0;
    s->service_name = arena_dup(a, str_of(service)).p;
    return s->service_name != NULL ? s : NULL;
}

const struct schema *schema_find(
    const struct schema_set *set, struct arena *a, const char *service)
{
    const struct schema *s = schema_by_name(set, service);

    if (s != NULL || set->fallback == NULL)
        return s;
    return schema_set_fallback_for(set->fallback, a, service);
}
