/*
 * What can be wrong with what is stored, in one table: a name for programs,
 * what it means, and what to do about it.
 */
#ifndef DB_VERIFY_VERIFY_KINDS_H
#define DB_VERIFY_VERIFY_KINDS_H

/* How --repair mends a kind. */
enum verify_mend {
    MEND_NONE,   /* not at all: the words say what a person can do */
    MEND_EMBED,  /* by one embedding of the stored text */
    MEND_SOURCE, /* by what the source has: needs --source */
    MEND_LINK,   /* through the link queue */
    MEND_DELETE  /* by deleting, and only with --delete */
};

/* X(kind, name, mend, what it is, what to do) */
#define VERIFY_KINDS(X)                                                        \
    X(VERIFY_TEXT_CHANGED, "text_changed", MEND_SOURCE,                        \
        "texts that another program has changed",                              \
        "batchsync verify --source --repair takes them from the source again") \
    X(VERIFY_VECTOR_CHANGED, "vector_changed", MEND_EMBED,                     \
        "vectors that are not what was written",                               \
        "batchsync verify --repair embeds each of them once")                  \
    X(VERIFY_VECTOR_MISSING, "vector_missing", MEND_EMBED,                     \
        "rows without their vector",                                           \
        "batchsync verify --repair embeds each of them once")                  \
    X(VERIFY_VECTOR_SIZE, "vector_size", MEND_EMBED,                           \
        "vectors with another number of dimensions",                           \
        "batchsync verify --repair embeds each of them once")                  \
    X(VERIFY_VECTOR_ZERO, "vector_zero", MEND_EMBED,                           \
        "vectors of zeros, or with values that are not numbers",               \
        "batchsync verify --repair embeds each of them once")                  \
    X(VERIFY_PIECE_MISSING, "piece_missing", MEND_SOURCE,                      \
        "long texts of which pieces are missing",                              \
        "batchsync sync embeds them again; so does batchsync verify --source " \
        "--repair")                                                            \
    X(VERIFY_PIECE_SURPLUS, "piece_surplus", MEND_DELETE,                      \
        "rows behind an item's last piece",                                    \
        "batchsync verify --repair --delete removes them; so does the next "   \
        "sync of the item")                                                    \
    X(VERIFY_DUPLICATE, "duplicate", MEND_DELETE, "second rows of a piece",    \
        "batchsync verify --repair --delete keeps the newest one")             \
    X(VERIFY_ROW_WITHOUT_NODE, "row_without_node", MEND_LINK,                  \
        "items without a node in the graph",                                   \
        "batchsync verify --repair queues them for linking")                   \
    X(VERIFY_NODE_WITHOUT_ROW, "node_without_row", MEND_DELETE,                \
        "nodes whose item is not stored",                                      \
        "if its source has it still, batchsync sync stores it; else "          \
        "batchsync "                                                           \
        "verify --repair --delete removes the node")                           \
    X(VERIFY_EDGE_MISSING, "edge_missing", MEND_LINK,                          \
        "edges that linking would make and that are not there",                \
        "batchsync verify --repair links the items again")                     \
    X(VERIFY_EDGE_OUTDATED, "edge_outdated", MEND_LINK,                        \
        "edges whose weight the vectors do not bear out",                      \
        "batchsync verify --repair links the items again")                     \
    X(VERIFY_EDGE_DANGLING, "edge_dangling", MEND_DELETE,                      \
        "edges of nodes that are not there, or whose item is not stored",      \
        "batchsync verify --repair --delete removes them, and their node")     \
    X(VERIFY_LINK_WITHOUT_EDGE, "link_without_edge", MEND_LINK,                \
        "declared links whose edge is not there",                              \
        "batchsync verify --repair makes the edge again")                      \
    X(VERIFY_SOURCE_NEW, "source_new", MEND_SOURCE,                            \
        "items that the source has and that are not stored",                   \
        "batchsync sync stores them")                                          \
    X(VERIFY_SOURCE_CHANGED, "source_changed", MEND_SOURCE,                    \
        "items that the source has otherwise than they are stored",            \
        "batchsync sync stores them as the source has them")                   \
    X(VERIFY_SOURCE_GONE, "source_gone", MEND_NONE,                            \
        "items that the source has no more", "batchsync sync deletes them")    \
    X(VERIFY_SERVICE_UNKNOWN, "service_unknown", MEND_NONE,                    \
        "rows of services that have no schema",                                \
        "add the service's schema to SCHEMA_DIR, or delete its rows")          \
    X(VERIFY_INDEX_INVALID, "index_invalid", MEND_NONE,                        \
        "indexes that PostgreSQL does not use, or that are not there",         \
        "REINDEX INDEX CONCURRENTLY the invalid one; batchsync migrate makes " \
        "the unique ones, linking the vector index")                           \
    X(VERIFY_RECALL_LOW, "recall_low", MEND_NONE,                              \
        "searches of the sample that missed more than one of ten neighbours",  \
        "REINDEX INDEX CONCURRENTLY the vector index, or raise "               \
        "hnsw.ef_search")                                                      \
    X(VERIFY_EMBEDDING_DIFFERS, "embedding_differs", MEND_NONE,                \
        "texts of the sample whose embedding is now another one",              \
        "the provider has changed its model: with another EMBEDDING_MODEL "    \
        "the "                                                                 \
        "next sync embeds everything again")

enum verify_kind {
#define X(kind, name, mend, what, todo) kind,
    VERIFY_KINDS(X)
#undef X
        VERIFY_NKINDS
};

#endif
