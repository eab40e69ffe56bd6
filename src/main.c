#include "cli/cli.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct cli cli = {.in = stdin, .out = stdout, .err = stderr, .log = stderr};

    return cli_main(&cli, argc, argv);
}
