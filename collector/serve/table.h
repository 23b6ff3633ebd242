/* Rows for programs and for spreadsheets: JSON or CSV, by ?format= or Accept; tagged, and with a link to what comes next. */
#ifndef COLLECTOR_SERVE_TABLE_H
#define COLLECTOR_SERVE_TABLE_H

#include <jansson.h>

#include "measurement/base/status.h"

struct evhttp_request;
struct evkeyvalq;

enum table_format { TABLE_JSON, TABLE_CSV };

/* MALFORMED with a reason where ?format= names another. */
enum status table_format_read(struct evhttp_request *request, const struct evkeyvalq *query, enum table_format *out,
                              struct why *why);
/* Answers with the whole tree, or with the array `rows` of it as CSV (RFC 4180): a line of column names, then one line a
 * row. A column "a.b" is the member b of the member a. Text that a spreadsheet would run is kept text by a leading
 * apostrophe. Steals the tree; NULL is answered with 500. */
void table_send(struct evhttp_request *request, enum table_format format, json_t *root, const char *rows,
                const char *const *columns);
/* Adds the header Link: <...>; rel="next", the same request with one parameter changed, and the member "next" to the tree. */
void table_next(struct evhttp_request *request, const struct evkeyvalq *query, json_t *root, const char *parameter,
                const char *value);

#endif
