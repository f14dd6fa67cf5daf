// SPDX-License-Identifier: Apache-2.0
// Values over the accounts of an organization, kept as signals and members come and go, and the
// definitions over them.
#include <string.h>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "services/router/core/organizations_impl.h"

enum { MILLI = 1000 };
static const char GONE[] = "the playbook no longer has it";

// ---- Users by id --------------------------------------------------------------------------------

static uint64_t hash_of(const struct holder *holder)
{
    return hash64_seeded(span_of(holder->user),
                         (uint64_t)holder->organization << 32 | holder->rolled);
}

static uint64_t holder_hash(const void *ctx, uint32_t item)
{
    const struct organizations *o = ctx;
    return hash_of(&o->holders[item]);
}

static bool holder_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct organizations *o = ctx;
    const struct holder *a = &o->holders[item], *b = key;
    return a->organization == b->organization && a->rolled == b->rolled &&
           strcmp(a->user, b->user) == 0;
}

static void holder_remove(struct organizations *o, uint32_t item)
{
    uint32_t last = o->n_holders - 1;
    CHECK(index_remove(&o->holders_index, hash_of(&o->holders[item]), item));
    if (item != last) {
        uint64_t hash = hash_of(&o->holders[last]);
        CHECK(index_remove(&o->holders_index, hash, last));
        o->holders[item] = o->holders[last];
        o->n_holders--;
        index_add(&o->holders_index, hash, item, holder_hash, o);
        return;
    }
    o->n_holders--;
}

// By how much the number of users changes.
static int count_user(struct organizations *o, const struct account *organization, uint32_t rolled,
                      const struct subject *user, int sign)
{
    struct holder key = {organization->number, rolled, user->id, 1};
    uint64_t hash = hash_of(&key);
    uint32_t item = index_find(&o->holders_index, hash, holder_eq, o, &key);
    if (item == INDEX_NONE) {
        CHECK(sign > 0);
        MEM_GROW(o->holders, o->n_holders, o->holders_cap);
        o->holders[o->n_holders++] = key;
        index_add(&o->holders_index, hash, o->n_holders - 1, holder_hash, o);
        return 1;
    }
    o->holders[item].accounts += (uint32_t)sign;
    if (o->holders[item].accounts > 0)
        return 0;
    holder_remove(o, item);
    return -1;
}

// ---- Values -------------------------------------------------------------------------------------

static int64_t number_of(const struct subject *subject, const char *fact)
{
    int64_t number;
    return text_to_i64(router_kin_fact(subject, fact), &number) ? number : 0;
}

static __int128 *values_of(struct router_core *core, struct account *organization)
{
    struct kin *kin = router_kin(organization);
    if (kin->values == NULL)
        kin->values = mem_zalloc((core->organizations->n_rolled + 1) * sizeof *kin->values);
    return kin->values;
}

// What does not need to know which user: accounts and totals.
static __int128 account_adds(const struct rolled *rolled, const struct account *account)
{
    if (rolled->kind == ROLL_UP_TOTAL)
        return number_of(&account->self, rolled->name);
    bool holds = rolled->of_users ? router_state_users_with(account, rolled->name) > 0
                                  : router_state_holds(&account->self, rolled->name);
    return holds ? MILLI : 0;
}

void router_rollup_held(struct router_core *core, struct account *account,
                        const struct subject *subject, const struct held *held, int sign)
{
    struct organizations *o = core->organizations;
    struct account *organization = account->organization;
    for (uint32_t i = 0; i < o->n_rolled; i++) {
        const struct rolled *rolled = &o->rolled[i];
        if (rolled->name != held->name)
            continue;
        __int128 *values = values_of(core, organization);
        organization->kin->changed = true;
        if (rolled->kind != ROLL_UP_USERS)
            values[i] += sign * account_adds(rolled, account);
        else if (subject != &account->self && held->value)
            values[i] += MILLI * count_user(o, organization, i, subject, sign);
    }
}

