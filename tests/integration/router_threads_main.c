// SPDX-License-Identifier: Apache-2.0
// links: rpc loop assay_proto base clock
//
// Everything that the router's threads hand to each other, at once: signals on NNG's threads,
// leases and readers that wait, expiries, outcomes, checkpoints, and the end. Under the thread
// sanitizer the router ends with another code than 0 when it saw a race.
#include "tests/support/ingest_fake.h"
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

// An ingest at the test's own loop, which the router is told of.
static void report_to(const struct router_process *w, struct ingest_fake *ingest)
{
    char url[PATH_MAX + 16];
    struct temp_folder config = temp_folder_at(&w->folder, "router.yaml");
    snprintf(url, sizeof url, "ipc://%s/ingest", w->folder.path);
    FILE *f = fopen(config.path, "a");
    CHECK(f != NULL);
    fprintf(f, "ingest: \"%s\"\n", url);
    CHECK(fclose(f) == 0);
    ingest_fake_open(ingest, w->loop, url);
}

static uint64_t complete(struct router_process *w, const Assay__Router__V1__Lead *lead)
{
    Assay__Router__V1__CompleteRequest request = ASSAY__ROUTER__V1__COMPLETE_REQUEST__INIT;
    request.lead_id = lead->lead_id;
    request.lease_token = lead->lease_token;
    request.outcome = (char *)"won";
    INSIST(w, Complete, complete, &request, NULL);
    return 1;
}

int main(void)
{
    struct router_process w;
    static struct ingest_fake ingest;
    struct reader readers[READERS] = {0};
    router_process_make(&w, PLAYBOOK, TEST_BIN_DIR "/assay-router");
    report_to(&w, &ingest);
    start(&w);
    for (int i = 0; i < READERS; i++)
        reader_next(&readers[i], &w);
    uint64_t leased = 0, completed = 0;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        char account[16];
        snprintf(account, sizeof account, "a%u", (unsigned)i);
        send_one(&w, i, account, "qualify.pql");
        const Assay__Router__V1__LeaseResponse *got =
            lease(&w, "self_serve", "", 1, i % 8 == 0 ? 60000 : 1 + (int64_t)i % 3, 0);
        leased += got->n_leads;
        if (i % 8 == 0 && got->n_leads > 0)
            completed += complete(&w, got->leads[0]);
        for (int j = 0; j < READERS; j++)
            reader_turn(&readers[j], &w);
        arena_reset(&w.arena);
    }
    CHECK(leased > ROUNDS / 2);
    for (unsigned tries = 0; ingest.n < completed && tries < ROUNDS; tries++)
        CHECK(ingest_fake_await(&ingest, ingest.n_calls + 1));
    CHECK(completed > 0 && ingest.n == completed);
    kill(w.pid, SIGTERM);
    for (int i = 0; i < READERS; i++)
        await(&readers[i].waiting);
    CHECK(wait_end(&w) == 0);
    ingest_fake_close(&ingest);
    router_process_end(&w);
    printf("%u leads handed out, %u readers\n", (unsigned)leased, (unsigned)READERS);
    return 0;
}
