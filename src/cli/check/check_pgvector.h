/* Faults of pgvector's own, by its version. */
#ifndef CLI_CHECK_CHECK_PGVECTOR_H
#define CLI_CHECK_CHECK_PGVECTOR_H

struct pgvector_fault {
    int below;          /* versions before this one: 0.8.2 is 802 */
    const char *what;   /* follows the version */
    const char *advice; /* NULL: to update, as below */
};

/* `version`: of the library, which may be ahead of the extension's. NULL: no
 * fault is known. Below PGVECTOR_LEAST nothing works as it should. */
enum { PGVECTOR_LEAST = 800 };
const struct pgvector_fault *check_pgvector_fault(const char *version);

/* A vendor may have mended an older one without a new number. */
extern const char check_pgvector_update[];

#endif
