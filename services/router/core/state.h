// SPDX-License-Identifier: Apache-2.0
// The core's memory, shared by the files of this folder and by rows.c, which stores and restores
// it. What is derived (indexes, heaps, counts, tallies) is built again by router_state_restored.
#pragma once

#include "common/base/heap.h"
#include "common/base/index.h"
#include "services/router/core/core.h"
#include "services/router/core/teams.h"

#define STATE_NEVER INT64_MIN
enum { ROUTER_CAPS_WHEN_MAX = 16 }; // of a rep; later ones do not count
#define STATE_FACT "fact."

// The last thing known of one signal of one subject.
struct held {
    const char *name; // interned
    bool value;
    bool ever;
    bool is_fact; // derived from the name: "fact.*"
    int64_t at_ms, known_at_ms;
    char *event_id;                   // see router_state_text
    struct router_evidence *evidence; // NULL while it is false
    uint32_t n_evidence;
    uint32_t episode;
    const char *label; // interned
    char *reason;      // why it turned false; NULL: none. Only until its group is decided
    char *fact;        // of a fact: its value, owned; its label is "". NULL: none
};

// The last episode of a subject by one definition.
struct qualified {
    const char *definition; // interned
    enum router_stage role;
    const char *label; // interned
    uint32_t episode;
    int64_t at_ms;
    char *event_id;
    bool left;
    int64_t left_at_ms;
    char *left_reason; // NULL: ""
};

// A user of an account, or (with the id "") the account itself.
struct subject {
    char *id;
    struct held *held;
    uint32_t n_held, held_cap;
    struct qualified *qualified;
    uint32_t n_qualified, qualified_cap;
    struct answered *answered; // prompts
    uint32_t n_answered, answered_cap;
};

// What a user did with a prompt, last.
struct answered {
    const char *prompt; // interned
    int answer;         // enum router_answer
    int64_t at_ms;
    int64_t since_ms; // the reason that it was shown for then
};

// For how many users of the account a signal is true.
struct tally {
    const char *name;
    uint32_t users;
};

struct account {
    char *id;
    uint32_t number;
    struct subject self;
    struct subject **users; // sorted by id
    uint32_t n_users, users_cap;
    struct tally *tallies;
    uint32_t n_tallies, tallies_cap;
    struct router_lead *lead; // the last one
    struct router_stage_change *history;
    uint32_t n_history;
    bool dirty;
    int64_t outcome_clock_ms;  // derived: of the last outcome of a lead that it brought about
    int64_t customer_since_ms; // when "stage.customer" last turned true (by its at_ms); 0: never
    // An organization is kept as an account whose id begins with ORGANIZATION_MARK. It has no users
    // and no signals of its own; its `self` stands by the organization's definitions.
    struct account *organization; // of an account; NULL: none
    struct account **members;     // of an organization, in order of number
    uint32_t n_members, members_cap;
    struct kin *kin; // derived, organizations_impl.h; NULL while the playbook has no organizations
};
#define ORGANIZATION_MARK '\xff' // begins no id from outside: those are UTF-8

static inline bool account_is_organization(const struct account *account)
{
    return account->id[0] == ORGANIZATION_MARK;
}

// The account that leads are kept at: the organization where one is known.
static inline struct account *account_home(struct account *account)
{
    return account->organization != NULL ? account->organization : account;
}

// A lead that was assigned to a rep within the longest period that caps look at.
struct taken {
    uint64_t serial;
    int64_t at_ms;
};

// A rep: what the playbook says, and over it what an operator said.
struct desk {
    const char *rep;                 // interned
    const struct rep *rules;         // NULL: not in the playbook
    struct router_rep_change change; // `team`, `rep`, `by`, `reason` empty; flags: what was said
    uint64_t assigned;               // what fairness compares
    uint64_t floor; // it began at when he joined or came back: credits take it no lower
    // Could take nothing when others with the same `takes` last could; see fairness.c.
    bool away;
    struct taken *taken; // in order of time
    uint32_t n_taken, taken_cap;
    uint64_t ever_assigned, credited, touched, missed, completed, won, touch_ms_total;
    // Derived; see teams_impl.h.
    struct desk_rules *in_force;
    struct router_lead *first_open; // leads assigned, not ended, not parked
    uint32_t open_when[ROUTER_CAPS_WHEN_MAX];
    uint32_t open;
    int32_t units;
    struct heap waiting; // leads assigned to him that can be leased: (rank, serial); see ready.c
    uint64_t ready;      // how many those are
};

