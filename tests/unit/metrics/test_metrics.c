/* The text that Prometheus gets. */
#include "unit/metrics/metrics_feed.h"

static void a_fresh_process_says_what_it_is(void **state)
{
    struct fixture *f = *state;

    expect(f, "# HELP batchsync_build_info Always 1; the label is the version."
              "\n# TYPE batchsync_build_info gauge\n"
              "batchsync_build_info{version=\"1.2.3\"} 1\n");
    expect(f, "batchsync_run_in_progress 0\n");
    expect(f, "batchsync_retries_total{call=\"link\"} 0\n");
    expect_none(f, "last_run_success");
    expect_none(f, "\nbatchsync_last_success_timestamp_seconds ");
    expect_none(f, "\nbatchsync_service_last_success_timestamp_seconds{");
    expect_none(f, "schedule_next_run_timestamp_seconds 1");
    expect_none(f, "link_queue");
    expect(f, "batchsync_request_errors_total{call=\"embed\","
              "error=\"not authorized\"} 0\n");
    expect(f, "batchsync_log_messages_total{level=\"debug\"} 0\n");
}

static void every_name_has_the_prefix(void **state)
{
    struct fixture *f = *state;
    const char *line = text_of(f);

    while (line != NULL && line[0] != '\0') {
        const char *name = line[0] == '#' ? line + strlen("# HELP ") : line;

        if (strncmp(name, "batchsync_", strlen("batchsync_")) != 0 &&
            strncmp(name, "process_", strlen("process_")) != 0)
            fail_msg("%.80s", line);
        line = strchr(line, '\n') + 1;
    }
}

static void a_run_is_counted_by_its_outcome(void **state)
{
    struct fixture *f = *state;

    run_begin(f);
    expect(f, "batchsync_run_in_progress 1\n");
    run_end(f, "partial", 0);
    expect(f, "batchsync_runs_total{outcome=\"success\"} 0\n"
              "batchsync_runs_total{outcome=\"partial\"} 1\n"
              "batchsync_runs_total{outcome=\"failed\"} 0\n"
              "batchsync_runs_total{outcome=\"canceled\"} 0\n");
    expect(f, "batchsync_run_in_progress 0\n");
    expect(f, "batchsync_last_run_success 0\n");
    expect(f, "batchsync_run_duration_seconds_bucket{le=\"1\"} 0\n"
              "batchsync_run_duration_seconds_bucket{le=\"5\"} 1\n");
    expect(f, "batchsync_run_duration_seconds_sum 1.5\n"
              "batchsync_run_duration_seconds_count 1\n");
    expect_none(f, "\nbatchsync_last_success_timestamp_seconds ");
}

static void a_success_is_remembered_with_its_time(void **state)
{
    struct fixture *f = *state;

    run_begin(f);
    run_end(f, "success", 0);
    run_begin(f);
    run_end(f, "failed", 0);
    expect(f, "batchsync_last_run_success 0\n");
    expect(f, "# TYPE batchsync_last_success_timestamp_seconds gauge\n"
              "batchsync_last_success_timestamp_seconds 1");
}

static void a_run_that_another_process_prevents_is_none(void **state)
{
    struct fixture *f = *state;

    run_end(f, "failed", ERR_ALREADY_RUNNING);
    expect(f, "batchsync_runs_total{outcome=\"failed\"} 0\n");
    expect_none(f, "last_run_success");
}

static void a_run_that_cannot_begin_has_failed(void **state)
{
    struct fixture *f = *state;

    run_end(f, "failed", ERR_UNAVAILABLE);
    run_end(f, "failed", ERR_CANCELED);
    expect(f, "batchsync_runs_total{outcome=\"failed\"} 1\n"
              "batchsync_runs_total{outcome=\"canceled\"} 1\n");
    expect(f, "batchsync_run_duration_seconds_count 0\n");
}

