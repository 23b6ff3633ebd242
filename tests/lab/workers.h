/* Several processes side by side, each with an emulated Internet of its own, and memory that they share. */
#ifndef TESTS_LAB_WORKERS_H
#define TESTS_LAB_WORKERS_H

#include <stddef.h>

#define WORKERS_MAX     16
#define WORKERS_DEFAULT 6 /* they mostly wait */

/* Runs body(arg, 0..count-1), each in a process, and waits for all. Returns the worst exit status, or 128 and
 * the signal that ended the lab, which is passed on to them. */
int workers_run(size_t count, int (*body)(void *arg, int number), void *arg);

/* Zeroed memory that processes forked later share; NULL without. */
void *workers_memory(size_t bytes);
void workers_memory_free(void *memory, size_t bytes); /* takes NULL */

/* The next number of a count that workers share, from 0; each is given to one of them only. */
size_t workers_next(size_t *shared);

#endif
