// SPDX-License-Identifier: Apache-2.0
// links: scorer_rows scorer_core playbook
// Identities one at a time: what a person would try, and what the bounds do.
#include <criterion/criterion.h>

#include "services/scorer/core/warm.h"
#include "tests/support/identity_world.h"

static const char PLAYBOOK[] =
    "playbook: p\nversion: 1\n"
    "measures:\n"
    "  opened: {count: Opened}\n"
    "  total: {count: Opened, per: account}\n"
    "  users: {distinct: user, on: Opened, per: account}\n"
    "  keen_now: {users_with: keen}\n"
    "  keen_ever: {users_with: keen, ever: true}\n"
    "signals:\n"
    "  keen: {opened: {at_least: 2}}\n"
    "  busy: {total: {at_least: 3}}\n"
    "  held: {when: {total: {at_least: 1}}, exit: {total: {above: 9}}}\n";

static void open_one(struct identity_world *w, const char *rule)
{
    char yaml[1024];
    snprintf(yaml, sizeof yaml, "%s%s", PLAYBOOK, rule);
    identity_world_open(w, yaml, 3);
}

static const char *value_of(struct identity_world *w, const char *account, const char *user,
                            const char *measure)
{
    struct explanation out = identity_world_explain(w, account, user);
    for (size_t i = 0; i < out.n_measures; i++) {
        if (strcmp(out.measures[i].name, measure) == 0)
            return out.measures[i].value;
    }
    return "?";
}

static bool is_true(struct identity_world *w, const char *account, const char *user,
                    const char *signal)
{
    struct explanation out = identity_world_explain(w, account, user);
    for (size_t i = 0; i < out.n_signals; i++) {
        if (strcmp(out.signals[i].name, signal) == 0)
            return out.signals[i].value;
    }
    return false;
}

static struct identity_view view_of(struct identity_world *w, const char *account)
{
    struct identity_view out;
    core_identity_view(identity_world_core(w, account), span_of(account), &w->arena, &out);
    return out;
}

// Whether a lane told this, as "signal value account/user ... reason".
static bool was_told(const struct identity_world *w, const char *begin, const char *end)
{
    for (uint32_t l = 0; l < w->n_lanes; l++) {
        const struct identity_made_list *told = &w->lanes[l].told;
        for (size_t i = 0; i < told->n; i++) {
            struct span line = told->items[i].bytes;
            size_t n = strlen(end);
            if (span_starts(line, begin) && line.len >= n &&
                memcmp((const char *)line.ptr + line.len - n, end, n) == 0)
                return true;
        }
    }
    return false;
}

Test(scorer_identity, what_somebody_did_before_counts_in_the_account)
{
    struct identity_world w;
    open_one(&w, "");
    identity_world_track(&w, "anon", NULL, "Opened", "2026-03-01T10:00:00Z");
    identity_world_track(&w, "anon", NULL, "Opened", "2026-03-01T11:00:00Z");
    cr_assert(is_true(&w, "user:anon", "anon", "keen"));
    identity_world_link(&w, "anon", "ann", false, "2026-03-01T12:00:00Z");
    identity_world_settle(&w);
    cr_expect_str_eq(value_of(&w, "user:ann", "ann", "opened"), "2");
    identity_world_link(&w, "ann", "acme", true, "2026-03-01T13:00:00Z");
    identity_world_settle(&w);
    identity_world_track(&w, "ann", "acme", "Opened", "2026-03-01T14:00:00Z");
    cr_expect_str_eq(value_of(&w, "acme", "ann", "opened"), "3");
    cr_expect_str_eq(value_of(&w, "acme", NULL, "total"), "3");
    cr_expect_str_eq(value_of(&w, "acme", NULL, "users"), "1");
    cr_expect(is_true(&w, "acme", NULL, "busy"));
    cr_expect_str_eq(value_of(&w, "user:anon", "anon", "opened"), "0");
    cr_expect(was_told(&w, "keen false user:anon/anon", "merged into user:ann"), "why it ended");
    cr_expect(!is_true(&w, "user:anon", NULL, "held"), "nor is what remembers true any longer");
    identity_world_close(&w);
}