void router_rollup_account(struct router_core *core, struct account *account, int sign)
{
    struct organizations *o = core->organizations;
    struct account *organization = account->organization;
    router_kin(organization)->changed = true;
    for (uint32_t i = 0; i < o->n_rolled; i++) {
        const struct rolled *rolled = &o->rolled[i];
        __int128 *values = values_of(core, organization);
        if (rolled->kind != ROLL_UP_USERS)
            values[i] += sign * account_adds(rolled, account);
        for (uint32_t j = 0; rolled->kind == ROLL_UP_USERS && j < account->n_users; j++)
            if (router_state_holds(account->users[j], rolled->name))
                values[i] += MILLI * count_user(o, organization, i, account->users[j], sign);
    }
}

// ---- Definitions --------------------------------------------------------------------------------

static uint32_t rolled_of(struct router_core *core, const struct condition *c)
{
    struct organizations *o = core->organizations;
    const char *name = core->signal_names[c->signal];
    uint32_t i = 0;
    while (i < o->n_rolled && (o->rolled[i].kind != c->roll_up || o->rolled[i].name != name))
        i++;
    return i;
}

static void learn_condition(struct router_core *core, int32_t condition)
{
    struct organizations *o = core->organizations;
    const struct condition *c = &core->playbook->conditions[condition];
    for (int32_t i = 0; i < c->n_children; i++)
        learn_condition(core, c->children[i]);
    if (c->kind != CONDITION_ROLL_UP || rolled_of(core, c) < o->n_rolled)
        return;
    o->rolled = mem_realloc(o->rolled, (o->n_rolled + 1) * sizeof *o->rolled);
    o->rolled[o->n_rolled++] =
        (struct rolled){c->roll_up, core->signal_names[c->signal],
                        core->playbook->signals[c->signal].scope == SCOPE_USER};
}

void router_rollup_learn(struct router_core *core)
{
    struct organizations *o = core->organizations;
    const struct playbook *playbook = core->playbook;
    size_t n = (size_t)playbook->n_org_definitions;
    o->definitions = mem_alloc((n + 1) * sizeof *o->definitions);
    o->labels = mem_alloc((n + 1) * sizeof *o->labels);
    for (size_t i = 0; i < n; i++) {
        const struct organization_definition *d = &playbook->org_definitions[i];
        o->definitions[i] = router_state_intern(core, span_of(d->name));
        o->labels[i] = router_state_intern(core, span_of(d->label));
        learn_condition(core, d->when);
    }
}

static bool holds(struct router_core *core, struct account *organization, int32_t condition)
{
    const struct condition *c = &core->playbook->conditions[condition];
    if (c->kind == CONDITION_ROLL_UP)
        return values_of(core, organization)[rolled_of(core, c)] >= c->low_milli;
    if (c->kind == CONDITION_ALWAYS)
        return true;
    int32_t n = 0;
    for (int32_t i = 0; i < c->n_children; i++)
        n += holds(core, organization, c->children[i]);
    if (c->kind == CONDITION_NOT)
        return n == 0;
    if (c->kind == CONDITION_ANY)
        return n > 0;
    return n >= (c->kind == CONDITION_AT_LEAST_N ? c->n_needed : c->n_children);
}

// ---- Reasons ------------------------------------------------------------------------------------

// Thousandths as a number: "3", "2.5".
static const char *number_text(__int128 milli, struct arena *arena)
{
    const char *sign = milli < 0 ? "-" : "";
    unsigned __int128 size = milli < 0 ? -(unsigned __int128)milli : (unsigned __int128)milli;
    if (size > INT64_MAX)
        size = INT64_MAX;
    unsigned long long whole = (unsigned long long)(size / MILLI);
    unsigned part = (unsigned)(size % MILLI);
    if (part == 0)
        return arena_printf(arena, "%s%llu", sign, whole);
    int digits = part % 100 == 0 ? 1 : part % 10 == 0 ? 2 : 3;
    return arena_printf(arena, "%s%llu.%0*u", sign, whole, digits,
                        digits == 1   ? part / 100
                        : digits == 2 ? part / 10
                                      : part);
}

static void add_name(struct reasons *out, const char *name)
{
    for (uint32_t i = 0; i < out->n_names; i++)
        if (out->names[i] == name)
            return;
    if (out->n_names < ROUTER_REASONS_MAX)
        out->names[out->n_names++] = name;
}

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

