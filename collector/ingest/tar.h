/* A tar archive as a stream: the content of its files, piece by piece. Reads ustar, and the headers that GNU and pax put
 * before a file, whose long names do not matter here. (POSIX pax, "ustar Interchange Format") */
#ifndef COLLECTOR_INGEST_TAR_H
#define COLLECTOR_INGEST_TAR_H

#include "measurement/base/bytes.h"

#define TAR_BLOCK_BYTES 512

/* Zero-initialise to start. */
struct tar {
    uint8_t header[TAR_BLOCK_BYTES];
    size_t header_count;
    uint64_t data_left_bytes;
    uint64_t padding_left_bytes;
    bool is_file;  /* the entry under way is a file, whose content is wanted */
    bool is_ended; /* what follows is no content */
    size_t file_count; /* files begun so far */
};

/* Whether a block is the header of a tar archive. */
bool tar_is_header(const uint8_t block[TAR_BLOCK_BYTES]);
/* Takes bytes from `in` until there is a piece of a file in *out_piece (borrowed from `in`), or `in` is empty. *out_end: the
 * file ends behind the piece. MALFORMED: a header is damaged. */
enum status tar_take(struct tar *tar, struct reader *in, struct reader *out_piece, bool *out_end);
/* Whether the stream may end here. */
bool tar_is_whole(const struct tar *tar);

#endif
