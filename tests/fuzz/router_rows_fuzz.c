// SPDX-License-Identifier: Apache-2.0
// links: fuzz_shelf fuzz_lent router_rows router_codec router_core
// mutates: wire
// Rows of the router's store, however bad: CORRUPT, or a state that can be shown, written and read
// again with the same rows, and that goes on.
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "services/router/codec.h"
#include "services/router/core/state.h"
#include "services/router/rows.h"
#include "tests/fuzz/lent.h"
#include "tests/fuzz/shelf.h"

enum { SHOWN_MAX = 16, LEASED_MAX = 4, KEY_BYTES = 8 };
static const int64_t NOW_MS = 1767571200000; // 2026-01-05, a Monday

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct world {
    struct router_core *core;
    struct router_rows *rows;
    struct router_effects effects;
    struct arena arena;
};

static void world_init(struct world *w)
{
    *w = (struct world){.core = router_core_create()};
    w->rows = router_rows_create(w->core);
    router_effects_init(&w->effects);
    arena_init(&w->arena, 4096, 0);
}

static void world_deinit(struct world *w)
{
    router_rows_destroy(w->rows);
    router_core_destroy(w->core);
    router_effects_deinit(&w->effects);
    arena_deinit(&w->arena);
}

// ---- Rows ----

// Keys of the store are numbers, big-endian so that they are in order.
static uint64_t number_of(struct span key)
{
    uint64_t number = 0;
    for (size_t i = 0; i < key.len && i < KEY_BYTES; i++)
        number = number << 8 | ((const uint8_t *)key.ptr)[i];
    return number;
}

// The shelf has them in order; a team's is its name.
static void put(void *arg, enum router_table table, struct span key, struct span value)
{
    uint8_t bytes[KEY_BYTES];
    uint64_t number = 0;
    if (table != ROUTER_TABLE_TEAMS) {
        CHECK(key.len == sizeof number);
        memcpy(&number, key.ptr, sizeof number);
        for (int i = 0; i < KEY_BYTES; i++)
            bytes[i] = (uint8_t)(number >> (56 - 8 * i));
        key = span_make(bytes, sizeof bytes);
    }
    shelf_put(arg, table, key, value);
}

static enum err world_load(struct world *w, const struct shelf *from, struct err_info *info)
{
    for (size_t i = 0; i < from->n; i++) {
        const struct shelf_row *row = &from->rows[i];
        bool named = row->table == ROUTER_TABLE_TEAMS;
        if (row->table == ROUTER_TABLE_DECISIONS || (!named && row->key.len != KEY_BYTES))
            continue;
        uint64_t number = number_of(row->key);
        struct span key = named ? row->key : (struct span){&number, sizeof number};
        enum err err =
            router_rows_load(w->rows, (enum router_table)row->table, key, row->value, info);
        if (err != ERR_OK)
            return err;
    }
    return router_rows_loaded(w->rows, playbook_load, info);
}

static void touch_all(struct router_core *core)
{
    for (size_t i = 0; i < core->n_accounts; i++)
        router_state_account_changed(core, core->accounts[i]);
    for (size_t i = 0; i < core->n_leads; i++)
        router_state_lead_changed(core, core->leads[i]);
    for (size_t i = 0; i < core->n_crews; i++)
        core->crews[i]->dirty = true;
}

// ---- What can be done with it ----

static void note_decisions(struct world *w)
{
    struct buf packed = {0};
    for (size_t i = 0; i < w->effects.n; i++)
        router_codec_decision(&w->effects.items[i], &w->arena, &packed);
    buf_deinit(&packed);
    arena_reset(&w->arena);
    router_effects_clear(&w->effects);
}

static void show_teams(struct world *w)
{
    const struct router_team_view *teams;
    const struct router_experiment_view *experiments;
    const struct router_prompt *prompts;
    size_t n = router_core_teams(w->core, NOW_MS, &w->arena, &teams);
    for (size_t i = 0; i < n; i++)
        (void)router_codec_team(&teams[i], &w->arena);
    n = router_core_experiments(w->core, NOW_MS, &w->arena, &experiments);
    for (size_t i = 0; i < n; i++)
        (void)router_codec_experiment(&experiments[i], &w->arena);
    for (size_t i = 0; i < w->core->n_accounts && i < SHOWN_MAX; i++) {
        const struct account *account = w->core->accounts[i];
        const char *user = account->n_users > 0 ? account->users[0]->id : "";
        n = router_core_prompts(w->core, span_of(account->id), span_of(user), NOW_MS, &w->arena,
                                &prompts);
        for (size_t j = 0; j < n; j++)
            (void)router_codec_prompt(&prompts[j], &w->arena);
    }
    arena_reset(&w->arena);
}

