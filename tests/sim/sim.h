/* Between the files of the simulation: drawing worlds, running, checking. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "base/json.h"
#include "world.h"

static inline uint64_t draw(uint64_t *r, uint64_t below)
{
    return sim_random(r) % below;
}

static inline int pick(uint64_t *r, const int *from, int n)
{
    return from[draw(r, (uint64_t)n)];
}
#define PICK(r, ...)                    \
    pick(r, (const int[]){__VA_ARGS__}, \
        (int)(sizeof((const int[]){__VA_ARGS__}) / sizeof(int)))

/* The schemas of service-0 .. service-n-1; memory: set->arena. */
void make_schemas(struct schema_set *set, int n);
void draw_source(uint64_t *r, struct source *s);
void draw_options(uint64_t *r, struct run_options *o);
void spread_ids(struct source *s, int limit);

/* Returns the number of steps. `crash_at`: the process ends then; 0: never. */
int run_until(struct world *w, const struct schema_set *schemas,
    struct run_req *req, int crash_at);

/* Every item has been counted out. */
void check_counts(const struct run_req *req);

/* Known or not, nothing is embedded and nothing written. */
void check_nothing_new(const struct world *w, const struct run_req *req);

/* Every row has the vector of its text. */
void check_rows(const struct world *w);

/* So are the first n items of a service whose ids are unique. */
void check_first_items(const struct world *w, int service, int n);

/* Sources whose pages do not agree with what they say (sources.c). */
void simulate_sources(uint64_t seed);

/* Sources that lose items, some of whose services delete them (deletes.c). */
void simulate_deletes(uint64_t seed);
/* Embedders that are away, that flap, that fail for some texts or sizes
 * (embedder.c). */
void simulate_embedder(uint64_t seed);

/* Another program that writes into the same rows (writer.c). */
void simulate_writer(uint64_t seed);

/* A plan of the run that would come next, as people get it; owned by the
 * caller. Nothing is embedded and nothing written. */
json_t *plan_ahead(struct world *w, const struct schema_set *schemas);
uint64_t plan_number(const json_t *object, const char *key);

static inline bool is_near(uint64_t a, uint64_t b, uint64_t most)
{
    return a <= b + most && b <= a + most;
}

/* Plans, and the runs that follow them (plan.c). */
void simulate_plan(uint64_t seed);

/* Chunks are full, but for a reason (filling.c). */
void simulate_filling(uint64_t seed);

/* Budgets of tokens, for one process or several (budgets.c). */
void simulate_budgets(uint64_t seed);

/* An item that ends the process (killer.c). */
void simulate_killer(uint64_t seed);

/* Of each id the last item is stored, if nobody refuses it, whatever the run at
 * hand has read. Returns whether an id comes twice. */
bool check_last_stored(const struct world *w);
/* Every item of the source that nobody refuses is stored, and nothing else is
 * counted. Returns whether an id comes twice. */
bool check_all_stored(const struct world *w, const struct run_req *req);

/* The rows of both are the same, byte for byte. */
void check_same_rows(const struct world *a, const struct world *b);
/* As many items of each service have been counted, and as many pages: who goes
 * on behind a service's last page, as often as `more`, reads an empty one. */
void check_same_pages(
    const struct world *a, const struct world *b, uint32_t more);

/* Items that a later one of their service replaces. */
uint64_t count_replaced(const struct source *s);

/*
 * Several processes share the run that `undisturbed` did alone, in about so
 * many steps, and end as it did (replicas.c).
 */
void simulate_replicas(uint64_t seed, const struct world *undisturbed,
    const struct schema_set *schemas, int steps);

#endif
