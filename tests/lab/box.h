/* The path box: a process that holds all devices and moves packets between them through a struct path. */
#ifndef TESTS_LAB_BOX_H
#define TESTS_LAB_BOX_H

#include "tests/lab/device.h"
#include "tests/lab/path.h"

struct box_client {
    struct device device;
    struct path_client path;
};

struct box_plan {
    const struct box_client *clients;
    int client_count;
    struct device world;
    uint64_t seed;
    const char *truth_path; /* JSON lines: what was changed when, by the box's own clock; NULL: none */
};

struct box;

/* Starts the process. The devices stay the caller's too. */
enum status box_start(const struct box_plan *plan, struct box **out, struct why *why);
void box_stop(struct box *box); /* ends the process; takes NULL */

/* The rule is in force when these return; *out_wall_us (may be NULL) is when the box changed it. */
enum status box_rule_add(struct box *box, int64_t id, uint64_t clients, const char *text,
                         int64_t *out_wall_us, struct why *why);
enum status box_rule_remove(struct box *box, int64_t id, int64_t *out_wall_us, struct why *why);

#endif
