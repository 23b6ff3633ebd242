/* A test that cannot run here says why before it is skipped. Include it after <cmocka.h>. */
#ifndef TESTS_UNIT_SKIPPED_H
#define TESTS_UNIT_SKIPPED_H

#define SKIPPED_WITHOUT_DATA "the shared data is not beside this checkout"

#define skip_because(reason)                                                                                           \
    do {                                                                                                               \
        print_message("skipped: %s\n", reason);                                                                        \
        skip();                                                                                                        \
    } while (0)

#endif
