// SPDX-License-Identifier: Apache-2.0
// What an operator says of reps, and who he gives a lead to. His word stands over the playbook's,
// also the next one's, until he takes it back.
#include "services/router/core/teams_impl.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/time_text.h"

enum { WEIGHT_MAX = 100, CAP_MAX = 1000000, PERIOD_DAYS_MAX = 31 };
static const char REMOVED[] = "rep removed";
static const char INACTIVE[] = "rep inactive";

// ---- His leads go to others ---------------------------------------------------------------------

static int by_serial(const void *x, const void *y)
{
    const struct router_lead *a = *(struct router_lead *const *)x;
    const struct router_lead *b = *(struct router_lead *const *)y;
    return (a->serial > b->serial) - (a->serial < b->serial);
}

void teams_free(struct router_core *core, struct crew *crew, struct desk *desk, const char *by,
                struct router_effects *effects)
{
    bool removed = desk->in_force->removed;
    if ((!removed && desk->in_force->active) || desk->open == 0)
        return;
    struct router_lead **leads = mem_alloc(desk->open * sizeof *leads);
    size_t n = 0;
    for (struct router_lead *l = desk->first_open; l != NULL; l = l->desk_next)
        if (l->in->crew == crew && (removed || l->touched_at_ms == 0))
            leads[n++] = l;
    if (n > 0)
        qsort(leads, n, sizeof *leads, by_serial);
    struct cause cause = router_leads_now(core);
    size_t left = 0;
    for (size_t i = 0; i < n; i++)
        if (teams_unassign(core, leads[i], removed ? REMOVED : INACTIVE, by, false, &cause,
                           effects))
            leads[left++] = leads[i];
    for (size_t i = 0; i < left; i++)
        router_teams_place(core, leads[i], &cause, effects);
    mem_free(leads);
}

// ---- What may be said ---------------------------------------------------------------------------

static enum err check_cap(const char *name, bool set, int32_t cap, struct err_info *info)
{
    if (set && (cap < 0 || cap > CAP_MAX))
        return err_set(info, ERR_INVALID, "%s: %d is not between 0 and %d", name, cap, CAP_MAX);
    return ERR_OK;
}

static enum err check_values(const struct router_rep_change *change, struct err_info *info)
{
    if (change->set_weight && (change->weight < 1 || change->weight > WEIGHT_MAX))
        return err_set(info, ERR_INVALID, "weight: %d is not between 1 and %d", change->weight,
                       WEIGHT_MAX);
    enum err err = check_cap("open", change->set_open, change->open, info);
    if (err == ERR_OK)
        err = check_cap("per_day", change->set_per_day, change->per_day, info);
    if (err == ERR_OK)
        err = check_cap("per_period", change->set_per_period, change->per_period, info);
    if (err == ERR_OK)
        err = check_cap("units", change->set_units, change->units, info);
    bool bounded = change->period_ms >= TIME_MINUTE_MS &&
                   change->period_ms <= PERIOD_DAYS_MAX * (int64_t)TIME_DAY_MS;
    if (err == ERR_OK && change->set_per_period && change->per_period > 0 && !bounded)
        return err_set(info, ERR_INVALID, "period_ms: %lld is not between a minute and %d days",
                       (long long)change->period_ms, PERIOD_DAYS_MAX);
    return err;
}

static enum err check_change(const struct router_rep_change *change, struct err_info *info)
{
    bool says = change->add || change->remove || change->reset || change->set_active ||
                change->set_weight || change->set_open || change->set_per_day ||
                change->set_per_period || change->set_units || change->set_absent;
    if (!says)
        return err_set(info, ERR_INVALID, "nothing to change");
    if (change->add + change->remove + change->reset > 1)
        return err_set(info, ERR_INVALID, "a rep is added, removed or reset, one at a time");
    if (change->rep.len == 0 || change->rep.len > ROUTER_TEXT_MAX)
        return err_set(info, ERR_INVALID, "rep: a name of 1 to %d bytes is needed",
                       ROUTER_TEXT_MAX);
    if (change->by.len > ROUTER_TEXT_MAX || change->reason.len > ROUTER_TEXT_MAX)
        return err_set(info, ERR_INVALID, "by, reason: longer than %d bytes", ROUTER_TEXT_MAX);
    return check_values(change, info);
}