// How many leads came of one priority on one UTC day, and what became of them.
struct strength {
    int32_t day, priority;
    uint32_t leads, ended, won;
};

// A team, of the playbook or (without rules) of an old one.
struct crew {
    const char *name; // interned
    const struct team *rules;
    struct desk **desks; // in order of name
    uint32_t n_desks, desks_cap;
    uint64_t overflowed;
    // The level at which a rep starts who comes back, where nobody else is there to compare with:
    // assigned / weight of whoever got the last lead.
    uint64_t level_assigned;
    int32_t level_weight;
    struct strength *strengths; // in order of day, then priority
    uint32_t n_strengths, strengths_cap;
    int32_t admit_from; // INT32_MIN: everything
    int64_t admit_since_ms;
    double admit_weekly, turned_away_weekly, lost_won_weekly;
    int64_t admit_slots;
    bool dirty;
    struct crew_held *held; // derived, teams.c: the leads that wait for a rep
    // Derived: how many those are, and how many are assigned, not ended and not touched yet.
    uint64_t n_held, n_untouched;
};

// A definition of the playbook in force.
struct defined {
    const char *name;   // interned
    const char *signal; // interned
    enum router_stage role;
    enum scope scope;
    int32_t condition; // of its signal
};

enum { STATE_BLOCK = 256 };

struct router_queue {
    const char *name;
    const struct lead_queue *rules; // NULL: the playbook does not have it
    struct heap waiting;            // leads that can be leased: (rank, serial); see ready.c
    uint64_t counts[ROUTER_LEAD_STATES];
    // Of each STATE_BLOCK serials, how many wait here: whoever looks for the oldest passes by the
    // others.
    uint32_t *waiting_of;
    size_t n_blocks;
    uint64_t oldest_from; // no lead with a lower serial waits here
    uint64_t parked_from; // nor is one parked here
    struct crew *crew;    // NULL: no team
    uint64_t ready;       // of WAITING: those that can be leased now (assigned, not delayed)
};

struct remembered {
    uint64_t number; // 0: the slot is free
    char *consumer;
    char *request_id;
    uint32_t n;
    uint64_t *leads;    // serials
    uint32_t *attempts; // of each then
};

// Completed leads, in order of the decisions that say so; those before the head are reported.
struct outcome {
    uint64_t decision, serial;
};
struct outcomes {
    struct outcome *items;
    size_t head, n, cap;
};

// The group of signals that is being taken.
struct group {
    bool open;
    uint32_t lane;
    uint64_t position, place;
    int64_t at_ms;
    struct account *account;
    const struct router_signal *last;
    bool continues; // the group's first signals came with an earlier call
    bool routes;    // a signal that a route looks at has changed
    bool converted; // "stage.customer" turned true
    bool belongs;   // what says its organization has changed
    struct subject **touched;
    size_t n_touched, touched_cap;
};

struct router_core {
    struct playbook *playbook;
    const char *label;         // interned
    const char **signal_names; // [playbook.n_signals], interned
    bool *in_routes;           // [playbook.n_signals]: a route looks at it
    struct defined *definitions;
    size_t n_definitions;
    const char *stage_signals[PLAYBOOK_STAGES]; // interned; NULL: not in the playbook
    struct organizations *organizations;        // NULL: the playbook has none
    uint64_t n_organizations;                   // of `accounts`; also of old playbooks
    int64_t clock_ms;
    bool by_event; // see router_core_by_event
    uint64_t n_signals, last_decision;
    uint64_t n_stage[ROUTER_STAGES];      // subjects that ever qualified by such a definition
    uint64_t n_in_stage[PLAYBOOK_STAGES]; // accounts

