// SPDX-License-Identifier: Apache-2.0
// What the router decides: from signals to stages, one lead per account, routes, queues, leases. A
// deterministic library: no I/O, no clock, no threads; the same inputs in the same order give the
// same decisions with the same offsets.
//
// What one event changed is decided together: signals with the same number but for its running
// part, of one account, at one instant, are a group; who qualifies, stage, lead and route are
// decided after its last signal. A user signal in a route's `when` means: some user of the account
// has it.
//
// Who qualifies follows the signals "qualify.<definition>": turning true begins an episode, turning
// false ends it, and both are decisions. An account has at most one open lead: the first definition
// of role pql or pqa that one of its subjects enters makes it, what comes after joins. While nobody
// has taken it, it is withdrawn when nothing qualifies the account any more or when it converts
// ("stage.customer" turns true); one that was handed out gets a note. An episode that begins after
// a lead ended makes the next one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "services/playbook/model.h"

enum {
    ROUTER_TEXT_MAX = 1024, // bytes of an id, a name or a value from outside
    ROUTER_LEASE_LEADS_MAX = 100,
    ROUTER_REMEMBERED_MAX = 10000, // lease requests
    ROUTER_CONTACTS_MAX = 1000,    // of a lead; later ones are not listed
    ROUTER_REASONS_MAX = 32,
    ROUTER_EVIDENCE_MAX = 64,
    ROUTER_DEFINITIONS_MAX = 32, // of a lead
    ROUTER_HISTORY_MAX = 32,     // changes of an account's stage
    ROUTER_STANDINGS_MAX = 1000, // in the answer about an account
    ROUTER_BEST_USERS_MAX = 5,   // shown for a lead without contacts
    ROUTER_PASSED_MAX = 8,       // reps that a lead was taken from, which are remembered
    ROUTER_EXPERIMENTS_MAX = 8,  // of a lead
    ROUTER_CANDIDATES_MAX = 256, // told with a decision; of a larger team the first by name
    ROUTER_MEMBERS_MAX = 1000,   // of an organization, in the answer about an account
    ROUTER_LEAD_ID_BYTES = 24,
    ROUTER_TOKEN_BYTES = 33,
};
enum {
    ROUTER_REDRIVE_MAX = 10000,
    ROUTER_DELAY_MS_MAX = 30 * 24 * 3600 * 1000LL,
    ROUTER_LEASE_MS_DEFAULT = 5 * 60 * 1000, // of a queue that the playbook no longer has
    ROUTER_LEASE_MS_MAX = 7 * 24 * 3600 * 1000,
    ROUTER_ATTEMPTS_MAX_DEFAULT = 5, // the same
};

// ---- Inputs -------------------------------------------------------------------------------------

struct router_evidence {
    struct span condition;
    struct span value;
    struct span threshold;
    int64_t since_ms;
};

// Everything is borrowed for the call and until its effects are cleared.
struct router_signal {
    uint64_t position; // its number in its lane: position, then index
    uint64_t index;    // (place within the record) << 32 | running number
    struct span name;
    bool value;
    struct span account; // never empty
    struct span user;    // empty: the account's
    int64_t at_ms;
    int64_t known_at_ms;
    struct span event_id;
    struct span playbook;
    const struct router_evidence *evidence;
    size_t n_evidence;
    uint32_t episode; // which time it is true, or was until now; from 1
    struct span label;
    struct span reason; // why it turned false
};

// ---- Effects ------------------------------------------------------------------------------------

enum router_stage { ROUTER_PAL = 1, ROUTER_PQL, ROUTER_PQA };
enum { ROUTER_STAGES = 3 };
const char *router_stage_name(enum router_stage stage);

enum router_lead_state { // as router.v1.LeadState
    ROUTER_WAITING = 1,
    ROUTER_LEASED,
    ROUTER_ACKED,
    ROUTER_COMPLETED,
    ROUTER_WITHDRAWN,
    ROUTER_PARKED,
};
enum { ROUTER_LEAD_STATES = ROUTER_PARKED + 1 };