static enum err find_desk(struct crew *crew, const struct router_rep_change *change,
                          struct desk **out, struct err_info *info)
{
    struct desk *desk = *out = router_teams_desk(crew, change->rep, false);
    bool there = desk != NULL && !router_teams_removed(desk);
    if (change->add && there)
        return err_set(info, ERR_CONFLICT, "rep: \"" SPAN_FMT "\" is one of %s already",
                       SPAN_ARG(change->rep), crew->name);
    if (!change->add && !there && !(change->reset && desk != NULL))
        return err_set(info, ERR_NOT_FOUND, "rep: there is no \"" SPAN_FMT "\" in %s",
                       SPAN_ARG(change->rep), crew->name);
    if (desk == NULL && crew->n_desks >= ROUTER_REPS_MAX)
        return err_set(info, ERR_FULL, "%s has had %d reps, and there is no room for more",
                       crew->name, ROUTER_REPS_MAX);
    if (desk == NULL)
        *out = router_teams_desk(crew, change->rep, true);
    return ERR_OK;
}

// ---- What was said ------------------------------------------------------------------------------

static void say(struct desk *desk, const struct router_rep_change *change, int64_t now_ms)
{
    struct router_rep_change *said = &desk->change;
    if (change->reset || change->add || change->remove)
        *said = (struct router_rep_change){0};
    said->add |= change->add && desk->rules == NULL;
    said->remove |= change->remove && desk->rules != NULL;
    if (change->set_active) {
        said->set_active = true;
        said->active = change->active;
    }
    if (change->set_weight) {
        said->set_weight = true;
        said->weight = change->weight;
    }
    if (change->set_open) {
        said->set_open = true;
        said->open = change->open;
    }
    if (change->set_per_day) {
        said->set_per_day = true;
        said->per_day = change->per_day;
    }
    if (change->set_per_period) {
        said->set_per_period = true;
        said->per_period = change->per_period;
        said->period_ms = change->per_period > 0 ? change->period_ms : 0;
    }
    if (change->set_units) {
        said->set_units = true;
        said->units = change->units;
    }
    if (change->set_absent) {
        bool back = change->absent_until_ms <= change->absent_from_ms;
        bool from_now = back || change->absent_from_ms == 0;
        said->set_absent = true;
        said->absent_from_ms = from_now ? now_ms : change->absent_from_ms;
        said->absent_until_ms = back ? now_ms : change->absent_until_ms;
    }
}

static void add_word(struct buf *words, const char *text)
{
    if (words->len > 0)
        buf_append_text(words, ", ");
    buf_append_text(words, text);
}

static void add_cap(struct buf *words, bool set, int32_t cap, const char *what)
{
    if (!set)
        return;
    add_word(words, cap == 0 ? "no cap" : "cap");
    if (cap > 0)
        buf_printf(words, " %d", cap);
    buf_append_text(words, what);
}

static void add_absence(struct buf *words, const struct router_rep_change *change)
{
    char from[TIME_TEXT_MAX], until[TIME_TEXT_MAX];
    if (change->absent_from_ms >= change->absent_until_ms) {
        add_word(words, "back");
        return;
    }
    if (change->absent_from_ms == 0) {
        add_word(words, "absent until ");
        buf_append_text(words, time_format(change->absent_until_ms, until));
        return;
    }
    add_word(words, "absent from ");
    buf_printf(words, "%s until %s", time_format(change->absent_from_ms, from),
               time_format(change->absent_until_ms, until));
}

static const char *words_of(const struct router_rep_change *change, struct arena *arena)
{
    struct buf words = {0};
    if (change->add)
        add_word(&words, "added");
    if (change->remove)
        add_word(&words, "removed");
    if (change->reset)
        add_word(&words, "as the playbook says");
    if (change->set_active)
        add_word(&words, change->active ? "active" : "inactive");
    if (change->set_weight) {
        add_word(&words, "weight ");
        buf_printf(&words, "%d", change->weight);
    }
    add_cap(&words, change->set_open, change->open, " open");
    add_cap(&words, change->set_per_day, change->per_day, " per day");
    char period[TIME_TEXT_MAX] = "period";
    if (change->per_period > 0)
        time_format_duration(change->period_ms, period);
    add_cap(&words, change->set_per_period, change->per_period, " per ");
    if (change->set_per_period)
        buf_append_text(&words, period);
    add_cap(&words, change->set_units, change->units, " units");
    if (change->set_absent)
        add_absence(&words, change);
    char *text = arena_dup(arena, buf_span(&words));
    buf_deinit(&words);
    return text;
}

static void tell(struct router_core *core, const struct crew *crew, const struct desk *desk,
                 const struct router_rep_change *change, struct router_effects *effects)
{
    struct router_decision *d = router_decision_add(core, effects, ROUTER_DECISION_REP);
    d->team = crew->name;
    d->rep = desk->rep;
    d->by = arena_dup(&effects->texts, change->by);
    d->reason = arena_dup(&effects->texts, change->reason);
    d->change = words_of(change, &effects->texts);
    d->at_ms = d->known_at_ms = core->clock_ms;
}

