// SPDX-License-Identifier: Apache-2.0
// links: rpc
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <signal.h>

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

static void hang_on_nng(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    (void)pipe;
    (void)event;
    (void)arg;
    for (;;)
        pause();
}

// NNG's one thread for ended connections is taken away; a call that then runs into its deadline
// makes the process find that out, and end.
Test(rpc, aborts_when_nng_hangs, .signal = SIGABRT, .timeout = 120)
{
    struct world w;
    struct world_answer a;
    nng_socket rep, req;
    cr_redirect_stderr();
    case_init(&w, WORLD_INPROC);
    EXPECT(nng_rep0_open(&rep) == 0 && nng_req0_open(&req) == 0);
    EXPECT(nng_pipe_notify(rep, NNG_PIPE_EV_REM_POST, hang_on_nng, NULL) == 0);
    EXPECT(nng_listen(rep, "inproc://hang", NULL, 0) == 0);
    nng_dialer dialer;
    EXPECT(nng_dial(req, "inproc://hang", &dialer, 0) == 0);
    nng_dialer_close(dialer);
    for (;;)
        world_ask(&w, "hold", &(struct rpc_call_opts){.timeout_ms = 10}, &a);
}
