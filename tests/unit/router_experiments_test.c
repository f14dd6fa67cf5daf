// SPDX-License-Identifier: Apache-2.0
// links: router_core playbook
#include <criterion/criterion.h>

#include "services/router/core/experiments.h"
#include "services/router/core/state.h"
#include "tests/support/router_world.h"

#define HEAD                                                                                       \
    "playbook: test\nversion: 1\n"                                                                 \
    "measures:\n"                                                                                  \
    "  projects: {count: Project Created}\n"                                                       \
    "  paid: {count: Paid, per: account}\n"                                                        \
    "  usage: {count: any, per: account}\n"                                                        \
    "signals:\n"                                                                                   \
    "  ready: {projects: {at_least: 3}}\n"                                                         \
    "  busy: {usage: {at_least: 50}}\n"                                                            \
    "qualify: {pql: ready}\n"                                                                      \
    "lifecycle: {customer: {paid: {at_least: 1}}}\n"                                               \
    "route:\n"                                                                                     \
    "  - {when: always, motion: sales, message: plain}\n"

static const int64_t DAY = 24 * 3600 * 1000;

static struct router_world w;
static struct arena arena;

static void setup(void)
{
    router_world_init(&w);
    arena_init(&arena, 4096, 0);
}

static void teardown(void)
{
    router_world_deinit(&w);
    arena_deinit(&arena);
}

TestSuite(router_experiments, .init = setup, .fini = teardown);

static void use(const char *text)
{
    router_core_set_playbook(w.core, router_world_playbook(text), &w.effects);
    router_world_note(&w);
}

static void send_at(int64_t at_ms, const char *account, const char *user, const char *name,
                    bool value)
{
    struct router_signal s = router_world_signal(++w.position, 0, account, user, name, value);
    s.at_ms = s.known_at_ms = at_ms;
    router_core_signals(w.core, 0, &s, 1, &w.effects);
    router_world_note(&w);
    buf_clear(&w.log);
}

static struct router_lead *lead_of(const char *account)
{
    return router_state_account_find(w.core, span_of(account))->lead;
}

// The n-th account that falls into the arm of the lead's only experiment, with its lead.
static const char *account_in(const char *arm, int n, char out[16])
{
    for (int i = 0; i < 1000; i++) {
        snprintf(out, 16, "x%d", i);
        if (router_state_account_find(w.core, span_of(out)) == NULL)
            send_at(1, out, "u", "qualify.pql", true);
        struct router_lead *lead = lead_of(out);
        if (lead->n_experiments == 1 && strcmp(lead->arms[0], arm) == 0 && n-- == 0)
            return out;
    }
    cr_assert_fail("nobody falls into %s", arm);
    return NULL;
}

static const struct router_experiment_view *view_of(int64_t now_ms)
{
    const struct router_experiment_view *views;
    cr_assert_eq(router_core_experiments(w.core, now_ms, &arena, &views), 1);
    return views;
}

static void lease_and_complete(int64_t now_ms, const char *account, const char *outcome)
{
    struct router_lead *lead = lead_of(account);
    const struct router_lead *out[ROUTER_LEASE_LEADS_MAX];
    while (lead->state == ROUTER_WAITING)
        cr_assert(router_world_lease(&w, now_ms, "sales", "c", 1, "", out) == 1);
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(lead, token);
    cr_assert(router_core_complete(w.core, now_ms, span_of(lead->id), span_of(token),
                                   span_of(outcome), out, &w.effects, NULL) == ERR_OK);
    router_world_note(&w);
    buf_clear(&w.log);
}

static const char SPEED[] =
    HEAD "experiments:\n"
         "  speed:\n"
         "    holdout: 20%\n"
         "    arms: {fast: {share: 25%, first_touch: 1h}, slow: {share: 75%, message: calm}}\n"
         "    within: 10d\n"
         "    size: 500\n";

