/* Where the names of services come from, and what counts as one. */
#define _GNU_SOURCE /* strcasestr */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "source/service_list.h"
#include "unit/net/http/http_stub.h"

struct answer {
    int status;       /* 0: hangs up without one */
    const char *body; /* NULL: waits until the client has gone */
};

struct world {
    struct loop loop;
    struct stub stub;
    struct http_client *http;
    struct service_list list;
    struct arena arena;
    struct services_req req;
    int called;
    char url[64];

    /* By path; the server may look at a body until it is stopped. */
    struct answer list_answer, services_answer;
    atomic_int list_asked, services_asked;

    FILE *log;
    char *log_text;
    size_t log_len;
};

static bool serve(void *arg, struct stub_request *r)
{
    struct world *w = arg;
    struct answer a = {404, "no"};

    if (strncmp(r->head, "GET /services/list HTTP", 23) == 0) {
        a = w->list_answer;
        atomic_fetch_add(&w->list_asked, 1);
    } else if (strncmp(r->head, "GET /services HTTP", 18) == 0) {
        a = w->services_answer;
        atomic_fetch_add(&w->services_asked, 1);
    }
    if (a.status == 0)
        return false;
    if (a.body == NULL) {
        char c;

        return recv(r->fd, &c, 1, 0) > 0;
    }
    return stub_answer(r->fd, a.status, "", a.body, strlen(a.body));
}

static void on_list(struct op *op)
{
    container_of(op, struct world, req.op)->called++;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct err err;

    assert_non_null(w);
    setenv("no_proxy", "127.0.0.1", 1);
    w->log = open_memstream(&w->log_text, &w->log_len);
    log_init(w->log, LOG_WARN);
    assert_int_equal(loop_init(&w->loop, &err), 0);
    assert_int_equal(http_client_init(&w->http, &w->loop, 4, &err), 0);
    arena_init(&w->arena, 4 << 20);
    w->list_answer = w->services_answer = (struct answer){404, "no"};
    stub_start(&w->stub, serve, w);
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%d", w->stub.port);
    w->list = (struct service_list){.loop = &w->loop,
        .http = w->http,
        .http_url = w->url,
        .fallback = "f-one, f-two"};
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    struct err err;

    if (w->http != NULL)
        http_client_close(w->http);
    loop_run(&w->loop);
    assert_int_equal(loop_close(&w->loop, &err), 0);
    stub_stop(&w->stub);
    arena_free(&w->arena);
    log_init(stderr, LOG_INFO);
    fclose(w->log);
    free(w->log_text);
    free(w);
    return 0;
}

static void submit(struct world *w)
{
    memset(&w->req, 0, sizeof(w->req));
    w->req.arena = &w->arena;
    op_init(&w->req.op, on_list);
    w->called = 0;
    service_list_submit(&w->list, &w->req);
    assert_int_equal(w->called, 0);
}

static void run(struct world *w)
{
    submit(w);
    loop_run(&w->loop);
    assert_int_equal(w->called, 1);
}

/* `names` are joined with bars. */
static void gives(struct world *w, const char *source, const char *names)
{
    char all[1024] = "";

    assert_int_equal(w->req.op.err.code, 0);
    assert_string_equal(w->req.source, source);
    for (size_t i = 0; i < w->req.n; i++) {
        size_t len = strlen(all);

        snprintf(all + len, sizeof(all) - len, "%s%s", i > 0 ? "|" : "",
            w->req.names[i]);
    }
    assert_string_equal(all, names);
}

static void warned_of(struct world *w, const char *what)
{
    fflush(w->log);
    assert_non_null(strstr(w->log_text, what));
}

static void did_not_warn(struct world *w)
{
    fflush(w->log);
    assert_int_equal(w->log_len, 0);
}

/* --- the environment --------------------------------------------------- */

static void the_environment_comes_first(void **state)
{
    struct world *w = *state;

    w->list.env = " one, two ,,one,\tthree\n, ";
    run(w);
    gives(w, "env", "one|two|three");
    assert_int_equal(w->list_asked, 0);
    did_not_warn(w);
}

static void the_environment_may_name_the_asking_service(void **state)
{
    struct world *w = *state;

    w->list.env = "rag-service";
    run(w);
    gives(w, "env", "rag-service");
}

