// SPDX-License-Identifier: Apache-2.0
// links: cli base
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/decision_json.h"
#include "cli/explain.h"
#include "cli/import_errors.h"
#include "cli/output.h"

Test(output, numbers_times_and_plurals)
{
    cr_assert_str_eq(output_count(0), "0");
    cr_assert_str_eq(output_count(999), "999");
    cr_assert_str_eq(output_count(1000), "1,000");
    cr_assert_str_eq(output_count(1234567), "1,234,567");
    cr_assert_str_eq(output_plural(1, "lead", "leads"), "1 lead");
    cr_assert_str_eq(output_plural(0, "lead", "leads"), "0 leads");
    cr_assert_str_eq(output_time(0), "-");
    cr_assert_str_eq(output_time(INT64_C(1767225600000)), "2026-01-01 00:00:00");
}

Test(output, control_characters_never_reach_a_terminal)
{
    output_set_utf8(true);
    cr_assert_str_eq(output_clean("a\033[31mb\nc\x7f"), "a?[31mb?c?");
    cr_assert_null(strstr(output_clean("\xC2\x9B"), "\xC2\x9B"));
    cr_assert_str_eq(output_clean("\xFF"), "?");
    output_set_utf8(false);
    cr_assert_str_eq(output_clean("\xC3\xA9"), "??");
}

Test(output, tables_are_aligned)
{
    char *text;
    size_t n;
    FILE *stream = open_memstream(&text, &n);
    struct output_table table = {.right = 2};
    output_set_utf8(true);
    output_row(&table, (const char *const[]){"name", "count", NULL});
    output_row(&table, (const char *const[]){"\xC3\xA9\xC3\xA9", "7", NULL});
    output_row(&table, (const char *const[]){"longer", "1,000", NULL});
    output_table_write(&table, 2, stream);
    output_table_write(&table, 2, stream); // nothing is left
    fclose(stream);
    cr_assert_str_eq(text, "  name    count\n"
                           "  \xC3\xA9\xC3\xA9          7\n"
                           "  longer  1,000\n");
    free(text);
}

static void expect_table(uint32_t optional, size_t columns_max, const char *expected)
{
    char *text;
    size_t n;
    FILE *stream = open_memstream(&text, &n);
    struct output_table table = {.optional = optional, .columns_max = columns_max};
    output_set_utf8(false);
    output_row(&table, (const char *const[]){"a", "rep", "because", NULL});
    output_row(&table, (const char *const[]){"1", "-", "of a long reason", NULL});
    output_row(&table, (const char *const[]){"2", "-", "short", NULL});
    output_table_write(&table, 1, stream);
    fclose(stream);
    cr_assert_str_eq(text, expected);
    free(text);
}

Test(output, tables_fit_the_terminal)
{
    expect_table(0, 0, " a  rep  because\n 1  -    of a long reason\n 2  -    short\n");
    expect_table(2, 0, " a  because\n 1  of a long reason\n 2  short\n");
    expect_table(2, 20, " a  because\n 1  of a long reason\n 2  short\n");
    expect_table(2, 14, " a  because\n 1  of a lon..\n 2  short\n");
    // So little of the last column tells nothing.
    expect_table(0, 12, " a  rep\n 1  -\n 2  -\n");
    expect_table(2, 3, " a\n 1\n 2\n");
}

static void expect_json(json_t *json, const char *expected)
{
    char *text = json_dumps(json, JSON_COMPACT);
    cr_assert_str_eq(text, expected);
    free(text);
    json_decref(json);
}

