/* The home of libpq: for pg.c, which speaks to it, and pg_result.c, which reads
 * its answers. */
#ifndef NET_PG_PG_LIBPQ_H
#define NET_PG_PG_LIBPQ_H

#include <libpq-fe.h>

#endif
