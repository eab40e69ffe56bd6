#include "base/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_fault(struct err *err, int error)
{
    return err_set(err, ERR_CONFIG, "%s", strerror(error));
}

static void file_take_stamp(const struct stat *st, struct file_stamp *stamp)
{
    *stamp = (struct file_stamp){
        .device = (uint64_t)st->st_dev,
        .inode = (uint64_t)st->st_ino,
        .bytes = (uint64_t)st->st_size,
        .changed_ns =
            (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .others_may_read = (st->st_mode & S_IROTH) != 0,
    };
}

int file_stat(const char *path, struct file_stamp *stamp, struct err *err)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return file_fault(err, errno);
    file_take_stamp(&st, stamp);
    return 0;
}

static int file_read_all(int fd, struct buf *out, struct err *err)
{
    char some[16 * 1024];
    ssize_t n;

    while ((n = read(fd, some, sizeof(some))) != 0) {
        if (n < 0 && errno != EINTR)
            return file_fault(err, errno);
        if (n < 0)
            continue;
        buf_add(out, some, (size_t)n);
        if (out->error == ERR_NOMEM)
            return err_set(err, ERR_NOMEM, "no memory for the file");
        if (out->error != 0)
            return err_set(err, ERR_CONFIG,
                "File too large: %zu bytes are allowed", out->cap_bytes);
    }
    return 0;
}

int file_read(const char *path, struct buf *out, struct file_stamp *stamp,
    struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc;
    struct stat st;

    if (fd < 0)
        return file_fault(err, errno);
    if (fstat(fd, &st) < 0)
        rc = file_fault(err, errno);
    else if (S_ISDIR(st.st_mode))
        rc = file_fault(err, EISDIR);
    else if (!S_ISREG(st.st_mode))
        rc = err_set(err, ERR_CONFIG, "it is not a regular file");
    else
        rc = file_read_all(fd, out, err);
    close(fd);
    if (rc == 0 && stamp != NULL)
        file_take_stamp(&st, stamp);
    return rc;
}

bool file_stamp_same(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode &&
           a->bytes == b->bytes && a->changed_ns == b->changed_ns;
}