Test(decision_json, keys_stand_in_their_order)
{
    Assay__Router__V1__Evidence evidence = ASSAY__ROUTER__V1__EVIDENCE__INIT;
    Assay__Router__V1__Evidence *list[] = {&evidence};
    evidence.condition = "projects at_least 3";
    evidence.value = "3";
    evidence.threshold = "3";
    evidence.since_ms = 4;
    Assay__Router__V1__Signal signal = ASSAY__ROUTER__V1__SIGNAL__INIT;
    signal.name = "user_pql";
    signal.value = 1;
    signal.account_id = "a";
    signal.user_id = "u";
    signal.at_ms = 5;
    signal.known_at_ms = 6;
    signal.event_id = "m";
    signal.playbook = "p@1";
    signal.evidence = list;
    signal.n_evidence = 1;
    Assay__Router__V1__Decision decision = ASSAY__ROUTER__V1__DECISION__INIT;
    decision.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION_SIGNAL;
    decision.signal = &signal;
    expect_json(decision_json(&decision, false),
                "{\"decision\":\"signal\",\"signal\":\"user_pql\",\"value\":true,\"account\":\"a\","
                "\"user\":\"u\",\"at\":5,\"known_at\":6,\"event\":\"m\",\"playbook\":\"p@1\"}");
    signal.episode = 2;
    signal.label = "High Intent";
    signal.reason = "trial is over";
    expect_json(decision_json(&decision, false),
                "{\"decision\":\"signal\",\"signal\":\"user_pql\",\"value\":true,\"account\":\"a\","
                "\"user\":\"u\",\"episode\":2,\"label\":\"High Intent\",\"reason\":\"trial is "
                "over\",\"at\":5,\"known_at\":6,\"event\":\"m\",\"playbook\":\"p@1\"}");
    signal.episode = 0;
    signal.label = signal.reason = "";
    signal.user_id = "";
    signal.event_id = "";
    expect_json(decision_json(&decision, true),
                "{\"decision\":\"signal\",\"signal\":\"user_pql\",\"value\":true,\"account\":\"a\","
                "\"at\":5,\"known_at\":6,\"by\":\"timer\",\"playbook\":\"p@1\",\"evidence\":"
                "[{\"condition\":\"projects at_least 3\",\"value\":\"3\",\"threshold\":\"3\","
                "\"since\":4}]}");
}

Test(decision_json, qualifications_and_leads)
{
    Assay__Router__V1__Qualification q = ASSAY__ROUTER__V1__QUALIFICATION__INIT;
    Assay__Router__V1__LeadDecision lead = ASSAY__ROUTER__V1__LEAD_DECISION__INIT;
    Assay__Router__V1__Decision decision = ASSAY__ROUTER__V1__DECISION__INIT;
    q.stage = "pql";
    q.account_id = "a";
    q.user_id = "u";
    q.event_id = "m";
    decision.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION_QUALIFICATION;
    decision.qualification = &q;
    expect_json(
        decision_json(&decision, false),
        "{\"decision\":\"qualification\",\"stage\":\"pql\",\"account\":\"a\",\"user\":\"u\","
        "\"at\":0,\"known_at\":0,\"event\":\"m\",\"playbook\":\"\"}");
    q.definition = "trial";
    q.label = "Trial";
    q.episode = 3;
    q.left = 1;
    q.reason = "it is over";
    expect_json(
        decision_json(&decision, false),
        "{\"decision\":\"qualification\",\"stage\":\"pql\",\"definition\":\"trial\",\"label\":"
        "\"Trial\",\"episode\":3,\"left\":true,\"account\":\"a\",\"user\":\"u\",\"reason\":\"it "
        "is over\",\"at\":0,\"known_at\":0,\"event\":\"m\",\"playbook\":\"\"}");
    lead.step = ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_CONTACT_ADDED;
    lead.lead_id = "l-1";
    lead.account_id = "a\xFF";
    lead.queue = "sales";
    decision.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION_LEAD;
    decision.lead = &lead;
    expect_json(
        decision_json(&decision, false),
        "{\"decision\":\"lead\",\"step\":\"contact_added\",\"lead\":\"l-1\",\"account\":\"a?\","
        "\"queue\":\"sales\",\"at\":0,\"known_at\":0,\"playbook\":\"\"}");
    lead.outcome = "won"; // of an earlier step
    lead.account_id = "a";
    lead.motion = "sales";
    lead.priority = 50;
    lead.consumer = "c";
    expect_json(
        decision_json(&decision, false),
        "{\"decision\":\"lead\",\"step\":\"contact_added\",\"lead\":\"l-1\",\"account\":\"a\","
        "\"queue\":\"sales\",\"motion\":\"sales\",\"priority\":50,\"consumer\":\"c\",\"at\":0,"
        "\"known_at\":0,\"playbook\":\"\"}");
    lead.step = ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_WITHDRAWN;
    lead.message = "upgrade";
    lead.label = "Trial";
    lead.reason = "converted";
    expect_json(
        decision_json(&decision, false),
        "{\"decision\":\"lead\",\"step\":\"withdrawn\",\"lead\":\"l-1\",\"account\":\"a\","
        "\"queue\":\"sales\",\"motion\":\"sales\",\"priority\":50,\"message\":\"upgrade\","
        "\"label\":\"Trial\",\"reason\":\"converted\",\"consumer\":\"c\",\"at\":0,\"known_at\":0,"
        "\"playbook\":\"\"}");
    lead.message = lead.label = lead.reason = "";
    lead.step = ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_COMPLETED;
    expect_json(decision_json(&decision, false),
                "{\"decision\":\"lead\",\"step\":\"completed\",\"lead\":\"l-1\",\"account\":\"a\","
                "\"queue\":\"sales\",\"motion\":\"sales\",\"priority\":50,\"consumer\":\"c\","
                "\"outcome\":\"won\",\"at\":0,\"known_at\":0,\"playbook\":\"\"}");
    decision.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION__NOT_SET;
    cr_assert_null(decision_json(&decision, false));
}

