// SPDX-License-Identifier: Apache-2.0
// The router's fold: what is answered, and checkpoints. What comes in is in ledger_admit.c, what
// its journal's records do in ledger_apply.c and ledger_requests.c, what only looks in
// ledger_look.c.
#include "common/base/mem.h"
#include "services/playbook/load.h"
#include "services/router/router_impl.h"
#include "services/router/webhook/deliver.h"

const struct store_table LEDGER_TABLES[ROUTER_TABLES] = {
    [ROUTER_TABLE_ACCOUNTS] = {"accounts", STORE_KEY_U64},
    [ROUTER_TABLE_LEADS] = {"leads", STORE_KEY_U64},
    [ROUTER_TABLE_LEASES] = {"leases", STORE_KEY_U64},
    [ROUTER_TABLE_ROUTER] = {"router", STORE_KEY_U64},
    [ROUTER_TABLE_TEAMS] = {"teams", STORE_KEY_BYTES},
    [ROUTER_TABLE_DECISIONS] = {"decisions", STORE_KEY_U64},
};

// ---- Answers ------------------------------------------------------------------------------------

static void answer_signals(struct router *router, struct signals_item *item, enum err err)
{
    if (err == ERR_OK)
        err = item->err;
    if (err != ERR_OK) {
        rpc_request_fail(item->request, rpc_status_of_err(err), "signals: %s",
                         err == ERR_FULL ? fold_describe_full(router->fold) : err_text(err));
    } else {
        struct router_mark mark = router_core_mark(router->core, item->signals.lane);
        Assay__Router__V1__ApplySignalsResponse response =
            ASSAY__ROUTER__V1__APPLY_SIGNALS_RESPONSE__INIT;
        response.position = mark.position;
        response.index = mark.index;
        rpc_request_answer_message(item->request, &response.base);
    }
    arena_deinit(&item->arena);
    buf_deinit(&item->record);
    mem_free(item);
}

static void ledger_answer(void *state, struct fold_item *fold, enum err err)
{
    struct router *router = state;
    struct item *item = ledger_item_of(fold);
    // Whoever is answered finds what his call has decided.
    if (err == ERR_OK)
        atomic_store(&router->last_decision, router_core_last_decision(router->core));
    switch (item->kind) {
    case ITEM_SIGNALS:
        answer_signals(router, ledger_signals_of(item), err);
        return;
    case ITEM_CALL: {
        struct call *call = ledger_call_of(item);
        if (err != ERR_OK)
            call->err = err_set(&call->info, err, "%s",
                                err == ERR_FULL ? fold_describe_full(router->fold) : err_text(err));
        break;
    }
    case ITEM_TICK:
        CONTAINER_OF(item, struct tick_item, item)->err = err;
        break;
    case ITEM_PLAYBOOK:
        CONTAINER_OF(item, struct playbook_item, item)->err = err;
        break;
    case ITEM_OUTCOMES:
    case ITEM_REPORTED:
        ledger_outcomes_of(item)->err = err;
        break;
    case ITEM_WEBHOOKS:
        webhooks_refused_on_fold(router, item, err);
        return;
    case ITEM_WAKE:
        CHECK(false);
        return;
    }
    router_answered(router, item);
}

// ---- After a group ------------------------------------------------------------------------------

static void set_metrics(struct router *router, const struct router_counts *counts)
{
    struct router_metrics *m = &router->metrics;
    metrics_mirror(&m->signals, counts->signals);
    metrics_mirror(&m->decisions, counts->decisions);
    metrics_mirror(&m->pals, counts->pals);
    metrics_mirror(&m->pqls, counts->pqls);
    metrics_mirror(&m->pqas, counts->pqas);
    metrics_mirror(&m->leads, counts->leads);
    metrics_set(&m->accounts, (int64_t)counts->accounts);
    metrics_set(&m->waiting, (int64_t)counts->states[ROUTER_WAITING]);
    metrics_set(&m->leased, (int64_t)counts->states[ROUTER_LEASED]);
    metrics_set(&m->acked, (int64_t)counts->states[ROUTER_ACKED]);
    metrics_set(&m->completed, (int64_t)counts->states[ROUTER_COMPLETED]);
    metrics_set(&m->parked, (int64_t)counts->states[ROUTER_PARKED]);
    metrics_set(&m->withdrawn, (int64_t)counts->states[ROUTER_WITHDRAWN]);
    metrics_mirror(&m->touched, counts->touched);
    metrics_mirror(&m->missed, counts->sla_missed);
    metrics_mirror(&m->touch_seconds, counts->touch_ms_total / 1000);
    metrics_set(&m->unreported, (int64_t)router_core_n_outcomes(router->core));
}

