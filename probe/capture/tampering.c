/* The signatures of the flows that a record carries packets of.
 * Owner: nothing is kept; what is added belongs to the record.
 * Why: one reading for what was captured live and for a file that somebody sends (replay). */
#include "probe/capture/tampering.h"

#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"
#include "probe/capture/signature.h"

static bool is_inward(const json_t *packet)
{
    const char *direction = json_member_text(packet, "dir");
    return direction && strcmp(direction, "in") == 0;
}

static bool is_our_end(const json_t *packet)
{
    const char *flags = json_member_text(packet, "flags");
    return !is_inward(packet) && flags && strpbrk(flags, "FR");
}

/* How long nobody had answered when the flow was given up: at our own FIN, or else at the last packet that we sent. That
 * FIN is our timeout and no end of the conversation, so that it is left out. */
static double silence_cut(json_t *packets)
{
    double heard_s = 0, asked_s = 0;
    for (size_t i = 0; i < json_array_size(packets); i++) {
        const json_t *packet = json_array_get(packets, i);
        double at_s = json_number_value(json_object_get(packet, "t"));
        heard_s = is_inward(packet) ? at_s : heard_s;
        asked_s = at_s;
        if (is_our_end(packet) && at_s - heard_s >= SIGNATURE_SILENCE_S) {
            while (json_array_size(packets) > i)
                (void)json_array_remove(packets, json_array_size(packets) - 1);
            break;
        }
    }
    return asked_s - heard_s;
}

/* What signature_encode counted within the flow, counted within the array that holds all flows. */
static void indices_shift(json_t *tampering, const json_t *places)
{
    json_t *injected = json_object_get(tampering, "injected");
    for (size_t i = 0; i < json_array_size(injected); i++) {
        json_int_t index = json_integer_value(json_array_get(injected, i));
        (void)json_array_set(injected, i, json_array_get(places, (size_t)index));
    }
}

/* `packets` of one flow, which this may shorten; `places` of each in the record's array, or NULL: the same. */
static enum status flow_read(json_t *packets, const json_t *places, json_t *id, json_t *address, json_t *out)
{
    double silence_s = silence_cut(packets);
    const struct signature signature = signature_of(packets, silence_s);
    if (signature.number == 0)
        return STATUS_OK;
    json_t *tampering = signature_encode(&signature, packets);
    if (!tampering)
        return STATUS_NO_MEMORY;
    if (places)
        indices_shift(tampering, places);
    if (id)
        (void)json_object_set(tampering, "transaction_id", id);
    if (address)
        (void)json_object_set(tampering, "address", address);
    return json_array_append_new(out, tampering) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

/* All packets of the flow that `first` is of, in their order, and where they stand. */
static enum status flow_gather(const json_t *all, size_t first, json_t *packets, json_t *places)
{
    const json_t *id = json_object_get(json_array_get(all, first), "transaction_id");
    for (size_t i = first; i < json_array_size(all); i++) {
        json_t *packet = json_array_get(all, i);
        if (!json_equal(json_object_get(packet, "transaction_id"), id))
            continue;
        if (json_array_append(packets, packet) != 0 ||
            json_array_append_new(places, json_integer((json_int_t)i)) != 0)
            return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

static bool is_first_of_flow(const json_t *all, size_t index)
{
    const json_t *id = json_object_get(json_array_get(all, index), "transaction_id");
    for (size_t i = 0; i < index; i++)
        if (json_equal(json_object_get(json_array_get(all, i), "transaction_id"), id))
            return false;
    return true;
}

/* web_connectivity: the packets of all flows in one array, told apart by transaction. */
static enum status mixed_read(const json_t *all, json_t *out)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < json_array_size(all) && status == STATUS_OK; i++) {
        if (!is_first_of_flow(all, i))
            continue;
        json_t *packets = json_array(), *places = json_array();
        status = packets && places ? flow_gather(all, i, packets, places) : STATUS_NO_MEMORY;
        if (status == STATUS_OK)
            status = flow_read(packets, places, json_object_get(json_array_get(all, i), "transaction_id"), NULL, out);
        json_decref(packets);
        json_decref(places);
    }
    return status;
}

/* The services: an object a flow. */
static enum status flows_read(const json_t *all, json_t *out)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < json_array_size(all) && status == STATUS_OK; i++) {
        const json_t *flow = json_array_get(all, i);
        json_t *packets = json_copy(json_object_get(flow, "packets"));
        status = packets ? flow_read(packets, NULL, json_object_get(flow, "transaction_id"),
                                     json_object_get(flow, "address"), out)
                         : STATUS_NO_MEMORY;
        json_decref(packets);
    }
    return status;
}

static enum status keys_read(json_t *test_keys)
{
    json_t *dialtone = json_object_get(test_keys, "x_dialtone");
    const json_t *all = json_member_array(dialtone, "packets");
    if (json_array_size(all) == 0)
        return STATUS_OK;
    json_t *found = json_array();
    bool is_flow_each = json_is_array(json_object_get(json_array_get(all, 0), "packets"));
    enum status status = !found ? STATUS_NO_MEMORY : is_flow_each ? flows_read(all, found) : mixed_read(all, found);
    if (status == STATUS_OK && json_array_size(found) > 0)
        status = json_object_set(dialtone, "tampering", found) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
    json_decref(found);
    return status;
}

enum status tampering_add(json_t *test_keys)
{
    const json_t *parts = json_member_array(test_keys, "endpoints");
    enum status status = keys_read(test_keys);
    for (size_t i = 0; i < json_array_size(parts) && status == STATUS_OK; i++)
        status = keys_read(json_object_get(json_array_get(parts, i), "test_keys"));
    return status;
}
