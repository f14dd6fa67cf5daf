// SPDX-License-Identifier: Apache-2.0
// links: router_rows router_codec playbook
//
// Two cores get the same random inputs; one of them is stored as rows and restored at random
// points. Both must decide the same, byte for byte, and end in the same rows. On the way a model of
// who holds which lead watches the promises: no lead is held twice, none is lost.
#include <criterion/criterion.h>

#include "assay/record/v1/record_router.pb-c.h"
#include "common/base/mem.h"
#include "services/router/codec.h"
#include "services/router/rows.h"
#include "tests/support/random.h"
#include "tests/support/router_machine.h"
#include "tests/support/router_world.h"

enum {
    STEPS = 3000,
    STEPS_RESTARTED = 500, // with a restart after each
    ACCOUNTS = 60,
    USERS = 4,
    CONSUMERS = 5,
    LEADS_MAX = 8000
};

#define PLAYBOOK(organizations)                                                                    \
    "playbook: test\n"                                                                             \
    "version: 1\n"                                                                                 \
    "measures:\n"                                                                                  \
    "  projects: {count: Project Created}\n"                                                       \
    "  usage: {count: any, per: account}\n"                                                        \
    "  paid: {count: Paid, per: account}\n"                                                        \
    "signals:\n"                                                                                   \
    "  ready: {projects: {at_least: 3}}\n"                                                         \
    "  busy: {usage: {at_least: 50}}\n"                                                            \
    "  held_out: {usage: {at_least: 1000}}\n"                                                      \
    "segments:\n"                                                                                  \
    "  big: {account.employees: {at_least: 1000}}\n"                                               \
    "qualify:\n"                                                                                   \
    "  pal: {projects: {at_least: 1}}\n"                                                           \
    "  pql: ready\n"                                                                               \
    "  trial: {as: pql, when: {projects: {at_least: 5}}}\n"                                        \
    "  pqa: busy\n" organizations "lifecycle:\n"                                                   \
    "  customer: {paid: {at_least: 1}}\n"                                                          \
    "route:\n"                                                                                     \
    "  - {when: held_out, motion: hold_out}\n"                                                     \
    "  - {when: {segment: big}, motion: sales, queue: enterprise, priority: 50, message: call}\n"  \
    "  - {when: busy, motion: sales, priority: 10}\n"                                              \
    "  - {when: always, motion: self_serve}\n"                                                     \
    "queues:\n"                                                                                    \
    "  enterprise: {lease: 10s, attempts: 2}\n"                                                    \
    "  self_serve: {lease: 60s, attempts: 3}\n"

static const char LIVES[] = PLAYBOOK("");
static const char COMPANIES[] =
    PLAYBOOK("  wide: {as: pqa, per: organization, when: {any: [{accounts_with: {signal: busy, "
             "at_least: 3}}, {users_with: {signal: ready, at_least: 4}}]}}\n"
             "  calm: {as: pqa, per: organization, when: {all: [{not: {accounts_with: {signal: "
             "busy, at_least: 1}}}, {total: {measure: usage, at_least: 20}}]}}\n"
             "organizations: {by: [account.parent, account.company, email_domain]}\n"
             "teams: {crew: {queue: sales, reps: {ana: {}, ben: {takes: busy}, cy: {weight: 2}}}}\n"
             "effort: [{when: busy, units: 2}]\n"
             "priority: [{when: ready, add: 5}]\n");

// The last four are of accounts.
static const char *const NAMES[] = {"qualify.pal", "qualify.pql", "qualify.trial",  "ready",
                                    "qualify.pqa", "segment.big", "stage.customer", "held_out"};
enum { NAMES_OF_USERS = 4, NAME_HELD_OUT = 7, NAME_CUSTOMER = 6 };

// ---- What consumers know ------------------------------------------------------------------------

enum hold { FREE, HELD, ACKED, DONE };

struct claim {
    enum hold hold;
    int consumer;
    int64_t until_ms;
    char token[ROUTER_TOKEN_BYTES];
    char id[ROUTER_LEAD_ID_BYTES];
};

struct play {
    struct machine plain, restarted;
    struct test_random random;
    int64_t now_ms;
    uint64_t position[2];
    uint32_t index[2];
    struct claim claims[LEADS_MAX + 1]; // by serial
    uint64_t n_leads;
    unsigned n_leases, n_restarts, n_requests, n_reports;
    bool companies; // accounts belong to organizations, and move
};

