// SPDX-License-Identifier: Apache-2.0
// links: rpc loop assay_proto base clock router_core
// runs: assay-router
//
// An organization whose accounts come from several lanes, in the shipped router, over kills.
#include <criterion/criterion.h>

#include "tests/support/router_process.h"

static const char COMPANIES[] =
    "playbook: test\n"
    "version: 1\n"
    "measures: {projects: {count: Project Created}, usage: {count: any, per: account}}\n"
    "signals: {ready: {projects: {at_least: 3}}, busy: {usage: {at_least: 50}}}\n"
    "qualify:\n"
    "  pql: {projects: {at_least: 4}}\n"
    "  company: {as: pqa, per: organization, label: Company, when: {all: [\n"
    "    {accounts_with: {signal: busy, at_least: 2}}, {users_with: {signal: ready, at_least: "
    "2}},\n"
    "    {total: {measure: usage, at_least: 100}}]}}\n"
    "organizations: {by: account.company}\n"
    "route: [{when: always, motion: sales}]\n"
    "teams: {smb: {queue: sales, reps: {ana: {}, ben: {}}}}\n";

static struct router_process router;
static uint64_t position;

static void restart(void)
{
    kill(router.pid, SIGKILL);
    cr_assert_eq(wait_end(&router), 128 + SIGKILL);
    start(&router);
}

// On the account's own lane.
static void send(const char *account, const char *user, const char *name, const char *label)
{
    Assay__Router__V1__Signal signal, *list[] = {&signal};
    signal_fill(&signal, ++position, 0, account, name);
    signal.user_id = (char *)user;
    signal.label = (char *)label;
    Assay__Router__V1__ApplySignalsRequest request = ASSAY__ROUTER__V1__APPLY_SIGNALS_REQUEST__INIT;
    request.lane = (uint32_t)account[0];
    request.n_signals = 1;
    request.signals = list;
    INSIST(&router, ApplySignals, apply_signals, &request, NULL);
}

static const Assay__Router__V1__GetAccountResponse *account_of(const char *id)
{
    Assay__Router__V1__GetAccountRequest request = ASSAY__ROUTER__V1__GET_ACCOUNT_REQUEST__INIT;
    Assay__Router__V1__GetAccountResponse *answer = NULL;
    request.account_id = (char *)id;
    INSIST(&router, GetAccount, get_account, &request, &answer);
    return answer;
}

static void expect_company(const char *id, const char *lead_id)
{
    const Assay__Router__V1__GetAccountResponse *account = account_of(id);
    cr_assert_str_eq(account->organization, "acme");
    cr_assert_eq(account->n_members, 2);
    cr_assert_str_eq(account->members[0], "a");
    cr_assert_str_eq(account->members[1], "b");
    cr_assert_eq(account->n_standings, 1);
    cr_assert_str_eq(account->standings[0]->organization, "acme");
    cr_assert_str_eq(account->standings[0]->label, "Company");
    cr_assert_eq(account->n_leads, 1);
    const Assay__Router__V1__Lead *lead = account->leads[0];
    cr_assert_str_eq(lead->organization, "acme");
    cr_assert_str_eq(lead->account_id, "b");
    cr_assert_str_eq(lead->rep, "ben");
    cr_assert_eq(lead->n_evidence, 3);
    cr_assert_str_eq(lead->evidence[2]->value, "120");
    cr_assert(lead_id == NULL || strcmp(lead->lead_id, lead_id) == 0);
}

Test(router_organizations_process, one_lead_over_lanes_and_kills)
{
    router_process_make(&router, COMPANIES, TEST_BIN_DIR "/assay-router");
    start(&router);
    send("a", "", "fact.account.company", "Acme");
    send("b", "", "fact.account.company", "ACME");
    send("a", "", "fact.account.owner", "Ben");
    send("a", "", "fact.measure.usage", "70000");
    restart();
    send("a", "", "busy", "");
    send("a", "u", "ready", "");
    send("b", "", "busy", "");
    send("b", "u", "ready", ""); // the same person
    restart();
    send("b", "v", "ready", "");
    cr_assert_eq(account_of("a")->n_leads, 0);
    send("b", "", "fact.measure.usage", "50000");
    expect_company("a", NULL);
    char id[64];
    snprintf(id, sizeof id, "%s", account_of("a")->leads[0]->lead_id);
    restart();
    expect_company("b", id);
    expect_company("a", id);
    // One leaves: nothing is left that qualifies.
    send("b", "", "fact.account.company", "Other");
    restart();
    const Assay__Router__V1__GetAccountResponse *account = account_of("a");
    cr_assert_eq(account->n_members, 1);
    cr_assert(account->standings[0]->left);
    cr_assert_eq(account->leads[0]->state, ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_WITHDRAWN);
    cr_assert_str_eq(account->leads[0]->ended_reason, "moved to another organization");
    cr_assert_str_eq(account->owner, "Ben");
    cr_assert_eq(account_of("b")->n_leads, 0);
    router_process_end(&router);
}
