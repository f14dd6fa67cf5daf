// SPDX-License-Identifier: Apache-2.0
// links: router_core playbook
//
// Who belongs to which organization, what it qualifies by, and what becomes of the leads when an
// account moves.
#include <criterion/criterion.h>

#include "services/router/core/teams.h"
#include "tests/support/router_world.h"

#define EXPECT_LOG(w, expected)                                                                    \
    do {                                                                                           \
        const char *got_ = router_world_log(w);                                                    \
        cr_assert(strcmp(got_, expected) == 0, "expected:\n%s\ngot:\n%s", expected, got_);         \
    } while (0)

#define PLAYBOOK(organizations)                                                                    \
    "playbook: test\n"                                                                             \
    "version: 1\n"                                                                                 \
    "measures:\n"                                                                                  \
    "  projects: {count: Project Created}\n"                                                       \
    "  usage: {count: any, per: account}\n"                                                        \
    "signals:\n"                                                                                   \
    "  ready: {projects: {at_least: 3}}\n"                                                         \
    "  busy: {usage: {at_least: 50}}\n"                                                            \
    "  huge: {usage: {at_least: 5000}}\n"                                                          \
    "qualify:\n"                                                                                   \
    "  pql: {projects: {at_least: 4}}\n"                                                           \
    "  pqa: {usage: {at_least: 40}}\n" organizations "lifecycle:\n"                                \
    "  customer: {usage: {at_least: 9999}}\n"                                                      \
    "route:\n"                                                                                     \
    "  - {when: huge, motion: sales, priority: 50}\n"                                              \
    "  - {when: always, motion: self_serve}\n"

static const char COMPANIES[] =
    PLAYBOOK("  company: {as: pqa, per: organization, label: \"Company PQA\", when: {all: [\n"
             "    {accounts_with: {signal: busy, at_least: 2}},\n"
             "    {users_with: {signal: ready, at_least: 2}}]}}\n"
             "  large: {as: pqa, per: organization, when: {total: {measure: usage, at_least: "
             "100}}}\n"
             "organizations: {by: [account.parent, account.company, email_domain]}\n");
static const char ALONE[] = PLAYBOOK("");

static struct router_world w;
static struct arena arena;

static void setup(void)
{
    router_world_init(&w);
    arena_init(&arena, 4096, 0);
    router_core_set_playbook(w.core, router_world_playbook(COMPANIES), &w.effects);
}

static void teardown(void)
{
    router_world_deinit(&w);
    arena_deinit(&arena);
}

TestSuite(router_organizations, .init = setup, .fini = teardown);

static struct router_account_view view_of(const char *account)
{
    struct router_account_view view;
    router_core_account(w.core, span_of(account), &arena, &view);
    return view;
}

static void company(const char *account, const char *value)
{
    router_world_fact(&w, 0, account, "", "fact.account.company", value);
}

static void parent(const char *account, const char *value)
{
    router_world_fact(&w, 0, account, "", "fact.account.parent", value);
}

static void domain(const char *account, const char *user, const char *value)
{
    router_world_fact(&w, 0, account, user, "fact.user.email_domain", value);
}

// The organization's members, "a b c".
static const char *members_of(const char *account)
{
    static char text[256];
    struct router_account_view view = view_of(account);
    int n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < view.n_members; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%s", i > 0 ? " " : "", view.members[i]);
    return text;
}

static void expect_organization(const char *account, const char *key)
{
    const char *got = view_of(account).organization;
    cr_assert(strcmp(got, key) == 0, "%s is of \"%s\", not of \"%s\"", account, got, key);
}

static const struct router_lead *lease_one(const char *queue)
{
    const struct router_lead *leads[ROUTER_LEASE_LEADS_MAX];
    return router_world_lease(&w, 100000, queue, "c", 1, "", leads) == 0 ? NULL : leads[0];
}

