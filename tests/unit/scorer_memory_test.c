// SPDX-License-Identifier: Apache-2.0
// links: scorer_core playbook
// Signals with a memory: hold, exit, cooldown, episodes, to the millisecond, as one line for each
// change.
#include <criterion/criterion.h>

#include "services/scorer/core/state.h"
#include "tests/support/scorer_world.h"

#define HEAD "playbook: p\nversion: 1\nmeasures: {c: {count: A, window: 3h}, d: {count: B}}\n"

// "s true 2026-01-01T10:00:00.000Z #1 reason"
static void expect_told(struct scorer_world *w, const char *want)
{
    struct buf got = {0};
    char when[TIME_TEXT_MAX];
    for (size_t i = 0; i < w->changes.n; i++) {
        const struct signal_change *c = &w->changes.items[i];
        buf_printf(&got, "%s %s %s #%u%s%s\n", c->signal, c->value ? "true" : "false",
                   time_format(c->at_ms, when), c->episode, c->reason[0] == '\0' ? "" : " ",
                   c->reason);
    }
    buf_append_u8(&got, 0);
    cr_assert(strcmp((const char *)got.bytes, want) == 0, "got:\n%swant:\n%s", got.bytes, want);
    buf_deinit(&got);
}

Test(scorer_memory, a_hold_ends_at_its_millisecond_unless_it_is_broken)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "signals: {s: {when: {c: {at_least: 1}}, hold_for: 90m}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T10:10:00Z");
    expect_told(&w, "");
    scorer_world_tick(&w, at("2026-01-01T11:39:59.999Z"));
    expect_told(&w, "");
    cr_assert(core_next_due(w.core) == at("2026-01-01T11:40:00Z"));
    scorer_world_tick(&w, at("2026-01-01T20:00:00Z"));
    expect_told(&w, "s true 2026-01-01T11:40:00.000Z #1\n"
                    "s false 2026-01-01T13:00:00.000Z #1 c at_least 1\n");
    cr_assert(w.changes.items[0].n_evidence == 1);
    scorer_world_close(&w);
}

Test(scorer_memory, a_broken_hold_begins_again)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "signals: {s: {when: {c: {at_least: 1}}, hold_for: 4h}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T10:10:00Z");
    // The window is empty at 13:00; an event of that very instant comes after the break.
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T13:00:00Z");
    expect_told(&w, "");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T14:59:00Z");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T16:59:59.999Z");
    expect_told(&w, "");
    scorer_world_tick(&w, at("2026-01-01T17:00:00Z"));
    expect_told(&w, "s true 2026-01-01T17:00:00.000Z #1\n");
    scorer_world_close(&w);
}

Test(scorer_memory, exit_ends_it_and_the_cooldown_holds_it_off)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "signals:\n"
                               "  s: {when: {c: {at_least: 1}}, exit: {d: {is: 1}}, cooldown: "
                               "2h, label: Hot}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T10:00:00Z");
    expect_told(&w, "s true 2026-01-01T10:00:00.000Z #1\n");
    cr_assert_str_eq(w.changes.items[0].label, "Hot");
    scorer_world_track(&w, "a", "u", "B", "2026-01-01T10:30:00Z");
    expect_told(&w, "s false 2026-01-01T10:30:00.000Z #1 exit: d is 1\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T12:00:00Z");
    expect_told(&w, "");
    // The exit still holds when the cooldown is over; it no longer does after the next event.
    scorer_world_tick(&w, at("2026-01-01T12:45:00Z"));
    expect_told(&w, "");
    scorer_world_track(&w, "a", "u", "B", "2026-01-01T12:50:00Z");
    expect_told(&w, "s true 2026-01-01T12:50:00.000Z #2\n");
    scorer_world_close(&w);
}

Test(scorer_memory, a_cooldown_ends_by_itself)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "signals: {s: {when: {c: {at_least: 1}}, cooldown: 5h}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T10:00:00Z");
    scorer_world_tick(&w, at("2026-01-01T13:00:00Z"));
    expect_told(&w, "s false 2026-01-01T13:00:00.000Z #1 c at_least 1\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T17:30:00Z");
    expect_told(&w, "");
    scorer_world_tick(&w, at("2026-01-01T17:59:59.999Z"));
    expect_told(&w, "");
    scorer_world_tick(&w, at("2026-01-01T18:00:00Z"));
    expect_told(&w, "s true 2026-01-01T18:00:00.000Z #2\n");
    scorer_world_close(&w);
}

