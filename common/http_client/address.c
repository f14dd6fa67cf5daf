// SPDX-License-Identifier: Apache-2.0
#include "common/http_client/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/check.h"

struct range4 {
    uint32_t prefix;
    unsigned bits;
    const char *what;
};

#define A4(a, b, c, d)                                                                             \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static const struct range4 RANGES4[] = {
    {A4(0, 0, 0, 0), 8, "unspecified"},
    {A4(10, 0, 0, 0), 8, "private"},
    {A4(100, 64, 0, 0), 10, "carrier-grade NAT"},
    {A4(127, 0, 0, 0), 8, "loopback"},
    {A4(168, 63, 129, 16), 32, "a metadata service"},
    {A4(169, 254, 0, 0), 16, "link-local"},
    {A4(172, 16, 0, 0), 12, "private"},
    {A4(192, 0, 0, 0), 24, "reserved"},
    {A4(192, 0, 2, 0), 24, "for documentation"},
    {A4(192, 88, 99, 0), 24, "reserved"},
    {A4(192, 168, 0, 0), 16, "private"},
    {A4(198, 18, 0, 0), 15, "for benchmarks"},
    {A4(198, 51, 100, 0), 24, "for documentation"},
    {A4(203, 0, 113, 0), 24, "for documentation"},
    {A4(224, 0, 0, 0), 4, "multicast"},
    {A4(240, 0, 0, 0), 4, "reserved"},
};

static const char *special4(uint32_t address)
{
    for (size_t i = 0; i < ARRAY_LEN(RANGES4); i++) {
        const struct range4 *range = &RANGES4[i];
        uint32_t mask = UINT32_MAX << (32 - range->bits);
        if ((address & mask) == range->prefix)
            return range->what;
    }
    return NULL;
}

struct range6 {
    uint8_t prefix[16];
    unsigned bits;
    const char *what;
};

// The first that matches decides. What holds an IPv4 address comes before these.
static const struct range6 RANGES6[] = {
    {{0x20, 0x01}, 23, "reserved"}, // Teredo, benchmarks and the like
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "for documentation"},
    {{0x3f, 0xff}, 20, "for documentation"},
    {{0xfc}, 7, "unique-local"},
    {{0xfe, 0x80}, 10, "link-local"},
    {{0xfe, 0xc0}, 10, "site-local"},
    {{0xff}, 8, "multicast"},
};

static bool in_range6(const uint8_t *address, const struct range6 *range)
{
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(address, range->prefix, whole) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));
    return rest == 0 || (address[whole] & mask) == (range->prefix[whole] & mask);
}

static uint32_t v4_at(const uint8_t *bytes)
{
    return A4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

static const char *special6(const uint8_t *a)
{
    static const uint8_t ZEROS[16], LOOPBACK[16] = {[15] = 1};
    static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t NAT64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(a, ZEROS, sizeof ZEROS) == 0)
        return "unspecified";
    if (memcmp(a, LOOPBACK, sizeof LOOPBACK) == 0)
        return "loopback";
    if (memcmp(a, MAPPED, sizeof MAPPED) == 0 || memcmp(a, ZEROS, 12) == 0 ||
        memcmp(a, NAT64, sizeof NAT64) == 0)
        return special4(v4_at(a + 12));
    if (a[0] == 0x20 && a[1] == 0x02)
        return special4(v4_at(a + 2));
    for (size_t i = 0; i < ARRAY_LEN(RANGES6); i++)
        if (in_range6(a, &RANGES6[i]))
            return RANGES6[i].what;
    return (a[0] & 0xe0) == 0x20 ? NULL : "reserved";
}

const char *http_address_special(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return special4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        return special6(in.sin6_addr.s6_addr);
    }
    return "of an unknown family";
}
