/* A file's bytes in the address space, for what is too large to be copied. */
#ifndef BASE_IO_FILE_MAP_H
#define BASE_IO_FILE_MAP_H

#include "base/err.h"
#include "base/str.h"

/*
 * Maps a regular file for reading; file_unmap() ends it. An empty file is an
 * empty view. ERR_CONFIG, with the reason alone. Whoever shortens the file in
 * place while it is mapped ends the process: a new version is to be moved over
 * the old one.
 */
int file_map(const char *path, struct str *view, struct err *err);

void file_unmap(struct str view);

#endif
