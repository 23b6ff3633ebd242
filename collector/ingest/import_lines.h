/* Records of other clients on their way into unsigned bundles: while one bundle is packed and stored in a thread of its own,
 * the next is read. */
#ifndef COLLECTOR_INGEST_IMPORT_LINES_H
#define COLLECTOR_INGEST_IMPORT_LINES_H

#include "collector/ingest/import.h"

struct import_lines;

/* Adds to *counts what was stored. Borrows the folder, whose store nobody else may use meanwhile. */
enum status import_lines_open(struct collector_folder *folder, int64_t now_us, struct import_counts *counts,
                              struct import_lines **out);
/* MALFORMED: the line is no record, and nothing was added. Another status than OK: the store failed. */
enum status import_lines_add(struct import_lines *lines, const char *line, size_t count, struct why *why);
/* Stores what was added, and waits for it. */
enum status import_lines_flush(struct import_lines *lines, struct why *why);
/* Waits for what is being stored; what was only added is dropped. */
void import_lines_free(struct import_lines *lines);

#endif
