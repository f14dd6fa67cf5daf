// SPDX-License-Identifier: Apache-2.0
// links: router_rows router_codec playbook
//
// Random schedules of a team: leads come and go, consumers lease, decline, finish or forget, reps
// join, leave, fill up and come back, operators overrule, playbooks change, the router restarts. A
// model that knows only what was decided and what the playbook says watches the promises:
//   - no cap is ever exceeded, and nobody who is inactive, absent or off hours gets a lead;
//   - every verdict on every candidate is the true one, and the choice follows from the numbers;
//   - no lead waits while somebody could take it;
//   - no lead is held by two consumers, none is lost: in the end every one can be finished;
//   - the bound of fairness holds over every stretch;
//   - a router that restarts after any input decides the same bytes.
//
//   TEST_CASES=100000 TEST_SEED=1 build/tests/unit.router_schedule_test
#include <stdio.h>

#include "services/router/core/state.h"
#include "tests/support/random.h"
#include "tests/support/router_machine.h"

#ifdef __SANITIZE_ADDRESS__
enum { CASES = 150 };
#else
enum { CASES = 1500 };
#endif
enum { OPS = 110, ACCOUNTS = 14, REPS = 5, LEADS = 400, TAKEN = 2000, DRAIN_DAYS = 40 };

static const int64_t MINUTE = 60000, HOUR = 3600000, DAY = 86400000;
static const int64_t START =
    1783324800000; // 2026-07-06T08:00:00Z, a Monday; no clock is shifted till autumn

// ---- What the playbook says, as numbers ---------------------------------------------------------

struct rep_plan {
    bool there; // in the playbook
    int weight, open, per_day, per_period, units;
    int64_t period_ms;
    int takes;                      // 0: always, 1: segment de, 2: not segment de
    bool office;                    // mon-fri 09:00-17:00
    int zone_h;                     // hours ahead of UTC
    int64_t absent_from, absent_to; // 0, 0: never
    bool inactive;
    int64_t away_from, away_to; // by hand
    bool over;                  // he is back from the playbook's absence
    // By hand.
    bool added, removed;
};

struct plan {
    struct rep_plan reps[REPS];
    int64_t wait_ms; // -1: for ever
    int64_t first_touch_ms, remind_ms;
    int reassigns;
    bool owner_only;
    bool small_to_self_serve;
};

static const char BY_HAND[] = "knows them";
static const char *const REP_NAMES[REPS] = {"ann", "ben", "cid", "dee", "eve"};

// ---- The model ----------------------------------------------------------------------------------

enum place { NOWHERE, WAITS, HELD_BY_CONSUMER, ENDED, PARKED };

struct lead_model {
    char id[ROUTER_LEAD_ID_BYTES];
    int account;
    enum place place;
    bool team; // in the team's queue
    int rep;   // -1: nobody
    int64_t assigned_ms, held_ms;
    bool touched, overflowed, delayed;
    int64_t delayed_ms;
    int n_untouched; // times it was taken away for that
    bool had[REPS];
    char token[ROUTER_TOKEN_BYTES], stale[ROUTER_TOKEN_BYTES];
    bool acked;
};

struct taken_model {
    int rep, lead;
    int64_t at_ms;
};

struct world {
    uint64_t seed;
    struct test_random random;
    struct machine plain, twin;
    struct plan plan;
    int64_t now_ms;
    uint64_t position;
    bool qualifies[ACCOUNTS], de[ACCOUNTS], big[ACCOUNTS], small[ACCOUNTS];
    int owner[ACCOUNTS];
    uint32_t episode[ACCOUNTS];
    struct lead_model leads[LEADS];
    int n_leads;
    struct taken_model taken[TAKEN];
    int n_taken;
    // Of each pair, first name first, since both could take every lead: what the first got more,
    // the least and the most of it, and what one was owed, in parts of 1 / (w_i * w_j).
    bool since[REPS][REPS];
    int64_t got[REPS][REPS], low[REPS][REPS], high[REPS][REPS], owed[REPS][REPS];
    uint64_t expected[REPS]; // their counts
    // When a lead was last given or held; `sure`: no count has gone down since.
    bool sure, away[REPS];
    int32_t last_weight[REPS]; // 0: not in the team
    uint64_t last_assigned[REPS];
    struct buf text;
};

static struct world W;

#define FAIL(...)                                                                                  \
    do {                                                                                           \
        char fail_text[4096];                                                                      \
        snprintf(fail_text, sizeof fail_text, __VA_ARGS__);                                        \
        cr_assert(false, "TEST_CASES=1 TEST_SEED=%llu: %s", (unsigned long long)W.seed,            \
                  fail_text);                                                                      \
    } while (0)

static uint64_t below(uint64_t n)
{
    return test_random_below(&W.random, n);
}

static bool chance(unsigned percent)
{
    return below(100) < percent;
}

static int rep_named(const char *name)
{
    for (int i = 0; i < REPS; i++)
        if (strcmp(REP_NAMES[i], name) == 0)
            return i;
    FAIL("there is no rep %s", name);
    return -1;
}

static struct lead_model *lead_named(const char *id)
{
    for (int i = W.n_leads - 1; i >= 0; i--)
        if (strcmp(W.leads[i].id, id) == 0)
            return &W.leads[i];
    return NULL;
}

// ---- Plans and playbooks ------------------------------------------------------------------------

static void random_rep(struct rep_plan *rep)
{
    *rep = (struct rep_plan){.there = true, .weight = 1 + (int)below(4)};
    if (chance(60))
        rep->open = 1 + (int)below(4);
    if (chance(30))
        rep->per_day = 1 + (int)below(3);
    if (chance(25)) {
        rep->per_period = 1 + (int)below(5);
        rep->period_ms = (1 + (int64_t)below(72)) * HOUR;
    }
    if (chance(20))
        rep->units = 2 + (int)below(6);
    if (chance(25))
        rep->takes = 1 + (int)below(2);
    rep->office = chance(30);
    rep->zone_h = chance(30) ? 2 : 0;
    rep->inactive = chance(5);
    if (chance(25)) {
        rep->absent_from = START + (int64_t)below(10) * 6 * HOUR;
        rep->absent_to = rep->absent_from + (1 + (int64_t)below(12)) * 6 * HOUR;
    }
}

