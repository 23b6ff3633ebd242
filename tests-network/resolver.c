/* One resolver as it is named on the command line.
 * Owner: nothing is kept.
 * Why: apart from the tests that ask it, which a program that only checks its options does not link. */
#include <string.h>

#include "tests-network/nettest.h"
#include "tests-network/steps/address.h"

enum status nettest_resolver_parse(const char *text, struct nettest_resolver *out, struct why *why)
{
    const char *at = strrchr(text, '@');
    struct nettest_resolver resolver = {0};
    char url[RESOLVER_HOST_BYTES + RESOLVER_PATH_BYTES + 16];
    size_t length = at ? (size_t)(at - text) : strlen(text);
    if (length >= sizeof url) {
        why_set(why, "\"%.60s...\" is too long for a resolver's URL", text);
        return STATUS_MALFORMED;
    }
    memcpy(url, text, length);
    url[length] = '\0';
    enum status status = resolver_url_parse(url, &resolver.url, why);
    if (status != STATUS_OK)
        return status;
    const char *address = at ? at + 1 : resolver.url.host;
    if (address_parse(address, resolver.url.port, &resolver.address) != STATUS_OK) {
        why_set(why, "\"%.200s\" tells no address; type it behind the name: https://dns.google/dns-query@8.8.8.8", text);
        return STATUS_MALFORMED;
    }
    *out = resolver;
    return STATUS_OK;
}
