#include "record/pass/care.h"

enum { SMALL_PAGE = 64, DEATHS_READING = 1 };

/* The largest divisor whose square is no larger; 1 for small pages. */
static int care_middle(int n)
{
    int best = 1;

    if (n <= SMALL_PAGE)
        return 1;
    for (int d = 2; d <= n / d; d++)
        if (n % d == 0)
            best = d;
    return best;
}

/* Deaths at which pages of one item begin, none of them read ahead. */
static int care_single_from(int usual)
{
    return care_middle(usual) == 1 ? CARE_DEATHS : CARE_DEATHS + 1;
}

static int care_limit(int usual, int deaths, int limit)
{
    if (deaths >= care_single_from(usual))
        return 1;
    return limit > care_middle(usual) ? care_middle(limit) : limit;
}

static enum care_mode care_mode_of(int usual, int deaths)
{
    int at_item = deaths - care_single_from(usual);

    if (deaths < CARE_DEATHS)
        return deaths < CARE_DEATHS - 1 ? CARE_NONE : CARE_ALONE;
    if (at_item < CARE_DEATHS)
        return CARE_SMALL;
    return at_item < CARE_DEATHS + DEATHS_READING ? CARE_ASIDE : CARE_SKIP;
}

void care_begin(struct care *c, int usual, int deaths, int *page, int *limit)
{
    int64_t at = (int64_t)(*page - 1) * *limit;
    int smaller;

    *c = (struct care){.mode = CARE_NONE, .usual = usual};
    c->mode = care_mode_of(usual, deaths);
    if (c->mode < CARE_SMALL) {
        c->until = at + (int64_t)CARE_ALONE_PAGES * *limit;
        return;
    }
    c->until = (at / usual + 2) * usual;
    smaller = care_limit(usual, deaths, *limit);
    *limit = smaller;
    *page = (int)(at / smaller) + 1;
}

void care_go_on(struct care *c)
{
    if (c->mode > CARE_SMALL)
        c->mode = CARE_SMALL;
}

bool care_is_over(struct care *c, int *page, int *limit)
{
    int64_t at = (int64_t)(*page - 1) * *limit;

    if (c->mode == CARE_ALONE && at >= c->until)
        c->mode = CARE_NONE;
    if (c->mode != CARE_SMALL || at < c->until || at % c->usual != 0)
        return false;
    c->mode = CARE_NONE;
    *limit = c->usual;
    *page = (int)(at / c->usual) + 1;
    return true;
}

int care_deaths(const struct care *c, int limit)
{
    if (c->mode < CARE_SMALL)
        return c->mode == CARE_NONE ? 0 : CARE_DEATHS - 1;
    return limit == 1 ? care_single_from(c->usual) : CARE_DEATHS;
}
