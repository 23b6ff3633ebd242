/* Signed notes, and the checkpoints of a log that are told in them, so that tools for transparency logs read ours.
 * (C2SP signed-note and tlog-checkpoint; Ed25519 is signature type 0x01)
 *
 *   dialtone/0123456789abcdef            the origin: also the name of the key
 *   1234                                 how many leaves
 *   qINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=
 *                                        (empty line)
 *   — dialtone/0123456789abcdef BASE64   of the key's hash, 4 bytes, and the signature of the lines before */
#ifndef MEASUREMENT_NOTE_H
#define MEASUREMENT_NOTE_H

#include "measurement/key.h"
#include "measurement/merkle.h"

#define NOTE_BYTES_MAX      8192
#define NOTE_NAME_BYTES     64
#define NOTE_VERIFIER_BYTES (NOTE_NAME_BYTES + 64)
#define NOTE_LINES_MAX      16 /* of signatures that are read */

struct note_checkpoint {
    char origin[NOTE_NAME_BYTES];
    uint64_t size;
    struct merkle_hash root;
};

/* "dialtone/" and the key's name. */
void note_origin(const struct public_key *key, char out[NOTE_NAME_BYTES]);
/* The key as other tools take it: NAME+HASH+BASE64. */
enum status note_verifier_format(const struct public_key *key, char out[NOTE_VERIFIER_BYTES]);
enum status note_verifier_parse(const char *text, char out_name[NOTE_NAME_BYTES], struct public_key *out);

/* Appends text and signature. `text` ends with LF, and holds neither control characters nor an empty line at its end
 * (USAGE). `name` has neither space nor plus. */
enum status note_sign(const struct secret_key *key, const char *name, const char *text, size_t count,
                      struct buffer *out);
/* How many bytes of the note are its text, once a signature by that key under that name holds. MALFORMED where it is no
 * note; BAD_SIGNATURE where there is none by the key, or it does not hold. */
enum status note_verify(const struct public_key *key, const char *name, const char *note, size_t count,
                        size_t *out_text_bytes);

enum status note_checkpoint_sign(const struct secret_key *key, const struct note_checkpoint *checkpoint,
                                 struct buffer *out);
/* The three lines; further ones are let be, as the format says. MALFORMED. */
enum status note_checkpoint_parse(const char *text, size_t count, struct note_checkpoint *out);
/* Verified, and of that key's origin. */
enum status note_checkpoint_open(const struct public_key *key, const char *note, size_t count,
                                 struct note_checkpoint *out);

#endif
