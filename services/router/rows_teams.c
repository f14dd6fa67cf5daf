// SPDX-License-Identifier: Apache-2.0
// Teams and their reps as rows: a row a team, by its name.
#include "common/base/mem.h"
#include "services/router/codec.h"
#include "services/router/rows_impl.h"

#include <math.h>

enum { WEIGHT_MAX = 100 };

// ---- Out ----------------------------------------------------------------------------------------

static bool is_said(const struct router_rep_change *change)
{
    return change->add || change->remove || change->set_active || change->set_weight ||
           change->set_open || change->set_per_day || change->set_per_period || change->set_units ||
           change->set_absent;
}

static void write_change(const struct router_rep_change *change, struct arena *arena,
                         ProtobufCBinaryData *out)
{
    if (!is_said(change))
        return;
    const ProtobufCMessage *message = &router_codec_rep_changed(change, arena)->base;
    out->len = protobuf_c_message_get_packed_size(message);
    out->data = arena_alloc(arena, out->len + 1);
    protobuf_c_message_pack(message, out->data);
}

static Assay__Record__V1__DeskRecord *write_desk(const struct desk *desk, struct arena *arena)
{
    Assay__Record__V1__DeskRecord *out = arena_alloc(arena, sizeof *out);
    assay__record__v1__desk_record__init(out);
    out->rep = (char *)desk->rep;
    out->assigned = desk->assigned;
    out->away = desk->away;
    out->floor = desk->floor;
    out->n_taken = out->n_taken_ms = desk->n_taken;
    out->taken = arena_alloc(arena, (desk->n_taken + 1) * sizeof *out->taken);
    out->taken_ms = arena_alloc(arena, (desk->n_taken + 1) * sizeof *out->taken_ms);
    for (uint32_t i = 0; i < desk->n_taken; i++) {
        out->taken[i] = desk->taken[i].serial;
        out->taken_ms[i] = desk->taken[i].at_ms;
    }
    out->ever_assigned = desk->ever_assigned;
    out->credited = desk->credited;
    out->touched = desk->touched;
    out->missed = desk->missed;
    out->completed = desk->completed;
    out->won = desk->won;
    out->touch_ms_total = desk->touch_ms_total;
    write_change(&desk->change, arena, &out->change);
    return out;
}

static Assay__Record__V1__StrengthRecord *write_strength(const struct strength *in,
                                                         struct arena *arena)
{
    Assay__Record__V1__StrengthRecord *out = arena_alloc(arena, sizeof *out);
    assay__record__v1__strength_record__init(out);
    out->day = in->day;
    out->priority = in->priority;
    out->leads = in->leads;
    out->ended = in->ended;
    out->won = in->won;
    return out;
}

static void write_admission(const struct crew *crew, Assay__Record__V1__CrewRecord *out)
{
    out->admits_everything = crew->admit_from == INT32_MIN;
    out->admit_from = out->admits_everything ? 0 : crew->admit_from;
    out->admit_since_ms = crew->admit_since_ms;
    out->admit_weekly = crew->admit_weekly;
    out->turned_away_weekly = crew->turned_away_weekly;
    out->lost_won_weekly = crew->lost_won_weekly;
    out->admit_slots = crew->admit_slots;
}

void rows_put_crew(struct router_rows *rows, const struct crew *crew, router_row_put cb, void *arg)
{
    arena_reset(&rows->arena);
    Assay__Record__V1__CrewRecord record = ASSAY__RECORD__V1__CREW_RECORD__INIT;
    record.team = (char *)crew->name;
    record.desks = arena_alloc(&rows->arena, (crew->n_desks + 1) * sizeof *record.desks);
    for (uint32_t i = 0; i < crew->n_desks; i++)
        record.desks[record.n_desks++] = write_desk(crew->desks[i], &rows->arena);
    record.overflowed = crew->overflowed;
    record.level_assigned = crew->level_assigned;
    record.level_weight = crew->level_weight;
    record.strengths =
        arena_alloc(&rows->arena, (crew->n_strengths + 1) * sizeof *record.strengths);
    for (uint32_t i = 0; i < crew->n_strengths; i++)
        record.strengths[record.n_strengths++] = write_strength(&crew->strengths[i], &rows->arena);
    write_admission(crew, &record);
    rows_put(rows, ROUTER_TABLE_TEAMS, span_of(crew->name), &record.base, cb, arg);
}

// ---- In -----------------------------------------------------------------------------------------

static bool read_change(struct router_rows *rows, ProtobufCBinaryData bytes,
                        struct router_rep_change *out)
{
    if (bytes.len == 0)
        return true;
    const Assay__Router__V1__ChangeRepRequest *in = rows_unpack_inner(
        rows, &assay__router__v1__change_rep_request__descriptor, span_make(bytes.data, bytes.len));
    if (in == NULL || router_codec_rep_change(in, out) != NULL || out->reset)
        return false;
    if (!rows_time_fits(out->absent_from_ms) || !rows_time_fits(out->absent_until_ms))
        return false;
    out->team = out->rep = out->by = out->reason = (struct span){NULL, 0};
    return is_said(out);
}