static void by_token(const struct router_lead *lead, const char *outcome)
{
    char token[ROUTER_TOKEN_BYTES];
    router_lead_token(lead, token);
    enum err err = outcome != NULL
                       ? router_core_complete(w.core, 100000, span_of(lead->id), span_of(token),
                                              span_of(outcome), &lead, &w.effects, NULL)
                       : router_core_release(w.core, 100000, span_of(lead->id), span_of(token),
                                             span_of(""), 0, &lead, &w.effects, NULL);
    cr_assert_eq(err, ERR_OK);
    router_world_note(&w);
}

// ---- Who belongs where --------------------------------------------------------------------------

Test(router_organizations, by_trait)
{
    company("a", "Acme Inc");
    router_world_fact(&w, 7, "b", "", "fact.account.company", "  acme INC\t");
    company("c", "Other");
    company("d", "   ");
    expect_organization("a", "acme inc");
    cr_assert_str_eq(members_of("a"), "a b");
    cr_assert_str_eq(members_of("b"), "a b");
    expect_organization("c", "other");
    expect_organization("d", "");
    company("b", NULL);
    cr_assert_str_eq(members_of("a"), "a");
    expect_organization("b", "");
    struct router_counts counts;
    router_core_counts(w.core, &counts);
    cr_assert_eq(counts.accounts, 4);
    cr_assert_not(view_of("\xff"
                          "acme inc")
                      .known);
}

Test(router_organizations, a_name_that_only_organizations_have_is_no_account)
{
    router_world_send(&w,
                      "\xff"
                      "acme",
                      "", "busy", true);
    struct router_counts counts;
    router_core_counts(w.core, &counts);
    cr_assert_eq(counts.accounts, 0);
    cr_assert_eq(router_core_mark(w.core, 0).position, 1);
}

Test(router_organizations, by_the_domain_that_most_users_have)
{
    domain("a", "u1", "zeta.example");
    expect_organization("a", "zeta.example");
    domain("a", "u2", "Acme.example");
    expect_organization("a", "acme.example"); // of as many the first by name
    domain("a", "u3", "zeta.example");
    expect_organization("a", "zeta.example");
    for (int i = 4; i < 9; i++) {
        char user[16];
        snprintf(user, sizeof user, "u%d", i);
        domain("a", user, i % 2 == 0 ? "gmail.com" : "mail.yahoo.com");
    }
    expect_organization("a", "zeta.example"); // free ones do not count
    domain("a", "u3", "acme.example");
    expect_organization("a", "acme.example");
    domain("a", "u2", NULL);
    domain("a", "u3", NULL);
    expect_organization("a", "zeta.example");
    domain("a", "u1", "gmail.com");
    expect_organization("a", "");
    domain("a", "u1", "zeta.example");
    company("a", "Acme"); // is asked first
    expect_organization("a", "acme");
}

Test(router_organizations, by_parent)
{
    parent("a", "P"); // not heard of yet
    expect_organization("a", "P");
    router_world_send(&w, "P", "", "busy", true);
    expect_organization("P", "P");
    cr_assert_str_eq(members_of("a"), "a P");
    parent("b", " a ");
    parent("c", "b");
    expect_organization("c", "P");
    cr_assert_str_eq(members_of("P"), "a P b c");
    company("P", "Parent Co");
    cr_assert_str_eq(members_of("c"), "a P b c");
    expect_organization("c", "parent co");
    company("b", "B Co"); // its parent is asked first
    expect_organization("b", "parent co");
    parent("a", NULL); // b and c are its
    expect_organization("a", "a");
    cr_assert_str_eq(members_of("c"), "a b c");
    expect_organization("P", "parent co");
    parent("b", NULL);
    expect_organization("a", "");
    expect_organization("c", "b co");
    parent("c", "c"); // itself is nobody
    expect_organization("c", "");
    expect_organization("b", "b co");
}

