/* Numbered entries, and readers that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "events/journal_feed.h"

struct reader {
    struct journal_reader reader;
    uint64_t first, last;
    size_t n, most; /* entries seen; leaves at the most */
    char text[4096];
};

static bool on_entry(void *arg, const struct journal_entry *e)
{
    struct reader *r = arg;

    if (r->n++ == 0)
        r->first = e->number;
    else
        assert_int_equal(e->number, r->last + 1);
    r->last = e->number;
    snprintf(r->text, sizeof(r->text), "%s %.*s", e->kind, STR_ARG(e->data));
    if (r->most == 0 || r->n < r->most)
        return true;
    journal_leave(&r->reader);
    return false;
}

static bool join(struct journal *j, struct reader *r, uint64_t after)
{
    r->reader = (struct journal_reader){.on_entry = on_entry, .arg = r};
    return journal_join(j, &r->reader, after);
}

static void add(struct journal *j, size_t n)
{
    for (size_t i = 0; i < n; i++)
        journal_add(j, "run", "r", STR("{}"));
}

static void a_reader_gets_what_it_missed_then_what_comes(void **state)
{
    struct journal *j = journal_new();
    struct reader early = {0}, late = {0};

    assert_true(join(j, &early, 0));
    add(j, 5);
    assert_true(join(j, &late, 2));
    assert_int_equal(late.first, 3);
    add(j, 1);
    assert_int_equal(early.n, 6);
    assert_int_equal(late.last, 6);
    journal_leave(&early.reader);
    journal_leave(&early.reader);
    add(j, 1);
    assert_int_equal(early.n, 6);
    assert_int_equal(late.last, 7);
    journal_leave(&late.reader);
    journal_free(j);
}

static void what_is_gone_is_said(void **state)
{
    struct journal *j = journal_new();
    struct reader r = {0};

    add(j, JOURNAL_ENTRIES + 10);
    assert_false(join(j, &r, 5));
    assert_int_equal(r.n, 0);
    journal_leave(&r.reader);
    assert_true(join(j, &r, 12));
    assert_int_equal(r.n, JOURNAL_ENTRIES - 2);
    journal_leave(&r.reader);
    /* A number that has never been given is of another process. */
    assert_false(join(j, &r, JOURNAL_ENTRIES + 11));
    journal_leave(&r.reader);
    journal_free(j);
}

static void memory_is_bounded_by_bytes_too(void **state)
{
    struct journal *j = journal_new();
    struct reader r = {0};
    size_t len = JOURNAL_BYTES / 8;
    char *text = malloc(4 * len);

    memset(text, ' ', 4 * len);
    for (int i = 0; i < 20; i++)
        journal_add(j, "run", NULL, (struct str){text, len});
    assert_false(join(j, &r, 11));
    journal_leave(&r.reader);
    assert_true(join(j, &r, 12));
    assert_int_equal(r.n, 8);
    journal_leave(&r.reader);
    journal_add(j, "run", NULL, (struct str){text, 4 * len});
    assert_int_equal(journal_newest(j), 20);
    free(text);
    journal_free(j);
}

static void a_reader_may_leave_in_its_callback(void **state)
{
    struct journal *j = journal_new();
    struct reader one = {.most = 2}, other = {0}, replayed = {.most = 3};

    join(j, &one, 0);
    join(j, &other, 0);
    add(j, 4);
    assert_int_equal(one.n, 2);
    assert_int_equal(other.n, 4);
    join(j, &replayed, 0);
    assert_int_equal(replayed.n, 3);
    journal_leave(&other.reader);
    journal_free(j);
}

static void the_pipeline_is_told_a_few_times_a_second(void **state)
{
    const struct linker_progress progress = {
        .method = LINK_EXACT, .per_second = 12.5};
    struct counts counts = {.received = 7, .stored = 5};
    struct run_event e = {.kind = EVENT_RUN_BEGIN,
        .run_id = "r1",
        .nservices = 2,
        .service = "a\"b",
        .counts = &counts,
        .page = 3};
    struct journal *j = journal_new();
    struct journal_feed feed;
    struct reader r = {0};

    journal_feed_init(&feed, j);
    join(j, &r, 0);
    journal_feed_event(&feed, &e, 1000);
    assert_string_equal(
        r.text, "run {\"id\":\"r1\",\"status\":\"running\",\"services\":2}");
    e.kind = EVENT_CHUNK_DONE;
    for (uint64_t ms = 1000; ms < 2000; ms += 10)
        journal_feed_event(&feed, &e, ms);
    assert_int_equal(r.n, 1 + 1000 / FEED_PAUSE_MS);
    assert_non_null(strstr(r.text, "\"service\":\"a\\\"b\""));
    assert_non_null(strstr(r.text, "\"page\":3"));
    assert_non_null(strstr(r.text, "\"received\":7,\"stored\":5,"));
    e.kind = EVENT_SERVICE_END;
    e.outcome = "partial";
    journal_feed_event(&feed, &e, 2000);
    assert_non_null(strstr(r.text, "\"status\":\"partial\""));
    journal_feed_linking(&feed, 4, &progress);
    journal_feed_linking(&feed, 4, &progress);
    assert_string_equal(r.text, "linking {\"queued\":4,\"method\":\"exact\","
                                "\"perSecond\":12.5}");
    assert_int_equal(r.n, 3 + 1000 / FEED_PAUSE_MS);
    journal_leave(&r.reader);
    journal_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_gets_what_it_missed_then_what_comes),
        cmocka_unit_test(what_is_gone_is_said),
        cmocka_unit_test(memory_is_bounded_by_bytes_too),
        cmocka_unit_test(a_reader_may_leave_in_its_callback),
        cmocka_unit_test(the_pipeline_is_told_a_few_times_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
