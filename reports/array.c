/* Growing arrays, twice as long each time.
 * Owner: the caller frees the array.
 * Why: rows come one at a time, and nobody knows how many. */
#include "reports/array.h"

#include <stdlib.h>
#include <string.h>

void *array_grow(void **array, size_t *count, size_t element_bytes)
{
    if ((*count & (*count - 1)) == 0) {
        size_t room = *count ? *count * 2 : 1;
        void *grown = reallocarray(*array, room, element_bytes);
        if (!grown)
            return NULL;
        *array = grown;
    }
    char *element = (char *)*array + (*count)++ * element_bytes;
    memset(element, 0, element_bytes);
    return element;
}