Test(router_organizations, parents_in_a_circle)
{
    parent("c", "a");
    parent("b", "c");
    parent("d", "b");
    expect_organization("d", "a");
    parent("a", "b");
    for (const char *at = "abcd"; *at != '\0'; at++)
        expect_organization((char[]){*at, '\0'}, "a");
    company("b", "B Co");
    expect_organization("d", "a"); // the smallest id is the top
    company("a", "A Co");
    for (const char *at = "abcd"; *at != '\0'; at++)
        expect_organization((char[]){*at, '\0'}, "a co");
    parent("c", NULL);
    expect_organization("a", "c");
    cr_assert_str_eq(members_of("d"), "c b d a");
}

Test(router_organizations, nobody_is_asked_more_than_64_generations_up)
{
    char id[16], up[16];
    for (int i = 1; i < 200; i++) {
        snprintf(id, sizeof id, "n%03d", i);
        snprintf(up, sizeof up, "n%03d", i - 1);
        parent(id, up);
    }
    expect_organization("n064", "n000");
    expect_organization("n100", "n036");
    company("n000", "Top");
    expect_organization("n064", "top");
    expect_organization("n065", "n001");
}

// ---- Qualifying ---------------------------------------------------------------------------------

Test(router_organizations, a_definition_over_accounts_and_users)
{
    company("a", "Acme");
    router_world_fact(&w, 1, "b", "", "fact.account.company", "Acme");
    router_world_send(&w, "a", "", "busy", true);
    struct router_signal s = router_world_signal(++w.position, 0, "b", "", "busy", true);
    router_core_signals(w.core, 1, &s, 1, &w.effects);
    router_world_send(&w, "a", "u", "ready", true);
    s = router_world_signal(++w.position, 0, "b", "u", "ready", true); // the same person
    router_core_signals(w.core, 1, &s, 1, &w.effects);
    router_world_log(&w);
    cr_assert_null(view_of("a").lead);
    s = router_world_signal(++w.position, 0, "b", "v", "ready", true);
    router_core_signals(w.core, 1, &s, 1, &w.effects);
    EXPECT_LOG(&w, "signal b/v ready=1\n"
                   "company b/ at 70 by e of acme [Company PQA]\n"
                   "created b/ self_serve:self_serve:0 of acme (company)\n");
    struct router_account_view view = view_of("a");
    cr_assert_not_null(view.lead);
    cr_assert_str_eq(view.lead->account_id, "b");
    cr_assert_str_eq(view.lead->organization, "acme");
    cr_assert_str_eq(view.lead->reasons[0], "company");
    cr_assert_str_eq(view.lead->reasons[1], "busy");
    cr_assert_str_eq(view.lead->reasons[2], "ready");
    cr_assert_eq(view.lead->n_evidence, 2);
    cr_assert(span_is(view.lead->evidence[1].value, "2"));
    cr_assert_eq(view.n_standings, 1);
    cr_assert_str_eq(view.standings[0].organization, "acme");
    cr_assert_str_eq(view.standings[0].definition, "company");
    cr_assert_not(view.pqa); // the account itself
    struct router_counts counts;
    router_core_counts(w.core, &counts);
    cr_assert_eq(counts.pqas, 1);
    // He is still ready in b.
    router_world_send(&w, "a", "u", "ready", false);
    EXPECT_LOG(&w, "signal a/u ready=0\n");
    s = router_world_signal(++w.position, 0, "b", "u", "ready", false);
    router_core_signals(w.core, 1, &s, 1, &w.effects);
    EXPECT_LOG(&w, "signal b/u ready=0\n"
                   "left company b/ at 90 by e of acme [Company PQA]\n"
                   "withdrawn b/ self_serve:self_serve:0 of acme (no longer qualifies)\n");
    router_world_send(&w, "a", "x", "ready", true);
    EXPECT_LOG(&w, "signal a/x ready=1\n"
                   "company a/ at 100 by e of acme #2 [Company PQA]\n"
                   "created a/ self_serve:self_serve:0 of acme (company)\n");
    cr_assert_eq(view_of("b").lead->number, 2);
}

