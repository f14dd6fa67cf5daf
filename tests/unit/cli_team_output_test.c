// SPDX-License-Identifier: Apache-2.0
// links: cli base assay_proto
// Teams, leads and decisions about them, in words and in JSON.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "cli/decision_json.h"
#include "cli/lead_output.h"
#include "cli/output.h"
#include "cli/team_output.h"
#include "common/base/time_text.h"

typedef Assay__Router__V1__Candidate Candidate;

#define NOON INT64_C(1767960000000) // 2026-01-09 12:00

static Candidate candidate(const char *rep, Assay__Router__V1__Verdict verdict)
{
    Candidate c = ASSAY__ROUTER__V1__CANDIDATE__INIT;
    c.rep = (char *)rep;
    c.verdict = verdict;
    c.assigned = 7;
    c.weight = 2;
    c.open = 5;
    c.today = 3;
    c.period = 9;
    c.units = 11;
    c.cap = 5;
    return c;
}

Test(team_output, every_verdict_has_words)
{
    for (int i = 1; i <= ASSAY__ROUTER__V1__VERDICT__VERDICT_NOT_OWNER; i++) {
        Candidate c = candidate("ann", (Assay__Router__V1__Verdict)i);
        cr_assert_str_not_empty(team_verdict_text(&c), "verdict %d", i);
        cr_assert_str_neq(verdict_word(c.verdict), "unknown", "verdict %d", i);
    }
    Candidate c = candidate("ann", ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_OPEN);
    cr_assert_str_eq(team_verdict_text(&c), "full: 5 of 5 open");
    c = candidate("ann", ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_DAY);
    cr_assert_str_eq(team_verdict_text(&c), "full: 3 of 5 today");
    c = candidate("ann", ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_PERIOD);
    cr_assert_str_eq(team_verdict_text(&c), "full: 9 of 5 in the period");
    c = candidate("ann", ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_UNITS);
    cr_assert_str_eq(team_verdict_text(&c), "full: 11 of 5 units of effort");
}

Test(team_output, durations_in_their_unit)
{
    cr_assert_str_eq(output_duration(0), "0 min");
    cr_assert_str_eq(output_duration(90 * TIME_MINUTE_MS), "90 min");
    cr_assert_str_eq(output_duration(24LL * TIME_HOUR_MS), "24 h");
    cr_assert_str_eq(output_duration(150LL * TIME_MINUTE_MS), "2.5 h");
    cr_assert_str_eq(output_duration(7LL * TIME_DAY_MS), "7 days");
}

static void expect_json(json_t *json, const char *expected)
{
    char *text = json_dumps(json, JSON_COMPACT);
    cr_assert_str_eq(text, expected);
    free(text);
    json_decref(json);
}

// Two reps, one with every cap and absent, one added by hand and then removed.
struct world {
    Assay__Router__V1__Caps caps[2];
    Assay__Router__V1__Rep reps[2], *list[2];
    Candidate now[2];
    Assay__Router__V1__Team team;
    Assay__Router__V1__Admission admission;
};

static struct world *world_make(void)
{
    struct world *w = calloc(1, sizeof *w);
    assay__router__v1__team__init(&w->team);
    w->team.name = (char *)"inside";
    w->team.queue = (char *)"sales";
    w->team.n_reps = 2;
    w->team.reps = w->list;
    for (int i = 0; i < 2; i++) {
        assay__router__v1__caps__init(&w->caps[i]);
        assay__router__v1__rep__init(&w->reps[i]);
        w->now[i] = candidate(i == 0 ? "ann" : "be\nn", ASSAY__ROUTER__V1__VERDICT__VERDICT_CHOSEN);
        w->now[i].cap = 0;
        w->now[i].units = 5;
        w->reps[i].now = &w->now[i];
        w->reps[i].caps = &w->caps[i];
        w->reps[i].takes = (char *)"always";
        w->list[i] = &w->reps[i];
    }
    return w;
}

