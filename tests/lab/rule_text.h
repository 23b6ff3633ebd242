/* The text of one rule, as it stands in scenario files and in the `rules` column of OONI's QA table:
 *   DPIResetTrafficForTLSSNI(SNI="www.example.com")
 *   SpoofDNSResponse(Addresses={"10.10.34.34", 10.10.34.35} Domain="www.example.com")
 *   DPIThrottleTrafficForTLSSNI(Delay=300 * time.Millisecond PLR=0.1 SNI="largefile.com")
 * A name, then fields in any order, or values by position; the prefix DPI is left away. Space is free, commas
 * are space, and so are comments between slash-star and star-slash. In quotes stand the escapes of Go and JSON, in
 * backquotes nothing is escaped; lists stand in {} or []. */
#ifndef TESTS_LAB_RULE_TEXT_H
#define TESTS_LAB_RULE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lab/packet.h"

#define RULE_WORD_BYTES 256
#define RULE_FIELDS_MAX 18
#define RULE_VALUES_MAX 16

struct rule_field {
    char name[32]; /* "" for a value by position */
    char values[RULE_VALUES_MAX][RULE_WORD_BYTES];
    size_t value_count; /* 0: an empty list */
};

struct rule_text {
    char name[48];
    struct rule_field fields[RULE_FIELDS_MAX];
    size_t field_count;
};

/* Reads one rule. Returns where the text behind it begins in *out_rest (may be NULL: nothing may follow
 * then). MALFORMED with a reason that quotes the place. */
enum status rule_text_parse(const char *text, struct rule_text *out, const char **out_rest, struct why *why);

const struct rule_field *rule_text_field(const struct rule_text *text, const char *name); /* NULL: absent */
/* The one value of a field, or NULL. */
const char *rule_text_value(const struct rule_text *text, const char *name);

/* Absent: *out untouched and OK. USAGE with a reason where the value is no such thing. */
enum status rule_text_address(const struct rule_text *text, const char *name, struct ip_address *out,
                              struct why *why);
enum status rule_text_number(const struct rule_text *text, const char *name, int64_t least, int64_t most,
                             int64_t *out, struct why *why);
enum status rule_text_fraction(const struct rule_text *text, const char *name, double *out, struct why *why);
/* "300ms", "2s", "500us" or Go's "300 * time.Millisecond" and "time.Second". */
enum status rule_text_duration(const struct rule_text *text, const char *name, int64_t *out_us,
                               struct why *why);
/* USAGE where the rule has a field that is not in `names` (ends with NULL): a misspelt field must not pass as
 * absent. */
enum status rule_text_only(const struct rule_text *text, const char *const *names, struct why *why);
/* "250ms", "20s", "1.5s", "2m", "48h", "40d"; MALFORMED otherwise. */
enum status duration_parse(const char *text, int64_t *out_us);

#endif
