#include "cli/cli.h"

#include <malloc.h>
#include <stdio.h>

enum { LARGE_BYTES = 256 * 1024 };

int main(int argc, char **argv)
{
    struct cli cli = {.in = stdin, .out = stdout, .err = stderr, .log = stderr};

    /*
     * Blocks of the size of pages and answers go back to the system when they
     * are freed. glibc would learn to keep them, and a long run's heap grow
     * with the holes between them.
     */
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    return cli_main(&cli, argc, argv);
}