static bool read_taken(const struct router_core *core, const Assay__Record__V1__DeskRecord *in,
                       struct desk *desk)
{
    if (in->n_taken != in->n_taken_ms || in->n_taken > ROUTER_TAKEN_MAX)
        return false;
    for (size_t i = 0; i < in->n_taken; i++) {
        bool in_order = i == 0 || in->taken_ms[i - 1] <= in->taken_ms[i];
        if (in->taken[i] == 0 || in->taken[i] > core->n_leads || !in_order ||
            !rows_time_fits(in->taken_ms[i]))
            return false;
        MEM_GROW(desk->taken, desk->n_taken, desk->taken_cap);
        desk->taken[desk->n_taken++] = (struct taken){in->taken[i], in->taken_ms[i]};
    }
    return true;
}

static bool read_counts(const Assay__Record__V1__DeskRecord *in, struct desk *desk)
{
    desk->assigned = in->assigned;
    desk->away = in->away;
    desk->floor = in->floor;
    desk->ever_assigned = in->ever_assigned;
    desk->credited = in->credited;
    desk->touched = in->touched;
    desk->missed = in->missed;
    desk->completed = in->completed;
    desk->won = in->won;
    desk->touch_ms_total = in->touch_ms_total;
    const uint64_t counts[] = {in->assigned, in->ever_assigned, in->credited, in->touched,
                               in->missed,   in->completed,     in->won,      in->floor};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        if (counts[i] > ROWS_ASSIGNED_MAX)
            return false;
    return in->touch_ms_total <= ROWS_COUNT_MAX;
}

static bool read_desk(struct router_rows *rows, const Assay__Record__V1__DeskRecord *in,
                      struct crew *crew)
{
    struct router_core *core = rows->core;
    struct span rep = span_of(in->rep);
    if (rep.len == 0 || rep.len > ROUTER_TEXT_MAX || crew->n_desks >= ROUTER_REPS_MAX ||
        router_teams_desk(crew, rep, false) != NULL)
        return false;
    struct desk *desk = router_teams_desk(crew, rep, true);
    return desk != NULL && read_counts(in, desk) && read_taken(core, in, desk) &&
           read_change(rows, in->change, &desk->change);
}

static bool read_strengths(const Assay__Record__V1__CrewRecord *in, struct crew *crew)
{
    for (size_t i = 0; i < in->n_strengths; i++) {
        const Assay__Record__V1__StrengthRecord *s = in->strengths[i];
        const Assay__Record__V1__StrengthRecord *before = i > 0 ? in->strengths[i - 1] : NULL;
        bool in_order = before == NULL || before->day < s->day ||
                        (before->day == s->day && before->priority < s->priority);
        if (!in_order || s->won > s->ended)
            return false;
        MEM_GROW(crew->strengths, crew->n_strengths, crew->strengths_cap);
        crew->strengths[crew->n_strengths++] =
            (struct strength){s->day, s->priority, s->leads, s->ended, s->won};
    }
    return true;
}

static bool is_rate(double weekly)
{
    return isfinite(weekly) && weekly >= 0;
}

static bool read_admission(const Assay__Record__V1__CrewRecord *in, struct crew *crew)
{
    crew->admit_from = in->admits_everything ? INT32_MIN : in->admit_from;
    crew->admit_since_ms = in->admit_since_ms;
    crew->admit_weekly = in->admit_weekly;
    crew->turned_away_weekly = in->turned_away_weekly;
    crew->lost_won_weekly = in->lost_won_weekly;
    crew->admit_slots = in->admit_slots;
    return is_rate(in->admit_weekly) && is_rate(in->turned_away_weekly) &&
           is_rate(in->lost_won_weekly) && rows_time_fits(in->admit_since_ms);
}

enum err rows_load_crew(struct router_rows *rows, struct span name, struct span value,
                        struct err_info *info)
{
    struct router_core *core = rows->core;
    const Assay__Record__V1__CrewRecord *in =
        rows_unpack(rows, &assay__record__v1__crew_record__descriptor, value);
    if (in == NULL || name.len == 0 || !span_is(name, in->team) ||
        in->overflowed > ROWS_COUNT_MAX || in->level_assigned > ROWS_ASSIGNED_MAX ||
        in->level_weight < 0 || in->level_weight > WEIGHT_MAX)
        return rows_corrupt(info, "not a team's record");
    if (router_teams_crew(core, name, false) != NULL)
        return rows_corrupt(info, "a team is twice there");
    struct crew *crew = router_teams_crew(core, name, true);
    if (crew == NULL)
        return rows_corrupt(info, "there are too many teams");
    crew->overflowed = in->overflowed;
    crew->level_assigned = in->level_assigned;
    crew->level_weight = in->level_weight;
    bool sense = read_admission(in, crew) && read_strengths(in, crew);
    for (size_t i = 0; sense && i < in->n_desks; i++)
        sense = read_desk(rows, in->desks[i], crew);
    return sense ? ERR_OK : rows_corrupt(info, "a team's record makes no sense");
}