static uint64_t below(struct play *p, uint64_t n)
{
    return test_random_below(&p->random, n);
}

// Now and then it tells where the account belongs instead.
static void make_fact(struct play *p, const char *user, struct router_signal *signal)
{
    static const char *const FACTS[] = {"fact.account.parent", "fact.account.company",
                                        "fact.user.email_domain", "fact.measure.usage",
                                        "fact.account.owner"};
    static const char *const VALUES[][4] = {{"a1", "a2", "a3", "nobody"},
                                            {"Acme", "other", "third", "  "},
                                            {"acme.example", "b.example", "gmail.com", "c.example"},
                                            {"5000", "9000", "12000", "30000"},
                                            {"ana", "Ben", "cy", "nobody"}};
    if (!p->companies || below(p, 4) != 0)
        return;
    size_t fact = below(p, ARRAY_LEN(FACTS));
    signal->name = span_of(FACTS[fact]);
    signal->user = span_of(fact == 2 ? user : "");
    signal->value = below(p, 4) != 0;
    signal->label = span_of(signal->value ? VALUES[fact][below(p, 4)] : "");
    signal->n_evidence = 0;
}

static void send_signals(struct play *p)
{
    uint32_t lane = (uint32_t)below(p, 2);
    size_t n = 1 + below(p, 5);
    struct router_signal signals[8];
    char texts[8][2][16];
    struct router_evidence evidence = {span_of("projects at_least 3"), span_of("3"), span_of("3"),
                                       7};
    for (size_t i = 0; i < n; i++) {
        if (below(p, 3) == 0) {
            p->position[lane]++;
            p->index[lane] = 0;
        }
        size_t name = below(p, ARRAY_LEN(NAMES));
        if (name >= NAME_CUSTOMER && below(p, 4) != 0)
            name = 1;
        snprintf(texts[i][0], 16, "a%u", (unsigned)below(p, ACCOUNTS));
        snprintf(texts[i][1], 16, "u%u", (unsigned)below(p, USERS));
        uint64_t index = (uint64_t)(p->index[lane] / 3) << 32 | p->index[lane] % 3;
        p->index[lane]++;
        signals[i] = router_world_signal(p->position[lane] + 1, index, texts[i][0],
                                         name < NAMES_OF_USERS ? texts[i][1] : "", NAMES[name],
                                         below(p, 3) != 0);
        signals[i].episode = 1 + (uint32_t)below(p, 3);
        signals[i].label = span_of(below(p, 2) == 0 ? "Label" : "");
        signals[i].reason = span_of(signals[i].value || below(p, 2) == 0 ? "" : "is over");
        signals[i].evidence = &evidence;
        signals[i].n_evidence = 1;
        make_fact(p, texts[i][1], &signals[i]);
    }
    // Now and then the group comes twice.
    for (uint64_t times = 1 + (below(p, 8) == 0); times > 0; times--) {
        router_core_signals(p->plain.core, lane, signals, n, &p->plain.effects);
        router_core_signals(p->restarted.core, lane, signals, n, &p->restarted.effects);
        machine_note(&p->plain);
        machine_note(&p->restarted);
    }
}

