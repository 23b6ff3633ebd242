/* Block pages known by name: signatures in Censored Planet's format, one JSON object a line with
 * `fingerprint` and `pattern` (PCRE, "." matches line ends too) and, optionally, `location_found` ("body",
 * "header" or "header.NAME"; else both). https://github.com/censoredplanet/assets-censoredplanet, signatures.
 * The first letter of a fingerprint is its class: a product, b national, c operator, d company, e unknown, f
 * generic. */
#ifndef TESTS_NETWORK_STEPS_BLOCKPAGE_H
#define TESTS_NETWORK_STEPS_BLOCKPAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "measurement/base/status.h"
#include "measurement/verdict.h"

#define BLOCKPAGE_NAME_BYTES        64
#define BLOCKPAGE_FILE_BYTES_MAX    (16u << 20)
#define BLOCKPAGE_PATTERN_BYTES_MAX 4096
#define BLOCKPAGE_SIGNATURES_MAX    20000
#define BLOCKPAGE_BODY_BYTES_MAX    (128u << 10) /* of a page that is looked at: block pages are short */

enum blockpage_scope {
    BLOCKPAGE_NONE,
    BLOCKPAGE_FALSE, /* a page that only looks like one: a CDN's refusal, a parked name */
    BLOCKPAGE_PRODUCT,
    BLOCKPAGE_NATIONAL,
    BLOCKPAGE_OPERATOR,
    BLOCKPAGE_COMPANY,
    BLOCKPAGE_UNKNOWN,
    BLOCKPAGE_GENERIC,
};

struct blockpage_set; /* one thread at a time: matching uses memory of the set */

struct blockpage_counts {
    size_t signature_count; /* usable, of both lists */
    size_t bad_count;       /* lines that are no signature or whose pattern does not compile */
    char first_bad_name[BLOCKPAGE_NAME_BYTES]; /* "" where even the name cannot be read */
    size_t first_bad_line;
    char first_bad_reason[128];
};

/* The signatures that the program carries, and those of two user-named files, each of which may be NULL:
 * block pages, and pages that are none although they look so. NOT_FOUND, IO or TOO_LARGE with a reason;
 * MALFORMED where a file holds no usable signature at all. Single bad lines are skipped and counted. */
enum status blockpage_open(const char *block_path, const char *false_path, struct blockpage_set **out,
                           struct why *why);
/* Adds the signatures of a text; blockpage_seal before the first match. */
enum status blockpage_new(struct blockpage_set **out);
enum status blockpage_add(struct blockpage_set *set, const char *text, size_t count, bool is_false_list);
void blockpage_seal(struct blockpage_set *set);
const struct blockpage_counts *blockpage_counts(const struct blockpage_set *set);
void blockpage_free(struct blockpage_set *set);

struct blockpage_page {
    long code;
    const char *const *header_names;
    const char *const *header_values;
    size_t header_count;
    const void *body;
    size_t body_bytes;
};

struct blockpage_hit {
    enum blockpage_scope scope; /* NONE: no signature matches */
    char name[BLOCKPAGE_NAME_BYTES];
    size_t limit_count; /* patterns given up at the match limit: then NONE is only "not found" */
};

/* False positives first, then a to f; the first that matches counts. Pure but for the set's scratch memory.
 */
struct blockpage_hit blockpage_match(struct blockpage_set *set, const struct blockpage_page *page);

/* How sure a named block is: certain for product, national and operator; strong for a company; medium for the
 * rest (guide of evidence, decision table). NONE where it is no block page. */
enum verdict_confidence blockpage_confidence(enum blockpage_scope scope);
/* "product", "national", ...; "" for NONE. */
const char *blockpage_scope_name(enum blockpage_scope scope);

/* The list that the program carries: steps/blockpages.jsonl, embedded. */
extern const char blockpage_default_signatures[];
extern const char blockpage_default_false_signatures[];

#endif