static void an_environment_of_commas_counts_as_unset(void **state)
{
    struct world *w = *state;

    w->list.env = " , ,";
    w->list_answer =
        (struct answer){200, "{\"success\":true,\"services\":[\"a\"]}"};
    run(w);
    gives(w, "coordinator", "a");
}

/* --- the coordinator --------------------------------------------------- */

static void the_coordinator_lists_names(void **state)
{
    struct world *w = *state;

    w->list_answer = (struct answer){200,
        "{\"success\":true,\"services\":[\"a\",\" b \",\"rag\",\"RAG-Service\","
        "\"\",\"a\",\"ragged\",\"c\"]}"};
    run(w);
    gives(w, "coordinator", "a|b|ragged|c");
    assert_int_equal(w->list_asked, 1);
    assert_int_equal(w->services_asked, 0);
    did_not_warn(w);
}

static void where_there_is_no_list_the_services_are_asked(void **state)
{
    struct world *w = *state;

    w->services_answer = (struct answer){200,
        "{\"success\":true,\"services\":[{\"serviceName\":\"a\",\"id\":1},"
        "{\"serviceName\":\"Rag\"},{\"name\":\"x\"},{\"serviceName\":7},7,"
        "{\"serviceName\":\"b\"}],\"total\":6}"};
    run(w);
    gives(w, "coordinator", "a|b");
    assert_int_equal(w->list_asked, 1);
    assert_int_equal(w->services_asked, 1);
}

static void slashes_at_the_end_of_the_url_do_not_double(void **state)
{
    struct world *w = *state;

    strcat(w->url, "//");
    w->list_answer =
        (struct answer){200, "{\"success\":true,\"services\":[\"a\"]}"};
    run(w);
    gives(w, "coordinator", "a");
}

static void a_name_that_is_none_is_left_out(void **state)
{
    struct world *w = *state;
    char name[SERVICE_NAME_BYTES + 2], *body = arena_alloc(&w->arena, 512);

    assert_non_null(body);
    memset(name, 'n', sizeof(name));
    name[SERVICE_NAME_BYTES + 1] = '\0';
    snprintf(body, 512,
        "{\"success\":true,\"services\":[\"%s\",\"a\\nb\",\"ok\",\"%s\"]}",
        name, name + 1);
    w->list_answer = (struct answer){200, body};
    run(w);
    assert_int_equal(w->req.n, 2);
    assert_string_equal(w->req.names[0], "ok");
    assert_int_equal(strlen(w->req.names[1]), SERVICE_NAME_BYTES);
    warned_of(w, "ignored a name of 201 bytes");
}

/* --- the fallback ------------------------------------------------------ */

static void without_a_url_the_fallback_is_used(void **state)
{
    struct world *w = *state;

    w->list.http_url = NULL;
    run(w);
    gives(w, "fallback", "f-one|f-two");
    warned_of(w, "no coordinator URL");
}

struct fault {
    struct answer answer;
    const char *warning;
};

static const struct fault faults[] = {
    {{500, "boom"}, "GET /services/list: HTTP 500"},
    {{200, "{\"success\":true,\"services\":[]}"}, "the list is empty"},
    {{200, "{\"success\":true,\"services\":[\"rag\"]}"}, "the list is empty"},
    {{200, "{\"success\":false,\"services\":[\"a\"]}"},
        "does not report success"},
    {{200, "{\"services\":[\"a\"]}"}, "does not report success"},
    {{200, "{\"success\":true}"}, "the answer has no "},
    {{200, "[\"a\"]"}, "not a JSON object"},
    {{200, "<html>"}, "GET /services/list: "},
    {{200, ""}, "GET /services/list: "},
    {{404, "no"}, "GET /services: HTTP 404"},
    {{0, NULL}, "GET /services/list: "},
};

static void whatever_fails_the_fallback_is_used(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        w->list_answer = faults[i].answer;
        run(w);
        gives(w, "fallback", "f-one|f-two");
        warned_of(w, faults[i].warning);
        log_init(w->log, LOG_WARN); /* so that nothing is a repetition */
        memset(w->log_text, 0, w->log_len);
        rewind(w->log);
    }
}

