// SPDX-License-Identifier: Apache-2.0
// What only looks at the router's state, on the fold's thread.
#include "common/base/mem.h"
#include "services/router/router_impl.h"
#include "services/router/webhook/deliver.h"

enum { LOOK_DECISIONS_MAX = 5000 }; // of one call that filters

static void look_leads(struct router *router, struct call *call)
{
    const Assay__Router__V1__ListLeadsRequest *in = (const void *)call->request;
    struct router_filter filter = {
        .queue = span_of(in->queue),
        .state = (int)in->state,
        .account = span_of(in->account_id),
        .max = in->max == 0 ? 100 : in->max,
        .after = call->page,
    };
    const struct router_lead **leads = arena_alloc(&call->arena, filter.max * sizeof *leads);
    uint64_t next, total;
    size_t n = router_core_leads(router->core, &filter, leads, &next, &total);
    Assay__Router__V1__ListLeadsResponse *out = arena_alloc(&call->arena, sizeof *out);
    assay__router__v1__list_leads_response__init(out);
    out->n_leads = n;
    out->leads = arena_alloc(&call->arena, (n + 1) * sizeof *out->leads);
    for (size_t i = 0; i < n; i++)
        out->leads[i] = router_codec_lead(router->core, leads[i], false, &call->arena);
    out->total = total;
    if (next != 0)
        out->next_page = arena_printf(&call->arena, "%llu", (unsigned long long)next);
    call->answer = &out->base;
}

static bool decision_wanted(void *arg, struct span packed)
{
    const Assay__Router__V1__ListDecisionsRequest *in = arg;
    return router_codec_decision_is_of(packed, span_of(in->queue), span_of(in->lead_id));
}

// From where the last look ended, when the call has waited. With a filter, a page without decisions
// is an answer when more can be looked at: the fold does not look at all of them in one go.
static void look_decisions(struct router *router, struct call *call)
{
    const Assay__Router__V1__ListDecisionsRequest *in = (const void *)call->request;
    bool filters = in->queue[0] != '\0' || in->lead_id[0] != '\0';
    struct decision_query query = {
        .after = call->looked,
        .max = in->max == 0 ? 1000 : in->max,
        .bytes_max = (size_t)router->config->page_max_bytes,
        .look_max = LOOK_DECISIONS_MAX,
        .wanted = filters ? decision_wanted : NULL,
        .arg = (void *)in,
    };
    buf_clear(&call->bytes);
    call->err = decision_log_find(router->log, router->fold, &query, &call->bytes, &call->looked,
                                  &call->info);
    call->empty = call->err == ERR_OK && call->bytes.len == 0 &&
                  call->looked >= decision_log_last(router->log);
}

static void look_account(struct router *router, struct call *call)
{
    const Assay__Router__V1__GetAccountRequest *in = (const void *)call->request;
    struct router_account_view view;
    router_core_account(router->core, span_of(in->account_id), &call->arena, &view);
    call->answer = &router_codec_account(router->core, in->account_id, &view, &call->arena)->base;
}

static void look_queues(struct router *router, struct call *call)
{
    struct fold_stats stats;
    fold_stats(router->fold, &stats);
    struct router_counts counts;
    router_core_counts(router->core, &counts);
    const struct router_queue_view *views;
    size_t n = router_core_queues(router->core, &call->arena, &views);
    Assay__Router__V1__GetQueuesResponse *out = arena_alloc(&call->arena, sizeof *out);
    assay__router__v1__get_queues_response__init(out);
    out->n_queues = n;
    out->queues = arena_alloc(&call->arena, (n + 1) * sizeof *out->queues);
    for (size_t i = 0; i < n; i++)
        out->queues[i] = router_codec_queue(&views[i], &call->arena);
    out->accounts = counts.accounts;
    out->pals = counts.pals;
    out->pqls = counts.pqls;
    out->pqas = counts.pqas;
    out->leads = counts.leads;
    out->decisions = counts.decisions;
    out->journal_last = stats.journal_last;
    out->checkpoint = stats.checkpoint_position;
    out->stages = arena_alloc(&call->arena, PLAYBOOK_STAGES * sizeof *out->stages);
    for (int i = 0; i < PLAYBOOK_STAGES; i++) {
        if (counts.stages[i] == 0)
            continue;
        Assay__Router__V1__StageCount *stage = arena_alloc(&call->arena, sizeof *stage);
        assay__router__v1__stage_count__init(stage);
        stage->stage = (char *)PLAYBOOK_STAGE_NAMES[i];
        stage->accounts = counts.stages[i];
        out->stages[out->n_stages++] = stage;
    }
    const struct playbook *playbook = router_core_playbook(router->core);
    if (playbook != NULL)
        out->playbook = arena_dup(&call->arena, span_of(playbook->label));
    call->answer = &out->base;
}

