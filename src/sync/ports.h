/*
 * The only way the pipeline reaches the world. app/wiring.c fills it in;
 * the simulation wires its own in-memory world with a simulated clock.
 *
 * Every port is a submit function of net/op.h: it returns nothing and calls
 * back once, later. What a request points at is borrowed until its callback.
 * Errors carry codes of base/err.h; the pipeline decides what they mean.
 */
#ifndef SYNC_PORTS_H
#define SYNC_PORTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/io/trace_context.h"
#include "base/text.h"
#include "net/op.h"
#include "record/envelope.h"
#include "record/item.h"
#include "record/links/item_links.h"
#include "sync/embed/embed_req.h"
#include "sync/result.h"
#include "sync/run_spec.h"

enum {
    ID_BYTES = 48,         /* run ids and tokens, NUL-terminated */
    PARALLEL_SERVICES = 16 /* of one process, at most */
};

/* Whose rows are meant: fixed while a service is synced. All borrowed. */
struct scope {
    const char *tenant;
    const char *service;               /* the schema's service_name */
    const char *microservice_id;       /* from store_open */
    const char *token;                 /* the fence, from service_begin */
    uint8_t fingerprint[SHA256_BYTES]; /* item_fingerprint() */
};

/* Which services there are, when the trigger named none. */
struct services_req {
    struct op op;
    struct arena *arena; /* the answer's memory; the caller's */
    /* Out. */
    const char **names; /* trimmed, without repeats; never empty */
    size_t n;
    const char *source; /* "env", "coordinator", "fallback"; static */
};

/* One page from the coordinator, not yet understood. */
struct page_req {
    struct op op;
    struct arena *arena; /* the answer's memory; the caller's */
    const char *service; /* registered name */
    const char *tenant;
    const char *since;                   /* ISO-8601; NULL: everything */
    int page;                            /* from 1 */
    int limit;                           /* items */
    char traceparent[TRACEPARENT_BYTES]; /* "": none is sent */
    /* Out. */
    struct envelope envelope;
};

/* The hashes of what is stored under the given content ids. */
enum { TEXT_HASH_BYTES = 8 };
struct stored_row {
    uint32_t item; /* index into ids */
    int32_t chunk_index;
    bool hashed; /* false: an older row without an embed_hash */
    uint8_t embed_hash[SHA256_BYTES];
    uint8_t row_hash[SHA256_BYTES];     /* zeros, which equal none: unknown */
    uint8_t text_hash[TEXT_HASH_BYTES]; /* of the text as it was sent: the
                                           beginning of its SHA-256; zeros:
                                           unknown */
    bool altered; /* another program has changed the text or the vector */
    int repairs;  /* so often in a row that was mended, the last time within
                     REPAIR_DAYS */
};

/* An unresolved dead letter of one of the given content ids. */
struct open_letter {
    uint32_t item; /* index into ids */
    bool
        known; /* refused, by the scope's fingerprint; no retry was asked for */
    uint8_t digest[SHA256_BYTES]; /* of the item that failed */
};

/* Items whose dead letters are of a passing kind and due, as they were kept: a
 * batch in the order of the digests. */
struct due_letters_req {
    struct op op;
    struct arena *arena; /* the answer's memory; the caller's */
    const struct scope *scope;
    const uint8_t *after; /* a digest; NULL: from the first */
    int limit;
    /* Out. */
    struct str json;                  /* {"data": [n items]} */
    uint8_t (*digests)[SHA256_BYTES]; /* n, of their letters */
    size_t n;
};

struct lookup_req {
    struct op op;
    struct arena *arena; /* the answer's memory; the caller's */
    const struct scope *scope;
    const struct str *ids; /* n, without repeats */
    size_t n;
    bool with_letters; /* look for open letters too */
    /* Out: ordered by item, then chunk_index. */
    struct stored_row *rows;
    size_t nrows;
    struct open_letter *letters; /* in no order */
    size_t nletters;
};

/* What a trigger of the table has made of a row, which is stored all the same.
 * Bits. */
enum store_altered {
    ALTERED_TEXT = 1,
    ALTERED_METADATA = 2,
    ALTERED_VECTOR = 4
};

/* A row to be stored; an item has one, or one per piece of a long text. */
struct store_row {
    struct str content_id;
    struct str content_text; /* of this piece */
    struct str metadata;     /* a JSON object without _stored_at */
    int chunk_index;
    const float *vector; /* NULL: the row is there and keeps its vector */
    bool fresh; /* the look-up found nothing of the item; it may be there by now
                   all the same */
    int repairs; /* stored_row's, and one; 0: nobody else has changed it */
    uint8_t embed_hash[SHA256_BYTES];
    uint8_t row_hash[SHA256_BYTES];
    uint8_t *altered; /* NULL, or gets bits of enum store_altered added; all of
                         an item's rows may share it */
};