static void items_grow_by_what_is_new(void **state)
{
    struct fixture *f = *state;
    struct counts counts = {.stored = 5,
        .embedded = 4,
        .tokens = 70,
        .tokens_guess = 90,
        .refused_rate = 2,
        .unchanged = 1};

    service_begin(f, "a");
    page_done(f, "a", &counts);
    counts.stored = 8;
    counts.failed = 2;
    counts.known_failures = 1;
    counts.repaired = 3;
    counts.contested = 1;
    counts.collisions = 1;
    page_done(f, "a", &counts);
    counts.deleted = 3;
    service_end(f, "a", &counts);
    expect(f, "batchsync_items_total{service=\"a\",outcome=\"stored\"} 8\n"
              "batchsync_items_total{service=\"a\",outcome=\"unchanged\"} 1\n"
              "batchsync_items_total{service=\"a\",outcome=\"deleted\"} 3\n"
              "batchsync_items_total{service=\"a\",outcome=\"failed\"} 2\n"
              "batchsync_items_total{service=\"a\",outcome=\"collision\"} 1\n");
    expect(f, "batchsync_items_known_failures_total{service=\"a\"} 1\n");
    expect(f, "batchsync_items_repaired_total{service=\"a\"} 3\n");
    expect(f, "batchsync_items_contested_total{service=\"a\"} 1\n");
    expect(f, "batchsync_items_embedded_total{service=\"a\"} 4\n");
    expect(f, "batchsync_embedding_tokens_total{service=\"a\",kind=\"billed\"}"
              " 70\n"
              "batchsync_embedding_tokens_total{service=\"a\","
              "kind=\"estimated\"} 90\n");
    expect(f, "batchsync_embedding_refusals_total{service=\"a\","
              "reason=\"rate\"} 2\n"
              "batchsync_embedding_refusals_total{service=\"a\","
              "reason=\"size\"} 0\n");
    expect(f, "batchsync_pages_read_total{service=\"a\"} 2\n");
    expect(f, "batchsync_pages_total{service=\"a\"} 2\n");
    expect(f, "batchsync_service_complete{service=\"a\"} 0\n");
    expect(f, "batchsync_services_total{service=\"a\",outcome=\"success\"} 1\n"
              "batchsync_services_total{service=\"a\",outcome=\"failed\"} 0\n");
}

static void the_next_run_adds_its_own(void **state)
{
    struct fixture *f = *state;
    struct counts counts = {.stored = 5};

    for (int run = 0; run < 2; run++) {
        service_begin(f, "a");
        page_done(f, "a", &counts);
        service_begin(f, "b");
        service_end(f, "b", &counts);
        service_end(f, "a", &counts);
    }
    expect(f, "batchsync_items_total{service=\"a\",outcome=\"stored\"} 10\n");
    expect(f, "batchsync_items_total{service=\"b\",outcome=\"stored\"} 10\n");
}

static void a_run_without_an_end_is_not_counted_twice(void **state)
{
    struct fixture *f = *state;
    struct counts counts = {.stored = 5};

    service_begin(f, "a");
    page_done(f, "a", &counts);
    counts.stored = 2;
    service_begin(f, "a");
    page_done(f, "a", &counts);
    expect(f, "batchsync_items_total{service=\"a\",outcome=\"stored\"} 7\n");
}

static void buckets_are_cumulative(void **state)
{
    static const uint64_t durations[] = {0, 1, 2, 40, 250, 251, 400000};
    static const char *const buckets[] = {"0.001\"} 2", "0.002\"} 3",
        "0.005\"} 3", "0.01\"} 3", "0.025\"} 3", "0.05\"} 4", "0.1\"} 4",
        "0.25\"} 5", "0.5\"} 6", "1\"} 6", "2.5\"} 6", "5\"} 6", "10\"} 6",
        "30\"} 6", "60\"} 6", "300\"} 6", "+Inf\"} 7"};
    struct fixture *f = *state;
    struct buf lines;

    buf_init(&lines, 4096);
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
        call(f, CALL_FETCH, durations[i], 0);
    for (size_t i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++)
        buf_printf(&lines,
            "batchsync_coordinator_request_duration_seconds"
            "_bucket{le=\"%s\n",
            buckets[i]);
    buf_puts(&lines,
        "batchsync_coordinator_request_duration_seconds_sum 400.544\n"
        "batchsync_coordinator_request_duration_seconds_count 7\n");
    expect(f, lines.data);
    buf_free(&lines);
}

