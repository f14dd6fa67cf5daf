// SPDX-License-Identifier: Apache-2.0
// links: rpc loop assay_proto base clock router_core
// runs: assay-router
//
// The shipped router with webhooks that fail and recover while it is stopped and started: a plain
// program, so that all of its threads run under the thread sanitizer too.
#include "tests/support/webhook_world.h"

enum { LEADS = 30 };

int main(void)
{
    static struct webhook_world world;
    char account[16];
    world_make(&world, "event");
    struct http_receiver *good = world_hook(&world, "good", "    allow_private: true\n");
    struct http_receiver *bad =
        world_hook(&world, "bad", "    allow_private: true\n    timeout: 50ms\n");
    receiver_behave(bad, RECEIVER_SILENT, 0, "");
    start(&world.w);
    for (int i = 0; i < LEADS; i++) {
        snprintf(account, sizeof account, "a%d", i);
        world_lead(&world, account);
        if (i == LEADS / 2) {
            kill(world.w.pid, SIGTERM);
            CHECK(wait_end(&world.w) == 0);
            start(&world.w);
        }
    }
    (void)world_drain(&world, 0);
    CHECK(receiver_count(good) >= LEADS);
    receiver_behave(bad, RECEIVER_STATUS, 200, "");
    (void)world_drain(&world, 1);
    world_end(&world);
    return 0;
}