Test(scorer_memory, episodes_are_bounded)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "signals: {s: {when: {c: {at_least: 1}}, episodes: 2}}\n");
    for (int day = 1; day <= 3; day++) {
        char when[32];
        snprintf(when, sizeof when, "2026-01-0%dT10:00:00Z", day);
        scorer_world_track(&w, "a", "u", "A", when);
        cr_assert(w.changes.n == (day == 1 ? 1 : day == 2 ? 2 : 1));
    }
    // The third day ends the second episode and begins none.
    cr_assert(!w.changes.items[0].value && w.changes.items[0].episode == 2);
    cr_assert(core_next_due(w.core) == at("2026-01-03T13:00:00Z"), "its leaf is seen all the same");
    scorer_world_close(&w);
}

Test(scorer_memory, a_definition_stays_until_its_exit_and_comes_back_afresh)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "signals: {hot: {c: {at_least: 1}}}\n"
                               "qualify: {pql: {when: hot, exit: {d: {is: 1}}}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T10:00:00Z");
    expect_told(&w, "hot true 2026-01-01T10:00:00.000Z #1\n"
                    "qualify.pql true 2026-01-01T10:00:00.000Z #1\n");
    cr_assert_str_eq(w.changes.items[1].evidence[0].condition, "c at_least 1");
    scorer_world_tick(&w, at("2026-01-01T13:00:00Z"));
    expect_told(&w, "hot false 2026-01-01T13:00:00.000Z #1 c at_least 1\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T14:00:00Z");
    scorer_world_track(&w, "a", "u", "B", "2026-01-01T14:10:00Z");
    expect_told(&w, "qualify.pql false 2026-01-01T14:10:00.000Z #1 exit: d is 1\n");
    // The exit no longer holds, but the condition has not been false since.
    scorer_world_track(&w, "a", "u", "B", "2026-01-01T14:20:00Z");
    expect_told(&w, "");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T18:00:00Z");
    expect_told(&w, "hot false 2026-01-01T17:00:00.000Z #2 c at_least 1\n"
                    "hot true 2026-01-01T18:00:00.000Z #3\n"
                    "qualify.pql true 2026-01-01T18:00:00.000Z #2\n");
    scorer_world_close(&w);
}

Test(scorer_memory, verdicts_of_people_come_first)
{
    struct scorer_world w;
    scorer_world_open(&w, HEAD "qualify: {pql: {when: {c: {at_least: 1}}}}\n");
    scorer_world_track(&w, "a", "u", "A", "2026-01-01T10:00:00Z");
    expect_told(&w, "qualify.pql true 2026-01-01T10:00:00.000Z #1\n");
    cr_assert(w.changes.items[0].n_evidence == 1);
    struct say say = {.kind = "identify",
                      .account = "a",
                      .user = "u",
                      .at_ms = at("2026-01-01T10:05:00Z"),
                      .properties = "qualification=disqualified"};
    scorer_world_say(&w, &say);
    cr_assert(w.changes.n == 1 && !w.changes.items[0].value);
    cr_assert(strstr(w.changes.items[0].reason, "exit: ") != NULL &&
                  strstr(w.changes.items[0].reason, "disqualified") != NULL,
              "%s", w.changes.items[0].reason);
    say.properties = "qualification=snoozed qualification_until=2026-01-01T11:30:00Z";
    say.at_ms = at("2026-01-01T10:10:00Z");
    scorer_world_say(&w, &say);
    expect_told(&w, "");
    scorer_world_tick(&w, at("2026-01-01T11:29:59.999Z"));
    expect_told(&w, "");
    scorer_world_tick(&w, at("2026-01-01T12:00:00Z"));
    expect_told(&w, "qualify.pql true 2026-01-01T11:30:00.000Z #2\n");
    scorer_world_close(&w);
}
