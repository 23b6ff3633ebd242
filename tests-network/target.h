/* Target lists in Citizen Lab's CSV form: url,category_code,category_description,date_added,source,notes.
 * (https://github.com/citizenlab/test-lists, "CSV format") */
#ifndef TESTS_NETWORK_TARGET_H
#define TESTS_NETWORK_TARGET_H

#include <stddef.h>

#include "measurement/base/status.h"

#define TARGET_URL_BYTES_MAX 4096
#define TARGET_LIST_MAX 100000

struct target {
    char *url;
    char category[16]; /* "" unknown */
};

struct target_list {
    struct target *targets;
    size_t count;
    size_t skipped_count; /* lines that are no target: broken quoting, no http(s) URL, too long */
    size_t first_skipped_line; /* 0: none */
    size_t above_risk_count; /* taken out again, because the host of the probe did not choose such */
};

/* Reads CSV text (RFC 4180: quotes, CRLF, line ends inside quotes). A header line is required and columns are found
 * by name. A broken line is skipped and counted; MALFORMED only where there is no header with a `url` column or no
 * line at all is usable. */
enum status target_list_read(const char *text, size_t count, struct target_list *out, struct why *why);
enum status target_list_add(struct target_list *list, const char *url, const char *category);
void target_list_free(struct target_list *list);

/* Whether the text is an absolute http or https URL with a host, within the bound, without control characters. */
enum status target_url_check(const char *url, struct why *why);

#endif
