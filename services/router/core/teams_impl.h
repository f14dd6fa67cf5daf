// SPDX-License-Identifier: Apache-2.0
// What the files of teams share: teams.c (a lead comes, goes, overflows), teams_link.c (playbooks,
// restoring), assign.c (who can take it, who gets it), fairness.c (counts and levels), held.c
// (leads that wait for a rep), rota.c (when reps work), rep_changes.c (operators), teams_view.c.
#pragma once

#include "services/router/core/hours.h"
#include "services/router/core/state.h"

// ---- What holds for a rep -----------------------------------------------------------------------

// What of a rep does not depend on the lead, at an instant.
struct look {
    // CHOSEN: he could take a lead of one unit; else INACTIVE, ABSENT, OFF_HOURS or a FULL_*.
    enum router_verdict base;
    uint32_t today, period;
    int32_t cap; // FULL_*: the bound that was met
};

// Derived of the playbook and of what an operator said.
struct desk_rules {
    bool removed, active;
    const char *takes; // interned; NULL: not known yet
    int32_t weight;
    // The same before the last change.
    bool was_removed;
    const char *took;
    int32_t weighed;
    int64_t remembered_ms; // assignments are remembered for so long
    uint32_t family;       // reps of the same `takes` are of one; only they are compared for levels
    int32_t takes_bit;     // in a kind's bits; NO_BIT: always
    struct rep_caps caps;
    int32_t when_bits[ROUTER_CAPS_WHEN_MAX]; // of caps.when
    int32_t n_when;
    // What the calendar says in [from, until).
    enum router_verdict calendar; // CHOSEN: he works
    int64_t calendar_from_ms, calendar_until_ms;
    struct look look;
};
enum { NO_BIT = -1 };

// What decides who can take a lead: leads of one kind are the same to every rep.
struct kind {
    int32_t units;
    uint32_t n_passed;
    const struct desk *passed[ROUTER_PASSED_MAX];
    const struct desk *owner; // of the account, one of the team
    uint64_t owner_only;
    uint64_t bits[]; // which of crew_held.conditions hold
};

// The leads of one kind that wait for a rep.
struct held_group {
    struct heap heap; // (rank, serial); entries that no longer hold are skipped
    uint64_t n;       // leads
    uint32_t place;   // in crew_held.groups
    struct kind *kind;
};

// Some rep of the team works.
struct team_shift {
    int64_t from_ms, to_ms;
};

struct crew_held {
    int32_t *conditions; // on which reps and caps differ, each once
    uint32_t n_conditions, conditions_cap;
    struct kind *kind; // of the lead in work
    size_t kind_bytes;
    struct held_group **groups;
    uint32_t n_groups, groups_cap;
    struct index index; // of groups, by kind
    struct heap since;  // (held_since_ms, serial); entries that no longer hold are skipped
    bool next_known;
    int64_t next_ms; // see router_teams_next_ms
    struct team_shift *shifts;
    uint32_t n_shifts, shifts_cap;
    int64_t shifts_from_ms, shifts_to_ms; // for this time shifts are known
};

// ---- rota.c -------------------------------------------------------------------------------------

const struct zone *rota_zone(const struct router_core *core, const struct hours *hours);
// CHOSEN, ABSENT or OFF_HOURS, and until when that holds.
enum router_verdict rota_at(const struct router_core *core, const struct crew *crew,
                            const struct desk *desk, int64_t at_ms, int64_t *until_ms);
// When so much of the rep's working time has passed; INT64_MAX: not within 400 days.
int64_t rota_after_ms(const struct router_core *core, const struct crew *crew,
                      const struct desk *desk, int64_t from_ms, int64_t working_ms);
// When so much time has passed in which some active rep of the team works; INT64_MAX: the same.
int64_t rota_team_after_ms(const struct router_core *core, struct crew *crew, int64_t from_ms,
                           int64_t working_ms);
