/*
 * The services of a run: as many under way at once as there are slots, over one
 * window and the same embedding slots and budgets of retries (pipeline.h).
 *
 * Happy path: claim one for each slot, one claim after the other; the end of a
 * slot's service claims the next with it, if there is one that has not been
 * begun, or else the slot does. Other processes claim services of the run
 * too. The process that began it waits for them at the end, since its result is
 * the whole run's; a helper leaves when nothing is left to claim.
 *
 * A service whose last owner was lost in the middle may be what it was lost of.
 * So it is claimed when no other is under way, and no other beside it until it
 * has a checkpoint: the deaths that the ledger counts are its own.
 *
 * Failures: a service's own never touches another; one that is the run's
 * (pipeline.fatal) winds all of them down. When no more can be claimed, those
 * under way go on, and the run is left. A service whose lease was lost may be
 * claimed here again: it begins when its first life has ended.
 *
 * Cancel: the pipeline says so, and all are kicked. Close: the run ends when
 * every slot is free.
 */
#include "sync/run_impl.h"

#include "sync/run_result.h"
#include <assert.h>

enum { POLL_MS = 2000 };

static struct run_slot *run_slots_end(const struct run *r)
{
    return r->slots + r->p.parallel;
}

static struct run_slot *run_slot_free(const struct run *r)
{
    for (struct run_slot *slot = r->slots; slot < run_slots_end(r); slot++)
        if (!slot->claimed)
            return slot;
    return NULL;
}

static bool run_services_any(const struct run *r)
{
    for (struct run_slot *slot = r->slots; slot < run_slots_end(r); slot++)
        if (slot->claimed)
            return true;
    return false;
}

static bool run_services_any_suspect(const struct run *r)
{
    for (struct run_slot *slot = r->slots; slot < run_slots_end(r); slot++)
        if (slot->service != NULL && slot->service->suspect)
            return true;
    return false;
}

static struct run_slot *run_slot_of(const struct run *r, size_t position)
{
    for (struct run_slot *slot = r->slots; slot < run_slots_end(r); slot++)
        if (slot->service != NULL && slot->claim.position == position)
            return slot;
    return NULL;
}

static void on_run_service_done(struct service *s, void *arg);
static struct service_begin_req *run_claim_next(void *arg);

static void run_service_start(struct run_slot *slot)
{
    struct run *r = slot->run;
    size_t i = slot->claim.position;
    struct service_result *result = &r->req->result.services[i];

    *result = (struct service_result){.service = r->names[i]};
    slot->service = service_start(&r->p, &r->arena, r->schemas, &slot->claim,
        result, on_run_service_done, slot);
    slot->service->next = run_claim_next;
}

/* Those that waited for the first life of theirs to end. */
static void run_services_start_waiting(struct run *r)
{
    for (struct run_slot *slot = r->slots; slot < run_slots_end(r); slot++)
        if (slot->claimed && slot->service == NULL &&
            run_slot_of(r, slot->claim.position) == NULL)
            run_service_start(slot);
}

static void on_run_service_done(struct service *s, void *arg)
{
    struct run_slot *slot = arg;
    struct run *r = slot->run;
    const struct ports *ports = r->p.ports;

    r->ours[slot->claim.position] = !run_result_was_fenced(s->result);
    ports->service_release(ports->world, slot->claim.token);
    service_free(s);
    slot->service = NULL;
    slot->claimed = slot->next.claim == CLAIM_SERVICE;
    if (slot->claimed)
        slot->claim = slot->next;
    slot->next.claim = CLAIM_WAIT;
    if (r->claiming == slot)
        r->claiming = NULL;
    run_services_start_waiting(r);
    op_cancel(&r->poll.op);
    run_services_go_on(r);
}

/* Claiming */

static void run_claim(struct run *r);

