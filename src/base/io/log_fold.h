/*
 * What the log need not say: a line that was said a moment ago, and the
 * hundredth warning of one kind. Both are counted, and told when their time is
 * over.
 */
#ifndef BASE_IO_LOG_FOLD_H
#define BASE_IO_LOG_FOLD_H

#include "base/str.h"
#include <stdint.h>

enum {
    LOG_FOLD_MS = 10 * 1000, /* within which lines are folded */
    LOG_FOLD_LINES = 64,     /* of one kind */
    LOG_FOLD_SEEN = 32       /* lines and kinds that are remembered */
};

/* Lines that are the same, or of one kind. */
struct log_fold_entry {
    uint64_t key, began_ms; /* key 0: free */
    uint64_t said, held;    /* lines */
    int level;
    char *text; /* owned; of the last one held; NULL: none is */
};

struct log_fold {
    struct log_fold_entry lines[LOG_FOLD_SEEN], kinds[LOG_FOLD_SEEN];
    uint64_t due_ms; /* no earlier must anything be told; 0: nothing held */
};

/* A line: what it says apart from the time, and what kind it is. */
struct log_fold_line {
    uint64_t kind; /* 0: of none */
    int level;
    struct str text;
};

/*
 * Is the line to be written? If not, it is held. An entry that must make room
 * for another one is told first.
 */
typedef void (*log_fold_tell)(
    void *arg, const struct log_fold_entry *e, bool same);
bool log_fold_pass(struct log_fold *f, const struct log_fold_line *line,
    uint64_t now_ms, log_fold_tell tell, void *arg);

/* Tells of each line or kind whose time is over (`all`: whatever its time) how
 * many were held. */
void log_fold_flush(struct log_fold *f, uint64_t now_ms, bool all,
    log_fold_tell tell, void *arg);

/* Forgets everything. */
void log_fold_clear(struct log_fold *f);

#endif
