// SPDX-License-Identifier: Apache-2.0
// links: router_rows router_codec playbook
//
// As router_restart_test, with teams, organizations, experiments and prompts: two cores get the
// same random inputs of every kind, one of them is restored from its rows on the way, and both must
// decide, hand out and show the same.
#include <criterion/criterion.h>

#include "tests/support/random.h"
#include "tests/support/router_machine.h"
#include "tests/support/router_world.h"

enum { STEPS = 2500, STEPS_RESTARTED = 600, ACCOUNTS = 40, USERS = 4, LEADS_MAX = 20000 };
enum { ROUNDS = 6, ROUNDS_MAX = 60 };
static const int64_t MONDAY_MS = 1767571200000; // 2026-01-05
enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };

// Small caps, short times, every rule: much happens in few steps.
static const char TIGHT[] =
    "playbook: tight\n"
    "version: 1\n"
    "measures:\n"
    "  projects: {count: Project Created}\n"
    "  usage: {count: any, per: account}\n"
    "  paid: {count: Paid, per: account}\n"
    "signals:\n"
    "  ready: {projects: {at_least: 3}}\n"
    "  keen: {projects: {at_least: 5}}\n"
    "  busy: {usage: {at_least: 50}}\n"
    "  huge: {usage: {at_least: 90}}\n"
    "  odd: {usage: {at_least: 1000}}\n"
    "segments:\n"
    "  big: {account.employees: {at_least: 1000}}\n"
    "qualify:\n"
    "  pal: {projects: {at_least: 1}}\n"
    "  pql: ready\n"
    "  trial: {as: pql, when: keen}\n"
    "  pqa: busy\n"
    "  wide: {as: pqa, per: organization, when: {accounts_with: {signal: busy, at_least: 2}}}\n"
    "organizations: {by: [account.parent, account.company, email_domain]}\n"
    "lifecycle:\n"
    "  customer: {paid: {at_least: 1}}\n"
    "contact:\n"
    "  never: {user.unsubscribed: true}\n"
    "  consent: {user.agreed: true}\n"
    "route:\n"
    "  - {when: odd, motion: hold_out}\n"
    "  - {when: huge, motion: success, priority: 5, first: true}\n"
    "  - {when: {segment: big}, motion: sales, queue: enterprise, priority: 50, message: grow}\n"
    "  - {when: busy, motion: sales, priority: 10}\n"
    "  - {when: keen, motion: sales, priority: 3}\n"
    "  - {when: always, motion: self_serve, message: upgrade}\n"
    "priority:\n"
    "  - {when: keen, add: 7}\n"
    "aging: {points: 1, every: 1h}\n"
    "effort:\n"
    "  - {when: {segment: big}, units: 3}\n"
    "queues:\n"
    "  sales: {lease: 20m, attempts: 3}\n"
    "  enterprise: {lease: 2h, attempts: 2}\n"
    "  self_serve: {lease: 1h, attempts: 3, deliver: busiest_hour}\n"
    "  success: {lease: 1h, attempts: 2}\n"
    "owner: account.owner\n"
    "teams:\n"
    "  smb:\n"
    "    queue: sales\n"
    "    zone: Europe/Berlin\n"
    "    caps: {open: 3, per_day: 4, per_period: {at_most: 9, within: 3d}, units: 6}\n"
    "    reps:\n"
    "      ana: {weight: 2}\n"
    "      ben: {takes: busy, hours: \"08:00-18:00\"}\n"
    "      cleo: {caps: {open: 1}, absent: [{from: 2026-01-06, to: 2026-01-07}]}\n"
    "      dan: {inactive: true}\n"
    "    full: {wait: 2h, then: self_serve}\n"
    "    sla: {first_touch: 1h, remind: 30m, reassign: 1, escalate: [{after: 3h, to: lead}]}\n"
    "    admit: {slots_per_week: 30, days: 7}\n"
    "  big:\n"
    "    queue: enterprise\n"
    "    zone: America/New_York\n"
    "    hours: \"09:00-17:00\"\n"
    "    caps: {units: 9, when: [{if: {segment: big}, open: 2}]}\n"
    "    reps: {eve: {}, fay: {}}\n"
    "    owner: wait\n"
    "    full: {wait: 6h, then: {motion: sales, queue: sales}}\n"
    "    sla: {first_touch: 2h, reassign: 0, escalate: [{after: 4h, to: head}]}\n"
    "experiments:\n"
    "  worth:\n"
    "    holdout: 20%\n"
    "    arms: {soon: {share: 50%, first_touch: 30m}, later: {share: 50%, message: grow}}\n"
    "    within: 2d\n"
    "    size: 100\n"
    "prompts:\n"
    "  upgrade: {text: Upgrade, expires: 3d}\n"
    "  grow: {when: busy, text: Grow, priority: 5, snooze: 4h}\n";