static void too_many_services_are_not_believed(void **state)
{
    struct world *w = *state;
    char *body = arena_alloc(&w->arena, (SERVICE_LIST_MAX + 10) * 16);
    char *at = body;

    assert_non_null(body);
    at += sprintf(at, "{\"success\":true,\"services\":[\"s\"");
    for (int i = 0; i < SERVICE_LIST_MAX; i++)
        at += sprintf(at, ",\"s%d\"", i);
    sprintf(at, "]}");
    w->list_answer = (struct answer){200, body};
    run(w);
    gives(w, "fallback", "f-one|f-two");
    warned_of(w, "more than 1000 services");
}

static void nobody_listening_means_the_fallback(void **state)
{
    struct world *w = *state;

    w->list.http_url = "http://127.0.0.1:1";
    run(w);
    gives(w, "fallback", "f-one|f-two");
    warned_of(w, "GET /services/list: ");
}

static void a_password_in_the_url_stays_out_of_the_log(void **state)
{
    struct world *w = *state;

    w->list.http_url = "http://me:s3cret@127.0.0.1:1";
    run(w);
    fflush(w->log);
    assert_null(strstr(w->log_text, "s3cret"));
}

static void an_empty_fallback_is_an_error(void **state)
{
    struct world *w = *state;

    w->list.fallback = "";
    run(w);
    assert_int_equal(w->req.op.err.code, ERR_NOT_FOUND);
    assert_int_equal(w->req.n, 0);
}

/* --- cancel and close -------------------------------------------------- */

static void a_canceled_question_has_no_fallback(void **state)
{
    struct world *w = *state;

    w->list_answer = (struct answer){200, NULL};
    submit(w);
    op_cancel(&w->req.op);
    op_cancel(&w->req.op);
    assert_int_equal(w->called, 0);
    loop_run(&w->loop);
    assert_int_equal(w->called, 1);
    assert_int_equal(w->req.op.err.code, ERR_CANCELED);
    assert_int_equal(w->req.n, 0);
}

static void cancel_of_an_answered_question(void **state)
{
    struct world *w = *state;

    w->list.env = "a";
    submit(w);
    op_cancel(&w->req.op);
    loop_run(&w->loop);
    assert_int_equal(w->called, 1);
    gives(w, "env", "a");
}

static void a_closed_client_ends_the_question(void **state)
{
    struct world *w = *state;

    w->list_answer = (struct answer){200, NULL};
    submit(w);
    http_client_close(w->http);
    w->http = NULL;
    loop_run(&w->loop);
    assert_int_equal(w->called, 1);
    assert_int_equal(w->req.op.err.code, ERR_CANCELED);
}

/* --- names ------------------------------------------------------------- */

static void a_full_arena_is_an_error(void **state)
{
    struct arena arena;
    struct service_names names = {.arena = &arena};
    struct err err;

    arena_init(&arena, 64);
    assert_int_equal(service_names_split(&names, "a,b", &err), ERR_NOMEM);
    arena_free(&arena);
}

static void bytes_that_are_no_text_are_no_name(void **state)
{
    struct world *w = *state;

    w->list.env = "a\xff,b,c\x7f";
    run(w);
    gives(w, "env", "b");
    warned_of(w, "ignored a name");
}

#define LIST_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIST_TEST(the_environment_comes_first),
        LIST_TEST(the_environment_may_name_the_asking_service),
        LIST_TEST(an_environment_of_commas_counts_as_unset),
        LIST_TEST(the_coordinator_lists_names),
        LIST_TEST(where_there_is_no_list_the_services_are_asked),
        LIST_TEST(slashes_at_the_end_of_the_url_do_not_double),
        LIST_TEST(a_name_that_is_none_is_left_out),
        LIST_TEST(without_a_url_the_fallback_is_used),
        LIST_TEST(whatever_fails_the_fallback_is_used),
        LIST_TEST(too_many_services_are_not_believed),
        LIST_TEST(nobody_listening_means_the_fallback),
        LIST_TEST(a_password_in_the_url_stays_out_of_the_log),
        LIST_TEST(an_empty_fallback_is_an_error),
        LIST_TEST(a_canceled_question_has_no_fallback),
        LIST_TEST(cancel_of_an_answered_question),
        LIST_TEST(a_closed_client_ends_the_question),
        cmocka_unit_test(a_full_arena_is_an_error),
        LIST_TEST(bytes_that_are_no_text_are_no_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
