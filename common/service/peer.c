// SPDX-License-Identifier: Apache-2.0
#include "common/service/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

// The host of "HOST:PORT", "[HOST]:PORT" or a bare address.
static bool host_of(const char *address, char out[64])
{
    const char *scheme = strstr(address, "://");
    const char *at = scheme == NULL ? address : scheme + 3, *end;
    if (*at == '[') {
        end = strchr(++at, ']');
    } else {
        const char *colon = strchr(at, ':');
        bool bare6 = colon != NULL && strchr(colon + 1, ':') != NULL;
        end = colon == NULL || bare6 ? at + strlen(at) : colon;
    }
    if (end == NULL || end == at || end - at >= 64)
        return false;
    snprintf(out, 64, "%.*s", (int)(end - at), at);
    return true;
}

bool peer_is_loopback(const char *address)
{
    char host[64];
    struct in_addr v4;
    struct in6_addr v6;
    if (!host_of(address, host))
        return false;
    if (strcmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) != 1)
        return false;
    if (IN6_IS_ADDR_V4MAPPED(&v6))
        return v6.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&v6);
}