// What stays of it under the next version: fewer reps, another team's queue, no organizations.
static const char NEXT[] = "playbook: tight\n"
                           "version: 2\n"
                           "measures:\n"
                           "  projects: {count: Project Created}\n"
                           "  usage: {count: any, per: account}\n"
                           "signals:\n"
                           "  ready: {projects: {at_least: 3}}\n"
                           "  busy: {usage: {at_least: 50}}\n"
                           "qualify: {pql: ready, pqa: busy}\n"
                           "route:\n"
                           "  - {when: busy, motion: sales, priority: 20}\n"
                           "  - {when: always, motion: self_serve}\n"
                           "queues:\n"
                           "  sales: {lease: 20m, attempts: 3}\n"
                           "teams:\n"
                           "  smb:\n"
                           "    queue: sales\n"
                           "    reps: {ana: {}, zoe: {weight: 3, caps: {open: 2}}}\n";

struct play {
    struct machine plain, restarted;
    struct test_random random;
    int64_t now_ms;
    uint64_t position;
    uint32_t attempts[LEADS_MAX + 1]; // by serial: of the last lease seen
    uint64_t n_leads, n_steps[ROUTER_STEP_MOVED + 1], n_prompts;
};

static uint64_t below(struct play *p, uint64_t n)
{
    return test_random_below(&p->random, n);
}

#define PICK(p, list) ((list)[below(p, ARRAY_LEN(list))])

static struct router_core *core_of(struct play *p, int which)
{
    return which == 0 ? p->plain.core : p->restarted.core;
}

static struct router_effects *effects_of(struct play *p, int which)
{
    return which == 0 ? &p->plain.effects : &p->restarted.effects;
}

// What a signal's decisions point to is gone when its sender returns.
static void note(struct play *p)
{
    for (size_t i = 0; i < p->plain.effects.n; i++)
        if (p->plain.effects.items[i].kind == ROUTER_DECISION_LEAD)
            p->n_steps[p->plain.effects.items[i].step]++;
    machine_note(&p->plain);
    machine_note(&p->restarted);
}

// ---- Signals ------------------------------------------------------------------------------------

static const char *fact_value(struct play *p, const char *name)
{
    static const char *const REPS[] = {"ana", "Ben", "eve", "FAY", "nobody"};
    static const char *const PARENTS[] = {"a1", "a2", "nobody"};
    static const char *const COMPANIES[] = {"Acme", "acme", "other", "third"};
    static const char *const DOMAINS[] = {"acme.example", "b.example", "gmail.com"};
    static const char *const NUMBERS[] = {"5", "30", "4000", "100"};
    if (strcmp(name, "fact.account.owner") == 0)
        return PICK(p, REPS);
    if (strcmp(name, "fact.account.parent") == 0)
        return PICK(p, PARENTS);
    if (strcmp(name, "fact.account.company") == 0)
        return PICK(p, COMPANIES);
    if (strcmp(name, "fact.user.email_domain") == 0)
        return PICK(p, DOMAINS);
    return PICK(p, NUMBERS);
}

// Any signal of the playbook in force; one that qualifies more often than not.
static const struct signal *pick_signal(struct play *p)
{
    const struct playbook *playbook = router_core_playbook(p->plain.core);
    const struct signal *signal;
    for (int tries = 0; tries < 4; tries++) {
        signal = &playbook->signals[below(p, (uint64_t)playbook->n_signals)];
        if (strncmp(signal->name, "qualify.", 8) == 0)
            break;
    }
    return signal;
}

