/* Answers that a probe must be able to hold against the collector's key.
 * Owner: the caller's buffer.
 * Why: the path between may lie; what is signed it can only withhold. */
#include <event2/http.h>
#include <stdlib.h>

#include "collector/serve/parts.h"
#include "measurement/minisig.h"

enum status signed_headers(struct server *server, struct evhttp_request *request, const struct buffer *body,
                           const char *comment)
{
    struct buffer minisig = {0};
    struct buffer text = {0};
    char key[PUBLIC_KEY_TEXT_BYTES];
    char *value = NULL;
    enum status status = minisig_sign(server->key, body->bytes, body->count, comment, &minisig);
    if (status == STATUS_OK) {
        base64url_append(&text, minisig.bytes, minisig.count);
        value = buffer_take_text(&text);
        status = value ? STATUS_OK : STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK) {
        public_key_format(&server->key->public_key, key);
        reply_header(request, "Dialtone-Signature", value);
        reply_header(request, "Dialtone-Key", key);
    }
    free(value);
    buffer_free(&minisig);
    return status;
}
