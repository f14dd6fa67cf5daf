// SPDX-License-Identifier: Apache-2.0
// links: rpc loop assay_proto base clock
//
// Everything that the router's threads hand to each other, at once: signals on NNG's threads,
// leases and readers that wait, expiries, checkpoints, and the end. Under the thread sanitizer the
// router ends with another code than 0 when it saw a race.
#include "tests/support/router_process.h"

enum { ROUNDS = 300, READERS = 6 };

struct reader {
    struct waiting waiting;
    uint64_t after;
};

static void reader_next(struct reader *reader, struct router_process *w)
{
    Assay__Router__V1__ListDecisionsRequest request =
        ASSAY__ROUTER__V1__LIST_DECISIONS_REQUEST__INIT;
    request.after = reader->after;
    request.max = 5;
    request.wait_ms = PATIENCE_MS;
    send_off(&reader->waiting, w, "assay.router.v1.RouterService/ListDecisions", &request.base);
}

// Takes what came, and asks for more.
static void reader_turn(struct reader *reader, struct router_process *w)
{
    if (!reader->waiting.done)
        return;
    CHECK(reader->waiting.status == RPC_OK);
    Assay__Router__V1__ListDecisionsResponse *page =
        assay__router__v1__list_decisions_response__unpack(NULL, reader->waiting.len,
                                                           reader->waiting.bytes);
    CHECK(page != NULL);
    for (size_t i = 0; i < page->n_decisions; i++)
        CHECK(page->decisions[i]->offset == ++reader->after);
    assay__router__v1__list_decisions_response__free_unpacked(page, NULL);
    reader_next(reader, w);
}

int main(void)
{
    struct router_process w;
    struct reader readers[READERS] = {0};
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    start(&w);
    for (int i = 0; i < READERS; i++)
        reader_next(&readers[i], &w);
    uint64_t leased = 0;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        char account[16];
        snprintf(account, sizeof account, "a%u", (unsigned)i);
        send_one(&w, i, account, "qualify.pql");
        leased += lease(&w, "self_serve", "", 1, 1 + (int64_t)i % 3, 0)->n_leads;
        for (int j = 0; j < READERS; j++)
            reader_turn(&readers[j], &w);
        arena_reset(&w.arena);
    }
    CHECK(leased > ROUNDS / 2);
    kill(w.pid, SIGTERM);
    for (int i = 0; i < READERS; i++)
        await(&readers[i].waiting);
    CHECK(wait_end(&w) == 0);
    router_process_end(&w);
    printf("%u leads handed out, %u readers\n", (unsigned)leased, (unsigned)READERS);
    return 0;
}
