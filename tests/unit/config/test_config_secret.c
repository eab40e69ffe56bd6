/* Secrets, from variables and from files. */
#include "unit/config/environment.h"

#include "unit/base/keys.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A file of this content; its line "NAME=path" is in `line`. */
static void write_file(
    char line[64], const char *name, const void *content, size_t len)
{
    char path[] = "/tmp/batchsync-test-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, len), len);
    close(fd);
    snprintf(line, 64, "%s=%s", name, path);
}

static void remove_file(const char *line)
{
    unlink(strchr(line, '=') + 1);
}

static void secrets_come_from_files_too(void **state)
{
    struct fixture *f = *state;
    char key[64], url[64];

    write_file(key, "OPENAI_API_KEY_FILE", "sk-1\n", 5);
    write_file(url, "DATABASE_URL_FILE", "postgres://h/d\r\n", 16);
    READ(f, NEED_DATABASE | NEED_EMBEDDER, key, url);
    assert_fine(f);
    assert_string_equal(f->config.embedding.api_key, "sk-1");
    assert_string_equal(f->config.database.url, "postgres://h/d");
    remove_file(key);
    READ(f, NEED_EMBEDDER, key);
    assert_fault(f, "OPENAI_API_KEY_FILE=\"/tmp/batchsync-test-");
    assert_fault(f, "No such file or directory");
    assert_int_equal(lines(f), 1);
    remove_file(url);
}

static void a_file_beside_the_variable_is_a_fault(void **state)
{
    struct fixture *f = *state;
    char key[64];

    write_file(key, "OPENAI_API_KEY_FILE", "sk-1\n", 5);
    READ(f, 0, key, "OPENAI_API_KEY=sk-2");
    assert_fault(f, "OPENAI_API_KEY=***: OPENAI_API_KEY_FILE is set too");
    remove_file(key);
}

static void files_must_hold_a_readable_value(void **state)
{
    struct fixture *f = *state;
    char line[64], content[70000];

    READ(f, 0, "DATABASE_URL_FILE=/");
    assert_fault(f, "DATABASE_URL_FILE=\"/\": Is a directory");
    write_file(line, "DATABASE_URL_FILE", " \n", 2);
    READ(f, NEED_DATABASE, line);
    assert_fault(f, "the file is empty");
    assert_int_equal(lines(f), 1);
    remove_file(line);
    write_file(line, "DATABASE_URL_FILE", "postgres://h\0x", 14);
    READ(f, 0, line);
    assert_fault(f, "NUL");
    remove_file(line);
    memset(content, 'a', sizeof(content));
    write_file(line, "DATABASE_URL_FILE", content, sizeof(content));
    READ(f, 0, line);
    assert_fault(f, "File too large");
    remove_file(line);
    write_file(line, "DATABASE_URL_FILE", "x:secret@y", 10);
    READ(f, 0, line);
    assert_fault(f, "DATABASE_URL=***: ");
    remove_file(line);
}

static void the_signing_key_must_work_where_calls_are_made(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *pair = key_on("P-256");
    char file[64], line[2000];
    struct buf pem;

    READ(f, 0, "RAG_PRIVATE_KEY=nonsense");
    assert_fine(f);
    READ(f, NEED_COORDINATOR, "RAG_PRIVATE_KEY=nonsense");
    assert_fault(f, "RAG_PRIVATE_KEY=***: the key is neither PEM");
    READ(f, NEED_COORDINATOR, "RAG_PRIVATE_KEY=nonsense",
        "COORDINATOR_SIGNATURE_ENABLED=false");
    assert_fine(f);
    assert_null(f->config.coordinator.private_key);
    buf_init(&pem, 2000);
    key_pem(&pem, pair, KEY_SEC1);
    write_file(file, "RAG_PRIVATE_KEY_FILE", pem.data, pem.len);
    READ(f, NEED_COORDINATOR, file);
    assert_fine(f);
    assert_non_null(f->config.coordinator.private_key);
    remove_file(file);
    snprintf(line, sizeof(line), "RAG_PRIVATE_KEY=%s", pem.data);
    READ(f, NEED_COORDINATOR, line);
    assert_fine(f);
    buf_free(&pem);
    EVP_PKEY_free(pair);
}

static void root_certificates_are_a_pem_or_its_base64(void **state)
{
    static const char pem[] = "-----BEGIN CERTIFICATE-----\nAAAA\n"
                              "-----END CERTIFICATE-----";
    struct fixture *f = *state;
    char line[256];
    struct buf text;

    snprintf(line, sizeof(line), "GRPC_ROOT_CERT=%s", pem);
    READ(f, 0, line);
    assert_fine(f);
    assert_string_equal(f->config.coordinator.root_pem, pem);
    buf_init(&text, 200);
    base64_encode(&text, pem, strlen(pem));
    snprintf(line, sizeof(line), "GRPC_ROOT_CERT=%s", text.data);
    READ(f, 0, line);
    assert_fine(f);
    assert_string_equal(f->config.coordinator.root_pem, pem);
    buf_free(&text);
    READ(f, 0, "GRPC_ROOT_CERT=/etc/ssl/root.pem");
    assert_fault(f, "GRPC_ROOT_CERT=\"/etc/ssl/root.pem\": ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        READING(secrets_come_from_files_too),
        READING(a_file_beside_the_variable_is_a_fault),
        READING(files_must_hold_a_readable_value),
        READING(the_signing_key_must_work_where_calls_are_made),
        READING(root_certificates_are_a_pem_or_its_base64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
