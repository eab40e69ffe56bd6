#include "clock/schedule.h"

/* Evenly spread bits of two words. */
static uint64_t schedule_mix(uint64_t seed, uint64_t value)
{
    uint64_t z = seed ^ (value + UINT64_C(0x9E3779B97F4A7C15));

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static int64_t schedule_next_nominal(const struct schedule *s, int64_t after_ms)
{
    struct cron_fire fire;

    return cron_next(s->options.cron, s->options.zone, after_ms, &fire)
               ? fire.at_ms
               : SCHEDULE_NONE;
}

/* Always before the next nominal instant, so that fires keep their order. */
static int64_t schedule_due(const struct schedule *s, int64_t nominal_ms)
{
    int64_t window_ms = s->options.jitter_ms, next_ms;

    if (nominal_ms == SCHEDULE_NONE)
        return INT64_MAX;
    if (window_ms <= 0)
        return nominal_ms;
    next_ms = schedule_next_nominal(s, nominal_ms);
    if (next_ms != SCHEDULE_NONE && next_ms - nominal_ms <= window_ms)
        window_ms = next_ms - nominal_ms - 1;
    return nominal_ms +
           (int64_t)(schedule_mix(s->options.seed, (uint64_t)nominal_ms) %
                     (uint64_t)(window_ms + 1));
}

/* Where the stretch that holds the instant ends; the instant: none does. */
static int64_t schedule_end_of_stretch(
    const struct schedule *s, int64_t nominal_ms)
{
    for (int i = 0; i < SCHEDULE_STRETCHES; i++) {
        if (nominal_ms >= s->stretches[i].from_ms &&
            nominal_ms < s->stretches[i].to_ms)
            return s->stretches[i].to_ms;
    }
    return nominal_ms;
}

static bool schedule_is_given(const struct schedule *s, int64_t nominal_ms)
{
    for (int i = 0; i < SCHEDULE_STRETCHES; i++) {
        if (nominal_ms >= s->stretches[i].from_ms &&
            nominal_ms <= s->stretches[i].to_ms)
            return true;
    }
    return false;
}

/* The first fire after an instant that was not given out. */
static int64_t schedule_next_pending(const struct schedule *s, int64_t after_ms)
{
    int64_t nominal_ms = schedule_next_nominal(s, after_ms);

    while (nominal_ms != SCHEDULE_NONE && schedule_is_given(s, nominal_ms))
        nominal_ms =
            schedule_next_nominal(s, schedule_end_of_stretch(s, nominal_ms));
    return nominal_ms;
}

static void schedule_await(struct schedule *s, int64_t after_ms)
{
    s->pending_ms = schedule_next_pending(s, after_ms);
    s->due_ms = schedule_due(s, s->pending_ms);
}

/* Notes that a fire is given out: the newest stretch grows, or one begins. */
static void schedule_give(struct schedule *s, int64_t nominal_ms)
{
    if (!s->unbroken) {
        for (int i = SCHEDULE_STRETCHES - 1; i > 0; i--)
            s->stretches[i] = s->stretches[i - 1];
        s->stretches[0].from_ms = nominal_ms;
    }
    s->stretches[0].to_ms = nominal_ms;
    s->unbroken = true;
}

void schedule_init(struct schedule *s, const struct schedule_options *options,
    int64_t last_ms, int64_t wall_ms, int64_t mono_ms)
{
    *s = (struct schedule){.options = *options,
        .started_ms = wall_ms,
        .wall_ms = wall_ms,
        .mono_ms = mono_ms};
    for (int i = 0; i < SCHEDULE_STRETCHES; i++)
        s->stretches[i] = (struct schedule_stretch){INT64_MAX, INT64_MIN};
    if (last_ms != SCHEDULE_NONE) {
        schedule_give(s, last_ms);
        s->unbroken = false;
    }
    schedule_await(
        s, last_ms != SCHEDULE_NONE && last_ms < wall_ms ? last_ms : wall_ms);
}

/* The last nominal instant whose fire is due at `wall_ms`; one is. */
static int64_t schedule_last_due(const struct schedule *s, int64_t wall_ms)
{
    int64_t lo = s->pending_ms - 1, hi = wall_ms;

    /* The fire after lo is due, the fire after hi is not. */
    while (hi - lo > 1) {
        int64_t middle = lo + (hi - lo) / 2;

        if (schedule_due(s, schedule_next_nominal(s, middle)) <= wall_ms)
            lo = middle;
        else
            hi = middle;
    }
    return schedule_next_nominal(s, lo);
}

/* Takes all that is due; *last is the latest of them. Returns how many. */
static uint64_t schedule_take_due(struct schedule *s, int64_t wall_ms,
    int64_t *last_ms, int64_t *late_ms, bool *more)
{
    uint64_t n = 0;

    while (s->due_ms <= wall_ms && n < SCHEDULE_COUNT_MAX) {
        *last_ms = s->pending_ms;
        *late_ms = wall_ms - s->due_ms;
        schedule_await(s, s->pending_ms);
        n++;
    }
    *more = s->due_ms <= wall_ms;
    if (*more) {
        *last_ms = schedule_last_due(s, wall_ms);
        *late_ms = wall_ms - schedule_due(s, *last_ms);
        schedule_await(s, *last_ms);
    }
    return n;
}

static void schedule_decide(
    struct schedule *s, int64_t wall_ms, struct schedule_step *step)
{
    int64_t last_ms, late_ms;
    uint64_t n =
        schedule_take_due(s, wall_ms, &last_ms, &late_ms, &step->missed_more);
    bool in_time =
        late_ms <= SCHEDULE_GRACE_MS && wall_ms - late_ms > s->started_ms;

    step->fire =
        (in_time || s->options.catch_up) && !schedule_is_given(s, last_ms);
    step->missed = n - step->fire;
    if (step->missed > 0)
        s->unbroken = false;
    if (!step->fire)
        return;
    step->nominal_ms = last_ms;
    step->late_ms = late_ms;
    schedule_give(s, last_ms);
}

/* The wall clock went back: fires before the one waited for may be to come. */
static void schedule_go_back(struct schedule *s, int64_t wall_ms)
{
    int64_t pending_ms = s->pending_ms;

    if (wall_ms < s->started_ms)
        s->started_ms = wall_ms;
    if (pending_ms != SCHEDULE_NONE && pending_ms <= wall_ms)
        return;
    schedule_await(s, wall_ms);
    if (s->pending_ms != pending_ms)
        s->unbroken = false;
}

void schedule_look(struct schedule *s, int64_t wall_ms, int64_t mono_ms,
    struct schedule_step *step)
{
    int64_t jump_ms = (wall_ms - s->wall_ms) - (mono_ms - s->mono_ms);

    *step = (struct schedule_step){.wake_ms = SCHEDULE_WAKE_MS};
    if (jump_ms >= SCHEDULE_JUMP_MS || jump_ms <= -SCHEDULE_JUMP_MS)
        step->jump_ms = jump_ms;
    if (wall_ms < s->wall_ms)
        schedule_go_back(s, wall_ms);
    s->wall_ms = wall_ms;
    s->mono_ms = mono_ms;
    if (s->due_ms <= wall_ms)
        schedule_decide(s, wall_ms, step);
    if (s->due_ms < wall_ms + SCHEDULE_WAKE_MS)
        step->wake_ms = s->due_ms - wall_ms;
}

int64_t schedule_next_ms(const struct schedule *s)
{
    return s->pending_ms;
}