static void lease(struct play *p)
{
    static const char *const QUEUES[] = {"sales", "enterprise", "self_serve"};
    char consumer[8], request_id[16] = "";
    int who = (int)below(p, CONSUMERS);
    snprintf(consumer, sizeof consumer, "c%d", who);
    if (below(p, 2) == 0)
        snprintf(request_id, sizeof request_id, "r%u", (unsigned)below(p, 60));
    struct router_lease request = {
        .queue = span_of(QUEUES[below(p, 3)]),
        .consumer = span_of(consumer),
        .request_id = span_of(request_id),
        .max = 1 + (uint32_t)below(p, 4),
        .lease_ms = below(p, 2) == 0 ? 0 : 1000 + (int64_t)below(p, 20000),
    };
    const struct router_lead *out[ROUTER_LEASE_LEADS_MAX], *other[ROUTER_LEASE_LEADS_MAX];
    size_t n, m;
    enum err err =
        router_core_lease(p->plain.core, p->now_ms, &request, out, &n, &p->plain.effects, NULL);
    cr_assert_eq(router_core_lease(p->restarted.core, p->now_ms, &request, other, &m,
                                   &p->restarted.effects, NULL),
                 err);
    cr_assert(err == ERR_OK || err == ERR_NOT_FOUND);

    cr_assert_eq(n, m);
    for (size_t i = 0; i < n; i++) {
        cr_assert_str_eq(out[i]->id, other[i]->id);
        struct claim *claim = &p->claims[out[i]->serial];
        char token[ROUTER_TOKEN_BYTES];
        router_lead_token(out[i], token);
        if (strcmp(token, claim->token) == 0) { // the same request again
            cr_assert_eq(claim->consumer, who);
            cr_assert(claim->hold == HELD || claim->hold == ACKED);
            continue;
        }
        p->n_leases++;
        bool free = claim->hold == FREE || (claim->hold == HELD && claim->until_ms <= p->now_ms);
        cr_assert(free, "lead %s is handed out while it is held", out[i]->id);
        cr_assert_str_eq(out[i]->consumer, consumer);
        claim->hold = HELD;
        claim->consumer = who;
        claim->until_ms = out[i]->lease_until_ms;
        memcpy(claim->token, token, sizeof token);
        memcpy(claim->id, out[i]->id, sizeof claim->id);
    }
}

// One request by token on both cores; the answers must be alike.
static enum err by_token(struct play *p, int what, const struct claim *claim, const char *outcome,
                         const struct router_lead **lead)
{
    enum err errs[2] = {ERR_OK, ERR_OK};
    struct machine *machines[] = {&p->plain, &p->restarted};
    for (int i = 0; i < 2; i++) {
        struct router_core *core = machines[i]->core;
        struct router_effects *effects = &machines[i]->effects;
        struct span id = span_of(claim->id);
        struct span token = span_of(claim->token);
        switch (what) {
        case 0:
            errs[i] = router_core_extend(core, p->now_ms, id, token, 15000, lead, effects, NULL);
            break;
        case 1:
            errs[i] = router_core_ack(core, p->now_ms, id, token, lead, effects, NULL);
            break;
        case 2:
            errs[i] = router_core_release(core, p->now_ms, id, token, span_of("no"), 0, lead,
                                          effects, NULL);
            break;
        default:
            errs[i] = router_core_complete(core, p->now_ms, id, token, span_of(outcome), lead,
                                           effects, NULL);
            break;
        }
    }
    cr_assert_eq(errs[0], errs[1]);
    return errs[0];
}

static void request(struct play *p)
{
    if (p->n_leads == 0)
        return;
    struct claim *claim = &p->claims[1 + below(p, p->n_leads)];
    if (claim->token[0] == '\0')
        return;
    bool held = claim->hold == HELD && claim->until_ms > p->now_ms;
    int what = (int)below(p, 4);
    const struct router_lead *lead;
    enum err err = by_token(p, what, claim, "won", &lead);
    p->n_requests++;
    bool acked = claim->hold == ACKED;
    bool done = claim->hold == DONE;
    switch (what) {
    case 0:
        cr_assert_eq(err, held ? ERR_OK : ERR_CONFLICT);
        if (held)
            claim->until_ms = lead->lease_until_ms;
        break;
    case 1:
        cr_assert_eq(err, held || acked ? ERR_OK : ERR_CONFLICT);
        if (err == ERR_OK)
            claim->hold = ACKED;
        break;
    case 2:
        cr_assert_eq(err, acked || done ? ERR_CONFLICT : ERR_OK);
        if (err == ERR_OK)
            claim->hold = FREE;
        break;
    default:
        cr_assert_eq(err, held || acked || done ? ERR_OK : ERR_CONFLICT);
        if (err == ERR_OK)
            claim->hold = DONE;
        break;
    }
}

static void tick(struct play *p)
{
    cr_assert_eq(router_core_next_due(p->plain.core), router_core_next_due(p->restarted.core));
    router_core_tick(p->plain.core, p->now_ms, &p->plain.effects);
    router_core_tick(p->restarted.core, p->now_ms, &p->restarted.effects);
}

static void change_playbook(struct play *p)
{
    struct machine *machines[] = {&p->plain, &p->restarted};
    bool shorter = below(p, 2) == 0;
    for (int i = 0; i < 2; i++) {
        struct playbook *playbook =
            router_world_playbook(shorter        ? "playbook: test\nversion: 2\n"
                                                   "measures:\n  projects: {count: Project Created}\n"
                                                   "signals:\n  ready: {projects: {at_least: 3}}\n"
                                                   "qualify: {pql: ready}\n"
                                  : p->companies ? COMPANIES
                                                 : LIVES);
        router_core_set_playbook(machines[i]->core, playbook, &machines[i]->effects);
    }
}

