/* `batchsync check`: a service without a schema. */
#ifndef CLI_CHECK_CHECK_NEAREST_H
#define CLI_CHECK_CHECK_NEAREST_H

#include "record/schema.h"

enum { CHECK_ADVICE_BYTES = 1024 };

/* The nearest schemas by name, and the line by which one would fit. */
void check_nearest(const struct schema_set *set, const char *service,
    char advice[CHECK_ADVICE_BYTES]);

#endif
