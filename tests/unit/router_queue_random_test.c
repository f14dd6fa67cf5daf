// SPDX-License-Identifier: Apache-2.0
// links: router_core playbook
//
// Random inputs to queues; after each, what is kept for speed (heaps, counts, the next instant) is
// worked out again the slow way, and what is handed out is what is strongest by the rule itself.
#include <criterion/criterion.h>

#include "services/router/core/state.h"
#include "tests/support/random.h"
#include "tests/support/router_world.h"

#define HEAD                                                                                       \
    "playbook: test\nversion: 1\n"                                                                 \
    "measures:\n"                                                                                  \
    "  projects: {count: Project Created}\n"                                                       \
    "  usage: {count: any, per: account}\n"                                                        \
    "signals:\n"                                                                                   \
    "  ready: {projects: {at_least: 3}}\n"                                                         \
    "  busy: {usage: {at_least: 50}}\n"                                                            \
    "  vip: {usage: {at_least: 500}}\n"                                                            \
    "qualify: {pql: ready}\n"

// Two that age, one that does not and has another queue, one whose queue waits for an hour.
static const char *const PLAYBOOKS[] = {
    HEAD "route:\n"
         "  - {when: busy, motion: sales, priority: 3}\n"
         "  - {when: always, motion: self_serve}\n"
         "priority: [{when: vip, add: 5}]\n"
         "aging: {points: 1, every: 1h}\n"
         "queues: {sales: {lease: 10m, attempts: 2}, self_serve: {lease: 1h, attempts: 3}}\n",
    HEAD "route:\n"
         "  - {when: busy, motion: sales}\n"
         "  - {when: always, motion: self_serve, priority: 2}\n"
         "priority: [{when: vip, add: 1}]\n"
         "aging: {points: 7, every: 30m}\n"
         "queues: {sales: {lease: 10m, attempts: 1}, self_serve: {lease: 1m, attempts: 9}}\n",
    HEAD "route:\n"
         "  - {when: vip, motion: success, queue: vip, priority: 9}\n"
         "  - {when: always, motion: self_serve}\n"
         "priority: [{when: busy, add: 2}]\n"
         "queues: {vip: {lease: 5m}, self_serve: {lease: 1h}}\n",
    HEAD "route:\n"
         "  - {when: vip, motion: sales, first: true}\n"
         "  - {when: always, motion: self_serve}\n"
         "queues: {sales: {deliver: busiest_hour}, self_serve: {deliver: busiest_hour}}\n",
};
static const char *const QUEUES[] = {"sales", "self_serve", "vip"};

enum { ACCOUNTS = 12, STEPS = 1500, ROUNDS = 12, TOKENS = 4096 };

static struct {
    struct test_random random;
    struct router_world w;
    int64_t now_ms;
    char tokens[TOKENS][ROUTER_TOKEN_BYTES];
    size_t n_tokens;
    uint32_t episodes[ACCOUNTS];
} R;

static uint64_t below(uint64_t bound)
{
    return test_random_below(&R.random, bound);
}

// ---- The slow way -------------------------------------------------------------------------------

static bool can_be_leased(const struct router_lead *lead)
{
    return lead->state == ROUTER_WAITING && lead->not_before_ms <= R.w.core->clock_ms;
}

// Strength now: priority, and points for the time that it has waited, over a common denominator.
static bool stronger(const struct router_lead *a, const struct router_lead *b)
{
    const struct playbook *playbook = R.w.core->playbook;
    int64_t every = playbook->age_points > 0 ? playbook->age_ms : 1;
    int64_t x = a->priority * every + (R.now_ms - a->known_at_ms) * playbook->age_points;
    int64_t y = b->priority * every + (R.now_ms - b->known_at_ms) * playbook->age_points;
    return x != y ? x > y : a->serial < b->serial;
}

static const struct router_lead *strongest(const char *queue)
{
    const struct router_lead *best = NULL;
    for (size_t i = 0; i < R.w.core->n_leads; i++) {
        const struct router_lead *lead = R.w.core->leads[i];
        if (can_be_leased(lead) && strcmp(lead->queue, queue) == 0 &&
            (best == NULL || stronger(lead, best)))
            best = lead;
    }
    return best;
}