static void calls_are_told_apart(void **state)
{
    struct fixture *f = *state;

    call(f, CALL_EMBED, 120, 0);
    call(f, CALL_LOOKUP, 3, 0);
    call(f, CALL_STORE, 7, ERR_TIMEOUT);
    call(f, CALL_STORE, 7, ERR_TIMEOUT);
    call(f, CALL_EMBED, 9, ERR_BUSY);
    metrics_event(
        f->m, &(struct run_event){.kind = EVENT_RETRY, .call = CALL_STORE});
    expect(f, "batchsync_embedding_request_duration_seconds_sum 0.129\n"
              "batchsync_embedding_request_duration_seconds_count 2\n");
    expect(f, "batchsync_database_request_duration_seconds_count"
              "{operation=\"lookup\"} 1\n");
    expect(f, "batchsync_database_request_duration_seconds_sum"
              "{operation=\"store\"} 0.014\n");
    expect(f, "batchsync_request_errors_total{call=\"embed\","
              "error=\"asked to slow down\"} 1\n");
    expect(f, "batchsync_request_errors_total{call=\"store\","
              "error=\"timeout\"} 2\n");
    expect(f, "batchsync_retries_total{call=\"store\"} 1\n"
              "batchsync_retries_total{call=\"checkpoint\"} 0\n");
}

static void chunks_in_flight_end_with_the_run(void **state)
{
    struct fixture *f = *state;
    struct err err = {.code = ERR_DATA};

    run_begin(f);
    call(f, CALL_EMBED, 1, 0);
    expect(f, "batchsync_chunks_in_flight 3\n");
    metrics_event(
        f->m, &(struct run_event){.kind = EVENT_CHUNK_DONE, .in_flight = 2});
    metrics_event(
        f->m, &(struct run_event){
                  .kind = EVENT_CHUNK_DONE, .in_flight = 1, .err = &err});
    expect(f, "batchsync_chunks_in_flight 1\n");
    expect(f, "batchsync_chunks_total{outcome=\"success\"} 1\n"
              "batchsync_chunks_total{outcome=\"failed\"} 1\n");
    run_end(f, "success", 0);
    expect(f, "batchsync_chunks_in_flight 0\n");
}

static void triggers_are_counted(void **state)
{
    struct fixture *f = *state;

    expect(f, "batchsync_triggers_total{trigger=\"startup\","
              "outcome=\"failed\"} 0\n");
    metrics_trigger(f->m, "http", "accepted");
    metrics_trigger(f->m, "schedule", "already_running");
    metrics_trigger(f->m, "http", "accepted");
    expect(f, "batchsync_triggers_total{trigger=\"http\",outcome=\"accepted\"}"
              " 2\n"
              "batchsync_triggers_total{trigger=\"http\","
              "outcome=\"already_running\"} 0\n");
    expect(f, "batchsync_triggers_total{trigger=\"schedule\","
              "outcome=\"already_running\"} 1\n");
}

static void strange_triggers_are_bounded(void **state)
{
    struct fixture *f = *state;
    char name[32];

    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "trigger-%d", i);
        metrics_trigger(f->m, name, "accepted");
    }
    expect(f, "batchsync_triggers_total{trigger=\"other\",outcome=\"other\"}"
              " 63\n");
}