static void random_plan(struct plan *plan)
{
    *plan = (struct plan){.wait_ms = -1};
    size_t n = 1 + below(REPS);
    for (size_t i = 0; i < n; i++)
        random_rep(&plan->reps[i]);
    if (chance(50))
        plan->wait_ms = (10 + (int64_t)below(300)) * MINUTE;
    if (chance(60)) {
        plan->first_touch_ms = (30 + (int64_t)below(240)) * MINUTE;
        plan->reassigns = (int)below(3);
        if (chance(50))
            plan->remind_ms = plan->first_touch_ms / 2;
    }
    plan->owner_only = chance(20);
    plan->small_to_self_serve = chance(50);
}

static void instant(struct buf *out, int64_t ms)
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    char text[40];
    gmtime_r(&s, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    buf_append_text(out, text);
}

static void write_rep(struct buf *out, const char *name, const struct rep_plan *rep)
{
    static const char *const TAKES[] = {"", ", takes: {segment: de}",
                                        ", takes: {not: {segment: de}}"};
    buf_printf(out, "      %s: {weight: %d%s", name, rep->weight, TAKES[rep->takes]);
    if (rep->office)
        buf_append_text(out, ", hours: \"09:00-17:00\"");
    if (rep->zone_h != 0)
        buf_append_text(out, ", zone: Europe/Berlin");
    if (rep->inactive)
        buf_append_text(out, ", inactive: true");
    if (rep->absent_to != 0) {
        buf_append_text(out, ", absent: [{from: \"");
        instant(out, rep->absent_from);
        buf_append_text(out, "\", to: \"");
        instant(out, rep->absent_to);
        buf_append_text(out, "\"}]");
    }
    bool any = rep->open || rep->per_day || rep->per_period || rep->units;
    const char *comma = "";
    if (any)
        buf_append_text(out, ", caps: {");
    if (rep->open) {
        buf_printf(out, "open: %d", rep->open);
        comma = ", ";
    }
    if (rep->per_day) {
        buf_printf(out, "%sper_day: %d", comma, rep->per_day);
        comma = ", ";
    }
    if (rep->per_period) {
        buf_printf(out, "%sper_period: {at_most: %d, within: %lldh}", comma, rep->per_period,
                   (long long)(rep->period_ms / HOUR));
        comma = ", ";
    }
    if (rep->units)
        buf_printf(out, "%sunits: %d", comma, rep->units);
    buf_append_text(out, any ? "}}\n" : "}\n");
}

static struct playbook *write_playbook(const struct plan *plan)
{
    struct buf *out = &W.text;
    buf_clear(out);
    buf_append_text(out, "playbook: schedule\n"
                         "version: 1\n"
                         "measures:\n"
                         "  projects: {count: Project Created}\n"
                         "  paid: {count: Paid, per: account}\n"
                         "signals:\n"
                         "  ready: {projects: {at_least: 3}}\n"
                         "segments:\n"
                         "  de: {account.country: {is: DE}}\n"
                         "  big: {account.employees: {at_least: 1000}}\n"
                         "  small: {account.employees: {below: 10}}\n"
                         "qualify: {pql: ready}\n"
                         "lifecycle:\n"
                         "  customer: {paid: {at_least: 1}}\n"
                         "effort:\n"
                         "  - {when: {segment: big}, units: 2}\n"
                         "route:\n");
    if (plan->small_to_self_serve)
        buf_append_text(out, "  - {when: {segment: small}, motion: self_serve}\n");
    buf_append_text(out, "  - {when: {segment: big}, motion: sales, priority: 50}\n"
                         "  - {when: always, motion: sales, priority: 10}\n"
                         "queues:\n"
                         "  sales: {lease: 20m, attempts: 100}\n"
                         "  self_serve: {lease: 20m, attempts: 100}\n"
                         "teams:\n"
                         "  inside:\n"
                         "    queue: sales\n");
    if (plan->wait_ms >= 0)
        buf_printf(out, "    full: {wait: %lldm, then: self_serve, working_time: false}\n",
                   (long long)(plan->wait_ms / MINUTE));
    if (plan->owner_only)
        buf_append_text(out, "    owner: wait\n");
    if (plan->first_touch_ms > 0) {
        buf_printf(out, "    sla: {first_touch: %lldm, reassign: %d, working_time: false",
                   (long long)(plan->first_touch_ms / MINUTE), plan->reassigns);
        if (plan->remind_ms > 0)
            buf_printf(out, ", remind: %lldm", (long long)(plan->remind_ms / MINUTE));
        buf_append_text(out, "}\n");
    }
    buf_append_text(out, "    reps:\n");
    for (int i = 0; i < REPS; i++)
        if (plan->reps[i].there)
            write_rep(out, REP_NAMES[i], &plan->reps[i]);
    struct playbook *playbook;
    struct buf report = {0};
    if (getenv("TRACE") != NULL)
        fprintf(stderr, "%.*s\n", (int)out->len, (const char *)out->bytes);
    if (playbook_load("schedule.yaml", buf_span(out), &playbook, &report) != ERR_OK)
        FAIL("%.*s\n%.*s", (int)report.len, (const char *)report.bytes, (int)out->len,
             (const char *)out->bytes);
    buf_deinit(&report);
    return playbook;
}

// ---- Who could take a lead, from scratch --------------------------------------------------------

static bool works(const struct rep_plan *rep, int64_t at_ms)
{
    if (!rep->office)
        return true;
    int64_t local = at_ms + rep->zone_h * HOUR;
    int64_t day = local / DAY, minute = local % DAY / MINUTE;
    bool weekend = (day + 3) % 7 >= 5; // 1970-01-01 was a Thursday
    return !weekend && minute >= 9 * 60 && minute < 17 * 60;
}

