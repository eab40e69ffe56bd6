/*
 * Reading the JSON body of a request. ERR_INVALID says which member is wrong
 * and what is allowed.
 */
#ifndef API_BODY_H
#define API_BODY_H

#include "base/json.h"
#include "ops/search/search.h"
#include "ops/trigger.h"

/* Names and tenants are borrowed from the body. */
struct body_names {
    const char **names; /* owned; NULL: not there */
    size_t n;
};

/* *out is owned; NULL when the text is blank. */
int body_parse(struct str text, json_t **out, struct err *err);

/* A misspelled member would otherwise mean everything; NULL ends the list. */
int body_check_keys(json_t *body, const char *const *allowed, struct err *err);

/* An array of strings that is not empty; `what` is what each must be. */
int body_names(json_t *body, const char *key, const char *what,
    struct body_names *out, struct err *err);

/* "tenant_id"; NULL: not there. */
int body_tenant(json_t *body, const char **out, struct err *err);

/* What a trigger's body asks for; strings are borrowed from `body`. */
struct body_trigger {
    json_t *body; /* owned; NULL: there was none */
    struct body_names services;
    struct trigger_ask ask;
};

/* body_trigger_free() in every case. */
int body_read_trigger(struct body_trigger *b, struct str text, struct err *err);
void body_trigger_free(struct body_trigger *b);

/* Which letters to retry; the strings are borrowed from `body`. */
struct body_retry {
    json_t *body; /* owned; NULL: there was none */
    struct body_names services, ids;
    const char *kind, *tenant; /* NULL: not there */
};

/* body_retry_free() in every case. */
int body_read_retry(struct body_retry *b, struct str text, struct err *err);
void body_retry_free(struct body_retry *b);

/* What to search for; the strings are borrowed from `body`. */
struct body_search {
    json_t *body; /* json_decref() in every case */
    bool explain;
};

/* Fills in what *req is asked for; strings that are made are the arena's. */
int body_read_search(struct body_search *b, struct str text,
    struct text_search_req *req, struct err *err);

#endif