void rota_forget(struct crew *crew); // calendars have changed
// The end of the operator's or playbook's absence that holds at the instant; 0: none does.
int64_t rota_absent_until_ms(const struct desk *desk, int64_t at_ms);

// ---- fairness.c ---------------------------------------------------------------------------------

// Looks at all reps: who could take a lead now, and who comes back at his level.
void fairness_look(struct router_core *core, struct crew *crew);
bool fairness_less(const struct desk *a, const struct desk *b); // assigned / weight
void fairness_assigned(struct crew *crew, struct desk *desk);
void fairness_credit(struct desk *desk);
void fairness_join(struct desk *desk); // he starts at the level
void fairness_weigh(struct crew *crew, struct desk *desk, int32_t before);

// ---- assign.c -----------------------------------------------------------------------------------

// What the caps and the calendar say of him at core->clock_ms (or at another instant).
void assign_look(const struct router_core *core, const struct crew *crew, const struct desk *desk,
                 int64_t now_ms, struct look *out);
// The kind of a lead; valid until the next call.
struct kind *assign_kind(struct router_core *core, struct crew *crew,
                         const struct router_lead *lead);
// After looks were taken. NULL: nobody can take it.
struct desk *assign_choose(const struct crew *crew, const struct kind *kind,
                           enum router_verdict *verdict);
// How each rep stands to a lead of the kind; `chosen` may be NULL. In the arena.
struct router_candidate *assign_candidates(const struct crew *crew, const struct kind *kind,
                                           const struct desk *chosen, enum router_verdict verdict,
                                           struct arena *arena, size_t *n);
// Gives a waiting lead that has no rep to him.
void assign_give(struct router_core *core, struct crew *crew, struct router_lead *lead,
                 struct desk *desk, enum router_verdict verdict, const struct kind *kind,
                 const struct cause *cause, struct router_effects *effects);
// Assignments of so long ago and later still count for a cap.
int64_t assign_remembered_ms(const struct rep_caps *caps);
void assign_put_on(struct router_core *core, struct desk *desk, struct router_lead *lead);
void assign_take_off(struct desk *desk, struct router_lead *lead);
// He never had the lead: it counts for no cap by time.
void assign_forget(struct desk *desk, uint64_t serial);
uint32_t assign_caps_when(const struct desk *desk, const struct kind *kind);

// ---- held.c -------------------------------------------------------------------------------------

void held_add(struct router_core *core, struct crew *crew, struct router_lead *lead,
              const struct kind *kind);
void held_remove(struct crew *crew, struct router_lead *lead);
// It begins to wait: held_since_ms is set.
void held_begins(struct router_core *core, struct crew *crew, const struct router_lead *lead);
int64_t held_oldest_ms(const struct router_core *core, const struct crew *crew); // INT64_MIN: none
// What decides their kinds, or their ranks, has changed.
void held_again(struct router_core *core, struct crew *crew);
// The first lead that somebody can take, after looks were taken; NULL: none. It stays there.
struct router_lead *held_first(struct router_core *core, struct crew *crew);
void held_deinit(struct crew *crew);

// ---- teams.c, teams_link.c ----------------------------------------------------------------------

struct crew *teams_of(const struct router_core *core, const struct router_lead *lead);
// Tells UNASSIGNED and takes the lead from its rep, whose credit is returned; it waits then.
// `passes`: he does not get it again. False: it has ended with that.
bool teams_unassign(struct router_core *core, struct router_lead *lead, const char *reason,
                    const char *by, bool passes, const struct cause *cause,
                    struct router_effects *effects);
// What the playbook and operators say of the crew's reps; `changed`: to something else than before.
void teams_learn(struct router_core *core, struct crew *crew, bool changed);
// Leads of reps who are removed or inactive go to others.
void teams_free(struct router_core *core, struct crew *crew, struct desk *desk, const char *by,
                struct router_effects *effects);