static void send_signals(struct play *p)
{
    struct router_evidence evidence = {span_of("usage at_least 50"), span_of("61"), span_of("50"),
                                       7};
    struct router_signal signals[4];
    char texts[4][2][16];
    size_t n = 1 + below(p, ARRAY_LEN(signals));
    p->position++;
    for (size_t i = 0; i < n; i++) {
        const struct signal *signal = pick_signal(p);
        snprintf(texts[i][0], 16, "a%u", (unsigned)below(p, ACCOUNTS));
        snprintf(texts[i][1], 16, "u%u", (unsigned)below(p, USERS));
        signals[i] = router_world_signal(p->position, i << 32, texts[i][0],
                                         signal->scope == SCOPE_USER ? texts[i][1] : "",
                                         signal->name, below(p, 4) != 0);
        signals[i].at_ms = p->now_ms - (int64_t)below(p, MINUTE_MS);
        signals[i].known_at_ms = p->now_ms;
        signals[i].episode = 1 + (uint32_t)below(p, 3);
        signals[i].evidence = &evidence;
        signals[i].n_evidence = 1;
        if (signal->origin == SIGNAL_FACT)
            signals[i].label = span_of(signals[i].value ? fact_value(p, signal->name) : "");
    }
    for (int i = 0; i < 2; i++)
        router_core_signals(core_of(p, i), 0, signals, n, effects_of(p, i));
    note(p);
}

// ---- Consumers ----------------------------------------------------------------------------------

static const char *const CONSUMERS[] = {"ana", "ben", "eve", "crm", "Cleo", "robot"};
static const char *const QUEUES[] = {"sales", "enterprise", "self_serve", "success"};

static void lease(struct play *p)
{
    const char *consumer = PICK(p, CONSUMERS), *queue = PICK(p, QUEUES);
    char request_id[16] = "";
    if (below(p, 3) == 0)
        snprintf(request_id, sizeof request_id, "r%u", (unsigned)below(p, 40));
    struct router_lease request = {.queue = span_of(queue),
                                   .consumer = span_of(consumer),
                                   .request_id = span_of(request_id),
                                   .max = 1 + (uint32_t)below(p, 3)};
    const struct router_lead *out[2][ROUTER_LEASE_LEADS_MAX];
    size_t n[2];
    enum err err[2];
    for (int i = 0; i < 2; i++)
        err[i] = router_core_lease(core_of(p, i), p->now_ms, &request, out[i], &n[i],
                                   effects_of(p, i), NULL);
    cr_assert_eq(err[0], err[1]);
    cr_assert(err[0] == ERR_OK || err[0] == ERR_NOT_FOUND);
    cr_assert_eq(n[0], n[1]);
    for (size_t i = 0; i < n[0]; i++) {
        const struct router_lead *lead = out[0][i];
        cr_assert_str_eq(lead->id, out[1][i]->id);
        cr_assert_str_eq(lead->consumer, consumer);
        cr_assert_geq(lead->attempts, p->attempts[lead->serial]);
        cr_assert_leq(lead->not_before_ms, p->now_ms);
        cr_assert(lead->team[0] == '\0' || lead->rep[0] != '\0', "%s has no rep", lead->id);
        p->attempts[lead->serial] = lead->attempts;
    }
}

enum asked { EXTEND, ACK, RELEASE, COMPLETE, PARK, ASSIGN, ASKED };

static enum err ask(struct play *p, int which, enum asked what, struct span id, struct span token,
                    const char *text, int64_t delay_ms, const struct router_lead **out)
{
    struct router_core *core = core_of(p, which);
    struct router_effects *effects = effects_of(p, which);
    struct span said = span_of(text), by = span_of("olga");
    switch (what) {
    case EXTEND:
        return router_core_extend(core, p->now_ms, id, token, 0, out, effects, NULL);
    case ACK:
        return router_core_ack(core, p->now_ms, id, token, out, effects, NULL);
    case RELEASE:
        return router_core_release(core, p->now_ms, id, token, said, delay_ms, out, effects, NULL);
    case COMPLETE:
        return router_core_complete(core, p->now_ms, id, token, said, out, effects, NULL);
    case PARK:
        return router_core_park(core, p->now_ms, id, token, said, by, out, effects, NULL);
    case ASSIGN:
        return router_core_assign(core, p->now_ms, id, said, by, by, out, effects, NULL);
    case ASKED:
        break;
    }
    cr_assert(false);
    return ERR_INTERNAL;
}

