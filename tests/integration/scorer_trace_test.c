// SPDX-License-Identifier: Apache-2.0
// links: rpc shard loop log base clock assay_proto
// runs: assay-scorer
// The scorer as a process: the router is told of signals on behalf of the request that made them.
#include <criterion/criterion.h>

#include "tests/support/scorer_rig.h"

static const char PLAYBOOK[] = "playbook: tool\n"
                               "version: 1\n"
                               "measures:\n"
                               "  projects: {count: Project Created}\n"
                               "signals:\n"
                               "  user_pql: {projects: {at_least: 3}}\n"
                               "qualify: {pql: user_pql}\n";

static struct rig rig;
static struct arena arena; // of batches
static char account[32];

static void open_rig(void)
{
    struct rig_opts opts = {
        .n_lanes = 1,
        .clock = "event",
        .more = "checkpoint_every: 100ms\n",
        .playbook = PLAYBOOK,
    };
    rig_open(&rig, &opts);
    arena_init(&arena, 65536, 0);
    rig_account(&rig, 0, 0, account);
    rig_start(&rig);
    rig_wait_ready(&rig);
}

static void close_rig(void)
{
    rig_close(&rig);
    arena_deinit(&arena);
}

// Three events, which make a signal of the user.
static struct span projects_by(const char *user, uint64_t number)
{
    Assay__Scorer__V1__Event *events[3];
    for (size_t i = 0; i < 3; i++)
        events[i] = batch_event(&arena, arena_printf(&arena, "%s-%zu", user, i), account, user,
                                "Project Created", BATCH_T0 + (int64_t)i);
    return batch_pack(&arena, 1, number, 0, events, 3);
}

#define TRACE_HEAD "00-4bf92f3577b34da6a3ce929d0e0e4736-"
#define TRACE_OF_CALL TRACE_HEAD "00f067aa0ba902b7-01"

static void apply_traced(struct span bytes, const char *request_id)
{
    struct rpc_trace trace;
    struct rig_applied applied = {.rig = &rig};
    struct rpc_call_opts opts = {.timeout_ms = 20000, .trace = &trace};
    rpc_trace_make(&trace, request_id, TRACE_OF_CALL);
    rpc_call_raw(rig.client, "assay.scorer.v1.ScorerService/Apply", bytes, &opts, rig_applied_cb,
                 &applied);
    rig_until(&rig, rig_is_applied, &applied);
    cr_assert_eq(applied.outcome, (int)ASSAY__SCORER__V1__APPLY_OUTCOME__APPLY_OUTCOME_APPLIED,
                 "%s", applied.text);
}

// The router was called on behalf of the request `id`, in a span of its own; NULL: of none.
static void expect_trace(const char *id)
{
    const struct rpc_trace *trace = &rig.router.trace;
    rig_wait_signals(&rig);
    bool same = strncmp(trace->traceparent, TRACE_HEAD, strlen(TRACE_HEAD)) == 0;
    cr_assert_eq(same, id != NULL, "%s", trace->traceparent);
    if (id == NULL)
        return;
    cr_assert_str_eq(trace->request_id, id);
    cr_assert_str_neq(trace->traceparent, TRACE_OF_CALL);
    struct rpc_trace again; // what it made is well-formed
    rpc_trace_make(&again, NULL, trace->traceparent);
    cr_assert_str_eq(again.traceparent, trace->traceparent);
}

static bool router_is_gone(void *arg)
{
    (void)arg;
    return rig.router.server == NULL;
}

Test(scorer_trace, signals_carry_the_trace_of_what_made_them)
{
    open_rig();
    apply_traced(projects_by("ann", 1), "order-1");
    expect_trace("order-1");
    rig_apply_ok(&rig, projects_by("bob", 2));
    expect_trace(NULL); // of ann's nothing is left

    // Of several records, while the first call does not get through, the first one's that has any.
    router_fake_shut(&rig.router);
    rig_apply_ok(&rig, projects_by("cas", 3));
    rig_apply_ok(&rig, projects_by("dan", 4));
    apply_traced(projects_by("eve", 5), "order-5");
    apply_traced(projects_by("fay", 6), "order-6");
    rig_until(&rig, router_is_gone, NULL);
    router_fake_serve(&rig.router);
    expect_trace("order-5");
    close_rig();
}

// Traces are in memory alone.
Test(scorer_trace, what_recovery_makes_has_no_trace)
{
    open_rig();
    router_fake_shut(&rig.router);
    apply_traced(projects_by("ann", 1), "order-1");
    rig_until(&rig, router_is_gone, NULL);
    rig_kill(&rig);
    rig_start(&rig);
    rig_wait_ready(&rig);
    router_fake_serve(&rig.router);
    expect_trace(NULL);
    cr_assert_geq(router_fake_count(&rig.router, "user_pql=1"), 1);
    close_rig();
}
