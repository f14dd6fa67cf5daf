// SPDX-License-Identifier: Apache-2.0
// links: rpc
#include <criterion/criterion.h>

#include "tests/support/rpc_cases.h"

#define CASE_TESTS(name)                                                                           \
    Test(rpc_inproc, name)                                                                         \
    {                                                                                              \
        case_##name(WORLD_INPROC);                                                                 \
    }                                                                                              \
    Test(rpc_ipc, name)                                                                            \
    {                                                                                              \
        case_##name(WORLD_IPC);                                                                    \
    }
RPC_CASES(CASE_TESTS)

Test(rpc_tcp, statuses)
{
    case_statuses(WORLD_TCP);
}

Test(rpc_tcp, raw)
{
    case_raw(WORLD_TCP);
}

Test(rpc_tcp, restart)
{
    case_restart(WORLD_TCP);
}

Test(rpc_ipc, stale_socket)
{
    case_stale_socket();
}

Test(rpc, bad_address)
{
    case_bad_address();
}