// Any request about any lead, mostly with the right token.
static void request(struct play *p)
{
    static const char *const REASONS[] = {"declined", "declined", "not now"};
    static const char *const OUTCOMES[] = {"accepted", "rejected", "won", "lost"};
    static const char *const REPS[] = {"ana", "ben", "cleo", "eve", "nobody", ""};
    if (p->n_leads == 0)
        return;
    const struct router_filter filter = {.after = below(p, p->n_leads), .max = 1};
    const struct router_lead *lead, *out[2];
    uint64_t next, total;
    cr_assert_eq(router_core_leads(p->plain.core, &filter, &lead, &next, &total), 1);
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(lead, token);
    enum asked what = (enum asked)below(p, ASKED);
    bool by_operator = what == PARK && below(p, 2) == 0;
    const char *text = what == COMPLETE ? PICK(p, OUTCOMES) : PICK(p, REASONS);
    if (what == ASSIGN)
        text = PICK(p, REPS);
    int64_t delay_ms = what == RELEASE && below(p, 3) == 0 ? (int64_t)below(p, 5 * HOUR_MS) : 0;
    struct span id = span_of(lead->id);
    struct span said = span_of(by_operator ? "" : below(p, 20) == 0 ? "wrong" : token);
    enum err first = ask(p, 0, what, id, said, text, delay_ms, &out[0]);
    cr_assert_eq(ask(p, 1, what, id, said, text, delay_ms, &out[1]), first);
    if (first == ERR_OK)
        cr_assert_str_eq(out[0]->id, out[1]->id);
}

static void redrive(struct play *p)
{
    const char *queue = PICK(p, QUEUES);
    size_t n[2];
    enum err err[2];
    for (int i = 0; i < 2; i++)
        err[i] = router_core_redrive(core_of(p, i), p->now_ms, span_of(""), span_of(queue),
                                     span_of("olga"), &n[i], effects_of(p, i), NULL);
    cr_assert_eq(err[0], err[1]);
    cr_assert_eq(n[0], n[1]);
}

// ---- Operators and users ------------------------------------------------------------------------

static void change_rep(struct play *p)
{
    static const char *const TEAMS[] = {"smb", "smb", "big", "none"};
    static const char *const REPS[] = {"ana", "ben", "cleo", "dan", "eve", "gus", "hal"};
    struct router_rep_change change = {.team = span_of(PICK(p, TEAMS)),
                                       .rep = span_of(PICK(p, REPS)),
                                       .by = span_of("olga"),
                                       .reason = span_of("so it is")};
    switch (below(p, 8)) {
    case 0:
        change.add = true;
        break;
    case 1:
        change.remove = below(p, 2) == 0;
        change.reset = !change.remove;
        break;
    case 2:
        change.reset = true;
        break;
    case 3:
        change.set_active = true;
        change.active = below(p, 2) == 0;
        break;
    case 4:
        change.set_weight = true;
        change.weight = 1 + (int32_t)below(p, 3);
        break;
    case 5:
        change.set_open = true;
        change.open = (int32_t)below(p, 4);
        change.set_units = below(p, 2) == 0;
        change.units = (int32_t)below(p, 9);
        break;
    case 6:
        change.set_per_day = true;
        change.per_day = (int32_t)below(p, 5);
        change.set_per_period = true;
        change.per_period = (int32_t)below(p, 5);
        change.period_ms = HOUR_MS * (int64_t)(1 + below(p, 50));
        break;
    default:
        change.set_absent = true;
        change.absent_from_ms = p->now_ms - (int64_t)below(p, HOUR_MS);
        change.absent_until_ms = p->now_ms + (int64_t)below(p, 20 * HOUR_MS) - HOUR_MS;
        break;
    }
    enum err err[2];
    for (int i = 0; i < 2; i++)
        err[i] = router_core_change_rep(core_of(p, i), p->now_ms, &change, effects_of(p, i), NULL);
    cr_assert_eq(err[0], err[1]);
}

