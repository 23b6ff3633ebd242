/* What was true against what was found.
 * Owner: the caller owns the table; texts are appended to the caller's buffer.
 * Why: one table shows at a glance where verdicts go wrong, and in which direction. */
#include "tests/lab/confusion.h"

#include <stdio.h>
#include <string.h>

#include "measurement/base/json.h"
#include "measurement/connectivity.h"

#define LADDER     "ladder "
#define NOT_STATED "(not stated)"

/* Rows, in the order of the table. */
static const char *const truths[] = {
    "ok",           "tampered",     "blocked dns", "blocked tcp",    "blocked tls",    "blocked http",
    "blocked quic", "blocked path", "throttled",   "down",           "server refusal", "broken redirect",
    "wrong clock",  "no control",   "offline",     "captive portal", NOT_STATED};

/* Columns, likewise. */
static const char *const founds[] = {"ok",           "blocked dns",  "blocked tcp",  "blocked tls",
                                     "blocked http", "blocked quic", "blocked path", "blocked throttling",
                                     "down",         "offline",      "unknown"};

static bool is_in(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

#define COUNT_OF(list) (sizeof(list) / sizeof(list)[0])

static bool is_ladder(const char *word)
{
    return strncmp(word, LADDER, strlen(LADDER)) == 0;
}

bool confusion_truth_is_known(const char *truth)
{
    enum connectivity_state state;
    if (is_ladder(truth))
        return connectivity_parse(truth + strlen(LADDER), &state) == STATUS_OK;
    return strcmp(truth, NOT_STATED) != 0 && is_in(truth, truths, COUNT_OF(truths));
}

void confusion_found(const json_t *record, char out[CONFUSION_WORD_BYTES])
{
    const json_t *own = json_member_object(json_member_object(record, "test_keys"), "x_dialtone");
    const json_t *verdict = json_member_object(own, "verdict");
    const char *test = json_member_text(record, "test_name");
    const char *state = json_member_text(json_member_object(own, "connectivity"), "state");
    const char *blocking = json_member_text(verdict, "blocking");
    const char *layer = json_member_text(verdict, "layer");
    if (test && strcmp(test, "ladder") == 0)
        snprintf(out, CONFUSION_WORD_BYTES, LADDER "%.30s", state ? state : "absent");
    else if (blocking && strcmp(blocking, "blocked") == 0)
        snprintf(out, CONFUSION_WORD_BYTES, "blocked %.30s", layer ? layer : "absent");
    else
        snprintf(out, CONFUSION_WORD_BYTES, "%.30s", blocking ? blocking : "absent");
}

enum status confusion_add(struct confusion *confusion, const char *truth, const char *found, size_t count)
{
    const char *row = truth[0] ? truth : NOT_STATED;
    size_t i = 0;
    while (i < confusion->cell_count &&
           (strcmp(confusion->cells[i].truth, row) != 0 || strcmp(confusion->cells[i].found, found) != 0))
        i++;
    if (i == CONFUSION_CELLS_MAX)
        return STATUS_TOO_LARGE;
    struct confusion_cell *cell = &confusion->cells[i];
    if (i == confusion->cell_count) {
        confusion->cell_count++;
        *cell = (struct confusion_cell){.count = 0};
        snprintf(cell->truth, sizeof cell->truth, "%s", row);
        snprintf(cell->found, sizeof cell->found, "%s", found);
    }
    cell->count += count;
    return STATUS_OK;
}

enum status confusion_join(struct confusion *confusion, const struct confusion *other)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < other->cell_count && status == STATUS_OK; i++)
        status =
            confusion_add(confusion, other->cells[i].truth, other->cells[i].found, other->cells[i].count);
    return status;
}

static bool is_blocked(const char *word)
{
    return strncmp(word, "blocked ", strlen("blocked ")) == 0;
}

size_t confusion_false_blocked(const struct confusion *confusion)
{
    size_t count = 0;
    for (size_t i = 0; i < confusion->cell_count; i++) {
        const struct confusion_cell *cell = &confusion->cells[i];
        bool is_stated = !is_ladder(cell->truth) && strcmp(cell->truth, NOT_STATED) != 0;
        bool is_hindered = is_blocked(cell->truth) || strcmp(cell->truth, "throttled") == 0;
        if (is_stated && !is_hindered && is_blocked(cell->found))
            count += cell->count;
    }
    return count;
}

