/* Finds the consent's text in a language, and judges answers.
 * Owner: nothing; the texts are in the program.
 * Why: consent in a language that one does not read is none. */
#include "probe/consent/consent_text.h"

#include <string.h>

/* Embedded from probe/consent. */
extern const char consent_en[], consent_fr[], consent_ar[], consent_es[], consent_ru[], consent_uk[], consent_sw[];

const char consent_languages[] = "en, fr, ar, es, ru, uk, sw";

static struct reader *part_of(struct consent_text *text, const struct reader *heading)
{
    const struct {
        const char *name;
        struct reader *part;
    } parts[] = {{"== text", &text->text},   {"== seen", &text->seen}, {"== safe", &text->safe},
                 {"== agree", &text->agree}, {"== wrong", &text->wrong}, {"== yes", &text->yes},
                 {"== no", &text->no},       {"== word", &text->word}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t length = strlen(parts[i].name);
        if (heading->left_bytes == length && memcmp(heading->bytes, parts[i].name, length) == 0)
            return parts[i].part;
    }
    return NULL;
}

/* A part reaches from behind its heading to the next one; the last line's end is not of it. */
static enum status text_take_apart(const char *file, struct consent_text *out)
{
    struct consent_text text = {0};
    struct reader left = reader_of(file, strlen(file)), line, *part = NULL;
    while (left.left_bytes > 0) {
        const uint8_t *start = left.bytes;
        (void)reader_line(&left, &line);
        struct reader *next = part_of(&text, &line);
        if (next) {
            *next = reader_of(left.bytes, 0);
            next->bytes = left.bytes;
            part = next;
        } else if (part) {
            part->left_bytes = (size_t)(start - part->bytes) + line.left_bytes;
        }
    }
    const struct reader *const all[] = {&text.text,  &text.seen, &text.safe, &text.agree,
                                        &text.wrong, &text.yes,  &text.no,   &text.word};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i]->left_bytes == 0)
            return STATUS_MALFORMED;
    }
    *out = text;
    return STATUS_OK;
}

enum status consent_text_find(const char *language, struct consent_text *out)
{
    const struct {
        const char code[3];
        const char *file;
    } files[] = {{"en", consent_en}, {"fr", consent_fr}, {"ar", consent_ar}, {"es", consent_es},
                 {"ru", consent_ru}, {"uk", consent_uk}, {"sw", consent_sw}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        bool is_it = strncmp(language, files[i].code, 2) == 0 && (language[2] == '\0' || strchr("_-.@", language[2]));
        if (is_it)
            return text_take_apart(files[i].file, out);
    }
    return STATUS_NOT_FOUND;
}

const char *consent_language(const char *lc_all, const char *lc_messages, const char *lang)
{
    const char *const values[] = {lc_all, lc_messages, lang};
    struct consent_text text;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (values[i] && values[i][0])
            return consent_text_find(values[i], &text) == STATUS_OK ? values[i] : "en";
    }
    return "en";
}

bool consent_answer_is(const char *answer, const struct reader *words)
{
    static const char space[] = " \t\r\n";
    const char *start = answer + strspn(answer, space);
    size_t length = strlen(start);
    while (length > 0 && strchr(space, start[length - 1]))
        length--;
    struct reader left = *words;
    while (left.left_bytes > 0) {
        const uint8_t *end = memchr(left.bytes, ' ', left.left_bytes);
        struct reader word = reader_take(&left, end ? (size_t)(end - left.bytes) : left.left_bytes);
        reader_skip(&left, left.left_bytes > 0 ? 1 : 0);
        if (length > 0 && word.left_bytes == length && memcmp(word.bytes, start, length) == 0)
            return true;
    }
    return false;
}
