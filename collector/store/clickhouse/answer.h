/* What a server answers: rows for a callback, or why it refuses. */
#ifndef COLLECTOR_STORE_CLICKHOUSE_ANSWER_H
#define COLLECTOR_STORE_CLICKHOUSE_ANSWER_H

#include "collector/store/clickhouse/clickhouse_store.h"

/* One answer as it comes in. */
struct clickhouse_answer {
    CURL *easy;
    clickhouse_row_callback callback; /* NULL: no rows are expected */
    void *arg;
    struct buffer pending; /* what is no whole row yet */
    struct buffer error;
    enum status status; /* of the callback */
    bool has_rows;      /* the callback was given some: the request cannot be repeated */
};

/* curl's write callback; `arg` is the answer, whose `easy` is set. */
size_t clickhouse_answer_take(char *bytes, size_t size, size_t count, void *arg);
/* What became of the request. BUSY: it may be asked again, there or elsewhere. */
enum status clickhouse_answer_end(struct clickhouse_answer *answer, CURLcode result, struct why *why);

#endif
