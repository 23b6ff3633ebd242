/* One bundle to one collector by HTTP, and what came back. */
#ifndef PROBE_UPLOAD_SEND_H
#define PROBE_UPLOAD_SEND_H

#include "measurement/base/fetch.h"
#include "probe/upload.h"

/* Sends on a fetcher in this process. All text is borrowed until upload_send_free. */
struct upload_send_config {
    struct fetcher *fetcher;
    const char *collector_url; /* "https://collector.example.org" */
    const char *ca_file;       /* NULL: the system's */
    int64_t timeout_us;        /* of one bundle; 0: two minutes */
};
struct upload_send;

enum status upload_send_open(const struct upload_send_config *config, struct upload_send **out);
struct upload_sender upload_send_sender(struct upload_send *send);
void upload_send_free(struct upload_send *send);

#endif
