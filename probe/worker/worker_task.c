/* A task as JSON, both ways.
 * Owner: a decoded task owns its tree and the list of jobs; worker_task_free.
 * Why: what a worker needs to know of the volunteer travels on a pipe, where no other user of the machine sees it. */
#include "probe/worker/worker_task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measurement/base/json.h"

json_t *worker_vantage_encode(const struct vantage_point *vantage)
{
    return json_pack("{s:s, s:s, s:I, s:s, s:s}", "country", vantage->country, "subdivision", vantage->subdivision,
                     "asn", (json_int_t)vantage->asn, "network", vantage->network_name, "access",
                     access_name(vantage->access));
}

static bool text_take(const json_t *object, const char *key, char *out, size_t out_bytes)
{
    const char *text = json_member_text(object, key);
    if (!text || strlen(text) >= out_bytes)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

enum status worker_vantage_decode(const json_t *object, struct vantage_point *out)
{
    struct vantage_point vantage = {0};
    const char *access = json_member_text(object, "access");
    int64_t asn = json_member_int(object, "asn", -1);
    if (!text_take(object, "country", vantage.country, sizeof vantage.country) ||
        !text_take(object, "subdivision", vantage.subdivision, sizeof vantage.subdivision) ||
        !text_take(object, "network", vantage.network_name, sizeof vantage.network_name) || asn < 0 ||
        asn > UINT32_MAX || !access || access_parse(access, &vantage.access) != STATUS_OK)
        return STATUS_MALFORMED;
    vantage.asn = (uint32_t)asn;
    *out = vantage;
    return STATUS_OK;
}

size_t worker_own_decode(const json_t *array, char out[WORKER_OWN_MAX][WORKER_OWN_BYTES])
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(array) && count < WORKER_OWN_MAX; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (text && text[0] && strlen(text) < WORKER_OWN_BYTES && strspn(text, "0123456789abcdefABCDEF.:%") == strlen(text))
            memcpy(out[count++], text, strlen(text) + 1);
    }
    return count;
}

static json_t *jobs_encode(const struct worker_task *task)
{
    json_t *jobs = json_array();
    for (size_t i = 0; i < task->job_count && jobs; i++) {
        json_t *job = json_pack("{s:s, s:s*}", "test", task->jobs[i].test, "input", task->jobs[i].input);
        if (!job || json_array_append_new(jobs, job) != 0) {
            json_decref(jobs);
            return NULL;
        }
    }
    return jobs;
}

static json_t *own_encode(const struct worker_task *task)
{
    json_t *own = json_array();
    for (size_t i = 0; i < task->own_count && own; i++) {
        if (json_array_append_new(own, json_string(task->own[i])) != 0) {
            json_decref(own);
            return NULL;
        }
    }
    return own;
}

enum status worker_task_encode(const struct worker_task *task, struct buffer *out)
{
    json_t *vantage = task->has_vantage ? worker_vantage_encode(&task->vantage) : NULL;
    json_t *connectivity = task->has_connectivity ? ladder_result_encode(&task->connectivity, NULL) : NULL;
    json_t *root = json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:o*, s:o*, s:O*, s:s*}", "jobs", jobs_encode(task), "parallel",
                             (json_int_t)task->parallel_count, "start_us", (json_int_t)task->start_us, "turn",
                             (json_int_t)task->ladder_turn, "wall_offset_us", (json_int_t)task->wall_offset_us, "own", own_encode(task), "vantage",
                             vantage, "connectivity", connectivity, "annotations", task->annotations, "url", task->url);
    enum status status = root ? json_write(root, out) : STATUS_NO_MEMORY;
    json_decref(root);
    return status == STATUS_OK && out->failed ? STATUS_NO_MEMORY : status;
}

static enum status jobs_decode(const json_t *jobs, struct worker_task *out)
{
    size_t count = json_array_size(jobs);
    out->jobs = calloc(count + 1, sizeof *out->jobs);
    if (!out->jobs)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const json_t *job = json_array_get(jobs, i);
        out->jobs[i] = (struct worker_job){json_member_text(job, "test"), json_member_text(job, "input")};
        if (!out->jobs[i].test)
            return STATUS_MALFORMED;
    }
    out->job_count = count;
    return STATUS_OK;
}

static enum status members_decode(struct worker_task *task)
{
    const json_t *vantage = json_member_object(task->root, "vantage");
    const json_t *connectivity = json_member_object(task->root, "connectivity");
    task->parallel_count = json_member_int(task->root, "parallel", 1);
    task->start_us = json_member_int(task->root, "start_us", 0);
    task->ladder_turn = json_member_int(task->root, "turn", 0);
    task->wall_offset_us = json_member_int(task->root, "wall_offset_us", 0);
    task->own_count = worker_own_decode(json_member_array(task->root, "own"), task->own);
    task->annotations = json_member_object(task->root, "annotations");
    task->url = json_member_text(task->root, "url");
    task->has_vantage = vantage != NULL;
    task->has_connectivity = connectivity != NULL;
    if ((vantage && worker_vantage_decode(vantage, &task->vantage) != STATUS_OK) ||
        (connectivity && ladder_result_decode(connectivity, &task->connectivity) != STATUS_OK))
        return STATUS_MALFORMED;
    return jobs_decode(json_member_array(task->root, "jobs"), task);
}

enum status worker_task_decode(const void *line, size_t count, struct worker_task *out)
{
    struct worker_task task = {0};
    enum status status = json_read(line, count, &task.root, NULL);
    if (status == STATUS_OK)
        status = json_is_object(task.root) ? members_decode(&task) : STATUS_MALFORMED;
    if (status == STATUS_OK)
        *out = task;
    else
        worker_task_free(&task);
    return status;
}

void worker_task_free(struct worker_task *task)
{
    free(task->jobs);
    json_decref(task->root);
    *task = (struct worker_task){0};
}

static size_t own_add(char own[WORKER_OWN_MAX][WORKER_OWN_BYTES], size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(own[i], text) == 0)
            return count;
    }
    if (count == WORKER_OWN_MAX)
        return count;
    snprintf(own[count], WORKER_OWN_BYTES, "%s", text);
    return count + 1;
}

size_t worker_own_merge(const json_t *array, bool is_before, char own[WORKER_OWN_MAX][WORKER_OWN_BYTES], size_t count)
{
    char told[WORKER_OWN_MAX][WORKER_OWN_BYTES], merged[WORKER_OWN_MAX][WORKER_OWN_BYTES] = {0};
    size_t told_count = worker_own_decode(array, told), merged_count = 0;
    for (int turn = 0; turn < 2; turn++) {
        bool is_told = (turn == 0) == is_before;
        for (size_t i = 0; i < (is_told ? told_count : count); i++)
            merged_count = own_add(merged, merged_count, is_told ? told[i] : own[i]);
    }
    memcpy(own, merged, sizeof merged);
    explicit_bzero(told, sizeof told);
    explicit_bzero(merged, sizeof merged);
    return merged_count;
}