    struct router_mark *marks; // sorted by lane
    size_t n_marks, marks_cap;
    char **names; // interned texts
    size_t n_names, names_cap;
    struct index names_index;
    struct account **accounts;
    size_t n_accounts, accounts_cap;
    struct index accounts_index;
    struct router_lead **leads; // lead with serial s at s - 1
    size_t n_leads, leads_cap;
    struct index leads_index;
    struct router_queue **queues; // the first one is "", for leads that go to none
    size_t n_queues, queues_cap;
    struct heap expiries;          // (instant, serial): what is due of leads; see due.c
    uint64_t n_armed;              // leads that have an entry there
    struct remembered *remembered; // [ROUTER_REMEMBERED_MAX], slot number % MAX
    uint64_t last_remembered;
    struct index remembered_index;
    struct group group;
    struct outcomes outcomes;
    uint64_t reported;   // decision up to which outcomes are
    struct crew **crews; // in order of name
    size_t n_crews, crews_cap;

    // Of what was copied last; see router_state_text.
    char *last_text;
    struct router_evidence *last_evidence;
    uint32_t n_last_evidence;

    // What has changed since rows took it last.
    uint32_t *dirty_accounts;
    size_t n_dirty_accounts, dirty_accounts_cap;
    uint64_t *dirty_leads;
    size_t n_dirty_leads, dirty_leads_cap;
};

// The instant at which the router decides what came of signals.
static inline int64_t cause_now_ms(const struct router_core *core, int64_t at_ms,
                                   int64_t known_at_ms)
{
    return core->by_event ? at_ms : known_at_ms;
}

// As MEM_GROW, for the lists that every account and user has: most of them stay short.
#define STATE_GROW(items, n, cap)                                                                  \
    do {                                                                                           \
        if ((n) == (cap)) {                                                                        \
            (cap) = (cap) < 2 ? (cap) + 1 : (cap)*2;                                               \
            (items) = mem_realloc((items), (size_t)(cap) * sizeof *(items));                       \
        }                                                                                          \
    } while (0)

// state.c
const char *router_state_intern(struct router_core *core, struct span text);
const char *router_state_interned(const struct router_core *core,
                                  struct span text); // NULL: never seen
struct account *router_state_account_find(const struct router_core *core, struct span id);
struct account *router_state_account_add(struct router_core *core, struct span id);
struct subject *router_state_user(struct account *account, struct span id, bool add);
struct held *router_state_held(struct subject *subject, const char *name, bool add);
bool router_state_holds(const struct subject *subject, const char *name);
uint32_t router_state_users_with(const struct account *account, const char *name);
void router_state_tally(struct account *account, const char *name, int change);
void router_state_account_changed(struct router_core *core, struct account *account);
void router_state_lead_changed(struct router_core *core, struct router_lead *lead);
struct router_mark *router_state_mark(struct router_core *core, uint32_t lane, bool add);
// A copy that is never changed, or the one that was made last where that is the same: what one
// event brings about is kept in several places. Each call has its own router_state_text_free.
char *router_state_text(struct router_core *core, struct span text);
void router_state_text_free(char *text); // may be NULL
// The same for a list, in one block with its texts; NULL when n is 0. At most ROUTER_EVIDENCE_MAX
// are kept.
struct router_evidence *router_state_evidence_copy(struct router_core *core,
                                                   const struct router_evidence *items, size_t n,
                                                   uint32_t *n_out);
void router_state_evidence_free(struct router_evidence *evidence); // may be NULL
// The lead's evidence in one copy with that of a signal of the account or one of its users, where
// they are the same.
void router_state_evidence_share(struct router_lead *lead, const struct account *account);
struct router_queue *router_state_queue(struct router_core *core, struct span name, bool add);
// Whether the playbook has it or leads are in it: a queue of an old playbook goes with its last
// lead.
bool router_state_queue_known(const struct router_queue *queue);
struct router_lead *router_state_lead_find(const struct router_core *core, struct span id);
// Gives it the next serial; the caller fills the rest. Its `account` is the home; `account_id` and
// `organization` are those of the home until the caller says which account brought it about.
struct router_lead *router_state_lead_add(struct router_core *core, struct account *account,
                                          const char *id);
