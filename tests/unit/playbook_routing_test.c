// SPDX-License-Identifier: Apache-2.0
// links: playbook config base
// What the router decides by, beside teams: priority, effort, experiments, prompts, contact, buyers
// and organizations.
#include <string.h>

#include "tests/support/playbook_good.h"

static const struct measure *measure_of(const struct playbook *playbook, const char *name)
{
    for (int32_t i = 0; i < playbook->n_measures; i++) {
        if (strcmp(playbook->measures[i].name, name) == 0)
            return &playbook->measures[i];
    }
    cr_assert_fail("no measure %s", name);
    return NULL;
}

static const struct condition *condition_of(const struct playbook *playbook, const char *signal)
{
    return &playbook->conditions[good_signal(playbook, signal)->condition];
}

#define BIG "segments:\n  big: {account.employees: {at_least: 500}}\n"

Test(playbook_routing, priority_aging_and_effort)
{
    struct playbook *playbook =
        playbook_good(HEAD BIG "priority:\n"
                               "  - {when: {segment: big}, add: 50}\n"
                               "  - {when: {not: {account.country: DE}}, add: -1000}\n"
                               "aging: {points: 3, every: 90m}\n"
                               "effort:\n"
                               "  - {when: {segment: big}, units: 100}\n"
                               "  - {when: always, units: 2}\n");
    cr_assert_eq(playbook->n_priorities, 2);
    cr_expect_str_eq(good_looks_at(playbook, playbook->priorities[0].when), "segment.big");
    cr_expect_eq(playbook->priorities[0].add, 50);
    cr_expect_eq(playbook->conditions[playbook->priorities[1].when].kind, CONDITION_NOT);
    cr_expect_eq(playbook->priorities[1].add, -1000);
    cr_expect_eq(playbook->age_points, 3);
    cr_expect_eq(playbook->age_ms, 90 * TIME_MINUTE_MS);
    cr_assert_eq(playbook->n_efforts, 2);
    cr_expect_eq(playbook->efforts[0].units, 100);
    cr_expect_eq(playbook->conditions[playbook->efforts[1].when].kind, CONDITION_ALWAYS);
    cr_expect_eq(playbook->efforts[1].units, 2);
    playbook_destroy(playbook);
}

Test(playbook_routing, first_and_the_busiest_hour)
{
    struct playbook *playbook =
        playbook_good(HEAD "queues: {success: {deliver: busiest_hour}, later: {deliver: at_once}}\n"
                           "route:\n"
                           "  - {when: {account.plan: free}, motion: success, first: true}\n"
                           "  - {when: always, motion: self_serve, first: false}\n");
    cr_expect(playbook->routes[0].first);
    cr_expect(!playbook->routes[1].first);
    for (int32_t i = 0; i < playbook->n_queues; i++)
        cr_expect_eq(playbook->queues[i].busiest_hour,
                     strcmp(playbook->queues[i].name, "success") == 0, "%s",
                     playbook->queues[i].name);
    cr_assert_neq(playbook->busiest_fact, PLAYBOOK_NONE);
    const struct signal *fact = &playbook->signals[playbook->busiest_fact];
    cr_expect_str_eq(fact->name, "fact.measure.busiest_hour");
    cr_expect_eq(fact->origin, SIGNAL_FACT);
    cr_expect_eq(fact->scope, SCOPE_ACCOUNT);
    cr_expect_eq(fact->fact_of, OPERAND_MEASURE);
    const struct measure *measure = &playbook->measures[fact->fact_measure];
    cr_expect_str_eq(measure->name, "busiest_hour");
    cr_expect_eq(measure->kind, MEASURE_BUSIEST_HOUR);
    cr_expect_eq(measure->scope, SCOPE_ACCOUNT);
    cr_expect_eq(measure->window, WINDOW_LIFETIME);
    cr_expect_null(measure->events);
    cr_expect(measure->hidden);
    cr_expect_neq(measure->cell, PLAYBOOK_NONE);
    const struct condition *test = &playbook->conditions[fact->condition];
    cr_expect_eq(test->test, TEST_ABOVE);
    cr_expect_eq(test->low_milli, 0);
    cr_expect_eq(&playbook->measures[test->measure], measure);
    // Every active event may move it, also one that the playbook does not name.
    const struct dispatch *other = &playbook->dispatch[playbook->n_events];
    cr_expect_eq(other->n_account_measures, 1);
    cr_expect_eq(other->n_account_signals, 1);
    playbook_destroy(playbook);
}

