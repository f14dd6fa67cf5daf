// SPDX-License-Identifier: Apache-2.0
// links: rpc shard loop log base clock assay_proto
// runs: assay-scorer
// Explanations that need more than the state: what is missing, which events count, and how it was.
#include <criterion/criterion.h>

#include "tests/support/scorer_rig.h"

static const char PLAYBOOK[] =
    "playbook: tool\n"
    "version: 1\n"
    "measures:\n"
    "  projects: {count: Project Created}\n"
    "  reports: {count: Report Run, window: 3d}\n"
    "  users: {distinct: user, on: any, window: 7d}\n"
    "signals:\n"
    "  ready: [{projects: {at_least: 3}}, {reports: {at_least: 1}}]\n"
    "  admin: {user.role: admin}\n"
    "qualify:\n"
    "  pql: {when: [ready, admin], exit: {reports: {below: 1}}, label: Hot}\n"
    "  pqa: {users: {at_least: 2}}\n";

enum { ASKED = 12 };
static const int64_t DAY = 24 * 3600000;

static struct rig rig;
static struct arena arena;
static char account[32], other[32];

static void open_rig(void)
{
    struct rig_opts opts = {
        .n_lanes = 1, .clock = "event", .more = "checkpoint_every: 100ms\n", .playbook = PLAYBOOK};
    rig_open(&rig, &opts);
    arena_init(&arena, 65536, 0);
    rig_account(&rig, 0, 0, account);
    rig_account(&rig, 0, 1, other);
    rig_start(&rig);
    rig_wait_ready(&rig);
}

static void close_rig(void)
{
    rig_close(&rig);
    arena_deinit(&arena);
}

// Three projects of ann, one a day, each between two of somebody else's; a profile says that she is
// an admin; then the clock moves on.
static void some_days(void)
{
    Assay__Scorer__V1__Event *events[8];
    size_t n = 0;
    for (int i = 0; i < 3; i++) {
        const char *id = arena_printf(&arena, "p%d", i);
        events[n++] =
            batch_event(&arena, id, account, "ann", "Project Created", BATCH_T0 + i * DAY);
        events[n++] = batch_event(&arena, arena_printf(&arena, "o%d", i), other, "ben",
                                  "Project Created", BATCH_T0 + i * DAY);
    }
    events[n++] = batch_event(&arena, "i", "user:ann", "ann", "", BATCH_T0 + DAY);
    events[n - 1]->kind = ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_IDENTIFY;
    events[n - 1]->profile_only = true;
    batch_set_text(&arena, events[n - 1], "role", "admin");
    for (size_t i = 0; i < n; i++)
        rig_apply_ok(&rig, batch_pack(&arena, 1, i + 1, 0, &events[i], 1));
}

static enum err ask(const char *user, bool events, int64_t at_ms,
                    Assay__Scorer__V1__ExplainResponse **answer)
{
    Assay__Scorer__V1__ExplainRequest request = ASSAY__SCORER__V1__EXPLAIN_REQUEST__INIT;
    request.account_id = account;
    request.user_id = (char *)user;
    request.events = events;
    request.at_ms = at_ms;
    request.proposals = true;
    return rig_ask(&rig, "assay.scorer.v1.ScorerService/Explain", &request.base,
                   &assay__scorer__v1__explain_response__descriptor, answer);
}

static const Assay__Scorer__V1__ExplainedSignal *
explained(const Assay__Scorer__V1__ExplainResponse *answer, const char *name)
{
    for (size_t i = 0; i < answer->n_signals; i++)
        if (strcmp(answer->signals[i]->name, name) == 0)
            return answer->signals[i];
    cr_assert_fail("no signal %s", name);
    return NULL;
}

static const Assay__Scorer__V1__Condition *
condition(const Assay__Scorer__V1__ExplainedSignal *signal, const char *text)
{
    for (size_t i = 0; i < signal->n_conditions; i++)
        if (strcmp(signal->conditions[i]->text, text) == 0)
            return signal->conditions[i];
    cr_assert_fail("no condition %s", text);
    return NULL;
}

