/* Words for network failures, from errno values.
 * Owns nothing: every word is a static string.
 * One table, so that no step invents a word that OONI's consumers do not know. */
#include "tests-network/steps/failure.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
    int error;
    const char *word;
} words[] = {
    {ECONNREFUSED, FAILURE_REFUSED},
    {ECONNRESET, FAILURE_RESET},
    {EPIPE, FAILURE_RESET}, /* a write after the reset was told */
    {ECONNABORTED, "connection_aborted"},
    {ETIMEDOUT, FAILURE_TIMEOUT},
    {EHOSTUNREACH, "host_unreachable"},
    {EHOSTDOWN, "host_unreachable"},
    {ENETUNREACH, "network_unreachable"},
    {ENETDOWN, "network_down"},
    {ENETRESET, "network_reset"},
    {EADDRNOTAVAIL, "address_not_available"},
    {EADDRINUSE, "address_in_use"},
    {EACCES, "permission_denied"},
    {EPERM, "permission_denied"},
    {EAFNOSUPPORT, "address_family_not_supported"},
    {EINVAL, "invalid_argument"},
    {EMSGSIZE, "message_size"},
    {ENOBUFS, "no_buffer_space"},
    {ENOPROTOOPT, "no_protocol_option"},
    {ENOTCONN, "not_connected"},
    {EINTR, "interrupted"},
};

const char *failure_of_errno(int error)
{
    if (error == 0)
        return NULL;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].error == error)
            return words[i].word;
    }
    return "unknown_failure: operating system error";
}

bool failure_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool failure_is_local(const char *failure)
{
    return failure_same(failure, "network_unreachable") || failure_same(failure, "network_down") ||
           failure_same(failure, "host_unreachable");
}