static void show_all(struct world *w)
{
    const struct router_lead *leads[SHOWN_MAX];
    struct router_filter filter = {.max = SHOWN_MAX};
    const struct router_queue_view *queues;
    struct router_account_view view;
    struct router_counts counts;
    uint64_t next, total;
    size_t n = router_core_leads(w->core, &filter, leads, &next, &total);
    for (size_t i = 0; i < n; i++)
        (void)router_codec_lead(w->core, leads[i], true, &w->arena);
    n = router_core_queues(w->core, &w->arena, &queues);
    for (size_t i = 0; i < n; i++)
        (void)router_codec_queue(&queues[i], &w->arena);
    for (size_t i = 0; i < w->core->n_accounts && i < SHOWN_MAX; i++) {
        const char *id = w->core->accounts[i]->id;
        router_core_account(w->core, span_of(id), &w->arena, &view);
        (void)router_codec_account(w->core, id, &view, &w->arena);
    }
    router_core_counts(w->core, &counts);
    (void)router_core_outcomes(w->core, leads, SHOWN_MAX);
    arena_reset(&w->arena);
    show_teams(w);
}

static void send(struct world *w, uint64_t position, const char *account, const char *user,
                 const char *name, bool value)
{
    struct router_signal signal = {
        .position = position,
        .name = span_of(name),
        .value = value,
        .account = span_of(account),
        .user = span_of(user),
        .at_ms = NOW_MS,
        .known_at_ms = NOW_MS + 1,
        .event_id = span_of("e"),
        .playbook = span_of("wide@1"),
        .episode = 1,
    };
    router_core_signals(w->core, 0, &signal, 1, &w->effects);
    note_decisions(w);
}

static void lease_some(struct world *w, const char *queue)
{
    const struct router_lead *leads[ROUTER_LEASE_LEADS_MAX], *got;
    struct router_lease lease = {.queue = span_of(queue),
                                 .consumer = span_of("c"),
                                 .request_id = span_of("r1"),
                                 .max = LEASED_MAX};
    size_t n = 0;
    enum err err = router_core_lease(w->core, NOW_MS, &lease, leads, &n, &w->effects, NULL);
    note_decisions(w);
    for (size_t i = 0; err == ERR_OK && i < n; i++) {
        char token[ROUTER_TOKEN_BYTES];
        router_lead_token(leads[i], token);
        err = router_core_complete(w->core, NOW_MS, span_of(leads[i]->id), span_of(token),
                                   span_of(i % 2 == 0 ? "won" : "lost"), &got, &w->effects, NULL);
        note_decisions(w);
    }
}

static const char *const QUEUES[] = {"sales", "self_serve", "success", "enterprise"};

// An operator's and a user's words.
static void say_some(struct world *w)
{
    struct router_rep_change changes[] = {
        {.team = span_of("smb"), .rep = span_of("gus"), .add = true},
        {.team = span_of("smb"), .rep = span_of("ana"), .set_weight = true, .weight = 3},
        {.team = span_of("smb"), .rep = span_of("ben"), .remove = true},
        {.team = span_of("big"), .rep = span_of("fay"), .set_active = true, .active = true},
        {.team = span_of("smb"),
         .rep = span_of("cleo"),
         .set_absent = true,
         .absent_from_ms = NOW_MS,
         .absent_until_ms = NOW_MS + 86400000},
        {.team = span_of("smb"), .rep = span_of("ben"), .reset = true},
    };
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        (void)!router_core_change_rep(w->core, NOW_MS, &changes[i], &w->effects, NULL);
        note_decisions(w);
    }
    (void)!router_core_answer_prompt(w->core, NOW_MS, span_of("a"), span_of("u0"), span_of("near"),
                                     ROUTER_DISMISSED, &w->effects, NULL);
    note_decisions(w);
}

