#include "app/process.h"
#include "cli/cli.h"

#include <malloc.h>
#include <stdio.h>

enum { LARGE_BYTES = 1024 * 1024 };

int main(int argc, char **argv)
{
    struct cli cli = {.console = {stdin, stdout, stderr, stderr}};

    process_confine();
    /*
     * Blocks of the size of large pages and answers go back to the system when
     * they are freed. glibc would learn to keep them, and a long run's heap
     * grow with the holes between them. An answer of 50 x 1,536 numbers is
     * smaller: getting and giving back its blocks each time would cost a third
     * of all CPU. And one heap for all threads: each that gRPC and the pool
     * start would keep the holes of its own, and nearly all allocations are the
     * loop's.
     */
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_ARENA_MAX, 1);
    return cli_main(&cli, argc, argv);
}
