/*
 * The simulated world: the ports of sync/ports.h over memory, a clock that
 * jumps from event to event, and faults drawn from a seed. The same seed is
 * the same world, step by step.
 *
 * Each request becomes an event that is due after a drawn latency; when it
 * comes due it takes effect (or fails) and its callback is queued. world.c
 * checks the promises that can be checked while things happen; sim.c those
 * about the end.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "sync/embed/embed_gate.h"
#include "sync/pipeline.h"
#include "sync/run.h"

enum { SIM_DIMENSIONS = 4 };

/* How a source pages, besides doing it right. */
enum manner {
    HONEST,
    ENDS_EARLY,   /* announces `items` and shows the first `shown` of them */
    CLAMPED,      /* beyond the end the last page comes again */
    IGNORES_PAGE, /* always the first one */
    CYCLES,       /* after the last full page the first one */
    GROWS,        /* its total does while it is read */
    SHRINKS,      /* loses items at its end meanwhile, and says so */
    SHIFTS,       /* gets others in front: pages overlap */
    LOWERS,       /* its limit, to a half on one page, and says so */
    MANNERS
};

/* Where the items come from (source.c): pure functions of the seed. */
struct source {
    uint64_t seed;
    int services, items; /* items of each service */
    int twice;    /* services that are listed again, each second by its alias */
    int id_space; /* ids are drawn below it: repeats across pages */
    int long_text;  /* of 100 items, those with a long text */
    int poison;     /* of 1000 items, those the embedder refuses */
    int cursed;     /* of 1000 items, those it fails for, as in an outage */
    int bad_data;   /* of 1000 items, those the database refuses */
    int no_id;      /* of 1000 items, those without an id */
    int tombstones; /* of 1000 items, those that tell of a delete; others when
                       ids have become others */
    int version;    /* of the data: another one changes some texts */
    int renamed;    /* times that an eighth of the ids became others */
    bool unique;    /* no id comes twice */
    enum manner manner;
    int shown;   /* of a source that ends early */
    int lowered; /* the limit of one that lowers it */
    int lies; /* percent of its items that one that pages right is wrong by */
};

struct sim_item {
    char id[32]; /* "": none */
    int number;  /* of the id, below id_space * (1 + renamed) */
    char text[2048];
    bool poison, bad_data, cursed;
    bool tombstone; /* it tells that it is deleted, to who asks */
};

/* All but its text, which takes longer. */
void source_id(
    const struct source *s, int service, int seq, struct sim_item *out);
void source_item(
    const struct source *s, int service, int seq, struct sim_item *out);

/* Appends the page's envelope, in a shape drawn per service. Returns the
 * number of items on it; *lo is the first one's seq, *total what it calls its
 * total, -1: nothing. */
int source_page(const struct source *s, int service, int page, int limit,
    int *lo, int64_t *total, struct buf *out);

/* The limit that it keeps to on that page. */
int source_limit(const struct source *s, int page, int limit);

/* What is stored (database.c). */
struct sim_row {
    int service, chunk_index, seq;
    char id[32];
    char *text, *metadata; /* owned */
    float vector[SIM_DIMENSIONS];
    uint8_t embed_hash[SHA256_BYTES], row_hash[SHA256_BYTES];
    /* What a run wrote, and when; `touched`: another writer has come since. */
    char *written; /* owned; NULL: no run has, the row is another writer's */
    float written_vector[SIM_DIMENSIONS];
    uint64_t written_ms;
    bool touched;
    int repairs;
};

struct database {
    struct sim_row *rows; /* owned; unordered */
    size_t n, size;
    uint64_t writes; /* rows inserted, updated or deleted */
};

void database_apply(struct database *db, int service,
    const struct store_req *req, uint64_t now_ms);
int database_lookup(const struct database *db, int service,
    struct lookup_req *req, uint64_t now_ms);

/* Another writer: gives the row another text, another vector, or neither. */
void database_change(struct sim_row *row, bool text, bool vector);
/* And adds a piece behind the last one of an item. */
void database_add(
    struct database *db, int service, const char *id, int chunk_index);