// Outcomes wait in the same order in both; some of them are reported.
static void report(struct play *p)
{
    const struct router_lead *out[8], *other[8];
    size_t n = router_core_outcomes(p->plain.core, out, ARRAY_LEN(out));
    cr_assert_eq(router_core_outcomes(p->restarted.core, other, ARRAY_LEN(other)), n);
    cr_assert_eq(router_core_n_outcomes(p->plain.core), router_core_n_outcomes(p->restarted.core));
    for (size_t i = 0; i < n; i++) {
        cr_assert_str_eq(out[i]->id, other[i]->id);
        cr_assert(i == 0 || out[i - 1]->completed_offset < out[i]->completed_offset);
    }
    if (n == 0)
        return;
    uint64_t decision = out[below(p, n)]->completed_offset;
    router_core_reported(p->plain.core, decision);
    router_core_reported(p->restarted.core, decision);
    p->n_reports++;
}

// What is said of an account, but for its leads' tokens.
static void view(struct play *p)
{
    char id[16];
    struct arena arena;
    struct buf said[2] = {{0}};
    struct machine *machines[] = {&p->plain, &p->restarted};
    snprintf(id, sizeof id, "a%u", (unsigned)below(p, ACCOUNTS));
    arena_init(&arena, 4096, 0);
    for (int i = 0; i < 2; i++) {
        struct router_account_view view;
        router_core_account(machines[i]->core, span_of(id), &arena, &view);
        const Assay__Router__V1__GetAccountResponse *answer =
            router_codec_account(machines[i]->core, id, &view, &arena);
        size_t n = protobuf_c_message_get_packed_size(&answer->base);
        protobuf_c_message_pack(&answer->base, buf_reserve(&said[i], n + 1));
        said[i].len = n;
        cr_assert_leq(view.n_history, ROUTER_HISTORY_MAX);
    }
    cr_assert(span_eq(buf_span(&said[0]), buf_span(&said[1])), "account %s", id);
    buf_deinit(&said[0]);
    buf_deinit(&said[1]);
    arena_deinit(&arena);
}

static void step(struct play *p)
{
    p->now_ms += (int64_t)below(p, 2000);
    switch (below(p, 18)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        send_signals(p);
        break;
    case 5:
    case 6:
    case 7:
        lease(p);
        break;
    case 8:
        tick(p);
        break;
    case 9:
        machine_restart(&p->restarted);
        p->n_restarts++;
        break;
    case 10:
        router_rows_take(p->plain.rows, row_put, &p->plain.store);
        break;
    case 11:
        if (below(p, 40) == 0)
            change_playbook(p);
        break;
    case 12:
        report(p);
        break;
    case 13:
        view(p);
        break;
    default:
        request(p);
        break;
    }
}

static void check_step(struct play *p)
{
    machine_note(&p->plain);
    machine_note(&p->restarted);
    cr_assert(span_eq(buf_span(&p->plain.decisions), buf_span(&p->restarted.decisions)));
    buf_clear(&p->plain.decisions);
    buf_clear(&p->restarted.decisions);
    struct router_counts counts;
    router_core_counts(p->plain.core, &counts);
    uint64_t sum = 0;
    for (int i = 0; i < ROUTER_LEAD_STATES; i++)
        sum += counts.states[i];
    cr_assert_eq(sum, counts.leads);
    cr_assert_leq(counts.leads, LEADS_MAX);
    p->n_leads = counts.leads;
}

