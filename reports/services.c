/* Folds sightings into one run-length strip for each service of a region.
 * Owner: a tally owns its subjects and rows; the services it makes belong to the caller.
 * Why: a reader asks "was it blocked here, and when", not what each probe saw in each ten minutes. */
#include "reports/services.h"

#include <stdlib.h>
#include <string.h>

enum answer { ANSWER_UNKNOWN, ANSWER_OK, ANSWER_DOWN, ANSWER_BLOCKED };

/* One probe's answer in one bin. */
struct tally_row {
    int64_t bin_s;
    uint32_t subject;
    uint8_t answer;
};

struct tally_subject {
    char name[SUBJECT_BYTES];
    enum verdict_confidence confidence; /* of the strongest blocked one */
    enum verdict_layer layer;
    char method[VERDICT_METHOD_BYTES];
    bool has_signed;
};

struct service_tally {
    struct tally_subject *subjects;
    uint32_t *order; /* indexes of subjects, sorted by name */
    size_t subject_count, subject_room;
    struct tally_row *rows;
    size_t row_count, row_room;
};

enum status service_tally_open(struct service_tally **out)
{
    struct service_tally *tally = calloc(1, sizeof *tally);
    if (!tally)
        return STATUS_NO_MEMORY;
    *out = tally;
    return STATUS_OK;
}

void service_tally_free(struct service_tally *tally)
{
    if (!tally)
        return;
    free(tally->subjects);
    free(tally->order);
    free(tally->rows);
    free(tally);
}

static enum status subjects_grow(struct service_tally *tally)
{
    if (tally->subject_count < tally->subject_room)
        return STATUS_OK;
    size_t room = tally->subject_room ? tally->subject_room * 2 : 16;
    struct tally_subject *subjects = reallocarray(tally->subjects, room, sizeof *subjects);
    if (!subjects)
        return STATUS_NO_MEMORY;
    tally->subjects = subjects;
    uint32_t *order = reallocarray(tally->order, room, sizeof *order);
    if (!order)
        return STATUS_NO_MEMORY;
    tally->order = order;
    tally->subject_room = room;
    return STATUS_OK;
}

static enum status subject_find(struct service_tally *tally, const char *name, uint32_t *out)
{
    size_t low = 0, high = tally->subject_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, tally->subjects[tally->order[middle]].name);
        if (order == 0) {
            *out = tally->order[middle];
            return STATUS_OK;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    enum status status = subjects_grow(tally);
    if (status != STATUS_OK)
        return status;
    memmove(tally->order + low + 1, tally->order + low, (tally->subject_count - low) * sizeof *tally->order);
    struct tally_subject *subject = &tally->subjects[tally->subject_count];
    *subject = (struct tally_subject){0};
    memcpy(subject->name, name, strnlen(name, SUBJECT_BYTES - 1));
    tally->order[low] = *out = (uint32_t)tally->subject_count++;
    return STATUS_OK;
}

static enum verdict_confidence strongest_blocked(const struct sighting *row)
{
    for (int confidence = CONFIDENCE_CERTAIN; confidence > CONFIDENCE_NONE; confidence--)
        if (row->blocked_count[confidence] > 0)
            return (enum verdict_confidence)confidence;
    return CONFIDENCE_NONE;
}

/* Weak signs alone are no blocking: they stay unknown. */
static enum answer answer_of(const struct sighting *row, enum verdict_confidence blocked)
{
    if (blocked >= CONFIDENCE_MEDIUM)
        return ANSWER_BLOCKED;
    if (row->ok_count > 0)
        return ANSWER_OK;
    if (row->down_count > 0)
        return ANSWER_DOWN;
    return ANSWER_UNKNOWN;
}