enum router_step { // as router.v1.LeadStep
    ROUTER_STEP_CREATED = 1,
    ROUTER_STEP_CONTACT_ADDED,
    ROUTER_STEP_LEASED,
    ROUTER_STEP_EXTENDED,
    ROUTER_STEP_ACKED,
    ROUTER_STEP_RELEASED,
    ROUTER_STEP_EXPIRED,
    ROUTER_STEP_PARKED,
    ROUTER_STEP_COMPLETED,
    ROUTER_STEP_ROUTED,
    ROUTER_STEP_WITHDRAWN,
    ROUTER_STEP_NOTED,
    ROUTER_STEP_ASSIGNED,   // to `rep`; `candidates` says why to him
    ROUTER_STEP_HELD,       // no rep can take it now; `candidates` says why
    ROUTER_STEP_UNASSIGNED, // taken from `rep`, whose credit is returned; `reason` says why
    ROUTER_STEP_OVERFLOWED, // its queue's team did not take it: it goes where the playbook says
    ROUTER_STEP_REMINDED,   // the time to its first touch is running out for `rep`
    ROUTER_STEP_ESCALATED,  // not touched in time: `to` is told
    ROUTER_STEP_DELAYED,    // it waits until due_ms
    ROUTER_STEP_REDRIVEN,   // parked, and back in its queue
    ROUTER_STEP_MOVED,      // to the lead list of another organization
};

enum router_decision_kind {
    ROUTER_DECISION_SIGNAL,
    ROUTER_DECISION_QUALIFICATION,
    ROUTER_DECISION_LEAD,
    ROUTER_DECISION_REP,    // somebody changed a rep of a team
    ROUTER_DECISION_PROMPT, // a user dismissed a prompt, or did what it asks for
};

// Why a rep of the team got a lead, or did not.
enum router_verdict {   // as router.v1.Verdict
    ROUTER_CHOSEN = 1,  // had the lowest assigned / weight; of equals the first by name
    ROUTER_OWNER,       // owns the account
    ROUTER_BY_HAND,     // somebody said so
    ROUTER_BEHIND,      // could have taken it; another one had a lower assigned / weight
    ROUTER_INACTIVE,    // switched off
    ROUTER_ABSENT,      // on leave
    ROUTER_OFF_HOURS,   // outside working hours, or on a holiday
    ROUTER_TAKES_NOT,   // the condition on what he takes does not hold
    ROUTER_HAD_IT,      // it was taken from him before
    ROUTER_FULL_OPEN,   // as many open leads as the cap says
    ROUTER_FULL_DAY,    // ... leads assigned today
    ROUTER_FULL_PERIOD, // ... within the period
    ROUTER_FULL_UNITS,  // not enough units of effort left
    ROUTER_FULL_WHEN,   // ... open leads of the kind that a condition names
    ROUTER_NOT_OWNER,   // the owner comes first: he has it, or it waits for him alone
};
enum { ROUTER_VERDICTS = ROUTER_NOT_OWNER + 1 };

struct router_candidate {
    const char *rep;
    enum router_verdict verdict;
    uint64_t assigned; // the count that fairness compares, before this lead
    int32_t weight;
    uint32_t open, today, period;
    int32_t units;
    int32_t cap; // FULL_*: the bound that was met
};