Test(scorer_explain_service, says_what_is_missing)
{
    Assay__Scorer__V1__ExplainResponse *answer;
    open_rig();
    some_days();
    cr_assert_eq(ask("ann", false, 0, &answer), ERR_OK, "%s", rig.info.text);
    // Definitions first.
    cr_assert_str_eq(answer->signals[0]->name, "qualify.pql");
    const Assay__Scorer__V1__ExplainedSignal *pql = explained(answer, "qualify.pql");
    cr_assert_str_eq(pql->definition, "pql");
    cr_assert_str_eq(pql->role, "pql");
    cr_assert_str_eq(pql->label, "Hot");
    cr_assert_str_eq(pql->kind, "definition");
    cr_assert(pql->memory && pql->episode == 0);
    const Assay__Scorer__V1__Proposal *missing = pql->proposal;
    cr_assert(missing != NULL);
    cr_assert_eq((int)missing->kind, ASSAY__SCORER__V1__PROPOSAL_KIND__PROPOSAL_KIND_EVENTS);
    cr_assert(missing->n_steps == 1 && missing->event_count == 1 && missing->least);
    cr_assert_str_eq(missing->steps[0]->event, "Report Run");
    missing = explained(answer, "qualify.pqa")->proposal;
    cr_assert(missing != NULL && missing->n_steps == 1 && missing->steps[0]->count == 1);
    cr_assert_str_eq(missing->steps[0]->who, "a further user");
    cr_assert(missing->by_ms > BATCH_T0 + 2 * DAY);
    cr_assert_eq(condition(pql, "projects at_least 3")->event_count, 0);
    close_rig();
}

Test(scorer_explain_service, names_the_events_that_count_and_tells_how_it_was)
{
    Assay__Scorer__V1__ExplainResponse *answer;
    open_rig();
    some_days();
    for (int restarted = 0; restarted < 2; restarted++) {
        cr_assert_eq(ask("ann", true, 0, &answer), ERR_OK, "%s", rig.info.text);
        const Assay__Scorer__V1__Condition *projects =
            condition(explained(answer, "ready"), "projects at_least 3");
        cr_assert(projects->event_count == 3 && !projects->more_events && projects->met);
        cr_assert_str_eq(projects->first_id, "p0");
        cr_assert_eq(projects->first_ms, BATCH_T0);
        cr_assert_str_eq(projects->last_id, "p2");
        cr_assert_eq(projects->last_ms, BATCH_T0 + 2 * DAY);
        cr_assert_eq(answer->events_from_ms, 0);

        cr_assert_eq(ask("ann", true, BATCH_T0 + DAY, &answer), ERR_OK, "%s", rig.info.text);
        cr_assert_eq(answer->at_ms, BATCH_T0 + DAY);
        cr_assert_eq(answer->clock_ms, BATCH_T0 + DAY);
        projects = condition(explained(answer, "ready"), "projects at_least 3");
        cr_assert(projects->event_count == 2 && !projects->met);
        cr_assert_str_eq(projects->value, "2");
        cr_assert(explained(answer, "admin")->value);
        cr_assert(explained(answer, "qualify.pql")->proposal->event_count == 2);
        cr_assert_eq(ask("ann", true, BATCH_T0, &answer), ERR_OK, "%s", rig.info.text);
        cr_assert(!explained(answer, "admin")->value);
        cr_assert_eq(ask("ann", false, BATCH_T0 - 1, &answer), ERR_NOT_FOUND);
        cr_assert_eq(ask("", false, -1, &answer), ERR_INVALID);
        cr_assert_eq(rig_stop(&rig), 0);
        rig_start(&rig);
        rig_wait_ready(&rig);
    }
    close_rig();
}

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

static void ask_many(struct asked *asked)
{
    Assay__Scorer__V1__ExplainRequest request = ASSAY__SCORER__V1__EXPLAIN_REQUEST__INIT;
    struct rpc_call_opts opts = {.timeout_ms = 20000};
    uint8_t bytes[200];
    request.account_id = account;
    request.user_id = (char *)"ann";
    request.events = request.proposals = true;
    size_t n = assay__scorer__v1__explain_request__pack(&request, bytes);
    *asked = (struct asked){.left = ASKED};
    for (int i = 0; i < ASKED; i++)
        rpc_call_raw(rig.client, "assay.scorer.v1.ScorerService/Explain", span_make(bytes, n),
                     &opts, asked_cb, asked);
}

Test(scorer_explain_service, reads_the_journal_for_a_few_at_a_time_and_ends_in_order)
{
    struct asked asked;
    open_rig();
    some_days();
    ask_many(&asked);
    rig_until(&rig, all_answered, &asked);
    cr_assert(asked.ok >= 2 && asked.failed == 0 && asked.ok + asked.refused == ASKED,
              "%zu ok, %zu refused, %zu failed", asked.ok, asked.refused, asked.failed);
    ask_many(&asked);
    cr_assert_eq(rig_stop(&rig), 0);
    rig_until(&rig, all_answered, &asked);
    close_rig();
}
