// SPDX-License-Identifier: Apache-2.0
#include "services/router/core/state.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/mem.h"

// ---- Names --------------------------------------------------------------------------------------

static bool name_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct router_core *core = ctx;
    return span_is(*(const struct span *)key, core->names[item]);
}

static uint64_t name_hash(const void *ctx, uint32_t item)
{
    const struct router_core *core = ctx;
    return hash64(span_of(core->names[item]));
}

const char *router_state_interned(const struct router_core *core, struct span text)
{
    uint32_t item = index_find(&core->names_index, hash64(text), name_eq, core, &text);
    return item == INDEX_NONE ? NULL : core->names[item];
}

const char *router_state_intern(struct router_core *core, struct span text)
{
    const char *known = router_state_interned(core, text);
    if (known != NULL)
        return known;
    MEM_GROW(core->names, core->n_names, core->names_cap);
    uint32_t item = (uint32_t)core->n_names++;
    core->names[item] = mem_dup(text);
    index_add(&core->names_index, hash64(text), item, name_hash, core);
    return core->names[item];
}

// ---- Accounts and their users -------------------------------------------------------------------

static bool account_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct router_core *core = ctx;
    return span_is(*(const struct span *)key, core->accounts[item]->id);
}

static uint64_t account_hash(const void *ctx, uint32_t item)
{
    const struct router_core *core = ctx;
    return hash64(span_of(core->accounts[item]->id));
}

static void subject_init(struct subject *subject, struct span id)
{
    static const char NONE[] = ""; // of the account itself; never written, never freed
    *subject = (struct subject){.id = id.len > 0 ? mem_dup(id) : (char *)NONE};
}

static void subject_deinit(struct subject *subject)
{
    for (uint32_t i = 0; i < subject->n_held; i++) {
        router_state_text_free(subject->held[i].event_id);
        router_state_evidence_free(subject->held[i].evidence);
        mem_free(subject->held[i].reason);
        mem_free(subject->held[i].fact);
    }
    mem_free(subject->held);
    mem_free(subject->answered);
    router_standing_deinit(subject);
    if (subject->id[0] != '\0')
        mem_free(subject->id);
}

struct account *router_state_account_find(const struct router_core *core, struct span id)
{
    uint32_t item = index_find(&core->accounts_index, hash64(id), account_eq, core, &id);
    return item == INDEX_NONE ? NULL : core->accounts[item];
}

struct account *router_state_account_add(struct router_core *core, struct span id)
{
    struct account *account = router_state_account_find(core, id);
    if (account != NULL)
        return account;
    account = mem_zalloc(sizeof *account);
    account->id = mem_dup(id);
    account->number = (uint32_t)core->n_accounts;
    subject_init(&account->self, span_of(""));
    MEM_GROW(core->accounts, core->n_accounts, core->accounts_cap);
    core->accounts[core->n_accounts++] = account;
    index_add(&core->accounts_index, hash64(id), account->number, account_hash, core);
    return account;
}

static void account_destroy(struct account *account)
{
    for (uint32_t i = 0; i < account->n_users; i++) {
        subject_deinit(account->users[i]);
        mem_free(account->users[i]);
    }
    mem_free(account->users);
    mem_free(account->tallies);
    mem_free(account->members);
    for (uint32_t i = 0; i < account->n_history; i++)
        router_state_text_free(account->history[i].event_id);
    mem_free(account->history);
    subject_deinit(&account->self);
    mem_free(account->id);
    mem_free(account);
}

