/* Which codes are regions, and what they are called.
 * Names are constants of the generated table.
 * Every country code from outside passes here before it becomes a key of a timeline. */
#include "measurement/region.h"

#include <stdlib.h>
#include <string.h>

static bool is_letter(char character)
{
    return character >= 'A' && character <= 'Z';
}

static bool is_letter_or_digit(char character)
{
    return is_letter(character) || (character >= '0' && character <= '9');
}

/* AA, QM to QZ, XA to XZ. ISO 3166-1 lets ZZ be user-assigned too; here it means unknown. */
static bool is_user_assigned(const char *code)
{
    return (code[0] == 'A' && code[1] == 'A') || (code[0] == 'Q' && code[1] >= 'M' && code[1] <= 'Z') ||
           (code[0] == 'X' && is_letter(code[1]));
}

static int row_compare(const void *code, const void *row)
{
    return strcmp(code, ((const struct region_row *)row)->code);
}

static const struct region_row *row_find(const char *code)
{
    return bsearch(code, region_rows, region_row_count, sizeof region_rows[0], row_compare);
}

bool region_is_country(const char *code)
{
    if (!code || strnlen(code, COUNTRY_BYTES) != COUNTRY_BYTES - 1)
        return false;
    return is_user_assigned(code) || row_find(code);
}

bool region_is_subdivision(const char *code)
{
    if (!code)
        return false;
    size_t length = strnlen(code, REGION_BYTES);
    if (length < 4 || length > 6 || code[2] != '-')
        return false;
    if (!is_user_assigned(code))
        return row_find(code);
    for (size_t i = 3; i < length; i++) {
        if (!is_letter_or_digit(code[i]))
            return false;
    }
    return true;
}

const char *region_name(const char *code)
{
    if (!region_is_country(code) && !region_is_subdivision(code))
        return NULL;
    const struct region_row *row = row_find(code);
    return row ? row->name : code;
}