// One line of the decision log. Texts are never NULL.
struct router_decision {
    uint64_t offset; // 1, 2, 3 ...
    enum router_decision_kind kind;
    const struct router_signal *signal; // SIGNAL: all that it has
    enum router_stage stage;            // QUALIFICATION: the definition's role
    const char *definition;             // QUALIFICATION, with `label`
    uint32_t episode;                   // QUALIFICATION
    bool left;                          // QUALIFICATION: the episode ended; `reason` says why
    enum router_step step;              // LEAD
    struct span account;
    struct span user;
    struct span event_id;
    int64_t at_ms;
    int64_t known_at_ms;
    const char *playbook;
    const char *lead_id;
    const char *motion;
    const char *queue;
    const char *reason;
    const char *consumer;
    const char *outcome;
    const char *message;
    const char *label;
    int32_t priority;
    const char *organization; // LEAD
    const char *team, *rep;   // LEAD; REP
    const char *to;           // ESCALATED
    const char *by;           // REP, and what somebody did by hand
    const char *change;       // REP: in words, "cap 8 open"; PROMPT: "dismissed" or "converted"
    const char *prompt;       // PROMPT
    int64_t due_ms; // ASSIGNED: when it must be touched; DELAYED, HELD: until when it waits
    const struct router_candidate *candidates; // ASSIGNED, HELD: in order of name
    size_t n_candidates;
};

// What a call decided, in order. Valid until cleared, at the latest before the next call on the
// core.
struct router_effects {
    struct router_decision *items;
    size_t n, cap;
    struct arena texts;
};
void router_effects_init(struct router_effects *effects);
void router_effects_deinit(struct router_effects *effects);
void router_effects_clear(struct router_effects *effects);

// ---- Life cycle ---------------------------------------------------------------------------------

struct router_core;
struct router_core *router_core_create(void);
void router_core_destroy(struct router_core *core);

// The cluster lives by its events' times: what signals decide happens at their at_ms, not at their
// known_at_ms, and only they and router_core_tick move the clock. Before anything else.
void router_core_by_event(struct router_core *core);

// Puts a playbook in force (takes it). Needed before anything else. Episodes of definitions that it
// no longer has end, those of signals that came before it begin; leads that wait in a queue that it
// no longer has are routed again.
void router_core_set_playbook(struct router_core *core, struct playbook *playbook,
                              struct router_effects *effects);
const struct playbook *router_core_playbook(const struct router_core *core); // NULL: none yet

// ---- Signals and time ---------------------------------------------------------------------------

struct router_mark {
    uint32_t lane;
    uint64_t position, index;
};

// Takes a lane's signals in order; those whose number is not higher than the lane's mark are left
// out.
void router_core_signals(struct router_core *core, uint32_t lane,
                         const struct router_signal *signals, size_t n,
                         struct router_effects *effects);
// The last number taken from the lane; zeros: none.
struct router_mark router_core_mark(const struct router_core *core, uint32_t lane);

// The clock passes `now_ms`: what is due by then happens, each thing at its own instant and in
// order of these: leases run out, delays end, reminders and escalations, reps come to work, waiting
// leads overflow. Every request below begins with the same, and a group of signals with the instant
// at which it was known. The clock never goes back.
void router_core_tick(struct router_core *core, int64_t now_ms, struct router_effects *effects);
// The earliest instant at which something is due; INT64_MAX: nothing is.
int64_t router_core_next_due(struct router_core *core);

// ---- Leads --------------------------------------------------------------------------------------

struct router_contact {
    const char *user_id;
    int64_t at_ms;
};