/* Pieces that a shorter text no longer has: chunk_index >= from goes. */
struct store_trim {
    struct str content_id;
    int from;
};

/* One chunk: stored whole or not at all. */
struct store_req {
    struct op op; /* ERR_FENCED: the lease is lost, nothing was written */
    const struct scope *scope;
    const struct store_row *rows; /* unique by (content_id, chunk_index) */
    size_t nrows;
    const struct store_trim *trims;
    size_t ntrims;
    int dimensions;
    int64_t stored_at_ms; /* becomes metadata._stored_at, ISO */
    /* Out. */
    uint64_t written; /* rows; fewer than nrows is an error already */
    /* Of ERR_DATA: what went wrong, in words that are the same for all rows
     * with which it does; the error's message may be about one of them. */
    char fault[ERR_MSG_BYTES];
};

/* Makes sure that the tenant and the microservice have their rows. */
struct store_open_req {
    struct op op;
    const char *tenant;
    const char *service;     /* the schema's service_name */
    const char *description; /* NULL: "Data from <service>" */
    const char *version;     /* NULL: "1.0.0" */
    bool forget_seen;        /* nothing of the service is ever deleted */
    bool forget_told;        /* nor does the source tell of deletes */
    bool forget_links;       /* the service declares none, any more */
    const char *registered;  /* the service's name in the ledger */
    const char *provider, *model;
    int dimensions;
    /* Out. */
    char model_before[256]; /* another one, whose vectors are still there;
                               "": none is known */
    uint64_t items;         /* then: at most how many */
    char microservice_id[256];
    bool has_letters; /* open ones, of items with an id */
};

/* An interrupted run of the same spec, embedding and limit is resumed. */
struct run_begin_req {
    struct op op;         /* ERR_ALREADY_RUNNING: another run is alive */
    struct run_spec spec; /* with the services that were listed */
    struct embedding_id embedding; /* borrowed */
    int limit;                     /* items a page */
    char run_id[ID_BYTES];         /* out */
};

/* What earlier runs have learnt about the embedder; without it a run goes on.
 */
struct recall_req {
    struct op op;
    bool proven; /* out: its settings have embedded something before */
};

/*
 * A run that this process may join: one with unclaimed services, begun by
 * another process with the same configuration, or interrupted. An interrupted
 * one is running again afterwards, and belongs to this process.
 */
struct run_join_req {
    struct op op;
    struct arena *arena; /* the answer's memory; the caller's */
    /* In: what has to be the same; borrowed. */
    const char *tenant;
    struct embedding_id embedding;
    int limit;
    /* Out. */
    char run_id[ID_BYTES]; /* "": there is none */
    struct run_spec spec;  /* of the run, without its trigger */
};

enum claim {
    CLAIM_SERVICE, /* the service at `position` is this process's now */
    CLAIM_WAIT,    /* others are at work on what is left */
    CLAIM_DONE,    /* every service has ended */
    CLAIM_GONE     /* the run is not running any more */
};

/* The next service of a run: not begun yet, let go, or of a lost owner. */
struct service_begin_req {
    struct op op;
    const char *run_id;
    const char *tenant;
    bool beside;      /* others are under way here: none whose last owner was
                         lost since its last checkpoint */
    bool incremental; /* asks for `since` from the last success, if all that
                         is stored is of the run's model */
    /* Claims nothing: what is not begun fails for this reason. Or NULL. */
    const char *give_up;
    /* Out; all but the first only with CLAIM_SERVICE. */
    enum claim claim;
    size_t position; /* in the run's services */
    char token[ID_BYTES];
    int first_page;        /* 1, or where another owner stopped */
    int limit;             /* the page size that first_page is counted in */
    uint64_t received;     /* items of the pages before it */
    int64_t announced;     /* the total by then; -1: none */
    int64_t short_before;  /* items that the service's last pass of the same
                              kind fell short by; -1: none, or none known */
    char since[ISO_BYTES]; /* "": everything */
    uint64_t letters;      /* new ones, made before it was interrupted */
    int deaths;            /* owners lost since the last checkpoint */
};

/* What the ledger keeps of an item that will not do better next time. */
enum { PAYLOAD_BYTES = 64 * 1024 };

/* An item that could not be stored. All borrowed. */
struct dead_letter {
    struct str content_id;        /* len 0: it has none */
    uint8_t digest[SHA256_BYTES]; /* of the item */
    const char *reason;
    struct str payload; /* JSON; up to PAYLOAD_BYTES unless it may pass */
    bool refused;       /* for what it is: it will not do better next time */
    bool passing;       /* it may do better later: kept whole, tried again */
    bool suppressed;    /* known, and so not tried: reason, payload stay */
};

