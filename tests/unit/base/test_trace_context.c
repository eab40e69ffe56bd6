/* W3C's header: what is read, and what is sent on. */
#include "base/io/trace_context.h"
#include "unit/base/check.h"

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static const struct {
    const char *header;
    bool valid;
} headers[] = {
    {"00-" ID "-" SPAN "-01", true},
    {"00-" ID "-" SPAN "-00", true},
    {"00-" ID "-" SPAN "-ff", true},
    {"01-" ID "-" SPAN "-01", true},
    {"cc-" ID "-" SPAN "-01-what-comes-later", true},
    {"", false},
    {"00-" ID "-" SPAN "-0", false},
    {"00-" ID "-" SPAN "-01-", false},
    {"00-" ID "-" SPAN "-01-more", false},
    {"cc-" ID "-" SPAN "-01.more", false},
    {"ff-" ID "-" SPAN "-01", false},
    {"0x-" ID "-" SPAN "-01", false},
    {"00-00000000000000000000000000000000-" SPAN "-01", false},
    {"00-" ID "-0000000000000000-01", false},
    {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", false},
    {"00-" ID "-00f067aa0ba902bg-01", false},
    {"00_" ID "-" SPAN "-01", false},
};

static void only_what_is_allowed_is_read(void **state)
{
    struct trace_context t;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (trace_context_read(&t, str_of(headers[i].header)) !=
            headers[i].valid)
            fail_msg("\"%s\"", headers[i].header);
        assert_string_equal(t.id, headers[i].valid ? ID : "");
    }
}

static void each_request_has_a_span_of_its_own(void **state)
{
    char first[TRACEPARENT_BYTES], second[TRACEPARENT_BYTES];
    struct trace_context t, again;

    trace_context_read(&t, str_of("00-" ID "-" SPAN "-00"));
    trace_context_next(&t, first);
    trace_context_next(&t, second);
    assert_string_not_equal(first, second);
    assert_memory_equal(first, "00-" ID "-", 36);
    assert_null(strstr(first, SPAN));
    assert_string_equal(first + 52, "-00");
    assert_true(trace_context_read(&again, str_of(first)));
}

static void one_that_is_made_can_be_read(void **state)
{
    static const uint8_t zeros[16];
    char header[TRACEPARENT_BYTES];
    struct trace_context t, read;

    trace_context_make(&t, zeros);
    trace_context_next(&t, header);
    assert_true(trace_context_read(&read, str_of(header)));
    assert_string_equal(read.id, t.id);
    assert_int_equal(read.flags, 1);
}

static void without_a_trace_nothing_is_sent(void **state)
{
    char header[TRACEPARENT_BYTES];
    struct trace_context t = {.id = ""};

    trace_context_next(&t, header);
    assert_string_equal(header, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_allowed_is_read),
        cmocka_unit_test(each_request_has_a_span_of_its_own),
        cmocka_unit_test(one_that_is_made_can_be_read),
        cmocka_unit_test(without_a_trace_nothing_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