static char *written(const struct world *w, int64_t now_ms)
{
    char *text;
    size_t n;
    FILE *stream = open_memstream(&text, &n);
    output_set_utf8(true);
    output_set_columns(120);
    team_write(&w->team, now_ms, stream);
    fclose(stream);
    return text;
}

Test(team_output, a_plain_team_shows_no_column_that_says_nothing)
{
    struct world *w = world_make();
    char *text = written(w, NOON);
    cr_assert_str_eq(text, "inside  queue sales\n"
                           "  rep   now   weight  open  today  touched / missed  done  won\n"
                           "  ann   free       2  5     3      0 / 0                0    0\n"
                           "  be?n  free       2  5     3      0 / 0                0    0\n");
    free(text);
    free(w);
}

Test(team_output, a_rich_team_shows_caps_absences_and_what_waits)
{
    struct world *w = world_make();
    assay__router__v1__admission__init(&w->admission);
    w->team.held = 2;
    w->team.oldest_held_ms = NOON - 3LL * TIME_HOUR_MS;
    w->team.overflowed = 4;
    w->team.first_touch_ms = TIME_HOUR_MS;
    w->team.admission = &w->admission;
    w->admission.from_priority = 50;
    w->admission.slots_per_week = 40;
    w->admission.weekly = 38.5;
    w->admission.turned_away_weekly = 12;
    w->admission.lost_won_weekly = 1.2;
    w->now[0].verdict = ASSAY__ROUTER__V1__VERDICT__VERDICT_ABSENT;
    w->reps[0].absent_until_ms = NOON;
    w->reps[0].by_hand = true;
    w->caps[0].open = 6;
    w->caps[0].per_period = 10;
    w->caps[0].period_ms = 7LL * TIME_DAY_MS;
    w->reps[0].touched = 2;
    w->reps[0].touch_ms_total = 60LL * TIME_MINUTE_MS;
    w->reps[1].removed = true;
    char *text = written(w, NOON);
    cr_assert_str_eq(
        text,
        "inside  queue sales, first touch within 60 min; 2 leads wait for a rep, the oldest for "
        "3 h; 4 overflowed so far\n"
        "  admits leads from priority 50 on: about 38.5 a week for 40 slots; about 12.0 a week go\n"
        "  elsewhere, of which 1.2 would be won, going by leads of their strength\n"
        "  rep    now                               weight  open    today  period             "
        "touched / missed  after   done  won\n"
        "  ann *  absent until 2026-01-09 12:00:00       2  5 of 6  3      9 of 10 in 7 days  2 / "
        "0             30 min     0    0\n"
        "  * changed by hand: `assay teams reset inside REP` goes back to the playbook\n");
    free(text);
    json_t *json = team_json(&w->team);
    cr_assert_eq(json_integer_value(json_object_get(json, "held")), 2);
    json_t *rep = json_array_get(json_object_get(json, "reps"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(rep, "verdict")), "absent");
    cr_assert_eq(json_integer_value(json_object_get(rep, "absent_until")), NOON);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(rep, "caps"), "per_period")),
                 10);
    cr_assert(
        json_is_true(json_object_get(json_array_get(json_object_get(json, "reps"), 1), "removed")));
    json_decref(json);
    free(w);
}

// ---- Decisions ----------------------------------------------------------------------------------

