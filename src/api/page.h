/*
 * The page at /: files that the build bundles, packs and embeds
 * (cmake/Web.cmake, web/build.mjs). They are open to everyone; what they show
 * is not.
 */
#ifndef API_PAGE_H
#define API_PAGE_H

#include "base/str.h"

struct page_file {
    const char *path; /* of the request */
    const char *type; /* Content-Type */
    const char *etag; /* quoted; changes with the content */
    struct str gzip;
};

/* An entry without a path ends the list, which is empty in a build without the
 * page (BATCHSYNC_WEB=OFF). */
extern const struct page_file page_files[];

#endif
