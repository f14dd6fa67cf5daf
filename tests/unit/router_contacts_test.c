// SPDX-License-Identifier: Apache-2.0
// links: router_core playbook
//
// Who must not be contacted, and who agreed to messages: what becomes of leads, and whom they name.
#include <criterion/criterion.h>

#include "tests/support/router_world.h"

#define EXPECT_LOG(w, expected)                                                                    \
    do {                                                                                           \
        const char *got_ = router_world_log(w);                                                    \
        cr_assert(strcmp(got_, expected) == 0, "expected:\n%s\ngot:\n%s", expected, got_);         \
    } while (0)

#define PLAYBOOK(contact)                                                                          \
    "playbook: test\n"                                                                             \
    "version: 1\n"                                                                                 \
    "measures:\n"                                                                                  \
    "  projects: {count: Project Created}\n"                                                       \
    "  usage: {count: any, per: account}\n"                                                        \
    "signals:\n"                                                                                   \
    "  ready: {projects: {at_least: 3}}\n"                                                         \
    "  huge: {usage: {at_least: 5000}}\n"                                                          \
    "qualify:\n"                                                                                   \
    "  pql: {projects: {at_least: 4}}\n"                                                           \
    "  pqa: {usage: {at_least: 40}}\n"                                                             \
    "contact: " contact "\n"                                                                       \
    "organizations: {by: account.company}\n"                                                       \
    "route:\n"                                                                                     \
    "  - {when: huge, motion: sales, priority: 50}\n"                                              \
    "  - {when: always, motion: self_serve}\n"

static const char NEVER[] = PLAYBOOK("{never: {user.unsubscribed: {is: true}}}");
static const char NEVER_ACCOUNT[] = PLAYBOOK("{never: {account.rival: {is: true}}}");
static const char CONSENT[] = PLAYBOOK("{consent: {user.opted_in: {is: true}}}");

static struct router_world w;
static struct arena arena;

static void begin(const char *playbook)
{
    router_core_set_playbook(w.core, router_world_playbook(playbook), &w.effects);
}

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

TestSuite(router_contacts, .init = setup, .fini = teardown);

static const struct router_lead *lead_of(const char *account)
{
    struct router_account_view view;
    router_core_account(w.core, span_of(account), &arena, &view);
    return view.lead;
}

// "u v": whom the lead of the account names.
static const char *people_of(const char *account)
{
    static char text[128];
    const struct router_person *people;
    size_t n = router_core_people(w.core, lead_of(account), &arena, &people);
    int at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%s%s", i > 0 ? " " : "",
                       people[i].user_id);
    return text;
}

// The signal that stands for the condition, of whichever name it is.
static void send(const char *account, const char *user, int32_t signal, bool value)
{
    const struct playbook *playbook = router_core_playbook(w.core);
    cr_assert_neq(signal, PLAYBOOK_NONE);
    router_world_send(&w, account, user, playbook->signals[signal].name, value);
}

static void never(const char *user, bool value)
{
    send("a", user, router_core_playbook(w.core)->never_user, value);
}

static void consent(const char *user, bool value)
{
    send("a", user, router_core_playbook(w.core)->consent, value);
}

Test(router_contacts, who_must_not_be_contacted_makes_a_lead_that_nobody_gets)
{
    begin(NEVER);
    never("u", true);
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    cr_assert_eq(lead_of("a")->state, ROUTER_PARKED);
    cr_assert_str_eq(lead_of("a")->parked_reason, "do_not_contact");
    cr_assert_str_eq(people_of("a"), "");
    // Somebody else makes it one for everybody; only he is named.
    router_world_episode(&w, "a", "v", "pql", 1, true, "");
    cr_assert_eq(lead_of("a")->state, ROUTER_WAITING);
    cr_assert_str_eq(people_of("a"), "v");
}

Test(router_contacts, who_says_so_later_takes_the_lead_out_of_its_queue)
{
    begin(NEVER);
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    router_world_episode(&w, "a", "v", "pql", 1, true, "");
    never("u", true);
    cr_assert_eq(lead_of("a")->state, ROUTER_WAITING);
    cr_assert_str_eq(people_of("a"), "v");
    never("v", true);
    cr_assert_eq(lead_of("a")->state, ROUTER_PARKED);
    cr_assert_str_eq(lead_of("a")->parked_reason, "do_not_contact");
    never("u", false);
    cr_assert_eq(lead_of("a")->state, ROUTER_WAITING);
    cr_assert_str_eq(people_of("a"), "u");
}

Test(router_contacts, a_whole_account)
{
    begin(NEVER_ACCOUNT);
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    send("a", "", router_core_playbook(w.core)->never_account, true);
    cr_assert_eq(lead_of("a")->state, ROUTER_PARKED);
    cr_assert_str_eq(lead_of("a")->parked_reason, "do_not_contact");
    cr_assert_str_eq(people_of("a"), "");
}

Test(router_contacts, an_organization_is_spoken_to_while_one_of_its_accounts_is)
{
    begin(NEVER_ACCOUNT);
    router_world_fact(&w, 0, "a", "", "fact.account.company", "Acme");
    router_world_fact(&w, 0, "b", "", "fact.account.company", "Acme");
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    router_world_episode(&w, "b", "v", "pql", 1, true, "");
    send("a", "", router_core_playbook(w.core)->never_account, true);
    cr_assert_eq(lead_of("a")->state, ROUTER_WAITING);
    cr_assert_str_eq(people_of("a"), "v");
    send("b", "", router_core_playbook(w.core)->never_account, true);
    cr_assert_eq(lead_of("a")->state, ROUTER_PARKED);
}

Test(router_contacts, messages_go_only_to_who_agreed)
{
    begin(CONSENT);
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    cr_assert_eq(lead_of("a")->state, ROUTER_PARKED);
    cr_assert_str_eq(lead_of("a")->parked_reason, "no_consent");
    consent("u", true);
    cr_assert_eq(lead_of("a")->state, ROUTER_WAITING);
    router_world_episode(&w, "a", "v", "pql", 1, true, "");
    cr_assert_str_eq(people_of("a"), "u");
    // People speak to whoever qualifies.
    router_world_send(&w, "a", "", "huge", true);
    cr_assert_str_eq(lead_of("a")->motion, "sales");
    cr_assert_str_eq(people_of("a"), "u v");
    router_world_send(&w, "a", "", "huge", false);
    consent("u", false);
    cr_assert_str_eq(lead_of("a")->parked_reason, "no_consent");
}

Test(router_contacts, without_contacts_the_best_users_are_named)
{
    begin(NEVER);
    router_world_send(&w, "a", "u", "ready", true);
    router_world_send(&w, "a", "v", "ready", true);
    never("u", true);
    router_world_episode(&w, "a", "", "pqa", 1, true, "");
    cr_assert_eq(lead_of("a")->state, ROUTER_WAITING);
    cr_assert_str_eq(people_of("a"), "v");
}