enum err router_core_change_rep(struct router_core *core, int64_t now_ms,
                                const struct router_rep_change *change,
                                struct router_effects *effects, struct err_info *info)
{
    router_core_tick(core, now_ms, effects);
    struct crew *crew = router_teams_crew(core, change->team, false);
    if (crew == NULL || crew->rules == NULL)
        return err_set(info, ERR_NOT_FOUND, "team: there is no \"" SPAN_FMT "\"",
                       SPAN_ARG(change->team));
    struct desk *desk = NULL;
    enum err err = check_change(change, info);
    if (err == ERR_OK)
        err = find_desk(crew, change, &desk, info);
    if (err != ERR_OK)
        return err;
    say(desk, change, core->clock_ms);
    crew->dirty = true;
    tell(core, crew, desk, change, effects);
    teams_learn(core, crew, true);
    // Who an account's owner is may be another question now.
    if (change->add || change->remove || change->reset || change->set_active)
        held_again(core, crew);
    teams_free(core, crew, desk, arena_dup(&effects->texts, change->by), effects);
    router_teams_fill(core, effects);
    return ERR_OK;
}

// ---- By hand ------------------------------------------------------------------------------------

static enum err find_rep(struct crew *crew, struct span rep, struct desk **out,
                         struct err_info *info)
{
    *out = NULL;
    if (rep.len == 0)
        return ERR_OK;
    struct desk *desk = router_teams_desk(crew, rep, false);
    if (desk == NULL)
        return err_set(info, ERR_NOT_FOUND, "rep: there is no \"" SPAN_FMT "\" in %s",
                       SPAN_ARG(rep), crew->name);
    if (desk->in_force->removed || !desk->in_force->active)
        return err_set(info, ERR_INVALID, "rep: %s is %s", desk->rep,
                       desk->in_force->removed ? "removed" : "inactive");
    *out = desk;
    return ERR_OK;
}

static void give_by_hand(struct router_core *core, struct crew *crew, struct router_lead *lead,
                         struct desk *desk, const char *by, const char *reason,
                         struct router_effects *effects)
{
    struct cause cause = router_leads_now(core);
    const struct kind *kind = assign_kind(core, crew, lead);
    fairness_look(core, crew);
    size_t at = effects->n;
    assign_give(core, crew, lead, desk, ROUTER_BY_HAND, kind, &cause, effects);
    CHECK(effects->n > at);
    effects->items[at].by = by;
    effects->items[at].reason = reason;
}

enum err router_core_assign(struct router_core *core, int64_t now_ms, struct span lead_id,
                            struct span rep, struct span by, struct span reason,
                            const struct router_lead **out, struct router_effects *effects,
                            struct err_info *info)
{
    router_core_tick(core, now_ms, effects);
    struct router_lead *lead = router_state_lead_find(core, lead_id);
    if (lead == NULL)
        return err_set(info, ERR_NOT_FOUND, "lead_id: there is no \"" SPAN_FMT "\"",
                       SPAN_ARG(lead_id));
    if (by.len > ROUTER_TEXT_MAX || reason.len > ROUTER_TEXT_MAX)
        return err_set(info, ERR_INVALID, "by, reason: longer than %d bytes", ROUTER_TEXT_MAX);
    struct crew *crew = lead->in->crew;
    bool open = lead->state >= ROUTER_WAITING && lead->state <= ROUTER_ACKED;
    if (!open || crew == NULL)
        return err_set(info, ERR_CONFLICT, "%s %s", lead->id,
                       open ? "waits in a queue without a team" : "is in nobody's hands any more");
    struct desk *desk;
    enum err err = find_rep(crew, rep, &desk, info);
    if (err != ERR_OK)
        return err;
    *out = lead;
    if (desk != NULL && lead->on_desk && strcmp(lead->rep, desk->rep) == 0)
        return ERR_OK;
    const char *who = arena_dup(&effects->texts, by), *why = arena_dup(&effects->texts, reason);
    struct cause cause = router_leads_now(core);
    bool waits = true;
    if (lead->on_desk)
        waits = teams_unassign(core, lead, why, who, true, &cause, effects);
    if (waits && desk != NULL) {
        lead->team = crew->name;
        give_by_hand(core, crew, lead, desk, who, why, effects);
    } else if (waits) {
        router_teams_place(core, lead, &cause, effects);
    }
    router_teams_fill(core, effects);
    return ERR_OK;
}