Test(decision_json, an_assignment_names_its_candidates)
{
    Assay__Router__V1__Decision decision = ASSAY__ROUTER__V1__DECISION__INIT;
    Assay__Router__V1__LeadDecision d = ASSAY__ROUTER__V1__LEAD_DECISION__INIT;
    Candidate ann = candidate("ann", ASSAY__ROUTER__V1__VERDICT__VERDICT_CHOSEN);
    Candidate ben = candidate("ben", ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_OPEN);
    Candidate *list[] = {&ann, &ben};
    ann.cap = 0;
    decision.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION_LEAD;
    decision.lead = &d;
    d.step = ASSAY__ROUTER__V1__LEAD_STEP__LEAD_STEP_ASSIGNED;
    d.lead_id = (char *)"L1";
    d.account_id = (char *)"acme";
    d.queue = (char *)"sales";
    d.motion = (char *)"sales";
    d.team = (char *)"inside";
    d.rep = (char *)"ann";
    d.by = (char *)"eve";
    d.reason = (char *)"knows them";
    d.at_ms = 5;
    d.known_at_ms = 6;
    d.due_ms = 7;
    d.playbook = (char *)"p@1";
    d.candidates = list;
    d.n_candidates = 2;
    expect_json(
        decision_json(&decision, false),
        "{\"decision\":\"lead\",\"step\":\"assigned\",\"lead\":\"L1\",\"account\":\"acme\","
        "\"queue\":\"sales\",\"motion\":\"sales\",\"reason\":\"knows them\",\"team\":\"inside\","
        "\"rep\":\"ann\",\"by\":\"eve\",\"due\":7,\"candidates\":["
        "{\"rep\":\"ann\",\"verdict\":\"chosen\",\"assigned\":7,\"weight\":2,\"open\":5,"
        "\"today\":3,\"period\":9,\"units\":11},"
        "{\"rep\":\"ben\",\"verdict\":\"full_open\",\"assigned\":7,\"weight\":2,\"open\":5,"
        "\"today\":3,\"period\":9,\"units\":11,\"cap\":5}],"
        "\"at\":5,\"known_at\":6,\"playbook\":\"p@1\"}");
}

Test(decision_json, what_operators_and_users_did)
{
    Assay__Router__V1__Decision decision = ASSAY__ROUTER__V1__DECISION__INIT;
    Assay__Router__V1__RepDecision rep = ASSAY__ROUTER__V1__REP_DECISION__INIT;
    rep.team = (char *)"inside";
    rep.rep = (char *)"ann";
    rep.change = (char *)"weight 3";
    rep.by = (char *)"eve";
    rep.at_ms = 5;
    rep.playbook = (char *)"p@1";
    decision.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION_REP;
    decision.rep = &rep;
    expect_json(decision_json(&decision, false),
                "{\"decision\":\"rep\",\"team\":\"inside\",\"rep\":\"ann\",\"change\":\"weight 3\","
                "\"by\":\"eve\",\"at\":5,\"playbook\":\"p@1\"}");
    Assay__Router__V1__PromptDecision prompt = ASSAY__ROUTER__V1__PROMPT_DECISION__INIT;
    prompt.account_id = (char *)"acme";
    prompt.user_id = (char *)"u1";
    prompt.prompt = (char *)"near_limit";
    prompt.answer = (char *)"dismissed";
    prompt.at_ms = 5;
    prompt.playbook = (char *)"p@1";
    decision.decision_case = ASSAY__ROUTER__V1__DECISION__DECISION_PROMPT;
    decision.prompt = &prompt;
    expect_json(
        decision_json(&decision, false),
        "{\"decision\":\"prompt\",\"account\":\"acme\",\"user\":\"u1\","
        "\"prompt\":\"near_limit\",\"answer\":\"dismissed\",\"at\":5,\"playbook\":\"p@1\"}");
}

// ---- Leads --------------------------------------------------------------------------------------

static Assay__Router__V1__Lead lead_make(void)
{
    Assay__Router__V1__Lead lead = ASSAY__ROUTER__V1__LEAD__INIT;
    lead.lead_id = (char *)"L1";
    lead.account_id = (char *)"acme";
    lead.state = ASSAY__ROUTER__V1__LEAD_STATE__LEAD_STATE_WAITING;
    lead.motion = (char *)"sales";
    lead.queue = (char *)"sales";
    lead.team = (char *)"inside";
    lead.created_at_ms = NOON;
    lead.number = 1;
    return lead;
}

static const char *lead_text(const Assay__Router__V1__Lead *lead)
{
    static char out[4096];
    FILE *stream = fmemopen(out, sizeof out, "w");
    lead_write(lead, stream);
    fclose(stream);
    return out;
}