Test(router_organizations, a_total)
{
    company("a", "Acme");
    company("b", "Acme");
    router_world_fact(&w, 0, "a", "", "fact.measure.usage", "60000");
    router_world_fact(&w, 1, "b", "", "fact.measure.usage", "39999");
    cr_assert_null(view_of("a").lead);
    router_world_fact(&w, 1, "b", "", "fact.measure.usage", "40500");
    cr_assert_not_null(view_of("a").lead);
    cr_assert(span_is(view_of("a").lead->evidence[0].value, "100.5"));
    cr_assert(span_is(view_of("a").lead->evidence[0].threshold, "100"));
    cr_assert_eq(view_of("a").lead->n_reasons, 1); // a fact is none
    router_world_fact(&w, 0, "a", "", "fact.measure.usage", "59000");
    cr_assert_eq(view_of("a").lead->state, ROUTER_WITHDRAWN);
    router_world_fact(&w, 0, "a", "", "fact.measure.usage", "9223372036854775807");
    router_world_fact(&w, 0, "b", "", "fact.measure.usage", "9223372036854775807");
    cr_assert_eq(view_of("a").lead->number, 2);
    router_world_fact(&w, 0, "a", "", "fact.measure.usage", NULL);
    cr_assert_eq(view_of("a").lead->state, ROUTER_WAITING);
    router_world_fact(&w, 0, "b", "", "fact.measure.usage", "99999");
    cr_assert_eq(view_of("a").lead->state, ROUTER_WITHDRAWN);
}

Test(router_organizations, an_organization_has_one_lead)
{
    company("a", "Acme");
    company("b", "Acme");
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    router_world_log(&w);
    router_world_episode(&w, "b", "v", "pql", 1, true, "");
    router_world_episode(&w, "b", "u", "pql", 1, true, ""); // the same person
    EXPECT_LOG(&w, "signal b/v qualify.pql=1\n"
                   "pql b/v at 40 by e\n"
                   "contact_added a/v self_serve:self_serve:0 of acme (pql)\n"
                   "signal b/u qualify.pql=1\n"
                   "pql b/u at 50 by e\n");
    const struct router_lead *lead = view_of("b").lead;
    cr_assert_eq(lead, view_of("a").lead);
    cr_assert_eq(lead->n_contacts, 2);
    const struct router_person *people;
    cr_assert_eq(router_core_people(w.core, lead, &arena, &people), 2);
    cr_assert_str_eq(people[0].user_id, "u");
    // As long as somebody qualifies, it stays.
    router_world_episode(&w, "a", "u", "pql", 1, false, "over");
    router_world_episode(&w, "b", "u", "pql", 1, false, "over");
    cr_assert_eq(lead->state, ROUTER_WAITING);
    router_world_log(&w);
    router_world_episode(&w, "b", "v", "pql", 1, false, "over");
    EXPECT_LOG(&w, "signal b/v qualify.pql=0\n"
                   "left pql b/v at 80 by e (over)\n"
                   "withdrawn a/ self_serve:self_serve:0 of acme (over)\n");
}

Test(router_organizations, a_customer_ends_the_lead_when_nobody_else_qualifies)
{
    company("a", "Acme");
    company("b", "Acme");
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    router_world_episode(&w, "b", "v", "pql", 1, true, "");
    router_world_send(&w, "a", "", "stage.customer", true);
    cr_assert_eq(view_of("a").lead->state, ROUTER_WAITING);
    router_world_send(&w, "a", "", "stage.customer", false);
    router_world_episode(&w, "b", "v", "pql", 1, false, "");
    router_world_send(&w, "a", "", "stage.customer", true);
    cr_assert_eq(view_of("a").lead->state, ROUTER_WITHDRAWN);
    cr_assert_str_eq(view_of("a").lead->ended_reason, "converted");
}