Test(playbook_routing, experiments_divide_the_whole)
{
    struct playbook *playbook = playbook_good(
        HEAD BIG "experiments:\n"
                 "  plain: {holdout: 12.5%}\n"
                 "  speed:\n"
                 "    key: \"some text\"\n"
                 "    of: {segment: big}\n"
                 "    holdout: 10%\n"
                 "    arms: {slow: {share: 33.33%, first_touch: 24h}, a: {share: 33.33%}, "
                 "fast: {share: 33.34%, first_touch: 1h, message: hurry}}\n"
                 "    within: 60d\n"
                 "    size: 2500\n"
                 "  half: {arms: {a: {share: 50%}, b: {share: 50%}}}\n");
    cr_assert_eq(playbook->n_experiments, 3);
    const struct experiment *plain = &playbook->experiments[0];
    cr_expect_str_eq(plain->name, "plain");
    cr_expect_str_eq(plain->key, "plain");
    cr_expect_eq(playbook->conditions[plain->of].kind, CONDITION_ALWAYS);
    cr_expect_eq(plain->within_ms, 30 * (int64_t)TIME_DAY_MS);
    cr_expect_eq(plain->size, 0);
    cr_expect_eq(plain->line, 6);
    cr_assert_eq(plain->n_arms, 2);
    cr_expect_str_eq(plain->arms[0].name, "holdout");
    cr_expect(plain->arms[0].holdout);
    cr_expect_eq(plain->arms[0].share, 1250);
    cr_expect_str_eq(plain->arms[1].name, "treated");
    cr_expect(!plain->arms[1].holdout);
    cr_expect_eq(plain->arms[1].share, 8750);

    const struct experiment *speed = &playbook->experiments[1];
    cr_expect_str_eq(speed->key, "some text");
    cr_expect_str_eq(good_looks_at(playbook, speed->of), "segment.big");
    cr_expect_eq(speed->within_ms, 60 * (int64_t)TIME_DAY_MS);
    cr_expect_eq(speed->size, 2500);
    cr_assert_eq(speed->n_arms, 4);
    cr_expect_eq(speed->arms[0].share, 1000);
    cr_expect_str_eq(speed->arms[1].name, "slow");
    cr_expect_eq(speed->arms[1].share, 3000); // 33.33 % of 90 %
    cr_expect_eq(speed->arms[1].first_touch_ms, 24 * TIME_HOUR_MS);
    cr_expect_str_eq(speed->arms[1].message, "");
    cr_expect_eq(speed->arms[2].share, 2999);
    cr_expect_eq(speed->arms[2].first_touch_ms, 0);
    cr_expect_eq(speed->arms[3].share, 3001);
    cr_expect_str_eq(speed->arms[3].message, "hurry");

    const struct experiment *half = &playbook->experiments[2];
    cr_assert_eq(half->n_arms, 2);
    cr_expect(!half->arms[0].holdout);
    cr_expect_eq(half->arms[0].share, 5000);
    cr_expect_eq(half->arms[1].share, 5000);
    playbook_destroy(playbook);
}

Test(playbook_routing, prompts_and_their_reasons)
{
    struct playbook *playbook =
        playbook_good(HEAD "measures:\n"
                           "  sent: {count: Sent, per: account}\n"
                           "  mine: {count: Sent}\n"
                           "signals: {near: {sent: {at_least: 80}}}\n"
                           "prompts:\n"
                           "  limit: {when: near, text: Almost full, offer: 20 % off, "
                           "link: https://example.com/up, priority: 10, expires: 14d, snooze: 7d}\n"
                           "  keen: {when: {mine: {at_least: 3}}, text: Well done}\n"
                           "  both: {when: [near, {user.role: admin}], text: Two}\n"
                           "  called: {text: Called, link: /plans}\n");
    cr_assert_eq(playbook->n_prompts, 4);
    const struct prompt *limit = &playbook->prompts[0], *keen = &playbook->prompts[1];
    cr_expect_str_eq(limit->name, "limit");
    cr_expect_str_eq(playbook->signals[limit->when].name, "near");
    cr_expect_str_eq(limit->text, "Almost full");
    cr_expect_str_eq(limit->offer, "20 % off");
    cr_expect_str_eq(limit->link, "https://example.com/up");
    cr_expect_eq(limit->priority, 10);
    cr_expect_eq(limit->expires_ms, 14 * (int64_t)TIME_DAY_MS);
    cr_expect_eq(limit->snooze_ms, 7 * (int64_t)TIME_DAY_MS);
    cr_expect_str_eq(playbook->signals[keen->when].name, "prompt.keen");
    cr_expect_eq(playbook->signals[keen->when].origin, SIGNAL_IMPLIED);
    cr_expect_eq(playbook->signals[keen->when].scope, SCOPE_USER);
    cr_expect_str_eq(keen->offer, "");
    cr_expect_str_eq(keen->link, "");
    cr_expect_eq(keen->priority, 0);
    cr_expect_eq(keen->expires_ms, 0);
    cr_expect_eq(keen->snooze_ms, 0);
    const struct signal *both = &playbook->signals[playbook->prompts[2].when];
    cr_expect_str_eq(both->name, "prompt.both");
    cr_expect_eq(both->scope, SCOPE_USER);
    cr_expect_eq(playbook->conditions[both->condition].kind, CONDITION_ALL);
    cr_expect_eq(playbook->prompts[3].when, PLAYBOOK_NONE);
    cr_expect_str_eq(playbook->prompts[3].link, "/plans");
    playbook_destroy(playbook);
}

