/* A rule of the censor: a packet comes in, a verdict and forged packets come out. Pure apart from its own
 * memory of flows; time and chance are arguments. Each kind is a file in rules/ and a line in rule.c. */
#ifndef TESTS_LAB_RULE_H
#define TESTS_LAB_RULE_H

#include "measurement/base/random.h"
#include "tests/lab/packet.h"
#include "tests/lab/rule_text.h"

#define INJECTION_BYTES_MAX 1500
#define INJECTIONS_MAX      4

struct injection {
    uint8_t bytes[INJECTION_BYTES_MAX];
    size_t count;
    bool is_to_client;
    int64_t delay_us; /* beyond the way to whom it is for */
};

/* Zero-initialised before the first rule sees the packet; each rule adds to it. */
struct rule_output {
    bool is_dropped;
    int64_t delay_us; /* beyond the link's own */
    struct injection injections[INJECTIONS_MAX];
    size_t injection_count;
};

struct rule_moment {
    bool is_from_client;
    int64_t now_us; /* monotonic */
    const struct random_source *random;
};

struct rule_kind {
    const char *name;    /* as in the reference table, without DPI */
    const char *summary; /* one line with its fields */
    /* `kind` tells the kinds of one file apart. *out may be NULL where a kind needs no memory. */
    enum status (*open)(const struct rule_kind *kind, const struct rule_text *text, void **out,
                        struct why *why);
    void (*judge)(void *state, const struct packet *packet, const struct rule_moment *moment,
                  struct rule_output *output);
    void (*close)(void *state); /* takes NULL */
    int flavour;                /* the file's own */
};

struct rule; /* one in force */

/* USAGE or MALFORMED with a reason. */
enum status rule_open(const char *text, struct rule **out, struct why *why);
void rule_free(struct rule *rule);
void rule_judge(struct rule *rule, const struct packet *packet, const struct rule_moment *moment,
                struct rule_output *output);

/* All kinds, ending with NULL: for help texts. */
extern const struct rule_kind *const rule_kinds[];

/* Adds a forged packet; does nothing where there is no room for it. */
void rule_inject(struct rule_output *output, const struct packet *packet, bool is_to_client);

/* A forged segment from the server to the client that sent `trigger`, which it acknowledges. */
void rule_inject_segment(struct rule_output *output, const struct packet *trigger, uint8_t flags,
                         const void *payload, size_t payload_bytes);

#endif