// Everything that waits can still be handed out: nothing is lost in between.
static void drain(struct play *p)
{
    static const char *const QUEUES[] = {"sales", "enterprise", "self_serve"};
    p->now_ms += 1000000;
    tick(p);
    const struct router_lead *out[ROUTER_LEASE_LEADS_MAX], *lead;
    for (int i = 0; i < 3; i++) {
        struct router_lease request = {span_of(QUEUES[i]), span_of("last"), {NULL, 0}, 100, 0};
        size_t n, m;
        enum err err =
            router_core_lease(p->plain.core, p->now_ms, &request, out, &n, &p->plain.effects, NULL);
        cr_assert_eq(router_core_lease(p->restarted.core, p->now_ms, &request, out, &m,
                                       &p->restarted.effects, NULL),
                     err);
        cr_assert(err == ERR_OK || err == ERR_NOT_FOUND);

        cr_assert_eq(n, m);
        for (size_t j = 0; j < n; j++) {
            struct claim claim = {0};
            memcpy(claim.id, out[j]->id, sizeof claim.id);
            router_lead_token(out[j], claim.token);
            cr_assert_eq(by_token(p, 3, &claim, "lost", &lead), ERR_OK);
        }
    }
    struct router_counts counts;
    router_core_counts(p->plain.core, &counts);
    cr_assert_eq(counts.states[ROUTER_WAITING], 0);
    cr_assert_eq(counts.states[ROUTER_LEASED], 0);
    cr_assert_eq(counts.states[ROUTER_COMPLETED] + counts.states[ROUTER_ACKED] +
                     counts.states[ROUTER_PARKED] + counts.states[ROUTER_WITHDRAWN],
                 counts.leads);
}

Test(router_restart, a_restored_router_decides_the_same)
{
    uint64_t seed = test_random_seed();
    cr_log_info("TEST_SEED=%llu", (unsigned long long)seed);
    fprintf(stderr, "TEST_SEED=%llu\n", (unsigned long long)seed);
    unsigned reports = 0, moved = 0, companies = 0;
    for (int round = 0; round < 8; round++) {
        struct play *p = mem_zalloc(sizeof *p);
        p->random.state = seed + (uint64_t)round;
        p->companies = round % 2 == 1;
        machine_init(&p->plain);
        machine_init(&p->restarted);
        change_playbook(p);
        for (int i = 0; i < STEPS; i++) {
            step(p);
            check_step(p);
        }
        drain(p);
        check_step(p);
        machine_compare(&p->plain, &p->restarted);
        cr_assert_gt(p->n_leads, ACCOUNTS / 2);
        cr_assert_gt(p->n_leases, 20);
        cr_assert_gt(p->n_restarts, 50);
        cr_assert_gt(p->n_requests, 100);
        reports += p->n_reports;
        moved += p->plain.n_moved;
        companies += p->plain.n_companies;
        machine_deinit(&p->plain);
        machine_deinit(&p->restarted);
        mem_free(p);
    }
    cr_assert_gt(reports, 8);
    cr_assert_gt(moved, 10);
    cr_assert_gt(companies, 40);
}

static void restore_after_every_input(bool companies)
{
    uint64_t seed = test_random_seed();
    fprintf(stderr, "TEST_SEED=%llu\n", (unsigned long long)seed);
    struct play *p = mem_zalloc(sizeof *p);
    p->random.state = seed;
    p->companies = companies;
    machine_init(&p->plain);
    machine_init(&p->restarted);
    change_playbook(p);
    for (int i = 0; i < STEPS_RESTARTED; i++) {
        step(p);
        check_step(p);
        machine_restart(&p->restarted);
    }
    drain(p);
    check_step(p);
    machine_compare(&p->plain, &p->restarted);
    machine_deinit(&p->plain);
    machine_deinit(&p->restarted);
    mem_free(p);
}

Test(router_restart, a_router_restored_after_every_input_decides_the_same)
{
    restore_after_every_input(false);
}

Test(router_restart, one_with_organizations_too)
{
    restore_after_every_input(true);
}

Test(router_restart, rows_that_make_no_sense_are_refused)
{
    struct machine m;
    machine_init(&m);
    router_core_set_playbook(m.core, router_world_playbook(ROUTER_WORLD_PLAYBOOK), &m.effects);
    struct router_signal s = router_world_signal(1, 0, "a", "u", "qualify.pql", true);
    router_core_signals(m.core, 0, &s, 1, &m.effects);
    router_rows_take(m.rows, row_put, &m.store);
    cr_assert_eq(m.store.n, 3); // account, lead, router
    for (size_t skip = 0; skip < 3; skip += 2) {
        struct router_core *core = router_core_create();
        struct router_rows *rows = router_rows_create(core);
        enum err err = ERR_OK;
        for (size_t i = 0; i < m.store.n && err == ERR_OK; i++) {
            uint64_t number;
            const struct row *row = &m.store.rows[i];
            if (i != skip)
                err = router_rows_load(rows, row->table, key_of(row, &number),
                                       buf_span(&row->value), NULL);
        }
        if (err == ERR_OK)
            err = router_rows_loaded(rows, playbook_load, NULL);
        cr_assert_eq(err, ERR_CORRUPT, "without row %zu", skip);
        router_rows_destroy(rows);
        router_core_destroy(core);
    }
    struct router_core *core = router_core_create();
    struct router_rows *rows = router_rows_create(core);
    for (int table = 0; table < ROUTER_TABLE_DECISIONS; table++)
        cr_assert_eq(router_rows_load(rows, (enum router_table)table,
                                      (struct span){&(uint64_t){0}, 8}, span_of("\xff\xff"), NULL),
                     ERR_CORRUPT);
    router_rows_destroy(rows);
    router_core_destroy(core);
    machine_deinit(&m);
}

