// SPDX-License-Identifier: Apache-2.0
// Teams, experiments and prompts as messages, and what an operator says of a rep.
#include "services/router/codec.h"

#include "services/router/codec_impl.h"

// ---- Teams --------------------------------------------------------------------------------------

Assay__Router__V1__Candidate *codec_candidate(const struct router_candidate *in,
                                              struct arena *arena)
{
    Assay__Router__V1__Candidate *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__candidate__init(out);
    out->rep = (char *)in->rep;
    out->verdict = (Assay__Router__V1__Verdict)in->verdict;
    out->assigned = in->assigned;
    out->weight = in->weight;
    out->open = in->open;
    out->today = in->today;
    out->period = in->period;
    out->units = in->units;
    out->cap = in->cap;
    return out;
}

static Assay__Router__V1__Caps *write_caps(const struct rep_caps *in, struct arena *arena)
{
    Assay__Router__V1__Caps *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__caps__init(out);
    out->open = in->open;
    out->per_day = in->per_day;
    out->per_period = in->per_period;
    out->period_ms = in->period_ms;
    out->units = in->units;
    return out;
}

static Assay__Router__V1__Rep *write_rep(const struct router_rep_view *in, struct arena *arena)
{
    Assay__Router__V1__Rep *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__rep__init(out);
    out->now = codec_candidate(&in->now, arena);
    out->now->rep = codec_copy(in->now.rep, arena);
    out->takes = codec_copy(in->takes, arena);
    out->caps = write_caps(&in->caps, arena);
    out->by_hand = in->by_hand;
    out->added = in->added;
    out->removed = in->removed;
    out->absent_until_ms = in->absent_until_ms;
    out->next_change_ms = in->next_change_ms == INT64_MAX ? 0 : in->next_change_ms;
    out->ever_assigned = in->ever_assigned;
    out->credited = in->credited;
    out->touched = in->touched;
    out->missed = in->missed;
    out->completed = in->completed;
    out->won = in->won;
    out->touch_ms_total = (int64_t)in->touch_ms_total;
    return out;
}

static Assay__Router__V1__Admission *write_admission(const struct router_team_view *in,
                                                     struct arena *arena)
{
    Assay__Router__V1__Admission *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__admission__init(out);
    out->everything = in->admit_from == INT32_MIN;
    out->from_priority = out->everything ? 0 : in->admit_from;
    out->slots_per_week = in->admit_slots;
    out->weekly = in->admit_weekly;
    out->turned_away_weekly = in->turned_away_weekly;
    out->lost_won_weekly = in->lost_won_weekly;
    out->since_ms = in->admit_since_ms;
    return out;
}

Assay__Router__V1__Team *router_codec_team(const struct router_team_view *view, struct arena *arena)
{
    Assay__Router__V1__Team *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__team__init(out);
    out->name = codec_copy(view->name, arena);
    out->queue = codec_copy(view->queue, arena);
    out->n_reps = view->n_reps;
    out->reps = arena_alloc(arena, (view->n_reps + 1) * sizeof *out->reps);
    for (size_t i = 0; i < view->n_reps; i++)
        out->reps[i] = write_rep(&view->reps[i], arena);
    out->held = view->held;
    if (view->oldest_held_ms != INT64_MIN)
        out->oldest_held_ms = view->oldest_held_ms;
    out->overflowed = view->overflowed;
    out->first_touch_ms = view->first_touch_ms;
    if (view->admits)
        out->admission = write_admission(view, arena);
    return out;
}

// ---- Experiments and prompts --------------------------------------------------------------------

static Assay__Router__V1__ExperimentArm *write_arm(const struct router_arm_view *in,
                                                   struct arena *arena)
{
    Assay__Router__V1__ExperimentArm *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__experiment_arm__init(out);
    out->name = codec_copy(in->name, arena);
    out->holdout = in->holdout;
    out->leads = in->leads;
    out->converted = in->converted;
    out->open = in->open;
    out->touched = in->touched;
    out->missed = in->missed;
    return out;
}

Assay__Router__V1__Experiment *router_codec_experiment(const struct router_experiment_view *view,
                                                       struct arena *arena)
{
    Assay__Router__V1__Experiment *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__experiment__init(out);
    out->name = codec_copy(view->name, arena);
    out->size = view->size;
    out->within_ms = view->within_ms;
    out->n_arms = view->n_arms;
    out->arms = arena_alloc(arena, (view->n_arms + 1) * sizeof *out->arms);
    for (size_t i = 0; i < view->n_arms; i++)
        out->arms[i] = write_arm(&view->arms[i], arena);
    out->first_ms = view->first_ms;
    out->last_ms = view->last_ms;
    return out;
}

