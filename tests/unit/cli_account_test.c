// SPDX-License-Identifier: Apache-2.0
// links: cli base
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "cli/account.h"
#include "cli/commands.h"
#include "cli/lead_output.h"
#include "cli/options.h"
#include "cli/output.h"
#include "common/base/time_text.h"

enum { NOON = 1000 };

static const struct account_verdict VERDICT = {
    .verb = ACCOUNT_SNOOZE,
    .account = "a",
    .user = "",
    .reason = "on holiday",
    .until_ms = 1767225600000, // 2026-01-01
    .at_ms = NOON,
    .nonce = 0x2a,
};

static void expect_trait(const Assay__Ingest__V1__Event *event, size_t i, const char *key,
                         const char *text)
{
    cr_assert_lt(i, event->n_traits);
    cr_assert_str_eq(event->traits[i]->key, key);
    cr_assert_str_eq(event->traits[i]->text, text);
}

Test(account_verdict, of_an_account_it_is_a_group_call)
{
    struct arena arena;
    arena_init(&arena, 1024, 0);
    const Assay__Ingest__V1__Event *event = account_verdict_event(&VERDICT, &arena);
    cr_assert_eq(event->kind, ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_GROUP);
    cr_assert_str_eq(event->group_id, "a");
    cr_assert_str_eq(event->user_id, "");
    cr_assert_eq(event->timestamp_ms, NOON);
    cr_assert_str_eq(event->message_id, "verdict-000000000000002a");
    cr_assert_eq(event->n_traits, 3);
    expect_trait(event, 0, "qualification", "snoozed");
    expect_trait(event, 1, "qualification_reason", "on holiday");
    expect_trait(event, 2, "qualification_until", "2026-01-01T00:00:00.000Z");
    arena_deinit(&arena);
}

Test(account_verdict, of_a_user_it_is_an_identify_call_in_the_account)
{
    static const char *const WORDS[] = {"promoted", "disqualified", NULL, "none"};
    struct arena arena;
    arena_init(&arena, 1024, 0);
    for (int verb = 0; verb < ACCOUNT_VERBS; verb++) {
        struct account_verdict verdict = VERDICT;
        verdict.verb = (enum account_verb)verb;
        verdict.user = "u";
        if (verb == ACCOUNT_SNOOZE)
            continue;
        const Assay__Ingest__V1__Event *event = account_verdict_event(&verdict, &arena);
        cr_assert_eq(event->kind, ASSAY__EVENT__V1__EVENT_KIND__EVENT_KIND_IDENTIFY);
        cr_assert_str_eq(event->group_id, "a");
        cr_assert_str_eq(event->user_id, "u");
        cr_assert_eq(event->n_traits, 2);
        expect_trait(event, 0, "qualification", WORDS[verb]);
    }
    arena_deinit(&arena);
}

static char *told(const struct account_verdict *verdict, const char *definitions)
{
    char *text = NULL;
    size_t n;
    FILE *stream = open_memstream(&text, &n);
    account_verdict_tell(verdict, definitions, stream);
    fclose(stream);
    return text;
}

static void expect_told(const struct account_verdict *verdict, const char *definitions,
                        const char *part)
{
    char *text = told(verdict, definitions);
    cr_assert(strstr(text, part) != NULL, "\"%s\" in: %s", part, text);
    cr_assert(strstr(text, "reason: on holiday") != NULL);
    free(text);
}

Test(account_verdict, what_will_happen_is_told)
{
    struct account_verdict verdict = VERDICT;
    expect_told(&verdict, NULL, "account a and its users begin no qualification before 2026-01-01");
    verdict.verb = ACCOUNT_PROMOTE;
    expect_told(&verdict, "pqa, expansion", "qualifies (pqa, expansion), whatever was used");
    expect_told(&verdict, "", "no definition that an account qualifies by");
    expect_told(&verdict, NULL, "account a now qualifies");
    verdict.verb = ACCOUNT_DISQUALIFY;
    expect_told(&verdict, "", "account a and its users no longer qualify,");
    verdict.user = "u\033";
    expect_told(&verdict, "", "user u? of account a no longer qualifies,");
    verdict.verb = ACCOUNT_RESTORE;
    expect_told(&verdict, "", "the playbook decides again");
}

// Nothing is sent, so it does not matter that no cluster runs.
static int run(int (*command)(int, char **), char *const *words)
{
    char *argv[12];
    int argc = 0;
    while (words[argc] != NULL) {
        argv[argc] = words[argc];
        argc++;
    }
    argv[argc] = NULL;
    return command(argc, argv);
}

#define RUN(...) run(cmd_account, (char *[]){"account", __VA_ARGS__, NULL})

Test(account_verdict, there_is_none_without_a_reason)
{
    cr_assert_eq(RUN("promote", "a", "--data", "/nowhere"), EXIT_USAGE);
    cr_assert_eq(RUN("disqualify", "a", "--data", "/nowhere"), EXIT_USAGE);
    cr_assert_eq(RUN("restore", "a", "--data", "/nowhere"), EXIT_USAGE);
    cr_assert_eq(RUN("snooze", "a", "--for", "1d", "--data", "/nowhere"), EXIT_USAGE);
    cr_assert_eq(RUN("promote", "--reason", "x", "--data", "/nowhere"), EXIT_USAGE);
    // With one it gets as far as the cluster.
    cr_assert_eq(RUN("promote", "a", "--reason", "x", "--data", "/nowhere"), EXIT_FAILED);
}