// Their lists grow by one; texts are interned. Beyond the bounds of core.h nothing is added (of
// `passed` the oldest makes room).
void router_state_lead_definition(struct router_lead *lead, const char *definition,
                                  const char *label);
void router_state_lead_passed(struct router_lead *lead, const char *rep);
void router_state_lead_arm(struct router_lead *lead, const char *experiment, const char *arm);

struct remembered *router_state_remembered_find(const struct router_core *core,
                                                struct span consumer, struct span request_id);
// Number last_remembered + 1, or `number` in restoring; the oldest one makes room.
struct remembered *router_state_remembered_add(struct router_core *core, uint64_t number,
                                               struct span consumer, struct span request_id,
                                               uint32_t n);
// Puts the playbook that was in force back (takes it), without deciding anything.
void router_state_restore_playbook(struct router_core *core, struct playbook *playbook);
// After every row has been put back: derives what is not stored. False: a row contradicts another.
bool router_state_restored(struct router_core *core);

// standing.c
struct qualified *router_standing_find(const struct subject *subject, const char *definition);
// Adds an entry of zeros for the definition if there is none.
struct qualified *router_standing_add(struct subject *subject, const char *definition);
void router_standing_deinit(struct subject *subject);
// Whether the subject ever qualified by a definition of the role, or does now.
bool router_standing_ever(const struct subject *subject, enum router_stage role);
bool router_standing_now(const struct subject *subject, enum router_stage role);
// Whether the account or one of its users qualifies by a definition of the role now.
bool router_standing_account(const struct router_core *core, const struct account *account,
                             enum router_stage role);
// By any definition that makes leads. Of an organization: itself, or one of its members.
bool router_standing_qualifies(const struct router_core *core, const struct account *account);
// Whether a definition or stage by the name of "expansion" is true (of an organization: of a
// member): converting is no end then.
bool router_standing_expands(const struct router_core *core, const struct account *account);
enum stage router_standing_stage(const struct router_core *core, const struct account *account);
// After the account's history has been put back. False: a stage that does not exist.
bool router_standing_restore_stage(struct router_core *core, const struct account *account);
// Notes the account's stage if it has changed.
void router_standing_note_stage(struct router_core *core, struct account *account, int64_t at_ms,
                                struct span event_id);
// Instant of the last signal of the account, and of that signal's coming.
int64_t router_standing_clock(const struct account *account, int64_t *known_at_ms);

// outcomes.c
void router_outcomes_add(struct router_core *core, const struct router_lead *lead);
// After all that are not reported were added, in any order.
void router_outcomes_sort(struct router_core *core);

// qualify.c
bool router_qualify_holds(const struct router_core *core, int32_t condition,
                          const struct account *account, const struct subject *user);
struct reasons {
    const char *names[ROUTER_REASONS_MAX];
    uint32_t n_names;
    struct router_evidence evidence[ROUTER_EVIDENCE_MAX];
    uint32_t n_evidence;
};
// Why a definition holds: itself, what its own signal tells, then the signals that it looks at.
void router_qualify_defined(const struct router_core *core, const struct defined *definition,
                            const struct account *account, const struct subject *user,
                            struct reasons *out);

// decisions.c
struct router_decision *router_decision_add(struct router_core *core,
                                            struct router_effects *effects,
                                            enum router_decision_kind kind);
struct router_decision *router_decision_add_lead(struct router_core *core,
                                                 struct router_effects *effects,
                                                 const struct router_lead *lead,
                                                 enum router_step step, const char *reason);

