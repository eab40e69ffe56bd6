#include "clock/zone_alias.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { ALIAS_PATH_BYTES = 512, ALIAS_LINE_BYTES = 512 };

/* A link's line: "L Asia/Kolkata Asia/Calcutta". */
static bool alias_matches(
    char *line, const char *name, char *target, size_t size)
{
    char *save;
    const char *kind = strtok_r(line, " \n", &save);
    const char *to = strtok_r(NULL, " \n", &save);
    const char *from = strtok_r(NULL, " \n", &save);

    if (kind == NULL || strcmp(kind, "L") != 0 || to == NULL || from == NULL ||
        strcasecmp(from, name) != 0 || strlen(to) >= size)
        return false;
    memcpy(target, to, strlen(to) + 1);
    return true;
}

bool zone_alias_find(
    const char *directory, const char *name, char *target, size_t size)
{
    char path[ALIAS_PATH_BYTES], line[ALIAS_LINE_BYTES];
    int n = snprintf(path, sizeof(path), "%s/tzdata.zi", directory);
    bool found = false;
    FILE *f;

    if (n < 0 || (size_t)n >= sizeof(path))
        return false;
    f = fopen(path, "re");
    if (f == NULL)
        return false;
    while (!found && fgets(line, sizeof(line), f) != NULL)
        found = alias_matches(line, name, target, size);
    fclose(f);
    return found;
}