static bool is_absent(const struct rep_plan *rep, int64_t at_ms)
{
    return (!rep->over && at_ms >= rep->absent_from && at_ms < rep->absent_to) ||
           (at_ms >= rep->away_from && at_ms < rep->away_to);
}

static bool is_there(const struct rep_plan *rep, int64_t at_ms)
{
    return !rep->inactive && !rep->removed && !is_absent(rep, at_ms) && works(rep, at_ms);
}

static bool known_rep(int rep)
{
    return (W.plan.reps[rep].there || W.plan.reps[rep].added) && !W.plan.reps[rep].removed;
}

// -1: nobody who is in the team.
static int owner_of(const struct lead_model *lead)
{
    int owner = W.owner[lead->account];
    return owner >= 0 && known_rep(owner) ? owner : -1;
}

// What it costs is the router's word: rules of effort are tested elsewhere.
static int units_of(const struct lead_model *lead)
{
    return router_state_lead_find(W.plain.core, span_of(lead->id))->units;
}

static void count_rep(int rep, int64_t at_ms, int *open, int *today, int *period, int *units)
{
    const struct rep_plan *plan = &W.plan.reps[rep];
    *open = *today = *period = *units = 0;
    for (int i = 0; i < W.n_leads; i++) {
        const struct lead_model *lead = &W.leads[i];
        if (lead->rep != rep || lead->place == ENDED || lead->place == PARKED)
            continue;
        ++*open;
        *units += units_of(lead);
    }
    for (int i = 0; i < W.n_taken; i++) {
        if (W.taken[i].rep != rep)
            continue;
        int64_t shift = plan->zone_h * HOUR;
        *today += (W.taken[i].at_ms + shift) / DAY == (at_ms + shift) / DAY;
        *period += plan->per_period > 0 && W.taken[i].at_ms > at_ms - plan->period_ms;
    }
}

// CHOSEN: could take it. The owner of an account takes its leads whatever else he takes.
static enum router_verdict verdict_on(int rep, const struct lead_model *lead, int64_t at_ms)
{
    const struct rep_plan *plan = &W.plan.reps[rep];
    int open, today, period, units;
    if (plan->inactive || plan->removed)
        return ROUTER_INACTIVE;
    if (is_absent(plan, at_ms))
        return ROUTER_ABSENT;
    if (!works(plan, at_ms))
        return ROUTER_OFF_HOURS;
    bool de = W.de[lead->account];
    bool takes = plan->takes == 0 || (plan->takes == 1) == de;
    if (!takes && (owner_of(lead) != rep || lead->had[rep]))
        return ROUTER_TAKES_NOT;
    if (lead->had[rep])
        return ROUTER_HAD_IT;
    count_rep(rep, at_ms, &open, &today, &period, &units);
    if (plan->open > 0 && open >= plan->open)
        return ROUTER_FULL_OPEN;
    if (plan->per_day > 0 && today >= plan->per_day)
        return ROUTER_FULL_DAY;
    if (plan->per_period > 0 && period >= plan->per_period)
        return ROUTER_FULL_PERIOD;
    if (plan->units > 0 && units + units_of(lead) > plan->units)
        return ROUTER_FULL_UNITS;
    return ROUTER_CHOSEN;
}

// ---- Fairness -----------------------------------------------------------------------------------
//
// Of two reps of the same `takes` who both can take leads, what they get differs, in relation to
// their weights, by no more than one lead each and what one of them was owed when the stretch began
// (credits returned, leads that only the other could take). And who comes back is owed nothing.

static void fair_forget(int rep)
{
    for (int i = 0; i < REPS; i++)
        W.since[rep][i] = W.since[i][rep] = false;
}

static void fair_forget_all(void)
{
    W.sure = false;
    for (int i = 0; i < REPS; i++)
        fair_forget(i);
}

static const struct router_candidate *candidate_of(const struct router_decision *d, int rep)
{
    for (size_t i = 0; i < d->n_candidates; i++)
        if (strcmp(d->candidates[i].rep, REP_NAMES[rep]) == 0)
            return &d->candidates[i];
    return NULL;
}

// What `a` has more than `b`, in parts of one lead / (weight of a * weight of b).
static int64_t fair_ahead(const struct router_decision *d, int a, int b)
{
    const struct router_candidate *x = candidate_of(d, a), *y = candidate_of(d, b);
    return (int64_t)(x->assigned * (uint64_t)y->weight) -
           (int64_t)(y->assigned * (uint64_t)x->weight);
}

// Somebody whose count is another than what he got was away in between.
static void fair_expect(const struct router_decision *d, int chosen)
{
    for (int i = 0; i < REPS; i++) {
        const struct router_candidate *c = candidate_of(d, i);
        if (c == NULL || c->assigned != W.expected[i])
            fair_forget(i);
        W.expected[i] = c == NULL ? 0 : c->assigned + (i == chosen);
    }
}

static void fair_pair(const struct router_decision *d, int chosen, int other)
{
    int a = chosen < other ? chosen : other, b = chosen < other ? other : chosen;
    int64_t w = candidate_of(d, a)->weight, v = candidate_of(d, b)->weight;
    if (!W.since[a][b]) {
        W.since[a][b] = true;
        int64_t ahead = fair_ahead(d, a, b);
        W.owed[a][b] = ahead < 0 ? -ahead : ahead;
        W.got[a][b] = W.low[a][b] = W.high[a][b] = 0;
    }
    W.got[a][b] += chosen == a ? v : -w;
    if (W.got[a][b] < W.low[a][b])
        W.low[a][b] = W.got[a][b];
    if (W.got[a][b] > W.high[a][b])
        W.high[a][b] = W.got[a][b];
    if (W.high[a][b] - W.low[a][b] > w + v + W.owed[a][b])
        FAIL("%s and %s are further apart than the bound", REP_NAMES[a], REP_NAMES[b]);
}