Test(router_organizations, a_route_holds_when_it_holds_for_a_member)
{
    company("a", "Acme");
    company("b", "Acme");
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    router_world_log(&w);
    router_world_send(&w, "b", "", "huge", true);
    EXPECT_LOG(&w, "signal b/ huge=1\n"
                   "routed a/ sales:sales:50 of acme (signals)\n");
    company("b", "Other");
    EXPECT_LOG(&w, "signal b/ fact.account.company=1\n"
                   "routed a/ self_serve:self_serve:0 of acme (organization)\n");
}

Test(router_organizations, an_outcome_is_of_the_account_that_brought_it_about)
{
    company("a", "Acme");
    company("b", "Acme");
    router_world_episode(&w, "b", "v", "pql", 1, true, "");
    const struct router_lead *lead = lease_one("self_serve");
    by_token(lead, "won");
    const struct router_lead *out[2];
    cr_assert_eq(router_core_outcomes(w.core, out, 2), 1);
    cr_assert_str_eq(out[0]->account_id, "b");
    cr_assert_eq(out[0]->account_clock_ms, 31); // behind b's last signal
    // Behind the outcomes of its leads elsewhere, too.
    router_world_episode(&w, "b", "v", "pql", 2, true, ""); // at 40
    by_token(lease_one("self_serve"), "won");
    struct router_signal s =
        router_world_signal(++w.position, 0, "b", "", "fact.account.company", false);
    s.at_ms = 35;
    router_core_signals(w.core, 0, &s, 1, &w.effects);
    s = router_world_signal(++w.position, 0, "b", "v", "qualify.pql", true);
    s.at_ms = 36;
    s.episode = 3;
    router_core_signals(w.core, 0, &s, 1, &w.effects);
    by_token(lease_one("self_serve"), "won");
    cr_assert_eq(view_of("b").lead->account_clock_ms, 42);
}

// ---- Moving -------------------------------------------------------------------------------------

Test(router_organizations, a_lead_comes_along)
{
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    const struct router_lead *lead = view_of("a").lead;
    router_world_log(&w);
    company("a", "Acme");
    EXPECT_LOG(&w, "signal a/ fact.account.company=1\n"
                   "moved a/ self_serve:self_serve:0 of acme\n");
    cr_assert_eq(view_of("a").lead, lead);
    company("a", "Other");
    EXPECT_LOG(&w, "signal a/ fact.account.company=1\n"
                   "moved a/ self_serve:self_serve:0 of other\n");
    company("a", NULL);
    EXPECT_LOG(&w, "signal a/ fact.account.company=0\n"
                   "moved a/ self_serve:self_serve:0\n");
    cr_assert_eq(view_of("a").lead, lead);
    router_world_episode(&w, "a", "u", "pql", 1, false, "");
    cr_assert_eq(lead->state, ROUTER_WITHDRAWN);
}

Test(router_organizations, a_lead_comes_along_in_somebodys_hands)
{
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    const struct router_lead *lead = lease_one("self_serve");
    router_world_log(&w);
    company("a", "Acme");
    EXPECT_LOG(&w, "signal a/ fact.account.company=1\n"
                   "moved a/ self_serve:self_serve:0 of acme by c\n");
    cr_assert_eq(lead->state, ROUTER_LEASED);
    by_token(lead, "won");
    // The next one is the organization's.
    router_world_log(&w);
    router_world_episode(&w, "a", "u", "pql", 2, true, "");
    EXPECT_LOG(&w, "signal a/u qualify.pql=1\n"
                   "left pql a/u at 30 by e\n"
                   "pql a/u at 30 by e #2\n"
                   "created a/u self_serve:self_serve:0 of acme (pql)\n");
    cr_assert_eq(view_of("a").lead->number, 2);
    cr_assert_eq(view_of("a").lead->before, lead);
    cr_assert_null(view_of("a").own_lead);
}

