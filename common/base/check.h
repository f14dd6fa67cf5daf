// SPDX-License-Identifier: Apache-2.0
// Checks of our own contracts. They stay on in release builds: a broken invariant stops the
// process, and the journal brings it back to the last state that was right.
#pragma once

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

#define CONTAINER_OF(ptr, type, member)                                                            \
    ((type *)(void *)((char *)(ptr) - __builtin_offsetof(type, member)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

// Aborts, naming the condition and the place. For bugs only, never for input from outside.
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            check_failed(#cond, __FILE__, __LINE__);                                               \
    } while (0)

__attribute__((noreturn, cold)) void check_failed(const char *condition, const char *file,
                                                  int line);
