/* A terminal that a test owns. Included by one test program each. */
#ifndef TESTS_UNIT_CLI_PTY_H
#define TESTS_UNIT_CLI_PTY_H

#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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
    char text[1 << 14]; /* what was waited for last */
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

/*
 * Waits for that text in what has been drawn since the last call, which ends
 * with it where `whole`: the kernel passes it on in its own time.
 */
static inline void pty_wait(struct pty *p, const char *text, bool whole)
{
    char *end = p->text;

    for (int i = 0; i < 5000; i++) {
        size_t room = (size_t)(p->text + sizeof(p->text) - 1 - end);
        ssize_t n = read(p->master, end, room);

        end += n > 0 ? n : 0;
        *end = '\0';
        if (whole ? strcmp(p->text, text) == 0 : strstr(p->text, text) != NULL)
            return;
        usleep(1000);
    }
    fail_msg("\"%s\" is not in \"%s\"", text, p->text);
}

/* All that has been drawn since the last call is that. */
static inline void pty_expect(struct pty *p, const char *text)
{
    pty_wait(p, text, true);
}

static inline void pty_close(struct pty *p)
{
    fclose(p->slave);
    close(p->master);
}

#endif
