// SPDX-License-Identifier: Apache-2.0
#include "cli/team_output.h"

#include <string.h>

#include "cli/decision_json.h"
#include "cli/output.h"
#include "common/base/check.h"
#include "common/base/time_text.h"

typedef Assay__Router__V1__Candidate Candidate;
typedef Assay__Router__V1__Rep Rep;
typedef Assay__Router__V1__Team Team;

enum { TEXTS = 16, TEXT_BYTES = 96 };

static char *text_room(void)
{
    static char texts[TEXTS][TEXT_BYTES];
    static unsigned at;
    return texts[at++ % TEXTS];
}

// ---- Verdicts -----------------------------------------------------------------------------------

static const char *full(uint64_t n, int32_t cap, const char *what)
{
    char *text = text_room();
    snprintf(text, TEXT_BYTES, "full: %llu of %d %s", (unsigned long long)n, (int)cap, what);
    return text;
}

const char *team_verdict_text(const Candidate *c)
{
    switch (c->verdict) {
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_CHOSEN:
        return "got it: fewest for the weight";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_OWNER:
        return "got it: owns the account";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_BY_HAND:
        return "got it by hand";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_BEHIND:
        return "could have, but it was another's turn";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_INACTIVE:
        return "inactive";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_ABSENT:
        return "absent";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_OFF_HOURS:
        return "outside working hours";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_TAKES_NOT:
        return "does not take such leads";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_HAD_IT:
        return "had it before";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_OPEN:
        return full(c->open, c->cap, "open");
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_DAY:
        return full(c->today, c->cap, "today");
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_PERIOD:
        return full(c->period, c->cap, "in the period");
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_UNITS:
        return full((uint64_t)c->units, c->cap, "units of effort");
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_FULL_WHEN:
        return "full: as many open leads of this kind as the cap says";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_NOT_OWNER:
        return "it is for its owner";
    case ASSAY__ROUTER__V1__VERDICT__VERDICT_UNSPECIFIED:
    case _ASSAY__ROUTER__V1__VERDICT_IS_INT_SIZE:
        break;
    }
    return "";
}

const char *team_rep_text(const Rep *rep)
{
    char *text = text_room();
    if (rep->removed)
        return "removed";
    if (rep->now->verdict == ASSAY__ROUTER__V1__VERDICT__VERDICT_CHOSEN)
        return "free";
    if (rep->now->verdict == ASSAY__ROUTER__V1__VERDICT__VERDICT_ABSENT &&
        rep->absent_until_ms > 0) {
        snprintf(text, TEXT_BYTES, "absent until %s", output_time(rep->absent_until_ms));
        return text;
    }
    if (rep->now->verdict == ASSAY__ROUTER__V1__VERDICT__VERDICT_OFF_HOURS &&
        rep->next_change_ms > 0) {
        snprintf(text, TEXT_BYTES, "off hours until %s", output_time(rep->next_change_ms));
        return text;
    }
    return team_verdict_text(rep->now);
}

// ---- A team -------------------------------------------------------------------------------------

// "3 of 5", or "3" without a cap.
static const char *of_cap(uint64_t n, int32_t cap)
{
    char *text = text_room();
    if (cap > 0)
        snprintf(text, TEXT_BYTES, "%llu of %d", (unsigned long long)n, (int)cap);
    else
        snprintf(text, TEXT_BYTES, "%llu", (unsigned long long)n);
    return text;
}

static void rep_row(struct output_table *table, const Rep *rep)
{
    char weight[16], name[80], period[64] = "-", touched[64];
    const char *after = "-", *units = "-", *takes = output_clean(rep->takes);
    const Candidate *now = rep->now;
    snprintf(weight, sizeof weight, "%d", (int)now->weight);
    snprintf(name, sizeof name, "%s%s", output_clean(now->rep), rep->by_hand ? " *" : "");
    if (rep->caps->per_period > 0)
        snprintf(period, sizeof period, "%u of %d in %s", now->period, (int)rep->caps->per_period,
                 output_duration(rep->caps->period_ms));
    if (rep->touched > 0)
        after = output_duration(rep->touch_ms_total / (int64_t)rep->touched);
    if (rep->caps->units > 0 || now->units != (int32_t)now->open)
        units = of_cap((uint64_t)now->units, rep->caps->units);
    if (strcmp(takes, "always") == 0)
        takes = "-";
    snprintf(touched, sizeof touched, "%s / %s", output_count(rep->touched),
             output_count(rep->missed));
    output_row(table, (const char *[]){
                          name, team_rep_text(rep), weight, of_cap(now->open, rep->caps->open),
                          of_cap(now->today, rep->caps->per_day), period, units, touched, after,
                          output_count(rep->completed), output_count(rep->won), takes, NULL});
}