// Why and when, for the decisions.
struct cause {
    int64_t at_ms, known_at_ms;
    struct span event_id;
};
// What made or joined a lead.
struct claim {
    const char *definition; // interned, as the label
    const char *label;
    const struct subject *user; // NULL: the account
    const struct reasons *reasons;
};

// settle.c: decides the group that was noted, if there is one.
void router_settle(struct router_core *core, struct router_effects *effects);
// After another playbook came into force: what it changes for every account.
void router_settle_playbook(struct router_core *core, struct router_effects *effects);

// routes.c
// A step that has its cause in signals.
struct router_decision *router_leads_decide(struct router_core *core,
                                            struct router_effects *effects,
                                            const struct router_lead *lead, enum router_step step,
                                            const char *reason, const struct cause *cause);
// The cause of what happens by itself or by a request: the clock.
struct cause router_leads_now(const struct router_core *core);
// Puts a lead that is in no state, with its contacts, where the first route that holds says; then
// experiments and who may be contacted decide whether it waits there.
void router_routes_place(struct router_core *core, struct router_lead *lead,
                         const struct account *home);
// A lead that was just put where it is (its decision was told): tells that it is parked or delayed,
// or takes it to the queue's team.
void router_routes_arrive(struct router_core *core, struct router_lead *lead,
                          const struct cause *cause, struct router_effects *effects);
// Reads the routes again for a lead that waits, or that is kept out of every queue until what comes
// changes that.
void router_leads_route_again(struct router_core *core, struct router_lead *lead,
                              const char *reason, const struct cause *cause,
                              struct router_effects *effects);
// A waiting lead that the team has let go of goes to another queue (PLAYBOOK_NONE: to none) and
// motion of the playbook; decides OVERFLOWED with the reason and what follows there.
void router_routes_overflow(struct router_core *core, struct router_lead *lead, enum motion motion,
                            int32_t queue, const char *reason, const struct cause *cause,
                            struct router_effects *effects);
// A parked lead goes back to its queue; decides REDRIVEN.
void router_routes_redrive(struct router_core *core, struct router_lead *lead, struct span by,
                           struct router_effects *effects);

// ready.c: the heaps of what can be leased, of queues and of reps. A ready lead has one live entry
// in its queue's heap and, with a rep, one in his; an entry is stale when the lead is not ready
// there with that rank. When most entries are stale the heap is built anew.
//
// After rep, not_before_ms or state of a lead have changed: puts it into the heaps, or counts it
// out. It can be leased when it waits, is not delayed and (in a queue with a team) has a rep.
void router_leads_ready(struct router_core *core, struct router_lead *lead);
// Before rank or queue change.
void router_leads_unready(struct router_lead *lead);
int64_t router_leads_rank(const struct router_core *core, const struct router_lead *lead);
// After another playbook: ranks, and with them the heaps.
void router_leads_rank_again(struct router_core *core);
// The next lead that can be leased (by this rep), taken off the heap; NULL: none.
struct router_lead *router_leads_take(struct router_core *core, struct router_queue *queue,
                                      struct desk *desk);
// Whose leads alone the consumer gets; NULL: any.
struct desk *router_leads_desk_of(const struct router_queue *queue, struct span consumer);

// leads.c
// Whether what comes next joins the lead: it waits, is handed out, or is kept out of every queue.
bool router_leads_open(const struct router_lead *lead); // NULL: false
// At the account's home; the claim's user is one of the account.
void router_leads_create(struct router_core *core, struct account *account,
                         const struct claim *claim, const struct cause *cause,
                         struct router_effects *effects);
// The same, after a lead of a route that says `first`: such routes are skipped.
void router_leads_create_after(struct router_core *core, struct account *account,
                               const struct claim *claim, const struct cause *cause,
                               struct router_effects *effects);
void router_leads_join(struct router_core *core, struct router_lead *lead,
                       const struct claim *claim, const struct cause *cause,
                       struct router_effects *effects);
// Nothing qualifies the account any more, or it has converted.
void router_leads_end(struct router_core *core, struct router_lead *lead, struct span reason,
                      const struct cause *cause, struct router_effects *effects);
