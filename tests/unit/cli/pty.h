/* A terminal that a test owns. Included by one test program each. */
#ifndef TESTS_UNIT_CLI_PTY_H
#define TESTS_UNIT_CLI_PTY_H

#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

struct pty {
    int master;
    FILE *slave;
    char text[1 << 14]; /* what pty_read() found last */
};

static inline void pty_resize(struct pty *p, int columns, int rows)
{
    struct winsize size = {
        .ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};

    assert_int_equal(ioctl(fileno(p->slave), TIOCSWINSZ, &size), 0);
}

static inline void pty_open(struct pty *p, int columns, int rows)
{
    int slave;

    assert_int_equal(openpty(&p->master, &slave, NULL, NULL, NULL), 0);
    p->slave = fdopen(slave, "w");
    assert_non_null(p->slave);
    fcntl(p->master, F_SETFL, O_NONBLOCK);
    pty_resize(p, columns, rows);
}

/* All that has been drawn since the last call. */
static inline const char *pty_read(struct pty *p)
{
    ssize_t n = read(p->master, p->text, sizeof(p->text) - 1);

    p->text[n > 0 ? n : 0] = '\0';
    return p->text;
}

static inline void pty_close(struct pty *p)
{
    fclose(p->slave);
    close(p->master);
}

#endif
