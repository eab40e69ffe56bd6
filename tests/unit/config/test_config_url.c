#include "unit/config/environment.h"

#include <stdio.h>

static void the_database_is_a_url_or_keywords(void **state)
{
    static char *const right[] = {"postgres://u:p@h:5432/db?sslmode=require",
        "postgresql:///db?host=/run", "POSTGRES://h/db",
        "host=h dbname=db password='a://b'"};
    static char *const wrong[] = {"mysql://u:secret@h/db", "u:secret@h",
        "jdbc:postgresql://u:secret@h/db?a=b", "=secret",
        "\"postgres://u:secret@h/db\""};
    struct fixture *f = *state;
    char line[128];

    READ(f, NEED_DATABASE, "DATABASE_URL= ");
    assert_fault(f, "DATABASE_URL_FILE");
    for (size_t i = 0; i < COUNT(right); i++) {
        snprintf(line, sizeof(line), "DATABASE_URL=%s", right[i]);
        READ(f, NEED_DATABASE, line);
        assert_fine(f);
        assert_string_equal(f->config.database.url, right[i]);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        snprintf(line, sizeof(line), "DATABASE_URL=%s", wrong[i]);
        READ(f, NEED_DATABASE, line);
        assert_fault(f, "postgres://");
        assert_null(strstr(problems(f), "secret"));
        assert_int_equal(lines(f), 1);
    }
    READ(f, 0, "DATABASE_URL=mysql://u:secret@h/db");
    assert_fault(f, "DATABASE_URL=\"mysql://***@h/db\": ");
}

static void passwords_are_masked_wherever_they_stand(void **state)
{
    static const char *const cases[][2] = {
        {"postgres://u:p@h:5432/db", "postgres://u:***@h:5432/db"},
        {"postgres://u:p/w@x:y@h/db", "postgres://u:***@h/db"},
        {"postgres://u:a?b#c@h/db", "postgres://u:***@h/db"},
        {"postgres://u@h:5432/db", "postgres://u@h:5432/db"},
        {"postgres://h:5432/db", "postgres://h:5432/db"},
        {"postgres://u:@h/db", "postgres://u:***@h/db"},
        {"postgres://h/db?user=u&password=p&sslmode=require",
            "postgres://h/db?user=u&password=***&sslmode=require"},
        {"postgres://h/db?PASSWORD=p", "postgres://h/db?PASSWORD=***"},
        {"postgres://h/db?sslpassword=p%20q&x=1",
            "postgres://h/db?sslpassword=***&x=1"},
        {"jdbc:postgresql://u:p@h/db", "jdbc:postgresql://u:***@h/db"},
        {"host=h password=p user=u", "host=h password=*** user=u"},
        {"password = 'a b\\' c' user=u", "password = *** user=u"},
        {"password=a\\ b user=u", "password=*** user=u"},
        {"password=a@b:c", "password=***"},
        {"password='open", "password=***"},
        {"password=x://y:z@w user=u", "password=*** user=u"},
        {"passfile=/x password", "passfile=/x password"},
        {"", ""},
    };
    struct buf out;

    buf_init(&out, 1000);
    for (size_t i = 0; i < COUNT(cases); i++) {
        buf_reset(&out);
        config_mask_url(&out, cases[i][0]);
        assert_str(buf_view(&out), str_of(cases[i][1]));
    }
    buf_free(&out);
}

static void a_public_url_has_no_user_and_no_query(void **state)
{
    static const char *const cases[][2] = {
        {"coordinator:50051", "coordinator:50051"},
        {"http://h:1/x", "http://h:1/x"},
        {"http://u:p@h:1/x?token=t#f", "http://h:1/x"},
        {"grpcs://u:p/@q@h", "grpcs://h"},
        {"u:p@h", "h"},
    };
    struct buf out;

    buf_init(&out, 1000);
    for (size_t i = 0; i < COUNT(cases); i++) {
        buf_reset(&out);
        config_public_url(&out, cases[i][0]);
        assert_str(buf_view(&out), str_of(cases[i][1]));
    }
    buf_free(&out);
}

static void a_password_in_any_url_is_masked(void **state)
{
    struct fixture *f = *state;

    READ(f, 0, "COORDINATOR_URL=ftp://u:secret@h/");
    assert_fault(f, "COORDINATOR_URL=\"ftp://***@h/\": ");
}

