/* Growing arrays of the detector.
 * Owner: the caller owns the array; a failed growth leaves it as it was.
 * Why: one overflow check for every list of probes, runs and events. */
#include "collector/detect/array.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool array_grow(void *array, size_t count, size_t *room, size_t element_bytes)
{
    if (count < *room)
        return true;
    size_t wanted = *room == 0 ? 16 : *room * 2;
    if (wanted < *room || wanted > SIZE_MAX / element_bytes)
        return false;
    void *old;
    memcpy(&old, array, sizeof old);
    void *grown = realloc(old, wanted * element_bytes);
    if (grown == NULL)
        return false;
    memcpy(array, &grown, sizeof grown);
    *room = wanted;
    return true;
}
