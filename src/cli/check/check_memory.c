#include "cli/check/check_memory.h"

enum { MIB = 1024 * 1024 };

static unsigned check_memory_mib(uint64_t bytes)
{
    return (unsigned)((bytes + MIB - 1) / MIB);
}

bool check_memory_write(
    struct buf *out, const struct memory_budget *b, uint64_t limit)
{
    uint64_t sum = memory_budget_sum(b);
    bool fits = limit == 0 || sum <= limit;

    buf_printf(out,
        "at most %u MiB: program %u, pages %u, chunks %u, requests %u, "
        "transactions %u, the largest item %u; ",
        check_memory_mib(sum), check_memory_mib(b->program),
        check_memory_mib(b->pages), check_memory_mib(b->chunks),
        check_memory_mib(b->requests), check_memory_mib(b->stores),
        check_memory_mib(b->item));
    if (limit == 0)
        buf_puts(out, "the container has no limit");
    else
        buf_printf(
            out, "the container's limit is %u MiB", check_memory_mib(limit));
    if (!fits)
        buf_puts(out,
            " -> raise the limit, or lower GRPC_MAX_MESSAGE_BYTES (larger "
            "pages are asked for in parts), BATCH_SYNC_FETCHES, "
            "BATCH_SYNC_WORKERS or BATCH_SYNC_MAX_ITEM_BYTES");
    return fits;
}
