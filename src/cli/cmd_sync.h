/* A sync that another subcommand has prepared. */
#ifndef CLI_CMD_SYNC_H
#define CLI_CMD_SYNC_H

#include "cli/cli.h"

/*
 * One run over exactly these services (registered names, borrowed), told as
 * `batchsync sync` tells it; of the command line only "json" is looked at.
 * Returns the exit code.
 */
int sync_services(struct cli *cli, const char **services, size_t n);

#endif
