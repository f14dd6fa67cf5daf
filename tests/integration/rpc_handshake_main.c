// SPDX-License-Identifier: Apache-2.0
// links: rpc
// Peers that go away in the middle of the handshake. A program of its own, because what NNG forgets
// then would hide what we forget elsewhere.
#include "tests/support/nng_leaks.h"
#include "tests/support/rpc_cases.h"

int main(void)
{
    case_lost_dialer();
    case_deaf_listener();
    return 0;
}
