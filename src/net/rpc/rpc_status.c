#include "net/rpc/rpc_status.h"

#include "base/buf.h"
#include "base/text.h"

enum { TEXT_BYTES = 2 * ERR_MSG_BYTES, RESOURCE_EXHAUSTED = 8 };

struct status_row {
    const char *name;
    int code;
};

static struct status_row status_row(int status)
{
    static const struct status_row rows[] = {
        [1] = {"CANCELLED", ERR_INVALID},
        [2] = {"UNKNOWN", ERR_INVALID},
        [3] = {"INVALID_ARGUMENT", ERR_INVALID},
        [4] = {"DEADLINE_EXCEEDED", ERR_TIMEOUT},
        [5] = {"NOT_FOUND", ERR_NOT_FOUND},
        [6] = {"ALREADY_EXISTS", ERR_INVALID},
        [7] = {"PERMISSION_DENIED", ERR_AUTH},
        [RESOURCE_EXHAUSTED] = {"RESOURCE_EXHAUSTED", ERR_BUSY},
        [9] = {"FAILED_PRECONDITION", ERR_INVALID},
        [10] = {"ABORTED", ERR_SOURCE},
        [11] = {"OUT_OF_RANGE", ERR_INVALID},
        [12] = {"UNIMPLEMENTED", ERR_INVALID},
        [13] = {"INTERNAL", ERR_SOURCE},
        [14] = {"UNAVAILABLE", ERR_UNAVAILABLE},
        [15] = {"DATA_LOSS", ERR_INVALID},
        [16] = {"UNAUTHENTICATED", ERR_AUTH},
    };

    if (status > 0 && (size_t)status < sizeof(rows) / sizeof(rows[0]))
        return rows[status];
    return (struct status_row){"a status without a name", ERR_INVALID};
}

/*
 * RESOURCE_EXHAUSTED says "slow down" and "message too large" alike; only its
 * text tells which. The phrases are those of the C core, Go, Node, Java and
 * .NET implementations.
 */
static bool rpc_status_speaks_of_size(const char *text)
{
    static const char *const phrases[] = {
        "message larger than",
        "size larger than",
        "decompression larger than",
        "message exceeds",
    };

    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (strstr(text, phrases[i]) != NULL)
            return true;
    }
    return false;
}

/* The first line, bounded, as valid UTF-8; peers send whole stack traces. */
static void rpc_status_first_line(struct buf *out, struct str s)
{
    const char *end;

    s = text_trim(s);
    if (s.len > TEXT_BYTES)
        s.len = TEXT_BYTES;
    end = s.len > 0 ? memchr(s.p, '\n', s.len) : NULL;
    if (end != NULL)
        s.len = (size_t)(end - s.p);
    utf8_repair(out, text_trim(s));
}

int rpc_status_err(int status, struct str text, struct err *err)
{
    struct status_row row = status_row(status);
    struct buf line;

    /* Repair makes three bytes of a bad one. */
    buf_init(&line, 3 * TEXT_BYTES);
    rpc_status_first_line(&line, text);
    if (line.len == 0) {
        err_set(err, row.code, "%s", row.name);
    } else {
        if (status == RESOURCE_EXHAUSTED &&
            rpc_status_speaks_of_size(line.data))
            row.code = ERR_TOO_LARGE;
        err_set(err, row.code, "%s: %s", row.name, line.data);
    }
    buf_free(&line);
    return row.code;
}