Test(scorer_identity, only_an_account_that_all_calls_name_is_the_default)
{
    struct identity_world w;
    open_one(&w, "");
    identity_world_track(&w, "ann", NULL, "Opened", "2026-03-01T10:00:00Z");
    identity_world_link(&w, "ann", "acme", true, "2026-03-01T12:00:00Z");
    identity_world_settle(&w);
    cr_expect_str_eq(value_of(&w, "acme", NULL, "total"), "1");
    identity_world_link(&w, "ann", "beta", true, "2026-03-01T11:00:00Z");
    identity_world_settle(&w);
    cr_expect_str_eq(value_of(&w, "acme", NULL, "total"), "0");
    cr_expect_str_eq(value_of(&w, "user:ann", NULL, "total"), "1");
    cr_expect(is_true(&w, "user:ann", NULL, "held"));
    cr_expect(!is_true(&w, "acme", NULL, "held"), "nothing is left there");
    identity_world_close(&w);
}

Test(scorer_identity, a_playbook_may_say_first_latest_or_none)
{
    static const struct {
        const char *rule, *account;
    } CASES[] = {{"identity: {default_account: first}\n", "beta"},
                 {"identity: {default_account: latest}\n", "acme"},
                 {"identity: {default_account: none}\n", "user:ann"}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct identity_world w;
        open_one(&w, CASES[i].rule);
        identity_world_track(&w, "ann", NULL, "Opened", "2026-03-01T10:00:00Z");
        identity_world_link(&w, "ann", "acme", true, "2026-03-01T12:00:00Z");
        identity_world_link(&w, "ann", "beta", true, "2026-03-01T11:00:00Z");
        identity_world_settle(&w);
        cr_expect_str_eq(value_of(&w, CASES[i].account, NULL, "total"), "1");
        identity_world_close(&w);
    }
}

// ---- Visitors who act in an account that their events name ----

static void visit(struct identity_world *w, const char *id, const char *account, const char *when)
{
    identity_world_event(
        w, &(struct identity_input){
               .event = {.account = account, .user = id, .name = "Opened", .at_ms = at(when)},
               .anonymous = true});
}

Test(scorer_identity, a_visitor_in_an_account_is_the_user_whom_he_turns_out_to_be)
{
    // Whichever comes first: what he did, or who he is.
    for (int link_first = 0; link_first < 2; link_first++) {
        struct identity_world w;
        open_one(&w, "");
        identity_world_track(&w, "ann", "acme", "Opened", "2026-03-01T10:00:00Z");
        if (link_first)
            identity_world_link(&w, "anon", "ann", false, "2026-03-01T12:00:00Z");
        visit(&w, "anon", "acme", "2026-03-01T10:30:00Z");
        visit(&w, "anon", "acme", "2026-03-01T10:40:00Z");
        if (!link_first) {
            cr_expect(is_true(&w, "acme", "anon", "keen"));
            cr_expect_str_eq(value_of(&w, "acme", NULL, "users"), "2");
            identity_world_link(&w, "anon", "ann", false, "2026-03-01T12:00:00Z");
        }
        identity_world_settle(&w);
        cr_expect_str_eq(value_of(&w, "acme", NULL, "users"), "1");
        cr_expect_str_eq(value_of(&w, "acme", NULL, "total"), "3");
        cr_expect_str_eq(value_of(&w, "acme", "ann", "opened"), "3");
        cr_expect(!identity_world_explain(&w, "acme", "anon").known, "nothing is left of him");
        cr_expect(identity_world_explain(&w, "acme", NULL).n_users == 1);
        cr_expect(link_first || was_told(&w, "keen false acme/anon", "merged into ann"), "why");
        visit(&w, "anon", "acme", "2026-03-02T10:30:00Z");
        cr_expect_str_eq(value_of(&w, "acme", "ann", "opened"), "4");
        cr_expect_str_eq(value_of(&w, "user:anon", NULL, "total"), "?", "he did nothing there");

        cr_expect(identity_world_change(&w, "anon", "ann", false) == LINK_CHANGED);
        identity_world_settle(&w);
        cr_expect_str_eq(value_of(&w, "acme", NULL, "users"), "2");
        cr_expect_str_eq(value_of(&w, "acme", "ann", "opened"), "1");
        cr_expect_str_eq(value_of(&w, "acme", "anon", "opened"), "3");
        cr_expect(is_true(&w, "acme", "anon", "keen") && !is_true(&w, "acme", "ann", "keen"));
        cr_expect(identity_world_change(&w, "anon", "ann", true) == LINK_CHANGED);
        identity_world_settle(&w);
        cr_expect_str_eq(value_of(&w, "acme", NULL, "users"), "1");
        cr_expect_str_eq(value_of(&w, "acme", "ann", "opened"), "4");
        identity_world_close(&w);
    }
}

