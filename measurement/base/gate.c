/* Who has to wait until something is known, and is called back when it is.
 * Owner: waiters are embedded in who waits; the gate only links them.
 * Why: measurements start while it is still being found out whether this machine has a network. */
#include "measurement/base/gate.h"

#include <stddef.h>

void gate_close(struct gate *gate)
{
    gate->is_closed = true;
}

void gate_open(struct gate *gate)
{
    struct gate_waiter *waiter;
    gate->is_closed = false;
    while ((waiter = LIST_FIRST(&gate->waiters))) {
        gate_callback callback = waiter->callback;
        void *arg = waiter->arg;
        gate_leave(waiter);
        callback(arg);
    }
}

bool gate_wait(struct gate *gate, struct gate_waiter *waiter, gate_callback callback, void *arg)
{
    if (!gate || !gate->is_closed)
        return false;
    if (!waiter->callback) {
        waiter->callback = callback;
        waiter->arg = arg;
        LIST_INSERT_HEAD(&gate->waiters, waiter, link);
    }
    return true;
}

void gate_leave(struct gate_waiter *waiter)
{
    if (!waiter->callback)
        return;
    LIST_REMOVE(waiter, link);
    waiter->callback = NULL;
}