Assay__Router__V1__Prompt *router_codec_prompt(const struct router_prompt *prompt,
                                               struct arena *arena)
{
    Assay__Router__V1__Prompt *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__prompt__init(out);
    out->name = codec_copy(prompt->name, arena);
    out->text = codec_copy(prompt->text, arena);
    out->offer = codec_copy(prompt->offer, arena);
    out->link = codec_copy(prompt->link, arena);
    out->reason = codec_copy(prompt->reason, arena);
    out->lead_id = codec_copy(prompt->lead_id, arena);
    out->priority = prompt->priority;
    out->since_ms = prompt->since_ms;
    out->expires_at_ms = prompt->expires_at_ms;
    return out;
}

// ---- What an operator says of a rep -------------------------------------------------------------

enum { WEIGHT_MAX = 100, CAP_MAX = 1000000 };
static const int64_t PERIOD_MIN_MS = 60 * 1000, PERIOD_MAX_MS = 31 * 86400 * 1000LL;

// One number that may be said. False: it is out of its bounds.
static bool read_number(const Assay__Router__V1__SetNumber *in, int32_t min, int32_t max,
                        bool *said, int32_t *out)
{
    if (in == NULL)
        return true;
    *said = true;
    *out = in->value;
    return in->value >= min && in->value <= max;
}

static const char *read_numbers(const Assay__Router__V1__ChangeRepRequest *in,
                                struct router_rep_change *out)
{
    int32_t active = 0;
    if (!read_number(in->active, 0, 1, &out->set_active, &active))
        return "active";
    out->active = active != 0;
    if (!read_number(in->weight, 1, WEIGHT_MAX, &out->set_weight, &out->weight))
        return "weight";
    if (!read_number(in->open, 0, CAP_MAX, &out->set_open, &out->open))
        return "open";
    if (!read_number(in->per_day, 0, CAP_MAX, &out->set_per_day, &out->per_day))
        return "per_day";
    if (!read_number(in->per_period, 0, CAP_MAX, &out->set_per_period, &out->per_period))
        return "per_period";
    if (!read_number(in->units, 0, CAP_MAX, &out->set_units, &out->units))
        return "units";
    out->period_ms = in->period_ms;
    bool in_bounds = out->period_ms >= PERIOD_MIN_MS && out->period_ms <= PERIOD_MAX_MS;
    if (out->per_period > 0 ? !in_bounds : out->period_ms != 0)
        return "period_ms";
    return NULL;
}

const char *router_codec_rep_change(const Assay__Router__V1__ChangeRepRequest *in,
                                    struct router_rep_change *out)
{
    *out = (struct router_rep_change){
        .team = span_of(in->team),
        .rep = span_of(in->rep),
        .by = span_of(in->by),
        .reason = span_of(in->reason),
        .add = in->add,
        .remove = in->remove,
        .reset = in->reset,
        .set_absent = in->absent != NULL,
    };
    if (in->absent != NULL) {
        out->absent_from_ms = in->absent->from_ms;
        out->absent_until_ms = in->absent->until_ms;
    }
    return read_numbers(in, out);
}

static Assay__Router__V1__SetNumber *write_number(bool said, int32_t value, struct arena *arena)
{
    if (!said)
        return NULL;
    Assay__Router__V1__SetNumber *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__set_number__init(out);
    out->value = value;
    return out;
}

Assay__Router__V1__ChangeRepRequest *
router_codec_rep_changed(const struct router_rep_change *change, struct arena *arena)
{
    Assay__Router__V1__ChangeRepRequest *out = arena_alloc(arena, sizeof *out);
    assay__router__v1__change_rep_request__init(out);
    out->team = arena_dup(arena, change->team);
    out->rep = arena_dup(arena, change->rep);
    out->by = arena_dup(arena, change->by);
    out->reason = arena_dup(arena, change->reason);
    out->add = change->add;
    out->remove = change->remove;
    out->reset = change->reset;
    out->active = write_number(change->set_active, change->active, arena);
    out->weight = write_number(change->set_weight, change->weight, arena);
    out->open = write_number(change->set_open, change->open, arena);
    out->per_day = write_number(change->set_per_day, change->per_day, arena);
    out->per_period = write_number(change->set_per_period, change->per_period, arena);
    out->units = write_number(change->set_units, change->units, arena);
    out->period_ms = change->set_per_period ? change->period_ms : 0;
    if (change->set_absent) {
        out->absent = arena_alloc(arena, sizeof *out->absent);
        assay__router__v1__set_absence__init(out->absent);
        out->absent->from_ms = change->absent_from_ms;
        out->absent->until_ms = change->absent_until_ms;
    }
    return out;
}
