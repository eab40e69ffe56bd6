/*
 * Any text as the address of a coordinator or an embedder: what is accepted
 * can be asked, and what is shown of it holds no password.
 */
#define _GNU_SOURCE /* memmem */
#include "fuzz.h"

#include "config/config_table.h"

enum { OUT_BYTES = 1 << 16 };

static const char canary[] = "Qx7Zv9";

static bool has_canary(struct str s)
{
    return s.len > 0 && memmem(s.p, s.len, canary, sizeof(canary) - 1) != NULL;
}

/* host:port, or a name of gRPC's own, as it came. */
static void check_target(char *target, struct str text)
{
    if (target == NULL)
        return;
    require(*target != '\0');
    if (!str_eq(str_of(target), text))
        require(strrchr(target, ':') != NULL);
    free(target);
}

static void check_http(struct str text)
{
    char *url;

    if (!config_is_address(text))
        return;
    url = config_http_url(text);
    require(config_is_http_url(str_of(url)));
    for (const char *p = url; *p != '\0'; p++)
        require((unsigned char)*p > ' ');
    check_target(config_target_at(str_of(url), 50051), STR(""));
    free(url);
}

/* The canary is the password of a URL whose rest is the text. */
static void check_shown(const char *text)
{
    struct buf url, shown;

    buf_init(&url, OUT_BYTES);
    buf_init(&shown, OUT_BYTES);
    buf_printf(&url, "https://user:%s@", canary);
    buf_puts(&url, text);
    config_public_url(&shown, url.data);
    buf_char(&shown, '\n');
    config_mask_url(&shown, url.data);
    require(url.error != 0 || shown.error == 0);
    if (strstr(text, canary) == NULL)
        require(!has_canary(buf_view(&shown)));
    buf_free(&url);
    buf_free(&shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *z = text_copy((struct str){(const char *)data, size});
    struct str text = str_of(z);

    check_target(config_target(text, 50051), text);
    check_http(text);
    if (config_is_api_url(text))
        require(memchr(text.p, '\n', text.len) == NULL);
    config_scheme_of(text);
    if (text.len < OUT_BYTES / 4)
        check_shown(z);
    free(z);
    return 0;
}