// `able`: who could take it; the choice was by the count.
static void fair_assigned(const struct router_decision *d, const bool *able, int chosen)
{
    fair_expect(d, chosen);
    for (int i = 0; i < REPS; i++)
        if (!able[i])
            fair_forget(i);
    for (int i = 0; i < REPS; i++)
        if (i != chosen && able[i] && W.plan.reps[i].takes == W.plan.reps[chosen].takes)
            fair_pair(d, chosen, i);
}

// Whether he could take no lead at all, whatever it is.
static bool is_away(int rep, int64_t at_ms)
{
    const struct rep_plan *plan = &W.plan.reps[rep];
    int open, today, period, units;
    count_rep(rep, at_ms, &open, &today, &period, &units);
    return !is_there(plan, at_ms) || (plan->open > 0 && open >= plan->open) ||
           (plan->per_day > 0 && today >= plan->per_day) ||
           (plan->per_period > 0 && period >= plan->per_period) ||
           (plan->units > 0 && units >= plan->units);
}

// Whoever was away when a lead was last given, and is there now, stands no lower than the lowest of
// those who were there then stood then: nobody's count has gone down since.
static void fair_returns(const struct router_decision *d, const bool *able)
{
    for (int i = 0; i < REPS; i++) {
        const struct router_candidate *c = candidate_of(d, i);
        bool judged = false, low = true;
        for (int k = 0; k < REPS && able[i] && W.away[i] && W.sure; k++) {
            if (k == i || W.away[k] || W.last_weight[k] == 0 ||
                W.plan.reps[k].takes != W.plan.reps[i].takes)
                continue;
            judged = true;
            low = low && c->assigned * (uint64_t)W.last_weight[k] <
                             W.last_assigned[k] * (uint64_t)c->weight;
        }
        if (judged && low)
            FAIL("%s comes back and is behind everybody", REP_NAMES[i]);
    }
    W.sure = true;
    for (int i = 0; i < REPS; i++) {
        const struct router_candidate *c = candidate_of(d, i);
        W.away[i] = is_away(i, d->at_ms);
        W.last_weight[i] = c == NULL ? 0 : c->weight;
        W.last_assigned[i] = c == NULL ? 0 : c->assigned;
    }
}

// ---- Decisions ----------------------------------------------------------------------------------

static void check_candidates(const struct router_decision *d, const struct lead_model *lead,
                             bool *able)
{
    bool seen[REPS] = {false};
    for (size_t i = 0; i < d->n_candidates; i++) {
        const struct router_candidate *c = &d->candidates[i];
        int rep = rep_named(c->rep);
        enum router_verdict truth = verdict_on(rep, lead, d->at_ms);
        seen[rep] = true;
        bool could = c->verdict == ROUTER_CHOSEN || c->verdict == ROUTER_BEHIND;
        bool special = c->verdict == ROUTER_OWNER || c->verdict == ROUTER_BY_HAND ||
                       c->verdict == ROUTER_NOT_OWNER;
        if (!special && could != (truth == ROUTER_CHOSEN))
            FAIL("%s: the verdict on %s is %d, the truth %d", d->lead_id, c->rep, (int)c->verdict,
                 (int)truth);
        if (!special && !could && c->verdict != truth)
            FAIL("%s: %s is passed over for %d, the truth is %d", d->lead_id, c->rep,
                 (int)c->verdict, (int)truth);
        if (c->verdict == ROUTER_OWNER && truth != ROUTER_CHOSEN && truth != ROUTER_TAKES_NOT)
            FAIL("%s: the owner %s cannot take it (%d)", d->lead_id, c->rep, (int)truth);
        able[rep] = truth == ROUTER_CHOSEN;
    }
    fair_returns(d, able);
    for (int i = 0; i < REPS; i++)
        if (known_rep(i) && !seen[i])
            FAIL("%s: nothing is said of %s", d->lead_id, REP_NAMES[i]);
}

static void check_choice(const struct router_decision *d, int rep, const bool *able)
{
    const struct router_candidate *chosen = NULL;
    for (size_t i = 0; i < d->n_candidates; i++)
        if (rep_named(d->candidates[i].rep) == rep)
            chosen = &d->candidates[i];
    if (chosen == NULL)
        FAIL("%s: nothing is said of the rep who got it", d->lead_id);
    if (chosen->verdict != ROUTER_CHOSEN) {
        fair_forget_all();
        return;
    }
    if (!able[rep])
        FAIL("%s goes to %s, who cannot take it", d->lead_id, d->rep);
    for (size_t i = 0; i < d->n_candidates; i++) {
        const struct router_candidate *c = &d->candidates[i];
        if (c->verdict == ROUTER_BEHIND &&
            c->assigned * (uint64_t)chosen->weight < chosen->assigned * (uint64_t)c->weight)
            FAIL("%s goes to %s, but %s has less", d->lead_id, d->rep, c->rep);
    }
    fair_assigned(d, able, rep);
}

static void on_assigned(const struct router_decision *d, struct lead_model *lead)
{
    bool able[REPS] = {false};
    int rep = rep_named(d->rep);
    if (lead->rep >= 0)
        FAIL("%s is assigned twice", d->lead_id);
    if (lead->place != WAITS)
        FAIL("%s is assigned, but does not wait", d->lead_id);
    if (W.plan.reps[rep].inactive || !known_rep(rep))
        FAIL("%s goes to %s, who is not active", d->lead_id, d->rep);
    check_candidates(d, lead, able);
    check_choice(d, rep, able);
    lead->rep = rep;
    lead->team = true;
    lead->assigned_ms = d->at_ms;
    lead->held_ms = -1;
    cr_assert(W.n_taken < TAKEN);
    W.taken[W.n_taken++] = (struct taken_model){rep, (int)(lead - W.leads), d->at_ms};
}