bool database_is_altered(const struct sim_row *row);
void database_free(struct database *db);

/* What could not be stored (letters.c). */
struct sim_letter {
    int service;
    char id[32]; /* "": none */
    uint8_t digest[SHA256_BYTES], fingerprint[SHA256_BYTES];
    int seq;
    char *payload; /* owned; as it was kept */
    bool open, has_recipe, refused;
    bool passing;    /* left alone for now: runs follow one another at once */
    bool poison;     /* for the embedder, not for the database */
    bool due;        /* and of those: no longer */
    bool superseded; /* a later item has its id */
    int known_since, last_seen; /* numbers of runs */
};

struct letters {
    struct sim_letter *letters; /* owned */
    size_t n, size;
    int run; /* the one under way; one that is resumed keeps its number */
};

/* A checkpoint's; returns how many were known. */
uint64_t letters_take(
    struct letters *l, int service, const struct checkpoint_req *req);
/* Those of a passing kind that the run under way has made are gone. */
void letters_withdraw(struct letters *l);
bool letters_any(const struct letters *l, int service);
void letters_lookup(
    const struct letters *l, int service, struct lookup_req *req);
/* The next one of a passing kind that is due; NULL: none. */
const struct sim_letter *letters_due(
    const struct letters *l, int service, const struct due_letters_req *req);
/* Time passes: those of a passing kind are due. */
void letters_ripen(struct letters *l);
/* Asks to try one of `of` again, of those with an id; returns how many poisons
 * of the last run that are. */
int letters_retry(struct letters *l, uint64_t of, uint64_t random);
/* Is the item an open dead letter, whatever it failed of? */
bool letters_has(const struct letters *l, int service, int seq);
/* Of the items lo <= seq < hi, those that somebody refused. */
int letters_refused(const struct letters *l, int service, int lo, int hi);
/* The embedder's poisons that the last run met. */
int letters_poison(const struct letters *l);
void letters_free(struct letters *l);

/* What is declared (links.c). */
struct sim_link {
    int service;
    char id[32], target[32];
};

struct sim_links {
    struct sim_link *links; /* owned; unordered */
    size_t n, size;
};

/* A checkpoint's. */
void links_take(
    struct sim_links *l, int service, const struct checkpoint_req *req);
void links_free(struct sim_links *l);

/* The vector every honest embedder gives for a text. */
void sim_vector(struct str text, float out[SIM_DIMENSIONS]);

/* What later pieces of every other service overlap by, in tokens. */
enum { SIM_OVERLAP = 10 };
size_t sim_overlap(int service);

/* The vector of a piece, which is sent with the end of the one before. */
void sim_piece_vector(int service, struct str before, struct str piece,
    float out[SIM_DIMENSIONS]);

/* Of 1,000 requests, those that go wrong; and how the world is shaped. */
struct faults {
    int fetch, embed, store, ledger;
    int lost_ack;   /* of what fails there, percent that did take effect */
    int dead;       /* services below it: the coordinator never answers */
    int mute;       /* the first embedding requests that get no answer */
    int flaps;      /* of 1000 embedding requests, those that time out */
    int most_texts; /* larger embedding requests time out; 0: none does */
    uint64_t deaf_from_ms, deaf_to_ms; /* the embedder is away then */
    uint64_t away_from_ms, away_to_ms; /* the database is away then */
    int latency_ms;
    int store_ms;      /* what a store takes; 0: as the others */
    int fatal_embed;   /* the n-th embedding request says 401; 0: none */
    int bad_request;   /* 1: the embedder refuses everything */
    int bad_table;     /* 1: the database refuses everything */
    bool cured;        /* texts that always fail no longer do */
    bool quiet;        /* the source sends nothing, as if nothing changed */
    bool roomy;        /* the embedder takes texts of max_tokens */
    bool alike;        /* both have the same words for every poison */
    int too_large;     /* pages over that many items do not fit, 0: all do, */
    int large_from;    /* when they reach past that item */
    int repeat_page;   /* from that page on the source repeats itself; 0: no */
    int other_answers; /* that service is answered by another; -1: none */
    int stop_at_step;  /* run_stop() then; 0: never */
    int cancel_at_step;
};

