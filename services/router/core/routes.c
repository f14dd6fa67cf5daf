// SPDX-License-Identifier: Apache-2.0
// Where a lead goes: the first route that holds, unless an experiment holds it out or nobody may be
// contacted. Read when a lead is made, and for one that waits again, when something that a route
// looks at has changed. In a queue with a team it then goes to a rep; in one that delivers at the
// account's busiest hour it waits for that.
#include "services/router/core/state.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/text.h"

static const int64_t HOUR_MS = 3600 * 1000;
static const int64_t DAY_MS = 24 * 3600 * 1000;
static const char NO_ROUTE[] = "no_route";
static const char BARRED[] = "do_not_contact";
static const char NO_CONSENT[] = "no_consent";

bool router_leads_unrouted(const struct router_lead *lead)
{
    if (lead->state != ROUTER_PARKED || lead->queue[0] != '\0')
        return false;
    const char *why = lead->parked_reason;
    return strcmp(why, NO_ROUTE) == 0 || strcmp(why, BARRED) == 0 || strcmp(why, NO_CONSENT) == 0;
}

struct cause router_leads_now(const struct router_core *core)
{
    int64_t now_ms = core->clock_ms == STATE_NEVER ? 0 : core->clock_ms;
    return (struct cause){now_ms, now_ms, {NULL, 0}};
}

// ---- What the playbook says ---------------------------------------------------------------------

// Where a lead goes. Queue "": no queue takes it, and `parked` says why.
struct place {
    const char *motion;
    const char *route;
    const char *message;
    const char *parked;
    struct router_queue *queue;
    int32_t priority;
};

static int32_t priority_of(const struct router_core *core, const struct account *home, int32_t base)
{
    const struct playbook *playbook = core->playbook;
    int64_t priority = base;
    for (int32_t i = 0; i < playbook->n_priorities; i++)
        if (router_qualify_holds(core, playbook->priorities[i].when, home, NULL))
            priority += playbook->priorities[i].add;
    return (int32_t)(priority < INT32_MIN   ? INT32_MIN
                     : priority > INT32_MAX ? INT32_MAX
                                            : priority);
}

static int32_t units_of(const struct router_core *core, const struct account *home)
{
    const struct playbook *playbook = core->playbook;
    for (int32_t i = 0; i < playbook->n_efforts; i++)
        if (router_qualify_holds(core, playbook->efforts[i].when, home, NULL))
            return playbook->efforts[i].units;
    return 1;
}

static struct router_queue *queue_at(struct router_core *core, int32_t queue)
{
    if (queue == PLAYBOOK_NONE)
        return core->queues[0];
    struct router_queue *found =
        router_state_queue(core, span_of(core->playbook->queues[queue].name), false);
    CHECK(found != NULL);
    return found;
}

static struct place find_place(struct router_core *core, const struct router_lead *lead,
                               const struct account *home)
{
    const struct playbook *playbook = core->playbook;
    for (int32_t i = 0; i < playbook->n_routes; i++) {
        const struct route *route = &playbook->routes[i];
        if ((route->first && lead->after_first) ||
            !router_qualify_holds(core, route->when, home, NULL))
            continue;
        const char *motion = router_state_intern(core, span_of(motion_name(route->motion)));
        return (struct place){
            .motion = motion,
            .route = router_state_intern(core, span_of(route->text)),
            .message = router_state_intern(core, span_of(route->message)),
            .parked = route->queue == PLAYBOOK_NONE ? motion : "",
            .queue = queue_at(core, route->queue),
            .priority = priority_of(core, home, route->priority),
        };
    }
    return (struct place){"", "", "", NO_ROUTE, core->queues[0], 0};
}

// ---- Who may be contacted -----------------------------------------------------------------------

static const struct account *member(const struct account *home, uint32_t i)
{
    if (home->n_members == 0)
        return i == 0 ? home : NULL;
    return i < home->n_members ? home->members[i] : NULL;
}