// As if its rep had not got it.
static void credit(struct lead_model *lead)
{
    int last = -1;
    for (int i = 0; i < W.n_taken; i++)
        if (W.taken[i].rep == lead->rep && W.taken[i].lead == (int)(lead - W.leads) &&
            (last < 0 || W.taken[i].at_ms >= W.taken[last].at_ms))
            last = i;
    if (last >= 0)
        W.taken[last] = W.taken[--W.n_taken];
    fair_forget(lead->rep); // his count goes down
    W.sure = false;
    lead->rep = -1;
}

static void on_routed(const struct router_decision *d, struct lead_model *lead)
{
    bool team = strcmp(d->queue, "sales") == 0;
    if (team == lead->team)
        return;
    if (lead->rep >= 0)
        credit(lead);
    lead->team = team;
    lead->held_ms = -1;
}

static void on_unassigned(const struct router_decision *d, struct lead_model *lead)
{
    int rep = lead->rep;
    if (rep < 0)
        FAIL("%s is taken from nobody", d->lead_id);
    if (strcmp(d->reason, "not touched in time") == 0) {
        if (lead->touched)
            FAIL("%s was touched, and is taken away", d->lead_id);
        if (d->at_ms < lead->assigned_ms + W.plan.first_touch_ms)
            FAIL("%s is taken away too early", d->lead_id);
        lead->n_untouched++;
    }
    // What is taken from somebody for what he did with it, or by hand, does not come back to him.
    if (strcmp(d->reason, "not touched in time") == 0 || strcmp(d->reason, "declined") == 0 ||
        strcmp(d->reason, BY_HAND) == 0)
        lead->had[rep] = true;
    credit(lead);
    if (lead->place == HELD_BY_CONSUMER) {
        memcpy(lead->stale, lead->token, sizeof lead->stale);
        lead->acked = false;
    }
    lead->place = WAITS;
}

static void on_held(const struct router_decision *d, struct lead_model *lead)
{
    bool able[REPS] = {false};
    if (lead->rep >= 0)
        FAIL("%s is held, but has a rep", d->lead_id);
    check_candidates(d, lead, able);
    bool owner_waits = W.plan.owner_only && owner_of(lead) >= 0;
    for (int i = 0; i < REPS && !owner_waits; i++)
        if (able[i])
            FAIL("%s is held, but %s could take it", d->lead_id, REP_NAMES[i]);
    lead->team = true;
    lead->held_ms = d->at_ms;
}

static void ended(struct lead_model *lead, enum place place)
{
    lead->place = place;
    lead->rep = place == ENDED ? lead->rep : -1;
    lead->held_ms = -1;
}

static void on_created(const struct router_decision *d)
{
    cr_assert(W.n_leads < LEADS);
    if (lead_named(d->lead_id) != NULL)
        FAIL("%s is made twice", d->lead_id);
    struct lead_model *lead = &W.leads[W.n_leads++];
    *lead = (struct lead_model){.rep = -1, .held_ms = -1, .place = WAITS};
    snprintf(lead->id, sizeof lead->id, "%s", d->lead_id);
    lead->account = (int)strtol((const char *)d->account.ptr + 1, NULL, 10);
    lead->team = strcmp(d->queue, "sales") == 0;
}

static void on_lead(const struct router_decision *d)
{
    if (d->step == ROUTER_STEP_CREATED) {
        on_created(d);
        return;
    }
    struct lead_model *lead = lead_named(d->lead_id);
    if (lead == NULL)
        FAIL("%s was never made", d->lead_id);
    if (lead->place == ENDED)
        FAIL("%s has ended, and step %d follows", d->lead_id, (int)d->step);
    switch (d->step) {
    case ROUTER_STEP_ASSIGNED:
        on_assigned(d, lead);
        break;
    case ROUTER_STEP_UNASSIGNED:
        on_unassigned(d, lead);
        break;
    case ROUTER_STEP_HELD:
        on_held(d, lead);
        break;
    case ROUTER_STEP_OVERFLOWED:
        if (lead->held_ms < 0 || lead->overflowed || W.plan.wait_ms < 0)
            FAIL("%s overflows, but does not wait for a rep", d->lead_id);
        if (d->at_ms < lead->held_ms + W.plan.wait_ms)
            FAIL("%s overflows too early", d->lead_id);
        lead->overflowed = true;
        lead->team = false;
        lead->held_ms = -1;
        break;
    case ROUTER_STEP_ROUTED:
        on_routed(d, lead);
        break;
    case ROUTER_STEP_LEASED:
        if (lead->place != WAITS || (lead->team && lead->rep < 0))
            FAIL("%s is handed out, but does not wait for that", d->lead_id);
        lead->place = HELD_BY_CONSUMER;
        break;
    case ROUTER_STEP_ACKED:
        lead->touched = lead->acked = true;
        break;
    case ROUTER_STEP_RELEASED:
    case ROUTER_STEP_EXPIRED:
        if (lead->place != HELD_BY_CONSUMER || lead->acked)
            FAIL("%s comes back, but nobody held it", d->lead_id);
        lead->place = WAITS;
        memcpy(lead->stale, lead->token, sizeof lead->stale);
        break;
    case ROUTER_STEP_COMPLETED:
        lead->touched = true;
        ended(lead, ENDED);
        break;
    case ROUTER_STEP_WITHDRAWN:
        ended(lead, ENDED);
        break;
    case ROUTER_STEP_PARKED:
        ended(lead, PARKED);
        break;
    case ROUTER_STEP_REDRIVEN:
        lead->place = WAITS;
        break;
    case ROUTER_STEP_DELAYED:
        lead->delayed_ms = d->due_ms;
        break;
    case ROUTER_STEP_REMINDED:
        if (lead->touched || lead->rep < 0)
            FAIL("%s: a reminder for nothing", d->lead_id);
        break;
    case ROUTER_STEP_CREATED:
    case ROUTER_STEP_CONTACT_ADDED:
    case ROUTER_STEP_EXTENDED:
    case ROUTER_STEP_NOTED:
    case ROUTER_STEP_ESCALATED:
    case ROUTER_STEP_MOVED:
        break;
    }
}