Test(router_organizations, a_lead_that_waits_joins)
{
    company("b", "Acme");
    router_world_episode(&w, "b", "v", "pql", 1, true, "");
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    router_world_episode(&w, "a", "", "pqa", 1, true, "");
    const struct router_lead *own = view_of("a").lead;
    const struct router_lead *there = view_of("b").lead;
    router_world_log(&w);
    company("a", "Acme");
    char expected[512];
    snprintf(expected, sizeof expected,
             "signal a/ fact.account.company=1\n"
             "withdrawn a/ self_serve:self_serve:0 (joined %s)\n"
             "contact_added b/u self_serve:self_serve:0 of acme (pql)\n",
             there->id);
    EXPECT_LOG(&w, expected);
    cr_assert_eq(own->state, ROUTER_WITHDRAWN);
    cr_assert_eq(view_of("a").lead, there);
    cr_assert_eq(view_of("a").own_lead, own);
    cr_assert_eq(there->n_definitions, 2);
    cr_assert_eq(there->n_contacts, 2);
    // Both are listed.
    struct router_filter filter = {.account = span_of("a"), .max = 5};
    const struct router_lead *leads[5];
    uint64_t next, total;
    cr_assert_eq(router_core_leads(w.core, &filter, leads, &next, &total), 2);
    cr_assert_eq(leads[0], there);
    cr_assert_eq(leads[1], own);
    filter.max = 1;
    cr_assert_eq(router_core_leads(w.core, &filter, leads, &next, &total), 1);
    cr_assert_eq(total, 2);
    filter.after = next;
    cr_assert_eq(router_core_leads(w.core, &filter, leads, &next, &total), 1);
    cr_assert_eq(leads[0], own);
    cr_assert_eq(next, 0);
}

Test(router_organizations, a_lead_in_somebodys_hands_stays_its_own)
{
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    const struct router_lead *own = lease_one("self_serve");
    company("b", "Acme");
    router_world_episode(&w, "b", "v", "pql", 1, true, "");
    const struct router_lead *there = view_of("b").lead;
    router_world_log(&w);
    company("a", "Acme");
    char expected[512];
    snprintf(expected, sizeof expected,
             "signal a/ fact.account.company=1\n"
             "noted a/ self_serve:self_serve:0 (joined %s) by c\n"
             "contact_added b/u self_serve:self_serve:0 of acme (pql)\n",
             there->id);
    EXPECT_LOG(&w, expected);
    cr_assert_eq(own->state, ROUTER_LEASED);
    by_token(own, NULL);
    cr_assert_eq(own->state, ROUTER_WITHDRAWN);
    cr_assert_eq(there->state, ROUTER_WAITING);
}

Test(router_organizations, it_is_taken_up_again_when_the_account_comes_back)
{
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    const struct router_lead *own = lease_one("self_serve");
    company("b", "Acme");
    router_world_episode(&w, "b", "v", "pql", 1, true, "");
    company("a", "Acme");
    router_world_log(&w);
    company("a", NULL);
    EXPECT_LOG(&w, "signal a/ fact.account.company=0\n"
                   "noted a/ self_serve:self_serve:0 (qualifies again) by c\n");
    cr_assert_eq(view_of("a").lead, own);
    cr_assert_null(own->ended_reason);
    cr_assert_eq(view_of("b").lead->n_contacts, 1);
}

Test(router_organizations, who_leaves_others_that_qualify_gets_a_lead_of_its_own)
{
    company("a", "Acme");
    company("b", "Acme");
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    router_world_episode(&w, "b", "v", "pql", 1, true, "");
    const struct router_lead *there = view_of("b").lead;
    router_world_log(&w);
    company("a", "Other");
    EXPECT_LOG(&w, "signal a/ fact.account.company=1\n"
                   "created a/u self_serve:self_serve:0 of other (pql)\n");
    cr_assert_eq(there->state, ROUTER_WAITING);
    cr_assert_eq(there->n_contacts, 1);
    cr_assert_str_eq(there->contacts[0].user_id, "v");
    cr_assert_neq(view_of("a").lead, there);
}

