/* A date, whatever the bytes: what is read has an ISO form that means it. */
#include "fuzz.h"

#include "record/js_date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = malloc(size); /* so that a read past its end is seen */
    char iso[ISO_BYTES];
    int64_t ms, again;

    if (exact == NULL)
        return 0;
    if (size > 0)
        memcpy(exact, data, size);
    if (js_date_parse((struct str){exact, size}, &ms)) {
        iso_from_ms(ms, iso);
        if (!js_date_parse(str_of(iso), &again) || again != ms)
            abort();
    }
    free(exact);
    return 0;
}