static int64_t due_of(const struct router_lead *lead)
{
    if (lead->state == ROUTER_LEASED)
        return lead->lease_until_ms;
    return lead->state == ROUTER_WAITING && lead->not_before_ms != 0 ? lead->not_before_ms
                                                                     : INT64_MAX;
}

static void check_queues(void)
{
    const struct router_core *core = R.w.core;
    for (size_t q = 0; q < core->n_queues; q++) {
        const struct router_queue *queue = core->queues[q];
        uint64_t ready = 0, counts[ROUTER_LEAD_STATES] = {0};
        for (size_t i = 0; i < core->n_leads; i++) {
            const struct router_lead *lead = core->leads[i];
            if (lead->in != queue)
                continue;
            counts[lead->state]++;
            ready += can_be_leased(lead);
            cr_assert_eq(lead->ready, can_be_leased(lead), "%s", lead->id);
            cr_assert(!lead->ready || lead->rank == router_leads_rank(core, lead), "%s", lead->id);
        }
        cr_assert_eq(queue->ready, ready);
        cr_assert_eq(memcmp(counts, queue->counts, sizeof counts), 0);
        cr_assert(queue->waiting.n <= 2 * core->n_leads + 64);
    }
}

static void check(void)
{
    int64_t next_ms = INT64_MAX;
    uint64_t armed = 0;
    for (size_t i = 0; i < R.w.core->n_leads; i++) {
        const struct router_lead *lead = R.w.core->leads[i];
        int64_t due_ms = due_of(lead);
        next_ms = due_ms < next_ms ? due_ms : next_ms;
        armed += lead->timer_at_ms != STATE_NEVER;
        cr_assert(due_ms > R.w.core->clock_ms, "%s was due", lead->id);
        cr_assert((uint64_t)lead->attempts_base + lead->n_delays <= lead->attempts);
    }
    cr_assert_eq(R.w.core->n_armed, armed);
    cr_assert_eq(router_core_next_due(R.w.core), next_ms);
    check_queues();
    int64_t last_ms = INT64_MIN;
    for (size_t i = 0; i < R.w.effects.n; i++) {
        const struct router_decision *d = &R.w.effects.items[i];
        if (d->kind != ROUTER_DECISION_LEAD || d->event_id.len > 0)
            continue;
        cr_assert(d->at_ms >= last_ms && d->at_ms <= R.w.core->clock_ms);
        last_ms = d->at_ms;
    }
    router_effects_clear(&R.w.effects);
}

// ---- Inputs -------------------------------------------------------------------------------------

static void op_signal(void)
{
    static const char *const NAMES[] = {"busy", "vip", "qualify.pql", "fact.measure.busiest_hour"};
    int account = (int)below(ACCOUNTS);
    const char *name = NAMES[below(ARRAY_LEN(NAMES))];
    bool pql = name == NAMES[2];
    char id[16], hour[16];
    snprintf(id, sizeof id, "a%d", account);
    snprintf(hour, sizeof hour, "%d000", (int)below(24) + 1);
    struct router_signal s =
        router_world_signal(++R.w.position, 0, id, pql ? "u" : "", name, below(3) > 0);
    s.at_ms = s.known_at_ms = R.now_ms;
    s.label = span_of(name == NAMES[3] ? hour : "");
    if (pql && s.value && below(2) == 0)
        R.episodes[account]++;
    s.episode = R.episodes[account] + 1;
    router_core_signals(R.w.core, 0, &s, 1, &R.w.effects);
}

static void op_lease(void)
{
    const struct router_lead *out[ROUTER_LEASE_LEADS_MAX];
    const char *queue = QUEUES[below(ARRAY_LEN(QUEUES))];
    struct router_lease request = {.queue = span_of(queue), .consumer = span_of("c"), .max = 1};
    request.lease_ms = below(2) == 0 ? 0 : 1 + (int64_t)below(3600 * 1000);
    router_core_tick(R.w.core, R.now_ms, &R.w.effects);
    const struct router_lead *expected = strongest(queue);
    bool known = router_core_prospect(R.w.core, &request) != ROUTER_PROSPECT_UNKNOWN;
    cr_assert_eq(router_core_prospect(R.w.core, &request) == ROUTER_PROSPECT_LEADS,
                 expected != NULL);
    size_t n;
    enum err err = router_core_lease(R.w.core, R.now_ms, &request, out, &n, &R.w.effects, NULL);
    cr_assert_eq(err == ERR_OK, known);
    cr_assert_eq(n, expected != NULL ? 1 : 0);
    if (n == 0)
        return;
    cr_assert_eq(out[0], expected, "%s instead of %s", out[0]->id, expected->id);
    cr_assert(R.n_tokens < TOKENS);
    router_lead_token(out[0], R.tokens[R.n_tokens]);
    for (size_t i = 0; i < R.n_tokens; i++)
        cr_assert(strcmp(R.tokens[i], R.tokens[R.n_tokens]) != 0);
    R.n_tokens++;
}

