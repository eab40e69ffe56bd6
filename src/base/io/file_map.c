#include "base/io/file_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_map_open(int fd, struct str *view, struct err *err)
{
    struct stat st;
    void *p;

    if (fstat(fd, &st) < 0)
        return err_set(err, ERR_CONFIG, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_CONFIG, "Not a regular file");
    *view = (struct str){"", 0};
    if (st.st_size == 0)
        return 0;
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return err_set(err, ERR_CONFIG, "%s", strerror(errno));
    *view = (struct str){p, (size_t)st.st_size};
    return 0;
}

int file_map(const char *path, struct str *view, struct err *err)
{
    /* O_NONBLOCK: a pipe must not hold up the start. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc;

    if (fd < 0)
        return err_set(err, ERR_CONFIG, "%s", strerror(errno));
    rc = file_map_open(fd, view, err);
    close(fd);
    return rc;
}

void file_unmap(struct str view)
{
    if (view.len > 0)
        munmap((void *)(uintptr_t)view.p, view.len);
}