size_t confusion_missed(const struct confusion *confusion)
{
    size_t count = 0;
    for (size_t i = 0; i < confusion->cell_count; i++) {
        const struct confusion_cell *cell = &confusion->cells[i];
        bool is_hindered = is_blocked(cell->truth) || strcmp(cell->truth, "throttled") == 0;
        if (is_hindered && (strcmp(cell->found, "ok") == 0 || strcmp(cell->found, "down") == 0))
            count += cell->count;
    }
    return count;
}

/* Words of rows or columns in their order, those of the list first, then what is not in it. */
struct words {
    char words[CONFUSION_CELLS_MAX][CONFUSION_WORD_BYTES];
    size_t count;
};

static void word_add(struct words *words, const char *word)
{
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->words[i], word) == 0)
            return;
    if (words->count < CONFUSION_CELLS_MAX)
        snprintf(words->words[words->count++], CONFUSION_WORD_BYTES, "%s", word);
}

static void words_gather(const struct confusion *confusion, bool of_ladder, bool of_truths, struct words *out)
{
    const char *const *order = of_truths ? truths : founds;
    size_t order_count = of_truths ? COUNT_OF(truths) : COUNT_OF(founds);
    out->count = 0;
    for (size_t turn = 0; turn <= order_count; turn++) {
        for (size_t i = 0; i < confusion->cell_count; i++) {
            const struct confusion_cell *cell = &confusion->cells[i];
            const char *word = of_truths ? cell->truth : cell->found;
            bool is_wanted = turn == order_count || strcmp(word, order[turn]) == 0;
            if (is_wanted && is_ladder(cell->found) == of_ladder)
                word_add(out, word);
        }
    }
}

static size_t count_of(const struct confusion *confusion, const char *truth, const char *found)
{
    for (size_t i = 0; i < confusion->cell_count; i++)
        if (strcmp(confusion->cells[i].truth, truth) == 0 && strcmp(confusion->cells[i].found, found) == 0)
            return confusion->cells[i].count;
    return 0;
}

static const char *column_name(const char *word)
{
    return is_ladder(word) ? word + strlen(LADDER) : word;
}

static int column_width(const char *word)
{
    int width = (int)strlen(column_name(word));
    return width > 5 ? width : 5;
}

static void rows_print(const struct confusion *confusion, const struct words *rows,
                       const struct words *columns, struct buffer *out)
{
    for (size_t i = 0; i < rows->count; i++) {
        buffer_printf(out, "| %-24s |", rows->words[i]);
        for (size_t j = 0; j < columns->count; j++) {
            size_t count = count_of(confusion, rows->words[i], columns->words[j]);
            if (count > 0)
                buffer_printf(out, " %*zu |", column_width(columns->words[j]), count);
            else
                buffer_printf(out, " %*s |", column_width(columns->words[j]), "");
        }
        buffer_text(out, "\n");
    }
}

static void part_print(const struct confusion *confusion, bool of_ladder, struct buffer *out)
{
    struct words rows, columns;
    words_gather(confusion, of_ladder, true, &rows);
    words_gather(confusion, of_ladder, false, &columns);
    if (rows.count == 0)
        return;
    buffer_printf(out, "| %-24s |", of_ladder ? "truth \\ ladder" : "truth \\ verdict");
    for (size_t j = 0; j < columns.count; j++)
        buffer_printf(out, " %*s |", column_width(columns.words[j]), column_name(columns.words[j]));
    buffer_text(out, "\n|--------------------------|");
    for (size_t j = 0; j < columns.count; j++) {
        for (int k = 0; k < column_width(columns.words[j]) + 1; k++)
            buffer_text(out, "-");
        buffer_text(out, ":|");
    }
    buffer_text(out, "\n");
    rows_print(confusion, &rows, &columns, out);
}

void confusion_print(const struct confusion *confusion, struct buffer *out)
{
    part_print(confusion, false, out);
    buffer_text(out, "\n");
    part_print(confusion, true, out);
}

json_t *confusion_json(const struct confusion *confusion)
{
    json_t *list = json_array();
    for (size_t i = 0; i < confusion->cell_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "truth", confusion->cells[i].truth, "found",
                                              confusion->cells[i].found, "count",
                                              (json_int_t)confusion->cells[i].count));
    return list;
}
