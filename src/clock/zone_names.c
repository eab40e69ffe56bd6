#include "clock/zone_names.h"

#include "base/str.h"
#include "base/text.h"
#include "clock/zone_alias.h"
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Longer names are invalid. A path is a directory and a name. */
enum { NAME_BYTES = 64, PATH_BYTES = 512, DEPTH_MAX = 3 };

/* Where the zone library looks, too. */
static const char *zone_names_data_directory(void)
{
    const char *own = getenv("TZDIR");

    return own != NULL && own[0] != '\0' ? own : "/usr/share/zoneinfo";
}

/* Path segments that begin with a letter: no "..", no "/etc", no offset. */
static bool zone_names_is_name(const char *name)
{
    static const char others[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-";
    size_t len = 0;

    for (;;) {
        size_t segment;

        if (!isalpha((unsigned char)name[len]))
            return false;
        segment = strspn(name + len, others);
        len += segment;
        if (len >= NAME_BYTES)
            return false;
        if (name[len] == '\0')
            return true;
        if (name[len++] != '/')
            return false;
    }
}

/*
 * What lies beside the zones: two sets that repeat every zone ("right" counts
 * leap seconds), and two that are other zones by way of a link.
 */
static bool is_no_zone(const char *name)
{
    static const char *const others[] = {
        "posix", "right", "localtime", "posixrules"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        size_t len = strlen(others[i]);

        if (strncmp(name, others[i], len) == 0 &&
            (name[len] == '\0' || name[len] == '/'))
            return true;
    }
    return false;
}

/* A regular file that begins as compiled zone data does. */
static bool is_zone_file(const char *path)
{
    char magic[4];
    struct stat st;
    size_t n;
    FILE *f;

    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    f = fopen(path, "re");
    if (f == NULL)
        return false;
    n = fread(magic, 1, sizeof(magic), f);
    fclose(f);
    return n == sizeof(magic) && memcmp(magic, "TZif", sizeof(magic)) == 0;
}

static bool zone_names_has_data(const char *name)
{
    char path[PATH_BYTES];
    int n = snprintf(
        path, sizeof(path), "%s/%s", zone_names_data_directory(), name);

    return n > 0 && (size_t)n < sizeof(path) && !is_no_zone(name) &&
           is_zone_file(path);
}

struct walk {
    void (*fn)(void *arg, const char *name);
    void *arg;
    size_t skip; /* bytes of a path before its zone's name */
};

static void zone_names_visit(
    const struct walk *walk, const char *path, int depth);

static void zone_names_visit_directory(
    const struct walk *walk, DIR *dir, const char *path, int depth)
{
    char below[PATH_BYTES];
    const struct dirent *entry;

    while ((entry = readdir(dir)) != NULL) {
        int n = snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);

        if (n > 0 && (size_t)n < sizeof(below) &&
            zone_names_is_name(below + walk->skip) &&
            !is_no_zone(below + walk->skip))
            zone_names_visit(walk, below, depth);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as names are, DEPTH_MAX. */
static void zone_names_visit(
    const struct walk *walk, const char *path, int depth)
{
    DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;

    if (dir != NULL) {
        zone_names_visit_directory(walk, dir, path, depth + 1);
        closedir(dir);
    } else if (is_zone_file(path)) {
        walk->fn(walk->arg, path + walk->skip);
    }
}

int zone_names_each(void (*fn)(void *arg, const char *name), void *arg)
{
    const char *path = zone_names_data_directory();
    struct walk walk = {.fn = fn, .arg = arg, .skip = strlen(path) + 1};
    DIR *dir = opendir(path);

    if (dir == NULL)
        return ERR_NOT_FOUND;
    zone_names_visit_directory(&walk, dir, path, 0);
    closedir(dir);
    return 0;
}

struct nearest {
    char wanted[NAME_BYTES]; /* in lower case */
    bool has_area;           /* "Europe/", so that whole names are compared */
    size_t distance;
    char found[NAME_BYTES]; /* "" while nothing is near */
};

static void zone_names_to_lower(char *out, const char *name)
{
    size_t i;

    for (i = 0; name[i] != '\0' && i + 1 < NAME_BYTES; i++)
        out[i] = (char)tolower((unsigned char)name[i]);
    out[i] = '\0';
}

static size_t zone_names_distance_to(
    const struct nearest *nearest, const char *name)
{
    char lower[NAME_BYTES];
    const char *city;
    size_t whole, last;

    zone_names_to_lower(lower, name);
    whole = edit_distance(str_of(nearest->wanted), str_of(lower));
    city = strrchr(lower, '/');
    if (nearest->has_area || city == NULL)
        return whole;
    last = edit_distance(str_of(nearest->wanted), str_of(city + 1));
    return last < whole ? last : whole;
}

/* Of two as near the shorter is meant, then the first in the alphabet. */
static bool zone_names_is_before(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);

    return a_len != b_len ? a_len < b_len : strcmp(a, b) < 0;
}

static void zone_names_compare(void *arg, const char *name)
{
    struct nearest *nearest = arg;
    size_t distance = zone_names_distance_to(nearest, name);

    if (distance > nearest->distance ||
        (distance == nearest->distance && nearest->found[0] != '\0' &&
            !zone_names_is_before(name, nearest->found)))
        return;
    nearest->distance = distance;
    snprintf(nearest->found, sizeof(nearest->found), "%s", name);
}

/* An older name, in any case of letters, of a zone that is here. */
static bool zone_names_is_alias(const char *name, char target[NAME_BYTES])
{
    return zone_alias_find(
               zone_names_data_directory(), name, target, NAME_BYTES) &&
           zone_names_has_data(target);
}

static int zone_names_suggest(const char *name, int code, struct err *err)
{
    char target[NAME_BYTES];
    struct nearest nearest = {.has_area = strchr(name, '/') != NULL};

    zone_names_to_lower(nearest.wanted, name);
    nearest.distance = strlen(name) / 3 + 1;
    if (zone_names_each(zone_names_compare, &nearest) < 0)
        return err_set(err, code,
            "unknown time zone \"%s\": there is no zone data in %s; install "
            "the system package tzdata",
            name, zone_names_data_directory());
    if (nearest.distance > 0 && zone_names_is_alias(name, target))
        return err_set(err, code,
            "unknown time zone \"%s\": it is an older name of %s; use that, or "
            "install the older names (Debian: tzdata-legacy)",
            name, target);
    if (nearest.found[0] == '\0')
        return err_set(err, code,
            "unknown time zone \"%s\"; use an IANA name such as Europe/Berlin "
            "or UTC",
            name);
    return err_set(err, code, "unknown time zone \"%s\"; did you mean %s?",
        name, nearest.found);
}

/* Short, and fit for a message. */
static bool zone_names_is_showable(const char *name)
{
    size_t len = 0;

    while (name[len] >= ' ' && name[len] <= '~')
        len++;
    return name[len] == '\0' && len > 0 && len < NAME_BYTES;
}

int zone_name_check(const char *name, struct err *err)
{
    /* The one zone that needs no data. */
    if (strcmp(name, "UTC") == 0)
        return 0;
    if (!zone_names_is_showable(name))
        return err_set(err, ERR_INVALID,
            "the name of the time zone is missing, too long or not printable; "
            "use an IANA name such as Europe/Berlin or UTC");
    if (!zone_names_is_name(name))
        return zone_names_suggest(name, ERR_INVALID, err);
    return zone_names_has_data(name)
               ? 0
               : zone_names_suggest(name, ERR_NOT_FOUND, err);
}
