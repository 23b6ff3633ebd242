/* Everything that reports, and the API, may ask of a collector's data. Reads only. The one door between
 * collector/ and reports/: what is not here is not for reports. */
#ifndef COLLECTOR_QUERY_H
#define COLLECTOR_QUERY_H

#include "collector/detect/network.h"
#include "collector/feed/feed.h"
#include "collector/privacy.h"
#include "collector/signal/signal_read.h"
#include "collector/store/store.h"

struct query; /* an open data folder */

/* `folder` is the collector's --data. Opens it read-only beside a running collector. */
enum status query_open(const char *folder, struct query **out, struct why *why);
void query_close(struct query *query);
int64_t query_bin_length_s(const struct query *query);

/* Regions by code: countries, subdivisions, and (asn != 0) networks within them. */
enum status query_regions(struct query *query, store_region_callback callback, void *arg);
enum status query_timeline(struct query *query, const char *region, struct store_span span,
                           store_state_callback callback, void *arg);
/* Timelines of the region's single networks, by network, then bin; `asn` 0: of all. See detect/network.h for the states. */
enum status query_network_timelines(struct query *query, const char *region, uint32_t asn, struct store_span span,
                                    network_callback callback, void *arg);
enum status query_events(struct query *query, const struct store_event_filter *filter,
                         store_event_callback callback, void *arg);
enum status query_measurements(struct query *query, const struct store_measurement_filter *filter,
                               store_measurement_callback callback, void *arg);
/* Rows behind a region's per-service picture. */
enum status query_sightings(struct query *query, const char *region, struct store_span span,
                            store_sighting_callback callback, void *arg);
/* The original line of a measurement, from the kept bundle; appended to `out`. */
enum status query_evidence(struct query *query, const uint8_t identity[SHA256_BYTES], struct buffer *out,
                           struct why *why);
/* Outside signals, to be shown beside ours: see collector/signal/signal_read.h. `region` NULL: of all regions. */
enum status query_signals(struct query *query, const char *region, struct store_span span, signal_callback callback,
                          void *arg);
/* The bundle's row: who signed it and whether. NOT_FOUND where there is none. For reports that hand its
 * signature on. */
enum status query_bundle(struct query *query, const uint8_t hash[SHA256_BYTES], struct store_bundle *out);
/* Where it stands in the log of that name (NULL: any). NOT_FOUND where there is none. */
enum status query_bundle_place(struct query *query, const char *log, const uint8_t hash[SHA256_BYTES],
                               struct store_bundle *out, struct store_put_result *out_result);
/* Bundles by log, then by log_index. */
enum status query_bundles(struct query *query, const struct store_bundle_filter *filter,
                          store_bundle_callback callback, void *arg);
/* The data folder that was opened. */
const char *query_folder(const struct query *query);
/* Events as feeds and alerts tell them (collector/feed/feed.h, whose encoders take the list). JSON lists them
 * by onset, without withdrawn ones, and of one event named by its id all revisions. The others list them by
 * their newest message, withdrawn ones too where they were told before, each with its history. `out` is
 * zero-initialised, and the caller's to free with feed_list_free. */
struct feed_request {
    enum feed_format format;
    struct feed_filter filter;
    size_t limit; /* the events that began last */
};
enum status query_feed(struct query *query, const struct feed_request *request, struct feed_list *out);
/* Path of the kept bundle relative to the data folder ("bundles/<hash>.jsonl.zst"), for links; `out`
 * holds 96. */
void query_bundle_path(const uint8_t hash[SHA256_BYTES], char out[96]);
/* Sees to it that the kept bundle, and its signature, stand there: from object storage where they were moved to it.
 * NOT_FOUND: pruned, or lost; OFFLINE: the object storage cannot be asked. */
enum status query_bundle_bring(struct query *query, const uint8_t hash[SHA256_BYTES], struct why *why);
/* Proofs that bundles are in this folder's evidence log, each whole in one text (measurement/log_proof.h), against the last
 * checkpoint that was told. Borrows the query. NOT_FOUND where none was told yet, or the collector's key cannot be read;
 * CONFLICT where the log is not what the checkpoint was signed for. */
struct log_prover;
enum status log_prover_open(struct query *query, struct log_prover **out, struct why *why);
void log_prover_free(struct log_prover *prover);
/* NOT_FOUND: not in this log, or not yet in what the checkpoint covers. */
enum status log_prover_prove(struct log_prover *prover, const uint8_t bundle[SHA256_BYTES], struct buffer *out,
                             struct why *why);
/* The public key that signs the log, as minisign writes it. */
const char *log_prover_key(const struct log_prover *prover);

#endif