// The place of a change among those that its lane told, or -1.
static int told_at(const struct identity_world *w, const char *account, const char *begin)
{
    const struct identity_made_list *told = &w->lanes[identity_lane_of(w, span_of(account))].told;
    for (size_t i = 0; i < told->n; i++) {
        if (span_starts(told->items[i].bytes, begin))
            return (int)i;
    }
    return -1;
}

// So a lead stays one when its visitor signs in.
Test(scorer_identity, a_signal_that_goes_to_another_user_is_always_true_of_one)
{
    struct identity_world w;
    open_one(&w, "");
    visit(&w, "anon", "acme", "2026-03-01T10:00:00Z");
    visit(&w, "anon", "acme", "2026-03-01T10:00:00Z");
    identity_world_link(&w, "anon", "ann", false, "2026-03-01T12:00:00Z");
    identity_world_settle(&w);
    int ann = told_at(&w, "acme", "keen true acme/ann");
    cr_expect(ann >= 0 && ann < told_at(&w, "acme", "keen false acme/anon"));
    identity_world_close(&w);
}

Test(scorer_identity, an_event_with_a_user_id_is_that_users)
{
    struct identity_world w;
    open_one(&w, "");
    identity_world_track(&w, "old", "acme", "Opened", "2026-03-01T10:00:00Z");
    identity_world_link(&w, "old", "ann", false, "2026-03-01T12:00:00Z");
    identity_world_settle(&w);
    cr_expect_str_eq(value_of(&w, "acme", "old", "opened"), "1");
    cr_expect(!view_of(&w, "acme").known);
    identity_world_close(&w);
}

Test(scorer_identity, who_ever_had_a_signal_had_it_once)
{
    struct identity_world w;
    open_one(&w, "");
    visit(&w, "anon", "acme", "2026-03-01T10:00:00Z");
    visit(&w, "anon", "acme", "2026-03-01T10:00:00Z");
    identity_world_track(&w, "ann", "acme", "Opened", "2026-03-01T10:00:00Z");
    identity_world_track(&w, "bob", "acme", "Opened", "2026-03-01T10:00:00Z");
    identity_world_track(&w, "bob", "acme", "Opened", "2026-03-01T10:00:00Z");
    cr_expect_str_eq(value_of(&w, "acme", NULL, "keen_ever"), "2");
    // One who never had it, and one who did.
    identity_world_link(&w, "anon", "ann", false, "2026-03-01T12:00:00Z");
    identity_world_settle(&w);
    cr_expect_str_eq(value_of(&w, "acme", NULL, "keen_ever"), "2");
    identity_world_link(&w, "anon", "bob", false, "2026-03-01T11:00:00Z");
    identity_world_settle(&w);
    cr_expect_str_eq(value_of(&w, "acme", NULL, "keen_now"), "1");
    cr_expect_str_eq(value_of(&w, "acme", NULL, "keen_ever"), "2", "ann once had it");
    visit(&w, "nona", "acme", "2026-03-01T10:00:00Z");
    visit(&w, "nona", "acme", "2026-03-01T10:00:00Z");
    cr_expect_str_eq(value_of(&w, "acme", NULL, "keen_ever"), "3");
    identity_world_link(&w, "nona", "bob", false, "2026-03-01T11:00:00Z");
    identity_world_settle(&w);
    cr_expect_str_eq(value_of(&w, "acme", NULL, "keen_ever"), "2");
    identity_world_close(&w);
}

