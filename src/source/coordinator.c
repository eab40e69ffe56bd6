/*
 * Pages from the coordinator.
 *
 * Happy path: coordinator_fetch() builds and signs the request and makes the
 * call; when it comes back, the answer is unpacked into the page's arena and
 * the page's request finishes.
 *
 * Failures: those of the call, with its code; an answer that cannot be
 * unpacked. The page decides about both; nothing is tried again here.
 *
 * Cancel: goes to the call, whose callback then ends the page's request too.
 *
 * Close: closes the channel, which cancels every call. The coordinator is
 * freed with the last of them, since their requests are linked to it.
 */
#include "source/coordinator.h"

#include "net/rpc/rpc.h"
#include "source/coordinator_answer.h"
#include "source/coordinator_request.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct coordinator {
    struct loop *loop;                  /* borrowed */
    struct rpc_channel *channel;        /* owned */
    struct sign_key *key;               /* owned; NULL: unsigned */
    struct coordinator_options options; /* config is not kept */
    size_t nfetches;
    bool closing;
};

enum { HEADERS = 5, SIGNATURE_BYTES = 1024 };

/* One page on its way; owned by itself, freed when the call is back. */
struct fetch {
    struct coordinator *coordinator; /* borrowed */
    struct page_req *req;            /* borrowed; its owner waits for us */
    struct list anchor;              /* of req->op.link, for its cancel */
    struct rpc_req rpc;
    struct route route;
    struct buf signature;
    char now[ROUTE_NUMBER_BYTES];
    struct rpc_metadata headers[HEADERS];
};

/* --- coming back ------------------------------------------------------- */

static void coordinator_fetch_free(struct fetch *f)
{
    rpc_req_clear(&f->rpc);
    route_free(&f->route);
    buf_free(&f->signature);
    free(f);
}

static void coordinator_free_when_closed(struct coordinator *c)
{
    if (!c->closing || c->nfetches > 0)
        return;
    sign_key_free(c->key);
    free(c);
}

static void coordinator_fetch_end(struct fetch *f, struct err *err)
{
    struct coordinator *c = f->coordinator;
    struct page_req *req = f->req;

    if (err->code == 0)
        coordinator_answer_read(&f->rpc.answer, req, err);
    /*
     * Only an embedder sets the pace: for a coordinator this is a plain retry.
     */
    if (err->code == ERR_BUSY)
        err->code = ERR_UNAVAILABLE;
    if (err->code != 0)
        err_wrap(err, "coordinator");
    list_remove(&req->op.link);
    coordinator_fetch_free(f);
    op_finish(&req->op, err);
    c->nfetches--;
    coordinator_free_when_closed(c);
}

static void on_coordinator_answer(struct op *op)
{
    struct fetch *f = container_of(op, struct fetch, rpc.op);
    struct err err = op->err;

    coordinator_fetch_end(f, &err);
}

/* --- going out --------------------------------------------------------- */

/* The request has no pointer to its fetch; its link in our list leads to it. */
static void coordinator_fetch_cancel(struct op *op)
{
    struct fetch *f = container_of(op->link.next, struct fetch, anchor);

    op_cancel(&f->rpc.op);
}

static void coordinator_header(
    struct fetch *f, const char *key, struct str value)
{
    f->headers[f->rpc.nmetadata++] = (struct rpc_metadata){key, value};
}

static int coordinator_fetch_sign(
    struct fetch *f, int64_t now_ms, struct err *err)
{
    struct buf message;
    int rc;

    buf_init(&message, SIGNATURE_BYTES);
    route_sign_message(
        &message, f->req->tenant, buf_view(&f->route.query_text), now_ms);
    rc = sign_key_sign(
        f->coordinator->key, buf_view(&message), &f->signature, err);
    buf_free(&message);
    if (rc < 0)
        return rc;
    snprintf(f->now, sizeof(f->now), "%" PRId64, now_ms);
    coordinator_header(f, "x-signature", buf_view(&f->signature));
    coordinator_header(f, "x-service-name", STR("rag-service"));
    coordinator_header(f, "x-timestamp", str_of(f->now));
    coordinator_header(f, "x-requester-service", STR("rag-service"));
    return 0;
}

