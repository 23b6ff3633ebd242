/* Who has to wait until something is known, and is called back when it is. */
#ifndef MEASUREMENT_BASE_GATE_H
#define MEASUREMENT_BASE_GATE_H

#include <stdbool.h>
#include <sys/queue.h>

typedef void (*gate_callback)(void *arg);

/* Embedded in whoever waits; all zero: it does not. */
struct gate_waiter {
    gate_callback callback;
    void *arg;
    LIST_ENTRY(gate_waiter) link;
};

/* All zero: open. */
struct gate {
    bool is_closed;
    LIST_HEAD(, gate_waiter) waiters;
};

void gate_close(struct gate *gate);
/* Calls back each who waits, once. They may free themselves and each other, but not the gate. */
void gate_open(struct gate *gate);
/* False where the gate is open (or NULL): nothing to wait for. True: the callback comes; asking again changes nothing. */
bool gate_wait(struct gate *gate, struct gate_waiter *waiter, gate_callback callback, void *arg);
/* No callback follows. Whoever does not wait may leave too. */
void gate_leave(struct gate_waiter *waiter);

#endif
