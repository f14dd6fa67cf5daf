// SPDX-License-Identifier: Apache-2.0
// Who qualifies by what, and the stage that follows from it.
#include "services/router/core/state.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"

struct qualified *router_standing_find(const struct subject *subject, const char *definition)
{
    for (uint32_t i = 0; i < subject->n_qualified; i++)
        if (subject->qualified[i].definition == definition)
            return &subject->qualified[i];
    return NULL;
}

struct qualified *router_standing_add(struct subject *subject, const char *definition)
{
    struct qualified *known = router_standing_find(subject, definition);
    if (known != NULL)
        return known;
    STATE_GROW(subject->qualified, subject->n_qualified, subject->qualified_cap);
    struct qualified *q = &subject->qualified[subject->n_qualified++];
    *q = (struct qualified){.definition = definition, .label = ""};
    return q;
}

void router_standing_deinit(struct subject *subject)
{
    for (uint32_t i = 0; i < subject->n_qualified; i++) {
        router_state_text_free(subject->qualified[i].event_id);
        mem_free(subject->qualified[i].left_reason);
    }
    mem_free(subject->qualified);
}

bool router_standing_ever(const struct subject *subject, enum router_stage role)
{
    for (uint32_t i = 0; i < subject->n_qualified; i++)
        if (subject->qualified[i].role == role)
            return true;
    return false;
}

bool router_standing_now(const struct subject *subject, enum router_stage role)
{
    for (uint32_t i = 0; i < subject->n_qualified; i++)
        if (subject->qualified[i].role == role && !subject->qualified[i].left)
            return true;
    return false;
}

static bool defined_holds(const struct account *account, const struct defined *definition)
{
    return router_state_holds(&account->self, definition->signal) ||
           router_state_users_with(account, definition->signal) > 0;
}

bool router_standing_account(const struct router_core *core, const struct account *account,
                             enum router_stage role)
{
    for (size_t i = 0; i < core->n_definitions; i++)
        if (core->definitions[i].role == role && defined_holds(account, &core->definitions[i]))
            return true;
    return false;
}

bool router_standing_qualifies(const struct router_core *core, const struct account *account)
{
    if (!account_is_organization(account))
        return router_standing_account(core, account, ROUTER_PQL) ||
               router_standing_account(core, account, ROUTER_PQA);
    return router_organizations_qualifies(core, account, NULL);
}

bool router_standing_expands(const struct router_core *core, const struct account *account)
{
    for (uint32_t i = 0; i < account->n_members; i++)
        if (router_standing_expands(core, account->members[i]))
            return true;
    const char *stage = core->stage_signals[STAGE_EXPANSION];
    if (stage != NULL && router_state_holds(&account->self, stage))
        return true;
    for (size_t i = 0; i < core->n_definitions; i++)
        if (strcmp(core->definitions[i].name, "expansion") == 0)
            return defined_holds(account, &core->definitions[i]);
    return false;
}

// ---- The account's stage ------------------------------------------------------------------------

enum stage router_standing_stage(const struct router_core *core, const struct account *account)
{
    if (!core->playbook->has_stages) {
        if (router_standing_qualifies(core, account))
            return STAGE_PQL;
        return router_standing_account(core, account, ROUTER_PAL) ? STAGE_ACTIVATED
                                                                  : STAGE_SIGNED_UP;
    }
    for (int stage = PLAYBOOK_STAGES - 1; stage > STAGE_SIGNED_UP; stage--) {
        const char *signal = core->stage_signals[stage];
        if (signal != NULL && router_state_holds(&account->self, signal))
            return (enum stage)stage;
    }
    return STAGE_SIGNED_UP;
}

// The number of the stage that the account was last seen in; -1: none yet.
static int stage_noted(const struct account *account)
{
    if (account->n_history == 0)
        return -1;
    const char *name = account->history[account->n_history - 1].stage;
    int stage = PLAYBOOK_STAGES - 1;
    while (stage >= 0 && strcmp(PLAYBOOK_STAGE_NAMES[stage], name) != 0)
        stage--;
    return stage;
}

bool router_standing_restore_stage(struct router_core *core, const struct account *account)
{
    int stage = stage_noted(account);
    if (stage >= 0)
        core->n_in_stage[stage]++;
    return stage >= 0 || account->n_history == 0;
}

void router_standing_note_stage(struct router_core *core, struct account *account, int64_t at_ms,
                                struct span event_id)
{
    int before = stage_noted(account);
    enum stage stage = router_standing_stage(core, account);
    uint32_t n = account->n_history;
    if (before == (int)stage)
        return;
    if (before >= 0)
        core->n_in_stage[before]--;
    core->n_in_stage[stage]++;
    if (n == ROUTER_HISTORY_MAX) {
        router_state_text_free(account->history[0].event_id);
        memmove(account->history, account->history + 1, (n - 1) * sizeof *account->history);
        n--;
    }
    account->history = mem_realloc(account->history, (n + 1) * sizeof *account->history);
    account->history[n] = (struct router_stage_change){
        router_state_intern(core, span_of(PLAYBOOK_STAGE_NAMES[stage])), at_ms,
        router_state_text(core, event_id)};
    account->n_history = n + 1;
    router_state_account_changed(core, account);
}

static void latest(const struct subject *subject, int64_t *at_ms, int64_t *known_at_ms)
{
    for (uint32_t i = 0; i < subject->n_held; i++) {
        const struct held *held = &subject->held[i];
        if (held->at_ms < *at_ms || (held->at_ms == *at_ms && held->known_at_ms <= *known_at_ms))
            continue;
        *at_ms = held->at_ms;
        *known_at_ms = held->known_at_ms;
    }
}

int64_t router_standing_clock(const struct account *account, int64_t *known_at_ms)
{
    int64_t at_ms = 0;
    int64_t known = 0;
    latest(&account->self, &at_ms, &known);
    for (uint32_t i = 0; i < account->n_users; i++)
        latest(account->users[i], &at_ms, &known);
    if (known_at_ms != NULL)
        *known_at_ms = known;
    return at_ms;
}