struct subject *router_state_user(struct account *account, struct span id, bool add)
{
    uint32_t low = 0;
    uint32_t high = account->n_users;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = span_cmp(span_of(account->users[middle]->id), id);
        if (c == 0)
            return account->users[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (!add)
        return NULL;
    STATE_GROW(account->users, account->n_users, account->users_cap);
    memmove(account->users + low + 1, account->users + low,
            (account->n_users - low) * sizeof *account->users);
    struct subject *user = mem_alloc(sizeof *user);
    subject_init(user, id);
    account->users[low] = user;
    account->n_users++;
    return user;
}

// ---- Signals held -------------------------------------------------------------------------------

struct held *router_state_held(struct subject *subject, const char *name, bool add)
{
    for (uint32_t i = 0; i < subject->n_held; i++)
        if (subject->held[i].name == name)
            return &subject->held[i];
    if (!add)
        return NULL;
    STATE_GROW(subject->held, subject->n_held, subject->held_cap);
    struct held *held = &subject->held[subject->n_held++];
    bool is_fact = strncmp(name, STATE_FACT, sizeof STATE_FACT - 1) == 0;
    *held = (struct held){.name = name, .label = "", .is_fact = is_fact};
    return held;
}

bool router_state_holds(const struct subject *subject, const char *name)
{
    const struct held *held = router_state_held((struct subject *)subject, name, false);
    return held != NULL && held->value;
}

uint32_t router_state_users_with(const struct account *account, const char *name)
{
    for (uint32_t i = 0; i < account->n_tallies; i++)
        if (account->tallies[i].name == name)
            return account->tallies[i].users;
    return 0;
}

void router_state_tally(struct account *account, const char *name, int change)
{
    for (uint32_t i = 0; i < account->n_tallies; i++) {
        if (account->tallies[i].name == name) {
            account->tallies[i].users += (uint32_t)change;
            return;
        }
    }
    CHECK(change > 0);
    STATE_GROW(account->tallies, account->n_tallies, account->tallies_cap);
    account->tallies[account->n_tallies++] = (struct tally){name, (uint32_t)change};
}

// ---- What has changed ---------------------------------------------------------------------------

void router_state_account_changed(struct router_core *core, struct account *account)
{
    if (account->dirty)
        return;
    account->dirty = true;
    MEM_GROW(core->dirty_accounts, core->n_dirty_accounts, core->dirty_accounts_cap);
    core->dirty_accounts[core->n_dirty_accounts++] = account->number;
}

void router_state_lead_changed(struct router_core *core, struct router_lead *lead)
{
    if (lead->dirty)
        return;
    lead->dirty = true;
    MEM_GROW(core->dirty_leads, core->n_dirty_leads, core->dirty_leads_cap);
    core->dirty_leads[core->n_dirty_leads++] = lead->serial;
}

// ---- Lanes --------------------------------------------------------------------------------------

struct router_mark *router_state_mark(struct router_core *core, uint32_t lane, bool add)
{
    size_t i = 0;
    while (i < core->n_marks && core->marks[i].lane < lane)
        i++;
    if (i < core->n_marks && core->marks[i].lane == lane)
        return &core->marks[i];
    if (!add)
        return NULL;
    MEM_GROW(core->marks, core->n_marks, core->marks_cap);
    memmove(core->marks + i + 1, core->marks + i, (core->n_marks - i) * sizeof *core->marks);
    core->n_marks++;
    core->marks[i] = (struct router_mark){.lane = lane};
    return &core->marks[i];
}

// ---- Queues and leads ---------------------------------------------------------------------------

struct router_queue *router_state_queue(struct router_core *core, struct span name, bool add)
{
    for (size_t i = 0; i < core->n_queues; i++)
        if (span_is(name, core->queues[i]->name))
            return core->queues[i];
    if (!add)
        return NULL;
    struct router_queue *queue = mem_zalloc(sizeof *queue);
    queue->name = router_state_intern(core, name);
    MEM_GROW(core->queues, core->n_queues, core->queues_cap);
    core->queues[core->n_queues++] = queue;
    return queue;
}

bool router_state_queue_known(const struct router_queue *queue)
{
    if (queue == NULL || queue->name[0] == '\0')
        return false;
    uint64_t leads = 0;
    for (int state = 1; state < ROUTER_LEAD_STATES; state++)
        leads += queue->counts[state];
    return queue->rules != NULL || leads > 0;
}

static bool lead_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct router_core *core = ctx;
    return span_is(*(const struct span *)key, core->leads[item]->id);
}

static uint64_t lead_hash(const void *ctx, uint32_t item)
{
    const struct router_core *core = ctx;
    return hash64(span_of(core->leads[item]->id));
}

struct router_lead *router_state_lead_find(const struct router_core *core, struct span id)
{
    uint32_t item = index_find(&core->leads_index, hash64(id), lead_eq, core, &id);
    return item == INDEX_NONE ? NULL : core->leads[item];
}

struct router_lead *router_state_lead_add(struct router_core *core, struct account *account,
                                          const char *id)
{
    struct router_lead *lead = mem_zalloc(sizeof *lead);
    CHECK(strlen(id) < sizeof lead->id);
    memcpy(lead->id, id, strlen(id) + 1);
    lead->account = account->number;
    lead->account_id = account->id;
    lead->motion = lead->queue = lead->playbook = lead->outcome = "";
    lead->route = lead->parked_reason = lead->message = "";
    lead->organization = router_organizations_key(account);
    lead->team = lead->rep = "";
    lead->units = 1;
    lead->overflow_at_ms = lead->sla_due_ms = INT64_MAX;
    lead->timer_at_ms = STATE_NEVER;
    lead->before = account->lead;
    lead->number = lead->before == NULL ? 1 : lead->before->number + 1;
    account->lead = lead;
    MEM_GROW(core->leads, core->n_leads, core->leads_cap);
    uint32_t item = (uint32_t)core->n_leads++;
    core->leads[item] = lead;
    lead->serial = core->n_leads;
    index_add(&core->leads_index, hash64(span_of(id)), item, lead_hash, core);
    return lead;
}

