/* The dead letters, in memory, by the ledger's rules. */
#include "world.h"

#include <stdlib.h>

static struct sim_letter *find(
    struct letters *l, int service, const uint8_t digest[SHA256_BYTES])
{
    for (size_t i = 0; i < l->n; i++)
        if (l->letters[i].service == service &&
            memcmp(l->letters[i].digest, digest, SHA256_BYTES) == 0)
            return &l->letters[i];
    return NULL;
}

static struct sim_letter *add(
    struct letters *l, int service, const struct dead_letter *in)
{
    struct sim_letter *letter;

    if (l->n == l->size) {
        l->size = l->size * 2 + 16;
        l->letters = realloc(l->letters, l->size * sizeof(*l->letters));
        if (l->letters == NULL)
            abort();
    }
    letter = &l->letters[l->n++];
    *letter = (struct sim_letter){.service = service};
    memcpy(letter->digest, in->digest, SHA256_BYTES);
    CHECK(in->content_id.len < sizeof(letter->id));
    if (in->content_id.len > 0)
        memcpy(letter->id, in->content_id.p, in->content_id.len);
    return letter;
}

static bool has_recipe(
    const struct sim_letter *letter, const struct scope *scope)
{
    return letter->has_recipe &&
           memcmp(letter->fingerprint, scope->fingerprint, SHA256_BYTES) == 0;
}

/* One that was tried and failed. Was it known? */
static bool take_tried(struct letters *l, int service,
    const struct scope *scope, const struct dead_letter *in)
{
    struct sim_letter *letter = find(l, service, in->digest);
    const char *seq = strstr(in->payload.p, "\"seq\":");
    bool known = letter != NULL && letter->open && has_recipe(letter, scope) &&
                 letter->known_since < l->run;

    if (letter == NULL)
        letter = add(l, service, in);
    if (!known)
        letter->known_since = l->run;
    letter->poison =
        in->content_id.len > 0 && strstr(in->payload.p, "POISON ") != NULL;
    letter->seq = seq != NULL ? atoi(seq + 6) : -1; /* it was not read */
    free(letter->payload);
    letter->payload = strndup(in->payload.p, in->payload.len);
    letter->open = letter->has_recipe = true;
    letter->refused = in->refused;
    letter->passing = in->passing;
    letter->due = letter->superseded = false;
    letter->last_seen = l->run;
    memcpy(letter->fingerprint, scope->fingerprint, SHA256_BYTES);
    return known;
}

static bool take_skipped(
    struct letters *l, int service, const struct dead_letter *in)
{
    struct sim_letter *letter = find(l, service, in->digest);

    CHECK(letter != NULL);
    if (letter == NULL)
        return false;
    letter->open = true;
    letter->superseded = false;
    letter->last_seen = l->run;
    return letter->known_since < l->run;
}

/* A later item of the id is stored, or has failed by itself: `digest`. */
static void supersede(
    struct letters *l, int service, struct str id, const uint8_t *digest)
{
    for (size_t i = 0; i < l->n && id.len > 0; i++) {
        struct sim_letter *letter = &l->letters[i];

        if (letter->service != service || !str_eq(str_of(letter->id), id) ||
            (digest != NULL &&
                memcmp(letter->digest, digest, SHA256_BYTES) == 0))
            continue;
        letter->superseded = true;
        if (digest == NULL && letter->last_seen < l->run)
            letter->open = false;
    }
}

uint64_t letters_take(
    struct letters *l, int service, const struct checkpoint_req *req)
{
    uint64_t known = 0;

    for (size_t i = 0; i < req->nletters; i++) {
        const struct dead_letter *in = &req->letters[i];

        CHECK(in->reason != NULL && (in->suppressed || in->payload.len > 0));
        known += in->suppressed ? take_skipped(l, service, in)
                                : take_tried(l, service, req->scope, in);
        supersede(l, service, in->content_id, in->digest);
    }
    for (size_t i = 0; i < req->nresolved; i++)
        supersede(l, service, req->resolved[i], NULL);
    return known;
}

void letters_withdraw(struct letters *l)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->n; i++)
        if (!l->letters[i].passing || l->letters[i].known_since < l->run)
            l->letters[kept++] = l->letters[i];
        else
            free(l->letters[i].payload);
    l->n = kept;
}

bool letters_any(const struct letters *l, int service)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->letters[i].service == service && l->letters[i].open &&
            l->letters[i].id[0] != '\0')
            return true;
    return false;
}

void letters_lookup(
    const struct letters *l, int service, struct lookup_req *req)
{
    req->nletters = 0;
    req->letters = arena_calloc(req->arena, l->n + 1, sizeof(*req->letters));
    if (req->letters == NULL)
        abort();
    for (size_t i = 0; i < l->n; i++)
        for (size_t k = 0; k < req->n; k++) {
            const struct sim_letter *letter = &l->letters[i];
            struct open_letter *out = &req->letters[req->nletters];

            if (letter->service != service || !letter->open ||
                !str_eq(str_of(letter->id), req->ids[k]))
                continue;
            out->item = (uint32_t)k;
            out->known =
                (letter->refused || (letter->passing && !letter->due)) &&
                has_recipe(letter, req->scope);
            memcpy(out->digest, letter->digest, SHA256_BYTES);
            req->nletters++;
        }
}

const struct sim_letter *letters_due(
    const struct letters *l, int service, const struct due_letters_req *req)
{
    const struct sim_letter *next = NULL;

    for (size_t i = 0; i < l->n; i++) {
        const struct sim_letter *at = &l->letters[i];

        if (at->service == service && at->open && at->passing &&
            !at->superseded && at->id[0] != '\0' &&
            (at->due || !has_recipe(at, req->scope)) &&
            (req->after == NULL ||
                memcmp(at->digest, req->after, SHA256_BYTES) > 0) &&
            (next == NULL ||
                memcmp(at->digest, next->digest, SHA256_BYTES) < 0))
            next = at;
    }
    return next;
}

void letters_ripen(struct letters *l)
{
    for (size_t i = 0; i < l->n; i++)
        l->letters[i].due = l->letters[i].passing;
}

/* A poison that the last run met: the source may have had others before. */
static bool is_met(const struct letters *l, const struct sim_letter *letter)
{
    return letter->open && letter->poison && letter->last_seen == l->run;
}

int letters_retry(struct letters *l, uint64_t of, uint64_t random)
{
    int poison = 0;

    for (size_t i = 0; i < l->n; i++)
        if (l->letters[i].open && l->letters[i].id[0] != '\0' &&
            sim_random(&random) % of == 0) {
            l->letters[i].has_recipe = false;
            poison += is_met(l, &l->letters[i]);
        }
    return poison;
}

bool letters_has(const struct letters *l, int service, int seq)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->letters[i].service == service && l->letters[i].seq == seq &&
            l->letters[i].open)
            return true;
    return false;
}

int letters_refused(const struct letters *l, int service, int lo, int hi)
{
    int n = 0;

    for (size_t i = 0; i < l->n; i++)
        n += l->letters[i].service == service && l->letters[i].refused &&
             l->letters[i].seq >= lo && l->letters[i].seq < hi;
    return n;
}

int letters_poison(const struct letters *l)
{
    int n = 0;

    for (size_t i = 0; i < l->n; i++)
        n += is_met(l, &l->letters[i]);
    return n;
}

void letters_free(struct letters *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->letters[i].payload);
    free(l->letters);
    *l = (struct letters){.n = 0};
}
