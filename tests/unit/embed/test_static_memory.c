/* What a static model of a usual size takes beside its mapped file: 30,000
 * tokens, 256 dimensions. */
#include "embed/static/static_model.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TOKENS = 30000, DIMENSIONS = 256, TEXTS = 1000, MOST_KIB = 10 << 10 };

struct folder {
    char path[32];
};

static FILE *folder_open(const struct folder *f, const char *name)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", f->path, name);
    file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

static void folder_remove(const struct folder *f)
{
    static const char *const names[] = {
        "config.json", "tokenizer.json", "model.safetensors"};
    char path[64];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", f->path, names[i]);
        unlink(path);
    }
    rmdir(f->path);
}

static void write_tokenizer(const struct folder *f)
{
    FILE *file = folder_open(f, "tokenizer.json");

    fputs("{\"normalizer\":{\"type\":\"BertNormalizer\"},"
          "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
          "\"model\":{\"type\":\"WordPiece\",\"vocab\":{",
        file);
    for (int i = 0; i < TOKENS; i++)
        fprintf(file, "%s\"%s%05d\":%d", i > 0 ? "," : "",
            i % 4 == 0 ? "##goes" : "word", i, i);
    fputs("}}}", file);
    assert_int_equal(fclose(file), 0);
}

static void write_model(const struct folder *f)
{
    FILE *file = folder_open(f, "config.json");
    char header[128];
    float row[DIMENSIONS];
    uint64_t length;

    fputs("{\"normalize\":true}", file);
    assert_int_equal(fclose(file), 0);
    write_tokenizer(f);
    file = folder_open(f, "model.safetensors");
    snprintf(header, sizeof(header),
        "{\"embeddings\":{\"dtype\":\"F32\",\"shape\":[%d,%d],"
        "\"data_offsets\":[0,%zu]}}",
        TOKENS, DIMENSIONS, TOKENS * sizeof(row));
    length = strlen(header);
    fwrite(&length, sizeof(length), 1, file);
    fputs(header, file);
    for (int i = 0; i < TOKENS; i++) {
        for (int c = 0; c < DIMENSIONS; c++)
            row[c] = (float)((i * 31 + c * 17) % 1000) / 1000 - 0.5f;
        fwrite(row, sizeof(row), 1, file);
    }
    assert_int_equal(fclose(file), 0);
}

/* Of /proc/self/status. */
static long status_kib(const char *name)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[128];
    long kib = -1;

    assert_non_null(status);
    while (fgets(line, sizeof(line), status) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtol(line + strlen(name), NULL, 10);
    fclose(status);
    return kib;
}

static void embed_texts(const struct static_model *m)
{
    struct static_work work = {0};
    float vector[DIMENSIONS];
    struct err err = {0};
    char text[1 << 14];

    for (int i = 0; i < TEXTS; i++) {
        size_t len = 0;

        while (len < sizeof(text) - 32)
            len += (size_t)snprintf(text + len, sizeof(text) - len,
                "word%05dgoes%05d ", (i + (int)len) % TOKENS | 1,
                (i + (int)len) % TOKENS / 4 * 4);
        assert_int_equal(
            static_model_embed(m, &work, str_of(text), vector, &err), 0);
    }
    static_work_free(&work);
}

/* Sanitizers take memory of their own. */
#ifdef __SANITIZE_ADDRESS__
static const bool sanitized = true;
#else
static const bool sanitized = false;
#endif

static void test_memory_beside_the_mapping(void **state)
{
    struct folder f = {"/tmp/static-model-XXXXXX"};
    struct static_model *m;
    struct err err = {0};
    long before, after;

    assert_non_null(mkdtemp(f.path));
    write_model(&f);
    before = status_kib("RssAnon:");
    if (static_model_open(&m, f.path, &err) < 0)
        fail_msg("%s", err.msg);
    embed_texts(m);
    after = status_kib("RssAnon:");
    folder_remove(&f);
    assert_true(before > 0);
    if (after - before > MOST_KIB && !sanitized)
        fail_msg(
            "%ld KiB beside the mapped file, from %ld", after - before, before);
    static_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_beside_the_mapping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