static void on_run_claim_waited(struct op *op)
{
    struct run *r = container_of(op, struct run, retry.timer.op);

    if (r->p.stopping) {
        r->claiming = NULL;
        run_services_go_on(r);
    } else {
        run_claim(r);
    }
}

static void on_run_polled(struct op *op)
{
    run_services_go_on(container_of(op, struct run, poll.op));
}

static void run_services_wait(struct run *r)
{
    const struct ports *ports = r->p.ports;

    op_init(&r->poll.op, on_run_polled);
    ports->timer(ports->world, &r->poll, POLL_MS);
}

static void run_claim_failed(struct run *r, const struct err *cause)
{
    struct err err = *cause;

    err_wrap(&err, "claim a service");
    if (retry_start(
            &r->retry, &r->p, CALL_CHECKPOINT, &err, on_run_claim_waited))
        return;
    log_error(&(struct log_ctx){.run = r->p.run_id}, "%s", err.msg);
    r->lost = err;
    r->over = true;
    r->claiming = NULL;
    run_services_go_on(r);
}

static void on_run_claimed(struct op *op)
{
    struct run_slot *slot = container_of(op, struct run_slot, claim.op);
    struct run *r = slot->run;

    if (op->err.code != 0) {
        run_claim_failed(r, &op->err);
        return;
    }
    retry_reset(&r->retry);
    r->claiming = NULL;
    if (slot->claim.claim == CLAIM_SERVICE) {
        assert(slot->claim.position < r->req->result.nservices);
        slot->claimed = true;
        run_services_start_waiting(r);
    } else if (slot->claim.claim == CLAIM_WAIT &&
               (!run_is_helper(r) || run_services_any(r))) {
        run_services_wait(r);
        return;
    } else {
        r->over = true;
    }
    run_services_go_on(r);
}

static struct service_begin_req run_claim_request(
    const struct run *r, bool beside)
{
    const struct run_spec *spec = &r->p.options->spec;

    return (struct service_begin_req){.run_id = r->p.run_id,
        .tenant = spec->tenant,
        .incremental =
            spec->since == NULL && strcmp(spec->kind, "incremental") == 0,
        .beside = beside,
        .give_up = r->p.fatal.code != 0 ? r->p.fatal.msg : NULL,
        .claim = CLAIM_WAIT};
}

/* Asked for whenever the end of a service is sent, once more after a failure.
 * No claim goes beside another one, here as in run_services_go_on(). */
static struct service_begin_req *run_claim_next(void *arg)
{
    struct run_slot *slot = arg;
    struct run *r = slot->run;

    if (r->claiming == slot)
        r->claiming = NULL;
    if (r->claiming != NULL || op_pending(&r->poll.op) || r->over ||
        r->p.stopping || r->p.fatal.code != 0 || run_services_any_suspect(r))
        return NULL;
    r->claiming = slot;
    slot->next = run_claim_request(r, true);
    return &slot->next;
}

static void run_claim(struct run *r)
{
    const struct ports *ports = r->p.ports;
    struct run_slot *slot = r->claiming;

    slot->run = r;
    slot->next.claim = CLAIM_WAIT;
    slot->claim = run_claim_request(r, run_services_any(r));
    op_init(&slot->claim.op, on_run_claimed);
    ports->service_begin(ports->world, &slot->claim);
}

void run_services_go_on(struct run *r)
{
    if (r->claiming != NULL || op_pending(&r->poll.op))
        return;
    if (r->over || r->p.stopping) {
        if (!run_services_any(r))
            run_end_run(r);
        return;
    }
    if (run_services_any_suspect(r) && run_slot_free(r) != NULL) {
        run_services_wait(r);
        return;
    }
    r->claiming = run_slot_free(r);
    if (r->claiming != NULL)
        run_claim(r);
}

void run_services_kick(struct run *r)
{
    for (struct run_slot *slot = r->slots;
         r->slots != NULL && slot < run_slots_end(r); slot++)
        if (slot->service != NULL)
            service_kick(slot->service);
}
