/* Kept checkpoints of one log, held against each other. Two of one size with different roots, both signed by the collector's
 * key, prove that it shows different logs to different people. */
#ifndef COLLECTOR_COMMANDS_VERIFY_SPLIT_H
#define COLLECTOR_COMMANDS_VERIFY_SPLIT_H

#include "measurement/base/cli.h"
#include "measurement/note.h"

struct kept_checkpoint {
    const char *where; /* the file it is from; borrowed */
    struct note_checkpoint checkpoint;
};

/* Zero-initialise. */
struct kept_list {
    struct kept_checkpoint *rows;
    size_t count;
    size_t room;
};

/* All notes of the files of --checkpoint. BAD_SIGNATURE or MALFORMED, with the file, for what is none of the key's. */
enum status kept_read(const struct cli_arguments *arguments, const struct public_key *key, struct kept_list *out,
                      struct why *why);
enum status kept_add(struct kept_list *list, const char *where, const struct note_checkpoint *checkpoint);
void kept_free(struct kept_list *list);
/* CONFLICT, with both printed, where two of one size differ. */
enum status kept_compare(const struct kept_list *list, struct why *why);

/* verify --log without --data and --collector: the files against each other. */
enum exit_status verify_log_files(const struct cli_arguments *arguments);

#endif