Test(scorer_identity, both_sides_tell_who_acts_as_whom)
{
    struct identity_world w;
    const struct span *ids;
    open_one(&w, "");
    visit(&w, "b", "acme", "2026-03-01T10:00:00Z");
    visit(&w, "a", "acme", "2026-03-01T10:00:00Z");
    visit(&w, "a", "beta", "2026-03-01T10:00:00Z");
    visit(&w, "c", "acme", "2026-03-01T10:00:00Z");
    identity_world_link(&w, "b", "ann", false, "2026-03-01T12:00:00Z");
    identity_world_link(&w, "a", "ann", false, "2026-03-01T12:00:00Z");
    identity_world_settle(&w);
    struct identity_view acme = view_of(&w, "acme"), a = view_of(&w, "user:a");
    cr_assert(acme.known && acme.n_acting == 2 && acme.n_acting_all == 2);
    cr_expect_str_eq(acme.acting[0].identity, "a");
    cr_expect_str_eq(acme.acting[1].identity, "b");
    cr_expect_str_eq(acme.acting[1].user, "ann");
    cr_assert(a.known && a.n_acts == 2);
    cr_expect_str_eq(a.acts[1].account, "beta");
    cr_expect_str_eq(a.acts[1].user, "ann");
    struct identity_view c = view_of(&w, "user:c");
    cr_assert(c.known && c.n_acts == 1);
    cr_expect_str_eq(c.acts[0].user, "c");
    struct core *core = identity_world_core(&w, "acme");
    struct span where = span_of("acme"), ann = span_of("ann");
    cr_assert(core_acting_as(core, where, ann, &w.arena, &ids) == 3);
    cr_expect(span_is(ids[0], "b") && span_is(ids[1], "a") && span_is(ids[2], "ann"));
    cr_expect(core_acting_as(core, where, span_of("a"), &w.arena, &ids) == 0);
    cr_expect(core_acting_as(core, where, span_of("c"), &w.arena, &ids) == 1);
    cr_expect(core_acting_as(core, where, span_make("", 0), &w.arena, &ids) == 0);
    cr_expect(core_acting_as(core, span_of("none"), ann, &w.arena, &ids) == 1, "nobody else");
    cr_expect_str_eq(core_known_as(core, where, span_of("a"), &w.arena), "ann");
    cr_expect_str_eq(core_known_as(core, where, ann, &w.arena), "");
    cr_expect_str_eq(core_known_as(core, where, span_of("nobody"), &w.arena), "");
    identity_world_close(&w);
}

Test(scorer_identity, in_more_accounts_than_are_remembered_a_visitor_stays_one)
{
    struct identity_world w;
    open_one(&w, "");
    int known = 0;
    for (int i = 0; i < IDENTITY_MET_MAX + 3; i++) {
        visit(&w, "anon", arena_printf(&w.texts, "acme%d", i), "2026-03-01T10:00:00Z");
        identity_world_settle(&w);
    }
    identity_world_link(&w, "anon", "ann", false, "2026-03-01T12:00:00Z");
    identity_world_settle(&w);
    for (int i = 0; i < IDENTITY_MET_MAX + 3; i++) {
        const char *account = arena_printf(&w.texts, "acme%d", i);
        known += strcmp(value_of(&w, account, "ann", "opened"), "1") == 0;
        cr_expect_str_eq(value_of(&w, account, NULL, "users"), "1");
    }
    cr_expect(known == IDENTITY_MET_MAX, "%d", known);
    cr_expect(view_of(&w, "user:anon").n_acts == IDENTITY_MET_MAX);
    identity_world_close(&w);
}

