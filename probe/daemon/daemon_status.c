/* What the daemon tells of itself: through the status socket, and in a file for when it does not run.
 * Owner: nothing is kept.
 * Why: counts and states only; no target, no address. */
#include <stdlib.h>
#include <unistd.h>

#include "measurement/base/file.h"
#include "measurement/base/json.h"
#include "probe/daemon/daemon_inner.h"
#include "probe/state/state.h"

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
    (void)spool_refresh(daemon->spool, NULL);
    struct spool_counts counts = spool_count(daemon->spool);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:s?}", "pending_lines",
                     (json_int_t)counts.pending_line_count, "bundles", (json_int_t)counts.bundle_count, "bytes",
                     (json_int_t)counts.bytes, "limit_bytes", (json_int_t)daemon->settings.spool_limit_bytes,
                     "dropped_lines", (json_int_t)counts.dropped_count, "rejected_bundles",
                     (json_int_t)counts.rejected_count, "next_sequence", (json_int_t)counts.next_sequence,
                     "unsealed_bundles", (json_int_t)counts.unsealed_count, "exported_bundles",
                     (json_int_t)counts.exported_count, "evicted_bundles", (json_int_t)counts.evicted_count,
                     "is_sealed_at_rest", counts.has_recipient, "unsealed_reason",
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

/* The wall time at which something is due; null where nothing is planned. */
static json_t *due_encode(const struct daemon *daemon, bool is_planned, int64_t due_us)
{
    return time_or_null(is_planned ? clock_wall_us(&daemon->clock) + due_us - daemon_now_us(daemon) : 0);
}

static json_t *next_encode(const struct daemon *daemon)
{
    return json_pack("{s:o, s:o, s:o}", "ladder",
                     due_encode(daemon, daemon->ladder_timer != NULL, daemon->ladder_due_us), "channels",
                     due_encode(daemon, daemon->channels_timer != NULL, daemon->channels_due_us), "web",
                     due_encode(daemon, daemon->web_timer != NULL, daemon->web_due_us));
}

static json_t *clock_encode(const struct daemon *daemon)
{
    int64_t bound_us = clock_offset_bound_us(&daemon->offset, clock_offset_boot_us());
    int64_t skew_us = clock_wall_us(&daemon->system) - clock_wall_us(&daemon->clock);
    return json_pack("{s:o, s:o, s:b, s:I, s:f}", "skew_s",
                     bound_us < 0 ? json_null() : json_real((double)skew_us / (double)US_PER_S), "bound_s",
                     bound_us < 0 ? json_null() : json_real((double)bound_us / (double)US_PER_S), "is_signed",
                     daemon->offset.is_signed, "jumps", (json_int_t)daemon->clock_jump_count, "slept_s",
                     (double)daemon->slept_us / (double)US_PER_S);
}

static json_t *web_encode(const struct daemon *daemon)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "targets", (json_int_t)daemon->targets.count, "done_in_round",
                     (json_int_t)daemon->round.next, "rounds", (json_int_t)daemon->round_done_count, "rounds_skipped",
                     (json_int_t)daemon->round_skipped_count, "results", (json_int_t)daemon->result_count);
}

static json_t *status_encode(const struct daemon *daemon)
{
    const char *state = connectivity_name(daemon->is_climbed ? daemon->connectivity.state : CONNECTIVITY_UNKNOWN);
    return json_pack("{s:o, s:o, s:i, s:s, s:o, s:I, s:o, s:s?, s:I, s:I, s:s?, s:o, s:o, s:o, s:o, s:o, s:o}", "updated",
                     time_or_null(clock_wall_us(&daemon->clock)), "started", time_or_null(daemon->started_us), "pid",
                     (int)getpid(), "connectivity", state, "last_climb", time_or_null(daemon->last_climb_us), "climbs",
                     (json_int_t)daemon->climb_count, "web", web_encode(daemon), "capture_absence",
                     daemon->capture_absence[0] ? daemon->capture_absence : NULL, "workers_failed",
                     (json_int_t)daemon->lost_worker_count, "unscrubbable", (json_int_t)daemon->unscrubbable_count,
                     "location_doubt", location_word(daemon->location_trust), "next", next_encode(daemon), "spool", spool_encode(daemon),
                     "upload", upload_encode(daemon), "clock", clock_encode(daemon), "sandbox",
                     sandbox_state_encode(&daemon->sandbox), "data",
                     data_budget_encode(&daemon->budget, clock_wall_us(&daemon->clock)));
}

void daemon_status_tell(struct buffer *out, void *arg)
{
    json_t *object = status_encode(arg);
    if (!object || json_write(object, out) != STATUS_OK)
        out->failed = true;
    buffer_text(out, "\n");
    json_decref(object);
}

void daemon_status_publish(struct daemon *daemon)
{
    struct buffer text = {0};
    struct why why = {0};
    char *path = path_join(daemon->settings.state_folder, STATE_STATUS);
    daemon_status_tell(&text, daemon);
    enum status status =
        path && !text.failed ? file_publish(path, text.bytes, text.count, 0600, &why) : STATUS_NO_MEMORY;
    /* Once for each time that it begins. */
    if (status != STATUS_OK && !daemon->is_status_unwritten)
        log_event(&daemon->log, LOG_LEVEL_WARN, "status_not_written", "status=%s why=\"%s\"", status_name(status),
                  why.text);
    daemon->is_status_unwritten = status != STATUS_OK;
    buffer_free(&text);
    free(path);
}
