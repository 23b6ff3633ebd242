/* What the clean targets answer: the lab's own server, straight or behind nginx. */
#ifndef TESTS_LAB_CLEAN_PAGES_H
#define TESTS_LAB_CLEAN_PAGES_H

#include "tests/lab/clean_targets.h"

struct event_base;
struct evhttp;

/* Serves the targets' pages on every address that `http` listens to, and binds it to the plain clusters' port
 * 80 where there are targets. */
enum status clean_pages_serve(struct event_base *base, struct evhttp *http, const struct clean_plan *plan);

#endif
