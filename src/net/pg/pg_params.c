/*
 * The parameters of a connection: those of libpq, and those that people copy
 * from other clients (node-postgres, Prisma, asyncpg, SQLAlchemy, JDBC, pgx,
 * Rails) along with the URL.
 */
#include "net/pg/pg_impl.h"

#include <ctype.h>
#include <stdlib.h>

#define LIBPQ(name, keyword)      \
    {                             \
        name, keyword, PARAM_KEEP \
    }

static const struct param_row param_rows[] = {
    LIBPQ("host", "host"),
    LIBPQ("hostaddr", "hostaddr"),
    LIBPQ("port", "port"),
    LIBPQ("dbname", "dbname"),
    LIBPQ("user username", "user"),
    LIBPQ("password", "password"),
    LIBPQ("passfile", "passfile"),
    LIBPQ("requireauth", "require_auth"),
    LIBPQ("channelbinding", "channel_binding"),
    LIBPQ("connecttimeout", "connect_timeout"),
    LIBPQ("clientencoding", "client_encoding"),
    LIBPQ("options", "options"),
    LIBPQ("applicationname", "application_name"),
    LIBPQ("fallbackapplicationname", "fallback_application_name"),
    LIBPQ("keepalives", "keepalives"),
    LIBPQ("keepalivesidle", "keepalives_idle"),
    LIBPQ("keepalivesinterval", "keepalives_interval"),
    LIBPQ("keepalivescount", "keepalives_count"),
    LIBPQ("tcpusertimeout", "tcp_user_timeout"),
    LIBPQ("gssencmode", "gssencmode"),
    LIBPQ("sslmode", "sslmode"),
    LIBPQ("sslcert", "sslcert"),
    LIBPQ("sslkey", "sslkey"),
    LIBPQ("sslpassword", "sslpassword"),
    LIBPQ("sslrootcert sslca", "sslrootcert"),
    LIBPQ("sslcrl", "sslcrl"),
    LIBPQ("sslcrldir", "sslcrldir"),
    LIBPQ("sslsni", "sslsni"),
    LIBPQ("sslcertmode", "sslcertmode"),
    LIBPQ("sslcompression", "sslcompression"),
    LIBPQ("requirepeer", "requirepeer"),
    LIBPQ("sslminprotocolversion", "ssl_min_protocol_version"),
    LIBPQ("sslmaxprotocolversion", "ssl_max_protocol_version"),
    LIBPQ("krbsrvname", "krbsrvname"),
    LIBPQ("gsslib", "gsslib"),
    LIBPQ("service", "service"),
    LIBPQ("targetsessionattrs", "target_session_attrs"),
    {"schema currentschema", NULL, PARAM_SCHEMA},
    {"searchpath schemasearchpath", NULL, PARAM_PATH},
    {"ssl", NULL, PARAM_SSL},
    {"sslaccept rejectunauthorized sslrequire", NULL, PARAM_STRICT},
    {"targetservertype", NULL, PARAM_TARGET},
    {"sslidentity", "convert it to PEM and use sslcert and sslkey",
        PARAM_REFUSE},
    {"sslinline", "name files by sslcert, sslkey and sslrootcert",
        PARAM_REFUSE},
    {"unixsock", "use host=/the/directory/of/the/socket", PARAM_REFUSE},
    {"replication", "leave it out", PARAM_REFUSE},
    /* Poolers and their providers */
    {"pgbouncer supa poolmode pooler workaround pool", NULL, PARAM_DROP},
    /* Prisma */
    {"connectionlimit pooltimeout sockettimeout statementcachesize "
     "singleuseconnections maxconnectionlifetime maxidleconnectionlifetime",
        NULL, PARAM_DROP},
    /* node-postgres, postgres.js, Knex, TypeORM */
    {"uselibpqcompat max min idletimeoutmillis connectiontimeoutmillis "
     "querytimeout keepalive keepaliveinitialdelaymillis binary "
     "parseinputdatesasutc poolsize maxlifetime idletimeout preparestatements "
     "prepare fetchtypes sslnegotiation encoding maxuses allowexitonidle",
        NULL, PARAM_DROP},
    /* settings of a session, each of which we set for a transaction */
    {"statementtimeout locktimeout idleintransactionsessiontimeout timezone "
     "datestyle extrafloatdigits",
        NULL, PARAM_DROP},
    /* asyncpg, SQLAlchemy, Django */
    {"preparedstatementcachesize preparedstatementnamefunc asyncfallback "
     "commandtimeout maxcachedstatementlifetime maxcacheablestatementsize "
     "timeout directtls maxoverflow poolpreping "
     "poolrecycle minsize maxsize executemanymode serversidecursors connmaxage "
     "connhealthchecks disableserversidecursors charset",
        NULL, PARAM_DROP},
    /* JDBC */
    {"preparethreshold preparedstatementcachequeries "
     "preparedstatementcachesizemib rewritebatchedinserts logintimeout "
     "cancelsignaltimeout tcpkeepalive tcpnodelay stringtype binarytransfer "
     "binarytransferenable binarytransferdisable defaultrowfetchsize "
     "loadbalancehosts hostrecheckseconds autosave cleanupsavepoints "
     "preferquerymode readonly readonlymode assumeminserverversion "
     "logunclosedconnections loggerlevel loggerfile unknownlength "
     "disablecolumnsanitiser allowencodingchanges sslfactory sslfactoryarg "
     "sslhostnameverifier sslresponsetimeout databasemetadatacachefields "
     "databasemetadatacachefieldsmib escapesyntaxcallmode "
     "receivebuffersize sendbuffersize adaptivefetch usespnego",
        NULL, PARAM_DROP},
    /* pgx, lib/pq, sqlx, Rails, Ecto */
    {"binaryparameters disablepreparedbinaryresult defaultqueryexecmode "
     "statementcachecapacity statementcachemode descriptioncachecapacity "
     "poolmaxconns poolminconns poolminidleconns poolmaxconnlifetime "
     "poolmaxconnlifetimejitter poolmaxconnidletime poolhealthcheckperiod "
     "prefersimpleprotocol maxconnections minconnections acquiretimeout "
     "reapingfrequency checkouttimeout preparedstatements advisorylocks "
     "statementlimit adapter minmessages queuetarget queueinterval",
        NULL, PARAM_DROP},
    /* of later versions of libpq */
    {"gssdelegation minprotocolversion maxprotocolversion", NULL, PARAM_DROP},
};

