/* A sync that another subcommand has prepared. */
#ifndef CLI_CMD_SYNC_H
#define CLI_CMD_SYNC_H

#include "cli/cli.h"
#include "sync/run_spec.h"

/*
 * One such run (borrowed), reported as `batchsync sync` reports it; of the
 * command line only "json" is looked at. Returns the exit code.
 */
int sync_spec(struct cli *cli, const struct run_spec *spec);

#endif