static int coordinator_fetch_build(struct fetch *f, struct err *err)
{
    const struct coordinator_options *o = &f->coordinator->options;
    struct route_params params = {
        .tenant = f->req->tenant,
        .service = f->req->service,
        .since = f->req->since,
        .page = f->req->page,
        .limit = f->req->limit,
        .now_ms = o->wall_ms(o->arg),
        .nonce = o->random(o->arg),
    };
    int rc = route_build(&f->route, &params, err);

    if (f->req->traceparent[0] != '\0')
        coordinator_header(f, "traceparent", str_of(f->req->traceparent));
    if (rc < 0 || f->coordinator->key == NULL)
        return rc;
    return coordinator_fetch_sign(f, params.now_ms, err);
}

static void coordinator_fetch_send(struct fetch *f)
{
    f->rpc.method = "/rag.v1.CoordinatorService/Route";
    f->rpc.request = buf_view(&f->route.packed);
    f->rpc.metadata = f->headers;
    f->rpc.timeout_ms = f->coordinator->options.timeout_ms;
    rpc_call(f->coordinator->channel, &f->rpc);
}

void coordinator_fetch(struct coordinator *c, struct page_req *req)
{
    struct fetch *f = calloc(1, sizeof(*f));
    struct err err;

    if (f == NULL)
        abort();
    assert(!c->closing);
    f->coordinator = c;
    f->req = req;
    buf_init(&f->signature, SIGNATURE_BYTES);
    op_init(&f->rpc.op, on_coordinator_answer);
    req->envelope = (struct envelope){.nfields = 0};
    if (coordinator_fetch_build(f, &err) < 0) {
        err_wrap(&err, "coordinator");
        op_fail(&req->op, &c->loop->ready, &err);
        coordinator_fetch_free(f);
        return;
    }
    c->nfetches++;
    op_begin(&req->op, &c->loop->ready, coordinator_fetch_cancel);
    list_init(&f->anchor);
    list_push(&f->anchor, &req->op.link);
    coordinator_fetch_send(f);
}

/* --- the coordinator --------------------------------------------------- */

static int64_t coordinator_system_wall_ms(void *arg)
{
    return loop_wall_ms();
}

static uint64_t coordinator_system_random(void *arg)
{
    uint64_t n = 0;

    /* Short reads and errors leave less chance in an id, nothing worse. */
    if (getrandom(&n, sizeof(n), 0) < 0)
        n = (uint64_t)loop_wall_ms();
    return n;
}

static int coordinator_load_key(
    struct coordinator *c, const char *pem, struct err *err)
{
    if (pem == NULL)
        return 0;
    if (sign_key_load(&c->key, str_of(pem), err) < 0)
        return err_wrap(err, "RAG_PRIVATE_KEY");
    return 0;
}

int coordinator_init(struct coordinator **out, struct loop *loop,
    const struct coordinator_options *options, struct err *err)
{
    const struct config_coordinator *config = options->config;
    struct rpc_options rpc = {
        .target = config->grpc_target,
        .use_tls = config->use_tls,
        .root_pem = config->root_pem,
        .max_message_bytes = config->max_message_bytes,
    };
    struct coordinator *c = calloc(1, sizeof(*c));
    int rc;

    if (c == NULL)
        abort();
    c->loop = loop;
    c->options = *options;
    c->options.config = NULL;
    if (c->options.wall_ms == NULL)
        c->options.wall_ms = coordinator_system_wall_ms;
    if (c->options.random == NULL)
        c->options.random = coordinator_system_random;
    rc = coordinator_load_key(c, config->private_key, err);
    if (rc == 0)
        rc = rpc_channel_init(&c->channel, loop, &rpc, err);
    if (rc < 0) {
        sign_key_free(c->key);
        free(c);
        return rc;
    }
    *out = c;
    return 0;
}

void coordinator_close(struct coordinator *c)
{
    c->closing = true;
    rpc_channel_close(c->channel);
    coordinator_free_when_closed(c);
}