static void answer_prompt(struct play *p)
{
    static const char *const PROMPTS[] = {"upgrade", "grow", "none"};
    char account[16], user[16];
    snprintf(account, sizeof account, "a%u", (unsigned)below(p, ACCOUNTS));
    snprintf(user, sizeof user, "u%u", (unsigned)below(p, USERS));
    const char *prompt = PICK(p, PROMPTS);
    enum router_answer answer = below(p, 2) == 0 ? ROUTER_DISMISSED : ROUTER_CONVERTED;
    enum err err[2];
    for (int i = 0; i < 2; i++)
        err[i] =
            router_core_answer_prompt(core_of(p, i), p->now_ms, span_of(account), span_of(user),
                                      span_of(prompt), answer, effects_of(p, i), NULL);
    cr_assert_eq(err[0], err[1]);
}

static void change_playbook(struct play *p, const char *text)
{
    for (int i = 0; i < 2; i++)
        router_core_set_playbook(core_of(p, i), router_world_playbook(text), effects_of(p, i));
}

// ---- What is shown ------------------------------------------------------------------------------

static void say(struct buf *out, const ProtobufCMessage *message)
{
    size_t n = protobuf_c_message_get_packed_size(message);
    protobuf_c_message_pack(message, buf_reserve(out, n + 1));
    out->len += n;
}

static void say_teams(struct router_core *core, int64_t now_ms, struct arena *arena,
                      struct buf *out)
{
    const struct router_team_view *teams;
    const struct router_experiment_view *experiments;
    const struct router_queue_view *queues;
    size_t n = router_core_teams(core, now_ms, arena, &teams);
    for (size_t i = 0; i < n; i++)
        say(out, &router_codec_team(&teams[i], arena)->base);
    n = router_core_experiments(core, now_ms, arena, &experiments);
    for (size_t i = 0; i < n; i++)
        say(out, &router_codec_experiment(&experiments[i], arena)->base);
    n = router_core_queues(core, arena, &queues);
    for (size_t i = 0; i < n; i++)
        say(out, &router_codec_queue(&queues[i], arena)->base);
}

static void say_account(struct router_core *core, const char *account, struct arena *arena,
                        struct buf *out)
{
    struct router_account_view view;
    router_core_account(core, span_of(account), arena, &view);
    say(out, &router_codec_account(core, account, &view, arena)->base);
}

static size_t say_prompts(struct router_core *core, const char *account, const char *user,
                          int64_t now_ms, struct arena *arena, struct buf *out)
{
    const struct router_prompt *prompts;
    size_t n = router_core_prompts(core, span_of(account), span_of(user), now_ms, arena, &prompts);
    for (size_t i = 0; i < n; i++)
        say(out, &router_codec_prompt(&prompts[i], arena)->base);
    return n;
}

static void show(struct play *p)
{
    char account[16], user[16];
    struct buf said[2] = {{0}};
    struct arena arena;
    arena_init(&arena, 4096, 0);
    for (int i = 0; i < 2; i++)
        say_teams(core_of(p, i), p->now_ms, &arena, &said[i]);
    snprintf(account, sizeof account, "a%u", (unsigned)below(p, ACCOUNTS));
    for (int i = 0; i < 2; i++)
        say_account(core_of(p, i), account, &arena, &said[i]);
    for (unsigned u = 0; u < 2 * USERS; u++) {
        snprintf(user, sizeof user, "u%u", u % USERS);
        p->n_prompts +=
            say_prompts(core_of(p, u / USERS), account, user, p->now_ms, &arena, &said[u / USERS]);
    }
    cr_assert(span_eq(buf_span(&said[0]), buf_span(&said[1])), "account %s", account);
    buf_deinit(&said[0]);
    buf_deinit(&said[1]);
    arena_deinit(&arena);
}