// With TRACE set: what was decided, for whoever looks for a fault.
static void trace(const struct router_decision *d)
{
    if (getenv("TRACE") == NULL)
        return;
    if (d->kind == ROUTER_DECISION_SIGNAL)
        fprintf(stderr, "+%lld min signal %.*s %.*s=%d %.*s\n",
                (long long)((W.now_ms - START) / MINUTE), (int)d->signal->account.len,
                (const char *)d->signal->account.ptr, (int)d->signal->name.len,
                (const char *)d->signal->name.ptr, d->signal->value, (int)d->signal->label.len,
                (const char *)d->signal->label.ptr);
    if (d->kind == ROUTER_DECISION_REP)
        fprintf(stderr, "+%lld min rep %s: %s\n", (long long)((W.now_ms - START) / MINUTE), d->rep,
                d->change);
    if (d->kind != ROUTER_DECISION_LEAD)
        return;
    fprintf(stderr, "+%lld min step %d of %s %.*s: queue %s rep %s reason %s consumer %s",
            (long long)((d->at_ms - START) / MINUTE), (int)d->step, d->lead_id, (int)d->account.len,
            (const char *)d->account.ptr, d->queue, d->rep, d->reason, d->consumer);
    for (size_t i = 0; i < d->n_candidates; i++)
        fprintf(stderr, " [%s %d: %llu/%d open %u today %u period %u units %d]",
                d->candidates[i].rep, (int)d->candidates[i].verdict,
                (unsigned long long)d->candidates[i].assigned, (int)d->candidates[i].weight,
                d->candidates[i].open, d->candidates[i].today, d->candidates[i].period,
                d->candidates[i].units);
    fprintf(stderr, "\n");
}

static void after_input(void)
{
    for (size_t i = 0; i < W.plain.effects.n; i++)
        trace(&W.plain.effects.items[i]);
    for (size_t i = 0; i < W.plain.effects.n; i++)
        if (W.plain.effects.items[i].kind == ROUTER_DECISION_LEAD)
            on_lead(&W.plain.effects.items[i]);
    machine_note(&W.plain);
    machine_note(&W.twin);
    if (!span_eq(buf_span(&W.plain.decisions), buf_span(&W.twin.decisions)))
        FAIL("the router that was restarted decides otherwise");
    buf_clear(&W.plain.decisions);
    buf_clear(&W.twin.decisions);
    // Nobody waits for what could be had, or longer than was said.
    for (int i = 0; i < W.n_leads; i++) {
        const struct lead_model *lead = &W.leads[i];
        if (lead->place != WAITS || !lead->team || lead->rep >= 0)
            continue;
        bool owner_waits = W.plan.owner_only && owner_of(lead) >= 0;
        for (int rep = 0; rep < REPS && !owner_waits; rep++)
            if (known_rep(rep) && verdict_on(rep, lead, W.now_ms) == ROUTER_CHOSEN)
                FAIL("%s waits, and %s could take it", lead->id, REP_NAMES[rep]);
        if (W.plan.wait_ms >= 0 && !lead->overflowed && lead->held_ms >= 0 &&
            W.now_ms >= lead->held_ms + W.plan.wait_ms)
            FAIL("%s waits too long", lead->id);
    }
}

// Both machines get the same; `call` names the core and its effects as `core`, `effects`.
#define BOTH(call)                                                                                 \
    do {                                                                                           \
        struct machine *both[] = {&W.plain, &W.twin};                                              \
        for (int both_i = 0; both_i < 2; both_i++) {                                               \
            struct router_core *core = both[both_i]->core;                                         \
            struct router_effects *effects = &both[both_i]->effects;                               \
            call;                                                                                  \
        }                                                                                          \
    } while (0)

// ---- Inputs -------------------------------------------------------------------------------------

static void send(int account, const char *user, const char *name, bool value, const char *label)
{
    static char id[16]; // what was decided tells of it later
    static struct router_signal s;
    snprintf(id, sizeof id, "a%d", account);
    s = (struct router_signal){
        .position = ++W.position,
        .index = 1,
        .name = span_of(name),
        .value = value,
        .account = span_of(id),
        .user = span_of(user),
        .at_ms = W.now_ms,
        .known_at_ms = W.now_ms,
        .event_id = span_of("e"),
        .playbook = span_of("schedule@1"),
        .episode = W.episode[account],
        .label = span_of(label),
    };
    BOTH(router_core_signals(core, 0, &s, 1, effects));
}

static void op_qualify(void)
{
    int account = (int)below(ACCOUNTS);
    if (W.qualifies[account] || W.n_leads > LEADS - 10)
        return;
    W.qualifies[account] = true;
    W.episode[account]++;
    send(account, "u", "qualify.pql", true, "");
}

static void op_leave(void)
{
    int account = (int)below(ACCOUNTS);
    if (!W.qualifies[account])
        return;
    W.qualifies[account] = false;
    send(account, "u", "qualify.pql", false, "");
}

static void op_customer(void)
{
    int account = (int)below(ACCOUNTS);
    send(account, "", "stage.customer", true, "");
    after_input();
    send(account, "", "stage.customer", false, "");
}

// Segments rule routes, priorities, efforts and who takes what.
static void op_segment(void)
{
    int account = (int)below(ACCOUNTS);
    switch (below(3)) {
    case 0:
        W.de[account] = !W.de[account];
        send(account, "", "segment.de", W.de[account], "");
        break;
    case 1:
        W.big[account] = !W.big[account];
        send(account, "", "segment.big", W.big[account], "");
        break;
    default:
        W.small[account] = !W.small[account];
        send(account, "", "segment.small", W.small[account], "");
    }
}

static void op_owner(void)
{
    int account = (int)below(ACCOUNTS);
    W.owner[account] = chance(50) ? -1 : (int)below(REPS);
    int owner = W.owner[account];
    send(account, "", "fact.account.owner", owner >= 0, owner >= 0 ? REP_NAMES[owner] : "");
}

