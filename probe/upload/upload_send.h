/* One order to the collector by HTTP, on one route after the other, and what came back. */
#ifndef PROBE_UPLOAD_UPLOAD_SEND_H
#define PROBE_UPLOAD_UPLOAD_SEND_H

#include "measurement/base/fetch.h"
#include "probe/upload/upload.h"

/* Sends on a fetcher in this process. All text is borrowed until upload_send_free. */
struct upload_send_config {
    struct fetcher *fetcher;
    const struct route_list *routes; /* at least one */
    const char *pins;                /* NULL: none; else as fetch.h says */
    const char *ca_file;             /* NULL: the system's */
    int64_t timeout_us;              /* of one attempt; 0: two minutes */
};
struct upload_send;

enum status upload_send_open(const struct upload_send_config *config, struct upload_send **out);
/* An answer's status is OK where a collector answered; a page of something on the way is none, and the next route is
 * tried. Where every route was, the last failure is told. */
struct upload_sender upload_send_sender(struct upload_send *send);
void upload_send_free(struct upload_send *send);

#endif
