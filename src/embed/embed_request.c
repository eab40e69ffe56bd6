/* What is sent: headers that are the same each time, and the JSON. */
#include "embed/embedder_impl.h"

#include "base/text.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* USUAL_SHARE: of the most that a body may have, what hardly any exceeds. */
enum { ESCAPED_BYTES = 6 /* \u0000 */, AROUND_BYTES = 256, USUAL_SHARE = 4 };

bool embed_form_has(const struct embed_form *form, const char *name)
{
    for (size_t i = 0; i < form->nheaders; i++)
        if (strcasecmp(form->headers[i].name, name) == 0)
            return true;
    return false;
}

/* The memory is reserved: what was written before does not move. */
static const char *request_keep(struct embed_form *form, struct str s)
{
    const char *z = form->names.data + form->names.len;

    buf_str(&form->names, s);
    buf_char(&form->names, '\0');
    return z;
}

static void request_add_header(
    struct embed_form *form, const char *name, const char *value)
{
    if (form->nheaders < HEADERS && !embed_form_has(form, name))
        form->headers[form->nheaders++] = (struct http_header){name, value};
}

static void embed_request_add_own_headers(
    struct embed_form *form, struct str lines)
{
    struct str line;

    while (text_next_line(&lines, &line)) {
        const char *colon;
        struct str name, value;

        line = text_trim(line);
        colon = line.len == 0 ? NULL : memchr(line.p, ':', line.len);
        if (colon == NULL)
            continue;
        name = (struct str){line.p, (size_t)(colon - line.p)};
        value = (struct str){colon + 1, line.len - name.len - 1};
        request_add_header(form, request_keep(form, name),
            request_keep(form, text_trim(value)));
    }
}

static void embed_request_add_key(
    struct embed_form *form, const char *key, bool as_api_key)
{
    if (key == NULL)
        return;
    if (as_api_key) {
        request_add_header(form, "api-key", key);
        return;
    }
    request_add_header(
        form, "Authorization", form->names.data + form->names.len);
    buf_puts(&form->names, "Bearer ");
    request_keep(form, str_of(key));
}

/* What EMBEDDING_HEADERS says comes first, and wins. */
void embed_form_init(
    struct embed_form *form, const struct config_embedding *config)
{
    struct str own = str_of(config->headers), key = str_of(config->api_key);
    size_t bytes = 2 * own.len + key.len + AROUND_BYTES;

    *form = (struct embed_form){.nheaders = 0};
    embed_address_init(&form->address, config->api_url);
    buf_init(&form->names, bytes);
    buf_reserve(&form->names, bytes);
    embed_request_add_own_headers(form, own);
    form->nown = form->nheaders;
    request_add_header(form, "Content-Type", "application/json");
    request_add_header(form, "Accept", "application/json");
    request_add_header(form, "User-Agent", "batchsync");
    embed_request_add_key(form, config->api_key, config->key_as_api_key);
    assert(form->names.error == 0);
}

void embed_form_free(struct embed_form *form)
{
    embed_address_free(&form->address);
    buf_free(&form->names);
}

static size_t embed_request_body_cap(
    const struct embed_call *call, const struct config_embedding_side *side)
{
    size_t prefix = str_of(side->prefix).len;
    size_t cap = AROUND_BYTES + str_of(side->extra).len +
                 ESCAPED_BYTES * strlen(call->embedder->config->model);

    for (size_t i = 0; i < call->post.n; i++)
        cap += ESCAPED_BYTES *
                   (call->req->texts[call->post.places[i]].len + prefix) +
               sizeof("\"\",");
    return cap;
}

static void request_add_text(struct buf *b, const char *prefix, struct str text)
{
    buf_char(b, '"');
    buf_json_part(b, str_of(prefix));
    buf_json_part(b, text_trim(text));
    buf_char(b, '"');
}

static void request_add_form(
    struct buf *b, const struct config_embedding *config, int dimensions)
{
    if (config->send_dimensions)
        buf_printf(b, ",\"dimensions\":%d", dimensions);
    if (config->encoding != ENCODING_NONE)
        buf_printf(b, ",\"encoding_format\":\"%s\"",
            config->encoding == ENCODING_BASE64 ? "base64" : "float");
}

int embed_request_write(struct embed_call *call)
{
    const struct config_embedding *config = call->embedder->config;
    const struct embed_req *req = call->req;
    const struct config_embedding_side *side =
        req->query ? &config->queries : &config->documents;
    struct buf *b = &call->post.body;
    size_t cap = embed_request_body_cap(call, side);

    buf_init(b, cap);
    buf_reserve(b, cap / USUAL_SHARE);
    buf_puts(b, "{\"model\":");
    buf_json_str(b, str_of(config->model));
    buf_puts(b, ",\"input\":[");
    for (size_t i = 0; i < call->post.n; i++) {
        if (i > 0)
            buf_char(b, ',');
        request_add_text(b, side->prefix, req->texts[call->post.places[i]]);
    }
    buf_char(b, ']');
    request_add_form(b, config, req->dimensions);
    if (side->extra != NULL)
        buf_printf(b, ",%s", side->extra);
    buf_char(b, '}');
    return b->error;
}