// Two lists of n in one block: the second behind the first.
static void pairs_add(const char *const **first, const char *const **second, uint32_t n,
                      const char *a, const char *b)
{
    const char **block = mem_realloc((void *)*first, 2 * ((size_t)n + 1) * sizeof *block);
    memmove(block + n + 1, block + n, n * sizeof *block);
    block[n] = a;
    block[2 * n + 1] = b;
    *first = block;
    *second = block + n + 1;
}

void router_state_lead_definition(struct router_lead *lead, const char *definition,
                                  const char *label)
{
    if (lead->n_definitions == ROUTER_DEFINITIONS_MAX)
        return;
    pairs_add(&lead->definitions, &lead->labels, lead->n_definitions, definition, label);
    lead->n_definitions++;
}

void router_state_lead_arm(struct router_lead *lead, const char *experiment, const char *arm)
{
    if (lead->n_experiments == ROUTER_EXPERIMENTS_MAX)
        return;
    pairs_add(&lead->experiments, &lead->arms, lead->n_experiments, experiment, arm);
    lead->n_experiments++;
}

void router_state_lead_passed(struct router_lead *lead, const char *rep)
{
    const char **passed = (const char **)lead->passed;
    if (lead->n_passed == ROUTER_PASSED_MAX)
        memmove(passed, passed + 1, (--lead->n_passed) * sizeof *passed);
    else
        passed = mem_realloc(passed, ((size_t)lead->n_passed + 1) * sizeof *passed);
    passed[lead->n_passed++] = rep;
    lead->passed = passed;
}

static void lead_destroy(struct router_lead *lead)
{
    mem_free((void *)lead->definitions);
    mem_free((void *)lead->experiments);
    mem_free((void *)lead->passed);
    mem_free(lead->reasons);
    router_state_evidence_free(lead->evidence);
    mem_free(lead->contacts);
    mem_free(lead->consumer);
    mem_free(lead->ended_reason);
    mem_free(lead);
}

// ---- Lease requests that are remembered ---------------------------------------------------------

struct remembered_key {
    struct span consumer;
    struct span request_id;
};

static uint64_t remembered_hash_of(struct span consumer, struct span request_id)
{
    return hash64_seeded(request_id, hash64(consumer));
}

static bool remembered_eq(const void *ctx, uint32_t item, const void *key)
{
    const struct router_core *core = ctx;
    const struct remembered_key *k = key;
    const struct remembered *r = &core->remembered[item];
    return span_is(k->request_id, r->request_id) && span_is(k->consumer, r->consumer);
}

static uint64_t remembered_hash(const void *ctx, uint32_t item)
{
    const struct router_core *core = ctx;
    const struct remembered *r = &core->remembered[item];
    return remembered_hash_of(span_of(r->consumer), span_of(r->request_id));
}

struct remembered *router_state_remembered_find(const struct router_core *core,
                                                struct span consumer, struct span request_id)
{
    struct remembered_key key = {consumer, request_id};
    uint32_t item = index_find(&core->remembered_index, remembered_hash_of(consumer, request_id),
                               remembered_eq, core, &key);
    return item == INDEX_NONE ? NULL : &core->remembered[item];
}

static void remembered_forget(struct router_core *core, uint32_t item)
{
    struct remembered *r = &core->remembered[item];
    if (r->number == 0)
        return;
    CHECK(index_remove(&core->remembered_index, remembered_hash(core, item), item));
    mem_free(r->consumer);
    mem_free(r->request_id);
    mem_free(r->leads);
    mem_free(r->attempts);
    *r = (struct remembered){0};
}

struct remembered *router_state_remembered_add(struct router_core *core, uint64_t number,
                                               struct span consumer, struct span request_id,
                                               uint32_t n)
{
    CHECK(number > core->last_remembered);
    uint32_t item = (uint32_t)(number % ROUTER_REMEMBERED_MAX);
    remembered_forget(core, item);
    core->last_remembered = number;
    struct remembered *r = &core->remembered[item];
    *r = (struct remembered){
        .number = number,
        .consumer = mem_dup(consumer),
        .request_id = mem_dup(request_id),
        .n = n,
        .leads = mem_zalloc(n * sizeof *r->leads),
        .attempts = mem_zalloc(n * sizeof *r->attempts),
    };
    index_add(&core->remembered_index, remembered_hash(core, item), item, remembered_hash, core);
    return r;
}

