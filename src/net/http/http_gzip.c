#include "net/http/http_gzip.h"

#include "base/err.h"
#include <strings.h>
#include <zlib.h>

/* The fastest level: it is the loop that compresses, and repetitive text
 * becomes small anyway. */
enum { GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8, GZIP_LEVEL = 1 };

static struct str gzip_trim(struct str s)
{
    while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Takes what comes before `end`, or all that is left. */
static struct str gzip_cut(struct str *rest, char end)
{
    const char *at = memchr(rest->p, end, rest->len);
    size_t len = at == NULL ? rest->len : (size_t)(at - rest->p);
    struct str head = {rest->p, len};

    rest->p += len + (at != NULL);
    rest->len -= len + (at != NULL);
    return gzip_trim(head);
}

static bool gzip_is(struct str s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

/* "q=0", "q=0.0": not at all. */
static bool gzip_is_refused(struct str parameters)
{
    struct str p;

    while (parameters.len > 0) {
        p = gzip_cut(&parameters, ';');
        if (p.len < 3 || (p.p[0] != 'q' && p.p[0] != 'Q') || p.p[1] != '=')
            continue;
        for (size_t i = 2; i < p.len; i++)
            if (p.p[i] >= '1' && p.p[i] <= '9')
                return false;
        return true;
    }
    return false;
}

bool http_gzip_accepted(struct str list)
{
    bool any = false, named = false, allowed = false;

    while (list.len > 0) {
        struct str entry = gzip_cut(&list, ',');
        struct str coding = gzip_cut(&entry, ';');
        bool wanted = !gzip_is_refused(entry);

        if (gzip_is(coding, "gzip") || gzip_is(coding, "x-gzip")) {
            named = true;
            allowed = wanted;
        } else if (gzip_is(coding, "*")) {
            any = wanted;
        }
    }
    return named ? allowed : any;
}

int http_gzip(struct str text, struct buf *out)
{
    z_stream z = {.zalloc = Z_NULL};
    uLong most;
    char *to;
    int rc;

    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
            Z_DEFAULT_STRATEGY) != Z_OK)
        return out->error = ERR_NOMEM;
    most = deflateBound(&z, text.len);
    to = buf_grow(out, most);
    if (to == NULL) {
        deflateEnd(&z);
        return out->error;
    }
    z.next_in = (unsigned char *)text.p;
    z.avail_in = (unsigned)text.len;
    z.next_out = (unsigned char *)to;
    z.avail_out = (unsigned)most;
    rc = deflate(&z, Z_FINISH);
    out->len -= z.avail_out;
    deflateEnd(&z);
    return rc == Z_STREAM_END ? 0 : (out->error = ERR_INTERNAL);
}