static const char *const ssl_modes[] = {
    "disable", "allow", "prefer", "require", "verify-ca", "verify-full", NULL};

void pg_word(struct str s, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len && n + 1 < size; i++)
        if (s.p[i] != '_' && s.p[i] != '-' && s.p[i] != ' ')
            out[n++] = (char)tolower((unsigned char)s.p[i]);
    out[n] = '\0';
}

bool pg_word_in(const char *word, const char *names)
{
    size_t len = strlen(word);

    for (const char *at = names; len > 0 && (at = strstr(at, word)) != NULL;
         at += len)
        if ((at == names || at[-1] == ' ') &&
            (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

const struct param_row *pg_param_find(const char *word)
{
    for (size_t i = 0; i < sizeof(param_rows) / sizeof(param_rows[0]); i++)
        if (pg_word_in(word, param_rows[i].names))
            return &param_rows[i];
    return NULL;
}

int pg_ssl_rank(const char *value)
{
    char word[32], mode[32];

    pg_word(str_of(value), word, sizeof(word));
    if (pg_word_in(word, "required preferred disabled"))
        word[strlen(word) - (word[0] == 'p' ? 3 : 1)] = '\0';
    for (int i = 0; ssl_modes[i] != NULL; i++) {
        pg_word(str_of(ssl_modes[i]), mode, sizeof(mode));
        if (strcmp(word, mode) == 0)
            return i;
    }
    return -1;
}

const char *pg_ssl_mode_name(int rank)
{
    return rank < 0 ? NULL : ssl_modes[rank];
}

const char *pg_ssl_mode(const char *value)
{
    return pg_ssl_mode_name(pg_ssl_rank(value));
}

/* What else has only a few values; libpq looks at them when it connects. */
static const struct {
    const char *key, *allowed;
} param_values[] = {
    {"target_session_attrs",
        "any read-write read-only primary standby prefer-standby"},
    {"channel_binding", "disable prefer require"},
    {"gssencmode", "disable prefer require"},
    {"sslcertmode", "disable allow require"},
    {"ssl_min_protocol_version", "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"},
    {"ssl_max_protocol_version", "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"},
    {"sslsni", "0 1"},
    {"keepalives", "0 1"},
};

static bool pg_params_is_integer_text(const char *value)
{
    if (*value == '-')
        value++;
    return *value != '\0' && strspn(value, "0123456789") == strlen(value);
}

const char *pg_param_allowed(const char *key, const char *value)
{
    if (value[0] == '\0')
        return NULL;
    if (strcmp(key, "port") == 0)
        return strspn(value, "0123456789,") == strlen(value)
                   ? NULL
                   : "a number, or one for each host";
    if (strcmp(key, "sslmode") == 0)
        return pg_ssl_mode(value) == NULL ? PG_SSL_MODES : NULL;
    if (strcmp(key, "connect_timeout") == 0)
        return pg_params_is_integer_text(value) ? NULL : "a number of seconds";
    for (size_t i = 0; i < sizeof(param_values) / sizeof(param_values[0]); i++)
        if (strcmp(key, param_values[i].key) == 0)
            return pg_word_in(value, param_values[i].allowed)
                       ? NULL
                       : param_values[i].allowed;
    return NULL;
}

/* --- keywords and values ----------------------------------------------- */

void pg_params_add(struct pg_params *p, const char *key, const char *value)
{
    if (p->n == PG_PARAMS)
        return;
    p->keys[p->n] = strdup(key);
    p->values[p->n] = strdup(value);
    if (p->keys[p->n] == NULL || p->values[p->n] == NULL)
        abort();
    p->n++;
}

void pg_params_free(struct pg_params *p)
{
    for (int i = 0; i < p->n; i++) {
        free(p->keys[i]);
        free(p->values[i]);
    }
    *p = (struct pg_params){.n = 0};
}

const char *pg_params_get(const struct pg_params *p, const char *key)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->keys[i], key) == 0)
            return p->values[i];
    return NULL;
}