enum status service_tally_add(struct service_tally *tally, const struct sighting *row)
{
    uint32_t index = 0;
    if (row->subject[0] == '\0')
        return STATUS_OK;
    enum status status = subject_find(tally, row->subject, &index);
    if (status != STATUS_OK)
        return status;
    if (tally->row_count == tally->row_room) {
        size_t room = tally->row_room ? tally->row_room * 2 : 256;
        struct tally_row *rows = reallocarray(tally->rows, room, sizeof *rows);
        if (!rows)
            return STATUS_NO_MEMORY;
        tally->rows = rows;
        tally->row_room = room;
    }
    struct tally_subject *subject = &tally->subjects[index];
    enum verdict_confidence blocked = strongest_blocked(row);
    subject->has_signed |= row->is_signed;
    if (blocked > subject->confidence) {
        subject->confidence = blocked;
        subject->layer = row->layer;
        memcpy(subject->method, row->method, sizeof subject->method);
    }
    tally->rows[tally->row_count++] = (struct tally_row){row->bin_s, index, (uint8_t)answer_of(row, blocked)};
    return STATUS_OK;
}

static int row_compare(const void *left, const void *right)
{
    const struct tally_row *a = left, *b = right;
    if (a->subject != b->subject)
        return a->subject < b->subject ? -1 : 1;
    return (a->bin_s > b->bin_s) - (a->bin_s < b->bin_s);
}

static enum service_state state_of(const size_t answers[4])
{
    if (answers[ANSWER_BLOCKED] > 0)
        return answers[ANSWER_OK] > 0 ? SERVICE_MIXED : SERVICE_BLOCKED;
    if (answers[ANSWER_OK] > 0)
        return SERVICE_OK;
    return answers[ANSWER_DOWN] > 0 ? SERVICE_DOWN : SERVICE_UNKNOWN;
}

/* One service of its rows, which are in order of bins. */
static enum status service_of(const struct tally_subject *subject, const struct tally_row *rows, size_t count,
                              int64_t bin_length_s, bool is_open, struct report_service *out)
{
    memcpy(out->subject, subject->name, sizeof out->subject);
    memcpy(out->method, subject->method, sizeof out->method);
    out->layer = subject->layer;
    out->is_unsigned = !subject->has_signed;
    for (size_t i = 0; i < count;) {
        size_t answers[4] = {0};
        int64_t bin_s = rows[i].bin_s, probe_count = 0;
        for (; i < count && rows[i].bin_s == bin_s; i++, probe_count++)
            answers[rows[i].answer]++;
        out->latest = state_of(answers);
        out->latest_s = bin_s;
        out->bin_count[out->latest]++;
        enum status status = strip_add(&out->strip, bin_s, bin_s + bin_length_s, (uint8_t)out->latest,
                                       privacy_count(probe_count, is_open));
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static int service_compare(const void *left, const void *right)
{
    const struct report_service *a = left, *b = right;
    int64_t blocked_a = 2 * a->bin_count[SERVICE_BLOCKED] + a->bin_count[SERVICE_MIXED];
    int64_t blocked_b = 2 * b->bin_count[SERVICE_BLOCKED] + b->bin_count[SERVICE_MIXED];
    if (blocked_a != blocked_b)
        return blocked_a > blocked_b ? -1 : 1;
    return strcmp(a->subject, b->subject);
}

enum status service_tally_finish(const struct service_tally *tally, int64_t bin_length_s, bool is_open,
                                 struct report_service **out, size_t *out_count)
{
    enum status status = STATUS_OK;
    struct report_service *services = calloc(tally->subject_count + 1, sizeof *services);
    if (!services)
        return STATUS_NO_MEMORY;
    if (tally->row_count > 0)
        qsort(tally->rows, tally->row_count, sizeof *tally->rows, row_compare);
    for (size_t i = 0, start = 0; i < tally->subject_count && status == STATUS_OK; i++) {
        size_t end = start;
        while (end < tally->row_count && tally->rows[end].subject == i)
            end++;
        status = service_of(&tally->subjects[i], tally->rows + start, end - start, bin_length_s, is_open,
                            &services[i]);
        start = end;
    }
    if (status != STATUS_OK) {
        for (size_t i = 0; i < tally->subject_count; i++)
            strip_free(&services[i].strip);
        free(services);
        return status;
    }
    qsort(services, tally->subject_count, sizeof *services, service_compare);
    *out = services;
    *out_count = tally->subject_count;
    return STATUS_OK;
}