// By hand, with leads that may be in any state.
static void move_some(struct world *w)
{
    static const char *const REPS[] = {"ana", "gus", "", "eve"};
    const struct router_lead *lead;
    size_t n;
    for (size_t i = 0; i < w->core->n_leads && i < SHOWN_MAX; i++) {
        struct span id = span_of(w->core->leads[i]->id);
        (void)!router_core_assign(w->core, NOW_MS, id, span_of(REPS[i % 4]), span_of("o"),
                                  span_of("r"), &lead, &w->effects, NULL);
        note_decisions(w);
        if (i % 3 == 0)
            (void)!router_core_park(w->core, NOW_MS, id, span_of(""), span_of("later"),
                                    span_of("o"), &lead, &w->effects, NULL);
        note_decisions(w);
    }
    for (size_t i = 0; i < ARRAY_LEN(QUEUES); i++) {
        (void)!router_core_redrive(w->core, NOW_MS, span_of(""), span_of(QUEUES[i]), span_of("o"),
                                   &n, &w->effects, NULL);
        note_decisions(w);
    }
}

static void send_fact(struct world *w, uint64_t position, const char *name, const char *value)
{
    struct router_signal signal = {
        .position = position,
        .name = span_of(name),
        .value = value[0] != '\0',
        .account = span_of("a"),
        .at_ms = NOW_MS,
        .known_at_ms = NOW_MS + 1,
        .event_id = span_of("e"),
        .playbook = span_of("wide@1"),
        .episode = 1,
        .label = span_of(value),
    };
    router_core_signals(w->core, 0, &signal, 1, &w->effects);
    note_decisions(w);
}

static void go_on(struct world *w)
{
    const uint64_t last = router_core_mark(w->core, 0).position;
    const uint64_t position = last < UINT64_MAX - 16 ? last : UINT64_MAX - 16;
    send(w, position + 1, "a", "u0", "hot", true);
    send(w, position + 2, "a", "u0", "qualify.pql", true);
    send(w, position + 3, "b", "", "qualify.pqa", true);
    send_fact(w, position + 6, "fact.account.company", "acme");
    send_fact(w, position + 7, "fact.account.owner", "ana");
    send(w, position + 8, "a", "", "segment.enterprise", true);
    say_some(w);
    for (size_t i = 0; i < ARRAY_LEN(QUEUES); i++)
        lease_some(w, QUEUES[i]);
    move_some(w);
    send_fact(w, position + 9, "fact.account.company", "");
    show_all(w);
    send(w, position + 10, "a", "u0", "qualify.pql", false);
    send(w, position + 11, "a", "", "stage.customer", true);
    router_core_tick(w->core, NOW_MS + (int64_t)30 * 86400000, &w->effects);
    note_decisions(w);
    router_core_set_playbook(w->core, lent_playbook(LENT_LEAN), &w->effects);
    note_decisions(w);
    show_all(w);
}

// What was made of the rows is written and read again.
static void check_again(struct world *w, struct shelf *store)
{
    struct shelf twice = {0};
    struct world again;
    struct err_info info = {{0}};
    touch_all(w->core);
    router_rows_take(w->rows, put, store);
    world_init(&again);
    if (world_load(&again, store, &info) != ERR_OK) {
        fprintf(stderr, "its own rows: %s\n", info.text);
        CHECK(false);
    }
    touch_all(again.core);
    router_rows_take(again.rows, put, &twice);
    const struct shelf_row *row = shelf_differ(&twice, store, 0);
    if (row != NULL)
        fprintf(stderr, "table %u, key %llu\n", row->table,
                (unsigned long long)number_of(row->key));
    CHECK(row == NULL);
    world_deinit(&again);
    shelf_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct shelf store = {0};
    struct world w;
    struct err_info info = {{0}};
    shelf_read(&store, span_make(bytes, len), ROUTER_TABLES);
    world_init(&w);
    enum err err = world_load(&w, &store, &info);
    CHECK(err == ERR_OK || (err == ERR_CORRUPT && info.text[0] != '\0'));
    if (err == ERR_OK && router_core_playbook(w.core) == NULL)
        router_core_set_playbook(w.core, lent_playbook(LENT_WIDE), &w.effects);
    if (err == ERR_OK) {
        note_decisions(&w);
        show_all(&w);
        check_again(&w, &store);
        go_on(&w);
    }
    world_deinit(&w);
    shelf_deinit(&store);
    return 0;
}