static void expect_part(const char *all, const char *part)
{
    cr_assert_not_null(strstr(all, part), "no \"%s\" in:\n%s", part, all);
}

Test(lead_write, says_whose_it_is_and_by_when)
{
    Assay__Router__V1__Lead lead = lead_make();
    Assay__Router__V1__Arm arm = ASSAY__ROUTER__V1__ARM__INIT, *arms[] = {&arm};
    char *passed[] = {(char *)"ben", (char *)"cid"};
    arm.experiment = (char *)"speed";
    arm.arm = (char *)"fast";
    lead.rep = (char *)"ann";
    lead.assigned_at_ms = NOON;
    lead.touch_by_ms = NOON + TIME_HOUR_MS;
    lead.passed = passed;
    lead.n_passed = 2;
    lead.arms = arms;
    lead.n_arms = 1;
    lead.not_before_ms = NOON + 2 * TIME_HOUR_MS;
    lead.organization = (char *)"acme group";
    expect_part(lead_text(&lead), "  of the organization acme group\n");
    expect_part(lead_text(&lead), "  assigned to ann of inside at 2026-01-09 12:00:00\n");
    expect_part(lead_text(&lead), "  was taken from ben, cid\n");
    expect_part(lead_text(&lead), "  to be touched by 2026-01-09 13:00:00\n");
    expect_part(lead_text(&lead), "  is handed out from 2026-01-09 14:00:00 on\n");
    expect_part(lead_text(&lead), "  experiment speed: fast\n");
    lead.sla_missed = true;
    expect_part(lead_text(&lead), "13:00:00; its time was missed\n");
    lead.touched_at_ms = NOON;
    expect_part(lead_text(&lead), "  first touch at 2026-01-09 12:00:00, too late\n");
    lead.sla_missed = false;
    expect_part(lead_text(&lead), "12:00:00, in time\n");
}

Test(lead_write, says_what_it_waits_for_and_why_it_is_parked)
{
    Assay__Router__V1__Lead lead = lead_make();
    lead.held_since_ms = NOON;
    expect_part(lead_text(&lead), "  waits for a rep of inside since 2026-01-09 12:00:00\n");
    lead.overflow_at_ms = NOON + TIME_HOUR_MS;
    expect_part(lead_text(&lead), "12:00:00, goes elsewhere at 2026-01-09 13:00:00\n");
    lead.parked_reason = (char *)"do_not_contact";
    expect_part(lead_text(&lead), "  parked: do_not_contact\n");
}

Test(leads_table, shows_columns_that_say_something_in_120_columns)
{
    static char out[4096];
    Assay__Router__V1__Lead a = lead_make(), b = lead_make(), *list[] = {&a, &b};
    char *reasons[] = {(char *)"pql",
                       (char *)"a condition with a name that is longer than any line of a terminal "
                               "ought to be",
                       (char *)"another one"};
    output_set_utf8(true);
    output_set_columns(120);
    a.reasons = reasons;
    a.n_reasons = 3;
    FILE *stream = fmemopen(out, sizeof out, "w");
    leads_table_write(list, 2, stream);
    fclose(stream);
    cr_assert_null(strstr(out, "rep"));
    cr_assert_null(strstr(out, "message"));
    for (const char *line = out; *line != '\0'; line = strchr(line, '\n') + 1)
        cr_assert_leq(strcspn(line, "\n"), 120 + 2); // the mark has three bytes
    expect_part(out, "\xE2\x80\xA6\n");
    b.rep = (char *)"ann";
    b.touch_by_ms = NOON;
    b.queue = (char *)"growth";
    stream = fmemopen(out, sizeof out, "w");
    leads_table_write(list, 2, stream);
    fclose(stream);
    expect_part(out, "growth (sales)");
    expect_part(out, "  ann  01-09 12:00  2026-01-09 12:00  ");
}