// Read only, but for the core. Texts are never NULL. There are many: what is small stands together,
// so that nothing is lost between the members.
struct router_lead {
    uint64_t serial; // place in the order of creation, from 1
    uint32_t number; // which of its account, from 1
    char id[ROUTER_LEAD_ID_BYTES];
    enum router_lead_state state;
    const char *account_id;
    const char *motion;
    const char *queue; // "" for a lead that goes to none
    int32_t priority;
    uint32_t n_reasons;
    const char **reasons;
    struct router_evidence *evidence; // see router_state_evidence_copy
    struct router_contact *contacts;
    uint32_t n_evidence, n_contacts, contacts_cap;
    uint32_t attempts;
    int64_t created_at_ms, known_at_ms;
    const char *playbook;
    char *consumer; // owned; "" is NULL here only
    int64_t lease_until_ms;
    const char *outcome;
    int64_t completed_at_ms;
    uint64_t completed_offset; // of the decision
    int64_t account_clock_ms;  // of the account at its completion: behind its last signal
    const char *route;
    const char *message;
    const char *parked_reason;
    const char *const *definitions;
    const char *const *labels;
    char *ended_reason;       // owned; see Lead in router.proto; "" is NULL here only
    const char *organization; // "": none
    uint32_t n_definitions;
    int32_t units; // effort
    // Waiting leads with a lower rank are handed out first: priority, and what waiting adds to it.
    int64_t rank;
    int64_t not_before_ms; // WAITING: it is not handed out before; 0: at once
    // Of a queue with a team.
    const char *team;
    const char *rep;     // whom it is assigned to; "": nobody
    uint32_t n_assigned; // how often it was
    uint32_t caps_when;  // bit i: its rep's i-th cap by condition counts it
    int64_t assigned_at_ms;
    uint64_t assigned_offset; // of the decision, which names the candidates
    int64_t held_since_ms;    // nobody could take it since then; 0: not so
    int64_t overflow_at_ms;   // when it goes elsewhere; INT64_MAX: it waits on
    const char *const *passed;
    // SLA.
    int64_t first_touch_ms; // the time allowed; 0: none
    int64_t touched_at_ms;  // first Ack or Complete; 0: not yet
    int64_t touch_by_ms;    // of the present assignment; 0: no SLA
    int64_t sla_due_ms;     // the next reminder, reassignment or escalation; INT64_MAX: none
    uint32_t n_reminded, n_reassigned, n_escalated;
    uint32_t n_passed;
    // Experiments that it takes part in.
    const char *const *experiments;
    const char *const *arms;
    uint32_t n_experiments;
    // Of `attempts`, those that no longer count: before it was redriven, and ended by a delay.
    uint32_t attempts_base, n_delays;
    bool overflowed;  // it went elsewhere; `route` tells from where
    bool sla_missed;  // some assignment was not touched in time
    bool after_first; // it follows a lead of a route that says `first`
    // Fields below are private.
    bool on_desk; // of a rep
    bool ready;   // it is in the heaps of what can be leased
    bool dirty;
    uint32_t account;
    struct held_group *group;                  // while it waits for a rep; see held.c
    struct router_lead *desk_next, *desk_prev; // of its rep's open leads, while on_desk
    struct router_lead *before;                // the account's lead before this one
    struct router_queue *in;
    struct desk *desk; // in whose heap it is, while ready
    int64_t timer_at_ms;
};

// Names the present (or, after its end, the last) lease of a lead.
void router_lead_token(const struct router_lead *lead, char out[ROUTER_TOKEN_BYTES]);

struct router_lease {
    struct span queue;
    struct span consumer;   // never empty
    struct span request_id; // empty: the request is not remembered
    uint32_t max;           // 1 to ROUTER_LEASE_LEADS_MAX
    int64_t lease_ms;       // 0: the queue's
};

// Whether a lease could be answered with a lead now; it changes nothing. UNKNOWN: there is no such
// queue.
enum router_prospect { ROUTER_PROSPECT_LEADS, ROUTER_PROSPECT_NOTHING, ROUTER_PROSPECT_UNKNOWN };
enum router_prospect router_core_prospect(const struct router_core *core,
                                          const struct router_lease *request);

// What the two below would refuse whatever else happens before them: a lease with a value out of
// bounds or of an unknown queue, a token that is not that of the last lease. They change nothing.
MUST_USE enum err router_core_lease_check(const struct router_core *core,
                                          const struct router_lease *request,
                                          struct err_info *info);
MUST_USE enum err router_core_token_check(const struct router_core *core, struct span lead_id,
                                          struct span token, struct err_info *info);

