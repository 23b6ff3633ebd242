/* Whether this build has AddressSanitizer, which reserves terabytes of address space and makes system calls of its own. */
#ifndef PROBE_SANDBOX_SANITIZED_H
#define PROBE_SANDBOX_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

#endif
