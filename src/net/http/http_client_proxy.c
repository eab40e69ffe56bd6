/* Which proxy libcurl takes for a URL, to be named when it refuses. */
#include "net/http/http_client_impl.h"

#include <stdio.h>
#include <strings.h>

static const char *proxy_variable(const char *const *names, const char **value)
{
    for (; *names != NULL; names++) {
        *value = getenv(*names);
        if (*value != NULL && (*value)[0] != '\0')
            return *names;
    }
    return NULL;
}

bool http_proxy_of(const char *url, char proxy[PLACE_BYTES], const char **name)
{
    static const char *const plain[] = {
        "http_proxy", "all_proxy", "ALL_PROXY", NULL};
    static const char *const tls[] = {
        "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
    bool is_tls = strncasecmp(url, "https:", 6) == 0;
    const char *value, *at;

    *name = proxy_variable(is_tls ? tls : plain, &value);
    if (*name == NULL)
        return false;
    at = strrchr(value, '@');
    if (at == NULL)
        at =
            strstr(value, "://") != NULL ? strstr(value, "://") + 2 : value - 1;
    snprintf(proxy, PLACE_BYTES, "%s", at + 1);
    return true;
}