// Hands out leads: the strongest first (priority, and what waiting adds to it), then the oldest.
// `out` holds ROUTER_LEASE_LEADS_MAX; *n may be 0. In a queue with a team only leads that have a
// rep: a consumer named like one of its reps gets his alone, any other consumer anybody's.
// NOT_FOUND: no such queue. INVALID: a value out of bounds.
MUST_USE enum err router_core_lease(struct router_core *core, int64_t now_ms,
                                    const struct router_lease *request,
                                    const struct router_lead **out, size_t *n,
                                    struct router_effects *effects, struct err_info *info);

// The four below. NOT_FOUND: no such lead. CONFLICT: the token is not that of the present lease, or
// the lead is not in a state for it. INVALID: a value out of bounds. *out is the lead on OK.
//
// The lease then lasts until now + lease_ms (0: the queue's); it never becomes shorter.
MUST_USE enum err router_core_extend(struct router_core *core, int64_t now_ms, struct span lead_id,
                                     struct span token, int64_t lease_ms,
                                     const struct router_lead **out, struct router_effects *effects,
                                     struct err_info *info);
// Done before with the same token: OK, without effect.
MUST_USE enum err router_core_ack(struct router_core *core, int64_t now_ms, struct span lead_id,
                                  struct span token, const struct router_lead **out,
                                  struct router_effects *effects, struct err_info *info);
// Of a lease that has ended already with the lead back in its queue: OK, without effect.
// In a queue with a team: a rep who releases it for the reason "declined" does not get it again
// (his credit is returned); any other reason leaves it his. delay_ms: it is handed out again only
// after so long (0: at once; at most ROUTER_DELAY_MS_MAX); a delay is no attempt, and one that is
// declined is not delayed.
MUST_USE enum err router_core_release(struct router_core *core, int64_t now_ms, struct span lead_id,
                                      struct span token, struct span reason, int64_t delay_ms,
                                      const struct router_lead **out,
                                      struct router_effects *effects, struct err_info *info);
// Of a leased or acked lead. Done before with the same token and outcome: OK, without effect.
MUST_USE enum err router_core_complete(struct router_core *core, int64_t now_ms,
                                       struct span lead_id, struct span token, struct span outcome,
                                       const struct router_lead **out,
                                       struct router_effects *effects, struct err_info *info);

// Whoever holds the lead (by its token), or with an empty token an operator, takes a waiting,
// leased or acked lead out of its queue, for a reason of 1 to ROUTER_TEXT_MAX bytes that stays on
// it (INVALID: one that the router itself says, as "attempts"). Done before with the same reason:
// OK, without effect.
MUST_USE enum err router_core_park(struct router_core *core, int64_t now_ms, struct span lead_id,
                                   struct span token, struct span reason, struct span by,
                                   const struct router_lead **out, struct router_effects *effects,
                                   struct err_info *info);
// Puts parked leads back into their queues with no attempt counted: one (CONFLICT: it is not
// parked, or never belonged to a queue, or is no longer its account's lead), or with an empty
// lead_id those of a queue, at most ROUTER_REDRIVE_MAX, the oldest first; *n says how many.
MUST_USE enum err router_core_redrive(struct router_core *core, int64_t now_ms, struct span lead_id,
                                      struct span queue, struct span by, size_t *n,
                                      struct router_effects *effects, struct err_info *info);

// ---- Outcomes -----------------------------------------------------------------------------------

// Completed leads whose outcome was not reported back yet, in order of their completion, up to
// `max`.
size_t router_core_outcomes(const struct router_core *core, const struct router_lead **out,
                            size_t max);
uint64_t router_core_n_outcomes(const struct router_core *core);
// Outcomes up to this decision have been taken. One that is not ahead has no effect.
void router_core_reported(struct router_core *core, uint64_t decision);

// ---- Reading ------------------------------------------------------------------------------------

