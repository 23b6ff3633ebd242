/* Where packets enter and leave a network namespace: a TUN device, or, where /dev/net/tun is missing or
 * closed to us, a veth pair whose far end is read through a packet socket. Whole IP packets either way, with
 * right checksums. */
#ifndef TESTS_LAB_DEVICE_H
#define TESTS_LAB_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "measurement/base/status.h"

struct device {
    int fd; /* for poll(2); not blocking */
    bool is_veth;
    int far_index;           /* veth: of the end that we read */
    uint8_t near_address[6]; /* veth: the link address that the kernel listens to */
};

#define DEVICE_NONE                                                                                          \
    {                                                                                                        \
        .fd = -1                                                                                             \
    }

/* In the network namespace that the caller is in; the device is there until device_close, and down still.
 * UNSUPPORTED with a reason where neither kind is allowed. */
enum status device_open(const char *name, bool avoids_tun, struct device *out, struct why *why);
void device_close(struct device *device); /* takes one that was not opened */

/* One packet; 0 or less where none waits. */
ssize_t device_read(const struct device *device, void *bytes, size_t room_bytes);
/* A full device drops, as any link does. */
void device_write(const struct device *device, const void *bytes, size_t count);

#endif