/* A page that was handed out. */
struct open_page {
    int service, lo, hi; /* its items' seq: [lo, hi) */
    int page, limit;     /* as asked for; page 0: no page of the source */
    size_t bytes;        /* of JSON */
    bool letters;        /* no page of the source: the item of a letter */
};

enum { SIM_TEXTS = 4096, SIM_PAGES = 1024, SIM_WRITES = 512, SIM_FAILED = 64 };

/* A text that was paid for, and the last item that was sent for an id. */
struct sim_text {
    uint64_t key;
    bool paid;
    int claim; /* of its service, by the process that paid for it last */
    bool committed;
};

struct sim_write {
    char id[32];
    int seq;
};

/* The ledger (ledger.c): one run, its services, whose they are. */
enum { SIM_LEASE_MS = 30000, SIM_SERVICES = 16 };

enum sim_state { FREE, TAKEN, ENDED }; /* of a service */

struct sim_service {
    enum sim_state state;
    bool begun;          /* ever claimed */
    int token;           /* of the owner */
    uint64_t expires_ms; /* not lost before, whoever has heard of it */
    int next_page, limit;
    int owner;  /* a life; it may not know, if the reply was lost */
    int deaths; /* owners lost since the last checkpoint */
    int64_t announced;
    struct counts base; /* of the owners before this one */
    struct service_result result;
};

struct sim_ledger {
    bool running, interrupted; /* the run; neither: it has ended */
    int owner;                 /* a process; < 0: it has left */
    int generation;            /* of the program that began or resumed it */
    uint64_t expires_ms;       /* not lost before, whoever owns it */
    int nservices;
    struct sim_service services[SIM_SERVICES];
    int tokens;     /* handed out so far */
    int closed;     /* times that the run was ended */
    bool by_budget; /* interrupted so: only a trigger resumes it */
    bool careful;   /* a page has ended so many that it is read in small ones */
};

/* What a process has asked for and got on behalf of a service. */
struct sim_work {
    bool begun;   /* and not ended: its pages take room */
    int token;    /* the one it was claimed with; 0: none */
    int claim;    /* the process's number of that */
    int fenced;   /* stores that came too late, of this token */
    int fetching; /* requests outstanding */
    struct open_page pages[SIM_PAGES];
    int npages, ncheckpointed;
    struct open_page failed[SIM_FAILED]; /* asked for, and not given */
    int nfailed;
    size_t largest; /* bytes of a page */
    size_t first;   /* bytes of the first page of the claim; 0: none yet */
    bool looked;    /* for what is stored of one: it knows how large it is */
    int64_t told;   /* the largest total; -1: none */
    struct sim_write writes[SIM_WRITES];
    int nwrites;
};

/* A request that its budgets have to allow (world.gate). */
struct world;
struct sim_sent {
    struct embed_hold hold;
    struct world *w;
    struct embed_req *req;
    int rows[EMBED_BUDGETS]; /* whoever counts them */
};

/* What the processes of a world have in common. */
struct plan_facts_req;
struct shared {
    struct database db;
    struct letters letters;
    struct sim_links links;
    struct sim_ledger ledger;
    int64_t short_before[SIM_SERVICES]; /* -1: complete, or no pass before */
    uint64_t clock_ms;
    struct list events;
    struct world *processes[8]; /* borrowed */
    int n;
    int lives;   /* begun so far */
    bool proven; /* the embedder's settings, as the database keeps it */
};

