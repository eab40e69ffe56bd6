/*
 * Small files that the configuration names: secrets, schemas. Regular files
 * only, so that a pipe or a device cannot hold up the start, and never more
 * than a cap.
 */
#ifndef BASE_IO_FILE_H
#define BASE_IO_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include <stdint.h>

/* Two of a path differ when the file has been replaced or written. */
struct file_stamp {
    uint64_t device, inode, bytes;
    int64_t changed_ns;
    bool others_may_read; /* the file's mode says so */
};

/*
 * Reads the file into `out`, which is empty and whose cap is the largest size
 * that is allowed. ERR_CONFIG, with the reason alone: "No such file or
 * directory". `stamp` may be NULL.
 */
int file_read(const char *path, struct buf *out, struct file_stamp *stamp,
    struct err *err);

/* Looks at it only. */
int file_stat(const char *path, struct file_stamp *stamp, struct err *err);

bool file_stamp_same(const struct file_stamp *a, const struct file_stamp *b);

#endif