Test(router_organizations, what_was_completed_makes_no_lead_elsewhere)
{
    company("a", "Acme");
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    by_token(lease_one("self_serve"), "won");
    router_world_log(&w);
    company("a", "Other");
    EXPECT_LOG(&w, "signal a/ fact.account.company=1\n");
    cr_assert_null(view_of("a").lead);
}

// Two accounts qualify Acme; one moves to Other, which then qualifies with the one it has.
Test(router_organizations, both_sides_are_decided)
{
    company("a", "Acme");
    company("b", "Acme");
    company("c", "Other");
    for (const char *at = "abc"; *at != '\0'; at++) {
        char account[] = {*at, '\0'}, user[] = {'u', *at, '\0'};
        router_world_send(&w, account, "", "busy", true);
        router_world_send(&w, account, user, "ready", true);
    }
    const struct router_lead *lead = view_of("a").lead;
    router_world_log(&w);
    company("a", "Other");
    EXPECT_LOG(&w, "signal a/ fact.account.company=1\n"
                   "left company a/ at 100 by e of acme [Company PQA] "
                   "(moved to another organization)\n"
                   "withdrawn b/ self_serve:self_serve:0 of acme (moved to another organization)\n"
                   "company a/ at 100 by e of other [Company PQA]\n"
                   "created a/ self_serve:self_serve:0 of other (company)\n");
    cr_assert_eq(lead->state, ROUTER_WITHDRAWN);
    cr_assert_eq(view_of("b").lead, lead);
    // It takes nothing along that is not its own: and nobody is left there.
    lead = lease_one("self_serve");
    company("a", "Acme");
    cr_assert_eq(lead->state, ROUTER_LEASED);
    cr_assert_str_eq(lead->ended_reason, "moved to another organization");
    cr_assert_eq(view_of("a").lead->number, 2);
}

Test(router_organizations, children_move_with_their_parent)
{
    parent("a", "P");
    parent("b", "P");
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    router_world_episode(&w, "b", "v", "pql", 1, true, "");
    const struct router_lead *lead = view_of("a").lead;
    router_world_log(&w);
    company("P", "Big");
    // The lead stays while b is there, then comes along to where a made one.
    expect_organization("b", "big");
    cr_assert_str_eq(members_of("a"), "a b P");
    cr_assert_eq(view_of("a").lead, view_of("b").lead);
    cr_assert_eq(view_of("a").lead->n_contacts, 2);
    cr_assert_eq(lead->state, ROUTER_WITHDRAWN);
}

Test(router_organizations, signals_and_organization_of_one_event)
{
    struct router_signal s[] = {
        router_world_signal(1, 0, "a", "u", "qualify.pql", true),
        router_world_signal(1, 1, "a", "", "fact.account.company", true),
    };
    s[1].label = span_of("Acme");
    router_core_signals(w.core, 0, s, 2, &w.effects);
    EXPECT_LOG(&w, "signal a/u qualify.pql=1\n"
                   "signal a/ fact.account.company=1\n"
                   "pql a/u at 10 by e\n"
                   "created a/u self_serve:self_serve:0 of acme (pql)\n");
}

// ---- Teams --------------------------------------------------------------------------------------

static const char TEAM[] =
    PLAYBOOK("  company: {as: pqa, per: organization, when: {accounts_with: {signal: busy, "
             "at_least: 2}}}\n"
             "organizations: {by: account.company}\n"
             "teams: {crew: {queue: self_serve, reps: {ana: {}, ben: {}, cy: {weight: 50}}}}\n");

static void owner(const char *account, const char *value)
{
    router_world_fact(&w, 0, account, "", "fact.account.owner", value);
}

static uint32_t open_of(const char *rep)
{
    const struct router_team_view *teams;
    cr_assert_eq(router_core_teams(w.core, 0, &arena, &teams), 1);
    for (size_t i = 0; i < teams[0].n_reps; i++)
        if (strcmp(teams[0].reps[i].now.rep, rep) == 0)
            return teams[0].reps[i].now.open;
    cr_assert_fail("no such rep");
    return 0;
}

