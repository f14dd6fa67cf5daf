// SPDX-License-Identifier: Apache-2.0
// Organizations: which accounts belong together, by facts that the scorer tells. Everything here
// follows from the signals held and the playbook; who has which lead is what moving decides
// (moving.c).
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/router/core/organizations_impl.h"

// ---- What the playbook says ---------------------------------------------------------------------

static void forget(struct router_core *core)
{
    struct organizations *o = core->organizations;
    core->organizations = NULL;
    if (o == NULL)
        return;
    for (size_t i = 0; i < core->n_accounts; i++) {
        router_kin_destroy(core->accounts[i]->kin);
        core->accounts[i]->kin = NULL;
    }
    for (uint32_t i = 0; i < o->n_parents; i++) {
        mem_free(o->parents[i].id);
        mem_free(o->parents[i].children);
    }
    index_deinit(&o->parents_index);
    index_deinit(&o->holders_index);
    mem_free(o->parents);
    mem_free(o->holders);
    mem_free(o->named);
    mem_free(o->sources);
    mem_free(o->rolled);
    mem_free(o->definitions);
    mem_free(o->labels);
    mem_free(o->having);
    mem_free(o);
}

void router_organizations_deinit(struct router_core *core)
{
    forget(core);
    for (size_t i = 0; i < core->n_accounts; i++) {
        mem_free(core->accounts[i]->members);
        core->accounts[i]->members = NULL;
    }
}

static void learn_sources(struct router_core *core, struct organizations *o)
{
    const struct playbook *playbook = core->playbook;
    o->sources = mem_alloc((size_t)playbook->n_organizations * sizeof *o->sources);
    for (int32_t i = 0; i < playbook->n_organizations; i++) {
        const struct organization_by *by = &playbook->organizations[i];
        const char *fact = core->signal_names[by->fact];
        o->sources[o->n_sources++] = (struct source){by->source, fact};
        if (by->source == ORGANIZATION_PARENT)
            o->parent_fact = fact;
        if (by->source == ORGANIZATION_DOMAIN)
            o->domain_fact = fact;
    }
}

static const char *held_fact(struct subject *subject, const char *name)
{
    const struct held *held = name == NULL ? NULL : router_state_held(subject, name, false);
    return held == NULL || !held->value ? NULL : held->fact;
}

static void learn_account(struct router_core *core, struct account *account)
{
    struct organizations *o = core->organizations;
    router_families_link(core, account, held_fact(&account->self, o->parent_fact));
    for (uint32_t i = 0; o->domain_fact != NULL && i < account->n_users; i++)
        router_families_count_domain(account, held_fact(account->users[i], o->domain_fact), 1);
    if (account->organization != NULL) {
        router_rollup_account(core, account, 1);
        router_having_account(core, account, 1);
    }
}

void router_organizations_learn(struct router_core *core)
{
    forget(core);
    if (core->playbook == NULL || core->playbook->n_organizations == 0)
        return;
    core->organizations = mem_zalloc(sizeof *core->organizations);
    learn_sources(core, core->organizations);
    router_rollup_learn(core);
    router_having_learn(core);
    for (size_t i = 0; i < core->n_accounts; i++)
        if (!account_is_organization(core->accounts[i]))
            learn_account(core, core->accounts[i]);
    core->organizations->n_named = 0;
}

// ---- Signals ------------------------------------------------------------------------------------

void router_organizations_before(struct router_core *core, struct account *account,
                                 const struct subject *subject, const struct held *held)
{
    const struct organizations *o = core->organizations;
    if (o == NULL)
        return;
    if (held->name == o->parent_fact && held->value && subject == &account->self)
        router_families_unlink(core, account, held->fact);
    if (held->name == o->domain_fact && held->value && subject != &account->self)
        router_families_count_domain(account, held->fact, -1);
    if (account->organization != NULL) {
        router_rollup_held(core, account, subject, held, -1);
        router_having_held(core, account, held->name, -1);
    }
}