Test(scorer_identity, a_new_measure_finds_visitors_as_who_they_are)
{
    static const char MORE[] = "measures:\n"
                               "  more: {distinct: user, on: Opened, window: 30d, per: account}\n"
                               "  seen: {distinct: user, on: Opened, per: account,"
                               " where: {user.plan: {exists: false}}}\n"
                               "  mine: {sum: properties.p, on: Opened}\n";
    static struct identity_world w, again;
    struct buf yaml = {0};
    identity_world_open(&w, PLAYBOOK, 1);
    buf_printf(&yaml, "playbook: p\nversion: 2\n%s%s", MORE,
               strstr(PLAYBOOK, "measures:\n") + strlen("measures:\n"));
    buf_append_u8(&yaml, 0);
    identity_world_open(&again, (const char *)yaml.bytes, 1);
    struct identity_world *worlds[] = {&w, &again};
    for (size_t i = 0; i < 2; i++) {
        visit(worlds[i], "anon", "acme", "2026-03-01T10:00:00Z");
        identity_world_track(worlds[i], "ann", "acme", "Opened", "2026-03-01T10:00:00Z");
        identity_world_link(worlds[i], "anon", "ann", false, "2026-03-01T12:00:00Z");
        identity_world_settle(worlds[i]);
    }
    identity_world_record(
        &w, 0, &(struct identity_input){.kind = INPUT_PLAYBOOK, .yaml = (const char *)yaml.bytes},
        1);
    struct identity_lane *lane = &w.lanes[0];
    struct core_warmed warmed = {.rebuilt = again.lanes[0].core};
    core_warm(lane->core, lane->n_records + 2, &warmed, &lane->changes, &w.arena);
    cr_expect_str_eq(value_of(&w, "acme", NULL, "more"), "1");
    cr_expect_str_eq(value_of(&w, "acme", NULL, "seen"), "1");
    cr_expect_str_eq(value_of(&w, "acme", NULL, "users"), "1");
    cr_expect(identity_world_change(&w, "anon", NULL, false) == LINK_CHANGED);
    identity_world_settle(&w);
    cr_expect_str_eq(value_of(&w, "acme", NULL, "more"), "2");
    cr_expect_str_eq(value_of(&w, "acme", NULL, "seen"), "2");
    buf_deinit(&yaml);
    identity_world_close(&again);
    identity_world_close(&w);
}

// ---- Links ----

Test(scorer_identity, an_undone_link_gives_back_what_it_brought)
{
    struct identity_world w;
    open_one(&w, "");
    identity_world_track(&w, "anon", NULL, "Opened", "2026-03-01T10:00:00Z");
    identity_world_track(&w, "bob", "acme", "Opened", "2026-03-01T10:30:00Z");
    identity_world_link(&w, "anon", "acme", true, "2026-03-01T12:00:00Z");
    identity_world_settle(&w);
    cr_expect_str_eq(value_of(&w, "acme", NULL, "total"), "2");
    cr_expect(identity_world_change(&w, "anon", "acme", false) == LINK_CHANGED);
    identity_world_settle(&w);
    cr_expect_str_eq(value_of(&w, "acme", NULL, "total"), "1");
    cr_expect_str_eq(value_of(&w, "acme", NULL, "users"), "1");
    cr_expect_str_eq(value_of(&w, "user:anon", "anon", "opened"), "1");
    // The call is said again: it stays undone.
    identity_world_link(&w, "anon", "acme", true, "2026-03-02T12:00:00Z");
    identity_world_settle(&w);
    cr_expect_str_eq(value_of(&w, "acme", NULL, "total"), "1");
    cr_expect(identity_world_change(&w, "anon", "acme", false) == LINK_AS_IT_WAS);
    cr_expect(identity_world_change(&w, "anon", "beta", false) == LINK_UNKNOWN);
    cr_expect(identity_world_change(&w, "nobody", NULL, false) == LINK_UNKNOWN);
    cr_expect(identity_world_change(&w, "anon", NULL, true) == LINK_CHANGED, "the one undone last");
    identity_world_settle(&w);
    cr_expect_str_eq(value_of(&w, "acme", NULL, "total"), "2");
    struct identity_view view = view_of(&w, "user:anon");
    cr_assert(view.n_history == 8, "%zu", view.n_history);
    static const char *const HISTORY[] = {"counts in acme",   "merged into acme", "undone: acme",
                                          "counts by itself", "came back",        "redone: acme",
                                          "counts in acme",   "merged into acme"};
    for (size_t i = 0; i < 8; i++)
        cr_expect_str_eq(view.history[i].what, HISTORY[i]);
    cr_expect_str_eq(view.history[2].by, "ana");
    cr_expect(view.n_links == 1 && view.links[0].in_force && !view.links[0].undone);
    identity_world_close(&w);
}

Test(scorer_identity, of_two_that_are_each_other_one_is_both)
{
    struct identity_world w;
    open_one(&w, "");
    identity_world_track(&w, "a", NULL, "Opened", "2026-03-01T10:00:00Z");
    identity_world_track(&w, "b", NULL, "Opened", "2026-03-01T10:00:00Z");
    identity_world_link(&w, "a", "b", false, "2026-03-01T12:00:00Z");
    identity_world_link(&w, "b", "a", false, "2026-03-01T12:00:00Z");
    identity_world_settle(&w);
    cr_expect_str_eq(value_of(&w, "user:a", "a", "opened"), "2");
    cr_expect_str_eq(value_of(&w, "user:b", "b", "opened"), "0");
    identity_world_close(&w);
}

