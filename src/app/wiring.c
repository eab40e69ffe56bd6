/*
 * The ports of the pipeline and the use cases, wired to the parts. `world` is
 * the app.
 */
#include "app/app.h"

#include "db/read/dead_letters.h"
#include "db/sweep/sweep.h"
#include <stdlib.h>
#include <sys/random.h>

static void wiring_port_list_services(void *world, struct services_req *req)
{
    service_list_submit(&((struct app *)world)->services, req);
}

static void wiring_port_fetch_page(void *world, struct page_req *req)
{
    coordinator_fetch(((struct app *)world)->coordinator, req);
}

static void wiring_port_recall(void *world, struct recall_req *req)
{
    limits_memory_recall(&((struct app *)world)->limits, req);
}

static void wiring_port_embed(void *world, struct embed_req *req)
{
    struct app *app = world;

    if (app->embedder != NULL)
        embedder_send(app->embedder, req);
    else
        embedder_local_send(app->local, req);
}

static void wiring_port_open_store(void *world, struct store_open_req *req)
{
    store_open(&((struct app *)world)->store, req);
}

static void wiring_port_lookup(void *world, struct lookup_req *req)
{
    store_lookup(&((struct app *)world)->store, req);
}

static void wiring_port_due_letters(void *world, struct due_letters_req *req)
{
    struct app *app = world;

    dead_letters_due(app->pools.store, &app->loop, req);
}

static void wiring_port_write_store(void *world, struct store_req *req)
{
    store_write(&((struct app *)world)->store, req);
}

static void wiring_port_run_begin(void *world, struct run_begin_req *req)
{
    ledger_run_begin(&((struct app *)world)->ledger, req);
}

/* While a budget is used up, no other replica's run is taken part in. */
static void wiring_port_run_join(void *world, struct run_join_req *req)
{
    struct app *app = world;

    if (!budget_keeper_rests(&app->budgets)) {
        ledger_run_join(&app->ledger, req);
        return;
    }
    req->run_id[0] = '\0';
    op_begin(&req->op, &app->loop.ready, NULL);
    op_finish(&req->op, NULL);
}

static void wiring_port_service_begin(
    void *world, struct service_begin_req *req)
{
    ledger_service_begin(&((struct app *)world)->ledger, req);
}

static void wiring_port_checkpoint(void *world, struct checkpoint_req *req)
{
    ledger_checkpoint(&((struct app *)world)->ledger, req);
}

static void wiring_port_sweep(void *world, struct sweep_req *req)
{
    struct app *app = world;

    sweep_run(app->pools.store, &app->loop, req);
}

static void wiring_port_service_end(void *world, struct service_end_req *req)
{
    ledger_service_end(&((struct app *)world)->ledger, req);
}

static void wiring_port_service_release(void *world, const char *token)
{
    ledger_service_release(&((struct app *)world)->ledger, token);
}

static void wiring_port_run_end(void *world, struct run_end_req *req)
{
    struct app *app = world;

    budget_keeper_run_ended(&app->budgets);
    ledger_run_end(&app->ledger, req);
}

static void wiring_port_link_items(void *world, struct link_req *req)
{
    graph_link(&((struct app *)world)->graph, req);
}

static void wiring_port_find_items(void *world, struct find_req *req)
{
    graph_find(&((struct app *)world)->graph, req);
}

static void wiring_port_work(void *world, struct work_req *req)
{
    loop_work(&((struct app *)world)->loop, req);
}

static void wiring_port_timer(
    void *world, struct timer_req *req, uint64_t delay_ms)
{
    loop_timer(&((struct app *)world)->loop, req, delay_ms);
}

static uint64_t wiring_port_now_ms(void *world)
{
    return loop_now_ms(&((struct app *)world)->loop);
}

static int64_t wiring_port_wall_ms(void *world)
{
    return loop_wall_ms();
}

static uint64_t wiring_port_random_number(void *world)
{
    uint64_t number;

    if (getentropy(&number, sizeof(number)) < 0)
        abort();
    return number;
}

static void wiring_port_event(void *world, const struct run_event *event)
{
    hub_emit(&((struct app *)world)->events, event);
}

void app_wire(struct app *app)
{
    app->ports = (struct ports){
        .world = app,
        .queue = &app->loop.ready,
        .list_services = wiring_port_list_services,
        .fetch_page = wiring_port_fetch_page,
        .recall = app->config.embedding.provider == PROVIDER_OPENAI
                      ? wiring_port_recall
                      : NULL,
        .embed = wiring_port_embed,
        .store_open = wiring_port_open_store,
        .lookup = wiring_port_lookup,
        .due_letters = wiring_port_due_letters,
        .store = wiring_port_write_store,
        .run_begin = wiring_port_run_begin,
        .run_join = wiring_port_run_join,
        .service_begin = wiring_port_service_begin,
        .checkpoint = wiring_port_checkpoint,
        .sweep = wiring_port_sweep,
        .service_end = wiring_port_service_end,
        .service_release = wiring_port_service_release,
        .run_end = wiring_port_run_end,
        .link = app->config.graph.enabled ? wiring_port_link_items : NULL,
        .find = wiring_port_find_items,
        .work = wiring_port_work,
        .timer = wiring_port_timer,
        .now_ms = wiring_port_now_ms,
        .wall_ms = wiring_port_wall_ms,
        .random = wiring_port_random_number,
        .event = wiring_port_event,
    };
    app->ops = (struct ops){
        .loop = &app->loop,
        .config = &app->config,
        .ports = &app->ports,
        .schemas = &app->schemas,
        .store = &app->store,
        .look = &app->look,
        .ledger = &app->ledger,
        .budgets = &app->budgets,
    };
}
