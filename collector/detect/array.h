/* Growing arrays of the detector: room for one more element, doubled when full. */
#ifndef COLLECTOR_DETECT_ARRAY_H
#define COLLECTOR_DETECT_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

/* `array` is the address of the pointer. False without memory: the old array stays. */
bool array_grow(void *array, size_t count, size_t *room, size_t element_bytes);
#define array_room(array, count, room) array_grow((array), (count), (room), sizeof **(array))

#endif
