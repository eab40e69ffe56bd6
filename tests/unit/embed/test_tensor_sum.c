#include "embed/static/tensor_sum.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 70, COLUMNS = 167, TERMS = 64 };

static const struct {
    enum tensor_type type;
    size_t bytes;
} types[] = {{TENSOR_F64, 8}, {TENSOR_F32, 4}, {TENSOR_F16, 2}, {TENSOR_I32, 4},
    {TENSOR_I64, 8}, {TENSOR_I8, 1}};

static uint32_t next(uint32_t *state)
{
    return *state = *state * 1664525u + 1013904223u;
}

/* Numbers of any size, at an address that is not aligned. */
static char *numbers(enum tensor_type type, size_t bytes)
{
    char *data = malloc(ROWS * COLUMNS * bytes + 1), *p = data + 1;
    uint32_t state = 7;

    assert_non_null(data);
    for (size_t i = 0; i < ROWS * COLUMNS; i++, p += bytes) {
        double d = (double)next(&state) / UINT32_MAX - 0.5;
        float f = (float)d;
        int64_t whole = (int32_t)next(&state) / 1000;
        uint16_t half = (uint16_t)(next(&state) >> 16);

        if ((half & 0x7C00) == 0x7C00)
            half = 0x8001; /* the smallest, below zero */
        memcpy(p,
            type == TENSOR_F64   ? (void *)&d
            : type == TENSOR_F32 ? (void *)&f
            : type == TENSOR_F16 ? (void *)&half
                                 : (void *)&whole,
            bytes);
    }
    return data;
}

/* The same bits as when each column is added up by itself. */
static void check_sum(
    const struct tensor *t, const struct tensor_term *terms, size_t n)
{
    float sums[COLUMNS];

    memset(sums, 0xFF, sizeof(sums));
    tensor_sum(t, terms, n, sums);
    for (size_t c = 0; c < COLUMNS; c++) {
        volatile float sum = 0;

        for (size_t i = 0; i < n; i++) {
            volatile float product =
                terms[i].weight * (float)tensor_number(t, terms[i].row, c);

            sum += product;
        }
        assert_true(sums[c] == sum);
    }
}

static void test_sums(void **state)
{
    struct tensor_term terms[TERMS];
    uint32_t random = 1;

    for (size_t i = 0; i < TERMS; i++)
        terms[i] = (struct tensor_term){
            next(&random) % ROWS, (float)(next(&random) % 1000) / 128};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char *data = numbers(types[i].type, types[i].bytes);
        struct tensor t = {types[i].type, ROWS, COLUMNS, data + 1};

        for (size_t n = 0; n <= TERMS; n = n < 3 ? n + 1 : 2 * n)
            check_sum(&t, terms, n);
        free(data);
    }
}

static void test_halves_without_a_size(void **state)
{
    uint16_t halves[COLUMNS] = {0x7C00, 0xFC00, 0x7E00, 0x8000};
    struct tensor t = {TENSOR_F16, 1, COLUMNS, (const char *)halves};
    const struct tensor_term once = {0, 1};
    float sums[COLUMNS];

    tensor_sum(&t, &once, 1, sums);
    assert_true(sums[0] == INFINITY && sums[1] == -INFINITY);
    assert_true(isnan(sums[2]));
    assert_true(sums[3] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_halves_without_a_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