// The roll-ups that hold, wherever they stand but under a "not".
static void add_reasons(struct settling *s, struct account *organization, int32_t condition)
{
    struct router_core *core = s->core;
    const struct condition *c = &core->playbook->conditions[condition];
    if (c->kind == CONDITION_NOT)
        return;
    for (int32_t i = 0; i < c->n_children; i++)
        add_reasons(s, organization, c->children[i]);
    if (c->kind != CONDITION_ROLL_UP || !holds(core, organization, condition) ||
        s->reasons.n_evidence == ROUTER_EVIDENCE_MAX)
        return;
    const struct rolled *rolled = &core->organizations->rolled[rolled_of(core, c)];
    if (rolled->kind != ROLL_UP_TOTAL)
        add_name(&s->reasons, rolled->name);
    __int128 value = values_of(core, organization)[rolled_of(core, c)];
    s->reasons.evidence[s->reasons.n_evidence++] = (struct router_evidence){
        .condition = span_of(or_empty(c->text)),
        .value = span_of(number_text(value, &s->effects->texts)),
        .threshold = span_of(or_empty(c->threshold)),
        .since_ms = s->cause.at_ms,
    };
}

// ---- Deciding -----------------------------------------------------------------------------------

static void claim(struct settling *s, struct account *organization, const struct qualified *q,
                  int32_t condition)
{
    struct account *member =
        s->account->organization == organization ? s->account : organization->members[0];
    s->reasons.n_names = s->reasons.n_evidence = 0;
    add_name(&s->reasons, q->definition);
    add_reasons(s, organization, condition);
    router_settling_claim(s, member, q, NULL);
}

static void settle_definition(struct settling *s, struct account *organization, uint32_t i,
                              const char *reason)
{
    const struct organizations *o = s->core->organizations;
    const struct organization_definition *d = &s->core->playbook->org_definitions[i];
    struct qualified *q = router_standing_find(&organization->self, o->definitions[i]);
    bool open = q != NULL && !q->left;
    bool now = organization->n_members > 0 && holds(s->core, organization, d->when);
    if (open && !now)
        router_settling_leave(s, organization, &organization->self, q, reason);
    if (open || !now)
        return;
    struct entering entering = {o->definitions[i], o->labels[i], ROUTER_PQA,
                                q == NULL ? 1 : q->episode + 1};
    q = router_settling_enter(s, organization, &organization->self, &entering);
    claim(s, organization, q, d->when);
}

static bool is_gone(const struct router_core *core, const char *definition)
{
    const struct organizations *o = core->organizations;
    for (int32_t i = 0; o != NULL && i < core->playbook->n_org_definitions; i++)
        if (o->definitions[i] == definition)
            return false;
    return true;
}

static void settle_all(struct settling *s, struct account *organization, const char *reason)
{
    struct subject *self = &organization->self;
    for (uint32_t i = 0; i < self->n_qualified; i++)
        if (!self->qualified[i].left && is_gone(s->core, self->qualified[i].definition))
            router_settling_leave(s, organization, self, &self->qualified[i], GONE);
    if (s->core->organizations == NULL)
        return;
    for (int32_t i = 0; i < s->core->playbook->n_org_definitions; i++)
        settle_definition(s, organization, (uint32_t)i, reason);
    router_kin(organization)->changed = false;
}

void router_rollup_settle(struct settling *s, struct account *organization, const char *reason)
{
    CHECK(account_is_organization(organization));
    if (organization->kin == NULL || organization->kin->changed)
        settle_all(s, organization, reason);
}

void router_rollup_settle_again(struct settling *s)
{
    struct account *organization = s->account;
    if (organization->n_members > 0)
        s->account = organization->members[0];
    s->cause.at_ms = router_standing_clock(s->account, &s->cause.known_at_ms);
    settle_all(s, organization, NULL);
    struct router_lead *lead = organization->lead;
    if (router_leads_open(lead) && s->left && !router_standing_qualifies(s->core, organization))
        router_leads_end(s->core, lead, s->why, &s->cause, s->effects);
}