static bool reaches(const struct router_core *core, const struct account *account,
                    const struct subject *user, bool consent)
{
    return !router_contacts_barred(core, account, user) &&
           (!consent || router_contacts_consents(core, account, user));
}

static bool somebody_consents(const struct router_core *core, const struct account *account)
{
    int32_t consent = core->playbook->consent;
    return consent == PLAYBOOK_NONE ||
           router_state_users_with(account, core->signal_names[consent]) > 0;
}

// Whether some contact of the lead may be spoken to. Who of the members a contact is of is not
// noted.
static bool reaches_contact(const struct router_core *core, const struct router_lead *lead,
                            const struct account *home, bool consent)
{
    const struct account *account;
    for (uint32_t m = 0; (account = member(home, m)) != NULL; m++) {
        if (consent && !somebody_consents(core, account))
            continue;
        for (uint32_t i = 0; i < lead->n_contacts; i++) {
            const struct subject *user = router_state_user(
                (struct account *)account, span_of(lead->contacts[i].user_id), false);
            if (user != NULL && reaches(core, account, user, consent))
                return true;
        }
    }
    return false;
}

static bool reaches_anybody(const struct router_core *core, const struct account *home,
                            bool consent)
{
    const struct account *account;
    for (uint32_t m = 0; (account = member(home, m)) != NULL; m++)
        for (uint32_t i = 0; i < account->n_users; i++)
            if (reaches(core, account, account->users[i], consent))
                return true;
    return false;
}

static bool account_qualifies(const struct account *home)
{
    const struct account *account;
    if (router_standing_now(&home->self, ROUTER_PQA) ||
        router_standing_now(&home->self, ROUTER_PQL))
        return true;
    for (uint32_t m = 0; (account = member(home, m)) != NULL; m++)
        if (router_standing_now(&account->self, ROUTER_PQA) ||
            router_standing_now(&account->self, ROUTER_PQL))
            return true;
    return false;
}

// Why the lead must not go out; "": it may.
static const char *kept_from(const struct router_core *core, const struct router_lead *lead,
                             const struct account *home, const char *motion)
{
    const struct playbook *playbook = core->playbook;
    bool self_serve = strcmp(motion, motion_name(MOTION_SELF_SERVE)) == 0;
    if (playbook->never_account != PLAYBOOK_NONE && router_contacts_barred(core, home, NULL))
        return BARRED;
    if (playbook->never_user != PLAYBOOK_NONE && !account_qualifies(home) &&
        !reaches_contact(core, lead, home, false))
        return BARRED;
    if (playbook->consent == PLAYBOOK_NONE || !self_serve ||
        reaches_contact(core, lead, home, true))
        return "";
    return lead->n_contacts == 0 && reaches_anybody(core, home, true) ? "" : NO_CONSENT;
}

// ---- Putting it there ---------------------------------------------------------------------------

// The next beginning of the account's busiest hour; 0: now is in it, or it is not known.
static int64_t busiest_ms(const struct router_core *core, const struct router_lead *lead)
{
    const char *fact = router_organizations_fact_of_lead(core, lead, core->playbook->busiest_fact);
    int64_t milli = 0;
    bool known = fact != NULL && text_to_i64(span_of(fact), &milli);
    int64_t hour = known ? milli / 1000 : 0;
    int64_t now_ms = router_leads_now(core).known_at_ms;
    if (hour < 1 || hour > 24 || now_ms < 0)
        return 0;
    int64_t from_ms = now_ms - now_ms % DAY_MS + (hour - 1) * HOUR_MS;
    if (now_ms >= from_ms && now_ms < from_ms + HOUR_MS)
        return 0;
    return from_ms > now_ms ? from_ms : from_ms + DAY_MS;
}

static int64_t first_touch_of(const struct router_core *core, const struct router_queue *queue)
{
    bool team = queue->rules != NULL && queue->rules->team != PLAYBOOK_NONE;
    return team ? core->playbook->teams[queue->rules->team].sla.first_touch_ms : 0;
}