static void tick(struct play *p)
{
    cr_assert_eq(router_core_next_due(p->plain.core), router_core_next_due(p->restarted.core));
    for (int i = 0; i < 2; i++)
        router_core_tick(core_of(p, i), p->now_ms, effects_of(p, i));
    cr_assert_gt(router_core_next_due(p->plain.core), p->now_ms);
}

// ---- The play -----------------------------------------------------------------------------------

static void step(struct play *p)
{
    p->now_ms += below(p, 10) == 0 ? (int64_t)below(p, 6 * HOUR_MS) : (int64_t)below(p, MINUTE_MS);
    switch (below(p, 20)) {
    case 0:
    case 1:
        tick(p);
        break;
    case 2:
    case 3:
    case 4:
        lease(p);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
        request(p);
        break;
    case 10:
        change_rep(p);
        break;
    case 11:
        redrive(p);
        break;
    case 12:
        answer_prompt(p);
        break;
    case 13:
        show(p);
        break;
    case 14:
        machine_restart(&p->restarted);
        break;
    case 15:
        if (below(p, 60) == 0)
            change_playbook(p, below(p, 2) == 0 ? NEXT : TIGHT);
        break;
    default:
        send_signals(p);
        break;
    }
}

static void check_step(struct play *p)
{
    note(p);
    cr_assert(span_eq(buf_span(&p->plain.decisions), buf_span(&p->restarted.decisions)));
    buf_clear(&p->plain.decisions);
    buf_clear(&p->restarted.decisions);
    struct router_counts counts;
    router_core_counts(p->plain.core, &counts);
    cr_assert_leq(counts.leads, LEADS_MAX);
    p->n_leads = counts.leads;
}

static struct play *play_create(uint64_t seed, bool by_event)
{
    struct play *p = mem_zalloc(sizeof *p);
    p->random.state = seed;
    p->now_ms = MONDAY_MS;
    machine_init(&p->plain);
    machine_init(&p->restarted);
    p->plain.by_event = p->restarted.by_event = by_event;
    for (int i = 0; by_event && i < 2; i++)
        router_core_by_event(core_of(p, i));
    change_playbook(p, TIGHT);
    return p;
}

static void play_end(struct play *p)
{
    machine_compare(&p->plain, &p->restarted);
    machine_deinit(&p->plain);
    machine_deinit(&p->restarted);
    mem_free(p);
}

static bool is_rare(const uint64_t *n_steps)
{
    for (int i = 1; i <= ROUTER_STEP_MOVED; i++)
        if (n_steps[i] == 0)
            return true;
    return false;
}

Test(router_restart_teams, a_restored_router_decides_the_same)
{
    uint64_t seed = test_random_seed(), n_steps[ROUTER_STEP_MOVED + 1] = {0}, n_prompts = 0;
    fprintf(stderr, "TEST_SEED=%llu\n", (unsigned long long)seed);
    // So many rounds, and then until everything has happened once.
    for (int round = 0; round < ROUNDS || (round < ROUNDS_MAX && is_rare(n_steps)); round++) {
        struct play *p = play_create(seed + (uint64_t)round, round % 3 == 2);
        for (int i = 0; i < STEPS; i++) {
            step(p);
            check_step(p);
        }
        for (int i = 1; i <= ROUTER_STEP_MOVED; i++)
            n_steps[i] += p->n_steps[i];
        n_prompts += p->n_prompts;
        play_end(p);
    }
    for (int i = 1; i <= ROUTER_STEP_MOVED; i++)
        cr_assert_gt(n_steps[i], 0, "no lead was %s", router_world_step((enum router_step)i));
    cr_assert_gt(n_prompts, 0);
}

Test(router_restart_teams, a_router_restored_after_every_input_decides_the_same)
{
    uint64_t seed = test_random_seed();
    fprintf(stderr, "TEST_SEED=%llu\n", (unsigned long long)seed);
    struct play *p = play_create(seed, false);
    for (int i = 0; i < STEPS_RESTARTED; i++) {
        step(p);
        check_step(p);
        machine_restart(&p->restarted);
    }
    play_end(p);
}