// A user who lacks one of two conditions.
static void explain_near_miss(FILE *stream)
{
    Assay__Scorer__V1__Condition all = ASSAY__SCORER__V1__CONDITION__INIT, met = all, open = all;
    all.text = "all";
    met.text = "projects at_least 3";
    met.met = 1;
    met.leaf = open.leaf = 1;
    met.value = "3";
    met.since_ms = INT64_C(1767225600000);
    met.depth = 1;
    open.text = "invites at_least 2";
    open.value = "1";
    open.missing = "1 more";
    open.depth = 1;
    Assay__Scorer__V1__Condition *conditions[] = {&all, &met, &open};
    Assay__Scorer__V1__ExplainedSignal signal = ASSAY__SCORER__V1__EXPLAINED_SIGNAL__INIT;
    signal.name = "user_pql";
    signal.user_id = "u";
    signal.conditions = conditions;
    signal.n_conditions = 3;
    signal.leaf_count = 2;
    signal.met_count = 1;
    Assay__Scorer__V1__ExplainedSignal *signals[] = {&signal};
    Assay__Scorer__V1__ExplainResponse lane = ASSAY__SCORER__V1__EXPLAIN_RESPONSE__INIT;
    lane.account_id = "a";
    lane.playbook = "p@1";
    lane.signals = signals;
    lane.n_signals = 1;
    Assay__Router__V1__GetAccountResponse router = ASSAY__ROUTER__V1__GET_ACCOUNT_RESPONSE__INIT;
    struct explain explain = {.user = "u", .lane = &lane, .router = &router};
    explain_write(&explain, stream);
    json_decref(explain_json(&explain));
}

static char *explained(bool utf8)
{
    char *text;
    size_t n;
    output_set_utf8(utf8);
    FILE *stream = open_memstream(&text, &n);
    explain_near_miss(stream);
    fclose(stream);
    return text;
}

Test(explain, names_what_is_missing)
{
    char *text = explained(false);
    cr_assert_not_null(strstr(text, "    - user_pql  1 of 2 conditions\n"
                                    "      - all\n"
                                    "        + projects at_least 3   is 3   since 2026-01-01 "
                                    "00:00:00\n"
                                    "        - invites at_least 2   is 1   missing: 1 more\n"),
                       "%s", text);
    free(text);
    text = explained(true);
    cr_assert_not_null(strstr(text, "\u2713 projects at_least 3"));
    cr_assert_not_null(strstr(text, "\u2717 invites at_least 2"));
    free(text);
}

Test(import_errors, one_object_a_line_in_a_file_that_is_made_when_needed)
{
    char dir[] = "/tmp/cli-errors-XXXXXX", file[64], errors_file[96], line[4096];
    struct err_info info;
    cr_assert_not_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/a.ndjson", dir);
    snprintf(errors_file, sizeof errors_file, "%s.errors.ndjson", file);
    const char *files[] = {file};
    struct import_errors *errors = import_errors_create(files, NULL);
    cr_assert_null(import_errors_files(errors)[0]);
    cr_assert_neq(access(errors_file, F_OK), 0);
    struct import_refused refused = {0, 7, "type: missing", span_of("{\"a\":\"\xFF\"}")};
    import_errors_add(errors, &refused);
    cr_assert_eq(import_errors_close(errors, &info), ERR_OK);
    cr_assert_str_eq(import_errors_files(errors)[0], errors_file);
    FILE *stream = fopen(errors_file, "r");
    cr_assert_not_null(stream);
    cr_assert_not_null(fgets(line, sizeof line, stream));
    fclose(stream);
    json_t *o = json_loads(line, 0, NULL);
    cr_assert_eq(json_integer_value(json_object_get(o, "line")), 7);
    cr_assert_str_eq(json_string_value(json_object_get(o, "file")), file);
    cr_assert_str_eq(json_string_value(json_object_get(o, "reason")), "type: missing");
    cr_assert_str_eq(json_string_value(json_object_get(o, "event")), "{\"a\":\"?\"}");
    json_decref(o);
    import_errors_destroy(errors);
    unlink(errors_file);
    rmdir(dir);
}
