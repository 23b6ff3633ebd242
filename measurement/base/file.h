/* Whole files, read within a bound and published atomically. */
#ifndef MEASUREMENT_BASE_FILE_H
#define MEASUREMENT_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "measurement/base/bytes.h"
#include "measurement/base/status.h"

/* Appends the file's bytes to `out` (regular file, pipe or "-" for standard input). TOO_LARGE past the limit. */
enum status file_read(const char *path, size_t limit_bytes, struct buffer *out, struct why *why);
/* A file that holds a secret, read to memory of the caller's through one descriptor, so that what was checked is what is
 * read. REFUSED where others may read it; IO where it is no regular file; TOO_LARGE where it does not fit. */
enum status file_read_private(const char *path, void *out, size_t room_bytes, size_t *out_count, struct why *why);
/* Temporary file in the same folder, fsync, rename, fsync of the folder: a reader never sees half a file.
 * FULL where the disk is; then nothing is left behind. */
enum status file_publish(const char *path, const void *bytes, size_t count, mode_t mode, struct why *why);
/* Makes the folder and its parents; no error where it exists. */
enum status folder_make(const char *path, mode_t mode, struct why *why);
/* folder/name, caller frees; NULL without memory. */
char *path_join(const char *folder, const char *name);

#endif
