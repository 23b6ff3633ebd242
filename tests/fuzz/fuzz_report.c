/* Fuzzes what OONI's protocol brings: ids, what opens a report, submissions. Properties: an id that was made is an id, and a
 * line that was taken is one record of that report without a line end in it.
 * Owner: nothing outlives a run. Why: nobody signs these bytes. */
#include <string.h>

#include "collector/ooni/report.h"
#include "measurement/base/clock.h"
#include "measurement/base/json.h"
#include "tests/fuzz/fuzz.h"

#define NOW_US (INT64_C(1767225600) * US_PER_S)
#define ID     "20251231T230000Z_webconnectivity_CD_37447_n1_abcdefghijKLMN09"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct random_seeded state;
    struct random_source random = random_of_seed(&state, 1);
    struct report_id id;
    struct buffer line = {0};
    char text[REPORT_ID_BYTES + 1] = "";
    char made[REPORT_ID_BYTES];
    char uid[REPORT_UID_BYTES];
    memcpy(text, bytes, count < sizeof text - 1 ? count : sizeof text - 1);
    (void)report_id_parse(text, &id);
    if (report_open((const char *)bytes, count, NOW_US, &random, made, NULL) == STATUS_OK) {
        FUZZ_REQUIRE(report_id_parse(made, &id) == STATUS_OK);
        FUZZ_REQUIRE(id.opened_us == NOW_US);
        FUZZ_REQUIRE(!strpbrk(made, "/.\"<>&'\\ "));
    }
    if (report_read(ID, (const char *)bytes, count, NOW_US, &line, NULL) == STATUS_OK) {
        json_t *root = NULL;
        FUZZ_REQUIRE(!memchr(line.bytes, '\n', line.count));
        FUZZ_REQUIRE(json_read((const char *)line.bytes, line.count, &root, NULL) == STATUS_OK);
        FUZZ_REQUIRE(strcmp(json_member_text(root, "report_id"), ID) == 0);
        FUZZ_REQUIRE(strcmp(json_member_text(root, "probe_ip"), "127.0.0.1") == 0);
        json_decref(root);
        report_uid(ID, &line, NOW_US, uid);
    }
    buffer_free(&line);
    return 0;
}