Test(router_experiments, accounts_are_divided_by_the_shares)
{
    use(SPEED);
    char id[16];
    for (int i = 0; i < 4000; i++) {
        snprintf(id, sizeof id, "x%d", i);
        send_at(1, id, "u", "qualify.pql", true);
    }
    const struct router_experiment_view *view = view_of(1);
    cr_assert_eq(view->n_arms, 3);
    cr_assert_str_eq(view->arms[0].name, "holdout");
    cr_assert(view->arms[0].holdout && !view->arms[1].holdout);
    // 20 %, 20 % and 60 % of 4,000; four standard deviations are 101 and 124.
    cr_assert(view->arms[0].leads > 699 && view->arms[0].leads < 901);
    cr_assert(view->arms[1].leads > 699 && view->arms[1].leads < 901);
    cr_assert(view->arms[2].leads > 2276 && view->arms[2].leads < 2524);
    cr_assert_eq(view->arms[0].leads + view->arms[1].leads + view->arms[2].leads, 4000);
    cr_assert_eq(view->size, 500);
    cr_assert_eq(view->arms[2].open, view->arms[2].leads);
}

Test(router_experiments, who_is_held_out_is_parked_and_the_others_are_treated_as_their_arm_says)
{
    use(SPEED);
    char id[16];
    struct router_lead *out = lead_of(account_in("holdout", 0, id));
    cr_assert_eq(out->state, ROUTER_PARKED);
    cr_assert_str_eq(out->parked_reason, "hold_out");
    cr_assert_str_eq(out->motion, "hold_out");
    cr_assert_str_eq(out->message, "");
    struct router_lead *fast = lead_of(account_in("fast", 0, id));
    cr_assert_eq(fast->state, ROUTER_WAITING);
    cr_assert_str_eq(fast->message, "plain");
    cr_assert_eq(fast->first_touch_ms, 3600 * 1000);
    struct router_lead *slow = lead_of(account_in("slow", 0, id));
    cr_assert_str_eq(slow->message, "calm");
    cr_assert_eq(slow->first_touch_ms, 0);
    cr_assert_str_eq(slow->experiments[0], "speed");
}

Test(router_experiments, an_account_stays_in_its_arm)
{
    use(SPEED);
    char id[16];
    send_at(2, account_in("slow", 0, id), "u", "qualify.pql", false);
    struct router_signal s = router_world_signal(++w.position, 0, id, "u", "qualify.pql", true);
    s.at_ms = s.known_at_ms = 3;
    s.episode = 2;
    router_core_signals(w.core, 0, &s, 1, &w.effects);
    cr_assert_eq(lead_of(id)->number, 2);
    cr_assert_str_eq(lead_of(id)->arms[0], "slow");
    // It counts once.
    uint64_t leads = view_of(4)->arms[2].leads;
    uint64_t expected = 0;
    for (size_t i = 0; i < w.core->n_accounts; i++)
        expected += strcmp(w.core->accounts[i]->lead->arms[0], "slow") == 0;
    cr_assert_eq(leads, expected);
}

Test(router_experiments, another_key_divides_anew_and_the_same_one_alike)
{
    use(SPEED);
    bool out[200];
    char id[16];
    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof id, "x%d", i);
        send_at(1, id, "u", "qualify.pql", true);
        out[i] = lead_of(id)->state == ROUTER_PARKED;
    }
    static const char *const KEYS[] = {"speed", "other"};
    for (int k = 0; k < 2; k++) {
        struct router_world again;
        router_world_init(&again);
        char text[2048];
        snprintf(text, sizeof text, HEAD "experiments: {renamed: {key: \"%s\", holdout: 20%%}}\n",
                 KEYS[k]);
        router_core_set_playbook(again.core, router_world_playbook(text), &again.effects);
        int same = 0;
        for (int i = 0; i < 200; i++) {
            snprintf(id, sizeof id, "x%d", i);
            router_world_send(&again, id, "u", "qualify.pql", true);
            const struct account *account = router_state_account_find(again.core, span_of(id));
            same += (account->lead->state == ROUTER_PARKED) == out[i];
        }
        cr_assert(k == 0 ? same == 200 : same < 190);
        router_world_deinit(&again);
    }
}

Test(router_experiments, only_whom_the_condition_names_takes_part)
{
    use(HEAD "experiments: {some: {of: busy, holdout: 99.99%}}\n");
    send_at(1, "a", "u", "qualify.pql", true);
    send_at(2, "b", "", "busy", true);
    send_at(3, "b", "u", "qualify.pql", true);
    cr_assert_eq(lead_of("a")->n_experiments, 0);
    cr_assert_eq(lead_of("a")->state, ROUTER_WAITING);
    cr_assert_str_eq(lead_of("b")->parked_reason, "hold_out");
    // A lead takes part from its beginning on or not at all.
    send_at(4, "a", "", "busy", true);
    cr_assert_eq(lead_of("a")->state, ROUTER_WAITING);
    cr_assert_eq(lead_of("a")->n_experiments, 0);
}

