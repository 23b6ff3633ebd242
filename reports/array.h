/* Arrays of the model that grow as rows are read. */
#ifndef REPORTS_ARRAY_H
#define REPORTS_ARRAY_H

#include <stddef.h>

/* Appends a zeroed element to an array whose count only this function changes; NULL without memory, the array is then as
 * it was. */
void *array_grow(void **array, size_t *count, size_t element_bytes);

#endif
