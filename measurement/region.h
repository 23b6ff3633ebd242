/* Countries (ISO 3166-1 alpha-2) and subdivisions (ISO 3166-2), with their English names. User-assigned countries
 * (AA, QM to QZ, XA to XZ) are valid and carry their code as their name, and so are subdivisions of them ("XD-N"):
 * the lab lives there, so that no emulated shutdown is ever told of a real place. ZZ (unknown) is no region. */
#ifndef MEASUREMENT_REGION_H
#define MEASUREMENT_REGION_H

#include <stdbool.h>
#include <stddef.h>

#define COUNTRY_BYTES 3      /* "UA" */
#define REGION_BYTES 8       /* "UA-46" .. "GB-XXX" */
#define COUNTRY_UNKNOWN "ZZ" /* OONI's word for it */

bool region_is_country(const char *code);
bool region_is_subdivision(const char *code);
/* The name in English, or the code itself where it is user-assigned; NULL for what is no region. */
const char *region_name(const char *code);

/* All of ISO 3166-1 and 3166-2, sorted by code: for indexes and tests. Made at build time from iso-codes. */
struct region_row {
    char code[REGION_BYTES];
    const char *name;
};
extern const struct region_row region_rows[];
extern const size_t region_row_count;

#endif
