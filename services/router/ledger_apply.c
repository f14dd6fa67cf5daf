// SPDX-License-Identifier: Apache-2.0
// What the journal's records do to the core, live and in recovery alike.
#include "assay/record/v1/record_router.pb-c.h"
#include "assay/record/v1/record_scorer.pb-c.h"
#include "common/base/mem.h"
#include "services/playbook/load.h"
#include "services/router/router_impl.h"

static struct metrics_counter *counter_of(struct router_metrics *m, enum router_step step)
{
    struct metrics_counter *const counters[] = {
        [ROUTER_STEP_PARKED] = &m->parks,
        [ROUTER_STEP_ASSIGNED] = &m->assigned,
        [ROUTER_STEP_HELD] = &m->held,
        [ROUTER_STEP_UNASSIGNED] = &m->unassigned,
        [ROUTER_STEP_OVERFLOWED] = &m->overflowed,
        [ROUTER_STEP_REMINDED] = &m->reminded,
        [ROUTER_STEP_ESCALATED] = &m->escalated,
        [ROUTER_STEP_DELAYED] = &m->delayed,
        [ROUTER_STEP_REDRIVEN] = &m->redriven,
        [ROUTER_STEP_MOVED] = &m->moved,
    };
    return (size_t)step < ARRAY_LEN(counters) ? counters[step] : NULL;
}

// Not in recovery: what was counted before a restart is not counted again.
static void count(struct router *router, const struct router_decision *decision)
{
    struct router_metrics *m = &router->metrics;
    struct metrics_counter *counter = NULL;
    if (decision->kind == ROUTER_DECISION_LEAD)
        counter = counter_of(m, decision->step);
    else if (decision->kind == ROUTER_DECISION_REP)
        counter = &m->rep_changes;
    else if (decision->kind == ROUTER_DECISION_PROMPT)
        counter = &m->prompts;
    if (counter != NULL && router->live)
        metrics_add(counter, 1);
}

void ledger_take_effects(struct router *router)
{
    for (size_t i = 0; i < router->effects.n; i++) {
        const struct router_decision *decision = &router->effects.items[i];
        buf_clear(&router->packed);
        router_codec_decision(decision, &router->scratch, &router->packed);
        decision_log_add(router->log, decision->offset, buf_span(&router->packed));
        count(router, decision);
    }
    router_effects_clear(&router->effects);
}

static enum err corrupt(struct err_info *info, const char *what)
{
    return err_set(info, ERR_CORRUPT, "%s cannot be read", what);
}

static enum err apply_signals(struct router *router, struct span body, struct item *item,
                              struct err_info *info)
{
    struct router_signals read;
    const struct router_signals *signals = &read;
    Assay__Record__V1__SignalsRecord *record = NULL;
    if (item != NULL) {
        signals = &ledger_signals_of(item)->signals;
    } else {
        record = assay__record__v1__signals_record__unpack(NULL, body.len, body.ptr);
        if (record == NULL)
            return corrupt(info, "a record of signals");
        struct span request = span_make(record->request.data, record->request.len);
        enum err err = router_codec_signals(request, &router->arena, &read, info);
        if (err != ERR_OK) {
            assay__record__v1__signals_record__free_unpacked(record, NULL);
            return err_prefix(info, ERR_CORRUPT, "a record of signals");
        }
    }
    if (router_core_playbook(router->core) == NULL)
        return err_set(info, ERR_CORRUPT, "signals before any playbook");
    router_core_signals(router->core, signals->lane, signals->items, signals->n, &router->effects);
    ledger_take_effects(router);
    assay__record__v1__signals_record__free_unpacked(record, NULL);
    return ERR_OK;
}

static enum err apply_tick(struct router *router, struct span body, struct err_info *info)
{
    Assay__Record__V1__TickRecord *record =
        assay__record__v1__tick_record__unpack(NULL, body.len, body.ptr);
    if (record == NULL)
        return corrupt(info, "a tick");
    router_core_tick(router->core, record->now_ms, &router->effects);
    ledger_take_effects(router);
    assay__record__v1__tick_record__free_unpacked(record, NULL);
    return ERR_OK;
}

static enum err read_playbook(struct span body, struct playbook **out, struct err_info *info)
{
    Assay__Record__V1__PlaybookRecord *record =
        assay__record__v1__playbook_record__unpack(NULL, body.len, body.ptr);
    if (record == NULL)
        return corrupt(info, "a playbook's record");
    struct buf report = {0};
    enum err err =
        playbook_load(record->file, span_make(record->text.data, record->text.len), out, &report);
    buf_append_u8(&report, 0);
    if (err != ERR_OK)
        err = err_set(info, ERR_CORRUPT, "the journal's playbook cannot be read: %s",
                      (const char *)report.bytes);
    buf_deinit(&report);
    assay__record__v1__playbook_record__free_unpacked(record, NULL);
    return err;
}

static enum err apply_playbook(struct router *router, struct span body, struct item *item,
                               struct err_info *info)
{
    struct playbook *playbook = NULL;
    if (item != NULL) {
        struct playbook_item *loading = CONTAINER_OF(item, struct playbook_item, item);
        playbook = loading->playbook;
        loading->playbook = NULL;
    } else {
        enum err err = read_playbook(body, &playbook, info);
        if (err != ERR_OK)
            return err;
    }
    router_core_set_playbook(router->core, playbook, &router->effects);
    ledger_take_effects(router);
    return ERR_OK;
}

static enum err apply_reported(struct router *router, struct span body, struct err_info *info)
{
    Assay__Record__V1__ReportedRecord *record =
        assay__record__v1__reported_record__unpack(NULL, body.len, body.ptr);
    if (record == NULL)
        return corrupt(info, "a record of reported outcomes");
    router_core_reported(router->core, record->decision);
    assay__record__v1__reported_record__free_unpacked(record, NULL);
    return ERR_OK;
}

enum err ledger_apply(void *state, uint64_t position, const struct journal_record *record,
                      struct fold_item *fold, struct err_info *info)
{
    (void)position;
    struct router *router = state;
    struct item *item = fold == NULL ? NULL : ledger_item_of(fold);
    arena_reset(&router->arena);
    arena_bound(&router->arena, 0);
    switch ((enum ledger_record)record->type) {
    case LEDGER_SIGNALS:
        return apply_signals(router, record->body, item, info);
    case LEDGER_REQUEST:
        return ledger_request(router, record->body, item, info);
    case LEDGER_TICK:
        return apply_tick(router, record->body, info);
    case LEDGER_PLAYBOOK:
        return apply_playbook(router, record->body, item, info);
    case LEDGER_REPORTED:
        return apply_reported(router, record->body, info);
    }
    return err_set(info, ERR_CORRUPT, "a record of the unknown type %u", record->type);
}
