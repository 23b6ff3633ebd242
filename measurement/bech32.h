/* Bech32 (BIP 173) without its bound on length, as age keys are written. */
#ifndef MEASUREMENT_BECH32_H
#define MEASUREMENT_BECH32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measurement/base/bytes.h"

/* Appends the text of `count` bytes under `prefix`, all in capitals where `is_upper`. `prefix` is in that
 * case already. */
void bech32_append(struct buffer *out, const char *prefix, bool is_upper, const void *bytes, size_t count);
/* Exactly `count` bytes of a text whose prefix is `prefix`, in one case throughout. MALFORMED otherwise. */
enum status bech32_decode(const char *text, const char *prefix, bool is_upper, void *out, size_t count);

#endif