Test(router_organizations, the_owner_is_that_of_an_account_that_has_one)
{
    router_core_set_playbook(w.core, router_world_playbook(TEAM), &w.effects);
    company("a", "Acme");
    company("b", "Acme");
    owner("b", "Ben");
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    cr_assert_str_eq(view_of("a").lead->rep, "ben");
    cr_assert_str_eq(view_of("a").owner, "");
    cr_assert_str_eq(view_of("b").owner, "Ben");
    by_token(lease_one("self_serve"), "won");
    owner("a", "ana"); // its own comes first
    router_world_episode(&w, "a", "u", "pql", 2, true, "");
    cr_assert_str_eq(view_of("a").lead->rep, "ana");
}

Test(router_organizations, who_has_a_lead_keeps_it_when_it_moves)
{
    router_core_set_playbook(w.core, router_world_playbook(TEAM), &w.effects);
    owner("a", "ana");
    owner("b", "ben");
    router_world_episode(&w, "a", "u", "pql", 1, true, "");
    company("a", "Acme");
    cr_assert_str_eq(view_of("a").lead->rep, "ana");
    router_world_episode(&w, "b", "v", "pql", 1, true, "");
    cr_assert_eq(open_of("ben"), 1);
    company("b", "Acme"); // his joins hers
    cr_assert_eq(open_of("ben"), 0);
    cr_assert_eq(open_of("ana"), 1);
    cr_assert_str_eq(view_of("b").lead->rep, "ana");
    cr_assert_eq(view_of("b").own_lead->state, ROUTER_WITHDRAWN);
}

// ---- Playbooks ----------------------------------------------------------------------------------

Test(router_organizations, without_organizations_everybody_is_alone)
{
    company("a", "Acme");
    company("b", "Acme");
    for (const char *at = "ab"; *at != '\0'; at++) {
        char account[] = {*at, '\0'}, user[] = {'u', *at, '\0'};
        router_world_send(&w, account, "", "busy", true);
        router_world_send(&w, account, user, "ready", true);
    }
    router_world_episode(&w, "a", "ua", "pql", 1, true, "");
    const struct router_lead *lead = view_of("a").lead;
    cr_assert_eq(lead->n_definitions, 2);
    router_core_set_playbook(w.core, router_world_playbook(ALONE), &w.effects);
    expect_organization("a", "");
    cr_assert_eq(view_of("a").lead, lead);
    cr_assert_str_eq(lead->organization, "");
    cr_assert_eq(view_of("b").lead, NULL);
    cr_assert_eq(view_of("a").n_standings, 1);
    router_world_send(&w, "b", "", "busy", false);
    router_core_set_playbook(w.core, router_world_playbook(COMPANIES), &w.effects);
    cr_assert_str_eq(members_of("b"), "a b");
    cr_assert_eq(view_of("b").lead, lead);
    struct router_account_view view = view_of("b");
    cr_assert_eq(view.n_standings, 1);
    cr_assert(view.standings[0].left);
    router_world_send(&w, "b", "", "busy", true);
    cr_assert_eq(view_of("b").standings[0].episode, 2);
}

Test(router_organizations, a_definition_that_is_gone_ends)
{
    company("a", "Acme");
    router_world_fact(&w, 0, "a", "", "fact.measure.usage", "100000");
    router_world_log(&w);
    static const char WITHOUT[] =
        PLAYBOOK("  company: {as: pqa, per: organization, when: {accounts_with: {signal: busy, "
                 "at_least: 1}}}\n"
                 "organizations: {by: account.company}\n");
    router_core_set_playbook(w.core, router_world_playbook(WITHOUT), &w.effects);
    EXPECT_LOG(&w,
               "left large a/ at 20 by  of acme (the playbook no longer has it)\n"
               "withdrawn a/ self_serve:self_serve:0 of acme (the playbook no longer has it)\n");
}