/*
 * A page is done: all its chunks have committed. One transaction. Of a page
 * that has failed only the dead letters are recorded: the run reads it again
 * when it is resumed.
 */
struct checkpoint_req {
    struct op op; /* ERR_FENCED */
    const struct scope *scope;
    int next_page;               /* 0: the page has failed */
    int limit;                   /* in force for the next page */
    int deaths;                  /* counted for the service from now on */
    int64_t announced;           /* the total so far; -1: none */
    const struct counts *counts; /* of the service so far */
    const struct dead_letter *letters;
    size_t nletters;
    bool marks;             /* the pass is one of those that decide deletes */
    bool deletes;           /* the source tells which items are deleted */
    const struct str *seen; /* with either: the ids that are alive on the page;
                               may repeat. They are not deleted, whatever pages
                               before it have told */
    size_t nseen;
    const struct str *tombstones; /* with deletes: the ids of deleted ones, none
                                     of them seen. Resolves their letters; those
                                     that are stored wait for the sweep */
    size_t ntombstones;
    bool declares;            /* the schema has links, and the graph is kept */
    const struct str *linked; /* then: the ids that are stored as they came */
    size_t nlinked;
    const struct item_link *links; /* all that these declare; may repeat */
    size_t nlinks;
    /* Ids that are stored now: resolves their letters, or supersedes those of
     * this pass. A letter supersedes the others of its id, too. */
    const struct str *resolved;
    size_t nresolved;
    /* Out: of the letters, those that were known before this service began:
     * open, and of the scope's fingerprint. */
    uint64_t known_letters;
};

enum sweep_kind { SWEEP_MISSING, SWEEP_TOLD };

/*
 * Deletes the items that two complete passes in a row have not seen, or those
 * of which the source has told that they are deleted, with
 * their nodes and edges, a batch a call; the first call only judges. What is
 * handed in is zeroed (and `after` initialised) before the first call, and
 * comes again as it is while there is more. The last call completes the pass,
 * unless the rest had to be left to the next one.
 */
struct sweep_req {
    struct op op; /* ERR_FENCED */
    enum sweep_kind kind;
    const struct scope *scope;
    int max_percent; /* of the service's items that may go */
    /* The port's own, from call to call. */
    bool judged;
    struct buf after; /* the last id of the batch before */
    /* Out. */
    bool more;
    uint64_t items, missing; /* when it was judged */
    bool refused;            /* too many are missing: none is deleted */
    uint64_t deleted_before; /* items, by the same service of the same run */
    uint64_t deleted;        /* the same, by now */
    uint64_t nodes_kept;     /* others' edges hold on to them */
};

struct service_end_req {
    struct op op;
    const char *token;
    const struct service_result *result;
    /* Asks, in the same transaction, for a service that has not been begun, as
     * service_begin does; gets CLAIM_SERVICE, also with ERR_FENCED, or is left
     * as it was: the caller asks for what there is. Or NULL. */
    struct service_begin_req *next;
    bool interrupted; /* canceled: the row stays resumable */
    bool withdraws;   /* the letters of a passing kind that the run has made, of
                         all its services, are deleted */
};

enum run_end_mode {
    RUN_END_DONE,  /* its owner ends it when all its services have ended */
    RUN_END_LEAVE, /* and lets go of it when not */
    RUN_END_CANCEL /* and when not, ends it for good, whatever others do */
};

struct run_end_req {
    struct op op;
    const char *run_id;
    enum run_end_mode mode;
    const char *budget;  /* with RUN_END_LEAVE: why no replica is to go on with
                            it before the next trigger; NULL: any may */
    struct arena *arena; /* the answer's memory; the caller's */
    size_t nservices;    /* of the run */
    /* Out: what the ledger knows of every process. */
    bool closed; /* by this process */
    enum run_status status;
    struct service_result *services; /* nservices; by position */
    bool *ended;                     /* nservices: has it? */
};

/* How edges are found. */
enum link_method {
    LINK_NONE,     /* nothing was linked */
    LINK_EXACT,    /* the nearest of all items, computed */
    LINK_INDEX,    /* the nearest, through the vector index */
    LINK_DECLARED, /* ids that fields hold */
    LINK_METHODS
};

/*
 * Links a batch of the items that wait in the link queue: their nodes and the
 * edges to what is nearest to them. Builds the vector index first where there
 * is none. Taken off the queue and linked in one transaction.
 */
struct link_req {
    struct op op;
    const char *tenant;
    size_t limit; /* items, at most */
    bool builds;  /* the index may be built if there is none */
    bool counts;  /* ask how long the queue is, all tenants' */