static void put(struct router_core *core, struct router_lead *lead, const struct account *home,
                const struct place *place)
{
    CHECK(lead->state == 0);
    bool comes = lead->in != place->queue;
    lead->motion = place->motion;
    lead->route = place->route;
    lead->message = place->message;
    lead->parked_reason = place->parked;
    lead->priority = place->priority;
    lead->in = place->queue;
    lead->queue = place->queue->name;
    lead->playbook = core->label;
    lead->rank = router_leads_rank(core, lead);
    if (comes) {
        bool delays = place->queue->rules != NULL && place->queue->rules->busiest_hour;
        lead->not_before_ms = delays ? busiest_ms(core, lead) : 0;
        lead->team = lead->rep = "";
        lead->units = units_of(core, home);
        lead->first_touch_ms = first_touch_of(core, place->queue);
    }
    router_experiments_apply(core, lead);
    router_leads_set_state(core, lead, place->parked[0] == '\0' ? ROUTER_WAITING : ROUTER_PARKED);
}

static void keep_out(struct router_core *core, struct place *place, const char *why)
{
    place->parked = why;
    place->queue = core->queues[0];
    if (strcmp(why, BARRED) == 0)
        place->motion = router_state_intern(core, span_of(motion_name(MOTION_SUPPRESS)));
}

// Where the lead goes now. `enters`: it has been in no queue before, so experiments take it in.
static struct place decide_place(struct router_core *core, struct router_lead *lead,
                                 const struct account *home, bool enters)
{
    struct place place = find_place(core, lead, home);
    if (place.parked[0] != '\0')
        return place;
    if (enters && lead->n_experiments == 0 && router_experiments_enter(core, lead, home)) {
        place.motion = router_state_intern(core, span_of(motion_name(MOTION_HOLD_OUT)));
        place.message = "";
        keep_out(core, &place, place.motion);
        return place;
    }
    const char *why = kept_from(core, lead, home, place.motion);
    if (why[0] != '\0')
        keep_out(core, &place, why);
    return place;
}

void router_routes_place(struct router_core *core, struct router_lead *lead,
                         const struct account *home)
{
    struct place place = decide_place(core, lead, home, true);
    put(core, lead, home, &place);
}

void router_routes_arrive(struct router_core *core, struct router_lead *lead,
                          const struct cause *cause, struct router_effects *effects)
{
    if (lead->state == ROUTER_PARKED)
        router_leads_decide(core, effects, lead, ROUTER_STEP_PARKED, lead->parked_reason, cause);
    if (lead->state != ROUTER_WAITING)
        return;
    if (lead->not_before_ms == 0) {
        router_teams_place(core, lead, cause, effects);
        return;
    }
    router_leads_decide(core, effects, lead, ROUTER_STEP_DELAYED, "busiest hour", cause)->due_ms =
        lead->not_before_ms;
}

struct router_decision *router_leads_decide(struct router_core *core,
                                            struct router_effects *effects,
                                            const struct router_lead *lead, enum router_step step,
                                            const char *reason, const struct cause *cause)
{
    struct router_decision *d = router_decision_add_lead(core, effects, lead, step, reason);
    d->at_ms = cause->at_ms;
    d->known_at_ms = cause->known_at_ms;
    d->event_id = cause->event_id;
    return d;
}

// ---- Again --------------------------------------------------------------------------------------

static void take_out(struct router_lead *lead)
{
    router_leads_unready(lead);
    router_leads_uncount(lead);
}

// What the lead would be told with: texts may be equal at two addresses, not every "" is interned.
static bool is_there(const struct router_core *core, const struct router_lead *lead,
                     const struct place *place)
{
    if (place->queue != lead->in || strcmp(place->parked, lead->parked_reason) != 0)
        return false;
    if (place->parked[0] != '\0')
        return true;
    const char *message = router_experiments_message(core, lead, place->message);
    return strcmp(place->motion, lead->motion) == 0 && place->priority == lead->priority &&
           strcmp(message, lead->message) == 0;
}