Test(scorer_identity, a_place_is_where_something_of_it_is)
{
    struct identity_world w;
    struct identity_place place;
    open_one(&w, "");
    struct core *home = identity_world_core(&w, "user:ann");
    identity_world_link(&w, "ann", "acme", true, "2026-03-01T12:00:00Z");
    identity_world_settle(&w);
    cr_expect(!core_identity_place(home, span_of("ann"), &place), "she has done nothing yet");
    identity_world_track(&w, "ann", NULL, "Opened", "2026-03-01T10:00:00Z");
    identity_world_settle(&w);
    cr_assert(core_identity_place(home, span_of("ann"), &place));
    cr_expect(span_is(place.account, "acme") && span_is(place.user, "ann") && place.since_ms > 0);
    cr_expect(!core_identity_place(home, span_of("nobody"), &place));
    cr_expect(identity_world_change(&w, "ann", NULL, false) == LINK_CHANGED);
    cr_expect(!core_identity_place(home, span_of("ann"), &place), "at home again");
    identity_world_close(&w);
}

// Once without an account, and once with it: home and account know its message id each.
Test(scorer_identity, a_call_that_is_repeated_with_its_account_counts_once)
{
    struct identity_world w;
    open_one(&w, "");
    for (int i = 0; i < 12; i++) {
        char id[16], account[16];
        snprintf(id, sizeof id, "u%d", i);
        snprintf(account, sizeof account, "acme%d", i);
        identity_world_track(&w, id, NULL, "Opened", "2026-03-01T10:00:00Z");
        identity_world_link(&w, id, account, true, "2026-03-01T12:00:00Z");
        identity_world_settle(&w);
        struct identity_input unnamed = {.event = {.account = identity_text(&w, "user:", id),
                                                   .user = id,
                                                   .name = "Opened",
                                                   .id = identity_message(&w),
                                                   .at_ms = at("2026-03-02T10:00:00Z")}};
        struct identity_input named = unnamed;
        named.event.account = account;
        identity_world_event(&w, i % 2 == 0 ? &unnamed : &named);
        if (i % 4 < 2)
            identity_world_settle(&w);
        identity_world_event(&w, i % 2 == 0 ? &named : &unnamed);
        identity_world_settle(&w);
        cr_expect_str_eq(value_of(&w, account, id, "opened"), "2", "case %d", i);
    }
    identity_world_close(&w);
}

Test(scorer_identity, of_many_links_the_earliest_are_kept)
{
    struct identity_world w;
    open_one(&w, "");
    identity_world_track(&w, "x", NULL, "Opened", "2026-03-01T10:00:00Z");
    // From the latest to the earliest, then again.
    for (int round = 0; round < 2; round++) {
        for (int i = 2 * IDENTITY_LINKS_MAX; i > 0; i--) {
            char user[16], when[40];
            snprintf(user, sizeof user, "u%02d", i);
            snprintf(when, sizeof when, "2026-03-02T10:00:%02dZ", i);
            identity_world_link(&w, "x", user, false, when);
        }
    }
    identity_world_settle(&w);
    struct identity_view view = view_of(&w, "user:x");
    cr_assert(view.n_links == IDENTITY_LINKS_MAX);
    for (size_t i = 0; i < view.n_links; i++)
        cr_expect(strcmp(view.links[i].target, "u16") <= 0, "%s", view.links[i].target);
    cr_expect_str_eq(value_of(&w, "user:u01", "u01", "opened"), "1");
    identity_world_close(&w);
}