    /* Out. */
    size_t taken;            /* fewer than limit: the queue is empty */
    size_t links;            /* declared ones that were looked at */
    enum link_method method; /* of this step */
    bool counted;            /* it was asked, which not every step does: */
    size_t queued;           /* items that still wait afterwards */
    bool later;        /* nothing was taken: there has to be an index first, or
                          another process is linking the tenant */
    bool more;         /* a step of several: call again */
    uint64_t index_ms; /* of the time it took: for the index */
};

/*
 * Queues what is stored and has no node: items of a time without a graph.
 * Looks at so many items in the order of their keys, and on from there.
 */
struct find_req {
    struct op op;
    const char *tenant;
    size_t limit; /* items to be looked at, at most */

    /* In and out: the last one looked at. NULL: begins with the first. Owned
     * by the caller: free(). */
    char *microservice_id, *content_id;

    /* Out. */
    size_t seen; /* fewer than limit: these were the last ones */
    size_t queued;
};

/* The calls that are measured. */
enum call_kind {
    CALL_FETCH,
    CALL_EMBED,
    CALL_LOOKUP,
    CALL_STORE,
    CALL_CHECKPOINT,
    CALL_LINK,
    CALL_KINDS
};

/* What happened, for progress and metrics; borrowed, synchronous. */
enum run_event_kind {
    EVENT_RUN_BEGIN,
    EVENT_SERVICE_BEGIN,
    EVENT_NOTE, /* of a service, before its first page: note */
    EVENT_PAGE_READ,
    EVENT_CHUNK_BEGIN,
    EVENT_STORED, /* rows, committed */
    EVENT_CHUNK_DONE,
    EVENT_PAGE_DONE,
    EVENT_CALL, /* a call has ended: call, duration_ms, err */
    EVENT_RETRY,
    EVENT_SERVICE_END,
    EVENT_RUN_END
};

struct run_event {
    enum run_event_kind kind;
    const char *run_id;
    const char *tenant;
    const char *service; /* NULL outside a service */
    int page;
    size_t position, nservices;
    const struct counts *counts; /* of the service (of the run at its end) */
    const struct err *err;       /* EVENT_RETRY and failures; else NULL */
    enum call_kind call;         /* EVENT_CALL and EVENT_RETRY */
    uint64_t duration_ms;        /* EVENT_CALL and .._END */
    size_t in_flight;            /* EVENT_CALL, EVENT_CHUNK_..: chunks */
    const char *outcome;         /* .._END: "success", "partial", ... */
    size_t rows;                 /* EVENT_STORED */
    const char *note;            /* EVENT_NOTE: a sentence */
    uint64_t announced; /* EVENT_PAGE_DONE: items that the source says it has;
                           0: it does not say */
    bool complete;      /* EVENT_SERVICE_END: the pass */
    bool joined;        /* RUN_..: begun, and to be ended, by another process */
};

struct ports {
    void *world;            /* handed to every function below */
    struct op_queue *queue; /* where the run's own requests finish */
    bool dry; /* nothing is embedded or written: the log says what would be */

    void (*list_services)(void *world, struct services_req *req);
    void (*fetch_page)(void *world, struct page_req *req);
    void (*recall)(void *world, struct recall_req *req); /* NULL: nothing is
                                                            remembered */
    void (*embed)(void *world, struct embed_req *req);

    void (*store_open)(void *world, struct store_open_req *req);
    void (*lookup)(void *world, struct lookup_req *req);
    void (*due_letters)(void *world, struct due_letters_req *req);
    void (*store)(void *world, struct store_req *req);

    void (*run_begin)(void *world, struct run_begin_req *req);
    void (*run_join)(void *world, struct run_join_req *req);
    void (*service_begin)(void *world, struct service_begin_req *req);
    void (*checkpoint)(void *world, struct checkpoint_req *req);
    void (*sweep)(void *world, struct sweep_req *req);
    void (*service_end)(void *world, struct service_end_req *req);
    /* At once: it is not under way here any more, whether its end could be
     * recorded or not, and nothing is to keep it alive. */
    void (*service_release)(void *world, const char *token);
    void (*run_end)(void *world, struct run_end_req *req);
    void (*link)(void *world, struct link_req *req); /* NULL: no graph */
    void (*find)(void *world, struct find_req *req);

    void (*work)(void *world, struct work_req *req);
    void (*timer)(void *world, struct timer_req *req, uint64_t delay_ms);
    uint64_t (*now_ms)(void *world); /* monotonic */
    int64_t (*wall_ms)(void *world); /* since 1970 */
    uint64_t (*random)(void *world); /* for jitter */

    void (*event)(void *world, const struct run_event *event); /* or NULL */
};

#endif
