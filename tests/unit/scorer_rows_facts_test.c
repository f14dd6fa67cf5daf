// SPDX-License-Identifier: Apache-2.0
// links: scorer_rows
// What rows keep of facts and hours of the day, and what they refuse.
#include <criterion/criterion.h>

#include "common/base/hash.h"
#include "services/scorer/core/state.h"
#include "services/scorer/rows_check.h"
#include "services/scorer/rows_codec.h"
#include "tests/support/scorer_world.h"

static const char PLAYBOOK[] = "playbook: p\nversion: 1\n"
                               "signals: {s: {account.owner: {exists: true}}}\n"
                               "queues: {self_serve: {deliver: busiest_hour}}\n"
                               "teams: {smb: {queue: sales, reps: {ana: {weight: 1}}}}\n";

typedef Assay__Record__V1__SubjectRecord subject_record;

// An account with an owner and three events, as a row, and a core that has it from there.
struct kept {
    struct scorer_world from, to;
    struct arena arena;
    struct rows_lists lists;
    subject_record *record;
    struct account *account; // restored
    int32_t owner, busy;     // numbers of the facts
    int32_t hours;           // number of the cell
};

static void kept_open(struct kept *k)
{
    *k = (struct kept){.account = NULL};
    arena_init(&k->arena, 16384, 0);
    scorer_world_open(&k->from, PLAYBOOK);
    scorer_world_open(&k->to, PLAYBOOK);
    struct say say = {.kind = "group",
                      .account = "a",
                      .user = "u",
                      .at_ms = at("2026-01-01"),
                      .properties = "owner=ana"};
    scorer_world_say(&k->from, &say);
    scorer_world_track(&k->from, "a", "u", "A", "2026-01-01T09:00:00Z");
    scorer_world_track(&k->from, "a", "u", "A", "2026-01-01T11:00:00Z");
    scorer_world_track(&k->from, "a", "u", "A", "2026-01-02T11:00:00Z");
    const struct plan *plan = k->to.core->plan;
    const struct playbook *playbook = plan->playbook;
    k->owner = playbook->signals[playbook->owner_fact].number;
    k->busy = playbook->signals[playbook->busiest_fact].number;
    k->hours = playbook->measures[playbook->signals[playbook->busiest_fact].fact_measure].cell;
    uint32_t number;
    struct account *account =
        account_find(k->from.core, hash64(span_of("a")), span_of("a"), &number);
    k->record =
        rows_subject_record(k->from.core->plan, SCOPE_ACCOUNT, &account->subject, &k->arena);
    rows_lists_of_plan(plan, &k->lists);
    rows_lists_map(&k->lists, plan);
    k->account = account_add(k->to.core, hash64(span_of("a")), span_of("a"), 0, &number);
    k->account->clock_ms = account->clock_ms;
    struct value ana = {.type = VALUE_TEXT, .text = span_of("ana")};
    (void)traits_put(&k->account->subject.traits, span_of("owner"), &ana, at("2026-01-01"));
}

static enum err kept_restore(struct kept *k)
{
    struct err_info info;
    enum err err =
        rows_subject_restore(k->record, &k->lists, SCOPE_ACCOUNT, &k->account->subject, &info);
    if (err == ERR_OK &&
        !rows_check_subject(k->to.core->plan, SCOPE_ACCOUNT, &k->account->subject, k->account))
        err = ERR_CORRUPT;
    return err;
}

static void kept_close(struct kept *k)
{
    rows_lists_deinit(&k->lists);
    scorer_world_close(&k->from);
    scorer_world_close(&k->to);
    arena_deinit(&k->arena);
}