Test(router_experiments, who_is_held_out_by_one_takes_part_in_no_other)
{
    use(HEAD "experiments:\n"
             "  half: {holdout: 50%}\n"
             "  speed: {arms: {a: {share: 50%}, b: {share: 50%}}}\n");
    char id[16];
    int out = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof id, "x%d", i);
        send_at(1, id, "u", "qualify.pql", true);
        bool held = lead_of(id)->state == ROUTER_PARKED;
        out += held;
        cr_assert_eq(lead_of(id)->n_experiments, held ? 1 : 2);
        cr_assert_str_eq(lead_of(id)->experiments[0], "half");
    }
    cr_assert(out > 25 && out < 75);
}

Test(router_experiments, conversions_count_within_the_time)
{
    use(SPEED);
    char id[16];
    uint64_t slow = 0, out = 0;
    const struct router_experiment_view *view;
    account_in("slow", 3, id);
    account_in("holdout", 2, id);
    view = view_of(2);
    slow = view->arms[2].leads;
    out = view->arms[0].leads;
    cr_assert_eq(view->arms[2].converted, 0);
    cr_assert_eq(view->first_ms, 1);
    cr_assert_eq(view->last_ms, 1);
    // Becomes a customer in time, too late, and by a lead that is won.
    send_at(5 * DAY, account_in("holdout", 0, id), "", "stage.customer", true);
    lease_and_complete(6 * DAY, account_in("slow", 0, id), "won");
    lease_and_complete(6 * DAY, account_in("slow", 1, id), "lost");
    view = view_of(6 * DAY);
    cr_assert_eq(view->arms[0].converted, 1);
    cr_assert_eq(view->arms[0].open, out - 1);
    cr_assert_eq(view->arms[2].converted, 1);
    cr_assert_eq(view->arms[2].open, slow - 1);
    send_at(10 * DAY + 2, account_in("slow", 2, id), "", "stage.customer", true);
    view = view_of(10 * DAY + 2);
    cr_assert_eq(view->arms[2].converted, 1);
    cr_assert_eq(view->arms[2].open, 0);
    cr_assert_eq(view->arms[0].open, 0);
}

Test(router_experiments, touches_in_time_and_missed_ones_are_told)
{
    use(SPEED);
    char id[16];
    lead_of(account_in("fast", 0, id))->touched_at_ms = 5;
    lead_of(account_in("fast", 1, id))->touched_at_ms = 5;
    lead_of(id)->sla_missed = true;
    lead_of(account_in("fast", 2, id))->sla_missed = true;
    cr_assert_eq(view_of(9)->arms[1].touched, 1);
    cr_assert_eq(view_of(9)->arms[1].missed, 2);
}

Test(router_experiments, an_organization_falls_into_one_arm)
{
    char text[2048];
    snprintf(text, sizeof text, "%s", SPEED);
    char *at = strstr(text, "qualify:");
    cr_assert(at != NULL);
    char whole[4096];
    snprintf(whole, sizeof whole, "%.*sorganizations: {by: account.company}\n%s", (int)(at - text),
             text, at);
    use(whole);
    // The same key as an account's id falls into the same arm.
    for (int i = 0; i < 20; i++) {
        char id[16], company[16], account[16];
        snprintf(id, sizeof id, "x%d", i);
        send_at(1, id, "u", "qualify.pql", true);
        snprintf(account, sizeof account, "y%d", i);
        struct router_signal s =
            router_world_signal(++w.position, 0, account, "", "fact.account.company", true);
        snprintf(company, sizeof company, "X%d", i);
        s.label = span_of(company);
        s.at_ms = s.known_at_ms = 1;
        router_core_signals(w.core, 0, &s, 1, &w.effects);
        send_at(2, account, "u", "qualify.pql", true);
        struct account *home = account_home(router_state_account_find(w.core, span_of(account)));
        cr_assert(account_is_organization(home) && home->lead != NULL);
        cr_assert_str_eq(home->lead->arms[0], lead_of(id)->arms[0]);
    }
    router_world_note(&w);
}

Test(router_experiments, there_are_none_without_a_playbook_s_word)
{
    const struct router_experiment_view *views;
    cr_assert_eq(router_core_experiments(w.core, 1, &arena, &views), 0);
}