const struct router_lead *router_core_lead(const struct router_core *core,
                                           struct span lead_id); // NULL: there is none
bool router_core_knows(const struct router_core *core, struct span account_id);

// Somebody to speak to; texts live in the arena or as long as the lead.
struct router_person {
    const char *user_id;
    int64_t at_ms; // since when a contact; 0: none, but the best user there is
    const char *reason;
};
// The lead's contacts as of now, whom to speak to first at the front: who qualifies by most
// definitions, then has most signals, then came first. For a lead without contacts, the users with
// most signals.
size_t router_core_people(const struct router_core *core, const struct router_lead *lead,
                          struct arena *arena, const struct router_person **out);

struct router_filter {
    struct span queue;   // empty: every queue
    int state;           // 0: every state
    struct span account; // empty: every account
    uint64_t after;      // serial at which the last page ended
    size_t max;
};
// Writes up to `max` leads in order of creation. *next: where the next page starts, 0 at the end; a
// page may be short and still have a next one (one call looks at a bounded number of leads).
size_t router_core_leads(const struct router_core *core, const struct router_filter *filter,
                         const struct router_lead **out, uint64_t *next, uint64_t *total);

struct router_stage_change {
    const char *stage;
    int64_t since_ms;
    char *event_id;
};

// A subject's last episode of a definition.
struct router_standing {
    const char *definition;
    enum router_stage role;
    const char *label;
    const char *user_id; // "": the account
    uint32_t episode;
    int64_t since_ms;
    const char *event_id;
    bool left;
    int64_t left_at_ms;
    const char *reason;
    const char *organization; // whose standing it is; "": the account's, or a user's
};

struct router_account_view {
    bool known;
    const char *stage;
    int64_t stage_since_ms;
    bool pqa;                          // it qualifies itself, by a definition of role pqa
    const struct router_contact *pqls; // users who qualify now, in order of user id
    size_t n_pqls;
    // The last one, or NULL; `before` leads to the others. Of an account of an organization that is
    // the organization's; `own_lead` leads to those that are kept at the account itself, from when
    // it belonged to none.
    const struct router_lead *lead, *own_lead;
    const struct router_stage_change *history; // the oldest first
    size_t n_history;
    // The account's own, then its users', in order of id, then those of its organization.
    const struct router_standing *standings;
    size_t n_standings;
    const char *organization;   // "": none
    const char *const *members; // the accounts of the organization, at most ROUTER_MEMBERS_MAX
    size_t n_members;
    const char *owner; // as the playbook's trait says; "": not known
};
void router_core_account(const struct router_core *core, struct span account_id,
                         struct arena *arena, struct router_account_view *out);

struct router_queue_view {
    const char *name;
    uint64_t counts[ROUTER_LEAD_STATES];
    int64_t oldest_known_at_ms; // of those that wait; INT64_MIN: none does
    // Of those that wait: can be leased now; wait until an instant; have no rep who can take them.
    uint64_t ready, delayed, held;
    const char *team;             // "": none, and zeros below
    uint64_t untouched;           // assigned, and not touched yet
    uint64_t touched, sla_missed; // of all that ever were assigned
};
// In order of name. Returns their number; the list lives in `arena`.
size_t router_core_queues(struct router_core *core, struct arena *arena,
                          const struct router_queue_view **out);

struct router_counts {
    uint64_t accounts, pals, pqls, pqas, leads, decisions, signals;
    uint64_t states[ROUTER_LEAD_STATES];
    uint64_t stages[PLAYBOOK_STAGES]; // accounts that are in it
    // Of all reps: first touches, assignments that were not touched in time, and the time that the
    // touched ones took.
    uint64_t touched, sla_missed, touch_ms_total;
    int64_t clock_ms;
};
void router_core_counts(const struct router_core *core, struct router_counts *out);
// The `decisions` of it alone, at no cost.
uint64_t router_core_last_decision(const struct router_core *core);
