#include "base/io/log_fold.h"

#include <stdlib.h>

/* FNV-1a; 0 stands for none. */
static uint64_t fold_hash(struct str s)
{
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3;
    return h == 0 ? 1 : h;
}

static void fold_free(struct log_fold_entry *e)
{
    free(e->text);
    *e = (struct log_fold_entry){.key = 0};
}

static void fold_end(
    struct log_fold_entry *e, bool same, log_fold_tell tell, void *arg)
{
    if (e->held > 0)
        tell(arg, e, same);
    fold_free(e);
}

static void fold_expire(struct log_fold_entry *e, bool same, uint64_t now_ms,
    log_fold_tell tell, void *arg)
{
    if (e->key != 0 && now_ms >= e->began_ms + LOG_FOLD_MS)
        fold_end(e, same, tell, arg);
}

struct fold_table {
    struct log_fold_entry *entries;
    bool same;
};

/* The entry of that key; a new one takes a free place, or the oldest. */
static struct log_fold_entry *fold_at(const struct fold_table *t, uint64_t key,
    uint64_t now_ms, log_fold_tell tell, void *arg)
{
    struct log_fold_entry *place = &t->entries[0];

    for (size_t i = 0; i < LOG_FOLD_SEEN; i++) {
        struct log_fold_entry *e = &t->entries[i];

        fold_expire(e, t->same, now_ms, tell, arg);
        if (e->key == key)
            return e;
        if (e->key == 0 ? place->key != 0
                        : place->key != 0 && e->began_ms < place->began_ms)
            place = e;
    }
    fold_end(place, t->same, tell, arg);
    *place = (struct log_fold_entry){.key = key, .began_ms = now_ms};
    return place;
}

static void fold_hold(struct log_fold *f, struct log_fold_entry *e,
    const struct log_fold_line *line)
{
    char *copy = malloc(line->text.len + 1);

    if (copy == NULL)
        abort();
    memcpy(copy, line->text.p, line->text.len);
    copy[line->text.len] = '\0';
    free(e->text);
    e->text = copy;
    e->level = line->level;
    e->held++;
    if (f->due_ms == 0 || e->began_ms + LOG_FOLD_MS < f->due_ms)
        f->due_ms = e->began_ms + LOG_FOLD_MS;
}

bool log_fold_pass(struct log_fold *f, const struct log_fold_line *line,
    uint64_t now_ms, log_fold_tell tell, void *arg)
{
    const struct fold_table lines = {f->lines, true}, kinds = {f->kinds, false};
    struct log_fold_entry *same, *kind = NULL;

    if (line->kind != 0) {
        kind = fold_at(&kinds, line->kind, now_ms, tell, arg);
        if (kind->said >= LOG_FOLD_LINES) {
            fold_hold(f, kind, line);
            return false;
        }
    }
    same = fold_at(&lines, fold_hash(line->text), now_ms, tell, arg);
    if (same->said > 0) {
        fold_hold(f, same, line);
        return false;
    }
    same->said++;
    if (kind != NULL)
        kind->said++;
    return true;
}

void log_fold_flush(struct log_fold *f, uint64_t now_ms, bool all,
    log_fold_tell tell, void *arg)
{
    if (f->due_ms == 0 || (!all && now_ms < f->due_ms))
        return;
    f->due_ms = 0;
    for (size_t i = 0; i < LOG_FOLD_SEEN; i++) {
        struct log_fold_entry *e[] = {&f->lines[i], &f->kinds[i]};

        for (int k = 0; k < 2; k++) {
            if (all && e[k]->key != 0)
                fold_end(e[k], k == 0, tell, arg);
            else
                fold_expire(e[k], k == 0, now_ms, tell, arg);
            if (e[k]->held > 0 &&
                (f->due_ms == 0 || e[k]->began_ms + LOG_FOLD_MS < f->due_ms))
                f->due_ms = e[k]->began_ms + LOG_FOLD_MS;
        }
    }
}

void log_fold_clear(struct log_fold *f)
{
    for (size_t i = 0; i < LOG_FOLD_SEEN; i++) {
        fold_free(&f->lines[i]);
        fold_free(&f->kinds[i]);
    }
    f->due_ms = 0;
}