static void the_loop_and_the_queue_have_gauges(void **state)
{
    struct fixture *f = *state;

    metrics_loop_lag(f->m, 30);
    metrics_loop_lag(f->m, 4);
    metrics_link_queue(f->m, 17);
    metrics_linker(f->m,
        &(struct linker_progress){.method = LINK_EXACT,
            .done = {[LINK_EXACT] = 5, [LINK_INDEX] = 6, [LINK_DECLARED] = 7}});
    expect(f, "batchsync_event_loop_lag_seconds 0.004\n");
    expect(f, "batchsync_event_loop_lag_duration_seconds_sum 0.034\n"
              "batchsync_event_loop_lag_duration_seconds_count 2\n");
    expect(f, "batchsync_link_queue_length 17\n");
    expect(f, "batchsync_items_linked_total{method=\"exact\"} 5\n");
    expect(f, "batchsync_items_linked_total{method=\"index\"} 6\n");
    expect(f, "batchsync_declared_links_total 7\n");
    metrics_loop_turns(f->m, &(struct loop_turns){.counts = {5, [7] = 2, 0, 0,
                                                      0, [LOOP_BUCKETS] = 1},
                                 .sum_us = 1250500,
                                 .most_us = 1200100});
    expect(f,
        "batchsync_event_loop_turn_cpu_seconds_bucket{le=\"0.0001\"} 5\n"
        "batchsync_event_loop_turn_cpu_seconds_bucket{le=\"0.00025\"} 5\n");
    expect(f, "batchsync_event_loop_turn_cpu_seconds_bucket{le=\"0.005\"} 7\n");
    expect(f, "batchsync_event_loop_turn_cpu_seconds_bucket{le=\"0.1\"} 7\n"
              "batchsync_event_loop_turn_cpu_seconds_bucket{le=\"+Inf\"} 8\n"
              "batchsync_event_loop_turn_cpu_seconds_sum 1.2505\n"
              "batchsync_event_loop_turn_cpu_seconds_count 8\n");
    expect(f, "batchsync_event_loop_turn_cpu_max_seconds 1.2001\n");
    expect(f, "batchsync_vector_index_building 0\n");
    metrics_index(f->m, &(struct index_progress){.building = true,
                            .phase = "building index: loading tuples",
                            .blocks_done = 5,
                            .blocks_total = 70,
                            .rows_done = 11,
                            .rows_total = 130,
                            .elapsed_ms = 2500});
    expect(f, "batchsync_vector_index_building 1\n");
    expect(f, "batchsync_vector_index_build_phase{phase=\"building index: "
              "loading tuples\"} 1\n");
    expect(f, "batchsync_vector_index_build_blocks_done 5\n");
    expect(f, "batchsync_vector_index_build_blocks 70\n");
    expect(f, "batchsync_vector_index_build_rows_done 11\n");
    expect(f, "batchsync_vector_index_build_rows 130\n");
    expect(f, "batchsync_vector_index_build_seconds 2.5\n");
    metrics_link_queue(f->m, 0);
    expect(f, "batchsync_link_queue_length 0\n");
}

static void the_ledger_tells_how_services_stand(void **state)
{
    static const struct service_tally told[] = {
        {.service = "a",
            .last_success_ms = 1700000000500,
            .complete = 1,
            .letters = 3},
        {.service = "b", .complete = -1},
    };
    struct fixture *f = *state;
    struct counts counts = {0};
    uint64_t before;

    metrics_know_service(f->m, "c");
    expect(f, "batchsync_dead_letters{service=\"c\"} 0\n");
    expect(f, "batchsync_items_total{service=\"c\",outcome=\"stored\"} 0\n");
    before = metrics_moment(f->m);
    assert_true(metrics_tally(f->m, before, told, 2));
    expect(f, "batchsync_service_last_success_timestamp_seconds"
              "{service=\"a\"} 1700000000.5\n");
    expect(f, "batchsync_dead_letters{service=\"a\"} 3\n"
              "batchsync_dead_letters{service=\"b\"} 0\n");
    expect(f, "batchsync_service_complete{service=\"a\"} 1\n");
    expect_none(f, "service_complete{service=\"b\"}");
    expect_none(f, "success_timestamp_seconds{service=\"b\"}");
    expect(f, "batchsync_pages_total{service=\"b\"} 0\n");
    /* An answer from before the service's end says nothing about it. */
    service_end(f, "a", &counts);
    assert_false(metrics_tally(f->m, before, told, 2));
    expect(f, "batchsync_service_complete{service=\"a\"} 0\n");
    assert_true(metrics_tally(f->m, metrics_moment(f->m), told, 2));
    expect(f, "batchsync_service_complete{service=\"a\"} 1\n");
}

static void the_next_fire_is_told(void **state)
{
    struct fixture *f = *state;

    metrics_next_run(f->m, "", 1700000000500);
    metrics_next_run(f->m, "a", 1800000000000);
    expect(f, "batchsync_schedule_next_run_timestamp_seconds 1700000000.5\n"
              "batchsync_schedule_next_run_timestamp_seconds{schedule=\"a\"} "
              "1800000000\n");
    metrics_next_run(f->m, "", 0);
    expect_none(f, "schedule_next_run_timestamp_seconds 1");
    expect(f, "batchsync_schedule_paused 0\n");
    metrics_paused(f->m, true);
    expect(f, "batchsync_schedule_paused 1\n");
}

