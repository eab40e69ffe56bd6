#define _GNU_SOURCE
#include "tzif.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 44, FILE_BYTES = 64 * 1024 };

/* The counts of a header, in the order the data has them. */
struct counts {
    size_t isut, isstd, leap, times, types, chars;
};

static int64_t big_endian(const unsigned char *p, int bytes)
{
    uint64_t value = p[0] & 0x80 ? UINT64_MAX : 0;

    for (int i = 0; i < bytes; i++)
        value = value << 8 | p[i];
    return (int64_t)value;
}

static struct counts read_counts(const unsigned char *header)
{
    const unsigned char *p = header + 20;

    return (struct counts){(size_t)big_endian(p, 4),
        (size_t)big_endian(p + 4, 4), (size_t)big_endian(p + 8, 4),
        (size_t)big_endian(p + 12, 4), (size_t)big_endian(p + 16, 4),
        (size_t)big_endian(p + 20, 4)};
}

static size_t data_bytes(const struct counts *c, size_t time_bytes)
{
    return c->times * time_bytes + c->times + c->types * 6 + c->chars +
           c->leap * (time_bytes + 4) + c->isstd + c->isut;
}

static void append(struct tzif *z, int64_t from, int64_t offset)
{
    if (z->n > 0 && z->offset[z->n - 1] == offset)
        return;
    z->from[z->n] = z->n == 0 ? INT64_MIN : from;
    z->offset[z->n++] = offset;
}

/* The second part of the file, whose times are of 64 bits. */
static void read_data(struct tzif *z, const unsigned char *data)
{
    struct counts c = read_counts(data);
    const unsigned char *times = data + HEADER_BYTES;
    const unsigned char *kinds = times + c.times * 8;
    const unsigned char *types = kinds + c.times;

    z->from = calloc(c.times + 1, sizeof(*z->from));
    z->offset = calloc(c.times + 1, sizeof(*z->offset));
    append(z, INT64_MIN, big_endian(types, 4));
    for (size_t i = 0; i < c.times; i++)
        append(z, big_endian(times + i * 8, 8),
            big_endian(types + kinds[i] * 6, 4));
}

static uint64_t digest(const unsigned char *p, size_t n)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * UINT64_C(1099511628211);
    return hash;
}

bool tzif_read(struct tzif *z, const char *name)
{
    static unsigned char data[FILE_BYTES];
    char path[256];
    struct counts first;
    size_t n;
    FILE *f;

    snprintf(path, sizeof(path), TZIF_DIRECTORY "/%s", name);
    f = fopen(path, "rb");
    if (f == NULL)
        return false;
    n = fread(data, 1, sizeof(data), f);
    fclose(f);
    if (n < HEADER_BYTES || memcmp(data, "TZif", 4) != 0 || data[4] < '2')
        return false;
    *z = (struct tzif){.digest = digest(data, n)};
    snprintf(z->name, sizeof(z->name), "%s", name);
    first = read_counts(data);
    read_data(z, data + HEADER_BYTES + data_bytes(&first, 4));
    return true;
}

void tzif_free(struct tzif *z)
{
    free(z->from);
    free(z->offset);
}

/* nftw() has no place for an argument. */
static struct tzif *found;
static size_t nfound;

static int visit(
    const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    const char *name = path + strlen(TZIF_DIRECTORY) + 1;
    struct tzif z;

    (void)st;
    (void)ftw;
    if (kind == FTW_D &&
        (strcmp(name, "posix") == 0 || strcmp(name, "right") == 0))
        return FTW_SKIP_SUBTREE;
    if (kind != FTW_F || strcmp(name, "localtime") == 0 ||
        strcmp(name, "posixrules") == 0 || !tzif_read(&z, name))
        return FTW_CONTINUE;
    found = realloc(found, (nfound + 1) * sizeof(*found));
    if (found == NULL)
        abort();
    found[nfound++] = z;
    return FTW_CONTINUE;
}

static int by_name(const void *a, const void *b)
{
    const struct tzif *x = a, *y = b;

    return strcmp(x->name, y->name);
}

struct tzif *tzif_read_all(size_t *n)
{
    found = NULL;
    nfound = 0;
    nftw(TZIF_DIRECTORY, visit, 16, FTW_ACTIONRETVAL);
    if (nfound > 0)
        qsort(found, nfound, sizeof(*found), by_name);
    *n = nfound;
    return found;
}

void tzif_free_all(struct tzif *zones, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tzif_free(&zones[i]);
    free(zones);
}

size_t tzif_find(const struct tzif *z, int64_t instant)
{
    size_t i = z->n - 1;

    while (z->from[i] > instant)
        i--;
    return i;
}

int64_t tzif_until(const struct tzif *z, size_t i)
{
    return i + 1 < z->n ? z->from[i + 1] : INT64_MAX;
}