struct world {
    struct ports ports;
    struct op_queue ready;
    struct shared *shared; /* own, or that of the first process */
    struct shared own;
    int process;    /* of shared->processes */
    int life;       /* which of all processes that have ever run */
    int generation; /* of its program; a newer one has a higher one */
    uint64_t random;
    struct source source;
    struct faults faults;
    const struct run_options *options;
    /* What is checked. */
    int embedding, fetching;               /* requests outstanding */
    int embed_requests;                    /* in all */
    int fetch_requests;                    /* in all */
    uint64_t texts_embedded;               /* of items */
    uint64_t tokens_billed, tokens_unique; /* where no two pieces are alike */
    uint64_t tokens_sent;                  /* estimated, of texts_embedded */
    uint64_t witnesses;                    /* words that are no item's */
    int early_requests;  /* while an answer was still to be read */
    int poison_requests; /* of them, with a poison among their texts */
    int refused_alone;   /* poisons that were a request's only text */
    bool beats;          /* keeps the run alive */
    int storing;         /* stores outstanding */
    int claims;          /* services that it has begun */
    struct sim_work works[SIM_SERVICES];
    struct sim_text texts[SIM_TEXTS];
    int ntexts;
    bool id_repeats; /* an id of the source comes twice */
    /* A checkpoint, a store takes effect; NULL: nobody wants to know. */
    void (*on_checkpoint)(struct world *w, const struct checkpoint_req *req);
    void (*on_store)(struct world *w, const struct store_req *req);
    /* Texts of items are sent. */
    void (*on_embed)(struct world *w, const struct embed_req *req);
    /* A plan asks what is known beforehand. */
    void (*on_facts)(struct world *w, struct plan_facts_req *req);
    /* Who is asked before a request is sent; NULL: nobody. Then those that are
     * sent, and that the provider has billed. */
    const struct embed_gate *gate;
    struct op_queue *gate_queue; /* where the gate's requests end */
    void (*on_sent)(struct world *w, struct sim_sent *sent);
    void (*on_billed)(
        struct world *w, const struct sim_sent *sent, uint64_t billed);
    /* A crash: what is asked for afterwards has no effect any more. */
    bool crashed;
    uint64_t crashed_ms;
    /* Until then it gets no time, though what it asked for is done. */
    uint64_t frozen_from_ms, frozen_until_ms;
    bool resumes; /* the run that begins goes on with what the ledger has */
    /* An item of service 0 that ends the process when its text is embedded, or
     * when its page is read; < 0: none. */
    int deadly;
    bool deadly_read;
    bool dies; /* now */
};

void world_init(struct world *w, const struct source *source,
    const struct faults *faults, const struct run_options *options,
    uint64_t seed);
void world_free(struct world *w);

/* One more process, on the database, ledger and clock of the first. */
void world_add(struct world *w, struct world *first, uint64_t seed);

/* Forgets what belongs to one run; the database stays. */
void world_begin_run(struct world *w);

/* The same of a process that takes part in another's. */
void world_join_run(struct world *w);

/* One callback of any process, or the next event. False: nothing is left. */
bool world_step(struct world *w);

/* The number of a service, by the name that its schema gives it. */
int world_service(const char *name);
struct sim_work *world_work(struct world *w, const struct scope *scope);
/* The service that a text of an item says it is of; -1: it is a later piece of
 * a long one. */
int world_service_of_text(struct str text);

/* A service begins, or is planned: what it did before is of no concern. */
void world_begin_work(struct sim_work *work);

/* It is no longer under way, whether the ledger knows or not. */
void world_end_work(struct sim_work *work);

/* Before a checkpoint of the first page that has none takes effect. */
void world_check_settled(struct world *w, const struct checkpoint_req *req);

/* The rest of the ledger's life is in ledger.c. */
void ledger_ports(struct world *w);
bool ledger_has(const struct world *w, const struct scope *scope);
/* Does it go past the first page that is not checkpointed? */
bool ledger_passes(
    const struct sim_work *work, const struct checkpoint_req *req);
void world_schedule(struct world *w, struct op *op, uint64_t delay_ms,
    void (*effect)(struct world *w, struct op *op, struct err *err));
bool database_fails(struct world *w, int rate, struct err *err);

/* Splitmix: the next number of a stream. */
uint64_t sim_random(uint64_t *state);

/* Ends the program, naming the seed, when a promise is broken. */
void sim_check(bool ok, const char *promise, const char *file, int line);
#define CHECK(ok) sim_check(ok, #ok, __FILE__, __LINE__)

/* Of all pages that were checkpointed: what is stored declares its links, and
 * nothing that is not stored does so for it. */
void check_links(const struct world *w);

#endif