static void requests_are_counted_by_route(void **state)
{
    struct fixture *f = *state;

    metrics_http(f->m, "GET", "/livez", 200, 2);
    metrics_http(f->m, "GET", "/livez", 200, 8);
    metrics_http(f->m, "BREW", "/livez", 405, 0);
    expect(f, "batchsync_http_requests_total{route=\"/livez\",method=\"GET\","
              "code=\"200\"} 2\n"
              "batchsync_http_requests_total{route=\"/livez\","
              "method=\"other\",code=\"405\"} 1\n");
    expect(f, "batchsync_http_request_duration_seconds_bucket"
              "{route=\"/livez\",le=\"0.001\"} 1\n");
    expect(f, "batchsync_http_request_duration_seconds_sum{route=\"/livez\"}"
              " 0.01\n"
              "batchsync_http_request_duration_seconds_count"
              "{route=\"/livez\"} 3\n");
}

static void label_values_are_escaped(void **state)
{
    struct fixture *f = *state;
    struct counts counts = {.stored = 1};

    service_end(f, "a\"b\\c\nd", &counts);
    service_end(f, "gr\xC3\xBC\xC3\x9F \xFF", &counts);
    service_end(f, "", &counts);
    expect(f, "batchsync_items_embedded_total{service=\"a\\\"b\\\\c\\nd\"} 0\n"
              "batchsync_items_embedded_total"
              "{service=\"gr\xC3\xBC\xC3\x9F \xEF\xBF\xBD\"} 0\n"
              "batchsync_items_embedded_total{service=\"\"} 0\n");
}

static void long_names_are_cut(void **state)
{
    struct fixture *f = *state;
    struct counts counts = {.stored = 1};
    char name[1000], line[1100];

    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    service_end(f, name, &counts);
    snprintf(line, sizeof(line),
        "batchsync_pages_total{service=\"%.128s\"} 0\n", name);
    expect(f, line);
}

static void too_many_services_share_one_label(void **state)
{
    struct fixture *f = *state;
    struct counts counts = {.stored = 2};
    char name[32];

    for (int run = 0; run < 2; run++)
        for (int i = 0; i < METRICS_SERVICES + 3; i++) {
            snprintf(name, sizeof(name), "service-%d", i);
            service_begin(f, name);
            page_done(f, name, &counts);
            service_end(f, name, &counts);
        }
    expect(f, "batchsync_items_total{service=\"service-511\","
              "outcome=\"stored\"} 4\n");
    expect_none(f, "service-512");
    expect(f, "batchsync_items_total{service=\"other\",outcome=\"stored\"} "
              "12\n");
}

static void too_many_routes_share_one_label(void **state)
{
    struct fixture *f = *state;
    char route[32];

    for (int i = 0; i < 600; i++) {
        snprintf(route, sizeof(route), "/%d", i);
        metrics_http(f->m, "GET", route, 200, 1);
    }
    expect(f, "batchsync_http_requests_total{route=\"other\","
              "method=\"other\",code=\"other\"} 88\n");
    expect(f, "batchsync_http_request_duration_seconds_count"
              "{route=\"other\"} 536\n");
}

static double value_of(struct fixture *f, const char *name)
{
    char line[128];
    const char *at;

    snprintf(line, sizeof(line), "\n%s ", name);
    at = strstr(text_of(f), line);
    if (at == NULL)
        fail_msg("there is no %s", name);
    return strtod(at + strlen(line), NULL);
}

static void the_process_is_measured(void **state)
{
    struct fixture *f = *state;
    double now = (double)time(NULL);
    double open = value_of(f, "process_open_fds");
    FILE *file = fopen("/dev/null", "r");

    assert_non_null(file);
    assert_true(value_of(f, "process_open_fds") == open + 1);
    fclose(file);
    assert_true(value_of(f, "process_max_fds") >= open);
    assert_true(value_of(f, "process_resident_memory_bytes") > 100000);
    assert_true(value_of(f, "process_virtual_memory_bytes") >
                value_of(f, "process_resident_memory_bytes"));
    assert_true(value_of(f, "process_cpu_seconds_total") >= 0);
    assert_true(value_of(f, "process_start_time_seconds") <= now + 1);
    assert_true(value_of(f, "process_start_time_seconds") > now - 3600);
}