Test(playbook_routing, never_is_of_a_user_when_it_looks_at_one)
{
    struct playbook *playbook = playbook_good(
        HEAD "contact:\n"
             "  never: {any: [{user.unsubscribed: true}, {account.legal_hold: true}]}\n"
             "  consent: {user.marketing_consent: true}\n");
    cr_assert_neq(playbook->never_user, PLAYBOOK_NONE);
    cr_expect_eq(playbook->never_account, PLAYBOOK_NONE);
    cr_expect_str_eq(playbook->signals[playbook->never_user].name, "contact.never");
    cr_expect_eq(playbook->signals[playbook->never_user].scope, SCOPE_USER);
    cr_expect_str_eq(playbook->signals[playbook->consent].name, "contact.consent");
    playbook_destroy(playbook);
    playbook = playbook_good(HEAD BIG "contact: {never: {segment: big}}\n");
    cr_expect_eq(playbook->never_user, PLAYBOOK_NONE);
    cr_assert_neq(playbook->never_account, PLAYBOOK_NONE);
    cr_expect_str_eq(playbook->signals[playbook->never_account].name, "segment.big");
    cr_expect_eq(playbook->consent, PLAYBOOK_NONE);
    playbook_destroy(playbook);
}

Test(playbook_routing, buyers_are_segments_of_which_the_first_holds)
{
    struct playbook *playbook = playbook_good(
        HEAD "measures: {asked: {count: Demo Requested}, used: {count: Sent, per: account}}\n"
             "signals: {keen: {buyer: converts_alone}}\n"
             "buyers:\n"
             "  maxed_out: {used: {at_least: 80}}\n"
             "  asked_for_help: {asked: {at_least: 1}}\n"
             "  converts_alone: {user.card: true}\n"
             "route:\n"
             "  - {when: {buyer: maxed_out}, motion: sales}\n"
             "  - {when: {buyer: free}, motion: suppress}\n"
             "  - {when: always, motion: self_serve}\n");
    // A test of one user means that some user meets it.
    const struct signal *asked = good_signal(playbook, "segment.buyer_asked_for_help");
    cr_expect_eq(asked->scope, SCOPE_ACCOUNT);
    cr_expect_eq(asked->origin, SIGNAL_SEGMENT);
    const struct condition *some = &playbook->conditions[asked->condition];
    cr_expect_eq(some->kind, CONDITION_TEST);
    cr_expect_eq(playbook->measures[some->measure].kind, MEASURE_USERS_WITH);
    cr_expect_eq(good_signal(playbook, "segment.buyer_converts_alone")->scope, SCOPE_ACCOUNT);
    cr_expect_eq(good_signal(playbook, "keen")->scope, SCOPE_ACCOUNT);
    const struct condition *maxed = condition_of(playbook, "segment.buyer_maxed_out");
    cr_assert_eq(maxed->kind, CONDITION_ALL);
    cr_assert_eq(maxed->n_children, 2);
    const struct condition *not = &playbook->conditions[maxed->children[1]];
    cr_assert_eq(not ->kind, CONDITION_NOT);
    cr_expect_str_eq(good_looks_at(playbook, not ->children[0]), "segment.buyer_asked_for_help");
    const struct condition *alone = condition_of(playbook, "segment.buyer_converts_alone");
    not = &playbook->conditions[alone->children[1]];
    cr_assert_eq(not ->kind, CONDITION_NOT);
    cr_expect_eq(playbook->conditions[not ->children[0]].kind, CONDITION_ANY);
    cr_expect_eq(playbook->conditions[not ->children[0]].n_children, 2);

    cr_expect_str_eq(good_looks_at(playbook, playbook->routes[0].when), "segment.buyer_maxed_out");
    cr_expect_str_eq(playbook->routes[0].text, "buyer maxed_out");
    cr_expect_str_eq(playbook->routes[1].text, "buyer free");
    const struct condition *free = &playbook->conditions[playbook->routes[1].when];
    cr_assert_eq(free->kind, CONDITION_NOT);
    cr_expect_eq(playbook->conditions[free->children[0]].n_children, 3);
    playbook_destroy(playbook);
}