/* What is set, and the target that comes of it; NULL: a fault. */
static const struct {
    char *names[4];
    const char *target;
} targets[] = {
    {{"COORDINATOR_GRPC_ENDPOINT=c:1", "COORDINATOR_GRPC_URL=d:2",
         "COORDINATOR_URL=http://e:3"},
        "c:1"},
    {{"COORDINATOR_GRPC_URL=d:2", "COORDINATOR_URL=http://e:3"}, "d:2"},
    {{"COORDINATOR_URL=http://e:3/x", "COORDINATOR_SERVICE_URL=http://f"},
        "e:50051"},
    {{"COORDINATOR_SERVICE_URL=https://f.example.org"}, "f.example.org:50051"},
    {{"COORDINATOR_URL=http://e", "COORDINATOR_GRPC_PORT=7"}, "e:7"},
    {{"COORDINATOR_GRPC_PORT=7"}, "localhost:7"},
    {{"COORDINATOR_HTTP_URL=http://only-http"}, "localhost:50051"},
    {{"COORDINATOR_GRPC_ENDPOINT=c", "COORDINATOR_GRPC_PORT=7"}, "c:7"},
    {{"COORDINATOR_GRPC_ENDPOINT=10.0.0.1:1"}, "10.0.0.1:1"},
    {{"COORDINATOR_GRPC_URL=http://d:2"}, "d:2"},
    {{"COORDINATOR_GRPC_URL=grpc://d:2/"}, "d:2"},
    {{"COORDINATOR_GRPC_URL=grpcs://u:p@d:2/x?y"}, "d:2"},
    {{"COORDINATOR_GRPC_URL=https://d"}, "d:443"},
    {{"COORDINATOR_GRPC_URL=https://d:2"}, "d:2"},
    {{"COORDINATOR_GRPC_URL=http://d"}, "d:50051"},
    {{"COORDINATOR_GRPC_URL=dns:///d:2"}, "d:2"},
    {{"COORDINATOR_GRPC_URL=dns://8.8.8.8/d"}, "d:50051"},
    {{"COORDINATOR_GRPC_URL=dns:d:2"}, "d:2"},
    {{"COORDINATOR_GRPC_URL=unix:/run/c.sock"}, "unix:/run/c.sock"},
    {{"COORDINATOR_GRPC_URL=ipv4:10.0.0.1:2"}, "ipv4:10.0.0.1:2"},
    {{"COORDINATOR_GRPC_URL=[::1]:2"}, "[::1]:2"},
    {{"COORDINATOR_GRPC_URL=http://[fe80::1%eth0]"}, "[fe80::1%eth0]:50051"},
    {{"COORDINATOR_GRPC_ENDPOINT=::1"}, "[::1]:50051"},
    {{"COORDINATOR_URL=http://[::1]:3000"}, "[::1]:50051"},
    {{"COORDINATOR_GRPC_ENDPOINT=c:0"}, NULL},
    {{"COORDINATOR_GRPC_ENDPOINT=c:65536"}, NULL},
    {{"COORDINATOR_GRPC_ENDPOINT=c:"}, NULL},
    {{"COORDINATOR_GRPC_ENDPOINT=:1"}, NULL},
    {{"COORDINATOR_GRPC_ENDPOINT=c d:1"}, NULL},
    {{"COORDINATOR_GRPC_ENDPOINT=[::1:2"}, NULL},
    {{"COORDINATOR_GRPC_ENDPOINT=[c]:2"}, NULL},
    {{"COORDINATOR_GRPC_ENDPOINT=fe80::1%et[h"}, NULL},
    {{"COORDINATOR_GRPC_ENDPOINT=fe80::1%"}, NULL},
    {{"COORDINATOR_GRPC_URL=http://"}, NULL},
    {{"COORDINATOR_URL=http://h:99999"}, NULL},
    {{"COORDINATOR_URL=http://h h"}, NULL},
    {{"COORDINATOR_URL=coordinator"}, "coordinator:50051"},
    {{"COORDINATOR_URL=coordinator:4000/"}, "coordinator:50051"},
    {{"COORDINATOR_URL=10.0.0.1:4000", "COORDINATOR_GRPC_PORT=7"},
        "10.0.0.1:7"},
    {{"COORDINATOR_URL=::1"}, "[::1]:50051"},
    {{"COORDINATOR_SERVICE_URL=coordinator"}, "coordinator:50051"},
    {{"COORDINATOR_GRPC_ENDPOINT=coordinator", "COORDINATOR_GRPC_URL=d:2"},
        "coordinator:50051"},
    {{"COORDINATOR_GRPC_URL=unix:///run/c.sock"}, "unix:///run/c.sock"},
    {{"COORDINATOR_GRPC_URL=unix-abstract:c"}, "unix-abstract:c"},
    {{"COORDINATOR_URL=grpc://h"}, NULL},
    {{"COORDINATOR_URL=h h"}, NULL},
    {{"COORDINATOR_URL=h:x"}, NULL},
    {{"COORDINATOR_GRPC_URL=ftp://h"}, NULL},
};

