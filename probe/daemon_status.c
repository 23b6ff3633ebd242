/* The daemon's status file, for `dialtone-probe status` and for whoever looks after the machine.
 * Owner: nothing is kept.
 * Why: counts and states only; no target, no address. */
#include <stdlib.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "probe/daemon_inner.h"
#include "probe/state.h"

static json_t *time_or_null(int64_t wall_us)
{
    char text[TIME_TEXT_BYTES];
    if (wall_us == 0)
        return json_null();
    time_format_utc(wall_us, text);
    return json_string(text);
}

static json_t *spool_encode(const struct daemon *daemon)
{
    struct spool_counts counts = spool_count(daemon->spool);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s?}", "pending_lines", (json_int_t)counts.pending_line_count,
                     "bundles", (json_int_t)counts.bundle_count, "bytes", (json_int_t)counts.bytes, "limit_bytes",
                     (json_int_t)daemon->settings.spool_limit_bytes, "dropped_lines",
                     (json_int_t)counts.dropped_count, "rejected_bundles", (json_int_t)counts.rejected_count,
                     "next_sequence", (json_int_t)counts.next_sequence, "unsealed_bundles",
                     (json_int_t)counts.unsealed_count, "exported_bundles", (json_int_t)counts.exported_count,
                     "evicted_bundles", (json_int_t)counts.evicted_count, "unsealed_reason",
                     upload_unsealed_reason(daemon->upload));
}

static json_t *upload_encode(const struct daemon *daemon)
{
    struct upload_counts counts = upload_count(daemon->upload);
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o}", "accepted", (json_int_t)counts.accepted_count, "refused",
                     (json_int_t)counts.rejected_count, "failed_attempts", (json_int_t)counts.failed_count,
                     "sent_bytes", (json_int_t)counts.sent_bytes, "last_accepted",
                     time_or_null(counts.last_accepted_us), "routes", upload_routes_encode(daemon->upload));
}

static json_t *status_encode(const struct daemon *daemon)
{
    const char *state = connectivity_name(daemon->is_climbed ? daemon->connectivity.state : CONNECTIVITY_UNKNOWN);
    return json_pack("{s:o, s:o, s:i, s:s, s:o, s:I, s:I, s:I, s:I, s:s?, s:o, s:o}", "updated",
                     time_or_null(clock_wall_us(&daemon->clock)), "started",
                     time_or_null(daemon->started_us), "pid", (int)getpid(), "connectivity",
                     state, "last_climb",
                     time_or_null(daemon->last_climb_us), "climbs", (json_int_t)daemon->climb_count, "web_rounds",
                     (json_int_t)daemon->round_done_count, "web_rounds_skipped",
                     (json_int_t)daemon->round_skipped_count, "web_results", (json_int_t)daemon->result_count,
                     "capture_absence",
                     daemon->capture_absence[0] ? daemon->capture_absence : NULL, "spool", spool_encode(daemon), "upload",
                     upload_encode(daemon));
}

void daemon_status_publish(const struct daemon *daemon)
{
    struct buffer text = {0};
    struct why why = {0};
    char *path = path_join(daemon->settings.state_folder, STATE_STATUS);
    json_t *object = status_encode(daemon);
    enum status status = path && object ? json_write(object, &text) : STATUS_NO_MEMORY;
    buffer_text(&text, "\n");
    if (status == STATUS_OK)
        status = text.failed ? STATUS_NO_MEMORY : file_publish(path, text.bytes, text.count, 0600, &why);
    if (status != STATUS_OK)
        log_event(&daemon->log, LOG_LEVEL_WARN, "status_not_written", "status=%s why=\"%s\"",
                  status_name(status), why.text);
    json_decref(object);
    buffer_free(&text);
    free(path);
}