static void look_teams(struct router *router, struct call *call)
{
    const struct router_team_view *views;
    int64_t now_ms = router_now_ms(router);
    size_t n = router_core_teams(router->core, now_ms, &call->arena, &views);
    Assay__Router__V1__GetTeamsResponse *out = arena_alloc(&call->arena, sizeof *out);
    assay__router__v1__get_teams_response__init(out);
    out->n_teams = n;
    out->teams = arena_alloc(&call->arena, (n + 1) * sizeof *out->teams);
    for (size_t i = 0; i < n; i++)
        out->teams[i] = router_codec_team(&views[i], &call->arena);
    out->now_ms = now_ms;
    call->answer = &out->base;
}

static void look_prompts(struct router *router, struct call *call)
{
    const Assay__Router__V1__GetPromptsRequest *in = (const void *)call->request;
    const struct router_prompt *prompts;
    size_t n = router_core_prompts(router->core, span_of(in->account_id), span_of(in->user_id),
                                   router_now_ms(router), &call->arena, &prompts);
    Assay__Router__V1__GetPromptsResponse *out = arena_alloc(&call->arena, sizeof *out);
    assay__router__v1__get_prompts_response__init(out);
    out->n_prompts = n;
    out->prompts = arena_alloc(&call->arena, (n + 1) * sizeof *out->prompts);
    for (size_t i = 0; i < n; i++)
        out->prompts[i] = router_codec_prompt(&prompts[i], &call->arena);
    call->answer = &out->base;
}

static void look_experiments(struct router *router, struct call *call)
{
    const struct router_experiment_view *views;
    size_t n = router_core_experiments(router->core, router_now_ms(router), &call->arena, &views);
    Assay__Router__V1__GetExperimentsResponse *out = arena_alloc(&call->arena, sizeof *out);
    assay__router__v1__get_experiments_response__init(out);
    out->n_experiments = n;
    out->experiments = arena_alloc(&call->arena, (n + 1) * sizeof *out->experiments);
    for (size_t i = 0; i < n; i++)
        out->experiments[i] = router_codec_experiment(&views[i], &call->arena);
    call->answer = &out->base;
}

// Outcomes that wait, with the instant at which they count: in a cluster that lives by its events'
// times, the last one that the account knows.
static void look_outcomes(struct router *router, struct outcomes_item *batch)
{
    const struct router_lead *leads[ROUTER_REPORTS_MAX];
    arena_reset(&batch->arena);
    batch->err = ERR_OK;
    batch->n = router_core_outcomes(router->core, leads, ROUTER_REPORTS_MAX);
    for (size_t i = 0; i < batch->n; i++) {
        bool event_clock = router->config->clock == 1 && leads[i]->account_clock_ms > 0;
        batch->items[i] = (struct outcome_copy){
            .lead_id = arena_dup(&batch->arena, span_of(leads[i]->id)),
            .account_id = arena_dup(&batch->arena, span_of(leads[i]->account_id)),
            .outcome = arena_dup(&batch->arena, span_of(leads[i]->outcome)),
            .at_ms = event_clock ? leads[i]->account_clock_ms : leads[i]->completed_at_ms,
        };
        batch->decision = leads[i]->completed_offset;
    }
}

void ledger_inspect(void *state, struct fold_item *fold)
{
    struct router *router = state;
    struct item *item = ledger_item_of(fold);
    if (item->kind == ITEM_OUTCOMES) {
        look_outcomes(router, ledger_outcomes_of(item));
        router_answered(router, item);
        return;
    }
    if (item->kind == ITEM_WEBHOOKS) {
        webhooks_inspect_on_fold(router, item);
        return;
    }
    struct call *call = ledger_call_of(item);
    call->err = ERR_OK;
    static void (*const LOOKS[CALL_KINDS])(struct router *, struct call *) = {
        [CALL_LIST_LEADS] = look_leads,
        [CALL_LIST_DECISIONS] = look_decisions,
        [CALL_GET_ACCOUNT] = look_account,
        [CALL_GET_QUEUES] = look_queues,
        [CALL_GET_TEAMS] = look_teams,
        [CALL_GET_PROMPTS] = look_prompts,
        [CALL_GET_EXPERIMENTS] = look_experiments,
    };
    CHECK(LOOKS[call->kind] != NULL);
    LOOKS[call->kind](router, call);
    router_answered(router, &call->item);
}
