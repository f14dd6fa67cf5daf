// SPDX-License-Identifier: Apache-2.0
// The core's memory, shared by the files of this folder and by rows.c, which stores and restores
// it. What is derived (indexes, heaps, counts, tallies) is built again by router_state_restored.
#pragma once

#include "common/base/heap.h"
#include "common/base/index.h"
#include "services/router/core/core.h"

#define STATE_NEVER INT64_MIN

// The last thing known of one signal of one subject.
struct held {
    const char *name; // interned
    bool value;
    bool ever;
    int64_t at_ms, known_at_ms;
    char *event_id;
    struct router_evidence *evidence; // one block with its texts; NULL while it is false
    uint32_t n_evidence;
};

// A user of an account, or (with the id "") the account itself.
struct subject {
    char *id;
    struct held *held;
    uint32_t n_held, held_cap;
    int64_t stage_at_ms[ROUTER_STAGES]; // STATE_NEVER: not qualified
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
    struct router_lead *lead;
    bool dirty;
};

struct router_queue {
    const char *name;
    const struct lead_queue *rules; // NULL: the playbook does not have it
    struct heap waiting;            // (-priority, serial); entries that no longer hold are skipped
    uint64_t counts[ROUTER_LEAD_STATES];
    uint64_t oldest_from; // no lead with a lower serial waits here
};

struct remembered {
    uint64_t number; // 0: the slot is free
    char *consumer;
    char *request_id;
    uint32_t n;
    uint64_t *leads;    // serials
    uint32_t *attempts; // of each then
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
    bool all_users;
    struct subject **touched;
    size_t n_touched, touched_cap;
};

struct router_core {
    struct playbook *playbook;
    const char *label;         // interned
    const char **signal_names; // [playbook.n_signals], interned
    int64_t clock_ms;
    uint64_t n_signals, last_decision;
    uint64_t n_stage[ROUTER_STAGES];

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
    struct heap expiries;          // (instant, serial); see leads.c
    struct remembered *remembered; // [ROUTER_REMEMBERED_MAX], slot number % MAX
    uint64_t last_remembered;
    struct index remembered_index;
    struct group group;

    // What has changed since rows took it last.
    uint32_t *dirty_accounts;
    size_t n_dirty_accounts, dirty_accounts_cap;
    uint64_t *dirty_leads;
    size_t n_dirty_leads, dirty_leads_cap;
};

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
// One block, or NULL when n is 0. At most ROUTER_EVIDENCE_MAX are kept.
struct router_evidence *router_state_evidence_copy(const struct router_evidence *items, size_t n,
                                                   uint32_t *n_out);
struct router_queue *router_state_queue(struct router_core *core, struct span name, bool add);
// Whether the playbook has it or leads are in it: a queue of an old playbook goes with its last
// lead.
bool router_state_queue_known(const struct router_queue *queue);
struct router_lead *router_state_lead_find(const struct router_core *core, struct span id);
// Gives it the next serial; the caller fills the rest.
struct router_lead *router_state_lead_add(struct router_core *core, struct account *account,
                                          const char *id);
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

// qualify.c
bool router_qualify_holds(const struct router_core *core, int32_t condition,
                          const struct account *account, const struct subject *user);
// The signals that make a condition true, with their evidence, appended to the lists.
struct reasons {
    const char *names[ROUTER_REASONS_MAX];
    uint32_t n_names;
    struct router_evidence evidence[ROUTER_EVIDENCE_MAX];
    uint32_t n_evidence;
};
void router_qualify_reasons(const struct router_core *core, int32_t condition,
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

// leads.c. `cause` is when and why, for the decisions.
struct cause {
    int64_t at_ms, known_at_ms;
    struct span event_id;
};
struct router_lead *router_leads_create(struct router_core *core, struct account *account,
                                        const struct subject *first, const struct reasons *reasons,
                                        const struct cause *cause, struct router_effects *effects);
void router_leads_add_contact(struct router_core *core, struct router_lead *lead,
                              const struct subject *user, const struct cause *cause,
                              struct router_effects *effects);
void router_leads_add_reasons(struct router_core *core, struct router_lead *lead,
                              const struct reasons *reasons);
// Reads the routes again for a lead that waits or that no route took.
void router_leads_route_again(struct router_core *core, struct router_lead *lead,
                              const char *reason, const struct cause *cause,
                              struct router_effects *effects);
bool router_leads_unrouted(const struct router_lead *lead);
void router_leads_hand_out(struct router_core *core, struct router_lead *lead, struct span consumer,
                           int64_t lease_ms, struct router_effects *effects);
// The next lead that waits, taken off the heap; NULL: none.
struct router_lead *router_leads_take(struct router_core *core, struct router_queue *queue);
// Ends a lease without an outcome: back to the queue, or parked after the last attempt.
void router_leads_return(struct router_core *core, struct router_lead *lead,
                         struct router_effects *effects);
void router_leads_set_state(struct router_core *core, struct router_lead *lead,
                            enum router_lead_state state);
// The lead's lease runs out at lease_until_ms: wakes tick by then.
void router_leads_arm(struct router_core *core, struct router_lead *lead);
int64_t router_leads_lease_ms(const struct router_lead *lead, int64_t asked_ms);