static void admission_write(const Assay__Router__V1__Admission *a, FILE *stream)
{
    if (a == NULL)
        return;
    if (a->everything && (a->slots_per_week < 0 || a->since_ms == 0)) {
        fprintf(stream, "  admits leads of any strength: %s\n",
                a->since_ms == 0 ? "none has come to be judged" : "its reps' caps have no bound");
        return;
    }
    if (a->everything) {
        fprintf(stream, "  admits leads of any strength: %s slots a week hold what comes (%.1f)\n",
                output_count((uint64_t)a->slots_per_week), a->weekly);
        return;
    }
    fprintf(stream,
            "  admits leads from priority %d on: about %.1f a week for %s slots; about %.1f a week "
            "go\n  elsewhere, of which %.1f would be won, going by leads of their strength\n",
            (int)a->from_priority, a->weekly, output_count((uint64_t)a->slots_per_week),
            a->turned_away_weekly, a->lost_won_weekly);
}

void team_write(const Team *team, int64_t now_ms, FILE *stream)
{
    struct output_table table = {.right = 1U << 2 | 1U << 9 | 1U << 10,
                                 .optional = 1U << 5 | 1U << 6 | 1U << 8 | 1U << 11,
                                 .columns_max = output_columns()};
    bool by_hand = false;
    fprintf(stream, "%s%s%s  queue %s", output_bold(), output_clean(team->name), output_plain(),
            output_clean(team->queue));
    if (team->first_touch_ms > 0)
        fprintf(stream, ", first touch within %s", output_duration(team->first_touch_ms));
    if (team->held > 0)
        fprintf(stream, "; %s for a rep, the oldest for %s",
                output_plural(team->held, "lead waits", "leads wait"),
                output_duration(now_ms - team->oldest_held_ms));
    if (team->overflowed > 0)
        fprintf(stream, "; %s so far", output_plural(team->overflowed, "overflowed", "overflowed"));
    fputc('\n', stream);
    admission_write(team->admission, stream);
    output_row(&table, (const char *[]){"rep", "now", "weight", "open", "today", "period", "units",
                                        "touched / missed", "after", "done", "won", "takes", NULL});
    for (size_t i = 0; i < team->n_reps; i++) {
        by_hand = by_hand || team->reps[i]->by_hand;
        if (!team->reps[i]->removed)
            rep_row(&table, team->reps[i]);
    }
    if (table.n_cells == table.n_columns)
        fprintf(stream, "  nobody is in it\n");
    output_table_write(&table, 2, stream);
    if (by_hand)
        fprintf(stream,
                "  * changed by hand: `assay teams reset %s REP` goes back to the playbook\n",
                output_clean(team->name));
}

// ---- JSON ---------------------------------------------------------------------------------------

static json_t *rep_json(const Rep *rep)
{
    json_t *o = candidate_json(rep->now);
    json_object_set_new(o, "state", output_json_text(team_rep_text(rep)));
    json_object_set_new(o, "takes", output_json_text(rep->takes));
    json_object_set_new(
        o, "caps",
        json_pack("{s:i, s:i, s:i, s:I, s:i}", "open", (int)rep->caps->open, "per_day",
                  (int)rep->caps->per_day, "per_period", (int)rep->caps->per_period, "period_ms",
                  (json_int_t)rep->caps->period_ms, "units", (int)rep->caps->units));
    json_object_set_new(o, "by_hand", json_boolean(rep->by_hand));
    json_object_set_new(o, "added", json_boolean(rep->added));
    json_object_set_new(o, "removed", json_boolean(rep->removed));
    if (rep->absent_until_ms > 0)
        json_object_set_new(o, "absent_until", json_integer(rep->absent_until_ms));
    if (rep->next_change_ms > 0)
        json_object_set_new(o, "next_change", json_integer(rep->next_change_ms));
    json_object_set_new(
        o, "ever",
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "assigned", (json_int_t)rep->ever_assigned,
                  "credited", (json_int_t)rep->credited, "touched", (json_int_t)rep->touched,
                  "missed", (json_int_t)rep->missed, "completed", (json_int_t)rep->completed, "won",
                  (json_int_t)rep->won, "touch_ms_total", (json_int_t)rep->touch_ms_total));
    return o;
}

json_t *team_json(const Team *team)
{
    json_t *reps = json_array();
    for (size_t i = 0; i < team->n_reps; i++)
        json_array_append_new(reps, rep_json(team->reps[i]));
    json_t *o = json_pack("{s:o, s:o, s:I, s:I, s:I, s:o}", "team", output_json_text(team->name),
                          "queue", output_json_text(team->queue), "held", (json_int_t)team->held,
                          "overflowed", (json_int_t)team->overflowed, "first_touch_ms",
                          (json_int_t)team->first_touch_ms, "reps", reps);
    const Assay__Router__V1__Admission *a = team->admission;
    if (team->held > 0)
        json_object_set_new(o, "oldest_held", json_integer(team->oldest_held_ms));
    if (a != NULL)
        json_object_set_new(o, "admission",
                            json_pack("{s:b, s:i, s:I, s:f, s:f, s:f, s:I}", "everything",
                                      a->everything, "from_priority", (int)a->from_priority,
                                      "slots_per_week", (json_int_t)a->slots_per_week, "weekly",
                                      a->weekly, "turned_away_weekly", a->turned_away_weekly,
                                      "lost_won_weekly", a->lost_won_weekly, "since",
                                      (json_int_t)a->since_ms));
    return o;
}
