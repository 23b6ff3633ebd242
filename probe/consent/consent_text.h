/* What a person is told before hosting a probe, and asked, in their language. The texts are probe/consent/consent.*.txt. */
#ifndef PROBE_CONSENT_CONSENT_TEXT_H
#define PROBE_CONSENT_CONSENT_TEXT_H

#include <stdbool.h>

#include "measurement/base/bytes.h"

/* A file's parts, by their headings ("== text"). All borrowed from the file. */
struct consent_text {
    struct reader text;         /* what is measured, who sees it, what it can cost */
    struct reader seen, safe;   /* the two questions; the right answers are yes and no */
    struct reader agree;        /* asks for the word */
    struct reader wrong;        /* said after a wrong answer */
    struct reader yes, no, word; /* what counts as such an answer, words between spaces */
};

/* NOT_FOUND where there is no such language ("sw", "pt_BR.UTF-8": the first two letters count). */
enum status consent_text_find(const char *language, struct consent_text *out);
/* The language of the environment: the first set of LC_ALL, LC_MESSAGES and LANG. Never NULL. */
const char *consent_language(const char *lc_all, const char *lc_messages, const char *lang);
/* The codes of all, for messages: "en, fr, ...". */
extern const char consent_languages[];

/* Whether an answer is one of the words; white space around it does not count. */
bool consent_answer_is(const char *answer, const struct reader *words);

#endif