Test(scorer_identity, an_account_tells_of_its_parts)
{
    struct identity_world w;
    open_one(&w, "");
    identity_world_track(&w, "b", NULL, "Opened", "2026-03-01T10:00:00Z");
    identity_world_track(&w, "a", NULL, "Opened", "2026-03-01T10:00:00Z");
    identity_world_link(&w, "b", "u", false, "2026-03-01T12:00:00Z");
    identity_world_link(&w, "a", "acme", true, "2026-03-01T12:00:00Z");
    identity_world_link(&w, "u", "acme", true, "2026-03-01T12:00:00Z");
    identity_world_settle(&w);
    struct identity_view view = view_of(&w, "acme");
    cr_assert(view.known && view.n_parts == 2 && view.n_parts_all == 2);
    cr_expect_str_eq(view.parts[0].identity, "a");
    cr_expect_str_eq(view.parts[0].user, "a");
    cr_expect_str_eq(view.parts[1].identity, "b");
    cr_expect_str_eq(view.parts[1].user, "u");
    cr_expect(view.parts[0].since_ms > 0 && view.parts[0].by[0] == 'm');
    cr_expect(!view_of(&w, "nobody").known);
    identity_world_close(&w);
}

// ---- Bytes ----

Test(scorer_identity, bytes_that_are_no_message_are_refused)
{
    struct identity_world w;
    open_one(&w, "");
    identity_world_track(&w, "ann", NULL, "Opened", "2026-03-01T10:00:00Z");
    identity_world_link(&w, "ann", "acme", true, "2026-03-01T12:00:00Z");
    uint32_t home = identity_home_lane(&w, "ann");
    uint32_t to = identity_lane_of(&w, span_of("acme"));
    cr_assert(w.lanes[home].out[to].n == 1);
    struct span good = w.lanes[home].out[to].items[0].bytes;
    struct core *core = w.lanes[to].core;
    struct err_info info = {{0}};
    struct move move;
    // Whatever a byte of it says instead, and wherever it ends: a message or an error.
    char *bytes = mem_dup(good);
    size_t refused = 0;
    for (size_t i = 0; i < good.len; i++) {
        for (int bit = 0; bit < 9; bit++) {
            struct span bad = span_make(bytes, bit == 8 ? i : good.len);
            bytes[i] = (char)(bit == 8 ? bytes[i] : bytes[i] ^ 1 << bit);
            enum err err = moves_unpack(core, bad, &w.arena, &move, &info);
            refused += err == ERR_INVALID;
            cr_expect(err == ERR_OK || (err == ERR_INVALID && info.text[0] != '\0'));
            if (err == ERR_OK)
                move_deinit(&move);
            bytes[i] = ((const char *)good.ptr)[i];
        }
    }
    cr_expect(refused > good.len, "%zu", refused);
    cr_assert(moves_unpack(core, good, &w.arena, &move, &info) == ERR_OK);
    cr_expect(move.kind == MOVE_PIECE && span_is(move.node, "acme"));
    move_deinit(&move);
    mem_free(bytes);
    identity_world_close(&w);
}

Test(scorer_identity, messages_of_visitors_are_for_their_own_accounts)
{
    static const struct {
        enum move_kind kind;
        const char *node, *user, *group;
        bool good;
    } CASES[] = {{MOVE_MEET, "user:a", "", "acme", true}, {MOVE_MEET, "user:b", "", "acme", false},
                 {MOVE_MEET, "acme", "", "acme", false},  {MOVE_MEET, "user:a", "", "", false},
                 {MOVE_KNOWN, "acme", "ann", "", true},   {MOVE_KNOWN, "acme", "", "", false},
                 {MOVE_KNOWN + 1, "acme", "a", "", false}};
    struct identity_world w;
    open_one(&w, "");
    struct core *core = w.lanes[0].core;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct buf bytes = {0};
        struct err_info info;
        struct move move = {.kind = CASES[i].kind,
                            .node = span_of(CASES[i].node),
                            .identity = span_of("a"),
                            .user = span_of(CASES[i].user),
                            .group = span_of(CASES[i].group)};
        moves_pack(core, &move, &bytes);
        enum err err = moves_unpack(core, buf_span(&bytes), &w.arena, &move, &info);
        cr_expect((err == ERR_OK) == CASES[i].good, "case %zu", i);
        // To an account in which nobody has acted it means nothing.
        core_begin_record(core, 2 + i, 0);
        if (err == ERR_OK)
            core_take_move(core, 2 + i, 0, &move, 0, &w.lanes[0].changes, &w.arena);
        core_end_record(core, 2 + i, 0, &w.lanes[0].changes, &w.arena);
        cr_expect(view_of(&w, "acme").n_acting_all == 0);
        buf_deinit(&bytes);
    }
    identity_world_close(&w);
}
