// SPDX-License-Identifier: Apache-2.0
// links: rpc shard loop log base clock assay_proto
// runs: assay-scorer
// Explanations that read the journal, and that look for what is missing, while batches keep coming;
// then the scorer ends with some under way.
#include "tests/support/scorer_rig.h"

static const char PLAYBOOK[] = "playbook: tool\n"
                               "version: 1\n"
                               "measures:\n"
                               "  projects: {count: Project Created, window: 7d}\n"
                               "  people: {distinct: user, on: any, window: 7d}\n"
                               "signals:\n"
                               "  ready: {projects: {at_least: 100000}}\n"
                               "  team: {people: {at_least: 9}}\n"
                               "qualify: {pql: ready, pqa: team}\n";

enum { BATCHES = 40, EVENTS = 50, ASKED = 6 };

struct asked {
    size_t left, ok, refused, failed;
};

static void asked_cb(void *arg, enum rpc_status status, const char *text, struct span answer)
{
    struct asked *asked = arg;
    (void)text;
    (void)answer;
    asked->left--;
    asked->ok += status == RPC_OK;
    asked->refused += status == RPC_RESOURCE_EXHAUSTED;
    asked->failed += status != RPC_OK && status != RPC_RESOURCE_EXHAUSTED;
}

static bool all_answered(void *arg)
{
    return ((struct asked *)arg)->left == 0;
}

static void ask_some(struct rig *rig, const char *account, struct asked *asked)
{
    struct rpc_call_opts opts = {.timeout_ms = 60000};
    for (int i = 0; i < ASKED; i++) {
        Assay__Scorer__V1__ExplainRequest request = ASSAY__SCORER__V1__EXPLAIN_REQUEST__INIT;
        uint8_t bytes[200];
        request.account_id = (char *)account;
        request.user_id = (char *)(i % 2 == 0 ? "" : "user-1");
        request.events = i % 3 == 0;
        request.at_ms = i % 3 == 1 ? BATCH_T0 + i * 1000 : 0;
        request.proposals = true;
        size_t n = assay__scorer__v1__explain_request__pack(&request, bytes);
        asked->left++;
        rpc_call_raw(rig->client, "assay.scorer.v1.ScorerService/Explain", span_make(bytes, n),
                     &opts, asked_cb, asked);
    }
}

int main(void)
{
    static struct rig rig;
    struct rig_opts opts = {
        .n_lanes = 1, .clock = "event", .more = "checkpoint_every: 100ms\n", .playbook = PLAYBOOK};
    struct arena arena;
    struct asked asked = {0};
    char account[32];
    rig_open(&rig, &opts);
    arena_init(&arena, 1 << 20, 0);
    rig_account(&rig, 0, 0, account);
    rig_start(&rig);
    rig_wait_ready(&rig);
    for (uint64_t b = 0; b < BATCHES; b++) {
        Assay__Scorer__V1__Event *events[EVENTS];
        for (uint64_t i = 0; i < EVENTS; i++)
            events[i] = batch_event(
                &arena,
                arena_printf(&arena, "m%llu-%llu", (unsigned long long)b, (unsigned long long)i),
                account, arena_printf(&arena, "user-%llu", (unsigned long long)(i % 5)),
                "Project Created", BATCH_T0 + (int64_t)(b * EVENTS + i) * 100);
        rig_apply_ok(&rig, batch_pack(&arena, 1, b + 1, 0, events, EVENTS));
        if (b % 4 == 0)
            ask_some(&rig, account, &asked);
        if (b % 8 == 7)
            rig_until(&rig, all_answered, &asked);
        arena_reset(&arena);
    }
    rig_until(&rig, all_answered, &asked);
    printf("%zu answered, %zu refused\n", asked.ok, asked.refused);
    CHECK(asked.ok > 0 && asked.failed == 0);
    ask_some(&rig, account, &asked);
    CHECK(rig_stop(&rig) == 0);
    rig_until(&rig, all_answered, &asked);
    rig_close(&rig);
    arena_deinit(&arena);
    return 0;
}