static void op_tick(void)
{
    static const int64_t UP_TO[] = {5 * 60000, 3600000, 6 * 3600000, 30 * 3600000};
    W.now_ms += 1 + (int64_t)below((uint64_t)UP_TO[below(ARRAY_LEN(UP_TO))]);
    BOTH(router_core_tick(core, W.now_ms, effects));
}

static void take_lease(const struct router_lead *got, const char *consumer)
{
    struct lead_model *lead = lead_named(got->id);
    if (lead == NULL)
        FAIL("%s was never made", got->id);
    if (lead->team && strcmp(consumer, "crm") != 0 && known_rep(rep_named(consumer)) &&
        strcmp(got->rep, consumer) != 0)
        FAIL("%s is not for %s", got->id, consumer);
    router_lead_token(got, lead->token);
    lead->acked = false;
}

static void op_lease(void)
{
    const char *consumer = chance(70) ? REP_NAMES[below(REPS)] : "crm";
    struct router_lease request = {
        .queue = span_of(chance(80) ? "sales" : "self_serve"),
        .consumer = span_of(consumer),
        .max = 1 + (uint32_t)below(3),
    };
    const struct router_lead *out[2][ROUTER_LEASE_LEADS_MAX];
    size_t n[2] = {0, 0};
    int side = 0;
    BOTH({
        enum err err =
            router_core_lease(core, W.now_ms, &request, out[side], &n[side], effects, NULL);
        cr_assert_eq(err, ERR_OK);
        side++;
    });
    if (n[0] != n[1])
        FAIL("the router that was restarted hands out other leads");
    after_input();
    for (size_t i = 0; i < n[0]; i++)
        take_lease(out[0][i], consumer);
}

static struct lead_model *any_lead(enum place place)
{
    if (W.n_leads == 0)
        return NULL;
    int from = (int)below((uint64_t)W.n_leads);
    for (int i = 0; i < W.n_leads; i++) {
        struct lead_model *lead = &W.leads[(from + i) % W.n_leads];
        if (lead->place == place)
            return lead;
    }
    return NULL;
}

static void finish(struct lead_model *lead, int how)
{
    static const char *const OUTCOMES[] = {"accepted", "rejected", "meeting", "won", "lost"};
    const struct router_lead *out;
    struct span id = span_of(lead->id), token = span_of(lead->token);
    const char *outcome = OUTCOMES[below(ARRAY_LEN(OUTCOMES))];
    const char *reason = chance(50) ? "declined" : "later";
    int64_t delay_ms = chance(30) ? (int64_t)below(5) * HOUR : 0;
    BOTH({
        enum err err = ERR_OK;
        if (how == 0)
            err = router_core_ack(core, W.now_ms, id, token, &out, effects, NULL);
        else if (how == 1)
            err = router_core_complete(core, W.now_ms, id, token, span_of(outcome), &out, effects,
                                       NULL);
        else if (how == 2)
            err = router_core_release(core, W.now_ms, id, token, span_of(reason), delay_ms, &out,
                                      effects, NULL);
        else
            err = router_core_extend(core, W.now_ms, id, token, HOUR, &out, effects, NULL);
        if (err != ERR_OK && err != ERR_CONFLICT)
            FAIL("%s: the answer is %s", lead->id, err_name(err));
    });
}

static void op_work(void)
{
    struct lead_model *lead = any_lead(HELD_BY_CONSUMER);
    if (lead != NULL)
        finish(lead, (int)below(4));
}

// With the token of a lease that is over: refused, or without effect.
static void op_stale(void)
{
    struct lead_model *lead = any_lead(chance(50) ? WAITS : HELD_BY_CONSUMER);
    if (lead == NULL || lead->stale[0] == '\0' ||
        (lead->place == HELD_BY_CONSUMER && strcmp(lead->stale, lead->token) == 0))
        return;
    const struct router_lead *out;
    BOTH({
        enum err err = router_core_ack(core, W.now_ms, span_of(lead->id), span_of(lead->stale),
                                       &out, effects, NULL);
        if (err != ERR_CONFLICT)
            FAIL("%s: a stale token is good", lead->id);
    });
}

static void op_park(void)
{
    struct lead_model *lead = any_lead(chance(50) ? WAITS : HELD_BY_CONSUMER);
    const struct router_lead *out;
    if (lead == NULL || !chance(30))
        return;
    BOTH({
        enum err err = router_core_park(core, W.now_ms, span_of(lead->id), span_of(""),
                                        span_of("later"), span_of("op"), &out, effects, NULL);
        cr_assert(err == ERR_OK || err == ERR_CONFLICT);
    });
}

static void op_redrive(void)
{
    struct lead_model *lead = any_lead(PARKED);
    size_t n;
    if (lead == NULL)
        return;
    BOTH({
        enum err err = router_core_redrive(core, W.now_ms, span_of(lead->id), span_of(""),
                                           span_of("op"), &n, effects, NULL);
        cr_assert(err == ERR_OK || err == ERR_CONFLICT);
    });
}

static void op_assign(void)
{
    struct lead_model *lead = any_lead(chance(50) ? WAITS : HELD_BY_CONSUMER);
    int rep = (int)below(REPS);
    const struct router_lead *out;
    if (lead == NULL || !known_rep(rep))
        return;
    BOTH({
        enum err err =
            router_core_assign(core, W.now_ms, span_of(lead->id), span_of(REP_NAMES[rep]),
                               span_of("op"), span_of(BY_HAND), &out, effects, NULL);
        cr_assert(err == ERR_OK || err == ERR_CONFLICT || err == ERR_INVALID);
    });
}

static void change(struct router_rep_change *c, int rep)
{
    W.sure = false;
    c->team = span_of("inside");
    c->rep = span_of(REP_NAMES[rep]);
    static struct err_info info;
    BOTH({
        enum err err = router_core_change_rep(core, W.now_ms, c, effects, &info);
        if (err != ERR_OK)
            FAIL("a change of %s is refused: %s", REP_NAMES[rep], info.text);
    });
}

