/*
 * Looks of the command line at what has run: at the service, when --url or
 * BATCHSYNC_URL names one, else straight at the database. Both answer with the
 * same documents.
 */
#ifndef CLI_REMOTE_LOOK_H
#define CLI_REMOTE_LOOK_H

#include "cli/cli.h"
#include "cli/remote/client.h"
#include "db/read/history.h"

/* Rows of a command's table of options. */
#define LOOK_OPTIONS                                                    \
    {"url", "URL", "ask the service there instead of the database"},    \
    {                                                                   \
        "token-file", "FILE", "the file with the token of that service" \
    }

/* The end of their help. */
#define LOOK_HELP                                                             \
    "With --url or BATCHSYNC_URL it asks the service there; its token comes " \
    "from a file, by\n--token-file or BATCHSYNC_TOKEN_FILE. Without them it " \
    "looks into the database,\nDATABASE_URL.\n"

struct look {
    struct app app;
    struct cli *cli;     /* borrowed */
    const char *command; /* static; for messages */
    bool remote;
    struct client client; /* remote */
};

/* What is asked, in both ways. */
struct look_question {
    const char *path; /* of the API, without its query */
    bool by_id;       /* the request's id is the path's last part */
    void (*ask)(struct pg_pool *, struct loop *, struct history_req *);
    const char *expect; /* a member of every good answer */
};

/* Is a service named? */
bool look_is_remote(const struct cli *cli);

/* Returns EXIT_DONE, or the exit code after saying what is wrong. look_close()
 * in every case, with the exit code, which it returns. */
int look_open(struct look *l, struct cli *cli, const char *command);
int look_close(struct look *l, int code);

/* Asks and waits; *answer is a new reference. Returns the exit code; a failure
 * has been said. */
int look_ask(struct look *l, const struct look_question *q,
    struct history_req *req, json_t **answer);

/* The same for a list, the member that is expected, which is printed: as JSON
 * with --json, else by `print`. */
int look_list(struct look *l, const struct look_question *q,
    struct history_req *req, void (*print)(struct cli *cli, json_t *list));

/* Sends something to the service (l->remote). The same. */
int look_ask_client(
    struct look *l, const struct client_ask *ask, json_t **answer);

/* A failure, with the command's name in front. Returns the exit code. */
int look_fail(struct look *l, struct err *err);

/* With --json; else nothing. The answer stays the caller's. */
void look_print_json(const struct look *l, json_t *answer);

/* "PATH/ID", the id percent-encoded. */
void look_put_id(struct buf *path, const char *prefix, const char *id);

#endif
