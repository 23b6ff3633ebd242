/* What the collector's answer to a bundle means: receipted, refused for good, or to be sent again.
 * Owner: nothing is kept.
 * Why: nothing is deleted before a verified receipt is on the disk, and one bad bundle does not hold up the rest. */
#include "probe/upload/receipt.h"

#include "measurement/base/json.h"
#include "probe/state/state.h"
#include "probe/upload/upload_inner.h"

/* As one line, whatever white space came. */
static enum status receipt_append(const struct upload *upload, const struct upload_answer *answer,
                                  struct why *why)
{
    struct buffer line = {0};
    json_t *object = NULL;
    enum status status = json_read((const char *)answer->body, answer->body_bytes, &object, why);
    if (status == STATUS_OK)
        status = json_write(object, &line);
    if (status == STATUS_OK)
        status = state_receipt_append(upload->config.state_folder, line.bytes, line.count, why);
    json_decref(object);
    buffer_free(&line);
    return status;
}

/* Pin first: a receipt is only worth what its key is worth the next time. */
static enum status receipt_keep(struct upload *upload, const struct upload_answer *answer,
                                const struct public_key *key, struct why *why)
{
    enum status status = upload_route_is_others(upload, answer->route) ? STATUS_OK : upload_key_pin(upload, key, why);
    return status == STATUS_OK || status == STATUS_FULL ? receipt_append(upload, answer, why) : status;
}

/* A full disk has no room for the receipt while the bundle is there: it makes room once more before it is given up. */
static enum status bundle_release(struct upload *upload, const struct upload_answer *answer,
                                  const struct public_key *key, struct why *why)
{
    enum status kept = receipt_keep(upload, answer, key, why);
    if (kept != STATUS_OK && kept != STATUS_FULL)
        return kept;
    enum status status = spool_remove(upload->config.spool, upload->bundle.name, why);
    if (status == STATUS_OK && kept == STATUS_FULL && receipt_keep(upload, answer, key, why) != STATUS_OK)
        log_event(upload->config.log, LOG_LEVEL_WARN, "receipt_not_written", "bundle=%s why=\"%s\"", upload->bundle.name,
                  why->text);
    return status;
}

/* Whose receipts count on a route: its own collector's, or the pinned one's; NULL: nobody is pinned yet. */
static const struct public_key *key_expected(const struct upload *upload, size_t route)
{
    if (upload_route_is_others(upload, route))
        return &upload->config.routes->routes[route].key;
    return upload->is_pinned ? &upload->pinned : NULL;
}

/* A receipt that holds tells the collector's time under its signature; any other answer may have its Date. */
static void clock_tell(const struct upload *upload, const struct upload_answer *answer, bool is_signed)
{
    struct clock_sight sight = answer->seen;
    json_t *object = NULL;
    if (!upload->config.on_clock)
        return;
    if (is_signed && json_read((const char *)answer->body, answer->body_bytes, &object, NULL) == STATUS_OK) {
        const char *received = json_member_text(json_member_object(object, "receipt"), "received");
        if (!received || time_parse(received, &sight.server_us) != STATUS_OK)
            sight.server_us = 0;
    }
    json_decref(object);
    if (sight.server_us > 0)
        upload->config.on_clock(&sight, is_signed, upload->config.arg);
}

static enum status accepted(struct upload *upload, const struct upload_answer *answer)
{
    struct public_key key;
    struct why why = {0};
    const struct public_key *expected = key_expected(upload, answer->route);
    enum status status = receipt_check(answer->body, answer->body_bytes, upload->bundle.hash,
                                       upload->bundle.is_sealed ? upload->bundle.file_hash : NULL, expected, &key, &why);
    /* Code 200 repeats a receipt that was made before, and tells an old time. */
    if (status == STATUS_OK && answer->code == 201)
        clock_tell(upload, answer, true);
    if (status == STATUS_OK)
        status = bundle_release(upload, answer, &key, &why);
    if (status != STATUS_OK) {
        log_event(upload->config.log, LOG_LEVEL_ERROR, "receipt_not_kept", "bundle=%s status=%s why=\"%s\"",
                  upload->bundle.name, status_name(status), why.text);
        return status;
    }
    upload->counts.accepted_count++;
    upload->counts.last_accepted_us = clock_wall_us(&upload->config.log->clock);
    log_event(upload->config.log, LOG_LEVEL_INFO, "bundle_receipted", "bundle=%s", upload->bundle.name);
    return STATUS_OK;
}

/* Whether the collector itself, and not something on the way, refused this very bundle for good. */
static bool is_final_refusal(const struct upload_answer *answer)
{
    static const long codes[] = {400, 401, 409, 413, 415, 422};
    bool is_final = false;
    json_t *object = NULL;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        is_final = is_final || answer->code == codes[i];
    if (!is_final || json_read((const char *)answer->body, answer->body_bytes, &object, NULL) != STATUS_OK)
        return false;
    is_final = json_member_text(object, "error") != NULL;
    json_decref(object);
    return is_final;
}

static enum status refused(struct upload *upload, long code)
{
    struct why why = {0};
    enum status status = spool_reject(upload->config.spool, upload->bundle.name, &why);
    log_event(upload->config.log, LOG_LEVEL_ERROR, "bundle_refused", "bundle=%s code=%ld kept_in=rejected why=\"%s\"",
              upload->bundle.name, code, why.text);
    upload->counts.rejected_count += status == STATUS_OK;
    return status;
}

enum status upload_receipt_take(struct upload *upload, const struct upload_answer *answer)
{
    if (answer->status == STATUS_OK)
        clock_tell(upload, answer, false);
    if (answer->status == STATUS_OK && (answer->code == 200 || answer->code == 201) && !answer->is_truncated)
        return accepted(upload, answer);
    if (answer->status == STATUS_OK && is_final_refusal(answer) && !upload_route_is_others(upload, answer->route))
        return refused(upload, answer->code);
    log_event(upload->config.log, LOG_LEVEL_WARN, "upload_failed", "bundle=%s status=%s code=%ld", upload->bundle.name,
              status_name(answer->status), answer->code);
    return STATUS_OFFLINE;
}