static void op_change(void)
{
    int rep = (int)below(REPS);
    struct rep_plan *plan = &W.plan.reps[rep];
    struct router_rep_change c = {0};
    if (!known_rep(rep)) {
        if (plan->there || plan->removed)
            return;
        *plan = (struct rep_plan){.added = true, .weight = 1};
        c.add = true;
        fair_forget(rep);
        change(&c, rep);
        return;
    }
    switch (below(6)) {
    case 0:
        c.set_absent = true;
        c.absent_from_ms = W.now_ms;
        c.absent_until_ms = W.now_ms + (1 + (int64_t)below(40)) * HOUR;
        plan->over = false;
        plan->away_from = c.absent_from_ms;
        plan->away_to = c.absent_until_ms;
        break;
    case 1:
        c.set_absent = true;
        plan->away_from = plan->away_to = 0;
        plan->over = plan->absent_from <= W.now_ms && W.now_ms < plan->absent_to;
        break;
    case 2:
        c.set_open = true;
        c.open = plan->open = (int)below(5);
        break;
    case 3:
        c.set_per_day = true;
        c.per_day = plan->per_day = (int)below(4);
        break;
    case 4:
        c.set_weight = true;
        c.weight = plan->weight = 1 + (int)below(4);
        fair_forget(rep);
        break;
    default:
        c.set_active = true;
        c.active = plan->inactive;
        plan->inactive = !plan->inactive;
    }
    change(&c, rep);
}

static void op_remove(void)
{
    int rep = (int)below(REPS);
    struct router_rep_change c = {.remove = true};
    if (!known_rep(rep) || !chance(15))
        return;
    W.plan.reps[rep].removed = true;
    fair_forget(rep);
    change(&c, rep);
}

static void op_restart(void)
{
    machine_restart(&W.twin);
}

struct op {
    void (*run)(void);
    unsigned weight;
};
static const struct op TABLE[] = {
    {op_qualify, 26}, {op_leave, 4},  {op_customer, 1}, {op_segment, 5}, {op_owner, 3},
    {op_tick, 18},    {op_lease, 16}, {op_work, 14},    {op_stale, 2},   {op_park, 2},
    {op_redrive, 2},  {op_assign, 2}, {op_change, 4},   {op_remove, 1},  {op_restart, 3},
};

static void run_op(void)
{
    unsigned total = 0;
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++)
        total += TABLE[i].weight;
    uint64_t at = below(total);
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        if (at < TABLE[i].weight) {
            TABLE[i].run();
            break;
        }
        at -= TABLE[i].weight;
    }
    after_input();
}

// ---- The end: everything can be finished --------------------------------------------------------

static bool nobody_ever(const struct lead_model *lead)
{
    for (int rep = 0; rep < REPS; rep++) {
        const struct rep_plan *plan = &W.plan.reps[rep];
        bool de = W.de[lead->account];
        bool takes = plan->takes == 0 || (plan->takes == 1) == de;
        bool room = plan->units == 0 || plan->units >= units_of(lead);
        if (known_rep(rep) && !plan->inactive && takes && room && !lead->had[rep])
            return false;
    }
    return true;
}

static void drain(void)
{
    const struct router_lead *out[2][ROUTER_LEASE_LEADS_MAX];
    size_t n[2];
    for (int round = 0; round < DRAIN_DAYS * 6; round++) {
        W.now_ms += 4 * HOUR;
        BOTH(router_core_tick(core, W.now_ms, effects));
        after_input();
        for (int i = 0; i < 2; i++) {
            struct router_lease request = {.queue = span_of(i == 0 ? "sales" : "self_serve"),
                                           .consumer = span_of("crm"),
                                           .max = ROUTER_LEASE_LEADS_MAX};
            int side = 0;
            BOTH(cr_assert_eq(router_core_lease(core, W.now_ms, &request, out[side], &n[side],
                                                effects, NULL),
                              ERR_OK);
                 side++);
            after_input();
            for (size_t k = 0; k < n[0]; k++)
                take_lease(out[0][k], "crm");
        }
        for (int i = 0; i < W.n_leads; i++) {
            if (W.leads[i].place != HELD_BY_CONSUMER)
                continue;
            finish(&W.leads[i], 1);
            after_input();
        }
    }
    for (int i = 0; i < W.n_leads; i++) {
        const struct lead_model *lead = &W.leads[i];
        bool owner_waits = W.plan.owner_only && owner_of(lead) >= 0;
        if (lead->place == WAITS && !owner_waits && !(lead->team && nobody_ever(lead)))
            FAIL("%s can never be finished", lead->id);
        if (lead->place == HELD_BY_CONSUMER)
            FAIL("%s is held for ever", lead->id);
    }
    struct router_counts counts;
    router_core_counts(W.plain.core, &counts);
    if (counts.leads != (uint64_t)W.n_leads)
        FAIL("%d leads were made, the router has %llu", W.n_leads,
             (unsigned long long)counts.leads);
}

static void run_case(uint64_t seed)
{
    struct buf text = W.text;
    W = (struct world){.seed = seed, .random = {seed}, .now_ms = START, .text = text};
    for (int i = 0; i < ACCOUNTS; i++)
        W.owner[i] = -1;
    random_plan(&W.plan);
    machine_init(&W.plain);
    machine_init(&W.twin);
    BOTH(router_core_set_playbook(core, write_playbook(&W.plan), effects));
    BOTH(router_core_tick(core, W.now_ms, effects));
    after_input();
    for (int i = 0; i < OPS; i++)
        run_op();
    machine_restart(&W.twin);
    drain();
    machine_deinit(&W.plain);
    machine_deinit(&W.twin);
}

Test(router_schedule, random_schedules_keep_every_promise)
{
    const char *text = getenv("TEST_CASES");
    uint64_t n = text == NULL ? CASES : strtoull(text, NULL, 10);
    uint64_t seed = test_random_seed();
    for (uint64_t i = 0; i < n; i++)
        run_case(seed + i);
    buf_deinit(&W.text);
}