void router_organizations_after(struct router_core *core, struct account *account,
                                const struct subject *subject, const struct held *held)
{
    const struct organizations *o = core->organizations;
    if (o == NULL)
        return;
    if (held->name == o->parent_fact && held->value && subject == &account->self)
        router_families_link(core, account, held->fact);
    if (held->name == o->domain_fact && held->value && subject != &account->self)
        router_families_count_domain(account, held->fact, 1);
    if (account->organization != NULL) {
        router_rollup_held(core, account, subject, held, 1);
        router_having_held(core, account, held->name, 1);
    }
    for (uint32_t i = 0; held->is_fact && i < o->n_sources; i++)
        if (o->sources[i].fact == held->name)
            core->group.belongs = true;
}

void router_organizations_born(struct router_core *core, struct account *account)
{
    if (core->organizations != NULL && router_families_is_parent(core, account))
        core->group.belongs = true;
}

// ---- Who belongs where --------------------------------------------------------------------------

static struct account *find_organization(struct router_core *core, const struct account *account,
                                         bool add)
{
    if (core->organizations == NULL)
        return NULL;
    char id[ROUTER_TEXT_MAX + 1];
    size_t n = router_families_key(core, account, id + 1);
    if (n == 0)
        return NULL;
    id[0] = ORGANIZATION_MARK;
    struct span key = span_make(id, n + 1);
    struct account *organization = router_state_account_find(core, key);
    if (organization != NULL || !add)
        return organization;
    organization = router_state_account_add(core, key);
    core->n_organizations++;
    router_state_account_changed(core, organization);
    return organization;
}

// Homes whose members have changed: their leads' routes are read again when all have moved.
struct homes {
    struct account **items;
    size_t n, cap;
};

static void add_home(struct homes *homes, struct account *home)
{
    for (size_t i = homes->n; i > 0; i--)
        if (homes->items[i - 1] == home)
            return;
    MEM_GROW(homes->items, homes->n, homes->cap);
    homes->items[homes->n++] = home;
}

static void place(struct router_core *core, struct account *account, const struct cause *cause,
                  struct homes *homes, struct router_effects *effects)
{
    struct account *to = find_organization(core, account, true);
    if (to == account->organization)
        return;
    struct account *old = account_home(account);
    router_moving_move(core, account, to, cause, effects);
    if (router_leads_open(old->lead))
        add_home(homes, old);
    if (router_leads_open(account_home(account)->lead))
        add_home(homes, account_home(account));
}

static void route_again(struct router_core *core, struct homes *homes, const struct cause *cause,
                        struct router_effects *effects)
{
    for (size_t i = 0; i < homes->n; i++)
        if (homes->items[i]->lead != NULL)
            router_leads_route_again(core, homes->items[i]->lead, "organization", cause, effects);
    mem_free(homes->items);
}