void router_leads_route_again(struct router_core *core, struct router_lead *lead,
                              const char *reason, const struct cause *cause,
                              struct router_effects *effects)
{
    bool unrouted = router_leads_unrouted(lead);
    if (lead->state != ROUTER_WAITING && !unrouted)
        return;
    const struct account *home = core->accounts[lead->account];
    struct place place = decide_place(core, lead, home, unrouted);
    // What it costs is fixed when somebody gets it.
    int32_t units = units_of(core, home);
    if (lead->rep[0] == '\0' && lead->units != units) {
        lead->units = units;
        router_state_lead_changed(core, lead);
    }
    // Where it overflowed to it stays while the route is the same one.
    bool stays = lead->overflowed && lead->in->rules != NULL && place.parked[0] == '\0' &&
                 strcmp(place.route, lead->route) == 0;
    if (stays || is_there(core, lead, &place)) {
        router_teams_again(core, lead, cause, effects);
        return;
    }
    bool moves = place.queue != lead->in;
    if (moves && !unrouted)
        router_teams_leave(core, lead, true);
    take_out(lead);
    put(core, lead, home, &place);
    router_leads_decide(core, effects, lead, ROUTER_STEP_ROUTED, reason, cause);
    if (moves || lead->state == ROUTER_PARKED)
        router_routes_arrive(core, lead, cause, effects);
    else
        router_teams_again(core, lead, cause, effects); // with its new strength
    if (moves && !unrouted)
        router_teams_fill(core, effects);
}

void router_routes_overflow(struct router_core *core, struct router_lead *lead, enum motion motion,
                            int32_t queue, const char *reason, const struct cause *cause,
                            struct router_effects *effects)
{
    CHECK(lead->state == ROUTER_WAITING);
    const struct account *home = core->accounts[lead->account];
    struct place place = {
        .motion = router_state_intern(core, span_of(motion_name(motion))),
        .route = lead->route,
        .message = lead->message,
        .queue = queue_at(core, queue),
        .priority = lead->priority,
    };
    place.parked = queue == PLAYBOOK_NONE ? place.motion : "";
    const char *why = place.parked[0] == '\0' ? kept_from(core, lead, home, place.motion) : "";
    if (why[0] != '\0')
        keep_out(core, &place, why);
    lead->overflowed = true;
    lead->held_since_ms = 0;
    lead->overflow_at_ms = INT64_MAX;
    take_out(lead);
    put(core, lead, home, &place);
    router_leads_decide(core, effects, lead, ROUTER_STEP_OVERFLOWED, reason, cause);
    router_routes_arrive(core, lead, cause, effects);
}

void router_routes_redrive(struct router_core *core, struct router_lead *lead, struct span by,
                           struct router_effects *effects)
{
    CHECK(lead->state == ROUTER_PARKED && lead->queue[0] != '\0');
    const struct account *home = core->accounts[lead->account];
    struct cause cause = router_leads_now(core);
    struct place place = {lead->motion, lead->route, lead->message, "", lead->in, lead->priority};
    if (lead->in->rules == NULL)
        place = decide_place(core, lead, home, false);
    else if (kept_from(core, lead, home, place.motion)[0] != '\0')
        keep_out(core, &place, kept_from(core, lead, home, place.motion));
    lead->attempts_base = lead->attempts;
    lead->n_delays = 0;
    take_out(lead);
    lead->in = NULL; // it comes anew
    put(core, lead, home, &place);
    router_leads_decide(core, effects, lead, ROUTER_STEP_REDRIVEN, "", &cause)->by =
        arena_dup(&effects->texts, by);
    router_routes_arrive(core, lead, &cause, effects);
}
