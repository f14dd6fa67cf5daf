// SPDX-License-Identifier: Apache-2.0
#include "common/httpd/trace.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/clock/clock.h"

static bool is_id_char(char c)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || (c != '\0' && strchr("._:/+=@-", c) != NULL);
}

static bool is_id(const char *text)
{
    size_t n = 0;
    while (n < HTTPD_ID_MAX && is_id_char(text[n]))
        n++;
    return n > 0 && n < HTTPD_ID_MAX && text[n] == '\0';
}

void httpd_choose_id(const char *given, char out[HTTPD_ID_MAX])
{
    if (given != NULL && is_id(given))
        snprintf(out, HTTPD_ID_MAX, "%s", given);
    else
        snprintf(out, HTTPD_ID_MAX, "%016llx%016llx", (unsigned long long)clock_random_u64(),
                 (unsigned long long)clock_random_u64());
}

// `n` lower-case hex digits; when `some`, not all of them zero.
static bool is_hex(const char *text, size_t n, bool some)
{
    bool zero = true;
    for (size_t i = 0; i < n; i++) {
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
        zero = zero && text[i] == '0';
    }
    return !(some && zero);
}

// version "-" trace-id "-" parent-id "-" flags: 2, 32, 16 and 2 digits.
static bool is_traceparent(const char *text)
{
    enum { BYTES = HTTPD_TRACEPARENT_MAX - 1 };
    if (strnlen(text, BYTES) < BYTES || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return false;
    if (!is_hex(text, 2, false) || memcmp(text, "ff", 2) == 0)
        return false;
    char next = text[BYTES];
    bool version_0 = memcmp(text, "00", 2) == 0;
    if (next != '\0' && (version_0 || next != '-'))
        return false;
    return is_hex(text + 3, 32, true) && is_hex(text + 36, 16, true) && is_hex(text + 53, 2, false);
}

void httpd_choose_traceparent(const char *given, char out[HTTPD_TRACEPARENT_MAX])
{
    if (given != NULL && is_traceparent(given))
        snprintf(out, HTTPD_TRACEPARENT_MAX, "00-%.52s", given + 3);
    else // `| 1`: no id is all zeros
        snprintf(out, HTTPD_TRACEPARENT_MAX, "00-%016llx%016llx-%016llx-00",
                 (unsigned long long)clock_random_u64(), (unsigned long long)clock_random_u64() | 1,
                 (unsigned long long)clock_random_u64() | 1);
}
