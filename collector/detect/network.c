/* Folds presence rows into the bins of their networks.
 * Owner: the caller's array is sorted in place. Why: an outage of one operator hides in the region's whole. */
#include "collector/detect/network.h"

#include <stdlib.h>

enum region_state network_state(uint32_t ok_count, uint32_t fail_count)
{
    if (ok_count == 0 && fail_count > 0)
        return fail_count > 1 ? REGION_PROBABLE : REGION_SUSPECTED;
    return ok_count > 1 && ok_count >= fail_count ? REGION_OK : REGION_BLIND;
}

struct network_sign network_sign_of(const struct presence *row)
{
    /* What came last in the bin counts: a probe that recovered in it worked. */
    bool has_failed = row->fail_count > 0 && row->last_fail_us >= row->last_ok_us;
    return (struct network_sign){.bin_s = row->bin_s,
                                 .asn = row->asn,
                                 .has_failed = has_failed,
                                 .has_worked = !has_failed && row->ok_count > 0};
}

static int sign_compare(const void *left, const void *right)
{
    const struct network_sign *a = left, *b = right;
    if (a->asn != b->asn)
        return a->asn < b->asn ? -1 : 1;
    return (a->bin_s > b->bin_s) - (a->bin_s < b->bin_s);
}

enum status network_bins_tell(struct network_sign *signs, size_t count, network_callback callback, void *arg)
{
    enum status status = STATUS_OK;
    if (count > 0)
        qsort(signs, count, sizeof *signs, sign_compare);
    for (size_t i = 0; i < count && status == STATUS_OK;) {
        uint32_t asn = signs[i].asn;
        struct bin_state bin = {.bin_s = signs[i].bin_s, .network_count = 1};
        for (; i < count && signs[i].asn == asn && signs[i].bin_s == bin.bin_s; i++) {
            bin.seen_count++;
            bin.ok_count += signs[i].has_worked;
            bin.fail_count += signs[i].has_failed;
        }
        bin.state = network_state(bin.ok_count, bin.fail_count);
        status = callback(asn, &bin, arg);
    }
    return status;
}