Test(account_verdict, a_snooze_says_how_long_in_one_way)
{
    cr_assert_eq(RUN("snooze", "a", "--reason", "x", "--data", "/nowhere"), EXIT_USAGE);
    cr_assert_eq(RUN("snooze", "a", "--reason", "x", "--for", "1d", "--until", "2030-01-01",
                     "--data", "/nowhere"),
                 EXIT_USAGE);
    cr_assert_eq(RUN("snooze", "a", "--reason", "x", "--for", "1d", "--data", "/nowhere"),
                 EXIT_FAILED);
    cr_assert_eq(RUN("promote", "a", "--reason", "x", "--for", "1d", "--data", "/nowhere"),
                 EXIT_USAGE);
}

// ---- What is shown ------------------------------------------------------------------------------

struct sample {
    Assay__Router__V1__GetAccountResponse account;
    Assay__Router__V1__StageChange changes[2], *history[2];
    Assay__Router__V1__Standing standing[2], *standings[2];
    Assay__Router__V1__Contact contact, *contacts[1];
    Assay__Router__V1__Lead lead, *leads[1];
    char *definitions[2], *labels[2];
};

static void sample_lead(struct sample *s)
{
    assay__router__v1__contact__init(&s->contact);
    s->contact.user_id = "u";
    s->contact.reason = "ready, invited";
    assay__router__v1__lead__init(&s->lead);
    s->lead.lead_id = "L1";
    s->lead.account_id = "a";
    s->lead.number = 2;
    s->lead.state = ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_WITHDRAWN;
    s->lead.message = "upgrade";
    s->lead.ended_reason = "converted";
    s->definitions[0] = "pql";
    s->definitions[1] = "trial";
    s->labels[0] = "High Intent";
    s->labels[1] = "";
    s->lead.definitions = s->definitions;
    s->lead.labels = s->labels;
    s->lead.n_definitions = s->lead.n_labels = 2;
    s->contacts[0] = &s->contact;
    s->lead.contacts = s->contacts;
    s->lead.n_contacts = 1;
}

static void sample_make(struct sample *s)
{
    assay__router__v1__get_account_response__init(&s->account);
    s->account.account_id = "a";
    s->account.stage = "customer";
    s->account.stage_since_ms = NOON;
    for (int i = 0; i < 2; i++) {
        assay__router__v1__stage_change__init(&s->changes[i]);
        s->changes[i].stage = i == 0 ? "pql" : "customer";
        s->changes[i].since_ms = i == 0 ? 1 : NOON;
        s->changes[i].event_id = i == 0 ? "m1" : "";
        s->history[i] = &s->changes[i];
        assay__router__v1__standing__init(&s->standing[i]);
        s->standing[i].definition = i == 0 ? "pqa" : "pql";
        s->standing[i].role = s->standing[i].definition;
        s->standing[i].user_id = i == 0 ? "" : "u";
        s->standing[i].episode = 1 + (uint32_t)i;
        s->standings[i] = &s->standing[i];
    }
    s->standing[1].label = "High Intent";
    s->standing[1].left = 1;
    s->standing[1].left_at_ms = 1767225600000;
    s->standing[1].reason = "trial is over";
    sample_lead(s);
    s->leads[0] = &s->lead;
    s->account.history = s->history;
    s->account.n_history = 2;
    s->account.standings = s->standings;
    s->account.n_standings = 2;
    s->account.leads = s->leads;
    s->account.n_leads = 1;
}

Test(account_output, an_account_for_people)
{
    struct sample s;
    char *text = NULL;
    size_t n;
    sample_make(&s);
    FILE *stream = open_memstream(&text, &n);
    account_write(&s.account, NOON + 3 * (int64_t)TIME_DAY_MS, stream);
    fclose(stream);
    static const char *const PARTS[] = {
        "account a  stage customer since 1970-01-01 00:00:01 UTC, for 3 days\n",
        "  before: pql since 1970-01-01 00:00:00, by event m1\n",
        "pqa (pqa)   -            the account        1",
        "pql (pql)   High Intent  u                  2",
        "left 2026-01-01 00:00:00: trial is over",
        "lead L1  account a, withdrawn",
        "qualified as High Intent, trial, lead number 2 of the account",
        "message upgrade",
        "withdrawn: converted",
        "contact u: ready, invited\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++)
        cr_assert(strstr(text, PARTS[i]) != NULL, "\"%s\" in:\n%s", PARTS[i], text);
    free(text);
}

Test(account_output, an_account_for_programs)
{
    struct sample s;
    sample_make(&s);
    json_t *json = account_json(&s.account, NOON + 5);
    json_object_del(json, "leads");
    char *text = json_dumps(json, JSON_COMPACT);
    cr_assert_str_eq(
        text, "{\"account\":\"a\",\"stage\":\"customer\",\"since\":1000,\"age_ms\":5,\"history\":[{"
              "\"stage\":\"pql\",\"since\":1,\"event\":\"m1\"},{\"stage\":\"customer\",\"since\":"
              "1000}],\"definitions\":[{\"definition\":\"pqa\",\"role\":\"pqa\",\"episode\":1,"
              "\"since\":0,\"qualifies\":true},{\"definition\":\"pql\",\"role\":\"pql\",\"label\":"
              "\"High Intent\",\"user\":\"u\",\"episode\":2,\"since\":0,\"qualifies\":false,"
              "\"left_at\":1767225600000,\"reason\":\"trial is over\"}]}");
    free(text);
    json_decref(json);
}
