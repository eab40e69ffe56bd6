#include "ops/pause.h"

#include "base/text.h"

int pause_check(const char *reason, struct err *err)
{
    struct str text = text_trim(str_of(reason));
    bool bad = text.len == 0 || text.len >= PAUSE_REASON_BYTES ||
               !utf8_valid(str_of(reason));

    for (size_t i = 0; !bad && i < text.len; i++)
        bad = (unsigned char)text.p[i] < ' ' || text.p[i] == 127;
    if (bad)
        return err_set(err, ERR_INVALID,
            "the reason must be a line of text of less than %d bytes",
            PAUSE_REASON_BYTES);
    return 0;
}

void pause_run(const struct ops *ops, struct pause_req *req)
{
    ledger_pause(ops->ledger, req);
}