Test(scorer_rows_facts, keep_what_was_told)
{
    struct kept k;
    kept_open(&k);
    cr_assert(kept_restore(&k) == ERR_OK);
    struct say say = {.kind = "group",
                      .account = "a",
                      .user = "u",
                      .at_ms = at("2026-01-03"),
                      .properties = "owner=ana plan=pro"};
    scorer_world_say(&k.to, &say);
    cr_assert(k.to.changes.n == 0, "%s", k.to.changes.items[0].signal);
    // The hour keeps its two events: three others are needed.
    for (int i = 0; i < 2; i++)
        scorer_world_track(&k.to, "a", "u", "A", "2026-01-03T20:00:00Z");
    cr_assert(k.to.changes.n == 0);
    scorer_world_track(&k.to, "a", "u", "A", "2026-01-03T20:00:00Z");
    cr_assert(k.to.changes.n == 1 && strcmp(k.to.changes.items[0].label, "21000") == 0);
    say.properties = "owner=ben";
    say.at_ms = at("2026-01-04");
    scorer_world_say(&k.to, &say);
    cr_assert(k.to.changes.n == 1 && strcmp(k.to.changes.items[0].label, "ben") == 0);
    cr_assert(k.to.changes.items[0].episode == 1);
    kept_close(&k);
}

static void break_none(struct kept *k)
{
    (void)k;
}

static void break_untold(struct kept *k)
{
    k->record->signals[k->owner]->told = 0;
}

static void break_told_while_false(struct kept *k)
{
    k->record->signals[k->owner]->value = false;
}

static void break_met(struct kept *k)
{
    k->record->signals[k->busy]->met = true;
    k->record->signals[k->busy]->met_ms = 5;
}

static void break_hour_25(struct kept *k)
{
    k->record->cells[k->hours]->keys[1] = 24;
}

static void break_hour_before(struct kept *k)
{
    k->record->cells[k->hours]->keys[0] = -1;
}

static void break_hours_twice(struct kept *k)
{
    k->record->cells[k->hours]->keys[1] = 9;
}

static void break_hour_empty(struct kept *k)
{
    k->record->cells[k->hours]->values[0] = 0;
}

static void break_hour_too_many(struct kept *k)
{
    k->record->cells[k->hours]->values[0] = (int64_t)UINT32_MAX + 1;
}

static void break_hours_lists(struct kept *k)
{
    k->record->cells[k->hours]->n_values = 1;
}

static void break_no_clock(struct kept *k)
{
    k->account->clock_ms = STATE_NO_CLOCK;
}

Test(scorer_rows_facts, refuse_what_cannot_be)
{
    static const struct {
        void (*damage)(struct kept *k);
        enum err err;
    } CASES[] = {
        {break_none, ERR_OK},
        {break_untold, ERR_CORRUPT},
        {break_told_while_false, ERR_CORRUPT},
        {break_met, ERR_CORRUPT},
        {break_hour_25, ERR_CORRUPT},
        {break_hour_before, ERR_CORRUPT},
        {break_hours_twice, ERR_CORRUPT},
        {break_hour_empty, ERR_CORRUPT},
        {break_hour_too_many, ERR_CORRUPT},
        {break_hours_lists, ERR_CORRUPT},
        {break_no_clock, ERR_CORRUPT},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct kept k;
        kept_open(&k);
        cr_assert(k.record->cells[k.hours]->n_keys == 2);
        CASES[i].damage(&k);
        cr_assert(kept_restore(&k) == CASES[i].err, "case %zu", i);
        kept_close(&k);
    }
}

// Another signal of the same test keeps nothing of what a fact told.
Test(scorer_rows_facts, told_is_of_facts_alone)
{
    struct kept k;
    kept_open(&k);
    const struct playbook *playbook = k.to.core->playbook;
    int32_t s = playbook_signal(playbook, span_of("s"));
    cr_assert(s >= 0 &&
              playbook->signals[s].meaning != playbook->signals[playbook->owner_fact].meaning);
    cr_assert(k.record->signals[playbook->signals[s].number]->told == 0);
    cr_assert(k.record->signals[k.owner]->told != 0 && k.record->signals[k.busy]->told != 0);
    kept_close(&k);
}
