/* Gathers what a feed tells from a store.
 * Owner: the list is the caller's, also where it failed half way.
 * Why: encoders are pure; reading is here. */
#include <stdlib.h>
#include <string.h>

#include "collector/query.h"

#define REVISIONS_MOST 256 /* of one event; of more, the latest */

struct gathering {
    const struct feed_request *request;
    struct query *query;
    struct feed_list *list;
    int64_t bin_length_s;
    struct event *latest;         /* of each event that the request covers; past the limit a ring */
    size_t count;                 /* covered in all */
    struct feed_event *revisions; /* of the event at work */
    size_t revision_count;
};

static enum status event_keep(const struct event *event, void *arg)
{
    struct gathering *gathering = arg;
    if (!feed_filter_covers(&gathering->request->filter, event)) {
        return STATUS_OK;
    }
    size_t limit = gathering->request->limit;
    if (gathering->count >= limit) { /* rows come by onset: a ring keeps the newest */
        gathering->latest[gathering->count++ % limit] = *event;
        gathering->list->is_cut = true;
        return STATUS_OK;
    }
    if ((gathering->count & (gathering->count - 1)) == 0) {
        struct event *grown =
            reallocarray(gathering->latest, gathering->count ? 2 * gathering->count : 1, sizeof *grown);
        if (!grown) {
            return STATUS_NO_MEMORY;
        }
        gathering->latest = grown;
    }
    gathering->latest[gathering->count++] = *event;
    return STATUS_OK;
}

static enum status revision_keep(const struct event *event, void *arg)
{
    struct gathering *gathering = arg;
    if (gathering->revision_count == REVISIONS_MOST) {
        gathering->revision_count--;
        memmove(gathering->revisions, gathering->revisions + 1,
                gathering->revision_count * sizeof *gathering->revisions);
    }
    feed_event_of(event, gathering->bin_length_s, &gathering->revisions[gathering->revision_count++]);
    return STATUS_OK;
}

static int revision_compare(const void *left, const void *right)
{
    const struct feed_event *a = left;
    const struct feed_event *b = right;
    return (a->revision > b->revision) - (a->revision < b->revision);
}

/* A withdrawal is told only to whom the event may have been told. */
static bool was_told(const struct gathering *gathering)
{
    for (size_t i = 0; i < gathering->revision_count; i++) {
        const struct feed_event *revision = &gathering->revisions[i];
        if (revision->state != REGION_OK && revision->state >= gathering->request->filter.least_state) {
            return true;
        }
    }
    return false;
}

/* The history is read only where there is one and the format tells of it. */
static enum status entry_add(struct gathering *gathering, const struct event *latest)
{
    struct store_event_filter filter = {.id = latest->id};
    enum status status = STATUS_OK;
    gathering->revision_count = 0;
    if (latest->revision > 1 && gathering->request->format != FEED_JSON) {
        status = query_events(gathering->query, &filter, revision_keep, gathering);
        qsort(gathering->revisions, gathering->revision_count, sizeof *gathering->revisions,
              revision_compare);
    }
    if (gathering->revision_count == 0) {
        feed_event_of(latest, gathering->bin_length_s, &gathering->revisions[gathering->revision_count++]);
    }
    if (status == STATUS_OK && was_told(gathering)) {
        status = feed_list_add(gathering->list, gathering->revisions, gathering->revision_count);
    }
    return status;
}

/* All revisions of one event, as JSON tells them: each an entry of its own. */
static enum status revision_entry(const struct event *event, void *arg)
{
    struct gathering *gathering = arg;
    struct feed_event revision;
    if (!feed_filter_covers(&gathering->request->filter, event)) {
        return STATUS_OK;
    }
    feed_event_of(event, gathering->bin_length_s, &revision);
    return feed_list_add(gathering->list, &revision, 1);
}

static enum status one_gather(struct gathering *gathering)
{
    const struct feed_request *request = gathering->request;
    struct store_event_filter filter = {.id = request->filter.id};
    if (request->format == FEED_JSON) {
        return query_events(gathering->query, &filter, revision_entry, gathering);
    }
    enum status status = query_events(gathering->query, &filter, revision_keep, gathering);
    if (status == STATUS_OK && gathering->revision_count > 0) {
        qsort(gathering->revisions, gathering->revision_count, sizeof *gathering->revisions,
              revision_compare);
        status = feed_list_add(gathering->list, gathering->revisions, gathering->revision_count);
    }
    return status;
}

static enum status many_gather(struct gathering *gathering)
{
    const struct feed_request *request = gathering->request;
    struct store_event_filter filter = {.least_state = request->filter.least_state,
                                        .span = request->filter.span,
                                        .with_withdrawn = request->format != FEED_JSON};
    if (request->filter.region_count == 1 && region_is_subdivision(request->filter.regions[0])) {
        filter.region = request->filter.regions[0]; /* a country stands for its subdivisions too */
    }
    enum status status = query_events(gathering->query, &filter, event_keep, gathering);
    size_t kept = gathering->count < request->limit ? gathering->count : request->limit;
    for (size_t i = gathering->count - kept; i < gathering->count && status == STATUS_OK; i++) {
        status = entry_add(gathering, &gathering->latest[i % request->limit]);
    }
    if (status == STATUS_OK && request->format != FEED_JSON) {
        feed_list_sort(gathering->list);
    }
    return status;
}

enum status query_feed(struct query *query, const struct feed_request *request, struct feed_list *out)
{
    struct gathering gathering = {
        .request = request, .query = query, .list = out, .bin_length_s = query_bin_length_s(query)};
    gathering.revisions = calloc(REVISIONS_MOST, sizeof *gathering.revisions);
    if (!gathering.revisions) {
        return STATUS_NO_MEMORY;
    }
    enum status status = request->filter.id[0] ? one_gather(&gathering) : many_gather(&gathering);
    free(gathering.latest);
    free(gathering.revisions);
    return status;
}