static enum err load_row(struct router_rows *rows, enum router_table table, uint64_t key,
                         const ProtobufCMessage *message)
{
    uint8_t bytes[1024];
    size_t n = protobuf_c_message_pack(message, bytes);
    return router_rows_load(rows, table, (struct span){&key, sizeof key}, span_make(bytes, n),
                            NULL);
}

// Written before there were teams, organizations, delays and promises.
Test(router_restart, rows_of_an_older_router_mean_what_they_meant)
{
    struct machine m;
    machine_init(&m);
    Assay__Record__V1__RouterAccountRecord account = ASSAY__RECORD__V1__ROUTER_ACCOUNT_RECORD__INIT;
    Assay__Record__V1__SubjectSignalsRecord self = ASSAY__RECORD__V1__SUBJECT_SIGNALS_RECORD__INIT;
    Assay__Record__V1__SubjectSignalsRecord *subjects[] = {&self};
    account.account_id = (char *)"a";
    account.n_subjects = 1;
    account.subjects = subjects;
    Assay__Record__V1__LeadRecord lead = ASSAY__RECORD__V1__LEAD_RECORD__INIT;
    lead.lead_id = (char *)"L0000000000000001";
    lead.state = ROUTER_COMPLETED;
    lead.motion = lead.queue = (char *)"self_serve";
    lead.attempts = 2;
    lead.outcome = (char *)"lost";
    Assay__Record__V1__RouterRecord router = ASSAY__RECORD__V1__ROUTER_RECORD__INIT;
    router.playbook_file = (char *)"test.yaml";
    router.playbook_text.data = (uint8_t *)LIVES;
    router.playbook_text.len = strlen(LIVES);
    cr_assert_eq(load_row(m.rows, ROUTER_TABLE_ACCOUNTS, 0, &account.base), ERR_OK);
    cr_assert_eq(load_row(m.rows, ROUTER_TABLE_LEADS, 1, &lead.base), ERR_OK);
    lead.lead_id = (char *)"L0000000000000002";
    lead.state = ROUTER_WAITING;
    lead.outcome = (char *)"";
    cr_assert_eq(load_row(m.rows, ROUTER_TABLE_LEADS, 2, &lead.base), ERR_OK);
    cr_assert_eq(load_row(m.rows, ROUTER_TABLE_ROUTER, 1, &router.base), ERR_OK);
    cr_assert_eq(router_rows_loaded(m.rows, playbook_load, NULL), ERR_OK);

    const struct router_lead *last = router_core_lead(m.core, span_of("L0000000000000002"));
    cr_assert_str_eq(last->account_id, "a");
    cr_assert_eq(last->number, 2);
    cr_assert_eq(last->units, 1);
    cr_assert_eq(last->overflow_at_ms, INT64_MAX);
    cr_assert_eq(last->sla_due_ms, INT64_MAX);
    cr_assert_str_eq(last->organization, "");
    cr_assert_str_eq(last->rep, "");
    struct router_lease request = {span_of("self_serve"), span_of("c"), {NULL, 0}, 1, 0};
    const struct router_lead *out[ROUTER_LEASE_LEADS_MAX];
    size_t n;
    cr_assert_eq(router_core_lease(m.core, 1000, &request, out, &n, &m.effects, NULL), ERR_OK);
    cr_assert_eq(n, 1);
    cr_assert_eq(out[0], last);
    cr_assert_eq(last->attempts, 3);
    cr_assert_eq(router_core_next_due(m.core), 61000);
    machine_deinit(&m);
}