Test(playbook_routing, buyers_that_nobody_describes_are_ready_made)
{
    static const struct {
        const char *class, *measure;
        int32_t n_events, days;
        int64_t at_least;
    } READY[] = {{"segment.buyer_asked_for_help", "buyer.asked_for_help", 3, 30, 1000},
                 {"segment.buyer_maxed_out", "buyer.maxed_out", 2, 30, 1000},
                 {"segment.buyer_converts_alone", "buyer.converts_alone", 2, 14, 2000}};
    struct playbook *playbook = playbook_good(HEAD "route:\n"
                                                   "  - {when: {buyer: free}, motion: suppress}\n"
                                                   "  - {when: always, motion: self_serve}\n");
    for (size_t i = 0; i < sizeof READY / sizeof *READY; i++) {
        const struct measure *measure = measure_of(playbook, READY[i].measure);
        cr_expect_eq(measure->kind, MEASURE_COUNT);
        cr_expect_eq(measure->scope, SCOPE_ACCOUNT);
        cr_expect_eq(measure->window, WINDOW_DAYS);
        cr_expect_eq(measure->window_n, READY[i].days);
        cr_expect_eq(measure->n_events, READY[i].n_events);
        cr_expect(measure->hidden);
        const struct condition *condition = condition_of(playbook, READY[i].class);
        if (condition->kind == CONDITION_ALL)
            condition = &playbook->conditions[condition->children[0]];
        cr_assert_eq(condition->kind, CONDITION_TEST);
        cr_expect_eq(condition->test, TEST_AT_LEAST);
        cr_expect_eq(condition->low_milli, READY[i].at_least);
        cr_expect_eq(&playbook->measures[condition->measure], measure);
    }
    cr_expect_lt(playbook_event(playbook, span_of("Quota Exceeded")), playbook->n_events);
    playbook_destroy(playbook);
    // Nobody looks: nothing is made up.
    playbook = playbook_good(HEAD "signals: {s: always}\n");
    cr_expect_eq(playbook->n_measures, 0);
    cr_expect_eq(playbook->n_events, 0);
    playbook_destroy(playbook);
}

Test(playbook_routing, a_class_that_is_not_described_is_never_true)
{
    struct playbook *playbook =
        playbook_good(HEAD "buyers: {maxed_out: {account.full: true}}\n"
                           "route:\n"
                           "  - {when: {buyer: asked_for_help}, motion: sales}\n"
                           "  - {when: always, motion: self_serve}\n");
    const struct condition *never = &playbook->conditions[playbook->routes[0].when];
    cr_assert_eq(never->kind, CONDITION_NOT);
    cr_expect_eq(playbook->conditions[never->children[0]].kind, CONDITION_ALWAYS);
    cr_expect_eq(playbook_signal(playbook, span_of("segment.buyer_asked_for_help")), PLAYBOOK_NONE);
    playbook_destroy(playbook);
}

