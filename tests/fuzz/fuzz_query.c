/* Fuzzes query strings: parsed as the service does, every value handed to every reader of values.
 * Owner: nothing outlives a run. Why: whoever can reach the port can send these. */
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <sys/queue.h>

#include "collector/feed/feed.h"
#include "collector/serve/reply.h"
#include "measurement/base/clock.h"
#include "tests/fuzz/fuzz.h"

static void values_read(const struct evkeyvalq *query)
{
    static const char *const keys[] = {"region", "asn", "kind", "state", "from", "to", "id"};
    const struct evkeyval *pair;
    TAILQ_FOREACH(pair, query, next) {
        struct feed_filter filter = {0};
        struct why why = {""};
        enum feed_format format;
        int64_t time_us = 0;
        int64_t number = -7;
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            (void)feed_filter_set(&filter, keys[i], pair->value, &why);
        }
        (void)feed_format_parse(pair->value, &format);
        (void)time_parse(pair->value, &time_us);
        (void)region_is_country(pair->value);
        (void)region_is_subdivision(pair->value);
        enum status status = reply_query_number(query, pair->key, 1, 1000, &number);
        FUZZ_REQUIRE(status != STATUS_OK || number == -7 || (number >= 1 && number <= 1000));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct evkeyvalq query;
    char text[4096] = "";
    TAILQ_INIT(&query);
    memcpy(text, bytes, count < sizeof text - 1 ? count : sizeof text - 1);
    if (evhttp_parse_query_str(text, &query) == 0) {
        values_read(&query);
        evhttp_clear_headers(&query);
    }
    return 0;
}
