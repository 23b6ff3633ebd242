/* Letters from any thread to the one that runs a loop: what a loop owns is only ever touched by its own thread. */
#ifndef COLLECTOR_SERVE_MAILBOX_H
#define COLLECTOR_SERVE_MAILBOX_H

#include "measurement/base/loop.h"

struct mailbox;

/* Stands inside what it carries; the sender's until posted, the receiver's from then on. */
struct mail {
    struct mail *next;
    void (*deliver)(struct mail *mail);
};

/* In the loop's thread, or before it runs. */
enum status mailbox_open(struct loop *loop, struct mailbox **out);
/* From any thread. The letter is delivered in the loop's thread, in the order of posting. */
void mailbox_post(struct mailbox *mailbox, struct mail *mail);
/* Delivers what waits, after which nobody may post. In the loop's thread, or after it ended. */
void mailbox_free(struct mailbox *mailbox);

#endif