// It is parked for a reason that signals can lift: no route, nobody who may be contacted.
bool router_leads_unrouted(const struct router_lead *lead);
void router_leads_hand_out(struct router_core *core, struct router_lead *lead, struct span consumer,
                           int64_t lease_ms, struct router_effects *effects);
// Ends a lease without an outcome: back to the queue, or parked after the last attempt.
void router_leads_return(struct router_core *core, struct router_lead *lead,
                         struct router_effects *effects);
// Takes a leased or acked lead from its consumer: it waits again. Nothing is told.
void router_leads_revoke(struct router_core *core, struct router_lead *lead);
void router_leads_park(struct router_core *core, struct router_lead *lead, const char *reason,
                       const struct cause *cause, const char *by, struct router_effects *effects);
// It is in no state, as one that is about to come to another queue.
void router_leads_uncount(struct router_lead *lead);
void router_leads_set_state(struct router_core *core, struct router_lead *lead,
                            enum router_lead_state state);
int64_t router_leads_lease_ms(const struct router_lead *lead, int64_t asked_ms);

// requests.c
// The lead, if the token is that of its last lease.
MUST_USE enum err router_requests_find(const struct router_core *core, struct span lead_id,
                                       struct span token, struct router_lead **out,
                                       struct err_info *info);
// CONFLICT: "it cannot be <verb>: the lead is ...".
enum err router_requests_wrong_state(const struct router_lead *lead, const char *verb,
                                     struct err_info *info);

// follow.c: the lead after one of a route that says `first`. Decides it if there is one to come.
void router_leads_follow(struct router_core *core, const struct router_lead *done,
                         struct router_effects *effects);

// due.c: everything of a lead that an instant brings. The heap `expiries` has for each lead an
// entry at timer_at_ms: one that comes early is put back at the true instant, and one whose key is
// not timer_at_ms is stale.
int64_t router_due_ms(const struct router_lead *lead); // INT64_MAX: nothing
// After any of the lead's instants, or its state, has changed.
void router_due_arm(struct router_core *core, struct router_lead *lead);

// teams.c. All may decide; `cause` as for leads.
// The lead has come to the queue of a team (made, routed, redriven, back): admits it, then gives it
// to a rep or holds it. The lead is WAITING. Without a team: no effect.
void router_teams_place(struct router_core *core, struct router_lead *lead,
                        const struct cause *cause, struct router_effects *effects);
// The lead left its rep's hands for good (it ended, was parked, or leaves the queue): frees the
// slot. credit: as if he never had it.
void router_teams_leave(struct router_core *core, struct router_lead *lead, bool credit);
// Takes it from its rep, with credit, and finds another; see UNASSIGNED.
void router_teams_reassign(struct router_core *core, struct router_lead *lead, const char *reason,
                           const struct cause *cause, struct router_effects *effects);
// Gives leads that wait to reps who can take one: after slots were freed, reps came, or a playbook.
void router_teams_fill(struct router_core *core, struct router_effects *effects);
// Its overflow is due.
void router_teams_overflow(struct router_core *core, struct router_lead *lead,
                           struct router_effects *effects);
// Fills once more at each such instant, while leads wait: when hours, absences or caps by time
// change who can take one. INT64_MAX: nobody waits, or nothing changes.
int64_t router_teams_next_ms(const struct router_core *core);
void router_teams_playbook(struct router_core *core, struct router_effects *effects);
struct crew *router_teams_crew(struct router_core *core, struct span name, bool add);
struct desk *router_teams_desk(struct crew *crew, struct span rep, bool add);
void router_teams_deinit(struct crew *crew); // with the memory of itself
// After every row has been put back.
bool router_teams_restored(struct router_core *core);
const struct rep_caps *router_teams_caps(const struct crew *crew, const struct desk *desk,
                                         struct rep_caps *room); // in force
