// SPDX-License-Identifier: Apache-2.0
// links: service_peer base
#include <criterion/criterion.h>

#include "common/base/check.h"
#include "common/service/peer.h"

Test(peer, knows_what_is_this_machine)
{
    static const char *const OWN[] = {
        "127.0.0.1:80",  "127.0.0.1",    "127.255.1.2:9",        "[::1]:80",
        "::1",           "localhost:80", "[::ffff:127.0.0.1]:1", "tcp://127.0.0.1:4711",
        "tcp://[::1]:1",
    };
    static const char *const OTHERS[] = {
        "",
        "0.0.0.0:80",
        ":80",
        "[::]:80",
        "128.0.0.1:80",
        "10.0.0.1:80",
        "1270.0.0.1:1",
        "127.0.0.1.evil:80",
        "localhost.evil:1",
        "127.1:80",
        "[::1",
        "[::ffff:10.0.0.1]:1",
        "*:80",
        "tcp://*:80",
        "2001:db8::1",
        "[127.0.0.1",
    };
    for (size_t i = 0; i < ARRAY_LEN(OWN); i++)
        cr_assert(peer_is_loopback(OWN[i]), "%s", OWN[i]);
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++)
        cr_assert(!peer_is_loopback(OTHERS[i]), "%s", OTHERS[i]);
}