Test(playbook_routing, how_accounts_belong_together)
{
    static const struct {
        enum organization_source source;
        const char *fact;
        enum scope scope;
    } BY[] = {{ORGANIZATION_PARENT, "fact.account.parent", SCOPE_ACCOUNT},
              {ORGANIZATION_TRAIT, "fact.account.company", SCOPE_ACCOUNT},
              {ORGANIZATION_DOMAIN, "fact.user.email_domain", SCOPE_USER}};
    struct playbook *playbook = playbook_good(
        HEAD "organizations: {by: [account.parent, account.company, email_domain]}\n");
    cr_assert_eq(playbook->n_organizations, 3);
    for (int32_t i = 0; i < 3; i++) {
        cr_expect_eq(playbook->organizations[i].source, BY[i].source);
        const struct signal *fact = &playbook->signals[playbook->organizations[i].fact];
        cr_expect_str_eq(fact->name, BY[i].fact);
        cr_expect_eq(fact->origin, SIGNAL_FACT);
        cr_expect_eq(fact->scope, BY[i].scope);
    }
    playbook_destroy(playbook);
    playbook = playbook_good(HEAD "organizations: {by: account.domain}\n");
    cr_assert_eq(playbook->n_organizations, 1);
    cr_expect_eq(playbook->organizations[0].source, ORGANIZATION_TRAIT);
    playbook_destroy(playbook);
}

#define ORGANIZED                                                                                  \
    HEAD "measures:\n"                                                                             \
         "  sent: {count: Sent, per: account}\n"                                                   \
         "  mine: {count: Sent}\n"                                                                 \
         "signals: {near: {sent: {at_least: 80}}, heavy: {mine: {at_least: 3}}}\n"                 \
         "organizations: {by: email_domain}\n"

static void expect_roll_up(const struct playbook *playbook, int32_t at, enum roll_up roll_up,
                           const char *signal, int64_t least, const char *text)
{
    const struct condition *condition = &playbook->conditions[at];
    cr_assert_eq(condition->kind, CONDITION_ROLL_UP);
    cr_expect_eq(condition->roll_up, roll_up);
    cr_expect_str_eq(playbook->signals[condition->signal].name, signal);
    cr_expect_eq(condition->low_milli, least);
    cr_expect_str_eq(condition->text, text);
    cr_expect_eq(condition->leaf, PLAYBOOK_NONE);
}

Test(playbook_routing, definitions_of_organizations)
{
    struct playbook *playbook =
        playbook_good(ORGANIZED "qualify:\n"
                                "  pql: heavy\n"
                                "  company:\n"
                                "    as: pqa\n"
                                "    per: organization\n"
                                "    label: Company PQA\n"
                                "    when:\n"
                                "      any:\n"
                                "        - {accounts_with: {signal: near, at_least: 2}}\n"
                                "        - [{users_with: {signal: heavy, at_least: 20}}, {not: "
                                "{accounts_with: {signal: pql, at_least: 3}}}]\n"
                                "        - {total: {measure: sent, at_least: 50.5}}\n"
                                "  small: {per: organization, when: {at_least_n_of: {n: 1, of: "
                                "[{accounts_with: {signal: heavy, at_least: 1}}]}}}\n");
    cr_assert_eq(playbook->n_definitions, 1);
    cr_assert_eq(playbook->n_org_definitions, 2);
    const struct organization_definition *company = &playbook->org_definitions[0];
    cr_expect_str_eq(company->name, "company");
    cr_expect_str_eq(company->label, "Company PQA");
    cr_expect_eq(company->line, 10);
    const struct condition *any = &playbook->conditions[company->when];
    cr_assert_eq(any->kind, CONDITION_ANY);
    cr_assert_eq(any->n_children, 3);
    expect_roll_up(playbook, any->children[0], ROLL_UP_ACCOUNTS, "near", 2000,
                   "accounts_with near at_least 2");
    const struct condition *all = &playbook->conditions[any->children[1]];
    cr_assert_eq(all->kind, CONDITION_ALL);
    expect_roll_up(playbook, all->children[0], ROLL_UP_USERS, "heavy", 20000,
                   "users_with heavy at_least 20");
    const struct condition *not = &playbook->conditions[all->children[1]];
    cr_assert_eq(not ->kind, CONDITION_NOT);
    expect_roll_up(playbook, not ->children[0], ROLL_UP_ACCOUNTS, "qualify.pql", 3000,
                   "accounts_with pql at_least 3");
    expect_roll_up(playbook, any->children[2], ROLL_UP_TOTAL, "fact.measure.sent", 50500,
                   "total sent at_least 50.5");
    const struct signal *fact = good_signal(playbook, "fact.measure.sent");
    cr_expect_eq(fact->fact_of, OPERAND_MEASURE);
    cr_expect_str_eq(playbook->measures[fact->fact_measure].name, "sent");
    const struct organization_definition *small = &playbook->org_definitions[1];
    cr_expect_str_eq(small->label, "");
    cr_expect_eq(playbook->conditions[small->when].kind, CONDITION_AT_LEAST_N);
    playbook_destroy(playbook);
}