static int number_cmp(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

// Accounts whose organization may have changed with one account's facts: who began or ceased to be
// a parent, and all whose parents lead to it. Every account names at most one parent, so none is
// met twice but the account itself, in a circle.
struct affected {
    uint32_t *items;
    size_t n, cap;
};

static void affect_children(const struct router_core *core, const struct account *of,
                            const struct account *root, struct affected *affected)
{
    const struct parent *parent = router_families_parent(core, span_of(of->id));
    for (uint32_t i = 0; parent != NULL && i < parent->n_children; i++) {
        if (parent->children[i] == root->number)
            continue;
        MEM_GROW(affected->items, affected->n, affected->cap);
        affected->items[affected->n++] = parent->children[i];
    }
}

static void find_affected(struct router_core *core, const struct account *account,
                          struct affected *affected)
{
    affect_children(core, account, account, affected);
    size_t from = 0;
    for (int generation = 0; generation < PARENTS_MAX && from < affected->n; generation++)
        for (size_t until = affected->n; from < until; from++)
            affect_children(core, core->accounts[affected->items[from]], account, affected);
    struct organizations *o = core->organizations;
    for (uint32_t i = 0; i < o->n_named; i++) {
        MEM_GROW(affected->items, affected->n, affected->cap);
        affected->items[affected->n++] = o->named[i];
    }
    o->n_named = 0;
    if (affected->n > 1)
        qsort(affected->items, affected->n, sizeof *affected->items, number_cmp);
}

void router_organizations_fact(struct router_core *core, struct account *account,
                               const struct cause *cause, struct router_effects *effects)
{
    CHECK(core->organizations != NULL);
    struct affected affected = {0};
    struct homes homes = {0};
    find_affected(core, account, &affected);
    place(core, account, cause, &homes, effects);
    for (size_t i = 0; i < affected.n; i++)
        place(core, core->accounts[affected.items[i]], cause, &homes, effects);
    mem_free(affected.items);
    route_again(core, &homes, cause, effects);
}

void router_organizations_playbook(struct router_core *core, struct router_effects *effects)
{
    size_t n = core->n_accounts;
    for (size_t i = 0; i < n; i++) {
        struct account *account = core->accounts[i];
        if (account_is_organization(account) ||
            (core->organizations == NULL && account->organization == NULL))
            continue;
        struct cause cause = {0};
        cause.at_ms = router_standing_clock(account, &cause.known_at_ms);
        struct homes homes = {0};
        place(core, account, &cause, &homes, effects);
        route_again(core, &homes, &cause, effects);
    }
}

// ---- After a restart ----------------------------------------------------------------------------

// Puts the leads of an account in the order of their numbers: one that came with an account is not
// in the order of serials. Only the last one may be open.
static bool sort_leads(struct account *account)
{
    struct router_lead *sorted = NULL;
    for (struct router_lead *lead = account->lead, *before; lead != NULL; lead = before) {
        before = lead->before;
        struct router_lead **at = &sorted;
        while (*at != NULL && (*at)->number > lead->number)
            at = &(*at)->before;
        if (*at != NULL && (*at)->number == lead->number)
            return false;
        lead->before = *at;
        *at = lead;
    }
    account->lead = sorted;
    for (struct router_lead *lead = sorted; lead != NULL; lead = lead->before)
        if (router_leads_open(lead->before))
            return false;
    return true;
}

bool router_organizations_restored(struct router_core *core)
{
    router_organizations_learn(core);
    core->n_organizations = 0;
    for (size_t i = 0; i < core->n_accounts; i++) {
        struct account *account = core->accounts[i];
        core->n_organizations += account_is_organization(account);
        if (!sort_leads(account))
            return false;
        if (core->organizations == NULL || account_is_organization(account))
            continue;
        struct account *to = find_organization(core, account, false);
        char key[ROUTER_TEXT_MAX];
        if (to == NULL && router_families_key(core, account, key) > 0)
            return false;
        router_moving_attach(core, account, to);
    }
    for (size_t i = 0; i < core->n_accounts; i++)
        if (core->accounts[i]->kin != NULL)
            core->accounts[i]->kin->changed = false;
    return true;
}

// ---- Reading ------------------------------------------------------------------------------------

const char *router_organizations_key(const struct account *account)
{
    if (account_is_organization(account))
        return account->id + 1;
    return account->organization == NULL ? "" : account->organization->id + 1;
}

const char *router_organizations_fact_of(const struct router_core *core,
                                         const struct account *account, int32_t fact)
{
    if (fact == PLAYBOOK_NONE)
        return NULL;
    for (uint32_t i = 0; i < account->n_members; i++) {
        const char *value = router_organizations_fact_of(core, account->members[i], fact);
        if (value != NULL)
            return value;
    }
    const struct held *held =
        router_state_held((struct subject *)&account->self, core->signal_names[fact], false);
    return held == NULL || !held->value ? NULL : held->fact;
}

const char *router_organizations_fact_of_lead(const struct router_core *core,
                                              const struct router_lead *lead, int32_t fact)
{
    const struct account *account = router_state_account_find(core, span_of(lead->account_id));
    const char *value = account == NULL ? NULL : router_organizations_fact_of(core, account, fact);
    return value != NULL ? value
                         : router_organizations_fact_of(core, core->accounts[lead->account], fact);
}