static void a_small_buffer_has_an_error(void **state)
{
    struct fixture *f = *state;
    struct buf small;

    buf_init(&small, 100);
    metrics_write(f->m, METRICS_TEXT, &small);
    assert_int_equal(small.error, ERR_TOO_LARGE);
    buf_free(&small);
}

static void open_metrics_name_families_without_total(void **state)
{
    static const char accept[] = "application/openmetrics-text;version=1.0.0;"
                                 "q=0.5,text/plain;version=0.0.4;q=0.3";
    struct fixture *f = *state;
    struct buf text;

    assert_int_equal(metrics_format_for(STR("")), METRICS_TEXT);
    assert_int_equal(metrics_format_for(STR("text/plain, */*")), METRICS_TEXT);
    assert_int_equal(metrics_format_for(str_of(accept)), METRICS_OPEN);
    buf_init(&text, METRICS_TEXT_BYTES);
    metrics_write(f->m, METRICS_OPEN, &text);
    assert_int_equal(text.error, 0);
    buf_add(&text, "", 1);
    assert_non_null(strstr(text.data, "# TYPE batchsync_runs counter\n"
                                      "batchsync_runs_total{"));
    assert_non_null(strstr(text.data, "# TYPE process_cpu_seconds counter\n"
                                      "process_cpu_seconds_total "));
    assert_null(strstr(text.data, "_total counter\n"));
    assert_string_equal(
        text.data + text.len - 1 - strlen("\n# EOF\n"), "\n# EOF\n");
    buf_free(&text);
}

/* Something of everything. */
static void fill(struct fixture *f)
{
    struct counts counts = {.stored = 5, .embedded = 4, .unchanged = 1};

    metrics_trigger(f->m, "startup", "accepted");
    run_begin(f);
    service_begin(f, "a \"quoted\" \\ name\n");
    page_done(f, "a \"quoted\" \\ name\n", &counts);
    for (int i = 0; i < CALL_KINDS; i++) {
        call(f, (enum call_kind)i, 17, 0);
        call(f, (enum call_kind)i, 17, ERR_PROTOCOL);
    }
    service_end(f, "a \"quoted\" \\ name\n", &counts);
    run_end(f, "success", 0);
    metrics_http(f->m, "POST", "/admin/batch-sync/trigger", 202, 12);
    metrics_loop_lag(f->m, 3);
    metrics_link_queue(f->m, 3);
}

static void promtool_has_nothing_to_say(void **state)
{
    struct fixture *f = *state;
    const char *text;
    FILE *tool;

    if (system("command -v promtool >/dev/null 2>&1") != 0) {
        print_message("skipped: there is no promtool here\n");
        skip();
    }
    fill(f);
    text = text_of(f);
    tool = popen("promtool check metrics", "w");
    assert_non_null(tool);
    fputs(text, tool);
    assert_int_equal(pclose(tool), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fresh_process_says_what_it_is),
        TEST(every_name_has_the_prefix),
        TEST(a_run_is_counted_by_its_outcome),
        TEST(a_success_is_remembered_with_its_time),
        TEST(a_run_that_another_process_prevents_is_none),
        TEST(a_run_that_cannot_begin_has_failed),
        TEST(items_grow_by_what_is_new),
        TEST(the_next_run_adds_its_own),
        TEST(a_run_without_an_end_is_not_counted_twice),
        TEST(buckets_are_cumulative),
        TEST(calls_are_told_apart),
        TEST(chunks_in_flight_end_with_the_run),
        TEST(triggers_are_counted),
        TEST(strange_triggers_are_bounded),
        TEST(the_loop_and_the_queue_have_gauges),
        TEST(the_ledger_tells_how_services_stand),
        TEST(the_next_fire_is_told),
        TEST(requests_are_counted_by_route),
        TEST(label_values_are_escaped),
        TEST(long_names_are_cut),
        TEST(too_many_services_share_one_label),
        TEST(too_many_routes_share_one_label),
        TEST(the_process_is_measured),
        TEST(a_small_buffer_has_an_error),
        TEST(open_metrics_name_families_without_total),
        TEST(promtool_has_nothing_to_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