int32_t router_teams_weight(const struct desk *desk);
const struct hours *router_teams_hours(const struct crew *crew, const struct desk *desk);
bool router_teams_removed(const struct desk *desk);
// What a condition of the team looks at, or its rank, has changed for a lead that stays in its
// queue: one that waits for a rep may be for another one now. Any other lead: no effect.
void router_teams_again(struct router_core *core, struct router_lead *lead,
                        const struct cause *cause, struct router_effects *effects);

// admit.c
// Notes a lead that came to the team, and whether its strength is admitted.
bool router_admit(struct router_core *core, struct crew *crew, const struct router_lead *lead);
// The outcome of one that came.
void router_admit_ended(struct router_core *core, struct crew *crew,
                        const struct router_lead *lead);

// sla.c
// It has a rep: sets touch_by_ms and sla_due_ms from assigned_at_ms and first_touch_ms on.
void router_sla_start(struct router_core *core, struct router_lead *lead);
void router_sla_stop(struct router_lead *lead); // touched, ended, without a rep
void router_sla_touched(struct router_core *core,
                        struct router_lead *lead); // the first Ack, Complete
void router_sla_due(struct router_core *core, struct router_lead *lead,
                    struct router_effects *effects);

// experiments.c
// Puts a new lead into the arms of the experiments that its account takes part in, once; true when
// one of them is a holdout. Messages and first-touch times of arms are set on the lead.
bool router_experiments_enter(struct router_core *core, struct router_lead *lead,
                              const struct account *home);
// Sets the arms' message and first-touch time over those of the route and the team.
void router_experiments_apply(struct router_core *core, struct router_lead *lead);
// The message that the lead has by its arms where the route says `message`.
const char *router_experiments_message(const struct router_core *core,
                                       const struct router_lead *lead, const char *message);
// Whether an experiment that the home takes part in now holds it out.
bool router_experiments_holds_out(const struct router_core *core, const struct account *home);

// organizations.c
// Around every change of a signal of a member of an organization, and of a fact: takes out what it
// said, and counts what it says now. The tallies change in between.
void router_organizations_before(struct router_core *core, struct account *account,
                                 const struct subject *subject, const struct held *held);
void router_organizations_after(struct router_core *core, struct account *account,
                                const struct subject *subject, const struct held *held);
// The account was heard of for the first time.
void router_organizations_born(struct router_core *core, struct account *account);
// A fact of the account or of one of its users has changed: finds its organization again, moves it
// (and those that follow it), and decides both sides.
void router_organizations_fact(struct router_core *core, struct account *account,
                               const struct cause *cause, struct router_effects *effects);
// What the playbook says of organizations, without deciding anything.
void router_organizations_learn(struct router_core *core);
// After another playbook: moves the accounts that belong elsewhere now.
void router_organizations_playbook(struct router_core *core, struct router_effects *effects);
bool router_organizations_restored(struct router_core *core); // derives who belongs to whom
void router_organizations_deinit(struct router_core *core);
// Of an account, or of an organization itself; valid as long as the core. "": none.
const char *router_organizations_key(const struct account *account);
// Whether a signal is true for some member.
bool router_organizations_has(const struct router_core *core, const struct account *organization,
                              int32_t signal);
// Whether the organization or one of its members, `beside` (or NULL) left out, qualifies.
bool router_organizations_qualifies(const struct router_core *core,
                                    const struct account *organization,
                                    const struct account *beside);
// The value of an account's fact; of an organization: of the first member that has one. NULL: none,
// or `fact` is PLAYBOOK_NONE.
const char *router_organizations_fact_of(const struct router_core *core,
                                         const struct account *account, int32_t fact);
// Of the account that brought the lead about, else of its organization.
const char *router_organizations_fact_of_lead(const struct router_core *core,
                                              const struct router_lead *lead, int32_t fact);

// contacts.c: who may be spoken to.
// A user: he, or his whole account. Without a user: the whole account; of an organization: every
// member.
bool router_contacts_barred(const struct router_core *core, const struct account *account,
                            const struct subject *user);
// Without a playbook's `consent`: everybody does.
bool router_contacts_consents(const struct router_core *core, const struct account *account,
                              const struct subject *user);
