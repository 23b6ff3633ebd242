/* Fuzzes signed notes, checkpoints, verifier texts and proofs. Round trip: a checkpoint that was read is signed and read the same.
 * Owner: nothing outlives a run. Why: these bytes come from whoever runs a collector, or says so. */
#include <string.h>

#include "measurement/log_proof.h"
#include "measurement/note.h"
#include "tests/fuzz/fuzz.h"

static void check_checkpoint(const char *text, size_t count)
{
    struct random_seeded state;
    struct random_source random = random_of_seed(&state, 1);
    struct secret_key key;
    struct note_checkpoint first;
    struct note_checkpoint second;
    struct buffer note = {0};
    if (note_checkpoint_parse(text, count, &first) != STATUS_OK) {
        return;
    }
    FUZZ_REQUIRE(key_make(&random, &key) == STATUS_OK);
    note_origin(&key.public_key, first.origin);
    FUZZ_REQUIRE(note_checkpoint_sign(&key, &first, &note) == STATUS_OK);
    FUZZ_REQUIRE(note_checkpoint_open(&key.public_key, (const char *)note.bytes, note.count, &second) == STATUS_OK);
    FUZZ_REQUIRE(first.size == second.size && memcmp(&first.root, &second.root, sizeof first.root) == 0);
    buffer_free(&note);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    const struct public_key nobody = {{0}, {0}};
    struct public_key key;
    char name[NOTE_NAME_BYTES];
    char verifier[512] = "";
    size_t text_bytes = 0;
    FUZZ_REQUIRE(note_verify(&nobody, "nobody", (const char *)bytes, count, &text_bytes) != STATUS_OK);
    memcpy(verifier, bytes, count < sizeof verifier - 1 ? count : sizeof verifier - 1);
    if (note_verifier_parse(verifier, name, &key) == STATUS_OK) {
        FUZZ_REQUIRE(name[0] && strlen(name) < sizeof name);
        note_verify(&key, name, (const char *)bytes, count, &text_bytes);
    }
    check_checkpoint((const char *)bytes, count);
    struct note_checkpoint checkpoint;
    uint64_t index = 0;
    FUZZ_REQUIRE(log_proof_verify((const char *)bytes, count, &nobody, "entry", 5, &index, &checkpoint) != STATUS_OK);
    return 0;
}