// Leads that can be leased now, and the metrics of queues.
static uint64_t look_at_queues(struct router *router)
{
    const struct router_queue_view *views;
    arena_reset(&router->views);
    size_t n = router_core_queues(router->core, &router->views, &views);
    uint64_t ready = 0;
    for (size_t i = 0; i < n; i++)
        ready += views[i].ready;
    gauges_set(router, views, n);
    return ready;
}

void ledger_publish(struct router *router)
{
    struct router_counts counts;
    router_core_counts(router->core, &counts);
    uint64_t n_ready = look_at_queues(router);
    // A lead that can be leased from now on either is in a decision, or its delay has ended: then
    // there is one more. Waking for nothing now and then is cheap.
    bool changed = router->n_decisions != counts.decisions || n_ready != router->n_ready;
    router->n_decisions = counts.decisions;
    router->n_ready = n_ready;
    atomic_store(&router->last_decision, counts.decisions);
    if (changed && counts.states[ROUTER_WAITING] > 0)
        atomic_fetch_add(&router->leads_version, 1);
    atomic_store(&router->next_due_ms, router_core_next_due(router->core));
    atomic_store(&router->clock_ms, counts.clock_ms);
    atomic_store(&router->n_outcomes, router_core_n_outcomes(router->core));
    set_metrics(router, &counts);
}

static void ledger_flush(void *state)
{
    struct router *router = state;
    uint64_t decisions = router->n_decisions;
    int64_t due_ms = atomic_load(&router->next_due_ms);
    uint64_t outcomes = atomic_load(&router->n_outcomes);
    uint64_t leads = atomic_load(&router->leads_version);
    ledger_publish(router);
    bool sooner = atomic_load(&router->next_due_ms) < due_ms;
    bool news = router->n_decisions != decisions || atomic_load(&router->leads_version) != leads;
    bool awaited = news && (atomic_load(&router->n_parked) > 0 || webhooks_await(router));
    bool reportable = atomic_load(&router->n_outcomes) > outcomes;
    if ((sooner || awaited || reportable) && !atomic_exchange(&router->woken, true))
        router_answered(router, &router->wake);
}

// ---- Checkpoints and recovery -------------------------------------------------------------------

static void ledger_freeze(void *state, uint64_t position)
{
    (void)state;
    (void)position; // seal follows at once and gives everything
}

static void seal_row(void *arg, enum router_table table, struct span key, struct span value)
{
    if (value.ptr == NULL)
        fold_rows_delete(arg, table, key);
    else
        fold_rows_put(arg, table, key, value);
}

static void ledger_seal(void *state, struct fold_rows *rows)
{
    struct router *router = state;
    router_rows_take(router->rows, seal_row, rows);
    decision_log_seal(router->log, rows);
}

static enum err ledger_load(void *state, uint32_t table, struct span key, struct span value,
                            struct err_info *info)
{
    struct router *router = state;
    return router_rows_load(router->rows, (enum router_table)table, key, value, info);
}

static enum err ledger_loaded(void *state, uint64_t position, struct err_info *info)
{
    (void)position;
    struct router *router = state;
    enum err err = router_rows_loaded(router->rows, playbook_load, info);
    if (err != ERR_OK)
        return err;
    struct router_counts counts;
    router_core_counts(router->core, &counts);
    decision_log_restore(router->log, counts.decisions);
    return ERR_OK;
}

static enum err ledger_ready(void *state, struct err_info *info)
{
    (void)info;
    struct router *router = state;
    router->live = true;
    ledger_publish(router);
    return ERR_OK;
}

const struct fold_ops LEDGER_OPS = {
    .admit = ledger_admit,
    .apply = ledger_apply,
    .answer = ledger_answer,
    .inspect = ledger_inspect,
    .flush = ledger_flush,
    .freeze = ledger_freeze,
    .seal = ledger_seal,
    .load = ledger_load,
    .loaded = ledger_loaded,
    .ready = ledger_ready,
};