// Somebody does something with the last token of some lead, whatever state it is in.
static void op_use(void)
{
    static const char *const OUTCOMES[] = {"accepted", "rejected", "meeting", "won", "lost"};
    if (R.w.core->n_leads == 0)
        return;
    struct router_lead *lead = R.w.core->leads[below(R.w.core->n_leads)];
    char text[ROUTER_TOKEN_BYTES];
    router_lead_token(lead, text);
    struct span id = span_of(lead->id), token = span_of(text);
    const struct router_lead *out;
    enum err err = ERR_OK;
    size_t n;
    switch (below(7)) {
    case 0:
        err = router_core_ack(R.w.core, R.now_ms, id, token, &out, &R.w.effects, NULL);
        break;
    case 1:
        err = router_core_extend(R.w.core, R.now_ms, id, token, 1 + (int64_t)below(7200000), &out,
                                 &R.w.effects, NULL);
        break;
    case 2:
        err = router_core_complete(R.w.core, R.now_ms, id, token, span_of(OUTCOMES[below(5)]), &out,
                                   &R.w.effects, NULL);
        break;
    case 3:
        err = router_core_park(R.w.core, R.now_ms, id, below(2) == 0 ? token : span_of(""),
                               span_of("later"), span_of("o"), &out, &R.w.effects, NULL);
        break;
    case 4:
        err = router_core_redrive(R.w.core, R.now_ms, below(2) == 0 ? id : span_of(""),
                                  span_of(QUEUES[below(3)]), span_of("o"), &n, &R.w.effects, NULL);
        break;
    default:
        err = router_core_release(R.w.core, R.now_ms, id, token, span_of(""),
                                  below(2) == 0 ? 0 : (int64_t)below(7200000), &out, &R.w.effects,
                                  NULL);
    }
    cr_assert(err == ERR_OK || err == ERR_CONFLICT || err == ERR_NOT_FOUND);
}

static void step(void)
{
    if (below(3) == 0)
        R.now_ms += (int64_t)below(below(4) == 0 ? 6 * 3600 * 1000 : 10 * 60 * 1000);
    switch (below(20)) {
    case 0:
        router_core_tick(R.w.core, R.now_ms, &R.w.effects);
        router_core_set_playbook(
            R.w.core, router_world_playbook(PLAYBOOKS[below(ARRAY_LEN(PLAYBOOKS))]), &R.w.effects);
        break;
    case 1:
    case 2:
        router_core_tick(R.w.core, R.now_ms, &R.w.effects);
        break;
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
        op_lease();
        break;
    case 9:
    case 10:
    case 11:
    case 12:
        op_use();
        break;
    default:
        op_signal();
    }
    check();
}

Test(router_queue_random, what_is_kept_for_speed_is_true, .timeout = 120)
{
    uint64_t seed = test_random_seed();
    fprintf(stderr, "TEST_SEED=%llu\n", (unsigned long long)seed);
    for (int round = 0; round < ROUNDS; round++) {
        memset(&R, 0, sizeof R);
        R.random.state = seed + (uint64_t)round;
        R.now_ms = 1700000000000;
        router_world_init(&R.w);
        router_core_set_playbook(R.w.core, router_world_playbook(PLAYBOOKS[round % 4]),
                                 &R.w.effects);
        router_effects_clear(&R.w.effects);
        for (int i = 0; i < STEPS; i++)
            step();
        cr_assert(R.n_tokens > 10 && R.w.core->n_leads > 3);
        router_world_deinit(&R.w);
    }
}