static void the_target_is_the_first_that_is_named(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(targets); i++) {
        READ(f, 0, targets[i].names[0], targets[i].names[1],
            targets[i].names[2]);
        if (targets[i].target == NULL) {
            assert_fault(f, "must be ");
            assert_int_equal(lines(f), 1);
        } else {
            assert_fine(f);
            assert_string_equal(
                f->config.coordinator.grpc_target, targets[i].target);
        }
    }
}

static void the_http_side_is_the_first_that_is_named(void **state)
{
    struct fixture *f = *state;
    const struct config_coordinator *c = &f->config.coordinator;

    READ(f, 0, "COORDINATOR_SERVICE_URL=http://s/");
    assert_string_equal(c->http_url, "http://s");
    READ(f, 0, "COORDINATOR_SERVICE_URL=http://s/",
        "COORDINATOR_URL=http://u:1");
    assert_string_equal(c->http_url, "http://u:1");
    READ(f, 0, "COORDINATOR_URL=http://u", "COORDINATOR_HTTP_URL=https://h/p");
    assert_string_equal(c->http_url, "https://h/p");
    assert_string_equal(c->grpc_target, "u:50051");
    READ(f, 0, "COORDINATOR_URL=coordinator");
    assert_string_equal(c->http_url, "http://coordinator");
    READ(f, 0, "COORDINATOR_URL=coordinator:4000/");
    assert_string_equal(c->http_url, "http://coordinator:4000");
    READ(f, 0, "COORDINATOR_URL=::1");
    assert_string_equal(c->http_url, "http://[::1]");
    READ(f, 0, "COORDINATOR_HTTP_URL=[::1]:80");
    assert_string_equal(c->http_url, "http://[::1]:80");
}

/* What is set, and whether calls go through TLS. */
static const struct {
    char *names[3];
    bool use_tls;
} schemes[] = {
    {{"COORDINATOR_GRPC_URL=https://d"}, true},
    {{"COORDINATOR_GRPC_URL=grpcs://d:2"}, true},
    {{"COORDINATOR_GRPC_ENDPOINT=GRPCS://d:2"}, true},
    {{"COORDINATOR_GRPC_URL=http://d:2"}, false},
    {{"COORDINATOR_GRPC_URL=grpc://d:2"}, false},
    {{"COORDINATOR_GRPC_URL=d:2"}, false},
    {{"COORDINATOR_GRPC_URL=d:2", "GRPC_USE_SSL=true"}, true},
    {{"COORDINATOR_GRPC_URL=dns:///d:2", "GRPC_USE_SSL=true"}, true},
    {{"COORDINATOR_GRPC_URL=https://d", "GRPC_USE_SSL=true"}, true},
    {{"COORDINATOR_GRPC_URL=http://d", "GRPC_USE_SSL=false"}, false},
    {{"COORDINATOR_GRPC_ENDPOINT=d", "COORDINATOR_GRPC_URL=https://e"}, false},
    {{"COORDINATOR_GRPC_ENDPOINT=d", "COORDINATOR_URL=https://e"}, false},
    {{"COORDINATOR_URL=https://e"}, true},
    {{"COORDINATOR_URL=https://e", "GRPC_USE_SSL=false"}, false},
    {{"COORDINATOR_URL=http://e", "GRPC_USE_SSL=true"}, true},
    {{"COORDINATOR_URL=e"}, false},
    {{"COORDINATOR_HTTP_URL=https://e"}, false},
};

static void a_scheme_means_what_it_says(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(schemes); i++) {
        READ(f, 0, schemes[i].names[0], schemes[i].names[1]);
        assert_fine(f);
        if (f->config.coordinator.use_tls != schemes[i].use_tls)
            fail_msg("%s: TLS is %d", schemes[i].names[0], !schemes[i].use_tls);
    }
}

static void a_scheme_must_not_contradict_the_variable(void **state)
{
    struct fixture *f = *state;

    READ(f, 0, "COORDINATOR_GRPC_URL=https://d", "GRPC_USE_SSL=false");
    assert_fault(f, "COORDINATOR_GRPC_URL=\"https://d\": its scheme "
                    "contradicts GRPC_USE_SSL=false");
    READ(f, 0, "COORDINATOR_GRPC_ENDPOINT=grpc://d", "GRPC_USE_SSL=true");
    assert_fault(f, "COORDINATOR_GRPC_ENDPOINT=\"grpc://d\": its scheme");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        READING(the_database_is_a_url_or_keywords),
        READING(passwords_are_masked_wherever_they_stand),
        READING(a_password_in_any_url_is_masked),
        READING(a_public_url_has_no_user_and_no_query),
        READING(the_target_is_the_first_that_is_named),
        READING(the_http_side_is_the_first_that_is_named),
        READING(a_scheme_means_what_it_says),
        READING(a_scheme_must_not_contradict_the_variable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
