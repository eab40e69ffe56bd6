/*
 * What a service does about a page whose owners die in it. Something in it
 * ends the process (an item too large for the memory that there is, a text that
 * a library cannot bear), and would do so for ever. So after two deaths
 * pages are read one at a time, so that the third shows which of them it is.
 * That page and the next are read in smaller pages, one at a time too: first in
 * some of middling size, then item by item. An
 * item that ends the process three times is set aside, as a dead letter; one
 * that does so again while it is only read is skipped unread. Pure.
 */
#ifndef RECORD_PASS_CARE_H
#define RECORD_PASS_CARE_H

#include <stdbool.h>
#include <stdint.h>

enum { CARE_DEATHS = 3, CARE_ALONE_PAGES = 16 /* that may be read ahead */ };

enum care_mode {
    CARE_NONE,  /* as usual */
    CARE_ALONE, /* nothing read ahead */
    CARE_SMALL, /* small pages, nothing read ahead */
    CARE_ASIDE, /* the same; of the first page nothing new is tried */
    CARE_SKIP   /* the same; the first page is not even read */
};

struct care {
    enum care_mode mode;
    int usual;     /* items a page, as configured */
    int64_t until; /* items of the service from which on all is as usual */
};

/*
 * *page and *limit, where the service goes on, become those of smaller pages
 * when the ledger counts so many deaths since the last checkpoint.
 */
void care_begin(struct care *c, int usual, int deaths, int *page, int *limit);

/* The first page has been dealt with. */
void care_go_on(struct care *c);

/* Is the range behind the service? Then *page and *limit are the usual ones. */
bool care_is_over(struct care *c, int *page, int *limit);

/* What the ledger is to count from now on, at a checkpoint in pages of that
 * limit: small pages need not have three deaths each to become smaller. */
int care_deaths(const struct care *c, int limit);

#endif