// ---- Life cycle ---------------------------------------------------------------------------------

struct router_core *router_core_create(void)
{
    struct router_core *core = mem_zalloc(sizeof *core);
    core->clock_ms = STATE_NEVER;
    core->remembered = mem_zalloc(ROUTER_REMEMBERED_MAX * sizeof *core->remembered);
    core->label = router_state_intern(core, span_of(""));
    router_state_queue(core, span_of(""), true);
    return core;
}

void router_core_by_event(struct router_core *core)
{
    core->by_event = true;
}

void router_core_destroy(struct router_core *core)
{
    if (core == NULL)
        return;
    router_organizations_deinit(core);
    for (size_t i = 0; i < core->n_accounts; i++)
        account_destroy(core->accounts[i]);
    for (size_t i = 0; i < core->n_leads; i++)
        lead_destroy(core->leads[i]);
    for (size_t i = 0; i < core->n_queues; i++) {
        heap_deinit(&core->queues[i]->waiting);
        mem_free(core->queues[i]->waiting_of);
        mem_free(core->queues[i]);
    }
    for (size_t i = 0; i < core->n_crews; i++)
        router_teams_deinit(core->crews[i]);
    for (uint32_t i = 0; i < ROUTER_REMEMBERED_MAX; i++)
        remembered_forget(core, i);
    for (size_t i = 0; i < core->n_names; i++)
        mem_free(core->names[i]);
    router_state_text_free(core->last_text);
    router_state_evidence_free(core->last_evidence);
    playbook_destroy(core->playbook);
    heap_deinit(&core->expiries);
    index_deinit(&core->names_index);
    index_deinit(&core->accounts_index);
    index_deinit(&core->leads_index);
    index_deinit(&core->remembered_index);
    mem_free(core->signal_names);
    mem_free(core->in_routes);
    mem_free(core->definitions);
    mem_free(core->outcomes.items);
    mem_free(core->marks);
    mem_free(core->names);
    mem_free(core->accounts);
    mem_free(core->leads);
    mem_free(core->queues);
    mem_free(core->crews);
    mem_free(core->remembered);
    mem_free(core->group.touched);
    mem_free(core->dirty_accounts);
    mem_free(core->dirty_leads);
    mem_free(core);
}

static void restore_subject(struct router_core *core, struct account *account,
                            struct subject *subject, bool user)
{
    for (uint32_t i = 0; user && i < subject->n_held; i++)
        if (subject->held[i].value)
            router_state_tally(account, subject->held[i].name, 1);
    for (int i = 0; i < ROUTER_STAGES; i++)
        core->n_stage[i] += router_standing_ever(subject, (enum router_stage)(i + 1));
}

// Leads into their queues, with what teams derive from that; their states are counted after it.
static bool restore_places(struct router_core *core)
{
    for (size_t i = 0; i < core->n_leads; i++) {
        struct router_lead *lead = core->leads[i];
        lead->in = router_state_queue(core, span_of(lead->queue), true);
        lead->rank = router_leads_rank(core, lead);
        bool queued = lead->state >= ROUTER_WAITING && lead->state <= ROUTER_COMPLETED;
        if (queued && lead->queue[0] == '\0')
            return false;
    }
    return router_teams_restored(core);
}

static void restore_outcome(struct router_core *core, const struct router_lead *lead)
{
    struct account *account = router_state_account_find(core, span_of(lead->account_id));
    CHECK(account != NULL);
    if (lead->account_clock_ms > account->outcome_clock_ms)
        account->outcome_clock_ms = lead->account_clock_ms;
    if (lead->completed_offset > core->reported)
        router_outcomes_add(core, lead);
}

bool router_state_restored(struct router_core *core)
{
    for (size_t i = 0; i < core->n_accounts; i++) {
        struct account *account = core->accounts[i];
        restore_subject(core, account, &account->self, false);
        for (uint32_t j = 0; j < account->n_users; j++)
            restore_subject(core, account, account->users[j], true);
    }
    if (!router_organizations_restored(core) || !restore_places(core))
        return false;
    for (size_t i = 0; i < core->n_leads; i++) {
        struct router_lead *lead = core->leads[i];
        enum router_lead_state state = lead->state;
        lead->state = 0;
        router_leads_set_state(core, lead, state);
        lead->dirty = false;
        if (state == ROUTER_COMPLETED)
            restore_outcome(core, lead);
    }
    core->n_dirty_leads = 0;
    router_outcomes_sort(core);
    return true;
}
